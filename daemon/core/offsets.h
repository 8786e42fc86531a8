/* SPDX-License-Identifier: MIT */
/* The offsets of one owned partition: what is marked, what will be committed. See offsets.c. */
#ifndef OFFSETS_H
#define OFFSETS_H

#include "proto/buf.h"
#include "proto/errors.h"

#include <stdbool.h>
#include <stdint.h>

struct offsets {
	uint64_t epoch;	       /* of the claim that may mark; 0: none */
	uint64_t barrier;      /* epoch of the last reset or seek of this run; 0: none */
	int64_t mark;	       /* highest offset that is done; -1: none */
	int64_t resume;	       /* where the next claim starts; -1: not known, by initial.offset */
	int64_t popped;	       /* highest offset taken from Kafka in this epoch; -1: none */
	int64_t sent;	       /* highest offset sent to the holder in this epoch; -1: none */
	int64_t pending;       /* value to commit; -1: nothing to commit */
	int64_t committing;    /* value in flight; -1: none */
	int64_t committed;     /* value that Kafka has; -1: none */
	bool was_reset;	       /* the last change was a reset: do not move past control records */
	bool committing_stale; /* mark or metadata changed to the same value while in flight */
	char *metadata;	       /* to commit; owned; NULL: none */
	char *committed_metadata; /* that Kafka has, or in flight; owned; NULL: none */
};

void offsets_init(struct offsets *o);
void offsets_deinit(struct offsets *o);

int offsets_load(struct offsets *o, int64_t committed, struct kgp_bytes metadata); /* 0, -ENOMEM */
void offsets_begin(struct offsets *o, uint64_t epoch); /* a claim starts at o->resume */
void offsets_end(struct offsets *o);		       /* no claim: every mark is stale */
void offsets_seek(struct offsets *o, uint64_t epoch, int64_t target);
void offsets_on_popped(struct offsets *o, int64_t offset);
void offsets_on_sent(struct offsets *o, int64_t offset);
void offsets_on_position(struct offsets *o, int64_t position);

/* enum kgp_verdict, or -ENOMEM. end: end of the log, INT64_MAX if nobody knows. metadata.data may
 * be NULL. */
int offsets_mark(struct offsets *o, uint64_t epoch, int64_t offset, struct kgp_bytes metadata,
		 int64_t end);
int offsets_reset(struct offsets *o, uint64_t epoch, int64_t offset, struct kgp_bytes metadata);
int offsets_resume(struct offsets *o, uint64_t epoch, int64_t offset, int64_t committed,
		   struct kgp_bytes metadata);

bool offsets_commit_begin(
	struct offsets *o); /* true: o->committing and o->committed_metadata go to Kafka */
void offsets_commit_end(struct offsets *o, bool ok);
bool offsets_is_clean(const struct offsets *o); /* nothing to commit and nothing in flight */
bool offsets_is_done(const struct offsets *o);	/* everything that was sent is marked */

#endif
