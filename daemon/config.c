/* SPDX-License-Identifier: MIT */
/*
 * The configuration as a whole: load, find, free. Loading is reading (config_source.c,
 * config_file.c), giving every key its field (config_build.c) and checking what joins several
 * (config_check.c); each step adds its errors and the next one still runs, so that one look at the
 * list is enough to mend the file. Whoever gets a struct config may rely on every rule that is
 * checked there; nobody checks them again.
 *
 * Never here: logging, printing, exiting, librdkafka, sockets.
 */
#include "daemon/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config_alloc.h"
#include "daemon/config_build.h"
#include "daemon/config_error.h"
#include "daemon/config_kafka.h"

int config_load(const char *file, const struct config_hooks *hooks, struct config **out,
		struct config_errors *errors)
{
	struct config *config = config_alloc(sizeof(*config));
	struct config_source source;
	size_t n_errors = errors->n_errors, n_warnings = errors->n_warnings;

	config->file = config_strdup(file);
	config_source_read(&source, file, errors);
	config_build(config, &source, hooks, errors);
	config_source_deinit(&source);
	/* Sections that could not be read would only be reported as missing. */
	if (errors->n_errors == n_errors || config->n_clusters > 0)
		config_check(config, errors);
	config_errors_sort(errors, n_errors, n_warnings, config->files, config->n_files);
	if (errors->n_errors > n_errors)
		config = config_free(config);
	*out = config;
	return config ? 0 : -EINVAL;
}

void config_cluster_deinit(struct config_cluster *cluster)
{
	config_scope_deinit(CONFIG_SCOPE_cluster, cluster, cluster->origins);
	config_kafka_free(cluster->kafka, cluster->n_kafka);
	free(cluster->name);
}

void config_group_deinit(struct config_group *group)
{
	config_scope_deinit(CONFIG_SCOPE_group, group, group->origins);
	config_strings_free(group->access.topics, group->access.n_topics);
	config_kafka_free(group->kafka, group->n_kafka);
	free(group->alias);
}

struct config *config_free(struct config *config)
{
	if (!config)
		return NULL;
	for (size_t i = 0; i < config->n_groups; i++)
		config_group_deinit(&config->groups[i]);
	for (size_t i = 0; i < config->n_clusters; i++)
		config_cluster_deinit(&config->clusters[i]);
	config_scope_deinit(CONFIG_SCOPE_daemon, config, config->origins);
	config_strings_free(config->files, config->n_files);
	free(config->groups);
	free(config->clusters);
	free(config->file);
	free(config);
	return NULL;
}

const struct config_cluster *config_find_cluster(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_clusters; i++) {
		if (strcmp(config->clusters[i].name, name) == 0)
			return &config->clusters[i];
	}
	return NULL;
}

const struct config_group *config_find_group(const struct config *config, const char *alias)
{
	for (size_t i = 0; i < config->n_groups; i++) {
		if (strcmp(config->groups[i].alias, alias) == 0)
			return &config->groups[i];
	}
	return NULL;
}

const struct config_pair *config_group_find_kafka(const struct config_group *group, const char *key)
{
	const struct config_pair *pair = config_kafka_find(group->kafka, group->n_kafka, key);

	if (!pair && group->cluster)
		pair = config_kafka_find(group->cluster->kafka, group->cluster->n_kafka, key);
	return pair;
}

/* ---- groups that are not in the file ------------------------------------------------------- */

static void copy_strings(char **from, size_t n_from, char ***to, size_t *n_to)
{
	for (size_t i = 0; i < n_from; i++)
		config_strings_add(to, n_to, from[i], strlen(from[i]));
}

static void copy_access(const struct config_access *from, struct config_access *to)
{
	copy_strings(from->users, from->n_users, &to->users, &to->n_users);
	copy_strings(from->groups, from->n_groups, &to->groups, &to->n_groups);
	copy_strings(from->units, from->n_units, &to->units, &to->n_units);
	copy_strings(from->topics, from->n_topics, &to->topics, &to->n_topics);
}

struct config_group *config_group_new_dynamic(const struct config *config,
					      struct config_cluster *cluster, const char *group_id)
{
	struct config_group *group = config_alloc(sizeof(*group));

	group->alias = config_strdup(group_id);
	group->cluster = cluster;
	group->origins = config_scope_init(CONFIG_SCOPE_group, group);
	copy_access(&cluster->access, &group->access);
	config_group_complete(config, group);
	return group;
}

struct config_group *config_group_free(struct config_group *group)
{
	if (!group)
		return NULL;
	config_group_deinit(group);
	free(group);
	return NULL;
}
