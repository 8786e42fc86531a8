/* SPDX-License-Identifier: MIT */
/*
 * Membership of a group: joining, rebalances, leaving.
 *
 *	IDLE -> JOINING		somebody wants the group: a handle, subscribed
 *	JOINING -> RESOLVING	the group assigns: where does each partition start (resolve.c)
 *	RESOLVING -> JOINED	librdkafka is told; partitions go to consumers (distribute.c)
 *	JOINED -> REVOKING	the group takes: claims are released, consumers mark, the final
 *commit, then our answer REVOKING -> JOINING	or JOINED, when a cooperative rebalance left us some
 *	any -> CLOSING		nobody wants it, the daemon stops, or a fatal error: commit, close
 *	CLOSING -> FREEING	the handle is closed, or its deadline passed; the helper thread
 *frees it
 *	FREEING -> IDLE		or BACKOFF before another try, or JOINING at once when somebody came
 *meanwhile
 *
 * Level-triggered: events change facts, membership_advance() does what the facts allow; calling it
 *once more never hurts. Every event of librdkafka is answered exactly once; an assign waits for the
 *commit in flight. No wait is unbounded: releases have their dwell, commits and closing their
 *deadlines.
 */
#include "daemon/claim.h"
#include "daemon/cluster.h"
#include "daemon/consumer.h"
#include "daemon/core/user_data.h"
#include "daemon/daemon.h"
#include "daemon/group.h"
#include "daemon/helper.h"
#include "daemon/log.h"
#include "daemon/notice.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	UNSUBSCRIBE_MS = 1000,	   /* for the revoke that follows an unsubscribe */
	LEAVE_MS = 300,		   /* from its answer until librdkafka has said that it leaves */
	CLOSE_MS = 8000,	   /* for librdkafka to close; then it is destroyed without */
	RETRY_MS = 5000,	   /* after a fatal error other than fencing */
	GHOST_MS = 100,		   /* after fencing ourselves */
	FINAL_COMMIT_US = 5000000, /* a release waits so long for its commit at most */
	STOP_US = 500000,	   /* for librdkafka to stop fetchers */
};

static struct log_about about(const struct group *g)
{
	return (struct log_about){.cluster = g->cluster->config->name, .group = group_get_name(g)};
}

static void set_deadline(struct group *g, int64_t ms)
{
	struct timeval tv = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};

	evtimer_add(g->deadline, &tv);
}

/*
 * librdkafka stops fetchers in its own time, does not say when it is done, and aborts the process
 * if it is told again to stop one that is stopping: what is assigned is taken back at most so
 * often.
 */
static bool may_stop(struct group *g)
{
	int64_t left_us = (int64_t)(g->stopped_us + STOP_US - now_us());
	struct timeval tv = {0, (suseconds_t)left_us};

	if (!g->stopped_us || left_us <= 0)
		return true;
	evtimer_add(g->stop_timer, &tv);
	return false;
}

static void on_stop_timer(evutil_socket_t fd, short what, void *arg)
{
	membership_advance(arg);
}

/* ---- partitions come and go ------------------------------------------------------------------ */

/* A mark that could not be committed waits for the case that the partition comes back. */
static void keep_mark(struct group *g, struct partition *p)
{
	struct offsets *o = &p->offsets;

	if (p->state == PARTITION_NEW)
		return;
	if (o->committed < 0 && o->pending < 0 && o->resume >= 0)
		group_add_start(g, p->topic, p->id, o->resume);
	if (o->pending <= 0)
		return;
	p->state = PARTITION_NEW; /* so that it is kept, not applied to what goes */
	group_add_resume(g, NULL, p->topic, p->id, UINT64_MAX, o->pending - 1, o->committed,
			 offsets_get_metadata(o));
}

static void remove_partition(struct group *g, struct partition *p, const char *reason)
{
	if (p->claim)
		claim_end(p->claim, reason);
	keep_mark(g, p);
	group_remove_partition(g, p);
}

static void remove_partitions(struct group *g, bool only_revoked, const char *reason)
{
	struct partition *p, *next;

	for (p = TAILQ_FIRST(&g->partitions); p; p = next) {
		next = TAILQ_NEXT(p, link);
		if (!only_revoked || p->state == PARTITION_REVOKED)
			remove_partition(g, p, reason);
	}
}

