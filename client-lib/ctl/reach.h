/* SPDX-License-Identifier: MIT */
/* Why the daemon's socket cannot be reached. See reach.c. */
#ifndef CTL_REACH_H
#define CTL_REACH_H

#include "client-lib/ctl/trouble.h"

/* Fills t from what connect() said (errno, positive) and from what the file looks like. */
void reach_explain(const char *socket_path, int error, struct trouble *t);

/* Looks without connecting: 0, or -errno with t filled if there is no hope. */
int reach_check(const char *socket_path, struct trouble *t);

#endif
