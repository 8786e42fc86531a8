/* SPDX-License-Identifier: MIT */
/*
 * The consumer: opening, state, and the end.
 *
 * Owns all parts of the handle and their order of teardown. A consumer begins with a random id that
 * it keeps over reconnects, and ends once: closed by the application, or by an error that another
 * try would repeat. After the end it holds no socket and every call says why. Opening is turns of
 * the session until the group is joined; nothing is left behind when it fails. In a forked child
 * nothing here may touch what is shared with the parent: descriptors are closed, not shut down.
 */
#include "client-lib/c/src/consumer.h"

#include "client-lib/c/src/clock.h"
#include "client-lib/c/src/dial.h"
#include "client-lib/c/src/error.h"
#include "client-lib/c/src/mark.h"
#include "client-lib/c/src/session.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* ---- state ----------------------------------------------------------------------------------- */

void consumer_set_state(struct kg_consumer *c, enum kg_state state, struct kgp_bytes text)
{
	struct event e = {.type = KG_EVENT_STATE, .partition = -1};
	enum kg_state before = c->state;

	c->state = state;
	error_copy_text(c->state_text, sizeof(c->state_text), text);
	if (state != before)
		events_push(&c->events, &e, kgp_bytes(NULL, 0));
}

int consumer_end(struct kg_consumer *c, int code)
{
	if (c->ended)
		return c->ended;
	c->ended = code;
	connection_close(&c->connection);
	c->session = SESSION_DOWN;
	delivery_reset(c);
	claims_orphan(&c->claims, false);
	requests_lose(&c->requests);
	consumer_set_state(c, KG_STATE_CLOSED,
			   kgp_text(code == KG_ERR_CLOSED ? "closed" : c->error.text));
	return code;
}

enum kg_state kg_consumer_state(const struct kg_consumer *c, const char **text)
{
	if (text)
		*text = c ? c->state_text : "";
	return c ? c->state : KG_STATE_CLOSED;
}

const struct kg_error *kg_consumer_error(const struct kg_consumer *c)
{
	static const struct kg_error none = {.code = KG_ERR_ARGUMENT,
					     .text = "there is no consumer"};

	return c ? &c->error : &none;
}

/* ---- making one ------------------------------------------------------------------------------ */

static bool name_is_fine(const char *name, size_t max_bytes)
{
	size_t n = name ? strnlen(name, max_bytes + 1) : 0;

	return n && n <= max_bytes && kgp_is_utf8((const uint8_t *)name, n);
}

static bool topic_is_fine(const char *topic)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return name_is_fine(topic, KGP_MAX_TOPIC) && !topic[strspn(topic, allowed)] &&
	       strcmp(topic, ".") && strcmp(topic, "..");
}

static int check_arguments(struct kg_consumer **out, const char *group, const char *const *topics,
			   size_t n_topics, const struct kg_options *options,
			   struct kg_error *error)
{
	size_t i;

	if (!out || !group || (n_topics && !topics))
		return error_set(error, KG_ERR_ARGUMENT,
				 "consumer, group and topics may not be NULL");
	if (!name_is_fine(group, KGP_MAX_NAME))
		return error_set(error, KG_ERR_ARGUMENT,
				 "the group's name must have from 1 to %u bytes of UTF-8",
				 KGP_MAX_NAME);
	if (!n_topics)
		return error_set(error, KG_ERR_NO_TOPICS, "no topic is named");
	if (n_topics > KGP_MAX_TOPICS)
		return error_set(error, KG_ERR_ARGUMENT, "%zu topics are named, %u are allowed",
				 n_topics, KGP_MAX_TOPICS);
	for (i = 0; i < n_topics; i++)
		if (!topic_is_fine(topics[i]))
			return error_set(error, KG_ERR_BAD_TOPIC,
					 "'%.255s' cannot be a topic's name",
					 topics[i] ? topics[i] : "");
	return kg_options_validate(options, error);
}

static char *copy_text(const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = malloc(n);

	return copy ? memcpy(copy, s, n) : NULL;
}

static int copy_topics(struct kg_consumer *c, const char *const *topics, size_t n_topics)
{
	char *copy;

	c->topics = calloc(n_topics, sizeof(*c->topics));
	if (!c->topics)
		return -ENOMEM;
	for (; c->n_topics < n_topics; c->n_topics++) {
		copy = copy_text(topics[c->n_topics]);
		if (!copy)
			return -ENOMEM;
		c->topics[c->n_topics].value = kgp_text(copy);
	}
	return 0;
}

static struct kg_consumer *consumer_new(const char *group, const char *const *topics,
					size_t n_topics, const struct kg_options *options)
{
	struct kg_consumer *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	fork_guard_init(&c->guard);
	claims_init(&c->claims);
	events_init(&c->events);
	requests_init(&c->requests);
	c->connection.fd = c->connection.epoll_fd = -1;
	c->options = options_copy(options);
	c->group = copy_text(group);
	if (!c->options || !c->group || copy_topics(c, topics, n_topics))
		return kg_consumer_free(c);
	c->credit.window_messages = (uint64_t)c->options->number[OPTION_CREDIT_MESSAGES];
	c->credit.window_bytes = (uint64_t)c->options->number[OPTION_CREDIT_BYTES];
	return c;
}

