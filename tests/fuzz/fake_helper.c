/* SPDX-License-Identifier: MIT */
/*
 * daemon/helper.h on the cluster in memory: a thread without a thread.
 *
 * Queries are answered when the cluster does, from the loop, and before the handle that they ask is
 * freed, which is what the order of the real queue promises. What is left when the helper goes is
 * dropped without a word to its owner.
 */
#include "tests/fuzz/fake_inside.h"

#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <event2/event.h>

struct helper {
	struct event *event;
};

/* ---- helper.h -------------------------------------------------------------------------------- */

static void set_error(struct kafka_tp *tp, const char *error)
{
	tp->error = error;
	tp->error_class = KAFKA_ERROR_BROKER;
}

/* Topics with their number of partitions, or partitions with their leader; or why not. */
static void make_list(struct answer *a)
{
	const char *topic = a->n ? a->list[0].topic : NULL;
	bool fails = a->outcome != ANSWER_OK || (topic && place_find(topic, 0) < 0);
	size_t i, n = fails ? 1 : topic ? N_PARTITIONS : N_TOPICS;
	struct kafka_tp *list = calloc(n, sizeof(*list));

	for (i = 0; i < n && !fails; i++) {
		if (topic)
			list[i].partition = (int32_t)i;
		else
			list[i] = (struct kafka_tp){
				.topic = strdup(place_topic((int)i * N_PARTITIONS)),
				.partition = N_PARTITIONS,
			};
	}
	if (fails)
		set_error(&list[0], topic ? "UNKNOWN_TOPIC_OR_PART" : "_TIMED_OUT");
	if (topic)
		free((char *)topic);
	free(a->list);
	a->list = list;
	a->n = n;
}

static void answer_committed(struct answer *a)
{
	bool fails = a->outcome == ANSWER_ERROR || a->outcome == ANSWER_REBALANCE;
	const struct place *p;
	size_t i;

	for (i = 0; i < a->n; i++) {
		p = &cluster.places[place_find(a->list[i].topic, a->list[i].partition)];
		if (fails) {
			set_error(&a->list[i], "_TIMED_OUT");
			continue;
		}
		a->list[i].offset = p->committed[a->k->group];
		a->list[i].metadata = kgp_bytes(strdup(p->metadata[a->k->group]),
						strlen(p->metadata[a->k->group]));
		if (a->outcome == ANSWER_PART && i % 2 == 0)
			set_error(&a->list[i], "UNSTABLE_OFFSET_COMMIT");
	}
	a->done(a->owner, fails ? -EIO : 0, a->list, a->n);
}

static void answer_query(struct answer *a)
{
	const struct place *p;
	bool fails, known;
	size_t i;

	if (!a->done)
		return; /* forgotten: it is not made */
	if (a->kind == QUERY_COMMITTED) {
		answer_committed(a);
		return;
	}
	if (a->kind != QUERY)
		make_list(a);
	for (i = 0; i < a->n && a->kind == QUERY; i++) {
		known = place_find(a->list[i].topic, a->list[i].partition) >= 0;
		if (!known) {
			set_error(&a->list[i], "UNKNOWN_TOPIC_OR_PART");
			continue;
		}
		p = &cluster.places[place_find(a->list[i].topic, a->list[i].partition)];
		a->list[i].offset = p->start;
		a->list[i].end = p->end;
		a->list[i].found = a->list[i].time_ms / 1000 < p->start ? p->start
				   : a->list[i].time_ms / 1000 > p->end ? p->end
									: a->list[i].time_ms / 1000;
		fails = a->outcome != ANSWER_OK && (a->outcome != ANSWER_PART || i % 2 == 0);
		if (fails)
			set_error(&a->list[i], "_TIMED_OUT");
	}
	fails = a->kind == QUERY ? a->outcome == ANSWER_ERROR : a->n && a->list[0].error;
	a->done(a->owner, fails ? -EIO : 0, a->list, a->n);
}

static void free_handle(struct kafka *k)
{
	struct answer *a, *next;
	int i;

	for (i = 0; i < N_PLACES; i++)
		assert(!k->fetchers[i].queue);
	for (a = TAILQ_FIRST(&fake_answers); a; a = next) {
		next = TAILQ_NEXT(a, link);
		if (a->k == k && a->kind != FREE)
			answer_free(a);
	}
	TAILQ_REMOVE(&fake_handles, k, link);
	free(k);
	fake_n_objects--;
}

