/* SPDX-License-Identifier: MIT */
/*
 * Where an assigned partition starts.
 *
 * Between the group's assign and ours: ask the coordinator for the committed offsets, ask the
 * partition leaders for the ends of the logs, both in a helper's thread, then decide: a mark that
 * waited, else the committed offset, else the initial offset, always as an absolute offset, so that
 * there is one to go back to. librdkafka would do the first on its own, and stall for ever on a
 * single error. What fails is asked again twice a second; one partition that cannot be resolved
 * holds the others up for a bounded time only. The same decision heals an offset that left the log
 * while running.
 */
#include "daemon/claim.h"
#include "daemon/cluster.h"
#include "daemon/consumer.h"
#include "daemon/daemon.h"
#include "daemon/group.h"
#include "daemon/helper.h"
#include "daemon/log.h"

#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 5000, PATIENCE_US = 10000000, RETRY_MS = 500 };
enum { HEAL_AGAIN_US = 1000000, DOUBT_US = 3000000, RUNNING_DOUBT_US = 10000000 };
enum { UNREAD_US = 2000000, REFRESH_US = PARTITION_ENDS_FRESH_US / 2 };

static bool is_open(const struct partition *p)
{
	return p->state == PARTITION_NEW || p->state == PARTITION_COMMITTED;
}

/* Nothing is open, or what is open was waited for long enough: it comes later, by advance_joined().
 */
bool resolve_is_over(const struct group *g)
{
	struct partition *p;

	TAILQ_FOREACH (p, &g->partitions, link)
		if (is_open(p))
			return now_us() - g->resolving_since_us > PATIENCE_US;
	return true;
}

/* The partitions in a state, as a list that points into them. */
static struct kafka_tp *list_state(struct group *g, enum partition_state state, size_t *n)
{
	struct kafka_tp *list = calloc(g->n_partitions + 1, sizeof(*list));
	struct partition *p;

	*n = 0;
	TAILQ_FOREACH (p, &g->partitions, link)
		if (list && p->state == state)
			list[(*n)++] = (struct kafka_tp){.topic = p->topic, .partition = p->id};
	return list;
}

static void try_again(struct group *g)
{
	struct timeval tv = {0, RETRY_MS * 1000};

	g->asked = false;
	if (g->state != GROUP_CLOSING) /* its deadline is another */
		evtimer_add(g->deadline, &tv);
}

/* ---- the decision ---------------------------------------------------------------------------- */

static struct log_about about(const struct partition *p)
{
	return (struct log_about){
		.group = group_get_name(p->group), .topic = p->topic, .partition = p->id};
}

/* By initial.offset; -1: fail. */
static int64_t initial_start(struct partition *p, const char **name)
{
	static const char *const names[] = {"latest", "earliest", "fail"};
	int64_t initial = p->group->agreement.group.value[KGP_SETTING_INITIAL_OFFSET];

	*name = names[initial];
	if (initial == KGP_FAIL)
		return -1;
	p->initial = initial == KGP_LATEST ? KAFKA_OFFSET_LATEST : KAFKA_OFFSET_EARLIEST;
	return initial == KGP_LATEST ? p->end : p->earliest;
}

static void fail(struct partition *p, const char *why)
{
	p->state = PARTITION_FAILED;
	group_on_error(p->group, KGP_E_OFFSET_RESET, "partition", p->topic, p->id,
		       "%s, and initial.offset is fail: it is not read", why);
}

static void start_without_offset(struct partition *p)
{
	struct log_about where = about(p);
	const char *name;
	int64_t start = initial_start(p, &name);

	if (start < 0) {
		fail(p, "the group has no committed offset");
		return;
	}
	p->offsets.resume = start;
	p->state = PARTITION_RESOLVED;
	log_write(LOG_INFO, &where,
		  "no committed offset: starts at %s, %lld of %lld..%lld; initial.offset changes "
		  "that",
		  name, (long long)start, (long long)p->earliest, (long long)p->end);
}

