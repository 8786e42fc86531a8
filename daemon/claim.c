/* SPDX-License-Identifier: MIT */
/*
 * A claim: one partition held by one consumer, from ASSIGN to RELEASED.
 *
 * Owned by its consumer; the partition points back. While it lives its epoch is the only one whose
 * marks count. A release takes the time that the consumer was given to mark (dwell), ends early
 * when the consumer is done, and is never cancelled. Whoever ends a claim then asks the group to go
 * on (membership_advance, group_distribute); a claim does not do so itself, because many end
 * together.
 */
#include "daemon/claim.h"

#include "daemon/connection.h"
#include "daemon/consumer.h"
#include "daemon/daemon.h"
#include "daemon/group.h"
#include "daemon/notice.h"

#include <assert.h>
#include <stdlib.h>

static void send_assign(struct claim *claim)
{
	struct partition *p = claim->partition;
	struct offsets *o = &p->offsets;

	connection_send(claim->consumer->connection, KGP_T_assign,
			&(struct kgp_assign){
				.claim = claim->id,
				.topic = kgp_text(p->topic),
				.partition = (uint64_t)p->id,
				.epoch = claim->epoch,
				.initial = p->initial == KAFKA_OFFSET_NONE ? o->resume : p->initial,
				.start = o->resume,
				.committed = o->committed,
				.metadata = offsets_get_committed_metadata(o),
				.high = partition_get_end(p),
			});
}

static struct claim *allocate(struct connection *c)
{
	struct claim *claim = calloc(1, sizeof(*claim));

	if (claim &&
	    quota_open(&claim->in_flight, &c->daemon->quota, c->peer.uid, QUOTA_IN_FLIGHT)) {
		free(claim);
		claim = NULL;
	}
	return claim;
}

struct claim *claim_new(struct consumer *c, struct partition *p)
{
	struct claim *claim = allocate(c->connection);

	if (!claim)
		return NULL;
	assert(!p->claim && p->state == PARTITION_ACTIVE && p->offsets.resume >= 0);
	claim->consumer = c;
	claim->partition = p;
	claim->id = ++c->last_claim;
	claim->epoch = daemon_next_epoch(c->group->daemon);
	HASH_ADD(hh, c->claim_table, id, sizeof(claim->id), claim);
	if (!claim->hh.tbl) {
		quota_release(&claim->in_flight);
		free(claim);
		return NULL;
	}
	claim->unannounced = notice_start(c);
	p->claim = claim;
	TAILQ_INSERT_TAIL(&c->claims, claim, link);
	c->n_claims++;
	offsets_begin(&p->offsets, claim->epoch);
	partition_move_to(p, p->offsets.resume);
	send_assign(claim);
	p->initial = KAFKA_OFFSET_NONE; /* later claims begin at an offset */
	claim_set_runnable(claim);
	return claim;
}

struct credit *claim_get_credit(struct claim *claim)
{
	struct consumer *c = claim->consumer;

	return c->settings.value[KGP_SETTING_MODE] == KGP_PARTITIONS ? &claim->credit : &c->credit;
}

/* In partitions mode a claim without credit is not runnable: CREDIT makes it so again. */
static bool may_run(struct claim *claim)
{
	struct credit *credit = claim_get_credit(claim);

	return claim->state == CLAIM_LIVE && !claim->paused && !claim->blocked &&
	       !claim->unannounced && (credit != &claim->credit || credit_open(credit));
}

void claim_set_runnable(struct claim *claim)
{
	if (claim->runnable || !may_run(claim))
		return;
	claim->runnable = true;
	TAILQ_INSERT_TAIL(&claim->consumer->runnable, claim, run_link);
	consumer_wake(claim->consumer);
}

void claim_unset_runnable(struct claim *claim)
{
	if (!claim->runnable)
		return;
	claim->runnable = false;
	TAILQ_REMOVE(&claim->consumer->runnable, claim, run_link);
}

/* Who had no room in its user's share tries again when there is enough. */
void claim_count_in_flight(struct claim *claim)
{
	quota_resize(&claim->in_flight, offsets_get_in_flight(&claim->partition->offsets));
	if (quota_has_room_again(&claim->in_flight))
		daemon_retry_stalled(claim->consumer->group->daemon);
}

/* What was sent of the old epoch is void, and in flight no more. */
void claim_send_epoch(struct claim *claim, const char *reason)
{
	struct offsets *o = &claim->partition->offsets;

	claim->epoch = o->epoch;
	claim_count_in_flight(claim);
	connection_send(claim->consumer->connection, KGP_T_epoch,
			&(struct kgp_epoch){
				.claim = claim->id,
				.epoch = claim->epoch,
				.offset = o->resume,
				.reason = kgp_text(reason),
			});
}

void claim_seek(struct claim *claim, int64_t offset, const char *reason)
{
	struct partition *p = claim->partition;

	offsets_seek(&p->offsets, daemon_next_epoch(p->group->daemon), offset);
	partition_move_to(p, offset);
	claim_send_epoch(claim, reason);
	claim->blocked = false;
	claim_set_runnable(claim);
}

static void on_dwell(evutil_socket_t fd, short what, void *arg)
{
	struct claim *claim = arg;
	struct group *g = claim->consumer->group;

	claim_end(claim, claim->reason);
	membership_advance(g);
	group_distribute(g);
	daemon_check_drained(g->daemon);
}

/* Nothing was sent that is not marked, and no mark is on its way: there is nothing to wait for. */
static bool is_finished(const struct claim *claim)
{
	return offsets_is_done(&claim->partition->offsets) && !claim->consumer->connection->held;
}

/* A second release, of a stop in a rebalance, can only make it end sooner. */
static void shorten(struct claim *claim, const struct timeval *dwell)
{
	struct timeval due, now, left;

	if (!evtimer_pending(claim->dwell_timer, &due))
		return;
	evutil_gettimeofday(&now, NULL);
	evutil_timersub(&due, &now, &left);
	if (evutil_timercmp(dwell, &left, <))
		evtimer_add(claim->dwell_timer, dwell);
}

void claim_release(struct claim *claim, uint32_t dwell_ms, const char *reason)
{
	struct timeval dwell = {dwell_ms / 1000, (suseconds_t)(dwell_ms % 1000) * 1000};

	if (claim->state == CLAIM_RELEASING) {
		shorten(claim, &dwell);
		return;
	}
	notice_start(claim->consumer);
	claim_unset_runnable(claim);
	claim->state = CLAIM_RELEASING;
	claim->reason = reason;
	if (dwell_ms && !is_finished(claim))
		claim->dwell_timer =
			evtimer_new(claim->consumer->group->daemon->base, on_dwell, claim);
	if (!claim->dwell_timer) {
		claim_end(claim, reason);
		return;
	}
	connection_send(claim->consumer->connection, KGP_T_release,
			&(struct kgp_release){claim->id, dwell_ms, kgp_text(reason)});
	evtimer_add(claim->dwell_timer, &dwell);
}

void claim_end(struct claim *claim, const char *reason)
{
	struct consumer *c = claim->consumer;

	notice_start(c);
	claim_unset_runnable(claim);
	connection_send(c->connection, KGP_T_released,
			&(struct kgp_released){claim->id, kgp_text(reason)});
	if (claim->dwell_timer)
		event_free(claim->dwell_timer);
	partition_drop_carry(claim->partition);
	offsets_end(&claim->partition->offsets);
	claim->partition->claim = NULL;
	TAILQ_REMOVE(&c->claims, claim, link);
	HASH_DEL(c->claim_table, claim);
	c->n_claims--;
	quota_release(&claim->in_flight);
	free(claim);
}
