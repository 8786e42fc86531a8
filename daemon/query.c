/* SPDX-License-Identifier: MIT */
/*
 * Queries: what a client asks without being a consumer.
 *
 * status and lag are the daemon's own, answered at once by status.c. The others ask the cluster, by
 * the helper, and never hold up the loop or the frames behind them: on the handle of the group that
 * is named, if it has one, else on a light one (light.c). Who may ask is who could open: the
 * answer to others is NO_GROUP, and topics that they may not name do not exist for them. A query
 * belongs to its connection and goes with it. Owns the queries that wait, at most MOST for each
 * connection and QUERIES_OF_USER for each user, whose questions the others' wait behind, each for
 * PATIENCE_US at most.
 */
#include "daemon/query.h"

#include "daemon/arguments.h"
#include "daemon/claim.h"
#include "daemon/cluster.h"
#include "daemon/connection.h"
#include "daemon/consumer.h"
#include "daemon/daemon.h"
#include "daemon/group.h"
#include "daemon/helper.h"
#include "daemon/light.h"
#include "daemon/listing.h"
#include "daemon/open.h"
#include "daemon/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MOST = 256,
	TIMEOUT_MS = 5000, /* of a request to the cluster */
	PATIENCE_US = 10000000,
	FRESH_US = 1000000, /* a high water mark that is known is good for so long */
	REPLY_BYTES = 64,   /* of a REPLY around its result */
};

/* A word that may be asked. */
struct question {
	const char *name;
	unsigned may, must; /* enum argument */
	void (*start)(struct query *q);
	int (*ask)(struct query *q, struct kafka *k); /* of ask_cluster(); 0, -ENOMEM */
};

struct query {
	TAILQ_ENTRY(query) link; /* of connection->queries */
	const struct question *question;
	struct connection *c;
	uint32_t request;
	struct arguments a;
	uint64_t since_us;
	struct cluster *cluster;	  /* asked by its helper */
	struct light *light;		  /* NULL: a group's handle */
	const struct access_rule *topics; /* what may be named; NULL: everything */
	struct quota_charge charge;
	unsigned n_left; /* groups that are being refreshed */
	unsigned code;
	char why[512];
};

/* ---- answers --------------------------------------------------------------------------------- */

static void put_text(struct kgp_buf *b, const char *key, const char *text)
{
	kgp_put_str(b, kgp_text(key));
	kgp_put_str(b, kgp_text(text));
}

/* Below 0: not known. */
static void put_known(struct kgp_buf *b, const char *key, int64_t v)
{
	kgp_put_str(b, kgp_text(key));
	if (v < 0)
		kgp_put_nil(b);
	else
		kgp_put_int(b, v);
}

/* A map with one array. */
static void put_array(struct kgp_buf *b, const char *key, size_t n)
{
	kgp_put_map(b, 1);
	kgp_put_str(b, kgp_text(key));
	kgp_put_array(b, (uint32_t)n);
}

/* Takes the result's memory. */
static void reply(struct connection *c, uint32_t request, unsigned code, const char *why,
		  struct kgp_buf *result)
{
	if (result->failed)
		session_reply(c, request, KGP_E_MEMORY, NULL, NULL);
	else if (result->len + REPLY_BYTES > c->max_frame)
		session_reply(c, request, KGP_E_BAD_QUERY,
			      "the answer is larger than the client's max_frame: ask for less",
			      NULL);
	else
		session_reply(c, request, code, *why ? why : NULL, code ? NULL : result);
	kgp_buf_deinit(result);
}

static void query_free(struct query *q)
{
	struct group *g;

	TAILQ_FOREACH (g, &q->c->daemon->groups, link)
		listing_forget(g, q);
	if (q->cluster && q->cluster->helper)
		helper_forget(q->cluster->helper, q);
	TAILQ_REMOVE(&q->c->queries, q, link);
	q->c->n_queries--;
	light_put(q->light);
	quota_release(&q->charge);
	free(q);
}

