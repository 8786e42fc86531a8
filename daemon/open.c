/* SPDX-License-Identifier: MIT */
/*
 * OPEN: who may become a consumer of what, and with which settings.
 *
 * Decides in this order, and nothing is left behind by a refusal: the request itself, cluster and
 * group, access, topics, settings, agreement with the other consumers, an older connection of the
 * same consumer. Who may not use the group is told and closed; every other refusal is an answer,
 * and the connection may try again.
 */
#include "daemon/open.h"

#include "daemon/cluster.h"
#include "daemon/connection.h"
#include "daemon/consumer.h"
#include "daemon/daemon.h"
#include "daemon/group.h"
#include "daemon/log.h"
#include "daemon/pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DYNAMIC = 64 };

/* What is decided so far; why has room for a text. */
struct opening {
	struct connection *c;
	const struct kgp_open *m;
	char cluster[KGP_MAX_NAME + 1], group[KGP_MAX_NAME + 1];
	struct group *g;
	struct kgp_settings settings;
	char why[1536]; /* a pattern may be quoted */
};

static unsigned no_cluster(struct opening *o)
{
	struct cluster *cluster;
	size_t n;

	n = (size_t)snprintf(o->why, sizeof(o->why),
			     "no cluster is called '%s'; the daemon's file has:", o->cluster);
	TAILQ_FOREACH (cluster, &o->c->daemon->clusters, link)
		if (n < sizeof(o->why))
			n += (size_t)snprintf(o->why + n, sizeof(o->why) - n, " %s",
					      cluster->config->name);
	return KGP_E_NO_CLUSTER;
}

/* Each costs a handle of librdkafka, with its threads. */
static unsigned count_dynamic(const struct opening *o)
{
	struct group *g;
	unsigned n = 0;

	TAILQ_FOREACH (g, &o->c->daemon->groups, link)
		n += g->dynamic && g->owner == o->c->peer.uid;
	return n;
}

static unsigned deny(struct opening *o, const struct access_rule *rule)
{
	char more[512];

	access_explain(rule, &o->c->peer, more, sizeof(more));
	snprintf(o->why, sizeof(o->why), "this user may not use group %s%s%s", o->group,
		 *more ? ": " : "", more);
	return KGP_E_DENIED;
}

static unsigned open_dynamic(struct opening *o)
{
	struct cluster *cluster = daemon_find_cluster(o->c->daemon, o->cluster);
	struct config_group *config;

	if (!cluster)
		return no_cluster(o);
	if (!cluster->config->allow_dynamic) {
		snprintf(o->why, sizeof(o->why),
			 "the daemon's file has no [group %s], and cluster %s has no allow.dynamic "
			 "= yes",
			 o->group, cluster->config->name);
		return KGP_E_NO_GROUP;
	}
	if (!access_allows_peer(&cluster->access, &o->c->peer))
		return deny(o, &cluster->access);
	if (count_dynamic(o) >= MOST_DYNAMIC) {
		snprintf(o->why, sizeof(o->why),
			 "uid %u has opened %d groups that are not in the daemon's file",
			 o->c->peer.uid, MOST_DYNAMIC);
		return KGP_E_QUOTA;
	}
	config = config_group_new_dynamic(o->c->daemon->config, cluster->config, o->group);
	if (!config)
		return KGP_E_MEMORY;
	if (group_open(&o->g, o->c->daemon, cluster, config, config)) {
		config_group_free(config);
		return KGP_E_MEMORY;
	}
	o->g->owner = o->c->peer.uid;
	return 0;
}

/* Opened by a client, for itself while it uses it. */
static bool is_of_another(const struct group *g, const struct peer *peer)
{
	return g->dynamic && g->n_consumers && g->owner != peer->uid && peer->uid;
}

static const struct access_rule *rule_of(const struct group *g)
{
	return g->dynamic ? &g->cluster->access : &g->access;
}

static bool allows_peer(const struct group *g, const struct peer *peer)
{
	return access_allows_peer(rule_of(g), peer);
}

bool open_may_use(const struct group *g, const struct peer *peer)
{
	return (!g->dynamic || g->cluster->config->allow_dynamic) && !is_of_another(g, peer) &&
	       allows_peer(g, peer);
}

