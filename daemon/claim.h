/* SPDX-License-Identifier: MIT */
/* A partition held by a consumer, from ASSIGN to RELEASED. See claim.c. */
#ifndef CLAIM_H
#define CLAIM_H

#include "daemon/core/credit.h"
#include "daemon/core/quota.h"
#include "daemon/hash.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct consumer;
struct event;
struct partition;

enum claim_state { CLAIM_LIVE, CLAIM_RELEASING };

struct claim {
	TAILQ_ENTRY(claim) link;     /* of consumer->claims */
	TAILQ_ENTRY(claim) run_link; /* of consumer->runnable */
	UT_hash_handle hh;	     /* of consumer->claim_table, by id */
	struct consumer *consumer;
	struct partition *partition;
	uint32_t id;	/* on the wire */
	uint64_t epoch; /* of its messages */
	enum claim_state state;
	const char *reason;	       /* of its release; static */
	struct event *dwell_timer;     /* owned; while releasing */
	struct credit credit;	       /* in partitions mode */
	struct quota_charge in_flight; /* messages sent and not marked */
	bool runnable;		       /* on consumer->runnable */
	bool paused;		       /* by the consumer */
	bool unannounced;	       /* NOTIFY comes before its first message */
	bool blocked;		       /* stands at a message that cannot be sent to this client */
};

struct claim *claim_new(struct consumer *c,
			struct partition *p); /* sends ASSIGN; NULL: no memory */
void claim_set_runnable(struct claim *claim); /* its partition may have messages */
void claim_unset_runnable(struct claim *claim);
struct credit *claim_get_credit(struct claim *claim); /* its own, or its consumer's */
void claim_count_in_flight(struct claim *claim);      /* something was sent or marked */
void claim_seek(struct claim *claim, int64_t offset, const char *reason); /* a new epoch there */
void claim_send_epoch(struct claim *claim, const char *reason); /* its partition has a new one */
void claim_release(struct claim *claim, uint32_t dwell_ms, const char *reason);
void claim_end(struct claim *claim, const char *reason); /* frees it; the partition is nobody's */

#endif
