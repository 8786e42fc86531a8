/* SPDX-License-Identifier: MIT */
/*
 * What takes more than one setting to know: defaults that are computed, references between
 * sections, rules that join keys, and the shape of names that Kafka will see. Each rule is one
 * function that adds at most one error per setting, and points to the line that has to change: the
 * explicit one of those that clash, else the header of the section.
 */
#include "daemon/config_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/config_alloc.h"
#include "daemon/config_error.h"
#include "daemon/config_kafka.h"
#include "daemon/config_suggest.h"

#define HEARTBEAT_DEFAULT_MS	  3000
#define KAFKA_NAME_MAX_BYTES	  249
#define NAME_MAX_BYTES		  64	 /* of the daemon, as config_keys.def has it */
#define MAX_POLL_INTERVAL_DEFAULT 300000 /* librdkafka's max.poll.interval.ms */

#define UNIT_PATTERN_BYTES                                                                         \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@*?[]!"
#define KAFKA_NAME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

/* ---- computed defaults --------------------------------------------------------------------- */

/* Whoever starts several of us, or one for each user, gives each its name. */
static void complete_name(struct config *config)
{
	const char *name = getenv("KGROUPD_NAME");

	if (!config->name)
		config->name = config_strdup(name && *name ? name : "kgroupd");
}

static char *default_instance_id(const struct config *config)
{
	char host[KAFKA_NAME_MAX_BYTES + 1] = "";

	if (gethostname(host, sizeof(host) - 1) < 0 || !host[0])
		strcpy(host, "localhost");
	return config_printf("%s-%s", host, config->name);
}

static unsigned find_set_bits(const struct config_group *group)
{
	unsigned bits = 0;

	for (size_t i = 0; i < CONFIG_N_KEYS; i++) {
		if (config_keys[i].scope == CONFIG_SCOPE_group && group->origins[i].file)
			bits |= config_keys[i].flags & ~CONFIG_RELOAD;
	}
	return bits;
}

void config_group_complete(const struct config *config, struct config_group *group)
{
	uint32_t third_ms = group->session_timeout_ms / 3;

	group->set = find_set_bits(group);
	if (!group->group_id)
		group->group_id = config_strdup(group->alias);
	if (!group->instance_id)
		group->instance_id = default_instance_id(config);
	if (group->heartbeat_interval_ms == 0)
		group->heartbeat_interval_ms =
			third_ms < HEARTBEAT_DEFAULT_MS ? third_ms : HEARTBEAT_DEFAULT_MS;
	if (!group->cluster_name)
		group->cluster_name = config_strdup(group->cluster ? group->cluster->name : "");
}

/* ---- names --------------------------------------------------------------------------------- */

static bool is_kafka_name(const char *name, size_t n_bytes)
{
	if (n_bytes == 0 || n_bytes > KAFKA_NAME_MAX_BYTES)
		return false;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	return strspn(name, KAFKA_NAME_BYTES) >= n_bytes;
}

static void check_topics(char **topics, size_t n_topics, bool allow_prefix,
			 const struct config_origin *at, struct config_errors *errors)
{
	for (size_t i = 0; i < n_topics; i++) {
		size_t n_bytes = strlen(topics[i]);
		bool is_prefix = allow_prefix && topics[i][n_bytes - 1] == '*';

		if (is_prefix && n_bytes == 1)
			continue;
		if (!is_kafka_name(topics[i], n_bytes - is_prefix))
			config_errors_add(errors, at,
					  "'%s' is no name of a topic: 1 to 249 letters, digits, "
					  "'.', '_', '-'%s",
					  config_show(topics[i]).text,
					  allow_prefix ? ", and '*' at the end for a prefix" : "");
	}
}

/* A name without its kind would match nothing, in silence. */
static bool is_unit_pattern(const char *pattern)
{
	const char *dot = strrchr(pattern, '.');

	if (strspn(pattern, UNIT_PATTERN_BYTES) < strlen(pattern))
		return false;
	return pattern[strlen(pattern) - 1] == '*' ||
	       (dot && (!strcmp(dot, ".service") || !strcmp(dot, ".scope")));
}