/* The end of a query: its code and why, or the result. */
static void finish(struct query *q, struct kgp_buf *result)
{
	struct kgp_buf none = {0};

	reply(q->c, q->request, q->code, q->why, result ? result : &none);
	query_free(q);
}

static void fail(struct query *q, unsigned code, const char *why)
{
	q->code = code;
	if (why != q->why)
		snprintf(q->why, sizeof(q->why), "%s", why);
	finish(q, NULL);
}

/* The cluster is the reason. */
static void fail_by(struct query *q, const struct kafka_tp *tp)
{
	static const unsigned codes[] = {
		[KAFKA_ERROR_BROKER] = KGP_E_BROKER,
		[KAFKA_ERROR_AUTH] = KGP_E_AUTH,
		[KAFKA_ERROR_TOPIC] = KGP_E_UNKNOWN_TOPIC,
		[KAFKA_ERROR_OTHER] = KGP_E_KAFKA,
	};
	size_t n = sizeof(codes) / sizeof(*codes);
	unsigned code = (size_t)tp->error_class < n ? codes[tp->error_class] : 0;
	const char *name = q->cluster->config->name;
	char why[512];

	if (!strcmp(tp->error, "_TIMED_OUT"))
		code = KGP_E_TIMEOUT;
	if (code == KGP_E_UNKNOWN_TOPIC && q->a.given & ARGUMENT_PARTITION)
		snprintf(why, sizeof(why), "cluster %s has no partition %lld of topic %s (%s)",
			 name, (long long)q->a.partition, q->a.topic, tp->error);
	else if (code == KGP_E_UNKNOWN_TOPIC)
		snprintf(why, sizeof(why), "cluster %s has no topic %s (%s)", name, q->a.topic,
			 tp->error);
	else
		snprintf(why, sizeof(why), "cluster %s does not answer: %s", name, tp->error);
	fail(q, code ? code : KGP_E_KAFKA, why);
}

/* ---- on which handle, and for whom ----------------------------------------------------------- */

static unsigned find_cluster(struct query *q)
{
	struct daemon *d = q->c->daemon;

	q->cluster = daemon_find_cluster(d, q->a.cluster);
	if (!q->cluster) {
		snprintf(q->why, sizeof(q->why), "no cluster is called '%s'", q->a.cluster);
		return KGP_E_NO_CLUSTER;
	}
	if (!q->cluster->config->allow_dynamic ||
	    !access_allows_peer(&q->cluster->access, &q->c->peer)) {
		snprintf(q->why, sizeof(q->why),
			 "without a group that this user may use, cluster %s needs "
			 "allow.dynamic = yes, and this user in its allow.users, .groups or .units",
			 q->cluster->config->name);
		return KGP_E_NO_GROUP;
	}
	q->topics = &q->cluster->access;
	return 0;
}

static unsigned find_group(struct query *q, struct group **g)
{
	*g = daemon_find_group(q->c->daemon, q->a.cluster, q->a.group);
	if (!*g)
		return find_cluster(q);
	if (!open_may_use(*g, &q->c->peer)) {
		snprintf(q->why, sizeof(q->why), "there is no group '%s' that this user may use",
			 q->a.group);
		return KGP_E_NO_GROUP;
	}
	q->cluster = (*g)->cluster;
	q->topics = (*g)->dynamic ? &(*g)->cluster->access : NULL;
	return 0;
}

/* The handle to ask on; NULL: q has the code and why. */
static struct kafka *find_handle(struct query *q)
{
	struct group *g = NULL;

	q->code = q->a.given & ARGUMENT_GROUP ? find_group(q, &g) : find_cluster(q);
	if (q->code)
		return NULL;
	if (g && g->kafka && g->state != GROUP_CLOSING)
		return g->kafka;
	q->light = light_get(q->cluster, g && g->config->n_kafka ? g->config : NULL, q->why,
			     sizeof(q->why));
	if (q->light)
		return light_get_kafka(q->light);
	q->code = KGP_E_KAFKA;
	return NULL;
}

