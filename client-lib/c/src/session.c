/* SPDX-License-Identifier: MIT */
/*
 * The conversation with the daemon, turn by turn.
 *
 * A turn reconnects when it is time, says what there is to say (marks, requests, credit, in one
 * send), reads what came, lets frames.c look at every frame, and says what follows from them. A
 * lost connection is no error: claims become orphans, unread messages are dropped, and the next
 * turns come back with the same consumer id. Only what the daemon refuses for good ends the
 * consumer.
 *
 * All waiting of the library is session_sleep(). A turn never blocks, so it serves blocking calls
 * and foreign event loops alike; a mark never waits here while the caller sleeps, since a turn
 * precedes every sleep and session_has_news() makes get_timeout 0 before one.
 */
#include "client-lib/c/src/session.h"

#include "client-lib/c/src/clock.h"
#include "client-lib/c/src/dial.h"
#include "client-lib/c/src/error.h"
#include "client-lib/c/src/mark.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

enum { LEAST_UNREAD_BYTES = 1 << 20, MESSAGE_OVERHEAD_BYTES = 64, MEMORY_RETRY_MS = 10 };

/* ---- losing and finding the daemon ----------------------------------------------------------- */

static void tell_released(struct kg_consumer *c)
{
	struct event e = {.type = KG_EVENT_RELEASED};
	const struct claim *claim;
	size_t i;

	for (i = 0; i < c->claims.n; i++) {
		claim = c->claims.all[i];
		if (claim->state >= CLAIM_ORPHAN)
			continue;
		e.topic = claim->public.topic;
		e.partition = claim->public.partition;
		events_push(&c->events, &e, kgp_bytes(NULL, 0));
	}
}

void session_lose(struct kg_consumer *c, const char *why)
{
	struct kg_error e;

	error_set(&e, KG_ERR_DISCONNECTED, "no connection to the daemon, trying again: %s", why);
	connection_close(&c->connection);
	tell_released(c);
	delivery_reset(c);
	claims_orphan(&c->claims, c->session == SESSION_OPEN);
	requests_lose(&c->requests);
	credit_reset(&c->credit);
	c->session = SESSION_DOWN;
	connection_retry_later(&c->connection, c->back_ms);
	c->back_ms = 0;
	consumer_set_state(c, KG_STATE_CONNECTING, kgp_text(e.text));
}

/* 0: connected, or not yet the time, or not this time; KG_ERR_MEMORY. */
static int dial_again(struct kg_consumer *c)
{
	struct kg_error why;
	int r;

	if (clock_now_us() < c->connection.retry_at_us)
		return 0;
	r = connection_open(&c->connection, options_socket(c->options));
	c->dial_errno = -r;
	if (r) {
		connection_retry_later(&c->connection, 0);
		dial_explain(&why, options_socket(c->options), -r);
		consumer_set_state(c, KG_STATE_CONNECTING, kgp_text(why.text));
		return 0;
	}
	c->session = SESSION_GREETING;
	if (!frames_put_hello(c))
		return 0;
	session_lose(c, "no memory");
	return error_set(&c->error, KG_ERR_MEMORY, "no memory to connect");
}

/* ---- sending --------------------------------------------------------------------------------- */

static int put_credit(struct kg_consumer *c)
{
	struct kgp_credit frame = {0};
	struct credit before = c->credit;

	if (c->closing || !connection_has_room(&c->connection) ||
	    !credit_due(&c->credit, !delivery_is_pending(c)))
		return 0;
	credit_grant(&c->credit);
	frame.messages = c->credit.granted_messages;
	frame.bytes = c->credit.granted_bytes;
	if (!connection_put(&c->connection, KGP_T_credit, &frame))
		return 0;
	c->credit = before;
	return -ENOMEM;
}

/* Behind a CLOSE goes nothing. */
static bool may_speak(const struct kg_consumer *c)
{
	return c->session == SESSION_OPEN && !(c->closing && !c->requests.n_unsent);
}

/* A request goes out when all marks before it have. */
static int put_all(struct kg_consumer *c)
{
	int r = marks_put(c);

	if (!r && TAILQ_EMPTY(&c->claims.dirty))
		r = requests_put(&c->requests, &c->connection);
	return r ? r : put_credit(c);
}

/* As long as the socket takes it: what is left waits for room, and the socket is watched for that.
 */