static struct kafka_tp *list_partitions(struct group *g, enum partition_state a,
					enum partition_state b, size_t *n)
{
	struct kafka_tp *list = calloc(g->n_partitions + 1, sizeof(*list));
	struct partition *p;

	*n = 0;
	TAILQ_FOREACH (p, &g->partitions, link)
		if (list && (p->state == a || p->state == b))
			list[(*n)++] = (struct kafka_tp){
				.topic = p->topic, .partition = p->id, .offset = p->offsets.resume};
	return list;
}

/* ---- assign ---------------------------------------------------------------------------------- */

static bool lists_topic(const struct kafka_tp *list, size_t n, const char *topic)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!strcmp(list[i].topic, topic))
			return true;
	return false;
}

/*
 * An assign that came before our answer to a revoke: librdkafka joins again without it when it
 * hears of a topic of a new subscription meanwhile. The group has gone on, and what was to be
 * released may be another member's by now; what is ours again starts anew, at the marks that are
 * kept.
 */
static void drop_revoked(struct group *g)
{
	struct log_about where = about(g);

	log_write(LOG_NOTICE, &where, "assigned before the release was over: it ends now");
	commit_give_up(g);
	g->owes = OWES_NOTHING;
	remove_partitions(g, true, "rebalance");
}

static void on_assign(void *owner, const struct kafka_tp *list, size_t n)
{
	struct log_about where = about(owner);
	struct group *g = owner;
	struct partition *p;
	size_t i;

	if (g->state == GROUP_CLOSING) { /* nothing of it is taken */
		kafka_assign(g->kafka, NULL, 0, kafka_is_cooperative(g->kafka));
		return;
	}
	if (g->owes == OWES_UNASSIGN)
		drop_revoked(g);
	g->n_rebalances++;
	g->cooperative = kafka_is_cooperative(g->kafka);
	g->commit.suspended = false;
	if (g->error_code != KGP_E_UNKNOWN_TOPIC || lists_topic(list, n, g->error_topic))
		group_clear_error(g);
	log_write(LOG_INFO, &where, "assigned %zu partition%s", n, PLURAL(n));
	notice_start_all(g);
	for (i = 0; i < n; i++) {
		if (group_find_partition(g, list[i].topic, list[i].partition))
			continue;
		p = partition_new(g, list[i].topic, list[i].partition);
		if (!p)
			abort(); /* an assign that is answered in part wedges the group: the
				    supervisor restarts us */
		group_add_partition(g, p);
	}
	g->owes = OWES_ASSIGN;
	group_set_state(g, GROUP_RESOLVING);
	resolve_start(g);
	membership_advance(g);
}

/* Queues first: what is fetched before its queue is forwarded leaks to the consumer queue. */
static void start_partitions(struct group *g, bool again)
{
	struct partition *p;
	int64_t start;

	TAILQ_FOREACH (p, &g->partitions, link) {
		if (p->state != PARTITION_RESOLVED && !(p->state == PARTITION_ACTIVE && again))
			continue;
		start = p->offsets.resume;
		if (p->state == PARTITION_ACTIVE && p->claim)
			start = partition_get_next(p); /* where it was, not at the mark */
		if (partition_attach(p, g->kafka))
			abort(); /* as above */
		partition_start_at(p, start);
		p->state = PARTITION_ACTIVE;
		if (p->claim)
			claim_set_runnable(p->claim);
	}
}

/* The partitions that librdkafka was told of, all or the revoked ones. */
static struct kafka_tp *list_told(struct group *g, bool only_revoked, size_t *n)
{
	struct kafka_tp *list = calloc(g->n_partitions + 1, sizeof(*list));
	struct partition *p;

	*n = 0;
	if (!list)
		abort(); /* as above */
	TAILQ_FOREACH (p, &g->partitions, link)
		if (p->told && (!only_revoked || p->state == PARTITION_REVOKED))
			list[(*n)++] = (struct kafka_tp){.topic = p->topic, .partition = p->id};
	return list;
}

static void mark_told(struct group *g, const struct kafka_tp *list, size_t n, bool told)
{
	size_t i;

	for (i = 0; i < n; i++)
		group_find_partition(g, list[i].topic, list[i].partition)->told = told;
}