static bool may_name(const struct query *q, const char *topic)
{
	return !q->topics || access_allows_topic(q->topics, topic);
}

/* ---- topics, partitions ---------------------------------------------------------------------- */

static void on_topics(void *owner, int r, const struct kafka_tp *list, size_t n)
{
	struct kgp_buf b = {0};
	struct query *q = owner;
	size_t i, n_named = 0;

	if (r) {
		fail_by(q, &list[0]);
		return;
	}
	for (i = 0; i < n; i++)
		n_named += may_name(q, list[i].topic);
	put_array(&b, "topics", n_named);
	for (i = 0; i < n; i++) {
		if (!may_name(q, list[i].topic))
			continue;
		kgp_put_map(&b, 2);
		put_text(&b, "name", list[i].topic);
		put_known(&b, "partitions", list[i].partition);
	}
	finish(q, &b);
}

static int ask_topics(struct query *q, struct kafka *k)
{
	return helper_query_topics(q->cluster->helper, k, TIMEOUT_MS, on_topics, q);
}

static void on_partitions(void *owner, int r, const struct kafka_tp *list, size_t n)
{
	struct kgp_buf b = {0};
	struct query *q = owner;
	size_t i;

	if (r) {
		fail_by(q, &list[0]);
		return;
	}
	put_array(&b, "partitions", n);
	for (i = 0; i < n; i++) {
		kgp_put_map(&b, 2);
		put_known(&b, "partition", list[i].partition);
		put_known(&b, "leader", list[i].offset);
	}
	finish(q, &b);
}

static int ask_partitions(struct query *q, struct kafka *k)
{
	return helper_query_partitions(q->cluster->helper, k, q->a.topic, TIMEOUT_MS, on_partitions,
				       q);
}

/* ---- offset ---------------------------------------------------------------------------------- */

static void on_offset(void *owner, int r, const struct kafka_tp *list, size_t n)
{
	struct kgp_buf b = {0};
	struct query *q = owner;

	if (r || list[0].error) {
		fail_by(q, &list[0]);
		return;
	}
	kgp_put_map(&b, 1);
	put_known(&b, "offset",
		  q->a.at == KAFKA_OFFSET_EARLIEST ? list[0].offset
		  : q->a.at == KAFKA_OFFSET_LATEST ? list[0].end
						   : list[0].found);
	finish(q, &b);
}

static int ask_offset(struct query *q, struct kafka *k)
{
	const struct kafka_tp tp = {
		.topic = q->a.topic, .partition = (int32_t)q->a.partition, .time_ms = q->a.at};
	unsigned what = q->a.at == KAFKA_OFFSET_EARLIEST ? KAFKA_ASK_EARLIEST
			: q->a.at == KAFKA_OFFSET_LATEST ? KAFKA_ASK_END
							 : KAFKA_ASK_TIME;

	return helper_query(q->cluster->helper, k, &tp, 1, what, TIMEOUT_MS, HELPER_LATER,
			    on_offset, q);
}

static void ask_cluster(struct query *q)
{
	struct kafka *k;

	if ((q->a.given & ARGUMENT_TOPIC) && !open_is_topic(kgp_text(q->a.topic))) {
		fail(q, KGP_E_BAD_TOPIC, kgp_error_text(KGP_E_BAD_TOPIC));
		return;
	}
	k = find_handle(q);
	if (!k)
		fail(q, q->code, q->why);
	else if (q->a.given & ARGUMENT_TOPIC && !may_name(q, q->a.topic))
		fail(q, KGP_E_UNKNOWN_TOPIC, "no topic of this name is in allow.topics");
	else if (q->question->ask(q, k))
		fail(q, KGP_E_MEMORY, "");
}

