/* SPDX-License-Identifier: MIT */
/* The tables of status, from the daemon's answer. See group_table.c. */
#ifndef CTL_GROUP_TABLE_H
#define CTL_GROUP_TABLE_H

#include <jansson.h>

#include "client-lib/ctl/table.h"

/* Each prints nothing when there is no row. 0 or -errno, and t says it. */
int cluster_table_print(const struct ctl *ctl, json_t *clusters, struct trouble *t);
int group_table_print(const struct ctl *ctl, json_t *groups, struct trouble *t);
int consumer_table_print(const struct ctl *ctl, json_t *groups, struct trouble *t);

#endif