/* An event of the group that is not answered wedges it: the handle is made anew. */
static void check_answer(struct group *g, int r)
{
	g->owes = OWES_NOTHING;
	if (!r)
		return;
	g->retry_ms = RETRY_MS;
	g->failed = true;
}

static void unassign_told(struct group *g)
{
	size_t n;
	struct kafka_tp *list = list_told(g, false, &n);

	kafka_unassign(g->kafka, list, n, true);
	mark_told(g, list, n, false);
	free(list);
}

/* The answer to a cooperative assign adds; what is to start again does so behind it. */
static bool starts_again(const struct group *g)
{
	return g->reassign && !(g->cooperative && g->owes == OWES_ASSIGN);
}

/* Does the next assign() stop fetchers? An eager one replaces the whole. */
static bool stops(const struct group *g)
{
	return g->cooperative ? starts_again(g) : g->assigned;
}

/* New partitions, and with reassign the ones that are fetched too, each from its next offset. */
static void assign(struct group *g)
{
	bool again = starts_again(g);
	size_t n, i;
	struct kafka_tp *list;

	if (stops(g))
		g->stopped_us = now_us();
	if (g->cooperative && again)
		unassign_told(g);
	list = list_partitions(g, PARTITION_RESOLVED, again ? PARTITION_ACTIVE : PARTITION_RESOLVED,
			       &n);
	if (!list)
		abort(); /* as above */
	start_partitions(g, again);
	for (i = 0; i < n; i++)
		list[i].offset = group_find_partition(g, list[i].topic, list[i].partition)->next;
	check_answer(g, kafka_assign(g->kafka, list, n, g->cooperative));
	mark_told(g, list, n, true);
	g->assigned = true;
	g->reassign &= !again;
	free(list);
}

static bool has_resolved(const struct group *g)
{
	struct partition *p;

	TAILQ_FOREACH (p, &g->partitions, link)
		if (p->state == PARTITION_RESOLVED)
			return true;
	return false;
}

static void advance_resolving(struct group *g)
{
	struct log_about where = about(g);

	if (!resolve_is_over(g) || !commit_is_idle(g) || (stops(g) && !may_stop(g)))
		return;
	assign(g);
	g->joined_us = now_us();
	group_set_state(g, GROUP_JOINED);
	log_write(LOG_INFO, &where, "joined, %u partition%s", g->n_partitions,
		  PLURAL(g->n_partitions));
	group_distribute(g);
}

/* Partitions that were resolved late, or whose fetcher must be started again. */
static void advance_joined(struct group *g)
{
	if ((!has_resolved(g) && !g->reassign) || !commit_is_idle(g))
		return;
	g->reassign |= !g->cooperative;
	if (stops(g) && !may_stop(g))
		return;
	assign(g);
	group_distribute(g);
}

/* ---- revoke ---------------------------------------------------------------------------------- */

static void release_revoked(struct group *g)
{
	struct partition *p;
	struct claim *claim;

	TAILQ_FOREACH (p, &g->partitions, link) {
		claim = p->claim;
		if (p->state != PARTITION_REVOKED || !claim)
			continue;
		if (g->lost)
			claim_end(claim, "lost");
		else
			claim_release(
				claim,
				(uint32_t)claim->consumer->settings.value[KGP_SETTING_DWELL_TIME],
				"rebalance");
	}
}

static void on_revoke(void *owner, const struct kafka_tp *list, size_t n, bool lost)
{
	struct log_about where = about(owner);
	struct group *g = owner;
	struct partition *p;
	size_t i;

	g->n_rebalances++;
	log_write(LOG_INFO, &where, "%zu partition%s revoked%s", n, PLURAL(n),
		  lost ? ": lost" : "");
	if (g->state == GROUP_CLOSING && g->close_started) {
		kafka_unassign(g->kafka, list, n, kafka_is_cooperative(g->kafka));
		if (!g->closing)
			set_deadline(g, LEAVE_MS);
		return;
	}
	for (i = 0; i < n; i++) {
		p = group_find_partition(g, list[i].topic, list[i].partition);
		if (!p)
			continue;
		if (p->state == PARTITION_NEW)
			remove_partition(g, p, "rebalance");
		else
			p->state = PARTITION_REVOKED;
	}
	if (g->state == GROUP_CLOSING) { /* answered behind the last commit, which comes first */
		g->owes = OWES_UNASSIGN;
		g->lost = lost;
		membership_advance(g);
		return;
	}
	TAILQ_FOREACH (p, &g->partitions, link)
		p->healing = p->healing && p->state == PARTITION_ACTIVE;
	g->owes = OWES_UNASSIGN;
	g->lost = lost;
	g->commit.final_done = lost;
	g->final_since_us = now_us();
	if (lost)
		group_on_error(g, KGP_E_LOST, "rebalance", NULL, -1,
			       "%zu partition%s given away without waiting for us", n,
			       n == 1 ? " was" : "s were");
	group_set_state(g, GROUP_REVOKING);
	notice_start_all(g);
	release_revoked(g);
	membership_advance(g);
}

