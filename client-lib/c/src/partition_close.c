/* SPDX-License-Identifier: MIT */
/*
 * What the application says of a partition: marks, and that it gives it back.
 *
 * A mark by offset means the epoch that the partition's reader has seen: after a seek by another
 * thread, a mark of a message from before it is stale, until this reader has looked for messages
 * again. The claim is found by its handle, so a mark outlives the connection as in mark.c. To give
 * back is a flag on the claim, because the handle may be freed while CLAIM_CLOSE is on its way;
 * mark.c sends it behind the claim's marks. Owns nothing.
 */
#include "client-lib/c/src/clock.h"
#include "client-lib/c/src/error.h"
#include "client-lib/c/src/high.h"
#include "client-lib/c/src/mark.h"
#include "client-lib/c/src/partition.h"
#include "client-lib/c/src/reset.h"
#include "client-lib/c/src/session.h"
#include "client-lib/c/src/sharing.h"

static int check(const struct kg_partition *p)
{
	if (!p)
		return KG_ERR_ARGUMENT;
	return consumer_is_forked(p->consumer) ? KG_ERR_FORKED : KG_OK;
}

const struct kg_claim *kg_partition_get_claim(const struct kg_partition *p)
{
	return p ? &p->public : NULL;
}

/* ---- marks ----------------------------------------------------------------------------------- */

static int keep_error(struct kg_partition *p, int r)
{
	if (r)
		p->error = p->consumer->error;
	return r;
}

/* 1: there is a claim to say it of; 0: it is stale; or an error. */
static int find_claim(struct kg_partition *p, int64_t offset, struct claim **claim)
{
	struct kg_consumer *c = p->consumer;

	if (c->ended || c->closing)
		return error_set(&c->error, KG_ERR_CLOSED, "the consumer is closed");
	if (offset < 0 || offset == INT64_MAX)
		return error_set(&c->error, KG_ERR_ARGUMENT, "%lld is no offset of a message",
				 (long long)offset);
	*claim = index_find(&c->claims.by_handle, p->handle);
	if (*claim && (*claim)->epoch == p->epoch && (*claim)->state != CLAIM_RESUMED)
		return 1;
	c->n_stale++;
	return 0;
}

int kg_partition_mark(struct kg_partition *p, int64_t offset, const char *metadata)
{
	CONSUMER_LOCK(p ? p->consumer : NULL);
	struct claim *claim;
	int r = check(p);

	if (r)
		return r;
	r = find_claim(p, offset, &claim);
	if (r > 0)
		r = mark_claim(p->consumer, claim, offset, metadata);
	return keep_error(p, r);
}

int kg_partition_reset(struct kg_partition *p, int64_t offset, const char *metadata)
{
	CONSUMER_LOCK(p ? p->consumer : NULL);
	struct claim *claim;
	int r = check(p);

	if (r)
		return r;
	r = find_claim(p, offset, &claim);
	if (r > 0)
		r = reset_claim(p->consumer, claim, offset, metadata);
	return keep_error(p, r);
}

int kg_partition_get_high_water_mark(struct kg_partition *p, int64_t *high, int timeout_ms)
{
	CONSUMER_LOCK(p ? p->consumer : NULL);
	struct kg_consumer *c;
	int r = check(p);

	if (r)
		return r;
	c = p->consumer;
	r = consumer_check_open(c);
	if (!r && !high)
		r = error_set(&c->error, KG_ERR_ARGUMENT, "high may not be NULL");
	if (!r && p->ended)
		r = error_set(&c->error, KG_ERR_RELEASED, "the partition is not held any more");
	if (!r)
		r = high_of(c, p->public.topic, p->public.partition, high, timeout_ms, &c->error);
	return keep_error(p, r);
}

/* ---- giving back ----------------------------------------------------------------------------- */

static void give_back(struct kg_consumer *c, struct claim *claim)
{
	claim->close_due = true;
	claims_touch(&c->claims, claim);
}

/* Its unread messages are for somebody else now. */
static int start(struct kg_partition *p)
{
	int r;

	if (p->ended || p->closing)
		return 0;
	r = partition_void(p);
	if (r)
		return r;
	p->closing = true;
	p->close_error.code = KG_OK;
	give_back(p->consumer, p->claim);
	return 0;
}

int kg_partition_close_start(struct kg_partition *p)
{
	CONSUMER_LOCK(p ? p->consumer : NULL);
	int r = check(p);

	if (r)
		return r;
	r = start(p);
	if (!r)
		session_send(p->consumer->client);
	return keep_error(p, r);
}

/* Nothing more will be marked, so that it need not wait for dwell.time. */
static void set_done(struct kg_partition *p)
{
	if (!p->claim)
		return;
	p->claim->done_due = true;
	claims_touch(&p->consumer->claims, p->claim);
}

static int wait_for_end(struct kg_partition *p)
{
	struct kg_consumer *c = p->consumer;
	uint64_t deadline_us = session_deadline_of(c, -1);
	int r;

	for (;;) {
		r = session_turn_of(c, true);
		if (!p->claim)
			return KG_OK;
		if (p->close_error.code) {
			c->error = p->close_error;
			return c->error.code;
		}
		if (r && r != KG_ERR_MEMORY)
			return r;
		if (clock_now_us() >= deadline_us)
			return error_set(&c->error, KG_ERR_TIMEOUT,
					 "the daemon has not released the partition in time");
		if (r)
			session_sleep_for_memory(c->client);
		else
			sharing_sleep(c->client, p, deadline_us);
	}
}

int kg_partition_close(struct kg_partition *p)
{
	CONSUMER_LOCK(p ? p->consumer : NULL);
	int r = check(p);

	if (r)
		return r;
	r = start(p);
	set_done(p);
	if (!r && p->claim)
		r = wait_for_end(p);
	return keep_error(p, r);
}

/* In a forked child it stays: kg_consumer_free() takes it along. */
struct kg_partition *kg_partition_free(struct kg_partition *p)
{
	CONSUMER_LOCK(p ? p->consumer : NULL);
	struct kg_consumer *c = p ? p->consumer : NULL;

	if (!c || consumer_is_forked(c))
		return NULL;
	set_done(p);
	if (p->claim && !p->ended && !p->closing)
		give_back(c, p->claim);
	partition_free(p);
	session_send(c->client);
	return NULL;
}
