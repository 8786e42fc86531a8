/* SPDX-License-Identifier: MIT */
/*
 * What a client can ask about the cluster: topics, partitions, offsets; and what it can have the
 * daemon look at.
 *
 * The client owns the memory of the last answer, one block, so that an answer is valid until the
 * next question. Nothing here ends a consumer: an answer of a strange form is told and forgotten.
 */
#include "client-lib/c/src/clock.h"
#include "client-lib/c/src/error.h"
#include "client-lib/c/src/query.h"

#include <limits.h>
#include <stdlib.h>

/* ---- asking ---------------------------------------------------------------------------------- */

static void forget(struct kg_client *k)
{
	free(k->answer);
	k->answer = NULL;
}

static bool is_name(const char *s, size_t max_bytes)
{
	size_t n = strnlen(s, max_bytes + 1);

	return n && n <= max_bytes && kgp_is_utf8((const uint8_t *)s, n);
}

/* What every question begins with: the rights to ask with. */
static int begin(struct kg_client *k, struct query *q, const char *group)
{
	int r = client_check(k);

	if (r)
		return r;
	forget(k);
	if (group && !is_name(group, KGP_MAX_NAME))
		return error_set(&k->error, KG_ERR_ARGUMENT,
				 "the group's name must have from 1 to %u bytes of UTF-8",
				 KGP_MAX_NAME);
	query_put_text(q, "group", group);
	return 0;
}

/* The same for a question that a cluster answers. */
static int begin_at_cluster(struct kg_client *k, struct query *q, const char *group)
{
	int r = begin(k, q, group);

	if (!r)
		query_put_text(q, "cluster", k->options->text[OPTION_CLUSTER]);
	return r;
}

static int ask(struct kg_client *k, struct query *q, const char *what)
{
	q->deadline_us =
		clock_now_us() + (uint64_t)k->options->number[OPTION_REQUEST_TIMEOUT_MS] * 1000;
	return query_ask(k, &k->requests, what, q, &k->error);
}

static int no_memory(struct kg_client *k)
{
	return error_set(&k->error, KG_ERR_MEMORY, "no memory for the daemon's answer");
}

/* ---- topics ---------------------------------------------------------------------------------- */

static bool read_topic(struct kgp_cursor map, struct kgp_bytes *name, int32_t *n_partitions)
{
	int64_t n;

	if (!query_get_text(map, "name", name) || !query_get_number(map, "partitions", &n) ||
	    n < 0 || n > INT32_MAX)
		return false;
	*n_partitions = (int32_t)n;
	return true;
}

/* Bytes of all names with their ends; -1: this is no list of topics. */
static ssize_t measure(struct kgp_cursor list, uint32_t n)
{
	struct kgp_bytes name;
	ssize_t sum = 0;
	int32_t unused;

	for (; n; n--) {
		if (!read_topic(query_next(&list), &name, &unused))
			return -1;
		sum += (ssize_t)name.size + 1;
	}
	return sum;
}

static int keep_topics(struct kg_client *k, const struct query *q, const struct kg_topic **topics,
		       size_t *n_topics)
{
	struct kgp_cursor list;
	struct kg_topic *topic;
	struct kgp_bytes name;
	ssize_t names_bytes;
	uint32_t n, i;
	char *at;

	if (!query_get_list(q, "topics", &list, &n) || (names_bytes = measure(list, n)) < 0)
		return query_is_odd(&k->error, "topics");
	k->answer = topic = malloc(n * sizeof(*topic) + (size_t)names_bytes + 1);
	if (!topic)
		return no_memory(k);
	at = (char *)(topic + n);
	for (i = 0; i < n; i++) {
		read_topic(query_next(&list), &name, &topic[i].n_partitions);
		topic[i].name = memcpy(at, name.data, name.size);
		at += name.size;
		*at++ = 0;
	}
	*topics = topic;
	*n_topics = n;
	return 0;
}

int kg_client_get_topics(struct kg_client *client, const char *group,
			 const struct kg_topic **topics, size_t *n)
{
	CLIENT_LOCK(client);
	struct query q = {.bound = false};
	int r = begin_at_cluster(client, &q, group);

	if (!r && (!topics || !n))
		r = error_set(&client->error, KG_ERR_ARGUMENT, "topics and n may not be NULL");
	if (!r)
		r = ask(client, &q, "topics");
	if (!r)
		r = keep_topics(client, &q, topics, n);
	query_deinit(&q);
	return r;
}