static void check_units(const struct config_access *access, const struct config_origin *at,
			struct config_errors *errors)
{
	for (size_t i = 0; i < access->n_units; i++)
		if (!is_unit_pattern(access->units[i]))
			config_errors_add(errors, at,
					  "'%s' in allow.units matches no unit: write its whole "
					  "name, as %s.service, or a pattern",
					  config_show(access->units[i]).text,
					  config_show(access->units[i]).text);
}

/* ---- [daemon] ------------------------------------------------------------------------------ */

static bool has_good_name(const struct config *config)
{
	size_t n_bytes = strlen(config->name);

	return n_bytes <= NAME_MAX_BYTES && is_kafka_name(config->name, n_bytes);
}

static void check_name(const struct config *config, struct config_errors *errors)
{
	const struct config_origin *at = &config->origins[CONFIG_KEY_daemon_NAME];
	struct config_origin whole = {.file = config->file};

	if (has_good_name(config))
		return;
	config_errors_add(errors, at->file ? at : &whole,
			  "name has 1 to 64 letters, digits, '.', '_', '-' only (it is part of "
			  "instance ids), not '%s'%s",
			  config_show(config->name).text,
			  at->file ? "" : " of KGROUPD_NAME: write name = NAME in [daemon]");
}

static void check_daemon(const struct config *config, struct config_errors *errors)
{
	const struct config_origin *at = config->origins;

	if (config->socket_path[0] != '/')
		config_errors_add(errors, &at[CONFIG_KEY_daemon_SOCKET_PATH],
				  "socket.path must be absolute, not '%s': write /run/...",
				  config_show(config->socket_path).text);
	check_name(config, errors);
	if (config->connections_per_user > config->connections_max &&
	    at[CONFIG_KEY_daemon_CONNECTIONS_PER_USER].file)
		config_errors_add(errors, &at[CONFIG_KEY_daemon_CONNECTIONS_PER_USER],
				  "connections.per.user (%u) is above connections.max (%u): lower "
				  "it, or raise connections.max",
				  config->connections_per_user, config->connections_max);
	if (config->output_limit_bytes > config->memory_limit_bytes / 2)
		config_errors_add(
			errors, &at[CONFIG_KEY_daemon_OUTPUT_LIMIT],
			"output.limit is above half of memory.limit, one connection could "
			"take it: lower it, or raise memory.limit");
}

/* ---- [cluster NAME] ------------------------------------------------------------------------ */

static bool has_kafka(const struct config_cluster *cluster, const char *key)
{
	const struct config_pair *pair = config_kafka_find(cluster->kafka, cluster->n_kafka, key);

	return pair && pair->value[0];
}

static void check_cluster(const struct config_cluster *cluster, struct config_errors *errors)
{
	const struct config_access *access = &cluster->access;

	if (!has_kafka(cluster, "bootstrap.servers") &&
	    !has_kafka(cluster, "metadata.broker.list") &&
	    !has_kafka(cluster, "test.mock.num.brokers"))
		config_errors_add(
			errors, &cluster->section,
			"[cluster %s] has no bootstrap.servers: write bootstrap.servers = "
			"HOST:9092 here or in [kafka]",
			cluster->name);
	if (!cluster->allow_dynamic &&
	    access->n_users + access->n_groups + access->n_units + access->n_topics > 0)
		config_errors_warn(errors, &cluster->section,
				   "[cluster %s] has allow.users, .groups, .units or .topics, "
				   "which do nothing without allow.dynamic = yes",
				   cluster->name);
	check_units(access, &cluster->origins[CONFIG_KEY_cluster_ALLOW_UNITS], errors);
	check_topics(access->topics, access->n_topics, true,
		     &cluster->origins[CONFIG_KEY_cluster_ALLOW_TOPICS], errors);
}

/* ---- [group NAME] -------------------------------------------------------------------------- */

static const struct config_origin *origin_of(const struct config_group *group,
					     enum config_key_id id)
{
	return group->origins[id].file ? &group->origins[id] : &group->section;
}

