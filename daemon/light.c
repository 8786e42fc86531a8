/* SPDX-License-Identifier: MIT */
/*
 * Light handles: librdkafka without a group, for questions to a cluster.
 *
 * Made when a query comes that no group's handle can answer, kept for a minute after the last one,
 * because connecting and authenticating costs more than the question. One for each cluster, and
 * one for each group of the file whose own settings may be other credentials. Freed by the
 * helper, behind the last question on it. They are consumers, because the settings of the file are
 * a consumer's, and a producer would create topics by asking for them.
 */
#include "daemon/light.h"

#include "daemon/cluster.h"
#include "daemon/daemon.h"
#include "daemon/helper.h"
#include "daemon/kafka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { IDLE_US = 60000000 };

struct light {
	TAILQ_ENTRY(light) link; /* of cluster->lights */
	struct cluster *cluster;
	const struct config_group *group; /* NULL: the cluster's settings only */
	struct kafka *kafka;
	unsigned n_users;
	uint64_t used_us;
};

static int open_kafka(struct light *l, char *why, size_t size)
{
	struct kafka_options options = {
		.client_id = "kgroupd", .session_timeout_ms = 30000, .heartbeat_interval_ms = 3000};
	int r = -ENOMEM;

	options.settings = cluster_list_settings(l->cluster, l->group, &options.n_settings);
	if (options.settings && !cluster_start_helper(l->cluster))
		r = kafka_open(&options, NULL, NULL, &l->kafka, why, size);
	free((void *)options.settings);
	return r;
}

static struct light *light_new(struct cluster *c, const struct config_group *group, char *why,
			       size_t size)
{
	struct light *l = calloc(1, sizeof(*l));

	snprintf(why, size, "no memory");
	if (!l)
		return NULL;
	*l = (struct light){.cluster = c, .group = group};
	if (open_kafka(l, why, size)) {
		free(l);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&c->lights, l, link);
	return l;
}

struct light *light_get(struct cluster *c, const struct config_group *group, char *why, size_t size)
{
	struct light *l;

	TAILQ_FOREACH (l, &c->lights, link)
		if (l->group == group)
			break;
	if (!l)
		l = light_new(c, group, why, size);
	if (l)
		l->n_users++;
	return l;
}

void light_put(struct light *l)
{
	if (!l)
		return;
	l->n_users--;
	l->used_us = now_us();
}

struct kafka *light_get_kafka(const struct light *l)
{
	return l->kafka;
}

static void light_free(struct light *l)
{
	if (helper_free_kafka(l->cluster->helper, l->kafka, true, NULL, NULL))
		return; /* no memory: the next tick tries again */
	TAILQ_REMOVE(&l->cluster->lights, l, link);
	free(l);
}

void light_tick(struct cluster *c)
{
	struct light *l, *next;

	for (l = TAILQ_FIRST(&c->lights); l; l = next) {
		next = TAILQ_NEXT(l, link);
		if (!l->n_users && now_us() - l->used_us > IDLE_US)
			light_free(l);
	}
}

void light_free_all(struct cluster *c)
{
	struct light *l, *next;

	for (l = TAILQ_FIRST(&c->lights); l; l = next) {
		next = TAILQ_NEXT(l, link);
		light_free(l);
	}
}
