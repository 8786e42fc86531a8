/* SPDX-License-Identifier: MIT */
/*
 * What the application takes: new partitions, and the messages and errors of each.
 *
 * The same path as delivery.c has for the one stream of the multiplexed mode: a frame is opened
 * once, each message is a step of the batch reader, and the block of the last message is pinned by
 * one reference of this partition until its next call. A batch is one lock for all of its messages.
 * A thread that finds nothing lets the daemon know what it should, takes a turn at the socket, and
 * sleeps in sharing.c. While somebody leads there, the socket is his, and a thread that has enough
 * to do leaves it alone. Owns nothing.
 */
#include "client-lib/c/src/clock.h"
#include "client-lib/c/src/error.h"
#include "client-lib/c/src/partition.h"
#include "client-lib/c/src/session.h"
#include "client-lib/c/src/sharing.h"

#include <limits.h>
#include <stdlib.h>

enum { TURN_MS = 10 };

/* Every call's first questions: it runs under the lock if there is one to take. */
static int check(const struct kg_partition *p)
{
	if (!p)
		return KG_ERR_ARGUMENT;
	return consumer_is_forked(p->consumer) ? KG_ERR_FORKED : KG_OK;
}

static int mode_is_wrong(struct kg_consumer *c)
{
	return error_set(&c->error, KG_ERR_ARGUMENT, "the consumer is not in partitions mode");
}

static int keep_up(struct kg_consumer *c)
{
	if (c->ended || sharing_is_led(c->client) ||
	    clock_coarse_ms() - c->client->turned_ms < TURN_MS)
		return 0;
	return session_turn_of(c, false);
}

static uint64_t deadline_of(int timeout_ms)
{
	return timeout_ms < 0 ? CLOCK_NEVER : clock_now_us() + (uint64_t)timeout_ms * 1000;
}

/* ---- new partitions -------------------------------------------------------------------------- */

static int take_partition(struct kg_consumer *c, struct kg_partition **out)
{
	struct partitions *s = c->partitions;
	struct kg_partition *p = TAILQ_FIRST(&s->arrived);

	if (!p)
		return 0;
	TAILQ_REMOVE(&s->arrived, p, link);
	TAILQ_INSERT_TAIL(&s->taken, p, link);
	p->taken = true;
	s->fresh = !TAILQ_EMPTY(&s->arrived);
	if (!STAILQ_EMPTY(&p->queue) || p->errors.n)
		partition_set_awake(p, true);
	*out = p;
	return 1;
}

static int check_partitions(struct kg_consumer *c, struct kg_partition **out)
{
	int r = consumer_check(c);

	if (r)
		return r;
	if (!c->partitions)
		return mode_is_wrong(c);
	if (!out)
		return error_set(&c->error, KG_ERR_ARGUMENT, "the partition may not be NULL");
	return c->closing ? KG_ERR_CLOSED : 0;
}

int kg_consumer_next_partition(struct kg_consumer *c, struct kg_partition **out)
{
	CONSUMER_LOCK(c);
	int r = check_partitions(c, out);

	if (!r)
		r = keep_up(c);
	return r ? r : take_partition(c, out);
}

int kg_consumer_wait_partition(struct kg_consumer *c, struct kg_partition **out, int timeout_ms)
{
	uint64_t deadline_us = deadline_of(timeout_ms);
	CONSUMER_LOCK(c);
	int r;

	for (;;) {
		r = check_partitions(c, out);
		if (!r)
			r = take_partition(c, out);
		if (!r)
			r = session_turn_of(c, false);
		if (!r)
			r = take_partition(c, out);
		if (r || clock_now_us() >= deadline_us)
			return r;
		if (sharing_sleep(c->client, NULL, deadline_us))
			return 0;
	}
}

/* ---- messages -------------------------------------------------------------------------------- */

/* One message of the open frame: 1, 0 at its end, or an error. */
static int take(struct kg_partition *p, struct kg_message *m)
{
	struct kgp_record record;
	int r = kgp_batch_next(&p->reading.reader, &record);

	if (r < 0) {
		error_set(&p->consumer->error, KG_ERR_PROTOCOL,
			  "the daemon sent a malformed message");
		return consumer_end(p->consumer, KG_ERR_PROTOCOL);
	}
	if (!r)
		return 0;
	delivery_fill(m, &p->reading, &record);
	p->claim->handed = record.offset;
	credit_return(&p->credit, 1, kgp_record_credit(&record));
	return 1;
}

