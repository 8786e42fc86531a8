/* SPDX-License-Identifier: MIT */
/* The offsets of one owned partition: what is marked, what will be committed. See offsets.c. */
#ifndef OFFSETS_H
#define OFFSETS_H

#include "proto/buf.h"
#include "proto/errors.h"

#include <stdbool.h>
#include <stdint.h>

struct offsets {
	uint64_t epoch;	     /* of the claim that may mark; 0: none */
	uint64_t last_epoch; /* highest that was given here, to a claim or a seek */
	uint64_t barrier;    /* lowest epoch whose RESUME counts: resets and seeks void the rest */
	int64_t mark;	     /* highest offset that is done; -1: none */
	int64_t value;	     /* mark + 1 or the position past control records; -1: nothing was ever
			      * committed, marked or sought */
	int64_t resume;	     /* where the next claim starts; -1: not known, by initial.offset */
	int64_t popped;	     /* highest offset taken from Kafka in this epoch; -1: none */
	int64_t sent;	     /* highest offset sent to the holder in this epoch; -1: none */
	uint64_t n_held;     /* messages sent in this epoch and not marked */
	int64_t held_from;   /* they lie between this and sent */
	int64_t pending;     /* value to commit; -1: nothing to commit */
	int64_t committing;  /* value in flight; -1: none */
	int64_t committed;   /* value that Kafka has; -1: none */
	bool was_reset;	     /* a reset is not yet committed: do not move past control records */
	bool committing_stale; /* mark or metadata changed, maybe to the same value, in flight */

	/* Owned copies with a NUL behind them, NULL: none. Text may have a NUL inside, so take them
	 * from offsets_get_...metadata(). */
	char *metadata;		  /* of the last mark or reset */
	char *committed_metadata; /* in flight while a commit is, else what Kafka has */
	char *replaced_metadata;  /* what Kafka has while a commit is in flight */
	size_t metadata_bytes, committed_metadata_bytes, replaced_metadata_bytes;
};

void offsets_init(struct offsets *o);
void offsets_deinit(struct offsets *o);

/* What Kafka has, once, after init; any negative offset: nothing. 0, -ENOMEM. If it is out of the
 * log, seek: marks below it would be ignored. */
int offsets_load(struct offsets *o, int64_t committed, struct kgp_bytes metadata);
/* Epochs are above all that were given before, to claims and seeks. */
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
int offsets_reset(struct offsets *o, uint64_t epoch, int64_t offset, struct kgp_bytes metadata,
		  int64_t end);
int offsets_resume(struct offsets *o, uint64_t epoch, int64_t offset, int64_t committed,
		   struct kgp_bytes metadata);

bool offsets_commit_begin(struct offsets *o); /* false: nothing to send, or no memory for now */
void offsets_commit_end(struct offsets *o, bool ok); /* exactly once after a true begin */
struct kgp_bytes offsets_get_metadata(const struct offsets *o);		   /* of o->pending */
struct kgp_bytes offsets_get_committing_metadata(const struct offsets *o); /* of o->committing */
struct kgp_bytes offsets_get_committed_metadata(const struct offsets *o);  /* of o->committed */
bool offsets_is_clean(const struct offsets *o); /* nothing to commit and nothing in flight */
bool offsets_is_done(const struct offsets *o);	/* everything that was sent is marked */
uint64_t offsets_get_in_flight(const struct offsets *o); /* messages sent and not marked */

#endif
