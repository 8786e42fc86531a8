/* SPDX-License-Identifier: MIT */
/*
 * Distribution applied: releases what another consumer should have, hands out what nobody has.
 *
 * The decision is core/distribution.c's, computed anew from the present state each time; so
 * whatever happened meanwhile, calling this once more leads to what is right. A release takes its
 * time and is never cancelled: the partition goes to whoever should have it when it ends. Only
 * partitions that are being fetched take part. Owns nothing but arrays for the duration of a call.
 */
#include "daemon/claim.h"
#include "daemon/consumer.h"
#include "daemon/core/distribution.h"
#include "daemon/daemon.h"
#include "daemon/group.h"
#include "daemon/log.h"
#include "daemon/notice.h"

#include <stdlib.h>
#include <string.h>

struct plan {
	struct consumer **consumers;
	struct dist_consumer *dist_consumers;
	size_t n_consumers;
	struct partition **partitions;
	struct dist_partition *dist_partitions;
	size_t n_partitions;
	int *closed; /* room for all that was closed by somebody */
	size_t n_closed;
};

static void plan_deinit(struct plan *plan)
{
	free(plan->consumers);
	free(plan->dist_consumers);
	free(plan->partitions);
	free(plan->dist_partitions);
	free(plan->closed);
}

static void add_consumers(struct plan *plan, struct group *g)
{
	struct consumer *c;

	TAILQ_FOREACH (c, &g->consumers, link) {
		if (!c->ready || c->closing)
			continue;
		plan->consumers[plan->n_consumers] = c;
		plan->dist_consumers[plan->n_consumers++] = (struct dist_consumer){
			.id = c->id,
			.topics = (const char *const *)c->topics,
			.n_topics = c->n_topics,
		};
	}
}

static int index_of(const struct plan *plan, const struct consumer *c)
{
	size_t i;

	for (i = 0; i < plan->n_consumers; i++)
		if (plan->consumers[i] == c)
			return (int)i;
	return -1;
}

static int index_of_id(const struct plan *plan, const uint8_t *id)
{
	size_t i;

	for (i = 0; i < plan->n_consumers; i++)
		if (!memcmp(plan->consumers[i]->id, id, KGP_ID_BYTES))
			return (int)i;
	return -1;
}

/* Who gave it back; those that are away are in no plan. */
static void add_closed(struct plan *plan, const struct partition *p, struct dist_partition *dist)
{
	unsigned i;
	int at;

	dist->closed_by = plan->closed + plan->n_closed;
	for (i = 0; i < p->n_closed_by; i++) {
		at = index_of_id(plan, p->closed_by[i]);
		if (at >= 0)
			plan->closed[plan->n_closed++] = at;
	}
	dist->n_closed_by = (size_t)(plan->closed + plan->n_closed - dist->closed_by);
}

static void add_partitions(struct plan *plan, struct group *g)
{
	struct partition *p;

	TAILQ_FOREACH (p, &g->partitions, link) {
		if (p->state != PARTITION_ACTIVE)
			continue;
		plan->partitions[plan->n_partitions] = p;
		plan->dist_partitions[plan->n_partitions++] = (struct dist_partition){
			.topic = p->topic,
			.id = p->id,
			.holder = p->claim ? index_of(plan, p->claim->consumer) : -1,
		};
		add_closed(plan, p, &plan->dist_partitions[plan->n_partitions - 1]);
	}
}

static size_t count_closed(const struct group *g)
{
	struct partition *p;
	size_t n = 0;

	TAILQ_FOREACH (p, &g->partitions, link)
		n += p->n_closed_by;
	return n;
}

static bool plan_init(struct plan *plan, struct group *g)
{
	*plan = (struct plan){
		.consumers = calloc(g->n_consumers + 1, sizeof(*plan->consumers)),
		.dist_consumers = calloc(g->n_consumers + 1, sizeof(*plan->dist_consumers)),
		.partitions = calloc(g->n_partitions + 1, sizeof(*plan->partitions)),
		.dist_partitions = calloc(g->n_partitions + 1, sizeof(*plan->dist_partitions)),
		.closed = calloc(count_closed(g) + 1, sizeof(*plan->closed)),
	};
	if (!plan->consumers || !plan->dist_consumers || !plan->partitions ||
	    !plan->dist_partitions || !plan->closed)
		return false;
	add_consumers(plan, g);
	add_partitions(plan, g);
	return true;
}

static void apply_one(struct partition *p, struct consumer *desired)
{
	struct claim *claim = p->claim;

	if (claim && claim->consumer != desired && claim->state == CLAIM_LIVE)
		claim_release(claim,
			      (uint32_t)claim->consumer->settings.value[KGP_SETTING_DWELL_TIME],
			      "moved");
	if (!p->claim && desired)
		claim_new(desired,
			  p); /* without memory nobody has it until the next distribution */
}

static bool is_settling(const struct group *g)
{
	return g->n_settling && now_us() < g->settle_until_us;
}

void group_distribute(struct group *g)
{
	struct plan plan;
	size_t i;
	int d;

	if (g->state != GROUP_JOINED || g->daemon->draining || is_settling(g))
		return;
	if (plan_init(&plan, g)) {
		distribution_compute(
			(enum kgp_strategy)g->agreement.group.value[KGP_SETTING_STRATEGY],
			plan.dist_consumers, plan.n_consumers, plan.dist_partitions,
			plan.n_partitions);
		for (i = 0; i < plan.n_partitions; i++) {
			d = plan.dist_partitions[i].desired;
			apply_one(plan.partitions[i], d < 0 ? NULL : plan.consumers[d]);
		}
		notice_settle(g);
	} else {
		log_write(LOG_ERR, LOG_ABOUT(.group = group_get_name(g)),
			  "no memory to distribute partitions; tried again");
	}
	plan_deinit(&plan);
}

/* After a restart: the consumers that were here before are waited for, for settle.delay. Takes ids.
 */
void group_expect_consumers(struct group *g, uint8_t (*ids)[KGP_ID_BYTES], unsigned n)
{
	free(g->settling);
	g->settling = ids;
	g->n_settling = n;
	g->settle_until_us = now_us() + (uint64_t)g->daemon->config->settle_delay_ms * 1000;
}

void group_on_settled(struct group *g, const struct consumer *c)
{
	unsigned i;

	for (i = 0; i < g->n_settling; i++)
		if (!memcmp(g->settling[i], c->id, KGP_ID_BYTES)) {
			memcpy(g->settling[i], g->settling[--g->n_settling], KGP_ID_BYTES);
			return;
		}
}
