/* SPDX-License-Identifier: MIT */
/*
 * The consumer: opening, state, and the end.
 *
 * Owns all parts of the handle and their order of teardown. A consumer lives on the connection of a
 * client, its own or one that was there before. It begins with a random id that it keeps over
 * reconnects, and ends once: closed by the application, or by an error that another try would
 * repeat. After the end it has no connection and every call says why. Opening is turns of the
 * session until the group is joined; nothing is left behind when it fails. In a forked child
 * nothing here may touch what is shared with the parent.
 */
#include "client-lib/c/src/consumer.h"

#include "client-lib/c/src/error.h"
#include "client-lib/c/src/mark.h"
#include "client-lib/c/src/partition.h"
#include "client-lib/c/src/reset.h"
#include "client-lib/c/src/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* ---- state ----------------------------------------------------------------------------------- */

void consumer_set_state(struct kg_consumer *c, enum kg_state state, struct kgp_bytes text)
{
	struct event e = {.type = KG_EVENT_STATE, .partition = -1, .state = state};
	enum kg_state before = c->state;

	c->state = state;
	error_copy_text(c->state_text, sizeof(c->state_text), text);
	if (state != before)
		events_push(&c->events, &e, kgp_bytes(NULL, 0));
}

void consumer_detach(struct kg_consumer *c)
{
	struct kg_client *k = c->client;

	if (k->consumer != c)
		return;
	delivery_reset(c);
	inbox_drop_all(&k->connection.in);
	k->consumer = NULL;
	if (k->session >= SESSION_OPENING)
		k->session = SESSION_READY;
}

int consumer_end(struct kg_consumer *c, int code)
{
	struct kg_client *k = c->client;

	if (c->ended)
		return c->ended;
	c->ended = code;
	if (k->is_private || (k->consumer == c && k->session >= SESSION_OPENING))
		session_drop(k);
	consumer_detach(c);
	if (c->partitions)
		partitions_end(c, code);
	claims_orphan(&c->claims, false);
	consumer_set_state(c, KG_STATE_CLOSED,
			   kgp_text(code == KG_ERR_CLOSED ? "closed" : c->error.text));
	requests_end(&c->requests, &c->events, code, kgp_text(c->error.text));
	return code;
}

/* Another thread may write the next text while the caller reads this one. */
static const char *told_text(const struct kg_consumer *c)
{
	return c->partitions ? strcpy(c->partitions->state_text, c->state_text) : c->state_text;
}

enum kg_state kg_consumer_state(const struct kg_consumer *c, const char **text)
{
	CONSUMER_LOCK(c);

	if (text)
		*text = c ? told_text(c) : "";
	return c ? c->state : KG_STATE_CLOSED;
}

static const struct kg_error *told_error(const struct kg_consumer *c)
{
	CONSUMER_LOCK(c);

	c->partitions->error = c->error;
	return &c->partitions->error;
}

