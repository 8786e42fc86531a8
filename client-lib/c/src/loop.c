/* SPDX-License-Identifier: MIT */
/*
 * The consumer in an event loop: the application's own, or the one inside kg_consumer_receive().
 *
 * A loop polls one descriptor that never changes and asks for the timeout each time; the timeout is
 * 0 while anything is buffered, unsent, or unseen (an event that came with the answer to a commit
 * must not wait for the next message). Owns nothing. It must never read the socket itself: that is
 * a turn.
 */
#include "client-lib/c/src/clock.h"
#include "client-lib/c/src/partition.h"
#include "client-lib/c/src/session.h"

#include <poll.h>

int kg_consumer_get_fd(const struct kg_consumer *c)
{
	if (!c || consumer_is_forked(c))
		return -1;
	return c->partitions ? c->client->sharing->loop_fd : c->client->connection.epoll_fd;
}

short kg_consumer_get_events(const struct kg_consumer *c)
{
	(void)c;
	return POLLIN;
}

/* What the loop goes by when other threads change it: see sharing.c. */
static int note_timeout(const struct kg_consumer *c, uint64_t until_us)
{
	if (c->partitions)
		c->client->sharing->loop_until_us = until_us;
	return clock_ms_until(until_us, clock_now_us());
}

int kg_consumer_get_timeout_ms(const struct kg_consumer *c)
{
	CONSUMER_LOCK(c);

	if (consumer_check(c) || session_has_news(c))
		return 0;
	return note_timeout(c, session_deadline_us(c->client));
}

int kg_consumer_process(struct kg_consumer *c)
{
	CONSUMER_LOCK(c);
	int r = consumer_check(c);

	if (!r)
		r = session_turn_of(c, false);
	if (r)
		return r;
	c->events.fresh = false;
	if (!c->partitions)
		return 0;
	partitions_seen(c);
	sharing_processed(c->client);
	return 0;
}

int kg_consumer_receive(struct kg_consumer *c, struct kg_message *m, int timeout_ms)
{
	uint64_t deadline_us = CLOCK_NEVER;
	int r = kg_consumer_next(c, m);

	if (r)
		return r;
	if (timeout_ms >= 0)
		deadline_us = clock_now_us() + (uint64_t)timeout_ms * 1000;
	for (;;) {
		r = session_turn_of(c, false);
		if (!r)
			r = kg_consumer_next(c, m);
		if (r)
			return r;
		if (deadline_us != CLOCK_NEVER && clock_now_us() >= deadline_us)
			return 0;
		if (session_sleep(c->client, deadline_us))
			return 0;
	}
}
