/* SPDX-License-Identifier: MIT */
/*
 * Marks: what the application is done with, on its way to the daemon.
 *
 * A mark costs a look-up and a store; the daemon hears the highest of each claim when the socket is
 * turned to. That is right for marks up to the last message handed out, which are surely in range.
 * A mark beyond (by offset, of a message not seen here) may be refused as out of range, so it must
 * not hide another: it has a slot of its own, is written out before the next one replaces it, and
 * never makes a lower mark look done. While the connection is down both slots wait for RESUME; a
 * mark that comes when RESUME is already sent is stale, as is one of an earlier epoch.
 *
 * DONE follows the marks that make it true; PAUSE travels the same way. Called by the application
 * and by session.c; a mark without metadata must never allocate, block, or make a system call.
 */
#include "client-lib/c/src/mark.h"

#include "client-lib/c/src/error.h"
#include "client-lib/c/src/partition.h"
#include "client-lib/c/src/session.h"

#include <errno.h>
#include <stdlib.h>

/* ---- slots ----------------------------------------------------------------------------------- */

void mark_slot_clear(struct mark_slot *s)
{
	free(s->metadata);
	*s = (struct mark_slot){.offset = -1};
}

char *mark_copy_metadata(const char *metadata)
{
	size_t n = strlen(metadata) + 1;
	char *copy = malloc(n);

	return copy ? memcpy(copy, metadata, n) : NULL;
}

int mark_slot_set(struct mark_slot *s, int64_t offset, const char *metadata)
{
	char *copy = NULL;

	if (metadata && !(copy = mark_copy_metadata(metadata)))
		return -ENOMEM;
	free(s->metadata);
	s->metadata = copy;
	s->offset = offset;
	return 0;
}

void marks_restart(struct claim *claim)
{
	claim->handed = claim->settled = -1;
	mark_slot_clear(&claim->sure);
	mark_slot_clear(&claim->far);
}

bool marks_exist(const struct kg_consumer *c)
{
	size_t i;

	for (i = 0; i < c->claims.n; i++)
		if (c->claims.all[i]->sure.offset >= 0 || c->claims.all[i]->far.offset >= 0)
			return true;
	return false;
}

/* ---- to the daemon --------------------------------------------------------------------------- */

static unsigned add_entry(struct kgp_entry *entries, unsigned n, const struct claim *claim,
			  const struct mark_slot *s)
{
	if (!s->dirty)
		return n;
	entries[n] = (struct kgp_entry){claim->id, claim->epoch, s->offset, kgp_text(s->metadata)};
	return n + 1;
}

unsigned mark_entries(struct kgp_entry *entries, const struct claim *claim, size_t *metadata_bytes)
{
	unsigned i, n = add_entry(entries, 0, claim, &claim->sure);

	n = add_entry(entries, n, claim, &claim->far);
	for (i = 0; i < n; i++)
		*metadata_bytes += entries[i].metadata.size;
	return n;
}

int mark_put_entries(struct kg_consumer *c, const struct kgp_entry *entries, unsigned n)
{
	struct kgp_mark mark = {.entries = {.items = entries, .n = n}};

	return n ? connection_put(&c->client->connection, KGP_T_mark, &mark) : 0;
}

static int put_pause(struct kg_consumer *c, struct claim *claim)
{
	struct kgp_number id = {claim->id};
	struct kgp_pause pause = {.claims = {.items = &id, .n = 1}, .paused = claim->paused};

	if (claim->paused == claim->told_paused)
		return 0;
	if (connection_put(&c->client->connection, KGP_T_pause, &pause))
		return -ENOMEM;
	claim->told_paused = claim->paused;
	return 0;
}

static int put_done(struct kg_consumer *c, struct claim *claim)
{
	struct kgp_done done = {.claim = claim->id};

	if (claim->state != CLAIM_RELEASING || claim->done_sent)
		return 0;
	if (!claim->done_due && claim_is_outstanding(claim))
		return 0;
	if (connection_put(&c->client->connection, KGP_T_done, &done))
		return -ENOMEM;
	claim->done_sent = true;
	return 0;
}

/* Its REPLY only says whether it was refused; the end of the claim is RELEASED. */
static int put_close(struct kg_consumer *c, struct claim *claim)
{
	struct kgp_claim_close close = {.claim = claim->id};

	if (!claim->close_due || claim->close_sent || claim->state != CLAIM_HELD)
		return 0;
	close.request = requests_next_id(&c->requests);
	if (connection_put(&c->client->connection, KGP_T_claim_close, &close))
		return -ENOMEM;
	claim->close_sent = true;
	if (claim->partition)
		claim->partition->close_request = (uint32_t)close.request;
	return 0;
}