/* The descriptor and the id: what the system has to give. */
static int consumer_equip(struct kg_consumer *c)
{
	int r = connection_init(&c->connection,
				(uint32_t)c->options->number[OPTION_MAX_FRAME_BYTES]);

	if (r == -ENOMEM)
		return error_set(&c->error, KG_ERR_MEMORY, "no memory for an epoll descriptor");
	if (!r && getrandom(c->id, sizeof(c->id), 0) != sizeof(c->id))
		r = -errno;
	if (r)
		return error_set(&c->error, KG_ERR_UNREACHABLE,
				 "the system refuses descriptors or random numbers: %s",
				 strerror(-r));
	return 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int too_late(struct kg_consumer *c)
{
	if (c->session == SESSION_OPEN)
		return KG_OK;
	if (c->dial_errno)
		return dial_explain(&c->error, options_socket(c->options), c->dial_errno);
	if (c->error.code)
		return c->error.code;
	return error_set(
		&c->error, KG_ERR_UNREACHABLE, "the daemon at %s did not answer within %lld ms",
		options_socket(c->options), (long long)c->options->number[OPTION_OPEN_TIMEOUT_MS]);
}

static int consumer_join(struct kg_consumer *c)
{
	uint64_t deadline_us =
		clock_now_us() + (uint64_t)c->options->number[OPTION_OPEN_TIMEOUT_MS] * 1000;
	int r;

	for (;;) {
		r = session_turn(c, true);
		if (r)
			return r;
		if (c->state == KG_STATE_JOINED)
			return KG_OK;
		if (clock_now_us() >= deadline_us ||
		    (c->dial_errno && !dial_may_heal(c->dial_errno)))
			return too_late(c);
		session_sleep(c, deadline_us);
	}
}

int kg_consumer_open(struct kg_consumer **out, const char *group, const char *const *topics,
		     size_t n_topics, const struct kg_options *options, struct kg_error *error)
{
	struct kg_consumer *c;
	int r;

	if (error)
		error_clear(error);
	r = check_arguments(out, group, topics, n_topics, options, error);
	if (r)
		return r;
	c = consumer_new(group, topics, n_topics, options);
	if (!c)
		return error_set(error, KG_ERR_MEMORY, "no memory for a consumer");
	r = consumer_equip(c);
	if (!r)
		r = consumer_join(c);
	if (!r) {
		error_clear(&c->error);
		*out = c;
		return KG_OK;
	}
	if (error)
		*error = c->error;
	kg_consumer_free(c);
	return r;
}

/* ---- closing --------------------------------------------------------------------------------- */

/* An error ended it before: what was marked since the last commit is not sure to be committed. */
static int close_ended(struct kg_consumer *c)
{
	if (!marks_exist(c))
		return KG_OK;
	return KG_ERR_DISCONNECTED;
}

static int say_close(struct kg_consumer *c)
{
	struct request q = {.kind = REQUEST_CLOSE, .id = requests_next_id(&c->requests)};

	if (c->session != SESSION_OPEN && !marks_exist(c))
		return KG_OK;
	q.deadline_us =
		clock_now_us() + (uint64_t)c->options->number[OPTION_REQUEST_TIMEOUT_MS] * 1000;
	return session_wait(c, &q);
}

int kg_consumer_close(struct kg_consumer *c)
{
	int r = KG_OK;

	if (!c)
		return KG_ERR_ARGUMENT;
	if (consumer_is_forked(c))
		return KG_ERR_FORKED;
	if (c->closed)
		return KG_OK;
	c->closed = c->closing = true;
	if (c->ended)
		return close_ended(c);
	delivery_reset(c);
	r = say_close(c);
	consumer_end(c, KG_ERR_CLOSED);
	return r;
}

/*
 * 1. what is known goes out, if this is the process that may; 2. the socket and the descriptor;
 * 3. what points into blocks; 4. claims with their blocks; 5. the rest, which nobody points to.
 */
struct kg_consumer *kg_consumer_free(struct kg_consumer *c)
{
	uint32_t i;

	if (!c)
		return NULL;
	if (consumer_is_forked(c)) {
		connection_abandon(&c->connection);
	} else {
		session_send(c);
		connection_deinit(&c->connection);
	}
	block_unref(c->delivery.block);
	claims_deinit(&c->claims);
	requests_deinit(&c->requests);
	events_deinit(&c->events);
	for (i = 0; i < c->n_topics; i++)
		free((void *)(uintptr_t)c->topics[i].value.data);
	free(c->topics);
	free(c->group);
	kg_options_free(c->options);
	fork_guard_deinit(&c->guard);
	free(c);
	return NULL;
}
