/* SPDX-License-Identifier: MIT */
/*
 * Partitions mode: a claim as a stream of its own.
 *
 * A struct kg_partition is made with ASSIGN and lives until the application frees it, longer than
 * its claim. Both point to each other while the claim is there. It owns what is received of its
 * claim and unread, its credit, and its errors. All of it is under the lock of sharing.c.
 *
 *	one message	A turn reads the socket; frames.c checks MESSAGES against the credit of
 *			this partition and keeps the frame. At the turn's end partition_route() puts
 *			it into the partition's queue and wakes who waits for it. That thread opens
 *			the frame (partition_take.c) and takes message by message; half of the
 *window taken, and the partition goes on the list of those with credit to grant. one release
 *RELEASE voids the queue and completes the stream: receiving answers KG_ERR_RELEASED. The claim is
 *still there, so marks count; the last mark, or kg_partition_free(), sends DONE. RELEASED takes the
 *claim away. one lost	All streams complete, their claims become orphans that keep their marks for
 *	connection	RESUME; a mark on the old handle still finds the orphan. After the reconnect
 *			ASSIGN makes new partitions.
 *	one close	kg_partition_close_start() voids the queue and sends CLAIM_CLOSE behind the
 *			marks; RELEASE and RELEASED follow as for any release.
 *
 * A partition that nobody reads stalls nobody: the socket is emptied at every turn, and what waits
 * here is bounded by its credit. Messages are not copied while their frame is a good part of
 * the block that it was received in; a smaller one is, so that unread messages pin at most
 * PINNED times their own size.
 *
 * Called by frames.c, session.c and delivery.c; partition_take.c and partition_close.c are the
 * application's side. It must never sleep.
 */
#include "client-lib/c/src/partition.h"

#include "client-lib/c/src/error.h"
#include "client-lib/c/src/sharing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PINNED = 4, MAX_ERRORS = 32 };

/* ---- life ------------------------------------------------------------------------------------ */

static int set_public(struct kg_partition *p, const struct kgp_assign *a, const char *topic)
{
	char *metadata = NULL;

	if (a->metadata.data) {
		metadata = malloc(a->metadata.size + 1);
		if (!metadata)
			return -ENOMEM;
		memcpy(metadata, a->metadata.data, a->metadata.size);
		metadata[a->metadata.size] = 0;
	}
	p->public = (struct kg_claim){
		.topic = topic,
		.partition = (int32_t)a->partition,
		.initial = a->initial,
		.start = a->start,
		.committed = a->committed,
		.metadata = metadata,
		.metadata_bytes = a->metadata.size,
		.high = a->high,
		.marked = -1,
	};
	return 0;
}

struct kg_partition *partition_new(struct kg_consumer *c, const struct kgp_assign *a)
{
	const char *topic = claims_topic(&c->claims, a->topic);
	struct kg_partition *p = topic ? calloc(1, sizeof(*p)) : NULL;

	if (!p)
		return NULL;
	if (set_public(p, a, topic)) {
		free(p);
		return NULL;
	}
	p->consumer = c;
	p->credit.window_messages = c->credit.window_messages;
	p->credit.window_bytes = c->credit.window_bytes;
	STAILQ_INIT(&p->queue);
	events_init(&p->errors);
	p->errors.max = MAX_ERRORS;
	TAILQ_INSERT_TAIL(&c->partitions->arrived, p, link);
	return p;
}

void partition_begin(struct kg_partition *p, struct claim *claim)
{
	p->claim = claim;
	claim->partition = p;
	p->handle = claim->handle;
	p->epoch = claim->epoch;
	p->consumer->partitions->fresh = true;
	partition_tell_credit(p);
	sharing_wake(p->consumer->client, NULL);
}

static void drop_queue(struct kg_partition *p)
{
	struct aside *a;

	while ((a = STAILQ_FIRST(&p->queue))) {
		STAILQ_REMOVE_HEAD(&p->queue, link);
		block_unref(a->block);
		free(a);
	}
	p->reading.reader = (struct kgp_batch_reader){0};
}

static void forget_credit(struct kg_partition *p)
{
	if (p->credited)
		TAILQ_REMOVE(&p->consumer->partitions->credited, p, credited_link);
	p->credited = false;
}

void partition_free(struct kg_partition *p)
{
	struct partitions *s = p->consumer->partitions;

	if (p->claim)
		p->claim->partition = NULL;
	drop_queue(p);
	block_unref(p->reading.block);
	forget_credit(p);
	partition_set_awake(p, false);
	if (p->taken)
		TAILQ_REMOVE(&s->taken, p, link);
	else
		TAILQ_REMOVE(&s->arrived, p, link);
	events_deinit(&p->errors);
	free((void *)(uintptr_t)p->public.metadata);
	free(p);
}

