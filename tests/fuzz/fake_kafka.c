/* SPDX-License-Identifier: MIT */
/*
 * daemon/kafka.h on the cluster in memory.
 *
 * The rules that librdkafka has for its callers are asserted: an event of the group is answered
 * once and by the right call, queues are opened before an assign and gone before the handle, no
 * handle is used once it was given to be freed, no fetcher is stopped that is stopping, nothing is
 * committed that is not owned or that nobody marked. What it does to those who break its rules is
 * done here too: a seek within a second of an assign is lost unless a message came, and a fetcher
 * that left its log hears no seek.
 */
#include "tests/fuzz/fake_inside.h"

#include "tests/fuzz/fake_loop.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <event2/event.h>

enum { FIRST_FD = 5000 };

static uint8_t filler[BIG_BYTES];
static int next_fd;

/* ---- answers come ---------------------------------------------------------------------------- */

static void give_group_event(struct answer *a)
{
	struct kafka_tp list[N_PLACES];
	struct kafka *k = a->k;
	size_t n = 0;
	int i;

	for (i = 0; i < N_PLACES; i++)
		if (a->places & 1u << i)
			list[n++] = (struct kafka_tp){place_topic(i), i % N_PARTITIONS, -1001};
	k->told = true;
	if (a->kind == ASSIGN) {
		k->owned |= a->places;
		k->handler->on_assign(k->owner, list, n);
	} else {
		k->lost = a->outcome == ANSWER_ERROR;
		fetchers_stop(k, k->cooperative ? a->places : k->owned);
		k->handler->on_revoke(k->owner, list, n, k->lost);
	}
}

static void give_commit(struct answer *a)
{
	struct kafka *k = a->k;
	enum kafka_error_class class =
		a->outcome == ANSWER_REBALANCE ? KAFKA_ERROR_REBALANCE : KAFKA_ERROR_OTHER;
	struct place *p;
	size_t i;

	for (i = 0; i < a->n; i++) {
		if (a->outcome == ANSWER_PART && i % 2 == 0)
			a->list[i].error = "OFFSET_METADATA_TOO_LARGE";
		if (a->list[i].error || (a->outcome != ANSWER_OK && a->outcome != ANSWER_PART))
			continue;
		p = &cluster.places[place_find(a->list[i].topic, a->list[i].partition)];
		p->committed[k->group] = a->list[i].offset;
		snprintf(p->metadata[k->group], sizeof(p->metadata[k->group]), "%.*s",
			 (int)a->list[i].metadata.size, (const char *)a->list[i].metadata.data);
	}
	k->handler->on_commit(k->owner, a->outcome == ANSWER_OK ? NULL : "REFUSED", class, a->list,
			      a->n, a->number);
}

static void give_failure(struct answer *a)
{
	struct kafka *k = a->k;

	k->handler->on_error(k->owner, (enum kafka_error_class)a->class, "_SOMETHING",
			     a->class == KAFKA_ERROR_TOPIC ? place_topic(0) : NULL,
			     "something happened (after 3ms in state UP)");
}

static void give(struct answer *a)
{
	struct kafka *k = a->k;

	a->ready = false; /* it is being handed out */
	if (a->kind == ASSIGN || a->kind == REVOKE)
		give_group_event(a);
	else if (a->kind == COMMIT)
		give_commit(a);
	else if (a->kind == FAILURE)
		give_failure(a);
	else
		k->handler->on_closed(k->owner);
	answer_free(a);
}

static struct answer *find_ready(const struct kafka *k)
{
	struct answer *a;

	TAILQ_FOREACH (a, &fake_answers, link)
		if (a->ready && a->k == k && a->kind < QUERY)
			return a;
	return NULL;
}

short fake_kafka_ready(int fd)
{
	struct kafka *k;

	TAILQ_FOREACH (k, &fake_handles, link)
		if (k->fd == fd)
			return k->listed || find_ready(k) ? EV_READ : 0;
	abort(); /* an event on the descriptor of a handle that is gone */
}

static void take_listed(struct kafka *k)
{
	int i;

	for (i = 0; i < N_PLACES; i++) {
		if (!(k->listed & 1u << i))
			continue;
		k->listed &= ~(1u << i);
		if (k->fetchers[i].queue)
			k->handler->on_ready(k->owner, k->fetchers[i].queue->owner);
	}
}

void kafka_dispatch(struct kafka *k)
{
	struct answer *a;

	assert(!k->freeing);
	take_listed(k);
	while (!k->freeing && (a = find_ready(k)))
		give(a);
}

void cluster_fail(int group, unsigned class, bool in_queue)
{
	struct kafka *k = handle_find(group);
	int i;

	if (!k)
		return;
	if (!in_queue) {
		answer_new(FAILURE, k, NULL, 0)->class = class;
		return;
	}
	for (i = 0; i < N_PLACES; i++)
		if (k->fetchers[i].told && k->fetchers[i].queue) {
			k->fetchers[i].failed = true;
			k->listed |= 1u << i;
		}
}

