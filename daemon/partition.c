/* SPDX-License-Identifier: MIT */
/*
 * A partition that Kafka has given to this daemon.
 *
 * Owns its queue, its offsets, and messages that were taken from the queue but could not be sent
 * (the carry). It is born by an assign of the group and dies by a revoke; claims on it come and go
 * meanwhile. Invariants: nothing below `next` is ever handed out; the carry is sent before the
 * queue is read again and is dropped when delivery moves; a seek waits while the fetcher may lose
 * it in silence (after an assign that replaced another, until its first message or a second has
 * passed). Not reading the queue is the back-pressure. Called by membership.c (birth, death),
 * claim.c (where to start) and delivery.c (take).
 */
#include "daemon/partition.h"

#include "daemon/claim.h"
#include "daemon/daemon.h"
#include "daemon/group.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	HIGH_US = 100000,	/* a high water mark is looked at again after so long */
	HIGH_NEWS_US = 2000000, /* while its queue was read within so long */
	HOLD_US = 1000000,	/* a seek after a replacing assign waits this long at most */
	STEADY_US = 1500000,	/* a position is believed after so long */
	CLOSED_BY_MOST = 64,
};

size_t partition_key_init(struct partition_key *key, const char *topic, int32_t id)
{
	size_t size = strlen(topic);

	if (size > KGP_MAX_TOPIC)
		return 0;
	key->id = id;
	memcpy(key->topic, topic, size + 1);
	return offsetof(struct partition_key, topic) + size;
}

struct partition *partition_new(struct group *g, const char *topic, int32_t id)
{
	struct partition *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	*p = (struct partition){.group = g, .id = id, .topic = p->key.topic};
	partition_key_init(&p->key, topic, id);
	offsets_init(&p->offsets);
	p->initial = KAFKA_OFFSET_NONE;
	p->next = p->want = p->earliest = p->end = p->high = p->position = p->highest_sent = -1;
	p->progress.position = p->progress.mark = -2; /* the first look sets the clocks */
	p->average_bytes = 1024;
	return p;
}

struct partition *partition_free(struct partition *p)
{
	if (!p)
		return NULL;
	assert(!p->claim);
	partition_detach(p);
	if (p->hold_timer)
		event_free(p->hold_timer);
	free(p->closed_by);
	offsets_deinit(&p->offsets);
	free(p);
	return NULL;
}

/* What an earlier assign has left is void and counts as queued all the same: old libraries sleep up
 * to a second over a queue that is full of it. Nothing fills it before the assign. */
static void drop_left(struct partition *p)
{
	struct kafka_message m;

	while (kafka_queue_take(p->queue, &m, 1))
		kafka_message_deinit(&m);
}

int partition_attach(struct partition *p, struct kafka *k)
{
	partition_detach(p);
	p->queue = kafka_queue_open(k, p->topic, p->id, p);
	if (!p->queue)
		return -ENOMEM;
	if (p->state != PARTITION_ACTIVE) /* else it is fetched, and would go on behind them */
		drop_left(p);
	return 0;
}

void partition_detach(struct partition *p)
{
	partition_drop_carry(p);
	kafka_queue_close(p->queue);
	p->queue = NULL;
	p->paused_us = 0; /* a new assign starts unpaused */
}

void partition_drop_carry(struct partition *p)
{
	for (; p->carry_at < p->n_carry; p->carry_at++)
		kafka_message_deinit(&p->carry[p->carry_at]);
	free(p->carry);
	p->carry = NULL;
	p->carry_at = p->n_carry = 0;
}

void partition_start_at(struct partition *p, int64_t offset)
{
	partition_drop_carry(p);
	if (p->hold_timer)
		evtimer_del(p->hold_timer);
	p->next = offset;
	p->want = -1;
	p->hold_until_us = now_us() + HOLD_US;
	p->last_taken_us = now_us();
}

/* What was queued counts as queued until the next take frees it: see on_empty(). */
static void seek(struct partition *p, int64_t offset)
{
	p->want = -1;
	p->next = offset;
	if (!p->queue)
		return;
	kafka_queue_seek(p->queue, offset);
	p->was_voided |= kafka_queue_length(p->queue) > 1;
}

/* Who holds it then tries: check_hold() seeks. */
static void on_hold_over(evutil_socket_t fd, short what, void *arg)
{
	struct partition *p = arg;

	p->hold_until_us = 0;
	if (p->claim)
		claim_set_runnable(p->claim);
}

/* Without a timer it is due with the next message or the next credit. */
static void hold_seek(struct partition *p, int64_t offset)
{
	uint64_t left_us = p->hold_until_us - now_us();
	struct timeval tv = {(time_t)(left_us / 1000000), (suseconds_t)(left_us % 1000000)};

	p->want = offset;
	if (!p->hold_timer)
		p->hold_timer = evtimer_new(p->group->daemon->base, on_hold_over, p);
	if (p->hold_timer)
		evtimer_add(p->hold_timer, &tv);
}

