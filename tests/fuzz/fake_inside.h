/* SPDX-License-Identifier: MIT */
/* What the parts of the cluster in memory share. See fake_cluster.c. */
#ifndef FAKE_INSIDE_H
#define FAKE_INSIDE_H

#include "daemon/helper.h"
#include "daemon/kafka.h"
#include "tests/fuzz/fake_kafka.h"

#include <sys/queue.h>

enum {
	FAKE_HOLD_US = 1000000, /* a seek after an assign is lost for so long */
	FAKE_STOP_US = 500000,	/* until a fetcher that was stopped has stopped */
};

enum kind {
	ASSIGN,
	REVOKE,
	COMMIT,
	CLOSED,
	FAILURE,
	QUERY, /* from here: of the helper */
	QUERY_COMMITTED,
	QUERY_TOPICS,
	QUERY_PARTITIONS,
	FREE
};

/* What the daemon will hear. */
struct answer {
	TAILQ_ENTRY(answer) link;
	enum kind kind;
	enum outcome outcome;
	bool ready; /* it has come, and the daemon was woken */
	struct kafka *k;
	struct kafka_tp *list; /* owned, with its texts */
	size_t n;
	uint32_t places; /* of ASSIGN, REVOKE */
	uint64_t number;
	unsigned ask, class;
	helper_done_fn *done;
	void *owner;
	struct helper *helper;
};

struct fetcher {
	struct kafka_queue *queue;
	bool told, off, paused, consumed, failed; /* failed: its error is in the queue */
	bool assigned;				  /* and not yet stopped by an answer */
	uint64_t stopped_us;			  /* 0: never */
	int64_t position, fetched;		  /* next to be taken; end of what was fetched */
	uint64_t deaf_until_us;			  /* seeks are lost */
};

struct kafka {
	TAILQ_ENTRY(kafka) link;
	const struct kafka_handler *handler;
	void *owner;
	int fd, group; /* group -1: a light handle, of none */
	bool cooperative, freeing, closing, closed, changed, lost;
	uint32_t subscribed;	 /* topics, as bits */
	uint32_t owned, revoked; /* revoked: of the event that waits for its answer */
	enum { OWES_NOTHING, OWES_ASSIGN, OWES_REVOKE } owes;
	bool told; /* the event was handed out, the daemon owes us an answer */
	struct fetcher fetchers[N_PLACES];
	uint32_t listed; /* places whose queue became non-empty */
};

struct kafka_queue {
	struct kafka *k;
	int place;
	void *owner;
};

TAILQ_HEAD(fake_handles, kafka);
TAILQ_HEAD(fake_answers, answer);

extern struct fake_handles fake_handles;
extern struct fake_answers fake_answers;
extern unsigned fake_n_objects; /* that were made and not freed */

/* Answers: of k's they wait, or come at once. */
struct answer *answer_new(enum kind kind, struct kafka *k, const struct kafka_tp *list, size_t n);
void answer_free(struct answer *a);
void answer_make_ready(struct answer *a, enum outcome outcome);

/* The group: the next event of a rebalance, when the last one was answered. */
void handle_go_on(struct kafka *k);
struct kafka *handle_find(int group);

int64_t fetcher_repeat(int place, int64_t offset); /* where it really starts */
void fetcher_start(struct kafka *k, const struct kafka_tp *tp);
void fetchers_stop(struct kafka *k, uint32_t places);	  /* they give nothing more */
void fetchers_unassign(struct kafka *k, uint32_t places); /* for good */
void fetcher_fetch(struct kafka *k, int place, int64_t n);
uint32_t places_of(const struct kafka_tp *list, size_t n);

void helper_wake(struct helper *h); /* it has results */

#endif
