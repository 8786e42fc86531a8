/* SPDX-License-Identifier: MIT */
/* Handles of no group, to ask a cluster with somebody's credentials. See light.c. */
#ifndef LIGHT_H
#define LIGHT_H

#include <stddef.h>
#include <sys/queue.h>

struct cluster;
struct config_group;
struct light;

TAILQ_HEAD(lights, light);

/* One with the settings of the cluster and, unless NULL, of a group of the file; it stays until
 * light_put(). NULL: it cannot be made, why says. */
struct light *light_get(struct cluster *c, const struct config_group *group, char *why,
			size_t size);
void light_put(struct light *l);
struct kafka *light_get_kafka(const struct light *l);

void light_tick(struct cluster *c); /* those that nobody has used for a while go */
void light_free_all(struct cluster *c);

#endif
