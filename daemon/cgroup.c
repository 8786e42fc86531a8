/* SPDX-License-Identifier: MIT */
/*
 * The cgroup of version 2 that this process is in: where it is, and the limits on memory that hold
 * for it, which are its own and those of every cgroup above.
 *
 * Reads small files and keeps nothing open: limits change while the daemon runs (systemctl
 * set-property). Whatever is not there, is of version 1, or cannot be read, is no limit. In a
 * container with a namespace of its own the path is "/", and the files of the container's cgroup
 * stand in the folder where it is mounted.
 */
#include "daemon/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* -errno, or the length of the text. */
static int read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	r = n < 0 ? -errno : (int)n;
	close(fd);
	text[r < 0 ? 0 : r] = 0;
	return r;
}

/* What stands behind "0::"; NULL: no hierarchy of version 2. */
static char *find_own(char *text)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")))
		if (!strncmp(line, "0::/", 4))
			return line + 3;
	return NULL;
}

static bool has_file(const struct cgroup *c, const char *name)
{
	char path[PATH_MAX];

	return !cgroup_get_path(c, name, path) && !access(path, F_OK);
}

void cgroup_find(struct cgroup *c, const char *self, const char *mount)
{
	char text[PATH_MAX + 1024], *own;
	int n;

	*c = (struct cgroup){0};
	if (read_text(self, text, sizeof(text)) < 0)
		return;
	own = find_own(text);
	if (!own || strstr(own, "/..")) /* outside of what we may see */
		return;
	n = snprintf(c->path, sizeof(c->path), "%s%s", mount, strcmp(own, "/") != 0 ? own : "");
	c->mount_length = strlen(mount);
	if (n >= (int)sizeof(c->path) || !has_file(c, "cgroup.controllers"))
		*c = (struct cgroup){0};
}

int cgroup_get_path(const struct cgroup *c, const char *name, char out[PATH_MAX])
{
	if (!*c->path)
		return -ENOENT;
	if (snprintf(out, PATH_MAX, "%s/%s", c->path, name) >= PATH_MAX)
		return -ENAMETOOLONG;
	return 0;
}

static const char *read_limit(const struct cgroup *c, const char *name, char *text, size_t size)
{
	char path[PATH_MAX];

	return !cgroup_get_path(c, name, path) && read_text(path, text, size) > 0 ? text : NULL;
}

static uint64_t read_level(const struct cgroup *c)
{
	char max[64], high[64];

	return budget_room_of(read_limit(c, "memory.max", max, sizeof(max)),
			      read_limit(c, "memory.high", high, sizeof(high)));
}

void cgroup_read_room(const struct cgroup *c, struct budget_room *room)
{
	struct cgroup level = *c;
	uint64_t bytes;

	*room = (struct budget_room){BUDGET_UNLIMITED, BUDGET_UNLIMITED};
	if (!*c->path)
		return;
	room->own_bytes = room->all_bytes = read_level(c);
	while (strlen(level.path) > level.mount_length) {
		*strrchr(level.path, '/') = 0;
		bytes = read_level(&level);
		room->all_bytes = bytes < room->all_bytes ? bytes : room->all_bytes;
	}
}
