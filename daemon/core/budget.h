/* SPDX-License-Identifier: MIT */
/* How much memory the daemon may hold, and whether memory is short. See budget.c. */
#ifndef BUDGET_H
#define BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#define BUDGET_UNLIMITED UINT64_MAX

/* What a cgroup's limits leave for us; BUDGET_UNLIMITED: nothing is said. */
struct budget_room {
	uint64_t own_bytes; /* of our own cgroup */
	uint64_t all_bytes; /* the least of it and those above */
};

enum budget_source { BUDGET_DEFAULT, BUDGET_FILE, BUDGET_CGROUP };

uint64_t budget_decide(uint64_t configured_bytes, bool is_explicit, const struct budget_room *room,
		       enum budget_source *source);

/* One level of cgroups; the texts are of memory.max and memory.high, NULL: there is no such file.
 */
uint64_t budget_room_of(const char *max, const char *high);

/* false: not the text of a memory.pressure. */
bool budget_parse_stall(const char *text, uint64_t *total_us);

#endif