static bool has_revoked_claims(const struct group *g)
{
	struct partition *p;

	TAILQ_FOREACH (p, &g->partitions, link)
		if (p->state == PARTITION_REVOKED && p->claim)
			return true;
	return false;
}

static void finish_revoke(struct group *g)
{
	size_t n;
	struct kafka_tp *list = list_partitions(g, PARTITION_REVOKED, PARTITION_REVOKED, &n);

	if (!list)
		abort(); /* a revoke that is not answered wedges the group: the supervisor restarts
			    us */
	commit_give_up(g);
	check_answer(g, kafka_unassign(g->kafka, list, n, g->cooperative));
	free(list);
	g->stopped_us = now_us();
	g->assigned = g->cooperative;
	remove_partitions(g, true, "rebalance");
	if (g->lost)
		notice_fail(g); /* Kafka has forgotten us: what comes next is a join */
	group_set_state(g, g->n_partitions && resolve_is_over(g) ? GROUP_JOINED : GROUP_JOINING);
	membership_advance(g);
}

/* The final commit and its retries, for a bounded time. */
static bool is_committing(const struct group *g)
{
	return (!commit_is_idle(g) || g->commit.n_failures) &&
	       now_us() - g->final_since_us < FINAL_COMMIT_US;
}

static void advance_revoking(struct group *g)
{
	if (has_revoked_claims(g))
		return;
	if (!g->commit.final_done) {
		if (!commit_is_idle(g))
			return; /* its answer, or commit_tick(), leads here again */
		g->commit.final_done = true;
		g->final_since_us = now_us();
		commit_start(g);
	}
	if (g->state == GROUP_REVOKING && !is_committing(g) && may_stop(g))
		finish_revoke(g);
}

/* ---- closing --------------------------------------------------------------------------------- */

static void on_freed(void *owner, int r, const struct kafka_tp *list, size_t n)
{
	struct group *g = owner;

	if (g->retry_ms) {
		group_set_state(g, GROUP_BACKOFF);
		set_deadline(g, g->retry_ms);
		return;
	}
	g->leaving = false;
	group_set_state(g, GROUP_IDLE);
	if (group_is_wanted(g))
		membership_want(g);
	daemon_check_drained(g->daemon);
}

static void free_handle(struct group *g, bool closed)
{
	struct kafka *k = g->kafka;

	helper_forget(g->cluster->helper, g);
	event_free(g->kafka_event);
	g->kafka_event = NULL;
	g->kafka = NULL;
	g->asked = false;
	evtimer_del(g->deadline);
	evtimer_del(g->stop_timer);
	evtimer_del(g->commit_timer);
	commit_give_up(g);
	g->commit.n_failures = 0;
	g->owes = OWES_NOTHING;
	remove_partitions(g, false, g->leaving ? "stop" : "lost");
	if (!g->leaving)
		notice_fail(g);
	group_set_state(g, GROUP_FREEING); /* who is answered below may be the last, and leave it */
	commit_fail_waiters(g, KGP_E_COMMIT, "the group was left before the commit was answered");
	if (helper_free_kafka(g->cluster->helper, k, closed, on_freed, g))
		abort(); /* no memory: nothing can be freed in order any more */
}

static void on_closed(void *owner)
{
	free_handle(owner, true);
}

