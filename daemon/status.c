/* SPDX-License-Identifier: MIT */
/*
 * Answers to queries: what the daemon, its clusters and groups are doing.
 *
 * Reads everything, changes nothing. Results are maps, built in one pass; null means not known.
 * Everybody who may connect may ask; secrets are not among what is told. docs/kgroup-protocol.7 has
 * the names.
 */
#include "daemon/status.h"

#include "daemon/claim.h"
#include "daemon/cluster.h"
#include "daemon/connection.h"
#include "daemon/consumer.h"
#include "daemon/daemon.h"
#include "daemon/group.h"
#include "daemon/log.h"
#include "daemon/pattern.h"
#include "daemon/peer.h"
#include "daemon/ready.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- pairs ----------------------------------------------------------------------------------- */

static void put_text(struct kgp_buf *b, const char *key, const char *text)
{
	kgp_put_str(b, kgp_text(key));
	kgp_put_str(b, kgp_text(text));
}

static void put_number(struct kgp_buf *b, const char *key, int64_t v)
{
	kgp_put_str(b, kgp_text(key));
	kgp_put_int(b, v);
}

/* Below 0: null. */
static void put_known(struct kgp_buf *b, const char *key, int64_t v)
{
	kgp_put_str(b, kgp_text(key));
	if (v < 0)
		kgp_put_nil(b);
	else
		kgp_put_int(b, v);
}

static void put_array(struct kgp_buf *b, const char *key, uint32_t n)
{
	kgp_put_str(b, kgp_text(key));
	kgp_put_array(b, n);
}

/* ---- figures --------------------------------------------------------------------------------- */

static int64_t partition_lag(struct partition *p)
{
	int64_t end = partition_get_end(p);

	if (end < 0 || p->offsets.resume < 0)
		return -1;
	return end > p->offsets.resume ? end - p->offsets.resume : 0;
}

static int64_t partition_in_flight(const struct partition *p)
{
	return (int64_t)offsets_get_in_flight(&p->offsets);
}

static int64_t group_lag(const struct group *g)
{
	struct partition *p;
	int64_t sum = 0, lag;

	TAILQ_FOREACH (p, &g->partitions, link) {
		lag = partition_lag(p);
		sum += lag > 0 ? lag : 0;
	}
	return sum;
}

static int64_t group_in_flight(const struct group *g)
{
	struct partition *p;
	int64_t sum = 0;

	TAILQ_FOREACH (p, &g->partitions, link)
		sum += partition_in_flight(p);
	return sum;
}

static int64_t consumer_in_flight(const struct consumer *c)
{
	struct claim *claim;
	int64_t sum = 0;

	TAILQ_FOREACH (claim, &c->claims, link)
		sum += partition_in_flight(claim->partition);
	return sum;
}

static int64_t wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- status ---------------------------------------------------------------------------------- */

static const char *level_name(int level)
{
	static const char *const names[] = {"emerg",   "alert",	 "crit", "err",
					    "warning", "notice", "info", "debug"};

	return names[level & 7];
}

static void put_limits(struct kgp_buf *b, const struct daemon *d)
{
	const uint64_t *limit = d->quota.limit_per_user;

	kgp_put_str(b, kgp_text("limits_per_user"));
	kgp_put_map(b, 4);
	put_number(b, "connections", (int64_t)limit[QUOTA_CONNECTIONS]);
	put_number(b, "buffered_bytes",
		   (int64_t)limit[QUOTA_BUFFERS] + (int64_t)limit[QUOTA_BYTES]);
	put_known(b, "in_flight",
		  d->config->in_flight_per_user ? (int64_t)limit[QUOTA_IN_FLIGHT] : -1);
	put_number(b, "requests_per_s", (int64_t)d->quota.requests_per_s);
}

