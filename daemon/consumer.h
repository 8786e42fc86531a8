/* SPDX-License-Identifier: MIT */
/* A local process's subscription to a group over one connection. See consumer.c. */
#ifndef CONSUMER_H
#define CONSUMER_H

#include "daemon/core/credit.h"
#include "daemon/notice.h"
#include "proto/settings.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct claim;
struct connection;
struct group;
struct pattern;

TAILQ_HEAD(claims, claim);

struct consumer {
	TAILQ_ENTRY(consumer) link;	 /* of group->consumers, by id */
	TAILQ_ENTRY(consumer) pump_link; /* of daemon->pump */
	struct group *group;
	struct connection *connection; /* which owns it */
	uint8_t id[KGP_ID_BYTES];
	char **topics; /* owned, sorted, each once; named, and matched by its pattern */
	size_t n_topics;
	struct pattern *pattern;      /* owned; NULL: none */
	struct kgp_settings settings; /* its own: mode, dwell, events */
	struct credit credit;	      /* of all claims; in partitions mode each has its own */
	struct notice notice;	      /* of a rebalance */
	struct claims claims;	      /* owned */
	struct claim *claim_table;    /* of them, by id */
	struct claims runnable;	      /* of them: may have messages; round robin */
	uint32_t last_claim;	      /* ids are never used again */
	uint32_t n_claims;
	size_t resume_bytes;	/* of its RESUMEs that wait */
	uint32_t n_waiting;	/* COMMIT and CLOSE that are not answered yet */
	uint32_t close_request; /* CLOSE waits for the final commit; 0: none */
	bool ready;		/* RESUME_END came: may be given claims */
	bool closing;
	bool pumped;		   /* on daemon->pump */
	bool stalled;		   /* quota or memory refused a message: tried again by the tick */
	uint64_t n_errors_dropped; /* ERROR events that did not fit the output */
	uint64_t opened_us, delivered_messages, delivered_bytes;
};

/* topics are copied. NULL: no memory. */
struct consumer *consumer_new(struct connection *connection, struct group *g, const uint8_t *id,
			      const struct kgp_settings *settings, struct kgp_list topics);
struct consumer *consumer_free(struct consumer *c); /* its claims end, its group distributes anew */

struct claim *consumer_find_claim(struct consumer *c, uint64_t id);
bool consumer_subscribes(const struct consumer *c, const char *topic);
bool consumer_may_send(const struct consumer *c); /* credit, room, nothing refused a message */
void consumer_wake(struct consumer *c);		  /* credit, output room or messages came */
void consumer_send_state(struct consumer *c);
void consumer_send_error(struct consumer *c, unsigned code, const char *context, const char *topic,
			 int32_t partition, const char *text);

#endif