/* The group waits for an answer that nobody will give any more. */
static void answer_owed(struct group *g)
{
	size_t n;
	struct kafka_tp *list = list_told(g, true, &n);

	if (g->owes == OWES_ASSIGN)
		kafka_assign(g->kafka, NULL, 0, g->cooperative);
	else if (g->owes == OWES_UNASSIGN)
		kafka_unassign(g->kafka, list, n, g->cooperative);
	g->owes = OWES_NOTHING;
	free(list);
}

static void start_close(struct group *g)
{
	g->closing = true;
	set_deadline(g, CLOSE_MS);
	kafka_start_close(g->kafka);
}

/*
 * A static member that closes keeps its place. To give it away it has to leave while it is not
 * closing yet: unsubscribe, answer the revoke, and leave librdkafka the time to send that it
 * leaves.
 */
static void advance_closing(struct group *g)
{
	struct partition *p;

	if (g->close_started)
		return;
	TAILQ_FOREACH (p, &g->partitions, link)
		if (p->claim)
			return;
	if (!g->commit.final_done) {
		if (!commit_is_idle(g))
			return;
		g->commit.final_done = true;
		g->final_since_us = now_us();
		commit_start(g);
	}
	if (g->close_started || is_committing(g) || !may_stop(g))
		return;
	g->close_started = true;
	answer_owed(g);
	remove_partitions(g, false, "stop");
	if (!g->leave_for_good) {
		start_close(g);
		return;
	}
	kafka_subscribe(g->kafka, NULL, 0);
	set_deadline(g,
		     UNSUBSCRIBE_MS); /* its revoke comes first, if there is anything to revoke */
}

static const char *describe_leaving(const struct group *g, bool for_good)
{
	bool is_static = *g->config->instance_id;

	if (for_good && is_static && config_group_is_kip848(g->config))
		return "leaving the group; with group.protocol = consumer the broker gives the "
		       "place of a static member away after its own session timeout only";
	if (for_good)
		return "leaving the group";
	return is_static ? "closing, the place in the group is kept"
			 : "closing; without instance.id the place is given up";
}

void membership_leave(struct group *g, bool for_good)
{
	struct log_about where = about(g);
	struct partition *p;

	g->retry_ms = 0;
	if (!g->kafka || g->state == GROUP_CLOSING) {
		if (g->state == GROUP_BACKOFF) {
			evtimer_del(g->deadline);
			group_set_state(g, GROUP_IDLE);
		}
		return;
	}
	log_write(LOG_INFO, &where, "%s", describe_leaving(g, for_good));
	g->leaving = true;
	g->leave_for_good = for_good;
	g->close_started = g->closing = false;
	g->commit.final_done = false;
	group_set_state(g, GROUP_CLOSING);
	set_deadline(g, CLOSE_MS);
	TAILQ_FOREACH (p, &g->partitions, link)
		if (p->claim)
			claim_end(p->claim, "stop");
	membership_advance(g);
}

/* ---- joining --------------------------------------------------------------------------------- */

/* "... failed (after 302ms in state CONNECT, 1 identical error(s) suppressed)" is the same error.
 */
static int length_without_count(const char *text)
{
	const char *count = strstr(text, " (after ");

	return count ? (int)(count - text) : (int)strlen(text);
}

/*
 * In the classic protocol a try fences the other; with KIP-848 it only asks whether the place is
 * free, which it is soon when the other was ourselves before a crash. A member whose session timed
 * out joins again, and a coordinator that comes back may have heard it twice: the first of the two
 * is then fenced, and the other member is our own ghost. Should it be a real one after all, we are
 * fenced once more, and wait.
 */
static int64_t retry_after(const struct group *g, enum kafka_error_class class)
{
	if (class != KAFKA_ERROR_FENCED || config_group_is_kip848(g->config))
		return RETRY_MS;
	return g->timed_out ? GHOST_MS : g->running.value[KGP_SETTING_SESSION_TIMEOUT];
}

/* What befalls a member that holds its place is of its heartbeat, else of getting there. */
static const char *context_of_member(const struct group *g)
{
	return g->state == GROUP_JOINED ? "heartbeat" : "rebalance";
}