static int put_rest(struct kg_consumer *c, struct claim *claim)
{
	int r = put_pause(c, claim);

	if (!r)
		r = put_done(c, claim);
	return r ? r : put_close(c, claim);
}

/* The first claims of the dirty list that fit one frame. */
static int put_chunk(struct kg_consumer *c)
{
	struct kgp_entry entries[2 * CLAIMS_PER_FRAME];
	unsigned n = 0, n_claims = 0;
	size_t metadata_bytes = 0;
	struct claim *claim;

	TAILQ_FOREACH (claim, &c->claims.dirty, dirty_link) {
		n += mark_entries(entries + n, claim, &metadata_bytes);
		if (++n_claims == CLAIMS_PER_FRAME || metadata_bytes > FRAME_METADATA_BYTES)
			break;
	}
	if (mark_put_entries(c, entries, n))
		return -ENOMEM;
	for (; n_claims; n_claims--) {
		claim = TAILQ_FIRST(&c->claims.dirty);
		claim->sure.dirty = claim->far.dirty = false;
		if (put_rest(c, claim))
			return -ENOMEM;
		claims_untouch(&c->claims, claim);
	}
	return 0;
}

int marks_put(struct kg_consumer *c)
{
	int r = 0;

	while (!r && !TAILQ_EMPTY(&c->claims.dirty) && connection_has_room(&c->client->connection))
		r = put_chunk(c);
	return r;
}

static int put_resume(struct kg_consumer *c, const struct claim *claim, const struct mark_slot *s)
{
	struct kgp_resume resume = {
		.topic = kgp_text(claim->public.topic),
		.partition = (uint64_t)claim->public.partition,
		.epoch = claim->epoch,
		.offset = s->offset,
		.metadata = kgp_text(s->metadata),
		.committed = claim->public.committed,
	};

	return s->offset < 0 ? 0 : connection_put(&c->client->connection, KGP_T_resume, &resume);
}

/* All claims are orphans here. The surer mark first: the other may be refused. */
int marks_put_resume(struct kg_consumer *c)
{
	size_t i;

	for (i = 0; i < c->claims.n; i++)
		if (put_resume(c, c->claims.all[i], &c->claims.all[i]->sure) ||
		    put_resume(c, c->claims.all[i], &c->claims.all[i]->far))
			return -ENOMEM;
	return 0;
}

void marks_resumed(struct kg_consumer *c)
{
	size_t i;

	for (i = 0; i < c->claims.n; i++)
		c->claims.all[i]->state = CLAIM_RESUMED;
}

/* ---- from the application -------------------------------------------------------------------- */

int mark_check_metadata(struct kg_error *e, const char *metadata)
{
	size_t n = metadata ? strlen(metadata) : 0;

	if (n > KGP_MAX_METADATA)
		return error_set(e, KG_ERR_ARGUMENT, "metadata has %zu bytes, %u are allowed", n,
				 KGP_MAX_METADATA);
	if (!kgp_is_utf8((const uint8_t *)metadata, n))
		return error_set(e, KG_ERR_ARGUMENT, "metadata is not valid UTF-8");
	return 0;
}

static void touch(struct kg_consumer *c, struct claim *claim, struct mark_slot *s)
{
	if (claim->state >= CLAIM_ORPHAN)
		return; /* RESUME will tell it */
	s->dirty = true;
	claims_touch(&c->claims, claim);
}

static int mark_sure(struct kg_consumer *c, struct claim *claim, int64_t offset,
		     const char *metadata)
{
	if (offset <= claim->sure.offset)
		return 0;
	if (metadata || claim->sure.metadata) {
		if (mark_slot_set(&claim->sure, offset, metadata))
			return error_set(&c->error, KG_ERR_MEMORY,
					 "no memory for the metadata of a mark");
	} else {
		claim->sure.offset = offset;
	}
	if (claim->far.offset >= 0 && claim->far.offset <= offset && !claim->far.dirty)
		mark_slot_clear(&claim->far);
	touch(c, claim, &claim->sure);
	return 0;
}

/* While one waits that cannot be written out, the higher one stays. */
static int mark_far(struct kg_consumer *c, struct claim *claim, int64_t offset,
		    const char *metadata)
{
	if (claim->far.dirty)
		marks_put(c);
	if ((claim->far.dirty || claim->state >= CLAIM_ORPHAN) && offset <= claim->far.offset)
		return 0;
	if (mark_slot_set(&claim->far, offset, metadata))
		return error_set(&c->error, KG_ERR_MEMORY, "no memory for the metadata of a mark");
	touch(c, claim, &claim->far);
	return 0;
}