void partition_move_to(struct partition *p, int64_t offset)
{
	partition_drop_carry(p);
	p->n_samples = 0;
	if (p->want < 0 && offset == p->next)
		return;
	if (now_us() < p->hold_until_us)
		hold_seek(p, offset);
	else
		seek(p, offset);
}

/*
 * A held seek is due when a message shows that the fetcher runs, or when the time is up. true: it
 * was made, and what was taken before is void.
 */
static bool check_hold(struct partition *p, bool has_message)
{
	if (has_message || (p->hold_until_us && now_us() >= p->hold_until_us))
		p->hold_until_us = 0;
	if (p->want < 0 || p->hold_until_us)
		return false;
	seek(p, p->want);
	return true;
}

static void on_error(struct partition *p, const struct kafka_message *m)
{
	if (m->error_class == KAFKA_ERROR_RANGE) {
		membership_on_range_error(p);
		return;
	}
	p->failing = true;
	group_on_error(p->group,
		       m->error_class == KAFKA_ERROR_TOPIC ? KGP_E_UNKNOWN_TOPIC : KGP_E_KAFKA,
		       "partition", p->topic, p->id, "%s", m->error);
}

/* Its messages come again. Errors of other kinds come as long as they last: group_tick() sees their
 * end. */
static void on_healed(struct partition *p)
{
	struct group *g = p->group;

	p->failing = false;
	if (g->error_code == KGP_E_UNKNOWN_TOPIC && !strcmp(g->error_topic, p->topic))
		group_clear_error(g);
}

/* Keeps what may be handed out, in order, and throws the rest away. */
static size_t filter(struct partition *p, struct kafka_message *m, size_t n)
{
	bool moved = false;
	size_t i, kept = 0;

	for (i = 0; i < n; i++) {
		if (m[i].error)
			on_error(p, &m[i]);
		else
			moved |= check_hold(p, true);
		if (m[i].error || moved || m[i].record.offset < p->next) {
			kafka_message_deinit(&m[i]);
			continue;
		}
		p->next = m[i].record.offset + 1;
		m[kept++] = m[i];
	}
	if (kept)
		offsets_on_popped(&p->offsets, p->next - 1);
	if (kept && p->failing && !m[n - 1].error)
		on_healed(p);
	return kept;
}

static size_t take_carry(struct partition *p, struct kafka_message *out, size_t max)
{
	size_t n = p->n_carry - p->carry_at;

	if (n > max)
		n = max;
	memcpy(out, p->carry + p->carry_at, n * sizeof(*out));
	p->carry_at += (uint32_t)n;
	if (p->carry_at == p->n_carry)
		partition_drop_carry(p);
	return n;
}

/*
 * Old libraries sleep up to a second before they refill a queue that had reached its bounds and ran
 * empty: a seek to where we are wakes them.
 */
static void on_empty(struct partition *p)
{
	p->idle = true;
	if (kafka_needs_kick(p->group->kafka, p->was_voided ? UINT64_MAX : p->n_taken,
			     p->taken_bytes) &&
	    now_us() >= p->hold_until_us)
		kafka_queue_seek(p->queue, p->next);
	p->was_voided = false;
	p->n_taken = p->taken_bytes = 0;
}

size_t partition_take(struct partition *p, struct kafka_message *out, size_t max)
{
	uint64_t now = now_us();
	size_t n, i;

	if (p->n_carry)
		return take_carry(p, out, max);
	check_hold(p, false);
	n = kafka_queue_take(p->queue, out, max);
	if (!n) {
		on_empty(p);
		p->last_taken_us = now;
		return 0;
	}
	p->idle = false;
	p->position = -1;
	p->n_taken += n;
	for (i = 0; i < n; i++)
		p->taken_bytes += out[i].record.value.size;
	p->last_taken_us = now;
	return filter(p, out, n);
}

int partition_keep(struct partition *p, struct kafka_message *messages, size_t n)
{
	struct kafka_message *carry;

	if (p->n_carry) { /* it came from there: put it back */
		assert(p->carry_at >= n);
		p->carry_at -= (uint32_t)n;
		memcpy(p->carry + p->carry_at, messages, n * sizeof(*messages));
		return 0;
	}
	carry = malloc(n * sizeof(*carry));
	if (!carry)
		return -ENOMEM;
	memcpy(carry, messages, n * sizeof(*carry));
	p->carry = carry;
	p->carry_at = 0;
	p->n_carry = (uint32_t)n;
	return 0;
}

/*
 * Believed only when it stood for a while with nothing to take: librdkafka's own thread may pause
 * the partition for a rebalance in the middle of a take, and before 2.1.0 the position then counts
 * messages that it threw away. Within that while we hear of the rebalance.
 */
