/* SPDX-License-Identifier: MIT */
/*
 * Resets: marks that go backward.
 *
 * What a reset means depends on the marks before and after it, so it is never gathered as marks
 * are: the claim's marks are written out, then the reset, at once and in this order. It is bounded
 * all the same: while the daemon does not take what was said before, a reset is refused.
 *
 * A mark that is kept for RESUME must not undo a reset when the connection breaks. So the claim's
 * marks above it become the reset's offset, which is done too ("reset to m" counts m); a lower mark
 * stays as it is. What was marked before stays done for DONE. Lowering what RESUME will say is
 * always safe: at most, messages come again.
 *
 * A reset itself cannot be said again, because the epoch that it names ends with the connection. A
 * commit or close that is answered after one may have been lost says so, once. In between nobody
 * can know; so a reset without a connection is refused.
 */
#include "client-lib/c/src/reset.h"

#include "client-lib/c/src/error.h"
#include "client-lib/c/src/mark.h"
#include "client-lib/c/src/session.h"

#include <errno.h>
#include <stdlib.h>

/* ---- to the daemon --------------------------------------------------------------------------- */

static int put_marks(struct kg_consumer *c, const struct reset *resets, unsigned n)
{
	struct kgp_entry entries[2 * CLAIMS_PER_FRAME];
	unsigned i, n_entries = 0;
	size_t metadata_bytes = 0;

	for (i = 0; i < n; i++) {
		n_entries += mark_entries(entries + n_entries, resets[i].claim, &metadata_bytes);
		if (metadata_bytes <= FRAME_METADATA_BYTES)
			continue;
		if (mark_put_entries(c, entries, n_entries))
			return -ENOMEM;
		n_entries = 0;
		metadata_bytes = 0;
	}
	return mark_put_entries(c, entries, n_entries);
}

static int put_resets(struct kg_consumer *c, const struct reset *resets, unsigned n,
		      uint32_t request)
{
	struct kgp_entry entries[CLAIMS_PER_FRAME];
	struct kgp_reset frame = {.request = request, .entries = {.items = entries, .n = n}};
	unsigned i;

	for (i = 0; i < n; i++)
		entries[i] = (struct kgp_entry){resets[i].claim->id, resets[i].claim->epoch,
						resets[i].offset, kgp_text(resets[i].metadata)};
	return connection_put(&c->client->connection, KGP_T_reset, &frame);
}

/* All or nothing. */
static int put(struct kg_consumer *c, const struct reset *resets, unsigned n, uint32_t request)
{
	struct connection *connection = &c->client->connection;
	size_t unsent = connection_unsent_bytes(connection);

	if (!put_marks(c, resets, n) && !put_resets(c, resets, n, request))
		return 0;
	connection->out.len = connection->sent_bytes + unsent;
	return -ENOMEM;
}

/* ---- what the claim keeps -------------------------------------------------------------------- */

static bool is_below_a_mark(const struct reset *r)
{
	return r->offset <= r->claim->sure.offset;
}

static int keep(struct reset *resets, unsigned n)
{
	struct reset *r;

	for (r = resets; r < resets + n; r++)
		if (r->metadata && is_below_a_mark(r) &&
		    !(r->kept = mark_copy_metadata(r->metadata)))
			return -ENOMEM;
	return 0;
}

static void settle(struct claim *claim, int64_t offset)
{
	if (offset > claim->settled)
		claim->settled = offset;
}

/* The daemon hears of the marks, then of the reset. */
static void lower(struct reset *r)
{
	struct claim *claim = r->claim;

	settle(claim, claim->sure.offset);
	settle(claim, claim->far.offset);
	claim->sure.dirty = claim->far.dirty = false;
	if (is_below_a_mark(r)) {
		free(claim->sure.metadata);
		claim->sure.offset = r->offset;
		claim->sure.metadata = r->kept;
		r->kept = NULL;
	}
	if (claim->far.offset >= r->offset)
		mark_slot_clear(&claim->far);
}