/* What each uid holds, and how often it came up against its limits. */
static void put_users(struct kgp_buf *b, const struct daemon *d)
{
	const struct quota_user *user;
	uint32_t n = 0;

	LIST_FOREACH (user, &d->quota.users, link)
		n++;
	put_array(b, "users", n);
	LIST_FOREACH (user, &d->quota.users, link) {
		kgp_put_map(b, 8);
		put_number(b, "uid", user->uid);
		put_number(b, "connections", (int64_t)user->used[QUOTA_CONNECTIONS]);
		put_number(b, "buffered_bytes",
			   (int64_t)(user->used[QUOTA_BYTES] + user->used[QUOTA_BUFFERS]));
		put_number(b, "in_flight", (int64_t)user->used[QUOTA_IN_FLIGHT]);
		put_number(b, "in_flight_waits", (int64_t)user->n_full[QUOTA_IN_FLIGHT]);
		put_number(b, "queries", (int64_t)user->used[QUOTA_QUERIES]);
		put_number(b, "requests", (int64_t)user->n_requests);
		put_number(b, "requests_waits", (int64_t)user->n_waits);
	}
}

static void put_daemon(struct kgp_buf *b, const struct daemon *d)
{
	kgp_put_str(b, kgp_text("daemon"));
	kgp_put_map(b, 18);
	put_text(b, "name", d->config->name);
	put_text(b, "software", "kgroupd/" KGROUPD_VERSION);
	put_text(b, "librdkafka", kafka_library_version());
	put_number(b, "pid", getpid());
	put_number(b, "uptime_s", (int64_t)((now_us() - d->start_us) / 1000000));
	put_text(b, "state", d->draining ? "draining" : "running");
	kgp_put_str(b, kgp_text("ready"));
	kgp_put_bool(b, ready_daemon(d));
	put_number(b, "rss_bytes", (int64_t)d->memory.rss_bytes);
	put_number(b, "memory_limit_bytes", (int64_t)d->memory.budget_bytes);
	put_text(b, "memory_limit_by", memory_get_source(d));
	put_text(b, "memory_pressure_watch", pressure_get_source(d->memory.pressure));
	put_number(b, "n_memory_pressures", (int64_t)d->memory.n_pressures);
	put_number(b, "n_paused_for_memory", memory_count_paused(d));
	put_number(b, "n_connections", d->n_connections);
	put_text(b, "log_level", level_name(log_get_level()));
	put_text(b, "config", d->config->file);
	put_limits(b, d);
	put_users(b, d);
}

/* A cluster is what its groups see of it. */
static void put_cluster(struct kgp_buf *b, const struct daemon *d, const struct cluster *c)
{
	const char *state = "idle", *text = "";
	struct group *g;

	TAILQ_FOREACH (g, &d->groups, link) {
		if (g->cluster != c || g->state == GROUP_IDLE)
			continue;
		if (g->error_code == KGP_E_BROKER || g->error_code == KGP_E_AUTH) {
			state = "down";
			text = g->error;
		} else if (strcmp(state, "down") != 0 && g->joined_us) {
			state = "up";
		}
	}
	kgp_put_map(b, 4);
	put_text(b, "name", c->config->name);
	put_text(b, "bootstrap", cluster_get_bootstrap(c));
	put_text(b, "state", state);
	put_text(b, "text", text);
}

