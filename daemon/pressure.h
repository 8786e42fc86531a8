/* SPDX-License-Identifier: MIT */
/* Whether processes wait for memory: the kernel's pressure stall information. See pressure.c. */
#ifndef PRESSURE_H
#define PRESSURE_H

#include "daemon/cgroup.h"

struct event_base;
struct pressure;

typedef void (*pressure_handler)(void *arg);

/* NULL: nobody tells. */
struct pressure *pressure_open(struct event_base *base, const struct cgroup *cgroup,
			       pressure_handler on_pressure, void *arg);
struct pressure *pressure_free(struct pressure *p);
void pressure_tick(struct pressure *p);			   /* once a second */
const char *pressure_get_source(const struct pressure *p); /* for people */

#endif
