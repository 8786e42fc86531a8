/* SPDX-License-Identifier: MIT */
/*
 * Offsets of one owned partition.
 *
 * Owns the marks of the claims that held the partition since this daemon owns it, one after
 * another: the highest mark, the value to commit and the one in flight, with their metadata. A
 * partition outlives its claims, so this does too; the epoch says whose marks count. Invariants: a
 * commit is mark + 1, or the position past control records when everything taken was sent and
 * marked; marks only rise within an epoch; at most one commit is in flight and a mark made
 * meanwhile is kept for the next. Offsets have gaps: nothing here waits for "the next number".
 * Called by partition.c. It never talks to Kafka or a client.
 */
#include "daemon/core/offsets.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

void offsets_init(struct offsets *o)
{
	*o = (struct offsets){
		.mark = -1,
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
	offsets_init(o);
}

/* Replaces a text by a copy of bytes; nothing changes when there is no memory. */
static int set_text(char **text, struct kgp_bytes bytes)
{
	char *copy = NULL;

	if (bytes.data) {
		copy = strndup(bytes.data, bytes.size);
		if (!copy)
			return -ENOMEM;
	}
	free(*text);
	*text = copy;
	return 0;
}

int offsets_load(struct offsets *o, int64_t committed, struct kgp_bytes metadata)
{
	if (set_text(&o->committed_metadata, metadata))
		return -ENOMEM;
	o->committed = committed;
	if (committed >= 0) {
		o->mark = committed - 1;
		o->resume = committed;
	}
	return 0;
}

void offsets_begin(struct offsets *o, uint64_t epoch)
{
	assert(epoch > o->epoch && o->resume >= 0);
	o->epoch = epoch;
	o->popped = o->sent = -1;
}

void offsets_end(struct offsets *o)
{
	o->popped = o->sent = -1;
	o->epoch = 0;
}

void offsets_seek(struct offsets *o, uint64_t epoch, int64_t target)
{
	assert(epoch > o->epoch && target >= 0);
	o->epoch = o->barrier = epoch;
	o->mark = target - 1;
	o->resume = target;
	o->popped = o->sent = -1;
	o->was_reset = false;
}

void offsets_on_popped(struct offsets *o, int64_t offset)
{
	o->popped = offset;
}

void offsets_on_sent(struct offsets *o, int64_t offset)
{
	o->sent = offset;
}

/* Control records of transactions make no message: without this the lag would never reach 0. */
void offsets_on_position(struct offsets *o, int64_t position)
{
	if (o->was_reset || o->popped < 0 || o->mark != o->popped || o->sent != o->popped)
		return;
	if (position <= o->mark + 1 || position <= o->resume)
		return;
	o->pending = o->resume = position;
}

static int accept(struct offsets *o, int64_t offset, struct kgp_bytes metadata)
{
	if (set_text(&o->metadata, metadata))
		return -ENOMEM;
	o->mark = offset;
	o->pending = o->resume = offset + 1;
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
	if (offset <= o->mark)
		return KGP_VERDICT_IGNORED;
	return accept(o, offset, metadata);
}

int offsets_reset(struct offsets *o, uint64_t epoch, int64_t offset, struct kgp_bytes metadata)
{
	int r;

	if (!o->epoch || epoch != o->epoch)
		return KGP_VERDICT_STALE;
	if (offset < 0)
		return KGP_VERDICT_OUT_OF_RANGE;
	if (o->mark >= 0 && offset > o->mark)
		return KGP_VERDICT_IGNORED;
	r = accept(o, offset, metadata);
	if (r)
		return r;
	o->was_reset = true;
	o->barrier = o->epoch;
	return r;
}

int offsets_resume(struct offsets *o, uint64_t epoch, int64_t offset, int64_t committed,
		   struct kgp_bytes metadata)
{
	if (epoch < o->barrier || o->committed < committed)
		return KGP_VERDICT_STALE;
	if (offset < 0)
		return KGP_VERDICT_OUT_OF_RANGE;
	if (offset <= o->mark)
		return KGP_VERDICT_IGNORED;
	return accept(o, offset, metadata);
}

bool offsets_commit_begin(struct offsets *o)
{
	if (o->pending < 0 || o->committing >= 0)
		return false;
	if (set_text(&o->committed_metadata, kgp_text(o->metadata)))
		return false; /* no memory: it stays pending */
	o->committing = o->pending;
	o->committing_stale = false;
	return true;
}

void offsets_commit_end(struct offsets *o, bool ok)
{
	assert(o->committing >= 0);
	if (ok) {
		o->committed = o->committing;
		if (o->pending == o->committing && !o->committing_stale)
			o->pending = -1;
	}
	o->committing = -1;
}

bool offsets_is_clean(const struct offsets *o)
{
	return o->pending < 0 && o->committing < 0;
}

bool offsets_is_done(const struct offsets *o)
{
	return o->sent < 0 || o->mark >= o->sent;
}