/* ---- high.water.marks ------------------------------------------------------------------------ */

static bool is_held(const struct partition *p, const struct consumer *c)
{
	return p->claim && p->claim->consumer == c;
}

static void answer_high(struct query *q)
{
	struct consumer *c = q->c->consumer;
	struct kgp_buf b = {0};
	struct partition *p;

	if (!c) {
		fail(q, KGP_E_BAD_QUERY, "high.water.marks are of a consumer's claims: OPEN first");
		return;
	}
	put_array(&b, "partitions", c->n_claims);
	TAILQ_FOREACH (p, &c->group->partitions, link) {
		if (!is_held(p, c))
			continue;
		kgp_put_map(&b, 3);
		put_text(&b, "topic", p->topic);
		put_known(&b, "partition", p->id);
		put_known(&b, "high", partition_get_end(p));
	}
	finish(q, &b);
}

static void on_high(void *owner, int r, const struct kafka_tp *list, size_t n)
{
	struct query *q = owner;
	struct partition *p;
	size_t i;

	if (r) {
		fail_by(q, &list[0]);
		return;
	}
	for (i = 0; i < n && q->c->consumer; i++) {
		p = group_find_partition(q->c->consumer->group, list[i].topic, list[i].partition);
		if (p && !list[i].error)
			partition_set_end(p, list[i].end);
	}
	answer_high(q);
}

/* librdkafka knows a high water mark only while it fetches: what was not asked for lately is. */
static void ask_high(struct query *q)
{
	struct consumer *c = q->c->consumer;
	struct kafka_tp *list = c ? calloc(c->n_claims + 1, sizeof(*list)) : NULL;
	struct partition *p;
	size_t n = 0;
	int r = 0;

	if (c && !list) {
		fail(q, KGP_E_MEMORY, "");
		return;
	}
	if (c)
		TAILQ_FOREACH (p, &c->group->partitions, link)
			if (is_held(p, c) && now_us() - p->end_us > FRESH_US)
				list[n++] =
					(struct kafka_tp){.topic = p->topic, .partition = p->id};
	if (n) {
		q->cluster = c->group->cluster;
		r = helper_query(q->cluster->helper, c->group->kafka, list, n, KAFKA_ASK_END,
				 TIMEOUT_MS, HELPER_LATER, on_high, q);
	}
	free(list);
	if (r)
		fail(q, KGP_E_MEMORY, "");
	else if (!n)
		answer_high(q);
}

/* ---- refresh, validate ----------------------------------------------------------------------- */

static void answer_nothing(struct query *q)
{
	struct kgp_buf b = {0};

	kgp_put_map(&b, 0);
	finish(q, &b);
}

static void on_refreshed(void *owner, unsigned code, const char *why)
{
	struct query *q = owner;

	if (code && !q->code) {
		q->code = code;
		snprintf(q->why, sizeof(q->why), "%s", why);
	}
	if (--q->n_left)
		return;
	if (q->code)
		fail(q, q->code, q->why);
	else
		answer_nothing(q);
}

static void refresh(struct query *q)
{
	struct daemon *d = q->c->daemon;
	struct group *only = NULL, *g;

	if (q->a.given & ARGUMENT_GROUP) {
		only = daemon_find_group(d, "", q->a.group);
		if (!only || !open_may_use(only, &q->c->peer)) {
			fail(q, KGP_E_NO_GROUP, kgp_error_text(KGP_E_NO_GROUP));
			return;
		}
	}
	q->n_left = 1; /* for ourselves */
	TAILQ_FOREACH (g, &d->groups, link)
		if ((!only || g == only) && group_has_patterns(g) && open_may_use(g, &q->c->peer) &&
		    !listing_refresh(g, on_refreshed, q))
			q->n_left++;
	on_refreshed(q, 0, NULL);
}

