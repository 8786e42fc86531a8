/* SPDX-License-Identifier: MIT */
/* The memory budget. See memory.c. */
#ifndef MEMORY_H
#define MEMORY_H

#include "daemon/cgroup.h"
#include "daemon/pressure.h"

#include <stdbool.h>
#include <stdint.h>

struct daemon;
struct partition;

struct memory {
	struct cgroup cgroup;
	struct pressure *pressure; /* owned; NULL: nobody tells */
	uint64_t rss_bytes, budget_bytes;
	enum budget_source source; /* of budget_bytes */
	bool is_short;		   /* above 90 % of it, until below 75 % */
	uint64_t pressed_until_us; /* partitions paused by pressure stay so until then */
	uint64_t n_pressures;
};

void memory_open(struct daemon *d); /* the loop is there */
void memory_close(struct daemon *d);
void memory_tick(struct daemon *d);
void memory_set_budget(struct daemon *d); /* the configuration is another */
const char *memory_get_source(const struct daemon *d);
void memory_on_read(struct partition *p); /* it is paused, and somebody would read it now */
unsigned memory_count_paused(const struct daemon *d);

#endif