static unsigned find_group(struct opening *o)
{
	const struct kgp_open *m = o->m;

	snprintf(o->cluster, sizeof(o->cluster), "%.*s", (int)m->cluster.size,
		 (const char *)m->cluster.data);
	snprintf(o->group, sizeof(o->group), "%.*s", (int)m->group.size,
		 (const char *)m->group.data);
	if (memchr(m->cluster.data, 0, m->cluster.size) ||
	    memchr(m->group.data, 0, m->group.size)) {
		snprintf(o->why, sizeof(o->why), "a name has a NUL in it");
		return KGP_E_FIELD;
	}
	if (!*o->group) {
		snprintf(o->why, sizeof(o->why), "OPEN names no group");
		return KGP_E_NO_GROUP;
	}
	o->g = daemon_find_group(o->c->daemon, o->cluster, o->group);
	if (!o->g)
		return open_dynamic(o);
	if (is_of_another(o->g, &o->c->peer)) {
		snprintf(o->why, sizeof(o->why), "group %s was opened by uid %u and is in use",
			 o->group, o->g->owner);
		return KGP_E_DENIED;
	}
	if (o->g->dynamic && !o->g->cluster->config->allow_dynamic)
		return KGP_E_NO_GROUP;
	return allows_peer(o->g, &o->c->peer) ? 0 : deny(o, rule_of(o->g));
}

bool open_is_topic(struct kgp_bytes name)
{
	const char *s = name.data;
	size_t i;

	if (!name.size || name.size > KGP_MAX_TOPIC || kgp_bytes_equal(name, kgp_text(".")) ||
	    kgp_bytes_equal(name, kgp_text("..")))
		return false;
	for (i = 0; i < name.size; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') ||
		      (s[i] >= '0' && s[i] <= '9') || s[i] == '.' || s[i] == '_' || s[i] == '-'))
			return false;
	return true;
}

/* topics.exclude alone adds nothing. */
static bool has_include(const struct opening *o)
{
	struct kgp_list settings = o->m->settings;
	struct kgp_token value;
	struct kgp_bytes name;

	while (kgp_next_pair(&settings, &name, &value))
		if (kgp_setting_find(name) == KGP_SETTING_TOPICS_INCLUDE)
			return true;
	return false;
}

static unsigned check_topics(struct opening *o)
{
	struct kgp_list topics = o->m->topics;
	char text[KGP_MAX_NAME + 1];
	struct kgp_name name;

	if (!topics.n && !has_include(o))
		return KGP_E_NO_TOPICS;
	if (o->g->n_interests + topics.n > GROUP_MAX_TOPICS) {
		snprintf(o->why, sizeof(o->why), "the group would subscribe to more than %d topics",
			 GROUP_MAX_TOPICS);
		return KGP_E_QUOTA;
	}
	while (kgp_next_name(&topics, &name)) {
		snprintf(text, sizeof(text), "%.*s", (int)name.value.size,
			 (const char *)name.value.data);
		if (!open_is_topic(name.value)) {
			snprintf(o->why, sizeof(o->why), "'%s' is no topic name: %s", text,
				 kgp_error_hint(KGP_E_BAD_TOPIC));
			return KGP_E_BAD_TOPIC;
		}
		if (o->g->dynamic && !access_allows_topic(&o->g->cluster->access, text)) {
			snprintf(o->why, sizeof(o->why),
				 "topic %s is not in allow.topics of cluster %s", text,
				 o->g->cluster->config->name);
			return KGP_E_DENIED;
		}
	}
	return 0;
}

/* Half of max.poll.interval.ms is the most that a release may take: Kafka waits no longer for the
 * rest. */
static unsigned check_dwell(struct opening *o)
{
	const struct config_pair *pair =
		config_group_find_kafka(o->g->config, "max.poll.interval.ms");
	int64_t most = (pair ? strtoll(pair->value, NULL, 10) : 60000) / 2;
	int64_t *dwell = &o->settings.value[KGP_SETTING_DWELL_TIME];

	if (*dwell <= most)
		return 0;
	if (!(o->settings.given & 1u << KGP_SETTING_DWELL_TIME)) {
		*dwell = most;
		return 0;
	}
	snprintf(o->why, sizeof(o->why),
		 "dwell.time is %lldms, must be at most half of max.poll.interval.ms, which is "
		 "%lldms",
		 (long long)*dwell, (long long)(2 * most));
	return KGP_E_SETTING;
}

static unsigned check_user_data(struct opening *o)
{
	if (!o->settings.value[KGP_SETTING_USER_DATA] ||
	    !config_group_find_kafka(o->g->config, "client.id"))
		return 0;
	snprintf(o->why, sizeof(o->why),
		 "user.data travels in the client id, which client.id of the daemon's file sets "
		 "to something else");
	return KGP_E_SETTING;
}

/* Settings that make the daemon send what belongs to a feature. */
static bool lacks_feature(const struct connection *c, const struct kgp_settings *s, char *why,
			  size_t size)
{
	static const struct {
		enum kgp_setting setting;
		enum kgp_feature feature;
	} needs[] = {
		{KGP_SETTING_MODE, KGP_FEATURE_partitions},
		{KGP_SETTING_NOTIFICATIONS, KGP_FEATURE_notify},
	};
	size_t i;

	for (i = 0; i < sizeof(needs) / sizeof(*needs); i++) {
		if (!s->value[needs[i].setting] || c->features & 1u << needs[i].feature)
			continue;
		snprintf(why, size, "the setting %s needs the feature %s in HELLO",
			 kgp_setting_info(needs[i].setting)->name,
			 kgp_feature_names[needs[i].feature]);
		return true;
	}
	return false;
}

