/* SPDX-License-Identifier: MIT */
/*
 * Offsets of one owned partition.
 *
 * Owns the marks of the claims that held the partition since this daemon owns it, one after
 * another: the highest mark, the value to commit and the one in flight, with their metadata. A
 * partition outlives its claims, so this does too; the epoch says whose marks count, and epochs
 * only rise, over claims as well. Invariants: a commit is mark + 1, or the position past control
 * records when everything taken was sent and marked; only a reset or a seek moves the value
 * backward, past control records too; at most one commit is in flight, a mark made meanwhile is
 * kept for the next, and a failed one leaves what Kafka had. Offsets have gaps: nothing here waits
 * for "the next number". Called by partition.c. It never talks to Kafka or a client.
 */
#include "daemon/core/offsets.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

void offsets_init(struct offsets *o)
{
	*o = (struct offsets){
		.mark = -1,
		.value = -1,
		.resume = -1,
		.popped = -1,
		.sent = -1,
		.pending = -1,
		.committing = -1,
		.committed = -1,
	};
}

void offsets_deinit(struct offsets *o)
{
	if (!o)
		return;
	free(o->metadata);
	free(o->committed_metadata);
	free(o->replaced_metadata);
	offsets_init(o);
}

/* Replaces a text by a copy of bytes; nothing changes when there is no memory. */
static int set_text(char **text, size_t *text_bytes, struct kgp_bytes bytes)
{
	char *copy = NULL;

	if (bytes.data) {
		copy = malloc(bytes.size + 1);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, bytes.data, bytes.size);
		copy[bytes.size] = 0;
	}
	free(*text);
	*text = copy;
	*text_bytes = copy ? bytes.size : 0;
	return 0;
}

int offsets_load(struct offsets *o, int64_t committed, struct kgp_bytes metadata)
{
	if (committed < 0)
		return 0;
	if (set_text(&o->committed_metadata, &o->committed_metadata_bytes, metadata))
		return -ENOMEM;
	o->committed = o->value = o->resume = committed;
	o->mark = committed - 1;
	return 0;
}

/* Nothing was sent of this epoch, which begins behind an offset. */
static void hold_nothing(struct offsets *o, int64_t behind)
{
	o->popped = o->sent = -1;
	o->n_held = 0;
	o->held_from = behind;
}

void offsets_begin(struct offsets *o, uint64_t epoch)
{
	assert(epoch > o->last_epoch && o->resume >= 0);
	o->epoch = o->last_epoch = epoch;
	hold_nothing(o, o->resume - 1);
}

void offsets_end(struct offsets *o)
{
	hold_nothing(o, -1);
	o->epoch = 0;
}

/* Without a claim it counts for the next one: nobody may mark until that begins. */
void offsets_seek(struct offsets *o, uint64_t epoch, int64_t target)
{
	assert(epoch > o->last_epoch && target >= 0);
	if (o->epoch)
		o->epoch = epoch;
	o->last_epoch = o->barrier = epoch;
	o->mark = target - 1;
	o->value = o->resume = target;
	hold_nothing(o, target - 1);
}

void offsets_on_popped(struct offsets *o, int64_t offset)
{
	if (offset > o->popped)
		o->popped = offset;
}

void offsets_on_sent(struct offsets *o, int64_t offset)
{
	if (offset > o->sent)
		o->sent = offset;
	o->n_held += offset > o->mark; /* a mark may lie ahead of what was sent */
}

/*
 * A mark lets go of what was sent up to it. Where the log has no gaps that is exact; where it has,
 * the messages are taken to lie evenly, because to remember each would cost memory for what is in
 * flight. It is never less than one while the last is not marked, and 0 when it is. A reset gives
 * nothing back: the holder has that no more.
 */
static void let_go(struct offsets *o, int64_t mark)
{
	uint64_t span, left;

	if (mark >= o->sent) {
		o->n_held = 0;
		o->held_from = mark;
	} else if (o->n_held && mark > o->held_from) {
		span = (uint64_t)(o->sent - o->held_from);
		left = (uint64_t)(o->sent - mark);
		if (o->n_held >= span)
			o->n_held = left;
		else
			o->n_held = 1 + (uint64_t)((double)o->n_held * (double)left / (double)span);
		o->held_from = mark;
	}
}

/* Control records of transactions make no message: without this the lag would never reach 0. */
void offsets_on_position(struct offsets *o, int64_t position)
{
	if (o->was_reset || o->popped < 0 || o->mark != o->popped || o->sent != o->popped)
		return;
	if (position <= o->value)
		return;
	o->pending = o->value = o->resume = position;
}

