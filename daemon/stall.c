/* SPDX-License-Identifier: MIT */
/*
 * Partitions that deliver nothing although they could.
 *
 * Once a second it tells the progress clock of each partition what is known of it and does what the
 * clock answers: a fetcher that stands although there is data, room and a broker is sought to where
 * it stands, or its assignment is told to librdkafka anew. Neither can lose or repeat a message:
 * both go on at the next offset to be taken. Called by the group's tick; owns nothing.
 */
#include "daemon/claim.h"
#include "daemon/cluster.h"
#include "daemon/connection.h"
#include "daemon/consumer.h"
#include "daemon/daemon.h"
#include "daemon/group.h"
#include "daemon/log.h"

/* It comes back when its user has marked: see delivery.c. */
static bool is_over_quota(const struct partition *p)
{
	return p->claim && !quota_left(&p->claim->in_flight);
}

static bool may_take(const struct partition *p)
{
	struct claim *claim = p->claim;

	return claim && !claim->unannounced && !p->n_carry && !p->paused_us &&
	       credit_open(claim_get_credit(claim)) && consumer_may_send(claim->consumer) &&
	       !is_over_quota(p);
}

/* Control records are no messages: librdkafka's position knows of them. */
static int64_t position_of(const struct partition *p)
{
	int64_t next = partition_get_next(p), position;

	if (!p->idle || next >= p->end)
		return next;
	position = kafka_queue_position(p->queue);
	return position > next ? position : next;
}

static enum progress_heal judge(struct group *g, struct partition *p)
{
	struct claim *claim = p->claim;
	struct progress_facts facts = {
		.claimed = claim && claim->state == CLAIM_LIVE,
		.paused = claim && (claim->paused || claim->blocked),
		.over_quota = is_over_quota(p),
		.may_take = may_take(p),
		.broker_away = g->error_code == KGP_E_BROKER || g->error_code == KGP_E_AUTH,
		.position = position_of(p),
		.end = p->end,
		.sent = p->offsets.sent,
		.mark = p->offsets.mark,
	};

	return progress_judge(&p->progress, &facts, now_us());
}

static void heal(struct group *g, struct partition *p, enum progress_heal how)
{
	g->n_heals++;
	log_write(LOG_WARNING,
		  LOG_ABOUT(.cluster = g->cluster->config->name, .group = group_get_name(g),
			    .topic = p->topic, .partition = p->id),
		  "the fetcher stands at %lld, the log has %lld: %s", (long long)p->next,
		  (long long)p->end, how == PROGRESS_SEEK ? "sought again" : "assigned again");
	if (how == PROGRESS_SEEK)
		kafka_queue_seek(p->queue, p->next);
	else
		g->reassign = true;
}

void group_heal_stalls(struct group *g)
{
	struct partition *p;
	enum progress_heal how;

	if (g->state != GROUP_JOINED)
		return;
	TAILQ_FOREACH (p, &g->partitions, link) {
		if (p->state != PARTITION_ACTIVE || p->want >= 0 || p->healing)
			continue;
		how = judge(g, p);
		if (how != PROGRESS_LEAVE)
			heal(g, p, how);
	}
	if (g->reassign)
		membership_advance(g);
}