/* The thread goes by the order of requests: what was asked of a handle is done before it goes. */
static void finish_queries(struct kafka *k)
{
	struct answer *a, *next;

	for (a = TAILQ_FIRST(&fake_answers); a; a = next) {
		next = TAILQ_NEXT(a, link);
		if (a->k == k && a->kind >= QUERY && a->kind < FREE && !a->ready)
			answer_make_ready(a, ANSWER_ERROR);
	}
}

static struct answer *find_ready_helper(const struct helper *h)
{
	struct answer *a;

	TAILQ_FOREACH (a, &fake_answers, link)
		if (a->ready && a->helper == h && a->kind != FREE)
			return a;
	TAILQ_FOREACH (a, &fake_answers, link)
		if (a->ready && a->helper == h)
			return a;
	return NULL;
}

static void on_results(evutil_socket_t fd, short what, void *arg)
{
	struct answer *a;

	while ((a = find_ready_helper(arg))) {
		if (a->kind != FREE) {
			a->ready = false;
			answer_query(a);
		} else {
			finish_queries(a->k);
			if (find_ready_helper(arg) != a)
				continue;
			a->ready = false;
			free_handle(a->k);
			if (a->done)
				a->done(a->owner, 0, NULL, 0);
		}
		answer_free(a);
	}
}

int helper_open(struct helper **out, struct event_base *base)
{
	*out = calloc(1, sizeof(**out));
	(*out)->event = event_new(base, -1, 0, on_results, *out);
	fake_n_objects++;
	return 0;
}

struct helper *helper_free(struct helper *h)
{
	struct answer *a, *next;

	if (!h)
		return NULL;
	for (a = TAILQ_FIRST(&fake_answers); a; a = next) {
		next = TAILQ_NEXT(a, link);
		if (a->helper == h && a->kind != FREE)
			answer_free(a);
	}
	for (a = TAILQ_FIRST(&fake_answers); a; a = next) {
		if (a->helper == h) {
			free_handle(a->k);
			answer_free(a);
			next = TAILQ_FIRST(&fake_answers);
		} else {
			next = TAILQ_NEXT(a, link);
		}
	}
	event_free(h->event);
	free(h);
	fake_n_objects--;
	return NULL;
}

static int submit(struct helper *h, struct answer *a, helper_done_fn *done, void *owner)
{
	assert(h);
	a->helper = h;
	a->done = done;
	a->owner = owner;
	if (a->ready)
		answer_make_ready(a, ANSWER_OK);
	return 0;
}

int helper_query(struct helper *h, struct kafka *k, const struct kafka_tp *list, size_t n,
		 unsigned ask, int timeout_ms, enum helper_urgency urgency, helper_done_fn *done,
		 void *owner)
{
	assert(k && n && timeout_ms > 0);
	return submit(h, answer_new(QUERY, k, list, n), done, owner);
}

int helper_query_committed(struct helper *h, struct kafka *k, const struct kafka_tp *list, size_t n,
			   int timeout_ms, helper_done_fn *done, void *owner)
{
	assert(k && n && timeout_ms > 0);
	return submit(h, answer_new(QUERY_COMMITTED, k, list, n), done, owner);
}

int helper_query_topics(struct helper *h, struct kafka *k, int timeout_ms, helper_done_fn *done,
			void *owner)
{
	return submit(h, answer_new(QUERY_TOPICS, k, NULL, 0), done, owner);
}

int helper_query_partitions(struct helper *h, struct kafka *k, const char *topic, int timeout_ms,
			    helper_done_fn *done, void *owner)
{
	const struct kafka_tp tp = {.topic = topic};

	return submit(h, answer_new(QUERY_PARTITIONS, k, &tp, 1), done, owner);
}

int helper_free_kafka(struct helper *h, struct kafka *k, bool closed, helper_done_fn *done,
		      void *owner)
{
	struct answer *a = answer_new(FREE, k, NULL, 0);

	k->freeing = true;
	return submit(h, a, done, owner);
}

void helper_forget(struct helper *h, void *owner)
{
	struct answer *a;

	TAILQ_FOREACH (a, &fake_answers, link)
		if (a->helper == h && a->owner == owner)
			a->done = NULL;
}

void helper_wake(struct helper *h)
{
	event_active(h->event, EV_READ, 0);
}