static void add_unknown_cluster(const struct config *config, const struct config_group *group,
				struct config_errors *errors)
{
	struct config_suggest suggest;
	char text[CONFIG_SUGGEST_BYTES];

	config_suggest_init(&suggest, group->cluster_name);
	for (size_t i = 0; i < config->n_clusters; i++)
		config_suggest_offer(&suggest, config->clusters[i].name);
	config_suggest_format(&suggest, text, sizeof(text));
	config_errors_add(errors, origin_of(group, CONFIG_KEY_group_CLUSTER),
			  "there is no section [cluster %s]%s",
			  config_show(group->cluster_name).text,
			  text[0] ? text : ": write one, or name another cluster");
}

/* Its value was refused, and an error about it is there already. */
static bool is_bad(const struct config_group *group, enum config_key_id id)
{
	return group->origins[id].file && group->origins[id].line == 0;
}

static void find_cluster(struct config *config, struct config_group *group,
			 struct config_errors *errors)
{
	if (is_bad(group, CONFIG_KEY_group_CLUSTER))
		return;
	if (!group->cluster_name) {
		if (config->n_clusters == 1)
			group->cluster = config->clusters;
		else if (config->n_clusters > 1)
			config_errors_add(errors, &group->section,
					  "[group %s] does not say on which of the %zu clusters it "
					  "lives: write cluster = %s, for instance",
					  group->alias, config->n_clusters,
					  config->clusters[0].name);
		return;
	}
	group->cluster = (struct config_cluster *)config_find_cluster(config, group->cluster_name);
	if (!group->cluster)
		add_unknown_cluster(config, group, errors);
}

bool config_group_is_kip848(const struct config_group *group)
{
	const struct config_pair *protocol = config_group_find_kafka(group, "group.protocol");

	return protocol && strcasecmp(protocol->value, "consumer") == 0;
}

static void check_heartbeat(const struct config_group *group, struct config_errors *errors)
{
	if (group->heartbeat_interval_ms <= group->session_timeout_ms / 3 ||
	    is_bad(group, CONFIG_KEY_group_SESSION_TIMEOUT))
		return;
	config_errors_add(errors, origin_of(group, CONFIG_KEY_group_HEARTBEAT_INTERVAL),
			  "heartbeat.interval (%u ms) is above a third of session.timeout (%u ms): "
			  "lower it to %u ms, or raise session.timeout",
			  group->heartbeat_interval_ms, group->session_timeout_ms,
			  group->session_timeout_ms / 3);
}

static void check_protocol(const struct config_group *group, struct config_errors *errors)
{
	static const enum config_key_id classic[] = {CONFIG_KEY_group_SESSION_TIMEOUT,
						     CONFIG_KEY_group_HEARTBEAT_INTERVAL};

	if (!config_group_is_kip848(group))
		return;
	for (size_t i = 0; i < sizeof(classic) / sizeof(classic[0]); i++) {
		if (group->origins[classic[i]].file)
			config_errors_add(
				errors, &group->origins[classic[i]],
				"%s is the broker's choice with group.protocol = consumer: "
				"remove it here",
				config_keys[classic[i]].name);
	}
}

/* librdkafka refuses to be made when this does not hold. */
static void check_max_poll(const struct config_group *group, struct config_errors *errors)
{
	const struct config_pair *pair = config_group_find_kafka(group, "max.poll.interval.ms");
	unsigned long max_poll_ms =
		pair ? strtoul(pair->value, NULL, 10) : MAX_POLL_INTERVAL_DEFAULT;
	struct config_origin at = *origin_of(group, CONFIG_KEY_group_SESSION_TIMEOUT);

	if (max_poll_ms >= group->session_timeout_ms || config_group_is_kip848(group))
		return;
	if (pair)
		at = (struct config_origin){.file = pair->file, .line = pair->line};
	config_errors_add(errors, &at,
			  "max.poll.interval.ms (%lu) is below session.timeout (%u ms) of [group "
			  "%s]: write kafka.max.poll.interval.ms = %u there, or lower "
			  "session.timeout",
			  max_poll_ms, group->session_timeout_ms, group->alias,
			  group->session_timeout_ms);
}

