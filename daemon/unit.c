/* SPDX-License-Identifier: MIT */
/*
 * The units of a living process, as the kernel names its cgroup.
 *
 * Reads one file of /proc, no more; what its text means is said in core/unit.c. A pid may be
 * another process's by now: who decides anything by the answer holds a pidfd, and looks at it
 * afterwards.
 */
#include "daemon/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int unit_read(pid_t pid, struct unit *unit)
{
	char path[64], text[8192];
	ssize_t n;
	int fd, r;

	*unit = (struct unit){0};
	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	fd = open(pid ? path : "/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	r = n < 0 ? -errno : 0;
	close(fd);
	if (r)
		return r;
	text[n] = 0;
	unit_parse(unit, text);
	return 0;
}
