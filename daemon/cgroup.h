/* SPDX-License-Identifier: MIT */
/* The cgroup that this process is in. See cgroup.c. */
#ifndef CGROUP_H
#define CGROUP_H

#include "daemon/core/budget.h"

#include <limits.h>
#include <stddef.h>

struct cgroup {
	char path[PATH_MAX]; /* its folder; "": there is none, everything below says so */
	size_t mount_length; /* of the part of path that is where the hierarchy is mounted */
};

/* self: /proc/self/cgroup; mount: /sys/fs/cgroup. Never fails. */
void cgroup_find(struct cgroup *c, const char *self, const char *mount);
void cgroup_read_room(const struct cgroup *c, struct budget_room *room);
/* The path of one of its files. -ENOENT: no cgroup; -ENAMETOOLONG. */
int cgroup_get_path(const struct cgroup *c, const char *name, char out[PATH_MAX]);

#endif
