/* SPDX-License-Identifier: MIT */
/*
 * Interests: the topics that a group subscribes to on behalf of this host.
 *
 * The subscription is the union of what the consumers want, and a topic that nobody wants any more
 * stays in it for leave.delay, so that a restart of a program is no rebalance. With join = always
 * the topics of the file stay for ever. The last interest gone means leaving the group. Owns the
 * list; called when consumers come and go, and by the tick.
 */
#include "daemon/cluster.h"
#include "daemon/consumer.h"
#include "daemon/daemon.h"
#include "daemon/group.h"
#include "daemon/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct interest *find(struct group *g, const char *topic)
{
	struct interest *i;

	TAILQ_FOREACH (i, &g->interests, link)
		if (!strcmp(i->topic, topic))
			return i;
	return NULL;
}

int group_add_interest(struct group *g, const char *topic, bool wanted)
{
	struct interest *i = find(g, topic);

	if (i) {
		i->wanted |= wanted;
		return 0;
	}
	i = calloc(1, sizeof(*i));
	if (!i)
		return -ENOMEM;
	i->topic = strdup(topic);
	if (!i->topic) {
		free(i);
		return -ENOMEM;
	}
	i->wanted = wanted;
	i->unwanted_since_us = now_us();
	TAILQ_INSERT_TAIL(&g->interests, i, link);
	g->subscribed = false;
	return 0;
}

static bool is_fixed(const struct group *g, const char *topic)
{
	size_t i;

	if (g->config->join != CONFIG_JOIN_ALWAYS)
		return false;
	for (i = 0; i < g->config->n_topics; i++)
		if (!strcmp(g->config->topics[i], topic))
			return true;
	return false;
}

static void note_wanted(struct group *g)
{
	struct consumer *c;
	struct interest *i;
	bool was_wanted;
	size_t t;

	TAILQ_FOREACH (c, &g->consumers, link)
		for (t = 0; t < c->n_topics; t++)
			group_add_interest(g, c->topics[t], false);
	TAILQ_FOREACH (i, &g->interests, link) {
		was_wanted = i->wanted;
		i->wanted = is_fixed(g, i->topic);
		TAILQ_FOREACH (c, &g->consumers, link)
			i->wanted |= consumer_subscribes(c, i->topic);
		if (was_wanted && !i->wanted)
			i->unwanted_since_us = now_us();
	}
}

static void drop_expired(struct group *g)
{
	uint64_t delay_us = (uint64_t)g->config->leave_delay_ms * 1000;
	struct interest *i, *next;

	for (i = TAILQ_FIRST(&g->interests); i; i = next) {
		next = TAILQ_NEXT(i, link);
		if (i->wanted || now_us() - i->unwanted_since_us < delay_us)
			continue;
		TAILQ_REMOVE(&g->interests, i, link);
		free(i->topic);
		free(i);
		g->subscribed = false;
	}
}

size_t group_get_topics(const struct group *g, const char **topics, size_t max)
{
	struct interest *i;
	size_t n = 0;

	TAILQ_FOREACH (i, &g->interests, link)
		if (n < max)
			topics[n++] = i->topic;
	return n;
}

static void subscribe(struct group *g)
{
	const char *topics[KGP_MAX_TOPICS * 4];
	size_t n = group_get_topics(g, topics, sizeof(topics) / sizeof(*topics));

	g->subscribed = true;
	kafka_subscribe(g->kafka, topics, n);
}

void group_update_interests(struct group *g)
{
	note_wanted(g);
	drop_expired(g);
	if (!g->kafka || g->leaving || g->subscribed)
		return;
	state_save(g->daemon);
	if (TAILQ_EMPTY(&g->interests))
		membership_leave(g, true);
	else
		subscribe(g);
}
