/* SPDX-License-Identifier: MIT */
/*
 * A stash, applied to a consumer: all as marks, or all as resets.
 *
 * An entry leaves the stash when it was applied, or when it never can be: its partition is not
 * held, or it came by a message whose epoch is over. So on an error nothing is lost, and the call
 * can be made again. Marks go where all marks go, to their claims; resets are written in frames
 * that fit the protocol's limit. That is bounded by the number of claims, and only begun when the
 * daemon takes what was said before. The stash is locked first, then the consumer. Owns nothing.
 */
#include "client-lib/c/src/error.h"
#include "client-lib/c/src/mark.h"
#include "client-lib/c/src/reset.h"
#include "client-lib/c/src/session.h"
#include "client-lib/c/src/stash.h"

/* The claim that an entry means, or NULL. */
static struct claim *find_claim(struct kg_consumer *c, const struct stash_entry *e)
{
	struct claim *claim = claims_find(&c->claims, e->public.topic, e->public.partition);

	if (e->public.offset == INT64_MAX)
		return NULL;
	if (claim && claim->state != CLAIM_RESUMED && (!e->has_epoch || claim->epoch == e->epoch))
		return claim;
	c->n_stale += e->has_epoch;
	return NULL;
}

static int apply_marks(struct kg_consumer *c, struct kg_stash *s)
{
	const struct stash_entry *e;
	struct claim *claim;
	int r = 0;

	while ((e = stash_next(s, NULL))) {
		claim = find_claim(c, e);
		if (claim)
			r = mark_claim(c, claim, e->public.offset, e->public.metadata);
		if (r)
			return r;
		stash_drop_first(s, 1);
	}
	return 0;
}

/* ---- resets ---------------------------------------------------------------------------------- */

struct chunk {
	struct reset resets[CLAIMS_PER_FRAME];
	unsigned n;
	size_t n_entries, metadata_bytes; /* of the stash */
};

static bool is_full(const struct chunk *chunk)
{
	return chunk->n == CLAIMS_PER_FRAME || chunk->metadata_bytes > FRAME_METADATA_BYTES;
}

static void gather(struct kg_consumer *c, const struct kg_stash *s, struct chunk *chunk)
{
	const struct stash_entry *e = NULL;
	struct claim *claim;

	*chunk = (struct chunk){.n = 0};
	while (!is_full(chunk) && (e = stash_next(s, e))) {
		chunk->n_entries++;
		claim = find_claim(c, e);
		if (!claim)
			continue;
		chunk->resets[chunk->n++] = (struct reset){
			.claim = claim, .offset = e->public.offset, .metadata = e->public.metadata};
		if (e->public.metadata)
			chunk->metadata_bytes += strlen(e->public.metadata);
	}
}

static int apply_resets(struct kg_consumer *c, struct kg_stash *s)
{
	struct chunk chunk;
	int r = 0;

	while (!r && s->n) {
		gather(c, s, &chunk);
		if (chunk.n)
			r = resets_put(c, chunk.resets, chunk.n, 0);
		if (!r)
			stash_drop_first(s, chunk.n_entries);
	}
	session_send(c->client);
	return r;
}

/* ---- from the application -------------------------------------------------------------------- */

static int begin(struct kg_consumer *c, const struct kg_stash *s)
{
	int r = consumer_check_open(c);

	if (!r && !s)
		r = error_set(&c->error, KG_ERR_ARGUMENT, "the stash may not be NULL");
	return r;
}

static int mark_all(struct kg_consumer *c, struct kg_stash *s)
{
	CONSUMER_LOCK(c);
	int r = begin(c, s);

	return r ? r : apply_marks(c, s);
}

static int reset_all(struct kg_consumer *c, struct kg_stash *s)
{
	CONSUMER_LOCK(c);
	int r = begin(c, s);

	if (!r && s->n)
		r = resets_check(c);
	return r || !s->n ? r : apply_resets(c, s);
}

static int apply(struct kg_consumer *c, struct kg_stash *s,
		 int (*how)(struct kg_consumer *c, struct kg_stash *s))
{
	int r;

	if (!s)
		return how(c, s);
	pthread_mutex_lock(&s->mutex);
	r = how(c, s);
	pthread_mutex_unlock(&s->mutex);
	return r;
}

int kg_consumer_mark_stash(struct kg_consumer *c, struct kg_stash *s)
{
	return apply(c, s, mark_all);
}

int kg_consumer_reset_stash(struct kg_consumer *c, struct kg_stash *s)
{
	return apply(c, s, reset_all);
}
