/* SPDX-License-Identifier: MIT */
/*
 * The conversation with the daemon, turn by turn.
 *
 * A turn reconnects when it is time, says what there is to say (marks, requests, credit, in one
 * send), reads what came, lets frames.c look at every frame, and says what follows from them. A
 * lost connection is no error: the consumer's claims become orphans, unread messages are dropped,
 * and the next turns come back with the same consumer id. Only what the daemon refuses for good
 * ends the consumer. A client without a consumer has the same turns, for its queries.
 *
 * What goes wrong here is told in the client's error; a consumer's call copies it. All waiting of
 * the library is session_sleep(). A turn never blocks, so it serves blocking calls and foreign
 * event loops alike; a mark never waits here while the caller sleeps, since a turn precedes every
 * sleep and session_has_news() makes get_timeout 0 before one.
 */
#include "client-lib/c/src/session.h"

#include "client-lib/c/src/clock.h"
#include "client-lib/c/src/dial.h"
#include "client-lib/c/src/error.h"
#include "client-lib/c/src/mark.h"
#include "client-lib/c/src/partition.h"
#include "client-lib/c/src/reset.h"

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

static void consumer_lose(struct kg_consumer *c, bool was_open)
{
	tell_released(c);
	delivery_reset(c);
	if (c->partitions)
		partitions_end(c, KG_ERR_RELEASED);
	claims_orphan(&c->claims, was_open);
	requests_lose(&c->requests);
	resets_lose(c);
	credit_reset(&c->credit);
	consumer_set_state(c, KG_STATE_CONNECTING, kgp_text(c->client->trouble));
}

void session_drop(struct kg_client *k)
{
	connection_close(&k->connection);
	k->session = SESSION_DOWN;
	requests_lose(&k->requests);
}

static void note_trouble(struct kg_client *k, const struct kg_error *e)
{
	error_copy_text(k->trouble, sizeof(k->trouble), kgp_text(e->text));
}

void session_lose(struct kg_client *k, const char *why)
{
	bool was_open = k->session == SESSION_OPEN;
	struct kg_error e;

	error_set(&e, KG_ERR_DISCONNECTED, "no connection to the daemon, trying again: %s", why);
	note_trouble(k, &e);
	session_drop(k);
	connection_retry_later(&k->connection, k->back_ms);
	k->back_ms = 0;
	if (k->consumer)
		consumer_lose(k->consumer, was_open);
}

/* 0: connected, or not yet the time, or not this time; KG_ERR_MEMORY. */
static int dial_again(struct kg_client *k)
{
	struct kg_error why;
	int r;

	if (clock_now_us() < k->connection.retry_at_us)
		return 0;
	r = connection_open(&k->connection, options_socket(k->options));
	k->dial_errno = -r;
	if (r) {
		connection_retry_later(&k->connection, 0);
		dial_explain(&why, options_socket(k->options), -r);
		note_trouble(k, &why);
		if (k->consumer)
			consumer_set_state(k->consumer, KG_STATE_CONNECTING, kgp_text(why.text));
		return 0;
	}
	k->session = SESSION_GREETING;
	if (!frames_put_hello(k))
		return 0;
	session_lose(k, "no memory");
	return error_set(&k->error, KG_ERR_MEMORY, "no memory to connect");
}

/* ---- sending --------------------------------------------------------------------------------- */

static int put_credit(struct kg_consumer *c)
{
	struct connection *connection = &c->client->connection;
	struct kgp_credit frame = {0};
	struct credit before = c->credit;

	if (c->partitions)
		return partitions_put_credit(c);
	if (c->closing || !connection_has_room(connection) ||
	    !credit_due(&c->credit, !delivery_is_pending(c)))
		return 0;
	credit_grant(&c->credit);
	frame.messages = c->credit.granted_messages;
	frame.bytes = c->credit.granted_bytes;
	if (!connection_put(connection, KGP_T_credit, &frame))
		return 0;
	c->credit = before;
	return -ENOMEM;
}

/* Behind a CLOSE goes nothing of the consumer. */
static bool may_speak(const struct kg_client *k)
{
	const struct kg_consumer *c = k->consumer;

	return c && k->session == SESSION_OPEN && !(c->closing && !c->requests.n_unsent);
}

/* A request goes out when all marks before it have. */
static int put_all(struct kg_consumer *c)
{
	int r = marks_put(c);

	if (!r && TAILQ_EMPTY(&c->claims.dirty))
		r = requests_put(&c->requests, &c->client->connection, c->n_resets);
	return r ? r : put_credit(c);
}

/* Of the client's own: questions. */
static int put_requests(struct kg_client *k)
{
	if (k->features & 1u << KGP_FEATURE_query)
		return requests_put(&k->requests, &k->connection, 0);
	requests_end(&k->requests, NULL, KG_ERR_UNSUPPORTED, kgp_bytes(NULL, 0));
	return 0;
}