/* ---- what is new ----------------------------------------------------------------------------- */

void partition_set_awake(struct kg_partition *p, bool awake)
{
	struct partitions *s = p->consumer->partitions;

	if (p->awake == awake || (awake && (p->blocking || !p->taken)))
		return;
	p->awake = awake;
	if (awake)
		TAILQ_INSERT_TAIL(&s->awake, p, awake_link);
	else
		TAILQ_REMOVE(&s->awake, p, awake_link);
}

static void rouse(struct kg_partition *p)
{
	partition_set_awake(p, true);
	sharing_wake(p->consumer->client, p);
}

void partition_resume(struct kg_partition *p)
{
	if (p->reading.reader.left || !STAILQ_EMPTY(&p->queue))
		rouse(p);
}

void partition_push_error(struct kg_partition *p, const struct event *e, struct kgp_bytes text)
{
	events_push(&p->errors, e, text);
	partition_set_awake(p, true);
}

bool partitions_have_news(const struct kg_consumer *c)
{
	return c->partitions && (c->partitions->fresh || !TAILQ_EMPTY(&c->partitions->awake));
}

void partitions_seen(struct kg_consumer *c)
{
	c->partitions->fresh = false;
	while (!TAILQ_EMPTY(&c->partitions->awake))
		partition_set_awake(TAILQ_FIRST(&c->partitions->awake), false);
}

/* ---- credit ---------------------------------------------------------------------------------- */

bool partition_receive_credit(struct kg_partition *p, uint64_t n_messages)
{
	return credit_receive(&p->credit, n_messages);
}

void partition_tell_credit(struct kg_partition *p)
{
	if (p->credited || p->ended || p->closing || !credit_due(&p->credit, false))
		return;
	p->credited = true;
	TAILQ_INSERT_TAIL(&p->consumer->partitions->credited, p, credited_link);
}

static int put_credit(struct kg_partition *p)
{
	struct credit before = p->credit;
	struct kgp_credit frame = {.claim = p->claim->id};

	credit_grant(&p->credit);
	frame.messages = p->credit.granted_messages;
	frame.bytes = p->credit.granted_bytes;
	if (connection_put(&p->consumer->client->connection, KGP_T_credit, &frame)) {
		p->credit = before;
		return -ENOMEM;
	}
	forget_credit(p);
	return 0;
}

int partitions_put_credit(struct kg_consumer *c)
{
	struct kg_partition *p;
	int r = 0;

	while (!r && !c->closing && (p = TAILQ_FIRST(&c->partitions->credited)) &&
	       connection_has_room(&c->client->connection))
		r = put_credit(p);
	return r;
}

/* ---- received frames ------------------------------------------------------------------------- */

static int violated(struct kg_consumer *c)
{
	error_set(&c->error, KG_ERR_PROTOCOL, "the daemon sent a malformed message");
	return consumer_end(c, KG_ERR_PROTOCOL);
}

/* Where the frame may stay: its own block, or a copy of what would pin too much. */
static struct block *block_for(const struct frame *f, const uint8_t **at, size_t n_bytes)
{
	struct block *b;

	if (f->body_bytes >= f->block->cap / PINNED)
		return block_ref(f->block);
	b = block_new(n_bytes);
	if (b)
		*at = memcpy(b->data, *at, n_bytes);
	return b;
}

static int enqueue(struct kg_partition *p, const struct frame *f,
		   const struct kgp_batch_reader *reader, const struct kgp_messages *head)
{
	size_t n_bytes = (size_t)(reader->c.end - reader->c.at);
	struct aside *a = malloc(sizeof(*a));
	const uint8_t *at = reader->c.at;
	struct block *b = a ? block_for(f, &at, n_bytes) : NULL;

	if (!b) {
		free(a);
		return error_set(&p->consumer->error, KG_ERR_MEMORY,
				 "no memory for messages of a partition");
	}
	*a = (struct aside){
		.reader = *reader, .epoch = head->epoch, .taken_us = head->taken_us, .block = b};
	a->reader.c.at = at;
	a->reader.c.end = at + n_bytes;
	STAILQ_INSERT_TAIL(&p->queue, a, link);
	rouse(p);
	return 0;
}