static void forget(struct reset *resets, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		free(resets[i].kept);
		resets[i].kept = NULL;
	}
}

int resets_check(struct kg_consumer *c)
{
	struct connection *connection = &c->client->connection;
	int r = session_check_claims(c, KGP_FEATURE_reset, &c->error);

	if (r)
		return r;
	if (!connection_has_room(connection))
		connection_flush(connection);
	if (!connection_has_room(connection))
		return error_set(
			&c->error, KG_ERR_OVERFLOW,
			"the daemon does not take what was said before: nothing was reset");
	return 0;
}

int resets_put(struct kg_consumer *c, struct reset *resets, unsigned n, uint32_t request)
{
	unsigned i;
	int r = 0;

	if (keep(resets, n) || put(c, resets, n, request))
		r = error_set(&c->error, KG_ERR_MEMORY, "no memory for a reset");
	for (i = 0; i < n && !r; i++)
		lower(&resets[i]);
	forget(resets, n);
	if (!r)
		c->n_resets += n;
	return r;
}

/* ---- whether they came to pass --------------------------------------------------------------- */

bool resets_are_unsure(const struct kg_consumer *c)
{
	return c->resets_lost || c->n_resets > c->n_resets_sure;
}

void resets_lose(struct kg_consumer *c)
{
	c->resets_lost = resets_are_unsure(c);
	c->n_resets_sure = c->n_resets;
}

bool resets_settle(struct kg_consumer *c, uint64_t n)
{
	bool lost = c->resets_lost;

	if (n > c->n_resets_sure)
		c->n_resets_sure = n;
	c->resets_lost = false;
	return lost;
}

/* ---- from the application -------------------------------------------------------------------- */

static int reset_claim_and_ask(struct kg_consumer *c, struct claim *claim, int64_t offset,
			       const char *metadata, uint32_t request)
{
	struct reset reset = {.claim = claim, .offset = offset, .metadata = metadata};
	int r = mark_check_metadata(&c->error, metadata);

	if (r)
		return r;
	r = resets_check(c);
	return r ? r : resets_put(c, &reset, 1, request);
}

int reset_claim(struct kg_consumer *c, struct claim *claim, int64_t offset, const char *metadata)
{
	return reset_claim_and_ask(c, claim, offset, metadata, 0);
}

int kg_consumer_reset(struct kg_consumer *c, const struct kg_message *m, const char *metadata)
{
	CONSUMER_LOCK(c);
	struct claim *claim;
	int r = consumer_check_open(c);

	if (r)
		return r;
	if (!m || m->offset < 0)
		return error_set(&c->error, KG_ERR_ARGUMENT, "there is no message to reset to");
	claim = index_find(&c->claims.by_handle, m->internal.claim);
	if (!claim || claim->epoch != m->internal.epoch || claim->state == CLAIM_RESUMED) {
		c->n_stale++;
		return KG_OK;
	}
	return reset_claim(c, claim, m->offset, metadata);
}

static int ask(struct kg_consumer *c, struct claim *claim, int64_t offset, const char *metadata,
	       int *verdict)
{
	struct request q = {.kind = REQUEST_MARK,
			    .id = requests_next_id(&c->requests),
			    .bound = true,
			    .sent = true};
	int r = reset_claim_and_ask(c, claim, offset, metadata, q.id);

	if (r)
		return r;
	q.deadline_us = session_deadline_of(c, -1);
	r = session_wait_of(c, &q);
	if (r == KG_OK)
		*verdict = (int)q.verdict;
	return r;
}

static int refuse(int *verdict, int what)
{
	if (verdict)
		*verdict = what;
	return KG_OK;
}

int kg_consumer_reset_offset(struct kg_consumer *c, const char *topic, int32_t partition,
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
	return verdict ? ask(c, claim, offset, metadata, verdict)
		       : reset_claim(c, claim, offset, metadata);
}
