/* SPDX-License-Identifier: MIT */
/*
 * Commits of a group.
 *
 * At most one is in flight for a handle, with an explicit list of what changed, and only of
 * partitions that this daemon owns. A request to commit is answered by the first commit that starts
 * after it, so it covers every mark made before it. A failure is retried commit.retries times, then
 * it is an error event and the request's answer; the marks stay and go with the next interval. A
 * rebalance in progress suspends commits until the next assign, except the final one of a release;
 * it never does so for good. Owns the waiting requests.
 */
#include "daemon/connection.h"
#include "daemon/consumer.h"
#include "daemon/daemon.h"
#include "daemon/group.h"
#include "daemon/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_WAITING = 1024, RETRY_FIRST_MS = 100, RETRY_MOST_MS = 5000, STUCK_US = 30000000 };
enum { SUSPENDED_US = 5000000 }; /* a rebalance that we hear nothing of in that time is over */

bool commit_is_idle(const struct group *g)
{
	return !g->commit.in_flight;
}

/* ---- waiting requests ------------------------------------------------------------------------ */

static void answer(struct group *g, struct commit_waiter *w, unsigned code, const char *text)
{
	struct consumer *c = w->consumer;
	struct connection *connection = c->connection;
	bool closes = w->closes;

	TAILQ_REMOVE(&g->commit.waiters, w, link);
	c->n_waiting--;
	session_reply(connection, w->request, code, text, NULL);
	free(w);
	if (closes)
		connection->consumer = consumer_free(c);
}

/* Those whose commit has been. Answering may free consumers and with them other waiters: start over
 * each time. */
static void answer_finished(struct group *g, unsigned code, const char *text)
{
	struct commit_waiter *w;
	bool found = true;

	while (found) {
		found = false;
		TAILQ_FOREACH (w, &g->commit.waiters, link) {
			if (w->number > g->commit.finished)
				continue;
			answer(g, w, code, text);
			found = true;
			break;
		}
	}
}

void commit_fail_waiters(struct group *g, unsigned code, const char *text)
{
	g->commit.finished = g->commit.started = g->commit.started + 1;
	answer_finished(g, code, text);
}

void commit_forget(struct group *g, struct consumer *c)
{
	struct commit_waiter *w, *next;

	for (w = TAILQ_FIRST(&g->commit.waiters); w; w = next) {
		next = TAILQ_NEXT(w, link);
		if (w->consumer != c)
			continue;
		TAILQ_REMOVE(&g->commit.waiters, w, link);
		free(w);
	}
}

int commit_wait(struct group *g, struct consumer *c, uint32_t request, bool closes)
{
	struct commit_waiter *w;

	if (c->n_waiting >= MOST_WAITING)
		return -EDQUOT;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = (struct commit_waiter){.consumer = c,
				    .request = request,
				    .closes = closes,
				    .number = g->commit.started + 1};
	TAILQ_INSERT_TAIL(&g->commit.waiters, w, link);
	c->n_waiting++;
	if (!g->kafka)
		commit_fail_waiters(g, KGP_E_COMMIT,
				    "the group has no connection to Kafka now; marks are kept");
	else if (!g->commit.suspended)
		commit_start(g);
	return 0;
}

/* ---- one commit ------------------------------------------------------------------------------ */

static bool is_due(struct partition *p)
{
	if (p->state == PARTITION_ACTIVE)
		partition_check_position(p);
	return offsets_commit_begin(&p->offsets);
}

/* The list of what changed; its texts belong to the partitions. */
static struct kafka_tp *collect(struct group *g, size_t *n)
{
	struct kafka_tp *list = calloc(g->n_partitions + 1, sizeof(*list));
	struct partition *p;

	*n = 0;
	if (!list)
		return NULL;
	TAILQ_FOREACH (p, &g->partitions, link) {
		if (p->state == PARTITION_NEW || p->state == PARTITION_FAILED ||
		    (p->state == PARTITION_REVOKED && g->lost) || !is_due(p))
			continue;
		list[(*n)++] = (struct kafka_tp){
			.topic = p->topic,
			.partition = p->id,
			.offset = p->offsets.committing,
			.metadata = offsets_get_committing_metadata(&p->offsets),
		};
	}
	return list;
}

static void set_timer(struct group *g, int64_t ms)
{
	struct timeval tv = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};

	evtimer_add(g->commit_timer, &tv);
}

void commit_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct group *g = arg;

	set_timer(g, g->agreement.group.value[KGP_SETTING_COMMIT_INTERVAL]);
	if (!g->commit.suspended)
		commit_start(g);
}

static void finish(struct group *g, unsigned code, const char *text)
{
	g->commit.finished = g->commit.started;
	answer_finished(g, code, text);
	if (!TAILQ_EMPTY(&g->commit.waiters) && !g->commit.in_flight)
		commit_start(g);
}

