/* SPDX-License-Identifier: MIT */
/*
 * Delivery: from the queues of partitions to the sockets of consumers. The hot path.
 *
 * One turn serves one claim of one consumer: take at most 500 messages, as many as credit allows,
 * and about as many bytes as a frame should have; copy them into MESSAGES frames; free them. Claims
 * of a consumer take turns, and so do consumers, so that nobody waits for another's backlog. What
 * was taken and cannot be sent now is kept by the partition. A message larger than a batch travels
 * alone and uncopied, charged to its user. A user that has as many messages in flight as it may is
 * sent no more until it has marked: the queue is not read, as without credit. Owns one scratch
 * buffer for frames and one for headers; called by the pump on the loop's thread only.
 */
#include "daemon/claim.h"
#include "daemon/connection.h"
#include "daemon/consumer.h"
#include "daemon/daemon.h"
#include "daemon/group.h"
#include "proto/batch.h"
#include "proto/frame.h"

#include <stdio.h>

enum { TURN_MESSAGES = 500, RECORD_SLACK = 128 };

static struct kgp_buf frame, headers; /* memory is kept from turn to turn */

struct turn {
	struct claim *claim;
	struct credit *credit;
	struct kgp_messages head;
	struct kgp_batch batch;
	bool open; /* the batch has begun */
	size_t target;
};

static void begin(struct turn *t)
{
	kgp_buf_reset(&frame);
	kgp_batch_begin(&t->batch, &frame, &t->head);
	t->open = true;
}

static void flush(struct turn *t)
{
	if (!t->open)
		return;
	t->open = false;
	kgp_batch_end(&t->batch);
	if (frame.failed) /* no memory: the credit is spent, the client reconnects and gets them
			     again */
		connection_drop(t->claim->consumer->connection, "no memory");
	else
		connection_send_bytes(t->claim->consumer->connection, frame.data, frame.len);
}

/* What was sent counts: against the credit, and as handed out. */
static void account(struct turn *t, const struct kgp_record *r, uint64_t bytes)
{
	struct consumer *c = t->claim->consumer;
	struct partition *p = t->claim->partition;

	credit_take(t->credit, 1, bytes);
	c->delivered_messages++;
	c->delivered_bytes += bytes;
	offsets_on_sent(&p->offsets, r->offset);
	if (r->offset > p->highest_sent) {
		p->highest_sent = r->offset;
	} else {
		p->n_redelivered++;
		p->group->n_redelivered++;
	}
	p->average_bytes = (p->average_bytes * 15 + bytes + 15) / 16;
}

static void block(struct turn *t, const struct kgp_record *r, size_t size)
{
	struct claim *claim = t->claim;
	char text[256];

	claim->blocked = true;
	claim_unset_runnable(claim);
	snprintf(text, sizeof(text),
		 "the message at offset %lld needs a frame of %zu bytes, this client takes %u: the "
		 "claim is stopped there",
		 (long long)r->offset, size, claim->consumer->connection->max_frame);
	group_on_error(claim->consumer->group, KGP_E_MESSAGE_TOO_LARGE, "partition",
		       claim->partition->topic, claim->partition->id, "%s", text);
}

enum sent { SENT, SENT_LAST, NOT_SENT, BLOCKED };

static enum sent send_big(struct turn *t, struct kafka_message *m, uint64_t bytes)
{
	struct connection *c = t->claim->consumer->connection;
	struct kgp_record *r = &m->record;
	struct kgp_buf before = {0}, after = {0};
	size_t size;
	int r2;

	flush(t);
	kgp_batch_single(&before, &after, &t->head, r);
	size = before.len - KGP_FRAME_HEADER + r->value.size + after.len;
	if (size > c->max_frame) {
		block(t, r, size);
		r2 = BLOCKED;
	} else if (before.failed || !connection_has_room(c) ||
		   connection_send_big(c, &before, m, &after)) {
		r2 = NOT_SENT;
	} else {
		account(t, r, bytes);
		r2 = SENT_LAST;
	}
	kgp_buf_deinit(&before);
	kgp_buf_deinit(&after);
	return (enum sent)r2;
}

static enum sent send_one(struct turn *t, struct kafka_message *m)
{
	struct kgp_record *r = &m->record;
	uint64_t bytes = r->key.size + r->value.size;
	size_t size;

