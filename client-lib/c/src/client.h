/* SPDX-License-Identifier: MIT */
/* A connection to the daemon whose consumer comes and goes. See client.c. */
#ifndef KG_CLIENT_H
#define KG_CLIENT_H

#include "client-lib/c/include/kgroup.h"
#include "client-lib/c/src/connection.h"
#include "client-lib/c/src/fork_guard.h"
#include "client-lib/c/src/options.h"
#include "client-lib/c/src/request.h"
#include "client-lib/c/src/sharing.h"

/* How far the connection has come. */
enum session_state {
	SESSION_DOWN,	  /* none */
	SESSION_GREETING, /* HELLO is on its way */
	SESSION_READY,	  /* welcome, and no consumer */
	SESSION_OPENING,  /* OPEN is on its way, with what is to be resumed */
	SESSION_OPEN,
};

struct kg_client {
	unsigned n_refs; /* handles: the application's, and each of its consumers */
	bool is_private; /* made for one consumer, and no longer needed than that */
	struct fork_guard guard;
	struct sharing *sharing;      /* owned; of several threads, in partitions mode; else NULL */
	struct kg_consumer *consumer; /* not owned; NULL: the connection has none */

	/* the conversation */
	struct connection connection;
	enum session_state session;
	unsigned features;  /* that the daemon named in WELCOME; bit: enum kgp_feature */
	bool welcomed;	    /* the daemon took us once: from then on the library reconnects */
	bool out_of_memory; /* the last turn could not finish: the next one tries again */
	uint64_t turned_ms; /* when the socket had its last turn, by the coarse clock */
	int dial_errno;	    /* why there is no connection; 0: it broke */
	uint32_t back_ms;   /* when the daemon said to come back */
	uint32_t last_request;
	struct requests requests; /* the client's own; a consumer has its own too */

	char trouble[512];     /* why there is no connection, for people */
	struct kg_error error; /* of the conversation; a consumer's calls copy it */

	struct kg_options *options;   /* owned */
	struct option_values *values; /* owned; NULL in a private one */
	void *answer;		      /* owned; to the last question */
	bool closed;
};

struct kg_client *client_new(const struct kg_options *options); /* one reference, or NULL */
int client_equip(struct kg_client *k); /* what the system gives: 0 or an error in k->error */
void client_unref(struct kg_client *k);

static inline bool client_is_forked(const struct kg_client *k)
{
	return fork_guard_forked(&k->guard);
}

/* Why a call on it cannot be, or 0. */
static inline int client_check(const struct kg_client *k)
{
	if (!k)
		return KG_ERR_ARGUMENT;
	if (client_is_forked(k))
		return KG_ERR_FORKED;
	return k->closed ? KG_ERR_CLOSED : KG_OK;
}

/* Takes turns until is_there() or open.timeout of o: 0, or why not. */
int client_wait(struct kg_client *k, const struct kg_options *o,
		bool (*is_there)(const struct kg_client *k));

#endif
