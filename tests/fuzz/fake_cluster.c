/* SPDX-License-Identifier: MIT */
/*
 * A cluster in memory: its logs, its groups, and the answers that are under way.
 *
 * Four topics with three partitions. Which offsets are messages and which are gaps, as transactions
 * and compaction leave them, is a function of the place; some of the last topic are large. What the
 * daemon asks for becomes an answer that waits; it comes at once, or when the input says so, in any
 * order and with any outcome. fake_kafka.c and fake_helper.c are the daemon's side of it.
 */
#include "tests/fuzz/fake_inside.h"

#include "tests/fuzz/fake_loop.h"
#include "tests/fuzz/fuzz.h"

#include <event2/event.h>

struct fake_cluster cluster;
struct fake_handles fake_handles = TAILQ_HEAD_INITIALIZER(fake_handles);
struct fake_answers fake_answers = TAILQ_HEAD_INITIALIZER(fake_answers);
unsigned fake_n_objects;

static const char *const topics[N_TOPICS] = {"orders", "pay", "stock", "video"};
static const char *const group_ids[N_GROUPS] = {"g0", "g1", "g2", "dynamic"};

/* ---- places ---------------------------------------------------------------------------------- */

const char *place_topic(int place)
{
	return topics[place / N_PARTITIONS];
}

int place_find(const char *topic, int32_t partition)
{
	int i;

	for (i = 0; i < N_TOPICS; i++)
		if (!strcmp(topic, topics[i]) && partition >= 0 && partition < N_PARTITIONS)
			return i * N_PARTITIONS + partition;
	return -1;
}

int group_index(const char *group_id)
{
	int i;

	for (i = 0; i < N_GROUPS - 1; i++)
		if (!strcmp(group_id, group_ids[i]))
			return i;
	return i; /* all that clients make up are one */
}

/* The second topic has gaps, the third ends its batches with control records. */
bool place_has_message(int place, int64_t offset)
{
	switch (place / N_PARTITIONS) {
	case 1:
		return offset * 2654435761u % 7 > 2;
	case 2:
		return offset % 4 != 3;
	default:
		return true;
	}
}

int64_t place_first_message(int place, int64_t from)
{
	const struct place *p = &cluster.places[place];

	if (from < p->start)
		from = p->start;
	while (from < p->end && !place_has_message(place, from))
		from++;
	return from;
}

void cluster_reset(void)
{
	int i, g;

	cluster = (struct fake_cluster){.late = false};
	for (i = 0; i < N_PLACES; i++)
		for (g = 0; g < N_GROUPS; g++)
			cluster.places[i].committed[g] = -1;
	for (g = 0; g < N_GROUPS; g++)
		cluster.share[g] = (1u << N_PLACES) - 1;
}

/* ---- answers that wait ----------------------------------------------------------------------- */

static struct kafka_tp *copy_list(const struct kafka_tp *from, size_t n)
{
	struct kafka_tp *list = calloc(n + 1, sizeof(*list));
	size_t i;

	for (i = 0; i < n; i++) {
		list[i] = from[i];
		list[i].topic = strdup(from[i].topic);
		if (from[i].metadata.data)
			list[i].metadata.data =
				fuzz_copy(from[i].metadata.data, from[i].metadata.size);
	}
	return list;
}

void answer_free(struct answer *a)
{
	size_t i;

	TAILQ_REMOVE(&fake_answers, a, link);
	for (i = 0; i < a->n; i++) {
		free((char *)a->list[i].topic);
		free((void *)a->list[i].metadata.data);
	}
	free(a->list);
	free(a);
}

void answer_make_ready(struct answer *a, enum outcome outcome)
{
	a->ready = true;
	a->outcome = outcome;
	if (a->helper)
		helper_wake(a->helper);
}

struct answer *answer_new(enum kind kind, struct kafka *k, const struct kafka_tp *list, size_t n)
{
	struct answer *a = calloc(1, sizeof(*a));

	assert(a && !k->freeing); /* it was given to be freed: nobody may use it any more */
	*a = (struct answer){.kind = kind, .k = k, .list = copy_list(list, n), .n = n};
	TAILQ_INSERT_TAIL(&fake_answers, a, link);
	if (!cluster.late)
		answer_make_ready(a, ANSWER_OK);
	return a;
}

static struct answer *find_waiting(unsigned index)
{
	struct answer *a;

	TAILQ_FOREACH (a, &fake_answers, link)
		if (!a->ready && !index--)
			return a;
	return NULL;
}

unsigned cluster_count_answers(void)
{
	unsigned n = 0;

	while (find_waiting(n))
		n++;
	return n;
}

void cluster_answer(unsigned index, enum outcome outcome)
{
	struct answer *a = find_waiting(index);

	if (a)
		answer_make_ready(a, outcome);
}

/* ---- the group ------------------------------------------------------------------------------- */

/* What this member should have now. */
static uint32_t target_of(const struct kafka *k)
{
	uint32_t target = 0;
	int i;

	for (i = 0; i < N_PLACES; i++)
		if (k->subscribed & 1u << i / N_PARTITIONS)
			target |= 1u << i;
	return k->closing ? 0 : target & cluster.share[k->group];
}

static void tell_group_event(struct kafka *k, enum kind kind, uint32_t places)
{
	k->owes = kind == ASSIGN ? OWES_ASSIGN : OWES_REVOKE;
	k->told = false;
	k->revoked = places;
	answer_new(kind, k, NULL, 0)->places = places;
}

