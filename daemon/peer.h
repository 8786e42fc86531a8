/* SPDX-License-Identifier: MIT */
/* Who connected, as the kernel says. See peer.c. */
#ifndef PEER_H
#define PEER_H

#include "daemon/core/access.h"

/* pid_fd: the caller's, -1 if there is none. 0 or -errno; peer_deinit() in any case. */
int peer_read(struct peer *peer, int fd, int *pid_fd);
const char *peer_get_unit(const struct peer *peer); /* for people: the closest one; NULL: none */
const char *peer_why_no_units(void); /* why no peer's unit is ever certain here; NULL: it is */

#endif
