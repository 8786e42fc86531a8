/* SPDX-License-Identifier: MIT */
/* Which cluster is asked, and with whose rights. See scope.c. */
#ifndef CTL_SCOPE_H
#define CTL_SCOPE_H

#include "client-lib/ctl/query.h"

#include <argp.h>

struct scope {
	const char *group;   /* NULL: as somebody who may open groups */
	const char *cluster; /* NULL: the only one, or the group's */
};

enum { SCOPE_KEY_GROUP = 0x500, SCOPE_KEY_CLUSTER };

/* For a command's table of options. */
/* clang-format off */
#define SCOPE_OPTIONS                                                                              \
	{"group", SCOPE_KEY_GROUP, "NAME", 0, "ask with the rights of this group", 0},             \
	{"cluster", SCOPE_KEY_CLUSTER, "NAME", 0, "cluster of the daemon's file", 0}
/* clang-format on */

error_t scope_parse(struct scope *scope, int key, char *arg);

/* query_open() with time enough for the daemon to give up its cluster first. */
int scope_open(struct query *q, const struct ctl *ctl, struct trouble *t);

void scope_put(const struct scope *scope, struct query_arguments *a);

/* Prints t and returns its exit code. */
int scope_fail(const struct scope *scope, struct trouble *t);

#endif