static int discard(struct kg_partition *p, struct kgp_batch_reader *reader)
{
	struct kgp_record record;
	int r;

	while ((r = kgp_batch_next(reader, &record)) > 0)
		credit_return(&p->credit, 1, kgp_record_credit(&record));
	return r < 0 ? violated(p->consumer) : 0;
}

/* One frame, to its partition if that still wants it. */
static int route(struct kg_consumer *c, const struct frame *f)
{
	struct kgp_batch_reader reader;
	struct kgp_messages head;
	struct kg_partition *p;
	struct claim *claim;
	int r;

	if (kgp_batch_open(&reader, f->body, f->body_bytes, &head) < 0)
		return violated(c);
	claim = index_find(&c->claims.by_id, (uint32_t)head.claim);
	p = claim ? claim->partition : NULL;
	if (!p || p->ended || p->closing)
		return 0;
	if (claim->epoch == head.epoch)
		return enqueue(p, f, &reader, &head);
	r = discard(p, &reader);
	if (!r)
		partition_tell_credit(p);
	return r;
}

int partition_route(struct kg_consumer *c)
{
	struct frame f;
	int r;

	while (inbox_peek(&c->client->connection.in, &f)) {
		r = route(c, &f);
		if (r)
			return r;
		inbox_drop(&c->client->connection.in, &f);
	}
	return 0;
}

/* ---- the end of the unread ------------------------------------------------------------------- */

/* What is void counts as taken, so its credit comes back. */
int partition_void(struct kg_partition *p)
{
	struct aside *a;
	int r = discard(p, &p->reading.reader);

	for (a = STAILQ_FIRST(&p->queue); a && !r; a = r ? NULL : STAILQ_NEXT(a, link))
		r = discard(p, &a->reader);
	if (r)
		return r; /* the consumer has ended, and this with it */
	drop_queue(p);
	partition_tell_credit(p);
	return 0;
}

void partition_complete(struct kg_partition *p, int code)
{
	if (!p->ended)
		p->ended = code;
	drop_queue(p);
	forget_credit(p);
	if (p->taken)
		rouse(p);
	else
		partition_free(p); /* nobody has seen it */
}

void partition_detach(struct claim *claim)
{
	struct kg_partition *p = claim->partition;

	if (!p)
		return;
	claim->partition = NULL;
	p->claim = NULL;
	partition_complete(p, KG_ERR_RELEASED);
}

static void end_all(struct kg_consumer *c, struct partition_queue *queue, int code)
{
	struct kg_partition *p, *next;

	for (p = TAILQ_FIRST(queue); p; p = next) {
		next = TAILQ_NEXT(p, link);
		if (p->claim)
			p->claim->partition = NULL;
		p->claim = NULL;
		partition_complete(p, code);
	}
}

void partitions_end(struct kg_consumer *c, int code)
{
	end_all(c, &c->partitions->arrived, code);
	end_all(c, &c->partitions->taken, code);
	sharing_wake_all(c->client);
}

int partitions_init(struct kg_consumer *c)
{
	struct partitions *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	TAILQ_INIT(&s->arrived);
	TAILQ_INIT(&s->taken);
	TAILQ_INIT(&s->awake);
	TAILQ_INIT(&s->credited);
	r = sharing_init(c->client);
	if (r)
		free(s);
	else
		c->partitions = s;
	return r;
}

void partitions_deinit(struct kg_consumer *c)
{
	struct partitions *s = c->partitions;

	if (!s)
		return;
	while (!TAILQ_EMPTY(&s->arrived))
		partition_free(TAILQ_FIRST(&s->arrived));
	while (!TAILQ_EMPTY(&s->taken))
		partition_free(TAILQ_FIRST(&s->taken));
	free(s->view);
	free(s);
	c->partitions = NULL;
}

/* ---- answers --------------------------------------------------------------------------------- */

/* A claim that has ended meanwhile is what was asked for: RELEASED says it. */
static void on_close_reply(struct kg_partition *p, const struct kgp_reply *m)
{
	p->close_request = 0;
	if (!m->code || m->code == KGP_E_NO_CLAIM)
		return;
	error_of_daemon(&p->close_error, m->code, m->text);
	p->closing = false;
	if (p->claim)
		p->claim->close_due = p->claim->close_sent = p->claim->done_due = false;
	sharing_wake(p->consumer->client, p);
}

bool partitions_answer(struct kg_consumer *c, const struct kgp_reply *m)
{
	struct kg_partition *p;

	TAILQ_FOREACH (p, &c->partitions->taken, link) {
		if (!p->close_request || p->close_request != m->request)
			continue;
		on_close_reply(p, m);
		return true;
	}
	return false;
}
