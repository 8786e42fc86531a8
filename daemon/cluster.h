/* SPDX-License-Identifier: MIT */
/* A cluster of the file: its settings, its helper thread, what is known of its health. */
#ifndef CLUSTER_H
#define CLUSTER_H

#include "daemon/config.h"
#include "daemon/core/access.h"
#include "daemon/light.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct daemon;
struct helper;

struct cluster {
	TAILQ_ENTRY(cluster) link;
	struct daemon *daemon;
	struct config_cluster *config; /* the daemon's configuration owns it */
	struct helper *helper;	       /* owned; started with the first handle */
	struct lights lights;	       /* owned */
	struct access_rule access;     /* of groups that clients open */
};

int cluster_open(struct cluster **out, struct daemon *d, struct config_cluster *config);
struct cluster *cluster_free(struct cluster *c);
int cluster_start_helper(struct cluster *c);
/* The cluster's settings, then those of a group, unless NULL: to be freed. NULL: no memory. */
const struct config_pair *const *cluster_list_settings(const struct cluster *c,
						       const struct config_group *group, size_t *n);
const char *cluster_get_bootstrap(const struct cluster *c);
int access_load(struct access_rule *rule,
		const struct config_access *config); /* names to numbers */

#endif
