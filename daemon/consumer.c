/* SPDX-License-Identifier: MIT */
/*
 * A consumer: the subscription of one connection to one group.
 *
 * Owned by its connection. Owns its claims, its credit, its topics. It is on the daemon's pump
 * exactly while it may have something to send: a runnable claim, open credit, room in the output.
 * Everything that can make one of these true calls consumer_wake(). When it ends, its claims end
 * with it and its group goes on without it.
 */
#include "daemon/consumer.h"

#include "daemon/claim.h"
#include "daemon/connection.h"
#include "daemon/daemon.h"
#include "daemon/group.h"
#include "daemon/pattern.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_topics(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted and each once, so that nobody counts a topic twice. */
static void sort_topics(struct consumer *c)
{
	size_t i, kept = 0;

	qsort(c->topics, c->n_topics, sizeof(*c->topics), compare_topics);
	for (i = 0; i < c->n_topics; i++) {
		if (kept && !strcmp(c->topics[kept - 1], c->topics[i]))
			free(c->topics[i]);
		else
			c->topics[kept++] = c->topics[i];
	}
	c->n_topics = kept;
}

static int copy_topics(struct consumer *c, struct kgp_list topics)
{
	struct kgp_name name;

	c->topics = calloc(topics.n + 1, sizeof(*c->topics));
	while (c->topics && kgp_next_name(&topics, &name)) {
		c->topics[c->n_topics] = strndup(name.value.data, name.value.size);
		if (!c->topics[c->n_topics++])
			return -1;
	}
	if (!c->topics)
		return -1;
	sort_topics(c);
	return 0;
}

struct consumer *consumer_new(struct connection *connection, struct group *g, const uint8_t *id,
			      const struct kgp_settings *settings, struct kgp_list topics)
{
	struct consumer *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	*c = (struct consumer){
		.connection = connection, .settings = *settings, .opened_us = now_us()};
	TAILQ_INIT(&c->claims);
	TAILQ_INIT(&c->runnable);
	memcpy(c->id, id, sizeof(c->id));
	if (copy_topics(c, topics) || pattern_attach(c))
		return consumer_free(c);
	c->group = g;
	group_attach(g, c);
	return c;
}

struct consumer *consumer_free(struct consumer *c)
{
	struct group *g;
	size_t i;

	if (!c)
		return NULL;
	g = c->group;
	while (!TAILQ_EMPTY(&c->claims))
		claim_end(TAILQ_FIRST(&c->claims), "closed");
	if (c->pumped)
		TAILQ_REMOVE(&g->daemon->pump, c, pump_link);
	for (i = 0; i < c->n_topics; i++)
		free(c->topics[i]);
	free(c->topics);
	pattern_detach(c);
	if (g)
		group_detach(g, c);
	notice_deinit(&c->notice);
	free(c);
	return NULL;
}

struct claim *consumer_find_claim(struct consumer *c, uint64_t id)
{
	uint32_t key = (uint32_t)id;
	struct claim *claim = NULL;

	if (key == id)
		HASH_FIND(hh, c->claim_table, &key, sizeof(key), claim);
	return claim;
}

bool consumer_subscribes(const struct consumer *c, const char *topic)
{
	return bsearch(&topic, c->topics, c->n_topics, sizeof(*c->topics), compare_topics) != NULL;
}

bool consumer_may_send(const struct consumer *c)
{
	bool own = c->settings.value[KGP_SETTING_MODE] == KGP_PARTITIONS; /* each claim has its */

	return !c->stalled && (own || credit_open(&c->credit)) &&
	       connection_has_room(c->connection);
}

void consumer_wake(struct consumer *c)
{
	struct daemon *d = c->group->daemon;

	if (c->pumped || TAILQ_EMPTY(&c->runnable) || !consumer_may_send(c))
		return;
	c->pumped = true;
	TAILQ_INSERT_TAIL(&d->pump, c, pump_link);
	daemon_pump(d);
}

void consumer_send_state(struct consumer *c)
{
	const char *text, *state = group_get_state(c->group, &text);

	connection_send(c->connection, KGP_T_state,
			&(struct kgp_state){kgp_text(state), kgp_text_for_peer(text)});
}

/* Bounded: who does not read its errors is told later how many there were. */
void consumer_send_error(struct consumer *c, unsigned code, const char *context, const char *topic,
			 int32_t partition, const char *text)
{
	char count[64];

	if (!c->settings.value[KGP_SETTING_ERRORS])
		return;
	if (connection_get_pending_bytes(c->connection) > 65536) {
		c->n_errors_dropped++;
		return;
	}
	if (c->n_errors_dropped) {
		snprintf(count, sizeof(count), "%llu error%s dropped",
			 (unsigned long long)c->n_errors_dropped,
			 c->n_errors_dropped == 1 ? " was" : "s were");
		c->n_errors_dropped = 0;
		consumer_send_error(c, KGP_E_OVERFLOW, "group", NULL, -1, count);
	}
	connection_send(c->connection, KGP_T_error,
			&(struct kgp_error){
				.code = code,
				.context = kgp_text(context),
				.topic = kgp_text(topic),
				.partition = partition,
				.text = kgp_text_for_peer(text),
			});
}