static void on_error(void *owner, enum kafka_error_class class, const char *name, const char *topic,
		     const char *text)
{
	static const struct {
		unsigned code;
		const char *context; /* NULL: of the member */
	} codes[] = {
		[KAFKA_ERROR_BROKER] = {KGP_E_BROKER, NULL},
		[KAFKA_ERROR_AUTH] = {KGP_E_AUTH, NULL},
		[KAFKA_ERROR_TOPIC] = {KGP_E_UNKNOWN_TOPIC, "topics"},
		[KAFKA_ERROR_GROUP] = {KGP_E_GROUP, NULL},
		[KAFKA_ERROR_FENCED] = {KGP_E_FENCED, NULL},
		[KAFKA_ERROR_FATAL] = {KGP_E_GROUP, NULL},
		[KAFKA_ERROR_RANGE] = {KGP_E_OFFSET_RESET, "partition"},
		[KAFKA_ERROR_REBALANCE] = {KGP_E_KAFKA, "rebalance"},
		[KAFKA_ERROR_OTHER] = {KGP_E_KAFKA, NULL},
	};
	struct group *g = owner;
	const char *context = codes[class].context ? codes[class].context : context_of_member(g);

	group_on_error(g, codes[class].code, context, topic, -1, "%s: %.*s", name,
		       length_without_count(text), text);
	if (class != KAFKA_ERROR_FENCED && class != KAFKA_ERROR_FATAL)
		return;
	g->retry_ms = retry_after(g, class);
	g->failed = true; /* the handle is freed by the tick, not below its own event */
}

static void on_log(void *owner, int level, const char *facility, const char *text)
{
	bool told = !strcmp(facility, "FAIL") || !strcmp(facility, "ERROR"); /* by an event */
	struct log_about where = about(owner);
	struct group *g = owner;

	if (!strcmp(facility, "SESSTMOUT"))
		g->timed_out = true;

	log_write(level > LOG_WARNING || told ? LOG_DEBUG : LOG_INFO, &where, "librdkafka: %s: %s",
		  facility, text);
}

static void on_ready(void *owner, void *arg)
{
	struct partition *p = arg;

	p->idle = false;
	if (p->claim)
		claim_set_runnable(p->claim);
}

static const struct kafka_handler handler = {
	.on_assign = on_assign,
	.on_revoke = on_revoke,
	.on_commit = commit_on_result,
	.on_error = on_error,
	.on_log = on_log,
	.on_ready = on_ready,
	.on_closed = on_closed,
};

static void on_kafka(evutil_socket_t fd, short what, void *arg)
{
	struct group *g = arg;

	kafka_dispatch(g->kafka);
}

/* client.id of the file, or what carries the user data. */
static void print_client_id(const struct group *g, char *out, size_t size)
{
	const struct config_pair *client_id = config_group_find_kafka(g->config, "client.id");

	if (client_id)
		snprintf(out, size, "%s", client_id->value);
	else
		user_data_to_client_id(g->agreement.user_data, out, size);
}

static int open_handle(struct group *g, char *why, size_t size)
{
	const struct kgp_settings *s = &g->agreement.group;
	struct kafka_options options = {
		.group_id = g->config->group_id,
		.instance_id = g->config->instance_id,
		.client_id = g->client_id,
		.strategy = (enum kgp_strategy)s->value[KGP_SETTING_STRATEGY],
		.session_timeout_ms = s->value[KGP_SETTING_SESSION_TIMEOUT],
		.heartbeat_interval_ms = s->value[KGP_SETTING_HEARTBEAT_INTERVAL],
	};
	int r = -ENOMEM;

	print_client_id(g, g->client_id, sizeof(g->client_id));
	options.settings = cluster_list_settings(g->cluster, g->config, &options.n_settings);
	if (options.settings && !kafka_strategy_check(options.strategy, why, size))
		r = kafka_open(&options, &handler, g, &g->kafka, why, size);
	free((void *)options.settings);
	return r;
}

static bool differs(const struct group *g)
{
	static const enum kgp_setting made_with[] = {
		KGP_SETTING_STRATEGY, KGP_SETTING_SESSION_TIMEOUT, KGP_SETTING_HEARTBEAT_INTERVAL};
	char client_id[sizeof(g->client_id)];
	size_t i;

	size_t n = config_group_is_kip848(g->config) ? 1 : sizeof(made_with) / sizeof(*made_with);

	print_client_id(g, client_id, sizeof(client_id));
	if (strcmp(client_id, g->client_id) != 0)
		return true;
	for (i = 0; i < n; i++)
		if (g->running.value[made_with[i]] != g->agreement.group.value[made_with[i]])
			return true;
	return false;
}

