/* SPDX-License-Identifier: MIT */
/*
 * Delivery: messages out of received frames into the application's hand.
 *
 * The hot path. A frame is opened once, then each message is one step of the batch reader: nothing
 * is copied or looked up, and the kernel is asked every 10 ms at most. The block of the last
 * message is pinned by one reference until the next call. Frames are judged when they are opened,
 * not when they come: by then their claim may be released (discarded), in a new epoch (discarded)
 * or paused (set aside: copied, so that a quiet claim does not hold large blocks). What is handed
 * out, discarded or set aside returns its credit, once. Messages that were set aside come first
 * after the resume.
 *
 * A message that breaks the protocol ends the consumer. Called by the application (next) and by
 * session.c and frames.c; it leaves the socket to session_turn().
 */
#include "client-lib/c/src/delivery.h"

#include "client-lib/c/src/clock.h"
#include "client-lib/c/src/error.h"
#include "client-lib/c/src/partition.h"
#include "client-lib/c/src/session.h"

#include <limits.h>
#include <stdlib.h>

enum { TURN_MS = 10 };

/* ---- what is not handed out ------------------------------------------------------------------ */

static int violated(struct kg_consumer *c)
{
	error_set(&c->error, KG_ERR_PROTOCOL, "the daemon sent a malformed message");
	return consumer_end(c, KG_ERR_PROTOCOL);
}

/* Walks to the end and returns the credit of all. */
static int discard(struct kg_consumer *c, struct kgp_batch_reader *reader, bool credited)
{
	struct kgp_record record;
	int r;

	while ((r = kgp_batch_next(reader, &record)) > 0)
		if (!credited)
			credit_return(&c->credit, 1, kgp_record_credit(&record));
	return r < 0 ? violated(c) : 0;
}

static struct aside *copy_aside(const struct kgp_batch_reader *reader, uint64_t epoch,
				uint64_t taken_us)
{
	size_t n = (size_t)(reader->c.end - reader->c.at);
	struct aside *a = malloc(sizeof(*a));
	struct block *b = block_new(n);

	if (!a || !b) {
		free(a);
		block_unref(b);
		return NULL;
	}
	memcpy(b->data, reader->c.at, n);
	*a = (struct aside){.reader = *reader, .epoch = epoch, .taken_us = taken_us, .block = b};
	a->reader.c.at = b->data;
	a->reader.c.end = b->data + n;
	return a;
}

static int set_frame_aside(struct kg_consumer *c, struct claim *claim,
			   struct kgp_batch_reader *reader, const struct kgp_messages *head)
{
	struct aside *a = copy_aside(reader, head->epoch, head->taken_us);

	if (!a)
		return error_set(&c->error, KG_ERR_MEMORY,
				 "no memory for messages of a paused partition");
	STAILQ_INSERT_TAIL(&claim->aside, a, link);
	return discard(c, reader, false);
}

int delivery_set_aside(struct kg_consumer *c, struct claim *claim)
{
	struct delivery *d = &c->delivery;
	struct aside *a;

	if (c->partitions)
		return 0; /* it stays where it is: the credit is the partition's own */
	claims_set_waiting(&c->claims, claim, false);
	if (d->claim != claim || !d->reader.left)
		return 0;
	a = copy_aside(&d->reader, d->epoch, d->taken_us);
	if (!a)
		return error_set(&c->error, KG_ERR_MEMORY,
				 "no memory for messages of a paused partition");
	STAILQ_INSERT_HEAD(&claim->aside, a, link);
	return discard(c, &d->reader, d->credited);
}

int delivery_void(struct kg_consumer *c, struct claim *claim)
{
	struct delivery *d = &c->delivery;
	int r = 0;

	if (c->partitions)
		return claim->partition ? partition_void(claim->partition) : 0;
	claim_drop_aside(&c->claims, claim);
	if (d->claim == claim) {
		r = discard(c, &d->reader, d->credited);
		d->claim = NULL;
	}
	return r;
}

void delivery_reset(struct kg_consumer *c)
{
	c->delivery.reader = (struct kgp_batch_reader){0};
	c->delivery.claim = NULL;
}

void delivery_let_go(struct kg_consumer *c)
{
	c->delivery.block = block_unref(c->delivery.block);
	inbox_trim(&c->client->connection.in);
}

bool delivery_is_pending(const struct kg_consumer *c)
{
	return c->delivery.reader.left || c->client->connection.in.unread_bytes ||
	       !TAILQ_EMPTY(&c->claims.resumed);
}

/* ---- the next frame -------------------------------------------------------------------------- */

/* Looks at the oldest frame: 1 it can be handed out and is opened, 0 it is dealt with, or an error.
 */
static int judge(struct kg_consumer *c, const struct frame *f, struct claim **claim,
		 struct kgp_batch_reader *reader, struct kgp_messages *head)
{
	int r = kgp_batch_open(reader, f->body, f->body_bytes, head);