static void validate(struct connection *c, uint32_t request, struct kgp_list settings)
{
	struct kgp_buf b = {0};
	struct kgp_settings s;
	char why[1536] = "";
	unsigned code = open_check_settings(c, &s, settings, why, sizeof(why));

	if (!code && kgp_settings_check(&s, why, sizeof(why)))
		code = KGP_E_SETTING;
	kgp_put_map(&b, 0);
	reply(c, request, code, why, &b);
}

/* ---- questions ------------------------------------------------------------------------------- */

static const struct question questions[] = {
	{"topics", ARGUMENT_CLUSTER | ARGUMENT_GROUP, 0, ask_cluster, ask_topics},
	{"partitions", ARGUMENT_CLUSTER | ARGUMENT_GROUP, ARGUMENT_TOPIC, ask_cluster,
	 ask_partitions},
	{"offset", ARGUMENT_CLUSTER | ARGUMENT_GROUP,
	 ARGUMENT_TOPIC | ARGUMENT_PARTITION | ARGUMENT_AT, ask_cluster, ask_offset},
	{"high.water.marks", 0, 0, ask_high, NULL},
	{"refresh", ARGUMENT_GROUP, 0, refresh, NULL},
};

static const struct question *find_question(struct kgp_bytes name)
{
	size_t i;

	for (i = 0; i < sizeof(questions) / sizeof(*questions); i++)
		if (kgp_bytes_equal(name, kgp_text(questions[i].name)))
			return &questions[i];
	return NULL;
}

static void start(struct connection *c, const struct question *question, const struct kgp_query *m)
{
	struct query *q = calloc(1, sizeof(*q));

	if (!q) {
		session_reply(c, (uint32_t)m->request, KGP_E_MEMORY, NULL, NULL);
		return;
	}
	*q = (struct query){.question = question,
			    .c = c,
			    .request = (uint32_t)m->request,
			    .since_us = now_us()};
	if (quota_charge(&q->charge, &c->daemon->quota, c->peer.uid, QUOTA_QUERIES, 1)) {
		connection_fatal(c, KGP_E_QUOTA, "protocol",
				 "too many queries of this user wait for an answer");
		free(q);
		return;
	}
	TAILQ_INSERT_TAIL(&c->queries, q, link);
	c->n_queries++;
	q->code = arguments_read(&q->a, question->name, question->may, question->must, m->arguments,
				 q->why, sizeof(q->why));
	if (q->code)
		fail(q, q->code, q->why);
	else
		question->start(q);
}

static void answer_here(struct connection *c, const struct kgp_query *m)
{
	struct kgp_buf result = {0};
	unsigned code = status_query(c->daemon, c, m->what, m->arguments, &result);

	reply(c, (uint32_t)m->request, code, "", &result);
}

void query_start(struct connection *c, union kgp_body *b)
{
	const struct kgp_query *m = &b->query;
	const struct question *question = find_question(m->what);

	if (!m->request)
		connection_fatal(c, KGP_E_FIELD, "protocol", "QUERY needs a request number");
	else if (c->n_queries >= MOST)
		connection_fatal(c, KGP_E_QUOTA, "protocol", "too many queries wait for an answer");
	else if (kgp_bytes_equal(m->what, kgp_text("validate")))
		validate(c, (uint32_t)m->request, m->arguments);
	else if (question)
		start(c, question, m);
	else
		answer_here(c, m);
}

/* ---- the connection's side ------------------------------------------------------------------- */

void query_tick(struct connection *c)
{
	struct query *q, *next;

	for (q = TAILQ_FIRST(&c->queries); q; q = next) {
		next = TAILQ_NEXT(q, link);
		if (now_us() - q->since_us > PATIENCE_US)
			fail(q, KGP_E_TIMEOUT, "the cluster did not answer within 10 s");
	}
}

void query_forget_all(struct connection *c)
{
	while (!TAILQ_EMPTY(&c->queries))
		query_free(TAILQ_FIRST(&c->queries));
}
