/* SPDX-License-Identifier: MIT */
/*
 * The helper threads of a cluster: everything that librdkafka can only do blocking.
 *
 * Owns the threads, one queue of requests in and one of results out, our only lock, and an eventfd
 * that tells the loop of results. A broker that does not answer costs whoever asked it, and nobody
 * else: a thread is started when a request finds all of them busy, up to MAX_THREADS, the last
 * RESERVED only for what an assign waits for, which goes first too: what clients ask for themselves
 * takes neither, however much it is. An owner's requests are worked on one after another, but for
 * one that was forgotten, which nobody waits for. Every request has a deadline of its own and is
 * finished before its handle is freed, because freeing is a request too and waits for those before
 * it. Results are handed to their owner on the loop's thread; an owner that is gone was forgotten
 * before. It never touches a group, a partition or a client.
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
enum { MAX_THREADS = 32, RESERVED = 16 };

enum request_kind { QUERY, QUERY_COMMITTED, QUERY_TOPICS, QUERY_PARTITIONS, FREE_KAFKA };

struct request {
	TAILQ_ENTRY(request) link;
	enum request_kind kind;
	struct kafka *k;
	struct kafka_tp *list; /* owned, with its topics and metadata */
	size_t n;
	char *topic;  /* owned; of QUERY_PARTITIONS */
	unsigned ask; /* enum kafka_ask */
	int timeout_ms, r;
	enum helper_urgency urgency;
	bool closed; /* FREE_KAFKA: it was closed in order */
	helper_done_fn *done;
	void *owner;
};

TAILQ_HEAD(requests, request);

struct helper {
	pthread_mutex_t lock;
	pthread_cond_t more;
	/* Under lock. */
	struct requests in, busy, out; /* busy: being worked on */
	pthread_t threads[MAX_THREADS];
	unsigned n_threads, n_open, n_busy; /* open: in or busy */
	bool stop;			    /* when nothing is left */

	int event_fd;
	struct event *event;
};

static struct request *request_free(struct request *q)
{
	size_t i;

	if (!q)
		return NULL;
	for (i = 0; q->list && i < q->n; i++) {
		free((char *)q->list[i].topic);
		free((void *)q->list[i].metadata.data);
	}
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

/* ---- the threads ----------------------------------------------------------------------------- */

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
	case QUERY_COMMITTED:
		q->r = kafka_query_committed(q->k, q->list, q->n, q->timeout_ms);
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
	}
}

static unsigned most_threads(const struct request *q)
{
	bool is_reserved = q->urgency == HELPER_ASSIGN || q->kind == FREE_KAFKA;

	return is_reserved ? MAX_THREADS : MAX_THREADS - RESERVED;
}

/* One that is busy or before q must be finished first. Under lock. */
static bool is_before(const struct request *other, const struct request *q)
{
	if (q->kind == FREE_KAFKA)
		return other->k == q->k;
	return other->owner == q->owner && !is_forgotten(other);
}

static bool may_start(const struct helper *h, const struct request *q)
{
	const struct request *other;

	if (h->n_busy >= most_threads(q))
		return false;
	TAILQ_FOREACH (other, &h->busy, link)
		if (is_before(other, q))
			return false;
	TAILQ_FOREACH (other, &h->in, link) {
		if (other == q)
			break;
		if (is_before(other, q))
			return false;
	}
	return true;
}

static struct request *find_next(const struct helper *h)
{
	struct request *q;

	TAILQ_FOREACH (q, &h->in, link)
		if (may_start(h, q))
			return q;
	return NULL;
}

/* NULL: the end. Under lock. */
static struct request *wait_for_request(struct helper *h)
{
	struct request *q;

	while (!(q = find_next(h))) {
		if (h->stop && TAILQ_EMPTY(&h->in))
			return NULL;
		pthread_cond_wait(&h->more, &h->lock);
	}
	TAILQ_REMOVE(&h->in, q, link);
	TAILQ_INSERT_TAIL(&h->busy, q, link);
	h->n_busy++;
	return q;
}