/* ---- kafka.h: the handle --------------------------------------------------------------------- */

int kafka_open(const struct kafka_options *options, const struct kafka_handler *handler,
	       void *owner, struct kafka **out, char *why, size_t size)
{
	struct kafka *k = calloc(1, sizeof(*k));

	assert(k && options->session_timeout_ms > 0 && !options->group_id == !handler);
	assert(options->heartbeat_interval_ms * 3 <= options->session_timeout_ms ||
	       options->heartbeat_interval_ms == 1);
	*k = (struct kafka){
		.handler = handler,
		.owner = owner,
		.fd = FIRST_FD + next_fd++ % 1000,
		.group = options->group_id ? group_index(options->group_id) : -1,
		.cooperative = options->strategy == KGP_COOPERATIVE_STICKY,
	};
	/* One member of a group; those that clients make up are counted as one here. */
	assert(k->group < 0 || k->group == N_GROUPS - 1 || !handle_find(k->group));
	TAILQ_INSERT_TAIL(&fake_handles, k, link);
	fake_n_objects++;
	*out = k;
	return 0;
}

int kafka_get_fd(const struct kafka *k)
{
	return k->fd;
}

bool kafka_is_cooperative(const struct kafka *k)
{
	return k->cooperative;
}

int kafka_subscribe(struct kafka *k, const char *const *names, size_t n)
{
	uint32_t before = k->subscribed;
	size_t i;
	int t;

	assert(!k->freeing && !k->closing);
	k->subscribed = 0;
	for (i = 0; i < n; i++)
		for (t = 0; t < N_TOPICS; t++)
			if (!strcmp(names[i], place_topic(t * N_PARTITIONS)))
				k->subscribed |= 1u << t;
	k->changed |= k->subscribed != before || !n;
	handle_go_on(k);
	return 0;
}

static void answered(struct kafka *k, int owed)
{
	assert(!k->freeing);
	assert(k->owes == OWES_NOTHING || !k->told || (int)k->owes == owed);
	if (!k->told || k->owes == OWES_NOTHING)
		return;
	if (owed == OWES_REVOKE)
		k->owned &= ~k->revoked;
	k->owes = OWES_NOTHING;
	k->told = k->lost = false;
}

int kafka_assign(struct kafka *k, const struct kafka_tp *list, size_t n, bool incremental)
{
	uint32_t places = places_of(list, n);
	size_t i;

	assert(incremental == k->cooperative || !n);
	assert(!(places & ~k->owned));
	answered(k, OWES_ASSIGN);
	if (!incremental)
		fetchers_unassign(k, ~0u);
	for (i = 0; i < n; i++)
		fetcher_start(k, &list[i]);
	handle_go_on(k);
	return 0;
}

int kafka_unassign(struct kafka *k, const struct kafka_tp *list, size_t n, bool incremental)
{
	uint32_t places = incremental ? places_of(list, n) : ~0u;

	answered(k, k->owes == OWES_REVOKE ? OWES_REVOKE : OWES_NOTHING);
	fetchers_unassign(k, places);
	handle_go_on(k);
	return 0;
}

int kafka_commit(struct kafka *k, const struct kafka_tp *list, size_t n, uint64_t number)
{
	const struct place *p;
	int64_t at;
	size_t i;
	int place;

	assert(n && !(places_of(list, n) & ~k->owned));
	assert(!k->lost || !(places_of(list, n) & k->revoked));
	for (i = 0; i < n; i++) {
		place = place_find(list[i].topic, list[i].partition);
		p = &cluster.places[place];
		at = p->justified[k->group] > p->committed[k->group] ? p->justified[k->group]
								     : p->committed[k->group];
		/* Nobody marked what is committed. */
		assert(list[i].offset <= at || list[i].offset <= place_first_message(place, at));
		assert(list[i].offset >= 0);
	}
	answer_new(COMMIT, k, list, n)->number = number;
	cluster.n_commits++;
	return 0;
}

int kafka_pause(struct kafka *k, const char *topic, int32_t partition, bool pause)
{
	struct fetcher *f = &k->fetchers[place_find(topic, partition)];

	assert(!k->freeing && f->paused != pause); /* resuming what runs would rewind it */
	f->paused = pause;
	f->fetched = f->position;
	if (!pause && !cluster.late)
		fetcher_fetch(k, place_find(topic, partition), INT16_MAX);
	return 0;
}

void kafka_start_close(struct kafka *k)
{
	assert(!k->freeing && !k->closing);
	k->closing = true;
	handle_go_on(k);
}

/* ---- kafka.h: queues and messages ------------------------------------------------------------ */

struct kafka_queue *kafka_queue_open(struct kafka *k, const char *topic, int32_t partition,
				     void *owner)
{
	int place = place_find(topic, partition);
	struct kafka_queue *q = calloc(1, sizeof(*q));

	assert(q && place >= 0 && !k->freeing && !k->fetchers[place].queue);
	*q = (struct kafka_queue){k, place, owner};
	k->fetchers[place].queue = q;
	fake_n_objects++;
	return q;
}

