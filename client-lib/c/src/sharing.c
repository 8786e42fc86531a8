/* SPDX-License-Identifier: MIT */
/*
 * A client whose consumer is in partitions mode, in the hands of several threads.
 *
 * One mutex for the connection and all that hangs on it is held by every public call for as long as
 *it runs, and let go of while it sleeps. No thread belongs to the library, so those that sleep
 *share the work: the first one leads, which means that it alone sits in poll(2); those after it
 *follow, each on a condition of its own. What the leader reads may be for another: then that one is
 *woken, and only that one. When the leader has what it waited for it returns to its caller, and the
 *unlock that ends its call makes a follower the next leader (the heir). So the socket is read while
 *anybody sleeps, no thread that waits for its partition starves another, and a message costs at
 *most one change of threads.
 *
 *	message		leader's poll returns -> session_turn() -> partition_route() queues it
 *			-> sharing_wake(partition) -> its thread takes it from the queue
 *	release		the same way, to every thread: frames.c voids the queue, wakes, and the
 *			call answers KG_ERR_RELEASED
 *	lost connection	the turn that sees it ends all partitions and wakes their threads; the
 *			leader sleeps no longer than until the next try to connect
 *	close		kg_consumer_close() ends and wakes all first, then waits for its answer as a
 *			leader or follower itself, so those threads may leave, free and come no more
 *
 * Somebody who sleeps must hear of what others do meanwhile: marks that are to be sent, an earlier
 * time to try again. So each unlock looks once (settle): if there is a leader and something to say,
 * it is nudged through an eventfd, and says it within 10 ms, together with what is marked until
 * then. A loop of the application's own (kg_consumer_get_fd) may run beside the threads: what they
 * read for it makes its descriptor readable, until it calls kg_consumer_process().
 *
 * Invariants, under the mutex: a thread that sleeps is the leader or a follower; if there are
 * followers there is a leader or an heir, or a thread inside that will settle. Nobody sleeps on
 * a condition that was not checked under the same lock. Made with the first consumer in partitions
 * mode, it stays with the client; a multiplexed consumer passes it by.
 */
#include "client-lib/c/src/sharing.h"

#include "client-lib/c/src/clock.h"
#include "client-lib/c/src/partition.h"
#include "client-lib/c/src/session.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

enum { GATHER_MS = 10 };

/* ---- life ------------------------------------------------------------------------------------ */

static int watch(int epoll_fd, int fd)
{
	struct epoll_event e = {.events = EPOLLIN};

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

/* The application's descriptor watches ours, which watches the socket. */
static int open_descriptors(struct sharing *s, int connection_fd)
{
	int r;

	s->nudge_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->nudge_fd < 0)
		return -errno;
	s->news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->news_fd < 0)
		return -errno;
	s->loop_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->loop_fd < 0)
		return -errno;
	r = watch(s->loop_fd, connection_fd);
	return r ? r : watch(s->loop_fd, s->news_fd);
}