static bool open_next(struct kg_partition *p)
{
	struct aside *a = STAILQ_FIRST(&p->queue);

	if (!a)
		return false;
	block_unref(p->reading.block);
	p->reading = (struct delivery){.reader = a->reader,
				       .claim = p->claim,
				       .epoch = a->epoch,
				       .taken_us = a->taken_us,
				       .block = a->block};
	STAILQ_REMOVE_HEAD(&p->queue, link);
	free(a);
	return true;
}

static void let_go(struct kg_partition *p)
{
	if (!p->reading.reader.left) /* a pause may have come in the middle of a frame */
		p->reading.block = block_unref(p->reading.block);
	inbox_trim(&p->consumer->client->connection.in);
	partition_set_awake(p, false);
}

/* Up to max messages of one frame: their number, 0, or an error. */
static int take_some(struct kg_partition *p, struct kg_message *m, size_t max)
{
	size_t n = 0;
	int r;

	while (n < max && (r = take(p, &m[n]))) {
		if (r < 0)
			return r;
		n++;
	}
	return (int)n;
}

static bool has_more(const struct kg_partition *p)
{
	return p->reading.reader.left || !STAILQ_EMPTY(&p->queue);
}

/* Whatever comes of it, the messages of the call before are let go of. */
static int take_batch(struct kg_partition *p, struct kg_message *m, size_t max)
{
	int r = 0;

	if (p->claim)
		p->epoch = p->claim->epoch;
	if (p->ended || p->closing || p->claim->paused) {
		let_go(p);
		return p->ended;
	}
	while (!r) {
		r = take_some(p, m, max);
		if (!r && !open_next(p))
			break;
	}
	if (r > 0)
		partition_set_awake(p, has_more(p));
	if (!r)
		let_go(p);
	if (r >= 0)
		partition_tell_credit(p);
	return r;
}

/* The text of what went wrong stays with the handle, since other threads go on. */
static int answer(struct kg_partition *p, int r)
{
	if (r >= 0)
		return r;
	if (p->consumer->error.code == r)
		p->error = p->consumer->error;
	else
		error_set(&p->error, r, "%s", kg_strerror(r));
	return r;
}

static int check_messages(struct kg_partition *p, const struct kg_message *m)
{
	return m ? 0
		 : error_set(&p->consumer->error, KG_ERR_ARGUMENT, "the message may not be NULL");
}

/* Nothing was there: the daemon hears all that it should. What finds no memory is tried again. */
static int next_batch(struct kg_partition *p, struct kg_message *m, size_t max)
{
	int r = check_messages(p, m);

	if (!r)
		r = keep_up(p->consumer);
	if (!r)
		r = take_batch(p, m, max < INT_MAX ? max : INT_MAX);
	if (!r)
		session_send(p->consumer->client);
	return r;
}

int kg_partition_next_batch(struct kg_partition *p, struct kg_message *m, size_t max)
{
	CONSUMER_LOCK(p ? p->consumer : NULL);
	int r = check(p);

	if (r || !max)
		return r;
	r = next_batch(p, m, max);
	if (!r)
		p->blocking = false;
	return answer(p, r);
}

int kg_partition_next(struct kg_partition *p, struct kg_message *m)
{
	return kg_partition_next_batch(p, m, 1);
}

static int receive(struct kg_partition *p, struct kg_message *m, int timeout_ms)
{
	uint64_t deadline_us = deadline_of(timeout_ms);
	struct kg_consumer *c = p->consumer;
	int r;

	p->blocking = timeout_ms != 0;
	r = next_batch(p, m, 1);
	while (!r) {
		r = session_turn_of(c, false);
		if (!r || p->ended)
			r = take_batch(p, m, 1);
		if (r || clock_now_us() >= deadline_us)
			break;
		if (sharing_sleep(c->client, p, deadline_us))
			break;
		r = take_batch(p, m, 1);
	}
	return r;
}

int kg_partition_receive(struct kg_partition *p, struct kg_message *m, int timeout_ms)
{
	CONSUMER_LOCK(p ? p->consumer : NULL);
	int r = check(p);

	return r ? r : answer(p, receive(p, m, timeout_ms));
}

/* ---- errors ---------------------------------------------------------------------------------- */

int kg_partition_next_error(struct kg_partition *p, struct kg_error *error)
{
	CONSUMER_LOCK(p ? p->consumer : NULL);
	struct kg_event event;

	if (check(p) || !error || !events_next(&p->errors, &event))
		return 0;
	*error = event.error;
	return 1;
}

const struct kg_error *kg_partition_error(const struct kg_partition *p)
{
	return p ? &p->error : kg_consumer_error(NULL);
}