	kgp_buf_reset(&headers);
	r->headers = (struct kgp_list){.n = kafka_message_put_headers(m, &headers, &bytes)};
	r->headers.wire = headers.data;
	r->headers.wire_bytes = headers.len;
	if (headers.failed)
		return NOT_SENT;
	size = r->key.size + r->value.size + headers.len + RECORD_SLACK;
	if (size > t->target && r->value.data)
		return send_big(t, m, bytes);
	if (size > t->claim->consumer->connection->max_frame) {
		flush(t);
		block(t, r, size);
		return BLOCKED;
	}
	if (t->open && frame.len + size > t->target) {
		flush(t);
		if (!connection_has_room(t->claim->consumer->connection))
			return NOT_SENT;
	}
	if (!t->open)
		begin(t);
	kgp_batch_put(&t->batch, r);
	account(t, r, bytes);
	kafka_message_deinit(m);
	return credit_open(t->credit) ? SENT : SENT_LAST;
}

/* How many were sent; the rest is not freed. */
static size_t send_all(struct turn *t, struct kafka_message *m, size_t n, bool *blocked)
{
	enum sent sent = SENT;
	size_t i;

	for (i = 0; i < n && sent == SENT; i++) {
		sent = send_one(t, &m[i]);
		if (sent == NOT_SENT || sent == BLOCKED)
			break;
	}
	flush(t);
	*blocked = sent == BLOCKED;
	return i;
}

static size_t how_many(const struct turn *t)
{
	uint64_t n = credit_messages_left(t->credit), bytes = credit_bytes_left(t->credit);
	uint64_t left = quota_left(&t->claim->in_flight);
	const struct partition *p = t->claim->partition;
	size_t target = t->target;

	if (n > left)
		n = left;
	if (bytes > target)
		bytes = target;
	bytes = bytes / (p->average_bytes + 1) + 1;
	if (n > bytes)
		n = bytes;
	return n < TURN_MESSAGES ? n : TURN_MESSAGES;
}

/* What could not be sent waits in the partition; behind a message that can never be sent nothing
 * waits. */
static void put_back(struct claim *claim, struct kafka_message *m, size_t n, bool blocked)
{
	struct consumer *c = claim->consumer;
	int64_t offset = m->record.offset;
	size_t i;

	c->stalled = !blocked && connection_has_room(c->connection) &&
		     credit_open(claim_get_credit(claim));
	if (!blocked && !partition_keep(claim->partition, m, n))
		return;
	for (i = 0; i < n; i++)
		kafka_message_deinit(&m[i]);
	if (blocked)
		partition_drop_carry(claim->partition);
	else
		partition_move_to(claim->partition, offset);
}

/* Its user holds all it may: it goes on when enough was marked. */
static bool is_full(struct claim *claim)
{
	if (quota_left(&claim->in_flight))
		return false;
	quota_note_full(&claim->in_flight);
	claim->consumer->stalled = true;
	return true;
}

static void deliver(struct claim *claim)
{
	static struct kafka_message messages[TURN_MESSAGES];
	struct consumer *c = claim->consumer;
	struct partition *p = claim->partition;
	struct turn t = {
		.claim = claim, .credit = claim_get_credit(claim), .target = KGP_FRAME_TARGET};
	size_t n, sent;
	bool blocked;

	if (c->connection->max_frame < t.target)
		t.target = c->connection->max_frame;
	if (is_full(claim))
		return;
	if (p->paused_us)
		memory_on_read(p);
	n = partition_take(p, messages, how_many(&t));
	if (!n && p->idle) {
		claim_unset_runnable(claim);
		return;
	}
	t.head = (struct kgp_messages){
		.claim = claim->id, .epoch = claim->epoch, .taken_us = now_us()};
	if (n)
		partition_sample(p, messages[0].record.offset, messages[0].record.timestamp);
	sent = send_all(&t, messages, n, &blocked);
	claim_count_in_flight(claim);
	if (sent < n)
		put_back(claim, messages + sent, n - sent, blocked);
	if (t.credit == &claim->credit && !credit_open(t.credit))
		claim_unset_runnable(claim);
}

bool delivery_turn(struct consumer *c)
{
	struct claim *claim = TAILQ_FIRST(&c->runnable);

	if (!claim || !consumer_may_send(c))
		return false;
	TAILQ_REMOVE(&c->runnable, claim,
		     run_link); /* to the end: the others have their turn first */
	TAILQ_INSERT_TAIL(&c->runnable, claim, run_link);
	deliver(claim);
	return !TAILQ_EMPTY(&c->runnable) && consumer_may_send(c);
}