const struct kg_error *kg_consumer_error(const struct kg_consumer *c)
{
	static const struct kg_error none = {.code = KG_ERR_ARGUMENT,
					     .text = "there is no consumer"};

	if (!c)
		return &none;
	return c->partitions ? told_error(c) : &c->error;
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
	if (!n_topics && !options_has_pattern(options))
		return error_set(error, KG_ERR_NO_TOPICS, "no topic is named and no pattern");
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

	c->topics = calloc(n_topics + 1, sizeof(*c->topics));
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

static struct kg_consumer *consumer_new(struct kg_client *k, const char *group,
					const char *const *topics, size_t n_topics,
					const struct kg_options *options)
{
	struct kg_consumer *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->client = k;
	__atomic_add_fetch(&k->n_refs, 1, __ATOMIC_RELAXED);
	c->guard = k->guard;
	claims_init(&c->claims);
	events_init(&c->events);
	requests_init(&c->requests, &k->last_request);
	c->options = options_copy(options);
	c->group = copy_text(group);
	if (!c->options || !c->group || copy_topics(c, topics, n_topics))
		return kg_consumer_free(c);
	c->credit.window_messages =
		(uint64_t)options_get_number(c->options, OPTION_CREDIT_MESSAGES);
	c->credit.window_bytes = (uint64_t)options_get_number(c->options, OPTION_CREDIT_BYTES);
	return c;
}

/* ---- opening --------------------------------------------------------------------------------- */

static bool is_joined(const struct kg_client *k)
{
	return !k->consumer || k->consumer->state == KG_STATE_JOINED;
}

/* Accepted is enough: what the group waits for is a state. */
static int consumer_join(struct kg_consumer *c)
{
	CLIENT_LOCK(c->client);
	struct kg_client *k = c->client;
	int r;

	if (getrandom(c->id, sizeof(c->id), 0) != sizeof(c->id))
		return error_set(&c->error, KG_ERR_UNREACHABLE,
				 "the system refuses random numbers: %s", strerror(errno));
	k->consumer = c;
	r = client_wait(k, c->options, is_joined);
	if (c->ended || !r)
		return c->ended;
	c->error = k->error;
	return r;
}

/* What its mode needs of the system. */
static int consumer_equip(struct kg_consumer *c)
{
	int r = 0;

	if (c->options->settings.value[KGP_SETTING_MODE] == KGP_PARTITIONS)
		r = partitions_init(c);
	if (r == -ENOMEM)
		return error_set(&c->error, KG_ERR_MEMORY, "no memory for partitions");
	if (r)
		return error_set(&c->error, KG_ERR_UNREACHABLE,
				 "the system refuses descriptors: %s", strerror(-r));
	return 0;
}

static int open_on(struct kg_client *k, struct kg_consumer **out, const char *group,
		   const char *const *topics, size_t n_topics, const struct kg_options *options,
		   struct kg_error *error)
{
	struct kg_consumer *c = consumer_new(k, group, topics, n_topics, options);
	int r;

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

int kg_consumer_open(struct kg_consumer **out, const char *group, const char *const *topics,
		     size_t n_topics, const struct kg_options *options, struct kg_error *error)
{
	struct kg_client *k;
	int r;

	if (error)
		error_clear(error);
	r = check_arguments(out, group, topics, n_topics, options, error);
	if (r)
		return r;
	k = client_new(options);
	if (!k)
		return error_set(error, KG_ERR_MEMORY, "no memory for a consumer");
	k->is_private = true;
	r = client_equip(k);
	if (r && error)
		*error = k->error;
	if (!r)
		r = open_on(k, out, group, topics, n_topics, options, error);
	client_unref(k);
	return r;
}

static int check_free(struct kg_client *k, struct kg_error *error)
{
	CLIENT_LOCK(k);

	if (!k->consumer)
		return 0;
	return error_set(error, KG_ERR_BUSY, "the client has a consumer of group %.255s already",
			 k->consumer->group);
}

int kg_client_open_consumer(struct kg_client *client, struct kg_consumer **out, const char *group,
			    const char *const *topics, size_t n_topics,
			    const struct kg_options *options, struct kg_error *error)
{
	int r = client_check(client);

	if (error)
		error_clear(error);
	if (r)
		return error_set(error, r, "%s", kg_strerror(r));
	if (!options)
		options = client->options;
	r = check_arguments(out, group, topics, n_topics, options, error);
	if (r)
		return r;
	if (check_free(client, error))
		return KG_ERR_BUSY;
	return open_on(client, out, group, topics, n_topics, options, error);
}

/* ---- closing --------------------------------------------------------------------------------- */

/* An error ended it before: what was marked since the last commit is not sure to be committed. */
static int close_ended(struct kg_consumer *c)
{
	if (!marks_exist(c) && !resets_are_unsure(c))
		return KG_OK;
	return KG_ERR_DISCONNECTED;
}

static int say_close(struct kg_consumer *c)
{
	struct request q = {.kind = REQUEST_CLOSE, .id = requests_next_id(&c->requests)};

	if (c->partitions)
		partitions_end(c, KG_ERR_CLOSED);
	if (c->client->session != SESSION_OPEN && !marks_exist(c))
		return resets_are_unsure(c) ? KG_ERR_DISCONNECTED : KG_OK;
	q.deadline_us = session_deadline_of(c, -1);
	return session_wait_of(c, &q);
}

int consumer_close(struct kg_consumer *c)
{
	int r;

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

int kg_consumer_close(struct kg_consumer *c)
{
	CONSUMER_LOCK(c);

	if (!c)
		return KG_ERR_ARGUMENT;
	return consumer_is_forked(c) ? KG_ERR_FORKED : consumer_close(c);
}

void consumer_give_up(struct kg_consumer *c)
{
	if (c->ended)
		return;
	session_send(c->client);
	consumer_end(c, KG_ERR_CLOSED);
}

/* Others may use the connection meanwhile, so this much is done with its lock. */
static void leave_client(struct kg_consumer *c)
{
	CONSUMER_LOCK(c);

	if (!consumer_is_forked(c))
		consumer_give_up(c);
	if (c->client->consumer == c)
		c->client->consumer = NULL;
	partitions_deinit(c);
}

/*
 * 1. what is known goes out, if this is the process that may, and the connection is given up;
 * 2. what points into blocks; 3. claims with their blocks; 4. the rest, which nobody points to;
 * 5. the client, if this was its last handle.
 */
struct kg_consumer *kg_consumer_free(struct kg_consumer *c)
{
	uint32_t i;

	if (!c)
		return NULL;
	if (consumer_is_forked(c) && sharing_is_torn(c->client)) {
		client_unref(c->client);
		return NULL;
	}
	leave_client(c);
	block_unref(c->delivery.block);
	claims_deinit(&c->claims);
	requests_deinit(&c->requests);
	events_deinit(&c->events);
	for (i = 0; i < c->n_topics; i++)
		free((void *)(uintptr_t)c->topics[i].value.data);
	free(c->topics);
	free(c->group);
	free(c->high);
	kg_options_free(c->options);
	client_unref(c->client);
	free(c);
	return NULL;
}