static void join(struct group *g)
{
	char why[512] = "no memory";

	g->retry_ms = 0;
	g->failed = g->leaving = g->reassign = g->lost = g->closing = g->close_started =
		g->timed_out = g->assigned = g->commit.suspended = false;
	g->stopped_us = 0;
	g->running = g->agreement.group;
	if (cluster_start_helper(g->cluster) || open_handle(g, why, sizeof(why))) {
		g->retry_ms = RETRY_MS;
		group_on_error(g, KGP_E_GROUP, "rebalance", NULL, -1,
			       "the Kafka client cannot be made: %s", why);
		on_freed(g, 0, NULL, 0);
		return;
	}
	g->kafka_event = event_new(g->daemon->base, kafka_get_fd(g->kafka), EV_READ | EV_PERSIST,
				   on_kafka, g);
	if (!g->kafka_event)
		abort(); /* a handle that nobody polls is worse than a restart */
	event_add(g->kafka_event, NULL);
	group_set_state(g, GROUP_JOINING);
	g->subscribed = false;
	group_update_interests(g);
	commit_on_timer(-1, 0, g);
}

void membership_want(struct group *g)
{
	if (g->daemon->draining)
		return;
	if (g->state == GROUP_IDLE)
		join(g);
	else if (g->kafka && g->state != GROUP_CLOSING && differs(g))
		membership_leave(
			g, false); /* the first opener's settings win; on_freed() joins with them */
}

/* ---- time ------------------------------------------------------------------------------------ */

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct log_about where = about(arg);
	struct group *g = arg;

	if (g->state == GROUP_BACKOFF) {
		g->retry_ms = 0;
		group_set_state(g, GROUP_IDLE);
		if (group_is_wanted(g))
			membership_want(g);
	} else if (g->state == GROUP_CLOSING && g->close_started && !g->closing) {
		start_close(g);
	} else if (g->state == GROUP_CLOSING) {
		log_write(LOG_WARNING, &where,
			  "not closed after %d ms: destroyed without; what is not committed comes "
			  "again",
			  CLOSE_MS);
		free_handle(g, false);
	} else {
		resolve_again(g);
		membership_advance(g);
	}
}

void membership_tick(struct group *g)
{
	if (!g->kafka)
		return;
	kafka_dispatch(g->kafka); /* once a second: the member is alive as long as this loop is */
	if (g->failed && g->kafka) {
		g->failed = false;
		free_handle(g, false);
		return;
	}
	if (g->daemon->ticks % 5 == 0)
		resolve_refresh_ends(g);
	resolve_again(g);
	membership_advance(g);
	group_distribute(g);
}

void membership_advance(struct group *g)
{
	switch (g->state) {
	case GROUP_RESOLVING:
		advance_resolving(g);
		break;
	case GROUP_JOINED:
		advance_joined(g);
		break;
	case GROUP_REVOKING:
		advance_revoking(g);
		break;
	case GROUP_CLOSING:
		advance_closing(g);
		break;
	default:
		break;
	}
}

void membership_on_range_error(struct partition *p)
{
	if (p->state == PARTITION_ACTIVE && !p->healing)
		resolve_range_error(p);
}

bool membership_is_over(const struct group *g)
{
	return g->state == GROUP_IDLE || g->state == GROUP_BACKOFF;
}

int membership_open(struct group *g)
{
	g->deadline = evtimer_new(g->daemon->base, on_deadline, g);
	g->stop_timer = evtimer_new(g->daemon->base, on_stop_timer, g);
	g->commit_timer = evtimer_new(g->daemon->base, commit_on_timer, g);
	return g->deadline && g->stop_timer && g->commit_timer ? 0 : -ENOMEM;
}

void membership_close(struct group *g)
{
	if (g->deadline)
		event_free(g->deadline);
	if (g->stop_timer)
		event_free(g->stop_timer);
	if (g->commit_timer)
		event_free(g->commit_timer);
}

void membership_abandon(struct group *g)
{
	if (g->kafka)
		free_handle(g, false);
}