static void *run(void *arg)
{
	static const uint64_t one = 1;
	struct helper *h = arg;
	struct request *q;
	bool forgotten;
	ssize_t ignored;

	pthread_mutex_lock(&h->lock);
	while ((q = wait_for_request(h))) {
		forgotten = is_forgotten(q);
		pthread_mutex_unlock(&h->lock);
		if (!forgotten)
			work(q);
		pthread_mutex_lock(&h->lock);
		h->n_busy--;
		h->n_open--;
		TAILQ_REMOVE(&h->busy, q, link);
		TAILQ_INSERT_TAIL(&h->out, q, link);
		pthread_cond_broadcast(&h->more); /* those that waited for it */
		ignored = write(h->event_fd, &one, sizeof(one));
		(void)ignored;
	}
	pthread_mutex_unlock(&h->lock);
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

/* Without a thread more it waits for another. Under lock. 0, or -errno: there is none at all. */
static int add_thread(struct helper *h, const struct request *q)
{
	int r;

	if (h->n_open < h->n_threads || h->n_threads >= most_threads(q))
		return 0;
	r = -pthread_create(&h->threads[h->n_threads], NULL, run, h);
	h->n_threads += !r;
	return h->n_threads ? 0 : r;
}

/* Behind those that are as urgent: else who asks again and again would keep the older ones waiting
 * for ever. Under lock. */
static void insert(struct requests *in, struct request *q)
{
	struct request *other;

	TAILQ_FOREACH (other, in, link)
		if (other->urgency < q->urgency)
			break;
	if (other)
		TAILQ_INSERT_BEFORE(other, q, link);
	else
		TAILQ_INSERT_TAIL(in, q, link);
}

static int submit(struct helper *h, struct request *q)
{
	int r;

	pthread_mutex_lock(&h->lock);
	r = add_thread(h, q);
	if (!r) {
		insert(&h->in, q);
		h->n_open++;
		pthread_cond_signal(&h->more);
	}
	pthread_mutex_unlock(&h->lock);
	if (r)
		request_free(q);
	return r;
}

int helper_open(struct helper **out, struct event_base *base)
{
	struct helper *h = calloc(1, sizeof(*h));
	int r = -ENOMEM;

	if (!h)
		return -ENOMEM;
	TAILQ_INIT(&h->in);
	TAILQ_INIT(&h->busy);
	TAILQ_INIT(&h->out);
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->more, NULL);
	h->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (h->event_fd >= 0)
		h->event = event_new(base, h->event_fd, EV_READ | EV_PERSIST, on_results, h);
	if (h->event && !event_add(h->event, NULL))
		r = 0;
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

static void join(pthread_t thread, const struct timespec *deadline)
{
	if (!pthread_timedjoin_np(thread, NULL, deadline))
		return;
	log_write(LOG_WARNING, NULL,
		  "librdkafka does not end: left behind; what it holds stands in Kafka");
	_exit(0);
}

struct helper *helper_free(struct helper *h)
{
	struct timespec deadline;
	struct request *q;
	unsigned i;

	if (!h)
		return NULL;
	pthread_mutex_lock(&h->lock);
	h->stop = true;
	pthread_cond_broadcast(&h->more);
	pthread_mutex_unlock(&h->lock);
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += JOIN_S;
	for (i = 0; i < h->n_threads; i++)
		join(h->threads[i], &deadline);
	while ((q = take_result(h)))
		request_free(q);
	event_free(h->event);
	close(h->event_fd);
	pthread_mutex_destroy(&h->lock);
	pthread_cond_destroy(&h->more);
	free(h);
	return NULL;
}

static int query(struct helper *h, struct request *q, int timeout_ms, enum helper_urgency urgency,
		 helper_done_fn *done, void *owner)
{
	if (!q)
		return -ENOMEM;
	q->timeout_ms = timeout_ms;
	q->urgency = urgency;
	q->done = done;
	q->owner = owner;
	return submit(h, q);
}

int helper_query(struct helper *h, struct kafka *k, const struct kafka_tp *list, size_t n,
		 unsigned ask, int timeout_ms, enum helper_urgency urgency, helper_done_fn *done,
		 void *owner)
{
	struct request *q = request_new(QUERY, k, list, n);

	if (q)
		q->ask = ask;
	return query(h, q, timeout_ms, urgency, done, owner);
}

int helper_query_committed(struct helper *h, struct kafka *k, const struct kafka_tp *list, size_t n,
			   int timeout_ms, helper_done_fn *done, void *owner)
{
	return query(h, request_new(QUERY_COMMITTED, k, list, n), timeout_ms, HELPER_ASSIGN, done,
		     owner);
}

int helper_query_topics(struct helper *h, struct kafka *k, int timeout_ms, helper_done_fn *done,
			void *owner)
{
	return query(h, request_new(QUERY_TOPICS, k, NULL, 0), timeout_ms, HELPER_LATER, done,
		     owner);
}

int helper_query_partitions(struct helper *h, struct kafka *k, const char *topic, int timeout_ms,
			    helper_done_fn *done, void *owner)
{
	struct request *q = request_new(QUERY_PARTITIONS, k, NULL, 0);

	if (q && !(q->topic = strdup(topic)))
		q = request_free(q);
	return query(h, q, timeout_ms, HELPER_LATER, done, owner);
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
	return submit(h, q); /* behind what was asked of it */
}

static void forget(struct requests *list, const void *owner)
{
	struct request *q;

	TAILQ_FOREACH (q, list, link)
		if (q->owner == owner)
			q->done = NULL;
}

void helper_forget(struct helper *h, void *owner)
{
	pthread_mutex_lock(&h->lock);
	forget(&h->in, owner);
	forget(&h->busy, owner);
	forget(&h->out, owner);
	pthread_cond_broadcast(&h->more); /* whoever waited for them */
	pthread_mutex_unlock(&h->lock);
}