void kafka_queue_close(struct kafka_queue *q)
{
	if (!q)
		return;
	assert(!q->k->freeing); /* queues go before their handle */
	q->k->fetchers[q->place].queue = NULL;
	take_listed(q->k);
	free(q);
	fake_n_objects--;
}

static size_t value_bytes(int place, int64_t offset)
{
	if (place / N_PARTITIONS < N_TOPICS - 1)
		return (size_t)(offset % 3) * 10;
	return offset % 16 == 5 ? BIG_BYTES : offset % 16 == 9 ? MIDDLE_BYTES : 100;
}

static void put_message(struct kafka_message *m, int place, int64_t offset)
{
	char *key = malloc(32);
	int n;

	assert(key);
	n = snprintf(key, 32, "%d:%lld", place, (long long)offset);
	fake_n_objects++;
	*m = (struct kafka_message){
		.record = {.offset = offset,
			   .timestamp_type = 1,
			   .timestamp = offset * 1000,
			   .key = {key, (size_t)n},
			   .value = {offset % 11 ? filler : NULL,
				     offset % 11 ? value_bytes(place, offset) : 0}},
		.handle = key,
	};
}

static void put_error(struct kafka_message *m, const struct fetcher *f)
{
	*m = (struct kafka_message){
		.record = {.offset = f->position},
		.handle = malloc(1),
		.error = f->off ? "_AUTO_OFFSET_RESET" : "TOPIC_AUTHORIZATION_FAILED",
		.error_class = f->off ? KAFKA_ERROR_RANGE : KAFKA_ERROR_TOPIC,
	};
	fake_n_objects++;
}

size_t kafka_queue_take(struct kafka_queue *q, struct kafka_message *out, size_t max)
{
	struct fetcher *f = &q->k->fetchers[q->place];
	size_t n = 0;

	assert(!q->k->freeing && max <= 512);
	if (!f->told)
		return 0;
	for (; n < max && f->position < f->fetched; f->position++) {
		if (!place_has_message(q->place, f->position))
			continue;
		put_message(&out[n++], q->place, f->position);
		f->consumed = true;
		f->deaf_until_us = 0;
	}
	if (n < max && f->failed) {
		put_error(&out[n++], f);
		f->failed = false;
	}
	return n;
}

int kafka_queue_seek(struct kafka_queue *q, int64_t offset)
{
	struct fetcher *f = &q->k->fetchers[q->place];

	assert(!q->k->freeing && offset >= 0);
	if (!f->told || f->off || fake_now_us < f->deaf_until_us)
		return 0; /* lost in silence */
	f->position = fetcher_repeat(q->place, offset);
	f->fetched = f->position;
	f->consumed = f->failed = false;
	q->k->listed &= ~(1u << q->place);
	if (!cluster.late)
		fetcher_fetch(q->k, q->place, INT16_MAX);
	return 0;
}

size_t kafka_queue_length(struct kafka_queue *q)
{
	const struct fetcher *f = &q->k->fetchers[q->place];

	return (size_t)(f->fetched - f->position);
}

int64_t kafka_queue_position(struct kafka_queue *q)
{
	const struct fetcher *f = &q->k->fetchers[q->place];

	return f->consumed ? f->position : -1;
}

int64_t kafka_queue_high(struct kafka_queue *q)
{
	const struct fetcher *f = &q->k->fetchers[q->place];

	return f->consumed ? f->fetched : -1;
}

/* More than the two that fetcher_repeat() gives again. */
bool kafka_needs_kick(const struct kafka *k, uint64_t n_messages, uint64_t n_bytes)
{
	return cluster.old_library && (n_messages > 3 || n_bytes > 3 * BIG_BYTES);
}

uint32_t kafka_message_put_headers(const struct kafka_message *m, struct kgp_buf *out,
				   uint64_t *bytes)
{
	if (m->record.offset % 5)
		return 0;
	kgp_put_array(out, 2);
	kgp_put_str(out, kgp_text("h"));
	kgp_put_bin(out, kgp_bytes(filler, 20));
	*bytes += 21;
	return 1;
}

void kafka_message_deinit(struct kafka_message *m)
{
	if (!m->handle)
		return;
	free(m->handle);
	m->handle = NULL;
	fake_n_objects--;
}

/* ---- kafka.h: what is not of a handle -------------------------------------------------------- */

const char *kafka_library_version(void)
{
	return "0.0";
}

int kafka_strategy_check(enum kgp_strategy strategy, char *why, size_t size)
{
	if (strategy != KGP_COOPERATIVE_STICKY || !cluster.old_library)
		return 0;
	snprintf(why, size, "not with this one");
	return -ENOTSUP;
}

int kafka_setting_check(const char *key, const char *value, char *why, size_t size)
{
	return 0;
}

const char *const *kafka_setting_names(void)
{
	static const char *const none[] = {NULL};

	return none;
}