/* ---- partitions ------------------------------------------------------------------------------ */

static int put_topic(struct kg_client *k, struct query *q, const char *topic)
{
	if (!topic || !is_name(topic, KGP_MAX_TOPIC))
		return error_set(&k->error, KG_ERR_ARGUMENT,
				 "the topic's name must have from 1 to %u bytes of UTF-8",
				 KGP_MAX_TOPIC);
	query_put_text(q, "topic", topic);
	return 0;
}

static int keep_partitions(struct kg_client *k, const struct query *q, const int32_t **partitions,
			   size_t *n_partitions)
{
	struct kgp_cursor list;
	int32_t *ids;
	uint32_t n, i;
	int64_t id;

	if (!query_get_list(q, "partitions", &list, &n))
		return query_is_odd(&k->error, "partitions");
	k->answer = ids = malloc((n + 1) * sizeof(*ids));
	if (!ids)
		return no_memory(k);
	for (i = 0; i < n; i++) {
		if (!query_get_number(query_next(&list), "partition", &id) || id < 0 ||
		    id > INT32_MAX)
			return query_is_odd(&k->error, "partitions");
		ids[i] = (int32_t)id;
	}
	*partitions = ids;
	*n_partitions = n;
	return 0;
}

int kg_client_get_partitions(struct kg_client *client, const char *group, const char *topic,
			     const int32_t **partitions, size_t *n)
{
	CLIENT_LOCK(client);
	struct query q = {.bound = false};
	int r = begin_at_cluster(client, &q, group);

	if (!r && (!partitions || !n))
		r = error_set(&client->error, KG_ERR_ARGUMENT, "partitions and n may not be NULL");
	if (!r)
		r = put_topic(client, &q, topic);
	if (!r)
		r = ask(client, &q, "partitions");
	if (!r)
		r = keep_partitions(client, &q, partitions, n);
	query_deinit(&q);
	return r;
}

/* ---- offsets --------------------------------------------------------------------------------- */

static int put_at(struct kg_client *k, struct query *q, int32_t partition, int64_t at)
{
	if (partition < 0 || at < KG_OFFSET_EARLIEST)
		return error_set(&k->error, KG_ERR_ARGUMENT,
				 "a partition is not below 0, and at is KG_OFFSET_EARLIEST, "
				 "KG_OFFSET_LATEST or milliseconds since 1970");
	query_put_number(q, "partition", partition);
	if (at < 0)
		query_put_text(q, "at", at == KG_OFFSET_EARLIEST ? "earliest" : "latest");
	else
		query_put_number(q, "at", at);
	return 0;
}

int kg_client_get_offset(struct kg_client *client, const char *group, const char *topic,
			 int32_t partition, int64_t at, int64_t *offset)
{
	CLIENT_LOCK(client);
	struct query q = {.bound = false};
	int r = begin_at_cluster(client, &q, group);

	if (!r && !offset)
		r = error_set(&client->error, KG_ERR_ARGUMENT, "offset may not be NULL");
	if (!r)
		r = put_topic(client, &q, topic);
	if (!r)
		r = put_at(client, &q, partition, at);
	if (!r)
		r = ask(client, &q, "offset");
	if (!r && !query_get_number(query_result(&q), "offset", offset))
		r = query_is_odd(&client->error, "an offset");
	query_deinit(&q);
	return r;
}

/* ---- refresh, validate ----------------------------------------------------------------------- */

int kg_client_refresh(struct kg_client *client, const char *group)
{
	CLIENT_LOCK(client);
	struct query q = {.bound = false};
	int r = begin(client, &q, group);

	if (!r)
		r = ask(client, &q, "refresh");
	query_deinit(&q);
	return r;
}

int kg_client_validate(struct kg_client *client, const struct kg_options *options)
{
	CLIENT_LOCK(client);
	struct query q = {.bound = false};
	int r = client_check(client);

	if (r)
		return r;
	forget(client);
	if (!options)
		options = client->options;
	r = kg_options_validate(options, &client->error);
	if (r)
		return r;
	kgp_settings_encode(&options->settings, &q.arguments, &q.n_arguments);
	r = ask(client, &q, "validate");
	query_deinit(&q);
	return r;
}
