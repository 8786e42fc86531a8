/* SPDX-License-Identifier: MIT */
/*
 * Interests: the topics that a group subscribes to on behalf of this host.
 *
 * The subscription is the union of what the consumers want, and a topic that nobody wants any more
 * stays in it for leave.delay, so that a restart of a program is no rebalance. With join = always
 * the topics of the file stay for ever. The last interest gone means leaving the group, unless a
 * pattern waits for topics. Owns the list; called when consumers come and go, when patterns match
 * something else, and by the tick.
 */
#include "daemon/cluster.h"
#include "daemon/consumer.h"
#include "daemon/daemon.h"
#include "daemon/group.h"
#include "daemon/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct interest *group_find_interest(const struct group *g, const char *topic)
{
	struct interest *i;

	HASH_FIND_STR(g->interest_table, topic, i);
	return i;
}

int group_add_interest(struct group *g, const char *topic, bool wanted)
{
	struct interest *i = group_find_interest(g, topic);

	if (i) {
		i->wanted |= wanted;
		i->gone &= !wanted;
		return 0;
	}
	i = calloc(1, sizeof(*i));
	if (!i)
		return -ENOMEM;
	i->topic = strdup(topic);
	if (i->topic)
		HASH_ADD_KEYPTR(hh, g->interest_table, i->topic, strlen(i->topic), i);
	if (!i->hh.tbl) {
		free(i->topic);
		free(i);
		return -ENOMEM;
	}
	i->wanted = wanted;
	i->unwanted_since_us = now_us();
	TAILQ_INSERT_TAIL(&g->interests, i, link);
	g->n_interests++;
	g->subscribed = false;
	return 0;
}

void group_drop_interest(struct group *g, struct interest *i)
{
	TAILQ_REMOVE(&g->interests, i, link);
	HASH_DEL(g->interest_table, i);
	g->n_interests--;
	if (g->error_code == KGP_E_UNKNOWN_TOPIC && !strcmp(g->error_topic, i->topic))
		group_clear_error(g); /* nobody asks for it any more */
	free(i->topic);
	free(i);
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

/* Consumers came or went. */
void group_note_wanted(struct group *g)
{
	struct consumer *c;
	struct interest *i;
	size_t t;

	TAILQ_FOREACH (i, &g->interests, link) {
		i->was_wanted = i->wanted;
		i->wanted = is_fixed(g, i->topic);
	}
	TAILQ_FOREACH (c, &g->consumers, link)
		for (t = 0; t < c->n_topics; t++)
			group_add_interest(g, c->topics[t], true);
	TAILQ_FOREACH (i, &g->interests, link)
		if (i->was_wanted && !i->wanted)
			i->unwanted_since_us = now_us();
}

static void drop_expired(struct group *g)
{
	uint64_t delay_us = (uint64_t)g->config->leave_delay_ms * 1000;
	struct interest *i, *next;

	for (i = TAILQ_FIRST(&g->interests); i; i = next) {
		next = TAILQ_NEXT(i, link);
		if (i->wanted || (!i->gone && now_us() - i->unwanted_since_us < delay_us))
			continue;
		group_drop_interest(g, i);
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
	const char *topics[GROUP_MAX_TOPICS];
	size_t n = group_get_topics(g, topics, GROUP_MAX_TOPICS);

	g->subscribed = !kafka_subscribe(g->kafka, topics, n); /* else the tick tries again */
}

bool group_has_patterns(const struct group *g)
{
	struct consumer *c;

	TAILQ_FOREACH (c, &g->consumers, link)
		if (c->pattern)
			return true;
	return false;
}

/* Patterns that match nothing yet need the handle too, to list topics. */
bool group_is_wanted(const struct group *g)
{
	return !TAILQ_EMPTY(&g->interests) || group_has_patterns(g);
}

void group_update_interests(struct group *g)
{
	drop_expired(g);
	if (!g->kafka || g->leaving)
		return;
	if (!g->subscribed || !group_is_wanted(g))
		state_save(g->daemon);
	if (!group_is_wanted(g))
		membership_leave(g, true);
	else if (!g->subscribed)
		subscribe(g);
}
