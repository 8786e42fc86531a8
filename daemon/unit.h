/* SPDX-License-Identifier: MIT */
/* The units of a living process. See unit.c. */
#ifndef DAEMON_UNIT_H
#define DAEMON_UNIT_H

#include "daemon/core/unit.h"

#include <sys/types.h>

/* pid 0: our own. 0, or -errno and no names: it is gone, or hidden from us. */
int unit_read(pid_t pid, struct unit *unit);

#endif
