/* SPDX-License-Identifier: MIT */
/*
 * Whether the daemon's books agree, asked when its loop rests.
 *
 * A partition has one claim at most and it points back; credit is never overshot in messages; what
 * is kept for later lies in order below the next offset; a commit is in flight when a partition
 * says so; counts are what can be counted; and nothing is stuck: whoever could be sent a message
 * now has none left.
 */
#include "tests/fuzz/books.h"

#include "daemon/claim.h"
#include "daemon/connection.h"
#include "daemon/consumer.h"
#include "daemon/daemon.h"
#include "daemon/group.h"
#include "tests/fuzz/fake_kafka.h"
#include "tests/fuzz/fuzz.h"

static void check_claim(const struct consumer *c, struct claim *claim)
{
	struct partition *p = claim->partition;
	struct credit *credit = claim_get_credit(claim);

	assert(claim->consumer == c && p->claim == claim && p->group == c->group);
	assert(credit->sent_messages <= credit->messages);
	assert(claim->state == CLAIM_LIVE || claim->dwell_timer);
	assert(claim->epoch == p->offsets.epoch || p->offsets.epoch > claim->epoch);
	assert(claim->in_flight.amount == offsets_get_in_flight(&p->offsets));
	assert(p->state == PARTITION_ACTIVE || p->state == PARTITION_REVOKED);
	assert(consumer_find_claim((struct consumer *)c, claim->id) == claim);
}

static void check_consumer(const struct consumer *c)
{
	struct claim *claim;
	unsigned n = 0;

	TAILQ_FOREACH (claim, &c->claims, link) {
		check_claim(c, claim);
		n++;
	}
	assert(n == c->n_claims && c->connection->consumer == c);
	TAILQ_FOREACH (claim, &c->runnable, run_link)
		assert(claim->runnable && claim->state == CLAIM_LIVE);
}

static void check_partition(const struct partition *p)
{
	const struct offsets *o = &p->offsets;
	uint32_t i;

	assert(!p->queue || p->state != PARTITION_NEW);
	assert(o->committing < 0 || p->group->commit.in_flight);
	assert(o->sent <= o->popped || o->popped < 0);
	for (i = p->carry_at; i < p->n_carry; i++) {
		assert(p->carry[i].record.offset < p->next);
		assert(i == p->carry_at ||
		       p->carry[i].record.offset > p->carry[i - 1].record.offset);
	}
}

/* Everything that could be sent was sent. */
static void check_not_stuck(const struct partition *p)
{
	int place = place_find(p->topic, p->id), group = group_index(p->group->config->group_id);
	struct claim *claim = p->claim;
	bool may = claim && claim->state == CLAIM_LIVE && !claim->paused && !claim->blocked &&
		   !claim->unannounced && p->state == PARTITION_ACTIVE &&
		   credit_open(claim_get_credit(claim)) && consumer_may_send(claim->consumer);

	if (may && group < N_GROUPS - 1 && p->want < 0)
		assert(!p->n_carry && !cluster_has_data(group, place));
}

void books_check(struct daemon *d)
{
	struct partition *p;
	struct connection *c;
	struct consumer *consumer;
	struct group *g;
	unsigned n = 0;

	TAILQ_FOREACH (g, &d->groups, link) {
		TAILQ_FOREACH (consumer, &g->consumers, link)
			check_consumer(consumer);
		TAILQ_FOREACH (p, &g->partitions, link) {
			check_partition(p);
			check_not_stuck(p);
		}
		assert(g->kafka || TAILQ_EMPTY(&g->commit.waiters));
		assert(g->kafka || !g->n_partitions);
	}
	TAILQ_FOREACH (c, &d->connections, link) {
		assert(!c->big_charge.user == !c->big);
		n++;
	}
	assert(n == d->n_connections && d->quota.used[QUOTA_CONNECTIONS] == n);
}