static void check_join(const struct config_group *group, struct config_errors *errors)
{
	if (group->join == CONFIG_JOIN_ALWAYS && group->n_topics == 0 &&
	    !is_bad(group, CONFIG_KEY_group_TOPICS))
		config_errors_add(
			errors, origin_of(group, CONFIG_KEY_group_JOIN),
			"[group %s] has join = always and no topics: write topics = NAME, "
			"NAME",
			group->alias);
	if (group->join != CONFIG_JOIN_ALWAYS && group->n_topics > 0 &&
	    !is_bad(group, CONFIG_KEY_group_JOIN))
		config_errors_warn(errors, origin_of(group, CONFIG_KEY_group_TOPICS),
				   "topics of [group %s] does nothing without join = always: "
				   "clients name their topics themselves",
				   group->alias);
	check_topics(group->topics, group->n_topics, false,
		     origin_of(group, CONFIG_KEY_group_TOPICS), errors);
}

static void check_identity(const struct config *config, const struct config_group *group,
			   struct config_errors *errors)
{
	const char *id = group->instance_id;
	bool is_made_of_bad_name =
		!group->origins[CONFIG_KEY_group_INSTANCE_ID].file && !has_good_name(config);

	if (id[0] && !is_kafka_name(id, strlen(id)) && !is_made_of_bad_name)
		config_errors_add(
			errors, origin_of(group, CONFIG_KEY_group_INSTANCE_ID),
			"instance.id '%s' must be 1 to 249 letters, digits, '.', '_', '-', "
			"or empty for dynamic membership",
			config_show(id).text);
	if (group->user_data[0] && config_group_find_kafka(group, "client.id"))
		config_errors_add(
			errors, origin_of(group, CONFIG_KEY_group_USER_DATA),
			"user.data of [group %s] travels in the client id, which client.id "
			"sets to something else: remove one of the two",
			group->alias);
}

static void check_namesakes(const struct config *config, const struct config_group *group,
			    struct config_errors *errors)
{
	for (const struct config_group *other = config->groups; other < group; other++) {
		if (!group->cluster || group->cluster != other->cluster ||
		    strcmp(group->group_id, other->group_id) != 0)
			continue;
		config_errors_add(errors, origin_of(group, CONFIG_KEY_group_GROUP_ID),
				  "[group %s] and [group %s] are the same group '%s' of the same "
				  "cluster: remove one section, clients can share the other",
				  other->alias, group->alias, config_show(group->group_id).text);
		return;
	}
}

static void check_group(struct config *config, struct config_group *group,
			struct config_errors *errors)
{
	find_cluster(config, group, errors);
	config_group_complete(config, group);
	check_heartbeat(group, errors);
	check_protocol(group, errors);
	check_max_poll(group, errors);
	check_join(group, errors);
	check_identity(config, group, errors);
	check_units(&group->access, &group->origins[CONFIG_KEY_group_ALLOW_UNITS], errors);
	check_namesakes(config, group, errors);
}

/* ---- the whole ----------------------------------------------------------------------------- */

static void check_use(const struct config *config, struct config_errors *errors)
{
	struct config_origin at = {.file = config->file};
	bool allow_dynamic = false;

	for (size_t i = 0; i < config->n_clusters; i++)
		allow_dynamic |= config->clusters[i].allow_dynamic;
	if (config->n_clusters == 0)
		config_errors_add(errors, &at,
				  "no cluster: write a section [cluster main] with "
				  "bootstrap.servers = HOST:9092");
	else if (config->n_groups == 0 && !allow_dynamic)
		config_errors_add(errors, &at,
				  "nothing that clients may open: write a section [group NAME], or "
				  "allow.dynamic = yes in [cluster %s]",
				  config->clusters[0].name);
}

void config_check(struct config *config, struct config_errors *errors)
{
	complete_name(config);
	check_daemon(config, errors);
	for (size_t i = 0; i < config->n_clusters; i++)
		check_cluster(&config->clusters[i], errors);
	for (size_t i = 0; i < config->n_groups; i++)
		check_group(config, &config->groups[i], errors);
	check_use(config, errors);
}