int sharing_init(struct kg_client *k)
{
	struct sharing *s;
	int r;

	if (k->sharing) {
		k->sharing->has_loop = false; /* it was another consumer's */
		return 0;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->nudge_fd = s->news_fd = s->loop_fd = -1;
	pthread_mutex_init(&s->mutex, NULL);
	TAILQ_INIT(&s->followers);
	s->leader_until_us = s->loop_until_us = CLOCK_NEVER;
	r = open_descriptors(s, k->connection.epoll_fd);
	k->sharing = s;
	if (r)
		sharing_deinit(k);
	return r;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void sharing_abandon(struct kg_client *k)
{
	close_fd(k->sharing->loop_fd);
	close_fd(k->sharing->news_fd);
	close_fd(k->sharing->nudge_fd);
}

void sharing_deinit(struct kg_client *k)
{
	if (!k->sharing)
		return;
	sharing_abandon(k);
	pthread_mutex_destroy(&k->sharing->mutex);
	free(k->sharing);
	k->sharing = NULL;
}

bool sharing_is_torn(const struct kg_client *k)
{
	if (!k->sharing)
		return false;
	if (pthread_mutex_trylock(&k->sharing->mutex))
		return true;
	pthread_mutex_unlock(&k->sharing->mutex);
	return false;
}

/* ---- waking ---------------------------------------------------------------------------------- */

static void raise_fd(int fd)
{
	static const uint64_t one = 1;

	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void lower_fd(int fd)
{
	uint64_t count;

	while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

static void wake(struct sharing *s, struct waiter *w)
{
	if (w->woken)
		return;
	w->woken = true;
	if (w == s->leader)
		raise_fd(s->nudge_fd);
	else
		pthread_cond_signal(&w->cond);
}

void sharing_wake(struct kg_client *k, const struct kg_partition *p)
{
	struct sharing *s = k->sharing;
	struct waiter *w;

	if (s->leader && s->leader->partition == p)
		wake(s, s->leader);
	TAILQ_FOREACH (w, &s->followers, link)
		if (w->partition == p)
			wake(s, w);
}

void sharing_wake_all(struct kg_client *k)
{
	struct sharing *s = k->sharing;
	struct waiter *w;

	if (s->leader)
		wake(s, s->leader);
	TAILQ_FOREACH (w, &s->followers, link)
		wake(s, w);
}

/* ---- what those who sleep should know -------------------------------------------------------- */

/* Whether one who sleeps until then should take a turn before. */
static bool turn_is_due(const struct kg_client *k, uint64_t until_us)
{
	return session_has_work(k) || session_deadline_us(k) < until_us;
}

/* The loop's own thread looks before it polls; another's news have to reach it there. */
static bool loop_should_know(const struct kg_client *k)
{
	const struct sharing *s = k->sharing;

	if (!s->has_loop || s->told_news || pthread_equal(s->loop_thread, pthread_self()))
		return false;
	return !k->consumer || k->consumer->events.fresh || partitions_have_news(k->consumer) ||
	       (!sharing_is_led(k) && turn_is_due(k, s->loop_until_us));
}

bool sharing_is_led(const struct kg_client *k)
{
	return k->sharing->leader || k->sharing->heir;
}

static void settle(struct kg_client *k)
{
	struct sharing *s = k->sharing;

	if (s->leader && !s->nudged && turn_is_due(k, s->leader_until_us)) {
		s->nudged = true;
		raise_fd(s->nudge_fd);
	}
	if (!sharing_is_led(k) && !TAILQ_EMPTY(&s->followers)) {
		s->heir = TAILQ_FIRST(&s->followers);
		wake(s, s->heir);
	}
	if (loop_should_know(k)) {
		s->told_news = true;
		raise_fd(s->news_fd);
	}
}

void sharing_processed(struct kg_client *k)
{
	struct sharing *s = k->sharing;

	s->has_loop = true;
	s->loop_thread = pthread_self();
	if (s->told_news)
		lower_fd(s->news_fd);
	s->told_news = false;
}

/* ---- the lock -------------------------------------------------------------------------------- */

struct kg_client *sharing_lock(struct kg_client *k)
{
	if (!k || !k->sharing || client_is_forked(k))
		return NULL;
	pthread_mutex_lock(&k->sharing->mutex);
	return k;
}

struct kg_client *sharing_lock_of(struct kg_consumer *c)
{
	return c && c->partitions ? sharing_lock(c->client) : NULL;
}

void sharing_unlock(struct kg_client **k)
{
	if (!*k)
		return;
	settle(*k);
	pthread_mutex_unlock(&(*k)->sharing->mutex);
}

/* ---- sleeping -------------------------------------------------------------------------------- */

static void init_condition(pthread_cond_t *cond)
{
	pthread_condattr_t a;

	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &a);
	pthread_condattr_destroy(&a);
}

/* Until woken: with something for this thread, or to lead. */
static void follow(struct sharing *s, struct waiter *w, uint64_t deadline_us)
{
	struct timespec t = {(time_t)(deadline_us / 1000000), (long)(deadline_us % 1000000) * 1000};
	int r = 0;

	TAILQ_INSERT_TAIL(&s->followers, w, link);
	while (!w->woken && !r)
		r = deadline_us == CLOCK_NEVER ? pthread_cond_wait(&w->cond, &s->mutex)
					       : pthread_cond_timedwait(&w->cond, &s->mutex, &t);
	TAILQ_REMOVE(&s->followers, w, link);
	if (s->heir == w)
		s->heir = NULL;
}

/* poll(2) without the lock: its answer, or -EINTR. */
static int poll_unlocked(struct kg_client *k, uint64_t deadline_us)
{
	struct sharing *s = k->sharing;
	struct pollfd p[] = {{k->connection.epoll_fd, POLLIN, 0}, {s->nudge_fd, POLLIN, 0}};
	int ms = clock_ms_until(deadline_us, clock_now_us()), r;

	pthread_mutex_unlock(&s->mutex);
	r = poll(p, 2, ms);
	if (r < 0)
		r = errno == EINTR ? -EINTR : 0;
	pthread_mutex_lock(&s->mutex);
	if (r > 0 && p[1].revents)
		lower_fd(s->nudge_fd);
	return r > 0 ? p[0].revents : r;
}

/* Until the socket has something, it is woken, or it is time to send what was marked. */
static int lead(struct kg_client *k, struct waiter *w, uint64_t deadline_us)
{
	struct sharing *s = k->sharing;
	uint64_t own_us = session_deadline_us(k), soon_us;
	int r;

	if (own_us < deadline_us)
		deadline_us = own_us;
	s->leader = w;
	s->leader_until_us = deadline_us;
	r = poll_unlocked(k, deadline_us);
	if (!r && s->nudged && !w->woken) {
		soon_us = clock_now_us() + GATHER_MS * 1000;
		r = poll_unlocked(k, soon_us < deadline_us ? soon_us : deadline_us);
	}
	s->leader = NULL;
	s->leader_until_us = CLOCK_NEVER;
	s->nudged = false;
	return r < 0 ? r : 0;
}

int sharing_sleep(struct kg_client *k, struct kg_partition *p, uint64_t deadline_us)
{
	struct sharing *s = k->sharing;
	struct waiter w = {.partition = p};
	int r = 0;

	init_condition(&w.cond);
	if (s->leader || s->heir)
		follow(s, &w, deadline_us);
	else
		r = lead(k, &w, deadline_us);
	pthread_cond_destroy(&w.cond);
	return r;
}

void sharing_rest(struct kg_client *k, int ms)
{
	pthread_mutex_unlock(&k->sharing->mutex);
	poll(NULL, 0, ms);
	pthread_mutex_lock(&k->sharing->mutex);
}
