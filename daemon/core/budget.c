/* SPDX-License-Identifier: MIT */
/*
 * The memory budget: what the file says, and what the cgroup leaves.
 *
 * memory.limit of the file counts, unless a cgroup allows less. Without it our own cgroup's limit
 * is the budget, since whoever sets MemoryMax= of the unit has said how much we may have; the
 * limits above it are shared with others, so they only lower it. Beyond memory.max the kernel
 * kills, and it counts what our RSS does not: socket buffers, page tables. So an eighth of it is
 * left to those. memory.high only slows down, and is used whole. Below 32 MiB nothing would ever be
 * fetched.
 */
#include "daemon/core/budget.h"

#include <stdlib.h>
#include <string.h>

#define LEAST_BYTES ((uint64_t)32 << 20) /* as memory.limit */

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t budget_decide(uint64_t configured_bytes, bool is_explicit, const struct budget_room *room,
		       enum budget_source *source)
{
	bool follows = !is_explicit && room->own_bytes != BUDGET_UNLIMITED;
	uint64_t bytes = follows ? room->own_bytes : configured_bytes;

	*source = is_explicit ? BUDGET_FILE : BUDGET_DEFAULT;
	if (follows || room->all_bytes < bytes)
		*source = BUDGET_CGROUP;
	bytes = least(bytes, room->all_bytes);
	return bytes < LEAST_BYTES ? LEAST_BYTES : bytes;
}

/* "max" and what is no number: no limit. */
static uint64_t parse_limit(const char *text)
{
	char *end;
	unsigned long long bytes;

	if (!text || *text < '0' || *text > '9')
		return BUDGET_UNLIMITED;
	bytes = strtoull(text, &end, 10);
	return *end && *end != '\n' ? BUDGET_UNLIMITED : bytes;
}

uint64_t budget_room_of(const char *max, const char *high)
{
	uint64_t bytes = parse_limit(max);

	if (bytes != BUDGET_UNLIMITED)
		bytes -= bytes / 8;
	return least(bytes, parse_limit(high));
}

bool budget_parse_stall(const char *text, uint64_t *total_us)
{
	const char *total = strncmp(text, "some ", 5) ? NULL : strstr(text, " total=");

	if (!total)
		return false;
	*total_us = strtoull(total + strlen(" total="), NULL, 10);
	return true;
}
