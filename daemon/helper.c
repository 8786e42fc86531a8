/* SPDX-License-Identifier: MIT */
/*
 * The helper thread of a cluster: everything that librdkafka can only do blocking.
 *
 * Owns one thread, one queue of requests in and one of results out, our only lock, and an eventfd
 * that tells the loop of results. Every request has a deadline of its own and is finished before
 * its handle is freed, because freeing is a request too and keeps its place. Queries that an assign
 * waits for go first; one that was forgotten is not made. Results are handed to their owner on the
 * loop's thread; an owner that is gone was forgotten before. It never touches a group, a partition
 * or a client.
 */
#include "daemon/helper.h"

#include "daemon/log.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

enum { FREE_S = 5, JOIN_S = 8 }; /* a clock that jumps makes these longer or shorter, no more */

enum request_kind { QUERY, QUERY_TOPICS, QUERY_PARTITIONS, FREE_KAFKA, STOP };

struct request {
	TAILQ_ENTRY(request) link;
	enum request_kind kind;
	struct kafka *k;
	struct kafka_tp *list; /* owned, with its topics */
	size_t n;
	char *topic;  /* owned; of QUERY_PARTITIONS */
	unsigned ask; /* enum kafka_ask */
	int timeout_ms, r;
	bool closed; /* FREE_KAFKA: it was closed in order */
	helper_done_fn *done;
	void *owner;
};

TAILQ_HEAD(requests, request);

struct helper {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct requests in, out; /* under lock */
	struct request *current; /* under lock: the one being worked on */
	int event_fd;
	struct event *event;
};

static struct request *request_free(struct request *q)
{
	size_t i;

	if (!q)
		return NULL;
	for (i = 0; q->list && i < q->n; i++)
		free((char *)q->list[i].topic);
	free(q->list);
	free(q->topic);
	free(q);
	return NULL;
}

static struct request *request_new(enum request_kind kind, struct kafka *k,
				   const struct kafka_tp *list, size_t n)
{
	struct request *q = calloc(1, sizeof(*q));
	size_t i;

	if (!q)
		return NULL;
	q->kind = kind;
	q->k = k;
	q->list = n ? calloc(n, sizeof(*list)) : NULL;
	if (n && !q->list)
		return request_free(q);
	for (i = 0; i < n; i++) {
		q->list[i] = (struct kafka_tp){.topic = strdup(list[i].topic),
					       .partition = list[i].partition,
					       .time_ms = list[i].time_ms};
		q->n = i + 1;
		if (!q->list[i].topic)
			return request_free(q);
	}
	return q;
}

/* ---- the thread ------------------------------------------------------------------------------ */

struct freeing {
	struct kafka *k;
	bool closed;
};

static void *run_freeing(void *arg)
{
	struct freeing f = *(struct freeing *)arg;

	free(arg);
	kafka_free_blocking(f.k, f.closed);
	return NULL;
}

/*
 * Freeing joins librdkafka's threads, and after a topic was deleted they may never end (2.0.2). So
 * it has a thread of its own, which is waited for, and then left behind.
 */