unsigned open_check_settings(const struct connection *c, struct kgp_settings *s,
			     struct kgp_list pairs, char *why, size_t size)
{
	unsigned code;

	kgp_settings_init(s);
	code = (unsigned)-kgp_settings_decode(s, pairs, why, size);
	if (!code)
		code = pattern_check(s, why, size);
	if (!code && lacks_feature(c, s, why, size))
		code = KGP_E_UNSUPPORTED;
	if (!code && s->given & 1u << KGP_SETTING_STRATEGY &&
	    kafka_strategy_check((enum kgp_strategy)s->value[KGP_SETTING_STRATEGY], why, size))
		code = KGP_E_SETTING;
	return code;
}

/* KIP-848: a program that says how long it would like the timeouts runs all the same. */
static void tell_ignored(const struct opening *o)
{
	const unsigned ignored =
		1u << KGP_SETTING_SESSION_TIMEOUT | 1u << KGP_SETTING_HEARTBEAT_INTERVAL;

	if (config_group_is_kip848(o->g->config) && o->settings.given & ignored)
		log_write(LOG_NOTICE, LOG_ABOUT(.group = group_get_name(o->g), .peer = &o->c->peer),
			  "client %s (pid %d): session.timeout and heartbeat.interval are the "
			  "broker's choice with group.protocol = consumer: ignored",
			  o->c->name, o->c->peer.pid);
}

static unsigned check_settings(struct opening *o)
{
	struct agreement agreement =
		o->g->agreement; /* a refusal later on leaves the group's as it was */
	unsigned code =
		open_check_settings(o->c, &o->settings, o->m->settings, o->why, sizeof(o->why));

	if (!code)
		code = check_dwell(o);
	if (!code)
		code = check_user_data(o);
	if (!code)
		code = (unsigned)-agreement_join(&agreement, !o->g->n_consumers, &o->settings,
						 o->why, sizeof(o->why));
	return code;
}

/* The same consumer on an older connection: it is heard to its end, then it gives way. */
static unsigned take_over(struct opening *o)
{
	struct consumer *old = daemon_find_consumer(o->c->daemon, o->m->id.data);
	struct connection *c;

	if (!old)
		return 0;
	c = old->connection;
	if (c->peer.uid != o->c->peer.uid) {
		snprintf(o->why, sizeof(o->why), "this consumer id belongs to another user");
		return KGP_E_DENIED;
	}
	connection_read_to_end(c);
	connection_fatal(c, KGP_E_REPLACED, "protocol", kgp_error_text(KGP_E_REPLACED));
	c->consumer = consumer_free(c->consumer);
	return 0;
}

static unsigned check_request(struct opening *o)
{
	if (o->c->daemon->draining)
		return KGP_E_STOPPING;
	if (o->m->request && o->m->id.size == KGP_ID_BYTES)
		return 0;
	snprintf(o->why, sizeof(o->why),
		 o->m->request ? "the id of a consumer has 16 bytes"
			       : "OPEN needs a request number");
	return KGP_E_FIELD;
}

static unsigned become_consumer(struct opening *o)
{
	struct connection *c = o->c;

	if (agreement_join(&o->g->agreement, !o->g->n_consumers, &o->settings, o->why,
			   sizeof(o->why)))
		return KGP_E_CONFLICT;
	if (!o->g->n_consumers)
		o->g->owner = c->peer.uid;
	tell_ignored(o);
	c->consumer = consumer_new(c, o->g, o->m->id.data, &o->settings, o->m->topics);
	return c->consumer ? 0 : KGP_E_MEMORY;
}

static unsigned run(struct opening *o)
{
	static unsigned (*const steps[])(struct opening * o) = {
		check_request, find_group, check_topics, check_settings, take_over, become_consumer,
	};
	unsigned code = 0;
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(*steps) && !code; i++)
		code = steps[i](o);
	return code;
}

void open_consumer(struct connection *c, union kgp_body *b)
{
	struct opening o = {.c = c, .m = &b->open};
	unsigned code = run(&o);
	const char *text = *o.why ? o.why : kgp_error_text(code);

	c->refused = code != 0;
	if (code && code < KGP_E_CONFLICT) {
		connection_fatal(c, code, "protocol", text);
		return;
	}
	session_reply(c, (uint32_t)o.m->request, code, text, NULL);
	if (!code)
		consumer_send_state(c->consumer);
}