static int put_next(struct kg_client *k)
{
	int r = 0;

	if (k->session == SESSION_READY && k->consumer)
		r = frames_put_open(k->consumer);
	if (!r && k->session >= SESSION_READY)
		r = put_requests(k);
	return !r && may_speak(k) ? put_all(k->consumer) : r;
}

/* As long as the socket takes it: what is left waits for room, and the socket is watched for that.
 */
int session_send(struct kg_client *k)
{
	bool more;
	int r = 0;

	if (k->session == SESSION_DOWN)
		return 0;
	do {
		r = put_next(k);
		if (connection_unsent_bytes(&k->connection))
			connection_flush(&k->connection);
		more = may_speak(k) && !TAILQ_EMPTY(&k->consumer->claims.dirty) &&
		       connection_has_room(&k->connection);
	} while (!r && more);
	return r ? error_set(&k->error, KG_ERR_MEMORY, "no memory for what is to be sent") : 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The connection cannot go on, and another try would only repeat why: the code of k->error. */
static int fail(struct kg_client *k, int code)
{
	struct kg_consumer *c = k->consumer;

	session_drop(k);
	requests_end(&k->requests, NULL, code, kgp_bytes(NULL, 0));
	if (!c)
		return code;
	c->error = k->error;
	return consumer_end(c, code);
}

static int malformed(struct kg_client *k, int r)
{
	if (r == -EMSGSIZE)
		error_set(&k->error, KG_ERR_PROTOCOL,
			  "the daemon sent a frame above max.frame, %u bytes",
			  k->connection.in.max_body_bytes);
	else
		error_set(&k->error, KG_ERR_PROTOCOL, "the daemon sent bytes that are no frame");
	return fail(k, KG_ERR_PROTOCOL);
}

/* Looks at every whole frame: 0, SESSION_LOST, KG_ERR_MEMORY, or what cannot go on. */
static int look(struct kg_client *k)
{
	struct frame f;
	bool keep;
	int r;

	while ((r = inbox_scan(&k->connection.in, &f)) > 0) {
		keep = false;
		r = frames_on_frame(k, &f, &keep);
		if (r < 0 && r != KG_ERR_MEMORY)
			return fail(k, r);
		if (r)
			return r;
		inbox_scanned(&k->connection.in, &f, keep);
	}
	return r < 0 ? malformed(k, r) : 0;
}

/* More is unread than the credit can explain: the rest stays in the socket until some is taken. */
static bool is_full(const struct kg_client *k)
{
	const struct credit *credit;
	uint64_t limit;

	if (!k->consumer)
		return false;
	credit = &k->consumer->credit;
	limit = credit->window_bytes + credit->window_messages * MESSAGE_OVERHEAD_BYTES;
	return k->connection.in.unread_bytes > limit + LEAST_UNREAD_BYTES;
}

/* 1: more may wait in the socket; 0: it is empty; or as look(). */
static int read_once(struct kg_client *k)
{
	char text[128];
	int r = connection_receive(&k->connection);

	if (r == -EAGAIN)
		return 0;
	if (r == -ENOMEM)
		return error_set(&k->error, KG_ERR_MEMORY, "no memory for what the daemon sends");
	if (r <= 0) {
		session_lose(k, r ? strerror_r(-r, text, sizeof(text)) : "it closed");
		return 0;
	}
	r = look(k);
	if (r != SESSION_LOST)
		return r < 0 ? r : 1;
	return 0;
}

static int read_all(struct kg_client *k, bool patient)
{
	int r = look(k);

	if (r)
		return r < 0 ? r : 0;
	do {
		if (is_full(k) && !patient)
			return 0;
		r = read_once(k);
	} while (r > 0 && (patient || !k->consumer || !delivery_is_pending(k->consumer)));
	return r < 0 ? r : 0;
}

/* ---- turns ----------------------------------------------------------------------------------- */

static void expire(struct kg_consumer *c)
{
	if (c->requests.n_async)
		requests_expire(&c->requests, &c->events, clock_now_us(),
				c->client->session == SESSION_OPEN ? KG_ERR_TIMEOUT
								   : KG_ERR_DISCONNECTED);
}

/* A consumer that ends here is no trouble of the client. */
static int skim(struct kg_client *k)
{
	struct kg_consumer *c = k->consumer;
	int r = c ? delivery_skim(c) : 0;

	if (!r || c->ended)
		return 0;
	k->error = c->error;
	return r;
}

int session_turn(struct kg_client *k, bool patient)
{
	int r = 0;

	k->turned_ms = clock_coarse_ms();
	if (k->session == SESSION_DOWN)
		r = dial_again(k);
	if (!r)
		r = session_send(k);
	if (!r && k->session != SESSION_DOWN)
		r = read_all(k, patient);
	if (!r)
		r = skim(k);
	if (!r)
		r = session_send(k);
	k->out_of_memory = r == KG_ERR_MEMORY;
	if (!r && k->consumer)
		expire(k->consumer);
	return r;
}

int session_turn_of(struct kg_consumer *c, bool patient)
{
	int r;

	if (c->ended)
		return c->ended;
	r = session_turn(c->client, patient);
	if (c->ended || !r)
		return c->ended;
	c->error = c->client->error;
	return r;
}

static bool has_credit(const struct kg_consumer *c)
{
	if (c->partitions)
		return !TAILQ_EMPTY(&c->partitions->credited);
	return credit_due(&c->credit, true);
}

bool session_has_work(const struct kg_client *k)
{
	const struct kg_consumer *c = k->consumer;

	if (k->out_of_memory || (connection_unsent_bytes(&k->connection) && !k->connection.armed))
		return true;
	if (!c || k->session != SESSION_OPEN || !connection_has_room(&k->connection))
		return false;
	return !TAILQ_EMPTY(&c->claims.dirty) || c->requests.n_unsent || has_credit(c);
}

bool session_has_news(const struct kg_consumer *c)
{
	return c->ended || delivery_is_pending(c) || c->events.fresh || partitions_have_news(c) ||
	       session_has_work(c->client);
}

uint64_t session_deadline_us(const struct kg_client *k)
{
	uint64_t deadline_us = CLOCK_NEVER;

	if (k->consumer)
		deadline_us = requests_deadline_us(&k->consumer->requests);
	if (k->session == SESSION_DOWN && k->connection.retry_at_us < deadline_us)
		deadline_us = k->connection.retry_at_us;
	return deadline_us;
}

int session_sleep(struct kg_client *k, uint64_t deadline_us)
{
	struct pollfd p = {k->connection.fd, POLLIN, 0}; /* poll(2) skips descriptor -1 */
	uint64_t own_us = session_deadline_us(k);

	if (k->sharing)
		return sharing_sleep(k, NULL, deadline_us);
	if (k->connection.armed)
		p.events |= POLLOUT;
	if (own_us < deadline_us)
		deadline_us = own_us;
	if (poll(&p, 1, clock_ms_until(deadline_us, clock_now_us())) >= 0)
		return 0;
	return errno == EINTR ? -EINTR : 0;
}

void session_sleep_for_memory(struct kg_client *k)
{
	if (k->sharing)
		sharing_rest(k, MEMORY_RETRY_MS);
	else
		poll(NULL, 0, MEMORY_RETRY_MS);
}

static int wait_for_answer(struct kg_client *k, const struct request *q)
{
	int r;

	for (;;) {
		r = session_turn(k, true);
		if ((r && r != KG_ERR_MEMORY) || q->answered || clock_now_us() >= q->deadline_us)
			return r;
		if (r)
			session_sleep_for_memory(k);
		else
			session_sleep(k, q->deadline_us);
	}
}

int session_wait(struct kg_client *k, struct requests *rs, struct request *q,
		 struct kg_error *error)
{
	int r;

	q->error = error;
	requests_add(rs, q);
	r = wait_for_answer(k, q);
	requests_remove(rs, q);
	if (q->answered)
		return q->code;
	if (r && error != &k->error)
		*error = k->error;
	if (r)
		return r;
	if (k->session >= (rs == &k->requests ? SESSION_READY : SESSION_OPEN))
		return error_set(error, KG_ERR_TIMEOUT, "the daemon did not answer in time");
	return error_set(error, KG_ERR_DISCONNECTED, "no answer in time: %s",
			 *k->trouble ? k->trouble : "the daemon has not said that it is ready");
}

uint64_t session_deadline_of(const struct kg_consumer *c, int timeout_ms)
{
	int64_t ms = timeout_ms < 0 ? c->options->number[OPTION_REQUEST_TIMEOUT_MS] : timeout_ms;

	return clock_now_us() + (uint64_t)ms * 1000;
}

int session_wait_of(struct kg_consumer *c, struct request *q)
{
	return session_wait(c->client, &c->requests, q, &c->error);
}

int session_check_claims(const struct kg_consumer *c, enum kgp_feature feature,
			 struct kg_error *error)
{
	if (c->client->session != SESSION_OPEN)
		return error_set(error, KG_ERR_DISCONNECTED,
				 "there is no connection, so no claim: %s", c->state_text);
	if (!(c->client->features & 1u << feature))
		return error_of_daemon(error, KGP_E_UNSUPPORTED, kgp_text(NULL));
	return 0;
}