static int accept(struct offsets *o, int64_t offset, struct kgp_bytes metadata)
{
	if (set_text(&o->metadata, &o->metadata_bytes, metadata))
		return -ENOMEM;
	let_go(o, offset);
	o->mark = offset;
	o->pending = o->value = o->resume = offset + 1;
	o->committing_stale = true;
	o->was_reset = false;
	return KGP_VERDICT_ACCEPTED;
}

int offsets_mark(struct offsets *o, uint64_t epoch, int64_t offset, struct kgp_bytes metadata,
		 int64_t end)
{
	if (!o->epoch || epoch != o->epoch)
		return KGP_VERDICT_STALE;
	if (offset < 0 || offset >= end)
		return KGP_VERDICT_OUT_OF_RANGE;
	if (offset < o->value)
		return KGP_VERDICT_IGNORED;
	return accept(o, offset, metadata);
}

/* The value of INT64_MAX cannot be said. */
static bool is_offset(int64_t offset)
{
	return offset >= 0 && offset < INT64_MAX;
}

int offsets_reset(struct offsets *o, uint64_t epoch, int64_t offset, struct kgp_bytes metadata,
		  int64_t end)
{
	int r;

	if (!o->epoch || epoch != o->epoch)
		return KGP_VERDICT_STALE;
	if (!is_offset(offset))
		return KGP_VERDICT_OUT_OF_RANGE;
	if (o->value >= 0 && offset > o->mark)
		return KGP_VERDICT_IGNORED;
	if (offset >= end)
		return KGP_VERDICT_OUT_OF_RANGE;
	r = accept(o, offset, metadata);
	if (r)
		return r;
	o->was_reset = true;
	o->barrier = o->epoch + 1;
	return r;
}

/* A seek has its own epoch, a reset has not: no RESUME of that epoch says if its mark came after.
 */
int offsets_resume(struct offsets *o, uint64_t epoch, int64_t offset, int64_t committed,
		   struct kgp_bytes metadata)
{
	if (epoch < o->barrier || o->committed < committed)
		return KGP_VERDICT_STALE;
	if (!is_offset(offset))
		return KGP_VERDICT_OUT_OF_RANGE;
	if (offset < o->value)
		return KGP_VERDICT_IGNORED;
	return accept(o, offset, metadata);
}

bool offsets_commit_begin(struct offsets *o)
{
	char *text = NULL;
	size_t text_bytes;

	if (o->pending < 0 || o->committing >= 0)
		return false;
	if (set_text(&text, &text_bytes, offsets_get_metadata(o)))
		return false; /* no memory: it stays pending */
	o->replaced_metadata = o->committed_metadata;
	o->replaced_metadata_bytes = o->committed_metadata_bytes;
	o->committed_metadata = text;
	o->committed_metadata_bytes = text_bytes;
	o->committing = o->pending;
	o->committing_stale = false;
	return true;
}

/* What Kafka has is now the new text, or still the old one. */
static void settle_metadata(struct offsets *o, bool ok)
{
	if (ok) {
		free(o->replaced_metadata);
	} else {
		free(o->committed_metadata);
		o->committed_metadata = o->replaced_metadata;
		o->committed_metadata_bytes = o->replaced_metadata_bytes;
	}
	o->replaced_metadata = NULL;
}

void offsets_commit_end(struct offsets *o, bool ok)
{
	assert(o->committing >= 0);
	settle_metadata(o, ok);
	if (ok)
		o->committed = o->committing;
	if (ok && o->pending == o->committing && !o->committing_stale) {
		o->pending = -1;
		o->was_reset = false;
	}
	o->committing = -1;
}

struct kgp_bytes offsets_get_metadata(const struct offsets *o)
{
	return kgp_bytes(o->metadata, o->metadata_bytes);
}

struct kgp_bytes offsets_get_committing_metadata(const struct offsets *o)
{
	assert(o->committing >= 0);
	return kgp_bytes(o->committed_metadata, o->committed_metadata_bytes);
}

struct kgp_bytes offsets_get_committed_metadata(const struct offsets *o)
{
	if (o->committing >= 0)
		return kgp_bytes(o->replaced_metadata, o->replaced_metadata_bytes);
	return kgp_bytes(o->committed_metadata, o->committed_metadata_bytes);
}

bool offsets_is_clean(const struct offsets *o)
{
	return o->pending < 0; /* what is in flight is pending until it is answered */
}

bool offsets_is_done(const struct offsets *o)
{
	return o->sent < 0 || o->mark >= o->sent;
}

uint64_t offsets_get_in_flight(const struct offsets *o)
{
	return o->n_held;
}