int session_send(struct kg_consumer *c)
{
	bool more;
	int r = 0;

	if (c->session == SESSION_DOWN)
		return 0;
	do {
		if (may_speak(c))
			r = put_all(c);
		if (connection_unsent_bytes(&c->connection))
			connection_flush(&c->connection);
		more = !TAILQ_EMPTY(&c->claims.dirty) && connection_has_room(&c->connection);
	} while (!r && more && may_speak(c));
	return r ? error_set(&c->error, KG_ERR_MEMORY, "no memory for what is to be sent") : 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int malformed(struct kg_consumer *c, int r)
{
	if (r == -EMSGSIZE)
		error_set(&c->error, KG_ERR_PROTOCOL,
			  "the daemon sent a frame above max.frame, %u bytes",
			  c->connection.in.max_body_bytes);
	else
		error_set(&c->error, KG_ERR_PROTOCOL, "the daemon sent bytes that are no frame");
	return consumer_end(c, KG_ERR_PROTOCOL);
}

/* Looks at every whole frame: 0, SESSION_LOST, KG_ERR_MEMORY, or what ended the consumer. */
static int look(struct kg_consumer *c)
{
	struct frame f;
	bool keep;
	int r;

	while ((r = inbox_scan(&c->connection.in, &f)) > 0) {
		keep = false;
		r = frames_on_frame(c, &f, &keep);
		if (r < 0 && r != KG_ERR_MEMORY)
			return consumer_end(c, r);
		if (r)
			return r;
		inbox_scanned(&c->connection.in, &f, keep);
	}
	return r < 0 ? malformed(c, r) : 0;
}

/* More is unread than the credit can explain: the rest stays in the socket until some is taken. */
static bool is_full(const struct kg_consumer *c)
{
	uint64_t limit =
		c->credit.window_bytes + c->credit.window_messages * MESSAGE_OVERHEAD_BYTES;

	return c->connection.in.unread_bytes > limit + LEAST_UNREAD_BYTES;
}

/* 1: more may wait in the socket; 0: it is empty; or as look(). */
static int read_once(struct kg_consumer *c)
{
	char text[128];
	int r = connection_receive(&c->connection);

	if (r == -EAGAIN)
		return 0;
	if (r == -ENOMEM)
		return error_set(&c->error, KG_ERR_MEMORY, "no memory for what the daemon sends");
	if (r <= 0) {
		session_lose(c, r ? strerror_r(-r, text, sizeof(text)) : "it closed");
		return 0;
	}
	r = look(c);
	if (r != SESSION_LOST)
		return r < 0 ? r : 1;
	return 0;
}

static int read_all(struct kg_consumer *c, bool patient)
{
	int r = look(c);

	if (r)
		return r < 0 ? r : 0;
	do {
		if (is_full(c) && !patient)
			return 0;
		r = read_once(c);
	} while (r > 0 && (patient || !delivery_is_pending(c)));
	return r < 0 ? r : 0;
}

/* ---- turns ----------------------------------------------------------------------------------- */

static void expire(struct kg_consumer *c)
{
	if (c->requests.n_async)
		requests_expire(&c->requests, &c->events, clock_now_us(),
				c->session == SESSION_OPEN ? KG_ERR_TIMEOUT : KG_ERR_DISCONNECTED);
}

int session_turn(struct kg_consumer *c, bool patient)
{
	int r = c->ended;

	c->turned_ms = clock_coarse_ms();
	if (!r && c->session == SESSION_DOWN)
		r = dial_again(c);
	if (!r)
		r = session_send(c);
	if (!r && c->session != SESSION_DOWN)
		r = read_all(c, patient);
	if (!r)
		r = delivery_skim(c);
	if (!r)
		r = session_send(c);
	c->out_of_memory = r == KG_ERR_MEMORY;
	if (!r)
		expire(c);
	return r;
}

bool session_has_news(const struct kg_consumer *c)
{
	if (c->ended || delivery_is_pending(c) || c->events.fresh)
		return true;
	if (c->out_of_memory || (connection_unsent_bytes(&c->connection) && !c->connection.armed))
		return true;
	if (c->session != SESSION_OPEN || !connection_has_room(&c->connection))
		return false;
	return !TAILQ_EMPTY(&c->claims.dirty) || c->requests.n_unsent ||
	       credit_due(&c->credit, true);
}

uint64_t session_deadline_us(const struct kg_consumer *c)
{
	uint64_t deadline_us = requests_deadline_us(&c->requests);

	if (c->session == SESSION_DOWN && c->connection.retry_at_us < deadline_us)
		deadline_us = c->connection.retry_at_us;
	return deadline_us;
}

int session_sleep(const struct kg_consumer *c, uint64_t deadline_us)
{
	struct pollfd p = {c->connection.fd, POLLIN, 0}; /* poll(2) skips descriptor -1 */
	uint64_t own_us = session_deadline_us(c);

	if (c->connection.armed)
		p.events |= POLLOUT;
	if (own_us < deadline_us)
		deadline_us = own_us;
	if (poll(&p, 1, clock_ms_until(deadline_us, clock_now_us())) >= 0)
		return 0;
	return errno == EINTR ? -EINTR : 0;
}

/* A blocking call waits out a shortage of memory, as it waits for the daemon. */
static void sleep_for_memory(void)
{
	poll(NULL, 0, MEMORY_RETRY_MS);
}

static int wait_for_answer(struct kg_consumer *c, struct request *q)
{
	int r;

	for (;;) {
		r = session_turn(c, true);
		if ((r && r != KG_ERR_MEMORY) || q->answered || clock_now_us() >= q->deadline_us)
			return r;
		if (r)
			sleep_for_memory();
		else
			session_sleep(c, q->deadline_us);
	}
}

int session_wait(struct kg_consumer *c, struct request *q)
{
	int r;

	requests_add(&c->requests, q);
	r = wait_for_answer(c, q);
	requests_remove(&c->requests, q);
	if (q->answered && q->code != KG_ERR_DISCONNECTED)
		return q->code;
	if (r)
		return r;
	if (c->session == SESSION_OPEN)
		return error_set(&c->error, KG_ERR_TIMEOUT, "the daemon did not answer in time");
	return error_set(&c->error, KG_ERR_DISCONNECTED, "no answer in time: %s", c->state_text);
}
