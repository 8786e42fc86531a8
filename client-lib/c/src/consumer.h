/* SPDX-License-Identifier: MIT */
/* The consumer's parts, shared by the files that implement it. See consumer.c. */
#ifndef KG_CONSUMER_H
#define KG_CONSUMER_H

#include "client-lib/c/include/kgroup.h"
#include "client-lib/c/src/claim.h"
#include "client-lib/c/src/connection.h"
#include "client-lib/c/src/credit.h"
#include "client-lib/c/src/delivery.h"
#include "client-lib/c/src/event.h"
#include "client-lib/c/src/fork_guard.h"
#include "client-lib/c/src/options.h"
#include "client-lib/c/src/request.h"

/* How far the connection has come. */
enum session_state {
	SESSION_DOWN,	  /* none */
	SESSION_GREETING, /* HELLO is on its way */
	SESSION_OPENING,  /* OPEN is on its way, with what is to be resumed */
	SESSION_OPEN,
};

struct kg_consumer {
	/* what every call looks at */
	struct fork_guard guard;
	int ended; /* KG_OK, or what receiving answers for ever: KG_ERR_CLOSED or the error that
		      ended us */
	struct delivery delivery;
	struct credit credit;
	struct claims claims;
	uint64_t n_stale; /* marks that came too late */

	/* the conversation */
	struct connection connection;
	enum session_state session;
	bool accepted; /* the daemon took us once: from then on the library reconnects */
	bool closing;  /* kg_consumer_close() has begun: nothing is asked for any more */
	bool closed;
	bool out_of_memory;    /* the last turn could not finish: the next one tries again */
	uint64_t turned_ms;    /* when the socket had its last turn, by the coarse clock */
	int dial_errno;	       /* why there is no connection; 0: it broke */
	uint32_t back_ms;      /* when the daemon said to come back */
	uint32_t open_request; /* of the OPEN on this connection */
	struct requests requests;

	/* what the application is told */
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

/* The same for calls that act: an ended consumer is closed for them. */
static inline int consumer_check_open(const struct kg_consumer *c)
{
	int r = consumer_check(c);

	return r && r != KG_ERR_ARGUMENT && r != KG_ERR_FORKED ? KG_ERR_CLOSED : r;
}

void consumer_set_state(struct kg_consumer *c, enum kg_state state, struct kgp_bytes text);

/* Ends it for good with the code of c->error, which the caller has set; answers the code. */
int consumer_end(struct kg_consumer *c, int code);

#endif