/* The next event of a rebalance, when the last one was answered. */
void handle_go_on(struct kafka *k)
{
	uint32_t target = target_of(k), lose = k->cooperative ? k->owned & ~target : k->owned;

	if (k->owes != OWES_NOTHING || k->freeing)
		return;
	if ((k->changed || k->closing) && lose) {
		tell_group_event(k, REVOKE, lose);
	} else if (k->closing) {
		if (!cluster.never_closes && !k->closed)
			answer_new(CLOSED, k, NULL, 0);
		k->closed = true;
	} else if (k->changed) {
		k->changed = false;
		if (k->subscribed)
			tell_group_event(k, ASSIGN, target & ~k->owned);
	}
}

struct kafka *handle_find(int group)
{
	struct kafka *k;

	TAILQ_FOREACH (k, &fake_handles, link)
		if (k->group == group && !k->freeing)
			return k;
	return NULL;
}

void cluster_rebalance(int group)
{
	struct kafka *k = handle_find(group);

	if (!k)
		return;
	k->changed = true;
	handle_go_on(k);
}

void cluster_assert_settled(void)
{
	struct kafka *k;

	TAILQ_FOREACH (k, &fake_handles, link)
		assert(k->group < 0 || k->freeing || k->owes == OWES_NOTHING || !k->told);
}

/* ---- fetching -------------------------------------------------------------------------------- */

static bool has_data(const struct kafka *k, int place)
{
	const struct fetcher *f = &k->fetchers[place];
	int64_t at = f->position;

	if (!f->told || !f->queue)
		return false;
	if (f->failed)
		return true;
	for (; at < f->fetched; at++)
		if (at >= cluster.places[place].start && place_has_message(place, at))
			return true;
	return false;
}

bool cluster_has_data(int group, int place)
{
	struct kafka *k = handle_find(group);

	return k && has_data(k, place);
}

bool cluster_is_fetched(int group, int place)
{
	struct kafka *k = handle_find(group);

	return k && k->fetchers[place].told;
}

void fetcher_fetch(struct kafka *k, int place, int64_t n)
{
	struct fetcher *f = &k->fetchers[place];
	const struct place *p = &cluster.places[place];
	bool had = has_data(k, place);

	if (!f->told || f->off || f->paused || k->freeing)
		return;
	if (f->fetched < p->start || f->fetched > p->end) {
		f->off = f->failed = true;
	} else {
		f->fetched = p->end - f->fetched < n ? p->end : f->fetched + n;
	}
	if (!had && has_data(k, place))
		k->listed |= 1u << place;
}

void cluster_fetch(int place, int n)
{
	struct kafka *k;

	TAILQ_FOREACH (k, &fake_handles, link)
		fetcher_fetch(k, place, n);
}

void cluster_produce(int place, int n)
{
	cluster.places[place].end += n;
	if (!cluster.late)
		cluster_fetch(place, INT16_MAX);
}

/* Retention: what a queue holds already can still be taken. */
void cluster_trim(int place, int64_t start)
{
	struct place *p = &cluster.places[place];

	p->start = start > p->end ? p->end : start > p->start ? start : p->start;
	if (!cluster.late)
		cluster_fetch(place, 0);
}

/* Old libraries give again what lies before, after a pause or a rebalance. */
int64_t fetcher_repeat(int place, int64_t offset)
{
	int64_t from = offset - 2 * cluster.old_library;

	return from > cluster.places[place].start && from < offset ? from : offset;
}

void fetcher_start(struct kafka *k, const struct kafka_tp *tp)
{
	int place = place_find(tp->topic, tp->partition);
	struct fetcher *f;

	assert(place >= 0 && tp->offset >= 0);
	f = &k->fetchers[place];
	assert(f->queue); /* else its messages leak to the consumer queue */
	*f = (struct fetcher){
		.queue = f->queue,
		.told = true,
		.assigned = true,
		.stopped_us = f->stopped_us,
		.position = fetcher_repeat(place, tp->offset),
		.fetched = fetcher_repeat(place, tp->offset),
		.deaf_until_us = fake_now_us + FAKE_HOLD_US,
	};
	k->listed &= ~(1u << place);
	if (!cluster.late)
		fetcher_fetch(k, place, INT16_MAX);
}

void fetchers_stop(struct kafka *k, uint32_t places)
{
	int i;

	for (i = 0; i < N_PLACES; i++)
		if (places & 1u << i)
			k->fetchers[i].told = false;
	k->listed &= ~places;
}

/* What is started while it stops may not be stopped before it has: librdkafka aborts. */
void fetchers_unassign(struct kafka *k, uint32_t places)
{
	struct fetcher *f;
	int i;

	for (i = 0; i < N_PLACES; i++) {
		f = &k->fetchers[i];
		if (!(places & 1u << i) || !f->assigned)
			continue;
		assert(!f->stopped_us || fake_now_us >= f->stopped_us + FAKE_STOP_US);
		f->assigned = false;
		f->stopped_us = fake_now_us;
	}
	fetchers_stop(k, places);
}

uint32_t places_of(const struct kafka_tp *list, size_t n)
{
	uint32_t places = 0;
	size_t i;

	for (i = 0; i < n; i++)
		places |= 1u << place_find(list[i].topic, list[i].partition);
	return places;
}

/* ---- the end --------------------------------------------------------------------------------- */

void cluster_go_on(void)
{
	int place;

	cluster.late = false;
	while (cluster_count_answers())
		cluster_answer(0, ANSWER_OK);
	for (place = 0; place < N_PLACES; place++)
		cluster_fetch(place, INT16_MAX);
}

unsigned cluster_count_objects(void)
{
	return fake_n_objects;
}
