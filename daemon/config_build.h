/* SPDX-License-Identifier: MIT */
/* From sections of text to the structs of config.h: config_build.c, then config_check.c. */
#ifndef DAEMON_CONFIG_BUILD_H
#define DAEMON_CONFIG_BUILD_H

#include "daemon/config_file.h"
#include "daemon/config_key.h"

/* Takes the names of the files over from source, fills config, adds what is wrong. */
void config_build(struct config *config, struct config_source *source,
		  const struct config_hooks *hooks, struct config_errors *errors);

/* Computed defaults, then every rule about more than one setting. */
void config_check(struct config *config, struct config_errors *errors);

/* Defaults of config_keys.def into a zeroed object, and its table of origins. */
struct config_origin *config_scope_init(enum config_scope scope, void *object);
void config_scope_deinit(enum config_scope scope, void *object, struct config_origin *origins);

void config_group_complete(const struct config *config, struct config_group *group);
void config_group_deinit(struct config_group *group);
void config_cluster_deinit(struct config_cluster *cluster);

#endif
