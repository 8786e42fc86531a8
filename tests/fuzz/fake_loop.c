/* SPDX-License-Identifier: MIT */
/*
 * The loop of libevent and the clocks, in the hands of the input.
 *
 * Stands in for the event half of libevent (buffers are libevent's own), for clock_gettime() and
 * gettimeofday(), and for the file that says how large we are. Time stands while the daemon works
 * and moves when the input says so; timers fire in the order of their time. Descriptors are ready
 * when the fakes behind them say so, level-triggered like epoll. A loop that does not come to rest
 * is a finding: the daemon would burn a processor.
 */
#include "tests/fuzz/fake_loop.h"

#include "tests/fuzz/fuzz.h"

#include <event2/event.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <sys/queue.h>
#include <sys/time.h>
#include <time.h>

enum { FIRST_KAFKA_FD = 5000, MOST_TURNS = 20000 };

uint64_t fake_now_us, fake_rss_bytes;

struct event_base {
	bool broken;
};

struct event {
	TAILQ_ENTRY(event) link;
	event_callback_fn callback;
	void *arg;
	int fd;
	short what;
	bool added, timed;
	uint64_t due_us, interval_us;
	uint64_t active; /* when it was activated, in the order of activations; 0: not */
	short result;
};

static TAILQ_HEAD(, event) events = TAILQ_HEAD_INITIALIZER(events);
static uint64_t n_activations;

/* ---- libevent -------------------------------------------------------------------------------- */

struct event_base *event_base_new(void)
{
	return calloc(1, sizeof(struct event_base));
}

void event_base_free(struct event_base *base)
{
	free(base);
}

int event_base_loopbreak(struct event_base *base)
{
	base->broken = true;
	return 0;
}

int event_base_dispatch(struct event_base *base)
{
	abort(); /* the target turns the loop itself */
}

struct event *event_new(struct event_base *base, evutil_socket_t fd, short what,
			event_callback_fn callback, void *arg)
{
	struct event *e = calloc(1, sizeof(*e));

	assert(base && e);
	*e = (struct event){.callback = callback, .arg = arg, .fd = fd, .what = what};
	TAILQ_INSERT_TAIL(&events, e, link);
	return e;
}

void event_free(struct event *e)
{
	TAILQ_REMOVE(&events, e, link);
	free(e);
}

static uint64_t micros(const struct timeval *tv)
{
	assert(tv->tv_sec >= 0 && tv->tv_usec >= 0 && tv->tv_usec < 1000000);
	return (uint64_t)tv->tv_sec * 1000000 + (uint64_t)tv->tv_usec;
}

int event_add(struct event *e, const struct timeval *tv)
{
	e->added = true;
	if (!tv)
		return 0;
	e->timed = true;
	e->due_us = fake_now_us + micros(tv);
	e->interval_us = e->what & EV_PERSIST ? micros(tv) : 0;
	return 0;
}

int event_del(struct event *e)
{
	e->added = e->timed = false;
	e->active = 0;
	return 0;
}

void event_active(struct event *e, int result, short n_calls)
{
	e->result |= (short)result;
	if (!e->active)
		e->active = ++n_activations;
}

int event_pending(const struct event *e, short what, struct timeval *tv)
{
	int found = e->active ? e->result : 0;

	if (e->added)
		found |= e->what & (EV_READ | EV_WRITE | EV_SIGNAL);
	if (e->timed)
		found |= EV_TIMEOUT;
	if (tv && found & what & EV_TIMEOUT) /* of the wall clock, which here is the other one */
		*tv = (struct timeval){(time_t)(e->due_us / 1000000),
				       (suseconds_t)(e->due_us % 1000000)};
	return found & what;
}

/* ---- clocks and files ------------------------------------------------------------------------ */

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);
int __wrap_gettimeofday(struct timeval *tv, void *zone);
FILE *__wrap_fopen64(const char *path, const char *mode);
FILE *__real_fopen64(const char *path, const char *mode);
struct passwd *__wrap_getpwnam(const char *name);
struct group *__wrap_getgrnam(const char *name);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	*ts = (struct timespec){(time_t)(fake_now_us / 1000000),
				(long)(fake_now_us % 1000000 * 1000)};
	return 0;
}

int __wrap_gettimeofday(struct timeval *tv, void *zone)
{
	*tv = (struct timeval){(time_t)(fake_now_us / 1000000),
			       (suseconds_t)(fake_now_us % 1000000)};
	return 0;
}

FILE *__wrap_fopen64(const char *path, const char *mode)
{
	static char text[64];

	if (strcmp(path, "/proc/self/statm") != 0)
		return __real_fopen64(path, mode);
	snprintf(text, sizeof(text), "1 %llu", (unsigned long long)fake_rss_bytes / 4096);
	return fmemopen(text, strlen(text), "r");
}

/* Nobody has a name here: numbers count. */
struct passwd *__wrap_getpwnam(const char *name)
{
	return NULL;
}

struct group *__wrap_getgrnam(const char *name)
{
	return NULL;
}

/* ---- turning --------------------------------------------------------------------------------- */

static void activate_ready(void)
{
	struct event *e;
	short ready;

	TAILQ_FOREACH (e, &events, link) {
		if (!e->added || e->fd < 0 || e->what & EV_SIGNAL)
			continue;
		ready = e->fd < FIRST_KAFKA_FD ? fake_socket_ready(e->fd) : fake_kafka_ready(e->fd);
		if (ready & e->what & (EV_READ | EV_WRITE))
			event_active(e, ready & e->what, 0);
	}
}

static struct event *find_first_active(void)
{
	struct event *e, *first = NULL;

	TAILQ_FOREACH (e, &events, link)
		if (e->active && (!first || e->active < first->active))
			first = e;
	return first;
}

static void call(struct event *e)
{
	short result = e->result;

	e->active = 0;
	e->result = 0;
	if (!(e->what & EV_PERSIST))
		e->added = e->timed = false;
	e->callback(e->fd, result, e->arg);
}

static struct event *find_next_timer(uint64_t until_us)
{
	struct event *e, *next = NULL;

	TAILQ_FOREACH (e, &events, link)
		if (e->timed && e->due_us <= until_us && (!next || e->due_us < next->due_us))
			next = e;
	return next;
}

static void fire(struct event *e)
{
	e->timed = e->interval_us > 0;
	e->due_us += e->interval_us;
	event_active(e, EV_TIMEOUT, 0);
}

/* The loop's next round: sockets that are ready, then timers that are due. */
static struct event *find_ready(void)
{
	struct event *e, *due;

	activate_ready();
	e = find_first_active();
	due = e ? NULL : find_next_timer(fake_now_us);
	if (due)
		fire(due);
	return due ? due : e;
}

void fake_loop_run(void)
{
	struct event *e;
	int turns;

	for (turns = 0;; turns++) {
		e = find_first_active();
		if (!e)
			e = find_ready();
		if (!e)
			return;
		if (turns == MOST_TURNS) {
			fprintf(stderr, "the loop does not come to rest\n");
			abort();
		}
		call(e);
	}
}

void fake_loop_advance(uint64_t us)
{
	uint64_t until_us = fake_now_us + us;
	struct event *e;

	fake_loop_run();
	while ((e = find_next_timer(until_us))) {
		if (e->due_us > fake_now_us)
			fake_now_us = e->due_us;
		fire(e);
		fake_loop_run();
	}
	fake_now_us = until_us;
}

unsigned fake_loop_count_events(void)
{
	struct event *e;
	unsigned n = 0;

	TAILQ_FOREACH (e, &events, link)
		n++;
	return n;
}
