/* SPDX-License-Identifier: MIT */
/* The partitions of a consumer, and how they are found. See claim.c. */
#ifndef KG_CLAIM_H
#define KG_CLAIM_H

#include "client-lib/c/include/kgroup.h"
#include "client-lib/c/src/index.h"
#include "proto/batch.h"

#include <stdbool.h>
#include <sys/queue.h>

struct block;
struct kg_partition;

enum claim_state {
	CLAIM_HELD,
	CLAIM_RELEASING, /* RELEASE came: marks count, messages do not */
	CLAIM_ORPHAN,	 /* its connection is gone: marks are kept for RESUME */
	CLAIM_RESUMED,	 /* RESUME told them: marks are stale from here */
};

/* The highest mark of one kind. */
struct mark_slot {
	int64_t offset; /* -1: none */
	char *metadata; /* owned, NUL-terminated; NULL: none */
	bool dirty;	/* the daemon has not heard of it on this connection */
};

/* Messages of a paused claim, copied out of the receive blocks. Their credit was returned. */
struct aside {
	STAILQ_ENTRY(aside) link;
	struct kgp_batch_reader reader;
	uint64_t epoch, taken_us;
	struct block *block; /* one reference */
};

struct claim {
	uint32_t handle; /* ours, in messages: never used again, whatever the connection */
	uint32_t id;	 /* the daemon's, on this connection */
	enum claim_state state;
	bool paused, told_paused; /* told: what the daemon knows */
	bool done_due, done_sent;
	bool close_due, close_sent;	/* the application gives it back */
	struct kg_partition *partition; /* its handle, in partitions mode; not owned */
	uint64_t epoch;
	int64_t handed;	       /* offset of the last message handed out in this epoch; -1: none */
	struct mark_slot sure; /* marks up to handed: in range, so only the highest matters */
	struct mark_slot
		far;	 /* marks beyond it: the daemon may refuse one, so none hides another */
	int64_t settled; /* what was marked before a reset moved the marks back; -1: none */
	bool listed, waiting; /* in claims.dirty, in claims.resumed */
	TAILQ_ENTRY(claim) dirty_link;
	TAILQ_ENTRY(claim) resumed_link;
	STAILQ_HEAD(, aside) aside; /* owned */
	struct kg_claim public;	    /* its metadata is owned */
};

TAILQ_HEAD(claim_queue, claim);

struct topic {
	SLIST_ENTRY(topic) link;
	char name[];
};

struct claims {
	struct claim **all;    /* owned, sorted by topic and partition */
	struct kg_claim *view; /* owned; room for all */
	size_t n, cap;
	uint32_t last_handle;
	struct index by_handle, by_id;
	struct claim_queue dirty;   /* what is to be told: marks, pauses, done */
	struct claim_queue resumed; /* not paused any more, with messages set aside */
	SLIST_HEAD(, topic) topics; /* owned: names live as long as the consumer */
};

void claims_init(struct claims *cs);
void claims_deinit(struct claims *cs);

const char *claims_topic(struct claims *cs, struct kgp_bytes name); /* NULL: no memory */
int claims_add(struct claims *cs, const struct kgp_assign *a,
	       struct claim **out);			    /* or -ENOMEM, -EEXIST */
void claims_remove(struct claims *cs, struct claim *claim); /* frees it */
struct claim *claims_find(const struct claims *cs, const char *topic, int32_t partition);
size_t claims_view(struct claims *cs);

void claims_orphan(struct claims *cs, bool resumed_are_settled);

/* Puts a claim on the dirty list, once. */
static inline void claims_touch(struct claims *cs, struct claim *claim)
{
	if (claim->listed)
		return;
	claim->listed = true;
	TAILQ_INSERT_TAIL(&cs->dirty, claim, dirty_link);
}

static inline void claims_untouch(struct claims *cs, struct claim *claim)
{
	if (claim->listed)
		TAILQ_REMOVE(&cs->dirty, claim, dirty_link);
	claim->listed = false;
}

void claims_set_waiting(struct claims *cs, struct claim *claim, bool waiting);
void claim_drop_aside(struct claims *cs, struct claim *claim);

/* Whether something handed out is not marked. */
static inline bool claim_is_outstanding(const struct claim *claim)
{
	return claim->handed > claim->sure.offset && claim->handed > claim->far.offset &&
	       claim->handed > claim->settled;
}

#endif
