/* SPDX-License-Identifier: MIT */
/*
 * A cluster of the file.
 *
 * Owns the helper thread, which starts with the first handle that needs it, the light handles, and
 * the numeric form of the access rule of dynamic groups. Its settings stay the configuration's.
 */
#include "daemon/cluster.h"

#include "daemon/daemon.h"
#include "daemon/helper.h"
#include "daemon/log.h"
#include "daemon/peer.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

static void add_user(struct access_rule *rule, const char *name)
{
	struct passwd *pw = getpwnam(name);
	char *end;
	unsigned long uid = strtoul(name, &end, 10);

	if (!pw && (*end || !*name)) {
		log_write(LOG_WARNING, NULL, "allow.users: this host has no user %s", name);
		return;
	}
	rule->users[rule->n_users++] = pw ? pw->pw_uid : (uid_t)uid;
}

static void add_group(struct access_rule *rule, const char *name)
{
	struct group *gr = getgrnam(name);
	char *end;
	unsigned long gid = strtoul(name, &end, 10);

	if (!gr && (*end || !*name))
		log_write(LOG_WARNING, NULL, "allow.groups: this host has no group %s", name);
	else
		rule->groups[rule->n_groups++] = gr ? gr->gr_gid : (gid_t)gid;
}

static void warn_of_units(void)
{
	const char *why = peer_why_no_units();

	if (why)
		log_write(LOG_WARNING, NULL, "allow.units lets nobody in: %s", why);
}

int access_load(struct access_rule *rule, const struct config_access *config)
{
	size_t i;

	*rule = (struct access_rule){
		.users = calloc(config->n_users + 1, sizeof(*rule->users)),
		.groups = calloc(config->n_groups + 1, sizeof(*rule->groups)),
		.units = calloc(config->n_units + 1, sizeof(*rule->units)),
		.topics = calloc(config->n_topics + 1, sizeof(*rule->topics)),
		.has_rule = config->n_users || config->n_groups || config->n_units,
	};
	if (!rule->users || !rule->groups || !rule->units || !rule->topics)
		goto fail;
	for (i = 0; i < config->n_users; i++)
		if (!strcmp(config->users[i], "*"))
			rule->all = true;
		else
			add_user(rule, config->users[i]);
	for (i = 0; i < config->n_groups; i++)
		if (!strcmp(config->groups[i], "*"))
			rule->all = true;
		else
			add_group(rule, config->groups[i]);
	for (i = 0; i < config->n_units; i++, rule->n_units++)
		if (!(rule->units[i] = strdup(config->units[i])))
			goto fail;
	for (i = 0; i < config->n_topics; i++, rule->n_topics++)
		if (!(rule->topics[i] = strdup(config->topics[i])))
			goto fail;
	if (config->n_units)
		warn_of_units();
	return 0;
fail:
	access_deinit(rule);
	return -ENOMEM;
}

int cluster_open(struct cluster **out, struct daemon *d, struct config_cluster *config)
{
	struct cluster *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	*c = (struct cluster){.daemon = d, .config = config};
	TAILQ_INIT(&c->lights);
	TAILQ_INSERT_TAIL(&d->clusters, c, link);
	if (access_load(&c->access, &config->access)) {
		cluster_free(c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

struct cluster *cluster_free(struct cluster *c)
{
	if (!c)
		return NULL;
	TAILQ_REMOVE(&c->daemon->clusters, c, link);
	light_free_all(c);
	helper_free(c->helper);
	access_deinit(&c->access);
	free(c);
	return NULL;
}

int cluster_start_helper(struct cluster *c)
{
	return c->helper ? 0 : helper_open(&c->helper, c->daemon->base);
}

const struct config_pair *const *cluster_list_settings(const struct cluster *c,
						       const struct config_group *group, size_t *n)
{
	size_t i, n_cluster = c->config->n_kafka;
	const struct config_pair **list;

	*n = n_cluster + (group ? group->n_kafka : 0);
	list = calloc(*n + 1, sizeof(*list));
	for (i = 0; list && i < *n; i++)
		list[i] = i < n_cluster ? &c->config->kafka[i] : &group->kafka[i - n_cluster];
	return list;
}

const char *cluster_get_bootstrap(const struct cluster *c)
{
	const char *found = "";
	size_t i;

	for (i = 0; i < c->config->n_kafka; i++)
		if (!strcmp(c->config->kafka[i].key, "bootstrap.servers") ||
		    !strcmp(c->config->kafka[i].key, "metadata.broker.list"))
			found = c->config->kafka[i].value;
	return found;
}
