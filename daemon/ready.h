/* SPDX-License-Identifier: MIT */
/* Whether a group does what it is there for. See ready.c. */
#ifndef READY_H
#define READY_H

#include <stdbool.h>
#include <stddef.h>

struct daemon;
struct group;

/* false: why, for people, at most size bytes with its NUL; else "". */
bool ready_group(const struct group *g, char *why, size_t size);
bool ready_daemon(const struct daemon *d); /* each of its groups */

#endif