static void put_id(struct kgp_buf *b, const struct consumer *c)
{
	char hex[2 * KGP_ID_BYTES + 1];
	size_t i;

	for (i = 0; i < KGP_ID_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", c->id[i]);
	put_text(b, "id", hex);
}

static void put_consumer(struct kgp_buf *b, const struct consumer *c)
{
	const struct connection *connection = c->connection;
	struct claim *claim;
	int64_t n_paused = 0;
	size_t i;

	TAILQ_FOREACH (claim, &c->claims, link)
		n_paused += claim->paused;
	kgp_put_map(b, 17);
	put_id(b, c);
	put_number(b, "pid", connection->peer.pid);
	put_number(b, "uid", connection->peer.uid);
	put_text(b, "unit", peer_get_unit(&connection->peer));
	put_text(b, "name", connection->name);
	put_text(b, "language", connection->language);
	put_array(b, "topics", (uint32_t)c->n_topics);
	for (i = 0; i < c->n_topics; i++)
		kgp_put_str(b, kgp_text(c->topics[i]));
	put_text(b, "topics_include", pattern_get_include(c->pattern));
	put_text(b, "topics_exclude", pattern_get_exclude(c->pattern));
	put_number(b, "topics_slow", (int64_t)pattern_get_n_slow(c->pattern));
	put_number(b, "n_claims", c->n_claims);
	put_number(b, "in_flight", consumer_in_flight(c));
	put_number(b, "credit_messages", (int64_t)credit_messages_left(&c->credit));
	put_number(b, "paused", n_paused);
	put_number(b, "connected_s", (int64_t)((now_us() - c->opened_us) / 1000000));
	put_number(b, "delivered_messages", (int64_t)c->delivered_messages);
	put_number(b, "delivered_bytes", (int64_t)c->delivered_bytes);
}

/* Why is nothing delivered: the commonest causes, each with what to type next. */
static uint32_t put_warnings(struct kgp_buf *b, const struct group *g)
{
	char text[320], command[240];
	struct partition *p;
	uint32_t n = 0, n_initial = 0;

	TAILQ_FOREACH (p, &g->partitions, link)
		n_initial += p->offsets.committed < 0 && p->offsets.popped < 0 &&
			     p->offsets.resume > p->earliest && p->earliest >= 0 &&
			     g->agreement.group.value[KGP_SETTING_INITIAL_OFFSET] == KGP_LATEST;
	if (n_initial && ++n) {
		snprintf(text, sizeof(text),
			 "%u partition%s without a committed offset started at the end "
			 "(initial.offset = latest): older messages are not read",
			 n_initial, PLURAL(n_initial));
		kgp_put_map(b, 2);
		put_text(b, "text", text);
		snprintf(command, sizeof(command),
			 "set initial.offset = earliest in [group %.100s] and restart kgroupd: it "
			 "counts as long as nothing was committed",
			 group_get_name(g));
		put_text(b, "command", command);
	}
	if (g->state == GROUP_JOINED && g->n_partitions && !g->n_consumers && ++n) {
		snprintf(command, sizeof(command),
			 "start the program; or look without marking: "
			 "kgroupctl consume %.100s --no-mark",
			 group_get_name(g));
		kgp_put_map(b, 2);
		put_text(b, "text", "the group owns partitions here, but no program consumes them");
		put_text(b, "command", command);
	}
	return n;
}

static void put_group_warnings(struct kgp_buf *b, const struct group *g)
{
	struct kgp_buf warnings = {0};
	uint32_t n = put_warnings(&warnings, g);

	put_array(b, "warnings", n);
	kgp_put_raw(b, warnings.data, warnings.len);
	b->failed |= warnings.failed;
	kgp_buf_deinit(&warnings);
}

static void put_group_settings(struct kgp_buf *b, const struct group *g)
{
	char text[64];

	kgp_setting_print(KGP_SETTING_STRATEGY, g->agreement.group.value[KGP_SETTING_STRATEGY],
			  text, sizeof(text));
	put_text(b, "strategy", text);
	kgp_setting_print(KGP_SETTING_INITIAL_OFFSET,
			  g->agreement.group.value[KGP_SETTING_INITIAL_OFFSET], text, sizeof(text));
	put_text(b, "initial_offset", text);
	put_text(b, "instance_id", *g->config->instance_id ? g->config->instance_id : NULL);
	put_text(b, "user_data", *g->agreement.user_data ? g->agreement.user_data : NULL);
}

static void put_group_figures(struct kgp_buf *b, const struct group *g)
{
	put_number(b, "n_partitions", g->n_partitions);
	put_number(b, "lag", group_lag(g));
	put_number(b, "in_flight", group_in_flight(g));
	put_number(b, "n_rebalances", (int64_t)g->n_rebalances);
	put_number(b, "n_commits", (int64_t)g->n_commits);
	put_number(b, "n_commits_failed", (int64_t)g->n_commits_failed);
	put_number(b, "n_redelivered", (int64_t)g->n_redelivered);
	put_number(b, "n_resets", (int64_t)g->n_resets);
	put_number(b, "n_heals", (int64_t)g->n_heals);
	put_number(b, "errors", (int64_t)g->n_errors);
}

static void put_group(struct kgp_buf *b, const struct group *g)
{
	const char *topics[GROUP_MAX_TOPICS], *text, *state = group_get_state(g, &text);
	size_t i, n = group_get_topics(g, topics, sizeof(topics) / sizeof(*topics));
	struct consumer *c;
	char why[640];

	kgp_put_map(b, 26);
	put_text(b, "name", group_get_name(g));
	put_text(b, "group_id", g->config->group_id);
	put_text(b, "cluster", g->cluster->config->name);
	put_text(b, "state", state);
	put_text(b, "text", text);
	put_text(b, "not_ready", ready_group(g, why, sizeof(why)) ? NULL : why);
	put_group_settings(b, g);
	put_group_figures(b, g);
	put_text(b, "last_error", *g->error ? g->error : NULL);
	put_known(b, "last_error_code", g->error_code ? (int64_t)g->error_code : -1);
	put_number(b, "n_consumers", g->n_consumers);
	put_array(b, "topics", (uint32_t)n);
	for (i = 0; i < n; i++)
		kgp_put_str(b, kgp_text(topics[i]));
	put_array(b, "consumers", g->n_consumers);
	TAILQ_FOREACH (c, &g->consumers, link)
		put_consumer(b, c);
	put_group_warnings(b, g);
}

/* ---- lag ------------------------------------------------------------------------------------- */

static const char *partition_state(const struct partition *p)
{
	static const char *const names[] = {
		[PARTITION_NEW] = "resolving",	   [PARTITION_COMMITTED] = "resolving",
		[PARTITION_RESOLVED] = "starting", [PARTITION_ACTIVE] = "unclaimed",
		[PARTITION_FAILED] = "failed",	   [PARTITION_REVOKED] = "releasing",
	};

	if (!p->claim)
		return p->state == PARTITION_ACTIVE && p->n_closed_by ? "closed" : names[p->state];
	if (p->claim->state == CLAIM_RELEASING)
		return "releasing";
	if (p->claim->blocked)
		return "stopped";
	return p->claim->paused ? "paused" : "claimed";
}

static void put_partition(struct kgp_buf *b, struct partition *p)
{
	const struct connection *holder = p->claim ? p->claim->consumer->connection : NULL;
	int64_t behind_ms = partition_get_behind_ms(p, wall_ms());

	kgp_put_map(b, 14);
	put_text(b, "topic", p->topic);
	put_number(b, "partition", p->id);
	put_known(b, "committed", p->offsets.committed);
	put_known(b, "marked", p->offsets.mark);
	put_known(b, "end", partition_get_end(p));
	put_known(b, "lag", partition_lag(p));
	put_known(b, "behind_s", behind_ms < 0 ? -1 : behind_ms / 1000);
	put_number(b, "in_flight", partition_in_flight(p));
	put_known(b, "holder_pid", holder && holder->peer.pid ? holder->peer.pid : -1);
	put_text(b, "holder_name", holder ? holder->name : NULL);
	put_text(b, "holder_unit", holder ? peer_get_unit(&holder->peer) : NULL);
	put_text(b, "state", partition_state(p));
	put_number(b, "redelivered", (int64_t)p->n_redelivered);
	put_text(b, "progress", progress_name(p->progress.verdict));
}

static void put_lag(struct kgp_buf *b, const struct group *g)
{
	struct partition *p;

	kgp_put_map(b, 4);
	put_text(b, "name", group_get_name(g));
	put_text(b, "group_id", g->config->group_id);
	put_text(b, "cluster", g->cluster->config->name);
	put_array(b, "partitions", g->n_partitions);
	TAILQ_FOREACH (p, &g->partitions, link)
		put_partition(b, p);
}

/* ---- queries --------------------------------------------------------------------------------- */

static bool is_asked(const struct group *g, struct kgp_bytes name)
{
	return !name.data || kgp_bytes_equal(name, kgp_text(group_get_name(g))) ||
	       kgp_bytes_equal(name, kgp_text(g->config->group_id));
}

static void put_groups(struct kgp_buf *b, const struct daemon *d, struct kgp_bytes name,
		       void (*put)(struct kgp_buf *b, const struct group *g))
{
	struct group *g;
	uint32_t n = 0;

	TAILQ_FOREACH (g, &d->groups, link)
		n += is_asked(g, name);
	put_array(b, "groups", n);
	TAILQ_FOREACH (g, &d->groups, link)
		if (is_asked(g, name))
			put(b, g);
}

static void answer_status(struct kgp_buf *b, const struct daemon *d, struct kgp_bytes name)
{
	struct cluster *c;
	uint32_t n = 0;

	kgp_put_map(b, 3);
	put_daemon(b, d);
	TAILQ_FOREACH (c, &d->clusters, link)
		n++;
	put_array(b, "clusters", n);
	TAILQ_FOREACH (c, &d->clusters, link)
		put_cluster(b, d, c);
	put_groups(b, d, name, put_group);
}

static void answer_lag(struct kgp_buf *b, const struct daemon *d, struct kgp_bytes name)
{
	kgp_put_map(b, 1);
	put_groups(b, d, name, put_lag);
}

static bool knows_group(const struct daemon *d, struct kgp_bytes name)
{
	struct group *g;

	TAILQ_FOREACH (g, &d->groups, link)
		if (is_asked(g, name))
			return true;
	return !name.data;
}

/* The only argument so far is "group"; unknown ones are an error, not ignored. */
static unsigned read_arguments(struct kgp_list arguments, struct kgp_bytes *group)
{
	struct kgp_token value;
	struct kgp_bytes key;

	*group = kgp_bytes(NULL, 0);
	while (kgp_next_pair(&arguments, &key, &value)) {
		if (!kgp_bytes_equal(key, kgp_text("group")) || value.kind != KGP_KIND_STR)
			return KGP_E_BAD_QUERY;
		*group = kgp_bytes(value.data, value.number);
	}
	return 0;
}

unsigned status_query(struct daemon *d, struct connection *asker, struct kgp_bytes what,
		      struct kgp_list arguments, struct kgp_buf *result)
{
	struct kgp_bytes group;
	unsigned code = read_arguments(arguments, &group);

	if (code)
		return code;
	if (!knows_group(d, group))
		return KGP_E_NO_GROUP;
	if (kgp_bytes_equal(what, kgp_text("status")))
		answer_status(result, d, group);
	else if (kgp_bytes_equal(what, kgp_text("lag")))
		answer_lag(result, d, group);
	else
		return KGP_E_BAD_QUERY;
	return 0;
}

/* Two units of it at most, as kgroupctl has them. */
static void put_age(char *out, size_t size, int64_t seconds)
{
	static const struct {
		const char *name;
		int seconds;
	} units[] = {{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}};
	size_t i = 0, last = sizeof(units) / sizeof(*units) - 1;

	while (i < last && seconds < units[i].seconds)
		i++;
	if (i == last)
		snprintf(out, size, " (%llds)", (long long)seconds);
	else
		snprintf(out, size, " (%lld%s%02lld%s)", (long long)seconds / units[i].seconds,
			 units[i].name,
			 (long long)seconds % units[i].seconds / units[i + 1].seconds,
			 units[i + 1].name);
}

void status_summary(struct daemon *d, char *out, size_t size)
{
	unsigned n_groups = 0, n_partitions = 0, n_consumers = 0;
	int64_t lag = 0, behind_ms = 0, b;
	struct partition *p;
	struct group *g;
	int n;

	TAILQ_FOREACH (g, &d->groups, link) {
		n_groups += g->state != GROUP_IDLE;
		n_partitions += g->n_partitions;
		n_consumers += g->n_consumers;
		lag += group_lag(g);
		TAILQ_FOREACH (p, &g->partitions, link) {
			b = partition_get_behind_ms(p, wall_ms());
			behind_ms = b > behind_ms ? b : behind_ms;
		}
	}
	n = snprintf(out, size, "%s%u group%s, %u partition%s, %u client%s, lag %lld",
		     d->draining ? "draining: " : "", n_groups, PLURAL(n_groups), n_partitions,
		     PLURAL(n_partitions), n_consumers, PLURAL(n_consumers), (long long)lag);
	if (behind_ms >= 1000 && n > 0 && (size_t)n < size)
		put_age(out + n, size - (size_t)n, behind_ms / 1000);
}