void commit_start(struct group *g)
{
	struct kafka_tp *list;
	size_t n;

	if (g->commit.in_flight || !g->kafka)
		return;
	list = collect(g, &n);
	if (!list)
		return; /* no memory: the timer tries again */
	g->commit.started++;
	if (!n) {
		g->commit.n_failures = 0;
		finish(g, 0, NULL);
	} else {
		g->commit.in_flight = true;
		g->commit.started_us = now_us();
		if (kafka_commit(g->kafka, list, n, ++g->commit.serial))
			commit_on_result(g, "_FAIL", KAFKA_ERROR_OTHER, list, n, g->commit.serial);
	}
	free(list);
}

/* Without an error of its own a partition failed with the request, unless others carry the error.
 */
static bool apply_result(struct group *g, const char *error, const struct kafka_tp *list, size_t n)
{
	bool some_failed = false, all_ok = true, ok;
	struct partition *p;
	size_t i;

	for (i = 0; i < n; i++)
		some_failed |= list[i].error != NULL;
	for (i = 0; i < n; i++) {
		ok = !list[i].error && (!error || some_failed);
		all_ok &= ok;
		p = group_find_partition(g, list[i].topic, list[i].partition);
		if (p && p->offsets.committing == list[i].offset)
			offsets_commit_end(&p->offsets, ok);
	}
	return all_ok && (n || !error);
}

/* Of a partition by name, where Kafka said it of one: NULL topic means of the whole request. */
static void on_failure(struct group *g, const char *error, enum kafka_error_class class,
		       const char *topic, int32_t partition)
{
	unsigned retries = (unsigned)g->agreement.group.value[KGP_SETTING_COMMIT_RETRIES];
	int64_t ms = RETRY_FIRST_MS << (g->commit.n_failures < 6 ? g->commit.n_failures : 6);
	char text[160];

	g->n_commits_failed++;
	if (class == KAFKA_ERROR_REBALANCE) {
		g->commit.suspended = true;
		g->commit.suspended_us = now_us();
	}
	if (class != KAFKA_ERROR_REBALANCE && g->commit.n_failures++ < retries) {
		log_write(LOG_INFO, LOG_ABOUT(.group = group_get_name(g)),
			  "commit failed: %s; tried again", error);
		set_timer(g, ms < RETRY_MOST_MS ? ms : RETRY_MOST_MS);
		return;
	}
	snprintf(text, sizeof(text), "%s; the marks are kept and committed later", error);
	g->commit.n_failures = 0;
	if (class != KAFKA_ERROR_REBALANCE)
		group_on_error(g, KGP_E_COMMIT, "commit", topic, partition, "%s", text);
	finish(g, KGP_E_COMMIT, text);
}

static const struct kafka_tp *first_refused(const struct kafka_tp *list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (list[i].error)
			return &list[i];
	return NULL;
}

void commit_on_result(void *owner, const char *error, enum kafka_error_class class,
		      const struct kafka_tp *list, size_t n, uint64_t number)
{
	const struct kafka_tp *refused = first_refused(list, n);
	struct group *g = owner;

	if (!g->commit.in_flight || number != g->commit.serial)
		return; /* it was given up */
	if (!n)
		commit_give_up(g); /* of no partition is it known */
	g->commit.in_flight = false;
	if (apply_result(g, error, list, n)) {
		g->n_commits++;
		g->commit.n_failures = 0;
		if (g->error_code == KGP_E_COMMIT || g->error_code == KGP_E_BROKER)
			group_clear_error(g);
		finish(g, 0, NULL);
	} else {
		on_failure(g,
			   error     ? error
			   : refused ? refused->error
				     : "refused",
			   class, refused ? refused->topic : NULL,
			   refused ? refused->partition : -1);
	}
	membership_advance(g);
}

/* An answer that never comes must not hold up rebalances for ever: marks in doubt are committed
 * again. */
void commit_give_up(struct group *g)
{
	struct partition *p;

	if (!g->commit.in_flight)
		return;
	g->commit.in_flight = false;
	TAILQ_FOREACH (p, &g->partitions, link)
		if (p->offsets.committing >= 0)
			offsets_commit_end(&p->offsets, false);
}

/* What was asked for while commits were suspended, or a retry that was due then: the next interval
 * may be an hour away. */
static bool is_waited_for(const struct group *g, bool resumes)
{
	return g->state == GROUP_JOINED && !g->commit.suspended &&
	       !TAILQ_EMPTY(&g->commit.waiters) && (resumes || !g->commit.n_failures);
}

void commit_tick(struct group *g)
{
	/* The rebalance that it was refused for may be over, or never have been: one more refusal
	 * costs nothing. */
	bool resumes = g->commit.suspended && now_us() - g->commit.suspended_us > SUSPENDED_US;

	if (resumes)
		g->commit.suspended = false;
	if (is_waited_for(g, resumes))
		commit_start(g);
	if (!g->commit.in_flight || now_us() - g->commit.started_us < STUCK_US)
		return;
	commit_give_up(g);
	on_failure(g, "no answer from the coordinator", KAFKA_ERROR_BROKER, NULL, -1);
	membership_advance(g);
}