/* The position is not in the log: an error that everybody hears of, then initial.offset. */
static bool move_into_log(struct partition *p)
{
	long long old = p->offsets.resume;
	const char *name;
	int64_t start = initial_start(p, &name);
	char why[128];

	snprintf(why, sizeof(why), "offset %lld is not in the log, which has %lld..%lld", old,
		 (long long)p->earliest, (long long)p->end);
	if (start < 0) {
		fail(p, why);
		return false;
	}
	offsets_seek(&p->offsets, daemon_next_epoch(p->group->daemon), start);
	partition_start_at(p, start);
	p->group->n_resets++;
	group_on_error(p->group, KGP_E_OFFSET_RESET, "partition", p->topic, p->id,
		       "%s: goes on at %s, %lld", why, name, (long long)start);
	return true;
}

/* A new leader, or one that was cut off and does not know that it no longer leads, may not have the
 * newest end: an offset beyond it is asked about for a while. */
static bool is_doubtful(struct partition *p, int64_t offset, uint64_t patience_us)
{
	if (offset <= p->end) {
		p->doubted_us = 0;
		return false;
	}
	if (!p->doubted_us)
		p->doubted_us = now_us();
	return now_us() - p->doubted_us < patience_us;
}

static void decide(struct partition *p)
{
	group_apply_resumes(p->group, p);
	if (p->offsets.resume < 0) {
		start_without_offset(p);
		return;
	}
	if (is_doubtful(p, p->offsets.resume, DOUBT_US))
		return;
	if ((p->offsets.resume < p->earliest || p->offsets.resume > p->end) && !move_into_log(p))
		return;
	if (p->initial == KAFKA_OFFSET_NONE)
		p->initial = p->offsets.resume;
	p->state = PARTITION_RESOLVED;
}

/* ---- ends of logs ---------------------------------------------------------------------------- */

static void heal(struct partition *p);

static void on_ends(void *owner, int r, const struct kafka_tp *list, size_t n)
{
	struct group *g = owner;
	bool again = false;
	struct partition *p;
	size_t i;

	g->asked = false;
	for (i = 0; i < n; i++) {
		p = group_find_partition(g, list[i].topic, list[i].partition);
		if (!p)
			continue;
		if (list[i].error) {
			again |= p->state == PARTITION_COMMITTED || p->healing;
			if (p->state == PARTITION_COMMITTED)
				group_on_error(g, KGP_E_BROKER, "partition", p->topic, p->id,
					       "no answer on the log's ends: %s", list[i].error);
			continue;
		}
		partition_set_ends(p, list[i].offset, list[i].end);
		if (p->state == PARTITION_COMMITTED) {
			decide(p);
			again |= p->state == PARTITION_COMMITTED;
		} else if (p->healing && p->state == PARTITION_ACTIVE) {
			heal(p);
			again |= p->healing;
		}
	}
	if (!r && g->error_code == KGP_E_BROKER)
		group_clear_error(g);
	if (again)
		try_again(g);
	membership_advance(g);
}

static void ask_ends(struct group *g)
{
	size_t n;
	struct kafka_tp *list = list_state(g, PARTITION_COMMITTED, &n);

	if (!list || (n && helper_query(g->cluster->helper, g->kafka, list, n, KAFKA_ASK_ENDS,
					TIMEOUT_MS, HELPER_ASSIGN, on_ends, g)))
		try_again(g);
	else
		g->asked = n > 0;
	free(list);
}

/* Without fetches there is no fresh end: it is asked for, so that lag is right. The start is never
 * told by a fetch: seeks need to know it. */
static bool is_outdated(const struct partition *p)
{
	return now_us() - p->last_taken_us > UNREAD_US || now_us() - p->ends_us > REFRESH_US;
}

