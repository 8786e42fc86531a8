/* SPDX-License-Identifier: MIT */
/* The consumer's parts, shared by the files that implement it. See consumer.c. */
#ifndef KG_CONSUMER_H
#define KG_CONSUMER_H

#include "client-lib/c/include/kgroup.h"
#include "client-lib/c/src/claim.h"
#include "client-lib/c/src/client.h"
#include "client-lib/c/src/credit.h"
#include "client-lib/c/src/delivery.h"
#include "client-lib/c/src/event.h"

struct partitions;

struct kg_consumer {
	/* what every call looks at */
	struct fork_guard guard; /* the client's */
	int ended; /* KG_OK, or what receiving answers for ever: KG_ERR_CLOSED or the error that
		      ended us */
	struct partitions *partitions; /* owned; in partitions mode; else NULL */
	struct delivery delivery;
	struct credit credit;
	struct claims claims;
	uint64_t n_stale;		  /* marks that came too late */
	uint64_t n_resets, n_resets_sure; /* said; committed, or told to be lost */
	bool resets_lost;		  /* the connection went before they were committed */

	/* the conversation */
	struct kg_client *client; /* one reference */
	bool accepted;		  /* the daemon took us once: from then on the library reconnects */
	bool closing;		  /* kg_consumer_close() has begun: nothing is asked for any more */
	bool closed;
	uint32_t open_request; /* of the OPEN on this connection */
	struct requests requests;

	/* what the application is told */
	struct kg_high *high; /* owned; the last high water marks */
	struct events events;
	enum kg_state state;
	char state_text[512];
	struct kg_error error;

	/* what it was opened with */
	struct kg_options *options; /* owned */
	char *group;		    /* owned */
	struct kgp_name *topics;    /* owned, and so are their bytes */
	uint32_t n_topics;
	uint8_t id[KGP_ID_BYTES];
};

static inline bool consumer_is_forked(const struct kg_consumer *c)
{
	return fork_guard_forked(&c->guard);
}

/* Why a receiving call cannot go on, or 0; the first is for NULL, a forked child and the end. */
static inline int consumer_check(const struct kg_consumer *c)
{
	if (!c)
		return KG_ERR_ARGUMENT;
	return consumer_is_forked(c) ? KG_ERR_FORKED : c->ended;
}

/* The same for calls that act: a consumer that ended, or is being closed, is closed for them. */
static inline int consumer_check_open(const struct kg_consumer *c)
{
	int r = consumer_check(c);

	if (!r && c->closing)
		return KG_ERR_CLOSED;
	return r && r != KG_ERR_ARGUMENT && r != KG_ERR_FORKED ? KG_ERR_CLOSED : r;
}

void consumer_set_state(struct kg_consumer *c, enum kg_state state, struct kgp_bytes text);

/* Ends it for good with the code of c->error, which the caller has set; answers the code. */
int consumer_end(struct kg_consumer *c, int code);

int consumer_close(struct kg_consumer *c);    /* as kg_consumer_close() */
void consumer_give_up(struct kg_consumer *c); /* says what it can, waits for nothing, ends it */

int consumer_not_held(struct kg_consumer *c, const char *topic, int32_t partition); /* NO_CLAIM */

/* The connection is its no more: closed as agreed, or refused. */
void consumer_detach(struct kg_consumer *c);

#endif