void partition_check_position(struct partition *p)
{
	int64_t position;

	if (!p->idle || !p->queue || p->want >= 0 || p->offsets.popped < 0)
		return;
	position = kafka_queue_position(p->queue);
	if (position != p->position) {
		p->position = position;
		p->position_since_us = now_us();
	} else if (position >= 0 && now_us() - p->position_since_us > STEADY_US) {
		offsets_on_position(&p->offsets, position);
	}
}

int64_t partition_get_next(const struct partition *p)
{
	if (p->want >= 0)
		return p->want;
	return p->n_carry ? p->carry[p->carry_at].record.offset : p->next;
}

/* A pause voids the queue, but only the next poll frees it. Resuming goes on behind what was taken
 * last. */
void partition_pause_for_memory(struct partition *p, bool pause)
{
	struct kafka_message m;

	if (!p->paused_us == !pause || !p->queue || now_us() < p->hold_until_us)
		return;
	if (kafka_pause(p->group->kafka, p->topic, p->id, pause))
		return;
	p->paused_us = pause ? now_us() : 0;
	while (pause && kafka_queue_take(p->queue, &m, 1)) {
		if (m.error)
			on_error(p, &m);
		kafka_message_deinit(&m);
	}
	if (!pause)
		kafka_queue_seek(p->queue, p->next);
}

void partition_set_ends(struct partition *p, int64_t earliest, int64_t end)
{
	p->earliest = earliest;
	p->ends_us = now_us();
	partition_set_end(p, end);
}

void partition_set_end(struct partition *p, int64_t end)
{
	p->end = end;
	p->end_us = now_us();
}

bool partition_has(struct partition *p, int64_t offset)
{
	return p->ends_us && now_us() - p->ends_us < PARTITION_ENDS_FRESH_US &&
	       offset >= p->earliest && offset <= partition_get_end(p);
}

/* librdkafka looks for a topic in a list of all, and knows news only of what is fetched: with 4,000
 * topics the loop stood still for seconds. */
int64_t partition_get_end(struct partition *p)
{
	uint64_t now = now_us();

	if (p->queue && now - p->last_taken_us < HIGH_NEWS_US && now - p->high_us > HIGH_US) {
		p->high = kafka_queue_high(p->queue);
		p->high_us = now;
	}
	return p->high > p->end ? p->high : p->end;
}

/* ---- who does not want it any more ----------------------------------------------------------- */

void partition_forget_consumer(struct partition *p, const uint8_t *id)
{
	unsigned i;

	for (i = 0; i < p->n_closed_by; i++)
		if (!memcmp(p->closed_by[i], id, KGP_ID_BYTES))
			break;
	if (i == p->n_closed_by)
		return;
	p->n_closed_by--;
	memmove(p->closed_by[i], p->closed_by[i + 1], (p->n_closed_by - i) * KGP_ID_BYTES);
}

/* By id, so that it lasts over a reconnect; the oldest give way to the newest. */
int partition_close_by(struct partition *p, const uint8_t *id)
{
	partition_forget_consumer(p, id);
	if (!p->closed_by)
		p->closed_by = calloc(CLOSED_BY_MOST, KGP_ID_BYTES);
	if (!p->closed_by)
		return -ENOMEM;
	if (p->n_closed_by == CLOSED_BY_MOST)
		partition_forget_consumer(p, p->closed_by[0]);
	memcpy(p->closed_by[p->n_closed_by++], id, KGP_ID_BYTES);
	return 0;
}

/* ---- how far behind -------------------------------------------------------------------------- */

/* Sparse: one of many is enough to tell seconds. */
void partition_sample(struct partition *p, int64_t offset, int64_t timestamp_ms)
{
	unsigned i, kept = 0;

	for (i = 0; i < p->n_samples;
	     i++) /* what is marked is not needed, but the last below the mark is */
		if (i + 1 == p->n_samples || p->samples[i + 1].offset > p->offsets.mark)
			p->samples[kept++] = p->samples[i];
	p->n_samples = kept;
	if (kept == PARTITION_N_SAMPLES) {
		for (i = 0; i < PARTITION_N_SAMPLES / 2; i++)
			p->samples[i] = p->samples[2 * i];
		p->n_samples = PARTITION_N_SAMPLES / 2;
	}
	p->samples[p->n_samples].offset = offset;
	p->samples[p->n_samples++].timestamp_ms = timestamp_ms;
}

int64_t partition_get_behind_ms(struct partition *p, int64_t now_ms)
{
	int64_t since = -1;
	unsigned i;

	if (p->offsets.resume >= 0 && p->offsets.resume >= partition_get_end(p))
		return 0;
	for (i = 0; i < p->n_samples && since < 0; i++)
		if (p->samples[i].offset > p->offsets.mark)
			since = p->samples[i].timestamp_ms;
	if (since < 0 && p->n_samples)
		since = p->samples[p->n_samples - 1].timestamp_ms;
	return since < 0 ? -1 : now_ms > since ? now_ms - since : 0;
}
