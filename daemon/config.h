/* SPDX-License-Identifier: MIT */
/* The configuration as the daemon sees it: read once, checked as a whole, plain data afterwards. */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define CONFIG_USER_DATA_MAX_BYTES 128

/* Enumerators stand in the order of the choices in config_keys.def; log_level is syslog's 0..7. */
enum config_log_target { CONFIG_LOG_AUTO, CONFIG_LOG_JOURNAL, CONFIG_LOG_STDERR };
enum config_on_stop { CONFIG_ON_STOP_AUTO, CONFIG_ON_STOP_KEEP, CONFIG_ON_STOP_LEAVE };
enum config_strategy {
	CONFIG_STRATEGY_RANGE,
	CONFIG_STRATEGY_ROUNDROBIN,
	CONFIG_STRATEGY_COOPERATIVE_STICKY,
};
enum config_initial { CONFIG_INITIAL_LATEST, CONFIG_INITIAL_EARLIEST, CONFIG_INITIAL_FAIL };
enum config_join { CONFIG_JOIN_ON_DEMAND, CONFIG_JOIN_ALWAYS };

/* Group-level settings that the file gives explicitly: config_group.set. */
enum config_set {
	CONFIG_SET_STRATEGY = 1 << 0,
	CONFIG_SET_SESSION_TIMEOUT = 1 << 1,
	CONFIG_SET_HEARTBEAT_INTERVAL = 1 << 2,
	CONFIG_SET_INITIAL_OFFSET = 1 << 3,
	CONFIG_SET_COMMIT_INTERVAL = 1 << 4,
	CONFIG_SET_COMMIT_RETRIES = 1 << 5,
	CONFIG_SET_USER_DATA = 1 << 6,
};

/* One of librdkafka's own settings. */
struct config_pair {
	char *key, *value;
	const char *file; /* owned by the struct config */
	unsigned line;
	bool secret; /* the value is never shown */
};

/* Who may use something. n == 0: no rule; "*" = all; a topic ending in '*' is a prefix. */
struct config_access {
	char **users, **groups, **units, **topics;
	size_t n_users, n_groups, n_units, n_topics;
};

/* Where a value of a key of ours was given; file == NULL: its default. */
struct config_origin {
	const char *file;
	unsigned line;
};

struct config_cluster {
	char *name;
	struct config_pair *kafka; /* [kafka] merged under the cluster's own */
	size_t n_kafka;
	bool allow_dynamic;
	struct config_access access;   /* of groups that clients open by themselves */
	struct config_origin *origins; /* by key of config_keys.def */
	struct config_origin section;  /* its header */
};

struct config_group {
	char *alias, *group_id;
	char *instance_id; /* "" = dynamic membership */
	char *cluster_name;
	struct config_cluster *cluster;
	unsigned set; /* enum config_set */
	enum config_strategy strategy;
	uint32_t session_timeout_ms, heartbeat_interval_ms, commit_interval_ms, commit_retries;
	uint32_t leave_delay_ms;
	enum config_initial initial_offset;
	char *user_data; /* "" = none */
	enum config_join join;
	char **topics; /* with join = always */
	size_t n_topics;
	struct config_access access; /* topics: of the cluster only */
	struct config_pair *kafka;   /* its own only; they win over the cluster's */
	size_t n_kafka;
	struct config_origin *origins;
	struct config_origin section;
};

struct config {
	char *file;
	char *name, *socket_path, *socket_group; /* socket_group "" = leave the group alone */
	mode_t socket_mode;
	int log_level;
	enum config_log_target log_target;
	uint64_t memory_limit_bytes, output_limit_bytes;
	uint32_t connections_max, connections_per_user, in_flight_per_user, requests_per_user;
	uint32_t handshake_timeout_ms, drain_timeout_ms, settle_delay_ms;
	enum config_on_stop on_stop;
	struct config_cluster *clusters;
	size_t n_clusters;
	struct config_group *groups;
	size_t n_groups;
	struct config_origin *origins;
	char **files; /* every file that was read, in the order of reading */
	size_t n_files;
};

/*
 * What only the owner of librdkafka knows. key_check: 0, -ENOENT = no such key (a suggestion out of
 * kafka_keys is added), other < 0 = the value is refused; errbuf says why. Both may be NULL.
 */
struct config_hooks {
	int (*kafka_key_check)(const char *key, const char *value, char *errbuf, size_t n);
	const char *const *kafka_keys; /* NULL-terminated */
};

struct config_error {
	char *text;	  /* "file:line: what, why, how to mend it" */
	const char *file; /* NULL once loading is over */
	unsigned line;
};

/*
 * Zero before its first use; in the order of files and lines. Warnings alone do not make
 * config_load() fail.
 */
struct config_errors {
	struct config_error *errors, *warnings;
	size_t n_errors, n_warnings;
};

/* What a reload did: "[group orders] leave.delay: 30s -> 1m"; refused ones wait for a restart. */
struct config_changes {
	char **applied, **refused;
	size_t n_applied, n_refused;
};

/*
 * Reads file and file's drop-ins ("<file>.d" + "/" + "*.conf", byte order of names, later wins per
 * key). 0, or -EINVAL with at least one error and *out NULL. Prints and logs nothing. hooks may be
 * NULL.
 */
int config_load(const char *file, const struct config_hooks *hooks, struct config **out,
		struct config_errors *errors);
struct config *config_free(struct config *config);

/* Every setting with where it came from, secrets as ***. */
void config_print_effective(const struct config *config, FILE *to);

/*
 * Moves what is reloadable and differs from fresh into running (fresh stays valid, to be freed by
 * the caller); > 0 = something was refused. Addresses of clusters and groups stay, strings and
 * lists of reloadable keys are replaced.
 */
int config_reload(struct config *running, struct config *fresh, struct config_changes *out);

bool config_key_is_secret(const char *key);

const struct config_cluster *config_find_cluster(const struct config *config, const char *name);
const struct config_group *config_find_group(const struct config *config, const char *alias);

/* Setting of librdkafka in force for a group: its own, else the cluster's, else NULL. */
const struct config_pair *config_group_find_kafka(const struct config_group *group,
						  const char *key);

/* KIP-848: the broker decides on session.timeout and heartbeat.interval. */
bool config_group_is_kip848(const struct config_group *group);

/* A group that a client opens under allow.dynamic: every default, access of the cluster. */
struct config_group *config_group_new_dynamic(const struct config *config,
					      struct config_cluster *cluster, const char *group_id);
struct config_group *config_group_free(struct config_group *group);

void config_errors_deinit(struct config_errors *errors);
void config_changes_deinit(struct config_changes *changes);

#endif
