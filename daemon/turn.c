/* SPDX-License-Identifier: MIT */
/*
 * Turns: one connection asks for so much and then the others are read, one user asks for so much a
 * second and then its connections are not read.
 *
 * What is asked for is counted in requests: see session.c for what counts how much. A turn ends
 * after TURN_REQUESTS of them, about a millisecond, whatever else is in the buffer. A connection
 * whose turn ended, or whose user is more than a burst ahead of requests.per.user, is parked: off
 * the loop, its bytes wait in its socket, and there a busy program feels it as a socket that is
 * full. Nothing is refused and nobody else notices. The next turn comes in the loop's next round,
 * after every socket that is ready, or when the user has paid. Not to be mixed up with
 * connection_hold(), which waits for an answer from Kafka; a connection may be both. Owns the list
 * of the parked and the timer of their next turn.
 */
#include "daemon/turn.h"

#include "daemon/connection.h"
#include "daemon/daemon.h"

#include <errno.h>
#include <time.h>

enum { TURN_REQUESTS = 1000 };

uint64_t turn_clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Never before the loop has looked at every socket once: a timer of 0, no activation. */
static void schedule(struct daemon *d, uint64_t due_us, uint64_t wait_us)
{
	struct timeval tv = {(time_t)(wait_us / 1000000), (suseconds_t)(wait_us % 1000000)};

	if (due_us >= d->parked_due_us)
		return;
	d->parked_due_us = due_us;
	evtimer_add(d->parked_timer, &tv);
}

static void park(struct connection *c, uint64_t now, uint64_t wait_us)
{
	if (!c->parked) {
		c->parked = true;
		TAILQ_INSERT_TAIL(&c->daemon->parked, c, park_link);
		c->daemon->n_parked++;
		connection_update_reading(c);
	}
	schedule(c->daemon, now + wait_us, wait_us);
}

void turn_park(struct connection *c)
{
	uint64_t now = now_us();

	park(c, now, quota_get_wait_us(&c->charge, now));
}

static void unpark(struct connection *c)
{
	if (!c->parked)
		return;
	c->parked = false;
	TAILQ_REMOVE(&c->daemon->parked, c, park_link);
	c->daemon->n_parked--;
}

void turn_forget(struct connection *c)
{
	unpark(c);
}

bool turn_begin(struct connection *c)
{
	uint64_t now = now_us(), wait_us = quota_get_wait_us(&c->charge, now);

	if (wait_us)
		park(c, now, wait_us);
	return !wait_us;
}

bool turn_is_over(struct connection *c)
{
	return c->asked >= TURN_REQUESTS && !c->last_words;
}

void turn_end(struct connection *c)
{
	bool over = turn_is_over(c);

	if (c->asked)
		quota_ask(&c->charge, c->asked, now_us());
	c->asked = 0;
	if (over)
		turn_park(c);
}

/* A turn each; who is parked again meanwhile is behind them. */
static void on_due(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	struct connection *c;
	unsigned n = d->n_parked;

	d->parked_due_us = UINT64_MAX;
	while (n-- && (c = TAILQ_FIRST(&d->parked))) {
		unpark(c);
		connection_update_reading(c);
		connection_turn(c);
	}
}

int turn_open(struct daemon *d)
{
	TAILQ_INIT(&d->parked);
	d->parked_due_us = UINT64_MAX;
	d->parked_timer = evtimer_new(d->base, on_due, d);
	return d->parked_timer ? 0 : -ENOMEM;
}

void turn_close(struct daemon *d)
{
	if (d->parked_timer)
		event_free(d->parked_timer);
}