int mark_claim(struct kg_consumer *c, struct claim *claim, int64_t offset, const char *metadata)
{
	int r = mark_check_metadata(&c->error, metadata);

	if (r)
		return r;
	return offset <= claim->handed ? mark_sure(c, claim, offset, metadata)
				       : mark_far(c, claim, offset, metadata);
}

static int mark_message(struct kg_consumer *c, const struct kg_message *m, const char *metadata)
{
	struct claim *claim;

	if (!m || m->offset < 0)
		return error_set(&c->error, KG_ERR_ARGUMENT, "there is no message to mark");
	claim = index_find(&c->claims.by_handle, m->internal.claim);
	if (!claim || claim->epoch != m->internal.epoch || claim->state == CLAIM_RESUMED) {
		c->n_stale++;
		return KG_OK;
	}
	return mark_claim(c, claim, m->offset, metadata);
}

static int mark_shared(struct kg_consumer *c, const struct kg_message *m, const char *metadata)
{
	CONSUMER_LOCK(c);
	int r = consumer_check_open(c);

	return r ? r : mark_message(c, m, metadata);
}

int kg_consumer_mark(struct kg_consumer *c, const struct kg_message *m, const char *metadata)
{
	int r;

	if (c && c->partitions)
		return mark_shared(c, m, metadata);
	r = consumer_check(c);
	if (r)
		return r == KG_ERR_ARGUMENT || r == KG_ERR_FORKED ? r : KG_ERR_CLOSED;
	return mark_message(c, m, metadata);
}

/* ---- with a verdict -------------------------------------------------------------------------- */

/* What the daemon took, or may have taken, is said again by RESUME. */
static void remember(struct kg_consumer *c, uint32_t handle, int64_t offset, const char *metadata)
{
	struct claim *claim = index_find(&c->claims.by_handle, handle);
	struct mark_slot *s;

	if (!claim)
		return;
	s = offset <= claim->handed ? &claim->sure : &claim->far;
	if (offset > s->offset && !s->dirty)
		mark_slot_set(s, offset, metadata);
	if (claim->state == CLAIM_RELEASING)
		claims_touch(&c->claims, claim);
}

static int ask(struct kg_consumer *c, const struct claim *claim, int64_t offset,
	       const char *metadata, struct request *q)
{
	struct kgp_entry entry = {claim->id, claim->epoch, offset, kgp_text(metadata)};
	struct kgp_mark mark = {.entries = {.items = &entry, .n = 1}};

	*q = (struct request){.kind = REQUEST_MARK,
			      .id = requests_next_id(&c->requests),
			      .bound = true,
			      .sent = true};
	mark.request = q->id;
	if (marks_put(c) || connection_put(&c->client->connection, KGP_T_mark, &mark))
		return error_set(&c->error, KG_ERR_MEMORY, "no memory for a mark");
	q->deadline_us = session_deadline_of(c, -1);
	return session_wait_of(c, q);
}

static int mark_and_ask(struct kg_consumer *c, struct claim *claim, int64_t offset,
			const char *metadata, int *verdict)
{
	uint32_t handle = claim->handle;
	struct request q;
	int r = mark_check_metadata(&c->error, metadata);

	if (r)
		return r;
	if (claim->state == CLAIM_ORPHAN) {
		r = mark_claim(c, claim, offset, metadata);
		return r ? r
			 : error_set(&c->error, KG_ERR_DISCONNECTED,
				     "the mark is kept until the daemon is back");
	}
	r = ask(c, claim, offset, metadata, &q);
	if (r == KG_OK)
		*verdict = (int)q.verdict;
	if (r == KG_ERR_DISCONNECTED || r == KG_ERR_TIMEOUT ||
	    (r == KG_OK && q.verdict == KG_ACCEPTED))
		remember(c, handle, offset, metadata);
	return r;
}

static int refuse(int *verdict, int what)
{
	if (verdict)
		*verdict = what;
	return KG_OK;
}

int kg_consumer_mark_offset(struct kg_consumer *c, const char *topic, int32_t partition,
			    int64_t offset, const char *metadata, int *verdict)
{
	CONSUMER_LOCK(c);
	struct claim *claim;
	int r = consumer_check_open(c);

	if (r)
		return r;
	if (!topic || (!verdict && offset < 0))
		return error_set(&c->error, KG_ERR_ARGUMENT, "%s",
				 topic ? "the offset is below 0" : "topic is NULL");
	claim = claims_find(&c->claims, topic, partition);
	if (!claim || claim->state == CLAIM_RESUMED)
		return refuse(verdict, KG_NOT_OWNED);
	if (offset < 0 || offset == INT64_MAX)
		return refuse(verdict, KG_OUT_OF_RANGE);
	return verdict ? mark_and_ask(c, claim, offset, metadata, verdict)
		       : mark_claim(c, claim, offset, metadata);
}