void resolve_refresh_ends(struct group *g)
{
	struct kafka_tp *list = calloc(g->n_partitions + 1, sizeof(*list));
	struct partition *p;
	size_t n = 0;

	TAILQ_FOREACH (p, &g->partitions, link)
		if (list && p->state == PARTITION_ACTIVE && is_outdated(p))
			list[n++] = (struct kafka_tp){.topic = p->topic, .partition = p->id};
	if (n && g->kafka && !g->asked)
		g->asked = !helper_query(g->cluster->helper, g->kafka, list, n, KAFKA_ASK_ENDS,
					 TIMEOUT_MS, HELPER_LATER, on_ends, g);
	free(list);
}

/* ---- committed offsets ----------------------------------------------------------------------- */

static bool take_committed(struct group *g, const struct kafka_tp *tp)
{
	struct partition *p = group_find_partition(g, tp->topic, tp->partition);

	if (!p || p->state != PARTITION_NEW)
		return true;
	if (tp->error || offsets_load(&p->offsets, tp->offset, tp->metadata))
		return false;
	p->state = PARTITION_COMMITTED;
	return true;
}

static void on_committed(void *owner, int r, const struct kafka_tp *list, size_t n)
{
	struct group *g = owner;
	bool all = true;
	size_t i;

	g->asked = false;
	for (i = 0; i < n; i++)
		all &= take_committed(g, &list[i]);
	if (r)
		group_on_error(g, KGP_E_BROKER, "rebalance", NULL, -1,
			       "no answer on committed offsets: %s", list[0].error);
	else if (g->error_code == KGP_E_BROKER)
		group_clear_error(g);
	if (!all)
		try_again(g);
	if (!r)
		ask_ends(g);
}

static void ask_committed(struct group *g)
{
	size_t n;
	struct kafka_tp *list = list_state(g, PARTITION_NEW, &n);

	if (list && !n)
		ask_ends(g);
	else if (list && !helper_query_committed(g->cluster->helper, g->kafka, list, n, TIMEOUT_MS,
						 on_committed, g))
		g->asked = true;
	else
		try_again(g);
	free(list);
}

/* An answer that is under way is of the last assignment: others may have committed since. */
void resolve_start(struct group *g)
{
	helper_forget(g->cluster->helper, g);
	g->resolving_since_us = now_us();
	ask_committed(g);
}

void resolve_again(struct group *g)
{
	struct partition *p;
	bool open = false;

	if (g->asked || !g->kafka || g->state == GROUP_CLOSING)
		return;
	TAILQ_FOREACH (p, &g->partitions, link) {
		open |= is_open(p);
		if (p->healing)
			resolve_range_error(p);
	}
	if (open)
		ask_committed(g);
}

/* ---- while running --------------------------------------------------------------------------- */

/* The fetcher is off and ignores seeks: only a new assign starts it again, at the new offset. While
 * the log has where we are, however often a broker says otherwise, that is the offset. */
static void heal(struct partition *p)
{
	struct claim *claim = p->claim;
	int64_t next = partition_get_next(p);
	bool is_in_log = next >= p->earliest && next <= p->end;

	if (is_doubtful(p, next, RUNNING_DOUBT_US) ||
	    (is_in_log && now_us() - p->healed_us < HEAL_AGAIN_US))
		return; /* still healing: the ends are asked for again */
	p->healing = false;
	p->group->reassign = true;
	p->doubted_us = 0;
	if (is_in_log) {
		p->healed_us = now_us();
		return;
	}
	if (!move_into_log(p)) {
		if (claim)
			claim_end(claim, "failed");
	} else if (claim) {
		claim_send_epoch(claim, "out of range");
	}
}

void resolve_range_error(struct partition *p)
{
	const struct kafka_tp tp = {.topic = p->topic, .partition = p->id};
	struct group *g = p->group;

	p->healing = true;
	if (helper_query(g->cluster->helper, g->kafka, &tp, 1, KAFKA_ASK_ENDS, TIMEOUT_MS,
			 HELPER_ASSIGN, on_ends, g))
		try_again(g);
	else
		g->asked = true;
}