	if (r < 0)
		return violated(c);
	*claim = index_find(&c->claims.by_id, (uint32_t)head->claim);
	if (!*claim || (*claim)->state != CLAIM_HELD || (*claim)->epoch != head->epoch ||
	    c->closing)
		r = discard(c, reader, false);
	else if ((*claim)->paused)
		r = set_frame_aside(c, *claim, reader, head);
	else
		return 1;
	if (!r)
		inbox_drop(&c->client->connection.in, f);
	return r;
}

static int find_frame(struct kg_consumer *c, struct frame *f, struct claim **claim,
		      struct kgp_batch_reader *reader, struct kgp_messages *head)
{
	int r = 0;

	while (!r && inbox_peek(&c->client->connection.in, f))
		r = judge(c, f, claim, reader, head);
	return r;
}

int delivery_skim(struct kg_consumer *c)
{
	struct kgp_batch_reader reader;
	struct kgp_messages head;
	struct claim *claim;
	struct frame f;
	int r;

	if (c->partitions)
		return partition_route(c);
	if (c->delivery.reader.left)
		return 0;
	r = find_frame(c, &f, &claim, &reader, &head);
	return r < 0 ? r : 0;
}

static void open_aside(struct kg_consumer *c, struct claim *claim)
{
	struct aside *a = STAILQ_FIRST(&claim->aside);
	struct delivery *d = &c->delivery;

	block_unref(d->block);
	*d = (struct delivery){a->reader, claim, a->epoch, a->taken_us, true, a->block};
	STAILQ_REMOVE_HEAD(&claim->aside, link);
	free(a);
	if (STAILQ_EMPTY(&claim->aside))
		claims_set_waiting(&c->claims, claim, false);
}

/* 1: the reader has a new frame; 0: there is none; or an error. */
static int open_next(struct kg_consumer *c)
{
	struct claim *claim = TAILQ_FIRST(&c->claims.resumed);
	struct delivery *d = &c->delivery;
	struct kgp_batch_reader reader;
	struct kgp_messages head;
	struct frame f;
	int r;

	if (claim) {
		open_aside(c, claim);
		return 1;
	}
	r = find_frame(c, &f, &claim, &reader, &head);
	if (r <= 0)
		return r;
	block_unref(d->block);
	*d = (struct delivery){reader, claim, head.epoch, head.taken_us, false, block_ref(f.block)};
	inbox_drop(&c->client->connection.in, &f);
	return 1;
}

/* ---- messages -------------------------------------------------------------------------------- */

/* One message of the open frame: 1, 0 at its end, or an error. */
static inline int take(struct kg_consumer *c, struct kg_message *m)
{
	struct delivery *d = &c->delivery;
	struct kgp_record record;
	int r = kgp_batch_next(&d->reader, &record);

	if (r <= 0)
		return r ? violated(c) : 0;
	delivery_fill(m, d, &record);
	d->claim->handed = record.offset;
	if (!d->credited)
		credit_return(&c->credit, 1,
			      record.headers.n ? kgp_record_credit(&record)
					       : record.key.size + record.value.size);
	return 1;
}

/* Nothing is there: let go of the last message, and let the daemon know all that it should. */
static int rest(struct kg_consumer *c)
{
	delivery_let_go(c);
	session_send(c->client); /* what finds no memory now is tried again by the next turn */
	return 0;
}

/*
 * A slow handler may take minutes to empty what is buffered: all the same its marks are sent, and a
 * release is heard of, a hundred times a second.
 */
static int keep_up(struct kg_consumer *c)
{
	return clock_coarse_ms() - c->client->turned_ms < TURN_MS ? 0 : session_turn_of(c, false);
}

static int mode_is_wrong(struct kg_consumer *c)
{
	CONSUMER_LOCK(c);
	int r = consumer_check(c);

	return r ? r
		 : error_set(&c->error, KG_ERR_ARGUMENT,
			     "in partitions mode messages come by kg_partition_next()");
}

int kg_consumer_next(struct kg_consumer *c, struct kg_message *m)
{
	int r;

	if (c && c->partitions)
		return mode_is_wrong(c);
	r = consumer_check(c);

	if (!r)
		r = keep_up(c);
	if (r)
		return r;
	if (!m)
		return error_set(&c->error, KG_ERR_ARGUMENT, "the message may not be NULL");
	while (!(r = take(c, m)))
		if ((r = open_next(c)) <= 0)
			return r ? r : rest(c);
	return r;
}

int kg_consumer_next_batch(struct kg_consumer *c, struct kg_message *m, size_t max)
{
	size_t n = 1;
	int r;

	if (!max && !(c && c->partitions))
		return consumer_check(c);
	r = kg_consumer_next(c, m);
	if (r <= 0)
		return r;
	for (; n < max && n < INT_MAX && c->delivery.reader.left; n++)
		if ((r = take(c, &m[n])) <= 0)
			return r;
	return (int)n;
}