static void free_kafka(struct kafka *k, bool closed)
{
	struct freeing *f = malloc(sizeof(*f));
	struct timespec deadline;
	pthread_t thread;

	if (!f)
		return; /* leaked; there is no memory to do better */
	*f = (struct freeing){k, closed};
	if (pthread_create(&thread, NULL, run_freeing, f)) {
		run_freeing(f);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += FREE_S;
	if (!pthread_timedjoin_np(thread, NULL, &deadline))
		return;
	log_write(LOG_WARNING, NULL,
		  "librdkafka does not end a handle: its threads are left behind");
	pthread_detach(thread);
}

/* Nobody waits for it any more. Under lock. */
static bool is_forgotten(const struct request *q)
{
	return !q->done && q->kind < FREE_KAFKA;
}

static void work(struct request *q)
{
	switch (q->kind) {
	case QUERY:
		q->r = kafka_query(q->k, q->list, q->n, q->ask, q->timeout_ms);
		break;
	case QUERY_TOPICS:
		q->r = kafka_query_topics(q->k, &q->list, &q->n, q->timeout_ms);
		break;
	case QUERY_PARTITIONS:
		q->r = kafka_query_partitions(q->k, q->topic, &q->list, &q->n, q->timeout_ms);
		break;
	case FREE_KAFKA:
		free_kafka(q->k, q->closed);
		break;
	case STOP:
		break;
	}
}

static void *run(void *arg)
{
	static const uint64_t one = 1;
	struct helper *h = arg;
	enum request_kind kind = QUERY;
	struct request *q;
	bool forgotten;
	ssize_t ignored;

	while (kind != STOP) {
		pthread_mutex_lock(&h->lock);
		while (!(q = TAILQ_FIRST(&h->in)))
			pthread_cond_wait(&h->more, &h->lock);
		TAILQ_REMOVE(&h->in, q, link);
		h->current = q;
		forgotten = is_forgotten(q);
		pthread_mutex_unlock(&h->lock);
		kind = q->kind;
		if (!forgotten)
			work(q);
		pthread_mutex_lock(&h->lock);
		h->current = NULL;
		TAILQ_INSERT_TAIL(&h->out, q, link);
		pthread_mutex_unlock(&h->lock);
		ignored = write(h->event_fd, &one, sizeof(one));
		(void)ignored;
	}
	return NULL;
}

/* ---- the loop's side ------------------------------------------------------------------------- */

static struct request *take_result(struct helper *h)
{
	struct request *q;

	pthread_mutex_lock(&h->lock);
	q = TAILQ_FIRST(&h->out);
	if (q)
		TAILQ_REMOVE(&h->out, q, link);
	pthread_mutex_unlock(&h->lock);
	return q;
}

static void on_results(evutil_socket_t fd, short what, void *arg)
{
	struct helper *h = arg;
	struct request *q;
	uint64_t count;
	ssize_t ignored;

	ignored = read(h->event_fd, &count, sizeof(count));
	(void)ignored;
	while ((q = take_result(h))) {
		if (q->done)
			q->done(q->owner, q->r, q->list, q->n);
		request_free(q);
	}
}

static void submit(struct helper *h, struct request *q, bool urgent)
{
	pthread_mutex_lock(&h->lock);
	if (urgent)
		TAILQ_INSERT_HEAD(&h->in, q, link);
	else
		TAILQ_INSERT_TAIL(&h->in, q, link);
	pthread_cond_signal(&h->more);
	pthread_mutex_unlock(&h->lock);
}

int helper_open(struct helper **out, struct event_base *base)
{
	struct helper *h = calloc(1, sizeof(*h));
	int r = -ENOMEM;

	if (!h)
		return -ENOMEM;
	TAILQ_INIT(&h->in);
	TAILQ_INIT(&h->out);
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->more, NULL);
	h->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (h->event_fd >= 0)
		h->event = event_new(base, h->event_fd, EV_READ | EV_PERSIST, on_results, h);
	if (h->event && !event_add(h->event, NULL))
		r = -pthread_create(&h->thread, NULL, run, h);
	if (!r) {
		*out = h;
		return 0;
	}
	if (h->event)
		event_free(h->event);
	if (h->event_fd >= 0)
		close(h->event_fd);
	free(h);
	return r;
}

struct helper *helper_free(struct helper *h)
{
	struct timespec deadline;
	struct request *q;

	if (!h)
		return NULL;
	q = request_new(STOP, NULL, NULL, 0);
	if (!q)
		abort(); /* without it the thread cannot be joined; the supervisor restarts us */
	submit(h, q, false);
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += JOIN_S;
	if (pthread_timedjoin_np(h->thread, NULL, &deadline)) {
		log_write(LOG_WARNING, NULL,
			  "librdkafka does not end: left behind; what it holds stands in Kafka");
		_exit(0);
	}
	while ((q = take_result(h)))
		request_free(q);
	event_free(h->event);
	close(h->event_fd);
	pthread_mutex_destroy(&h->lock);
	pthread_cond_destroy(&h->more);
	free(h);
	return NULL;
}

static int query(struct helper *h, struct request *q, int timeout_ms, bool urgent,
		 helper_done_fn *done, void *owner)
{
	if (!q)
		return -ENOMEM;
	q->timeout_ms = timeout_ms;
	q->done = done;
	q->owner = owner;
	submit(h, q, urgent);
	return 0;
}

int helper_query(struct helper *h, struct kafka *k, const struct kafka_tp *list, size_t n,
		 unsigned ask, int timeout_ms, bool urgent, helper_done_fn *done, void *owner)
{
	struct request *q = request_new(QUERY, k, list, n);

	if (q)
		q->ask = ask;
	return query(h, q, timeout_ms, urgent, done, owner);
}

int helper_query_topics(struct helper *h, struct kafka *k, int timeout_ms, helper_done_fn *done,
			void *owner)
{
	return query(h, request_new(QUERY_TOPICS, k, NULL, 0), timeout_ms, false, done, owner);
}

int helper_query_partitions(struct helper *h, struct kafka *k, const char *topic, int timeout_ms,
			    helper_done_fn *done, void *owner)
{
	struct request *q = request_new(QUERY_PARTITIONS, k, NULL, 0);

	if (q && !(q->topic = strdup(topic)))
		q = request_free(q);
	return query(h, q, timeout_ms, false, done, owner);
}

int helper_free_kafka(struct helper *h, struct kafka *k, bool closed, helper_done_fn *done,
		      void *owner)
{
	struct request *q = request_new(FREE_KAFKA, k, NULL, 0);

	if (!q)
		return -ENOMEM;
	q->closed = closed;
	q->done = done;
	q->owner = owner;
	submit(h, q, false);
	return 0;
}

void helper_forget(struct helper *h, void *owner)
{
	struct request *q;

	pthread_mutex_lock(&h->lock);
	TAILQ_FOREACH (q, &h->in, link)
		if (q->owner == owner)
			q->done = NULL;
	TAILQ_FOREACH (q, &h->out, link)
		if (q->owner == owner)
			q->done = NULL;
	if (h->current && h->current->owner == owner)
		h->current->done = NULL;
	pthread_mutex_unlock(&h->lock);
}
