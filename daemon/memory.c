/* SPDX-License-Identifier: MIT */
/*
 * The memory budget: our size in memory, once a second, against memory.limit.
 *
 * What a partition may hold unread is bounded when its handle is made; how many partitions there
 * are is not. Above 90 % the partitions that went unread longest are paused, a quarter of them a
 * second, and polled once, which frees what they hold; below 75 % they go on. A paused partition
 * costs its consumer the time to fetch again, never a message.
 */
#include "daemon/memory.h"

#include "daemon/claim.h"
#include "daemon/daemon.h"
#include "daemon/group.h"
#include "daemon/log.h"

#include <jemalloc/jemalloc.h>
#include <stdio.h>
#include <unistd.h>

const char *malloc_conf = "narenas:2,dirty_decay_ms:1000,muzzy_decay_ms:0,metadata_thp:disabled";

static uint64_t read_rss_bytes(void)
{
	unsigned long long size, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f)
		return 0;
	if (fscanf(f, "%llu %llu", &size, &resident) != 2)
		resident = 0;
	fclose(f);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static struct partition *find_longest_unread(struct daemon *d)
{
	struct partition *p, *best = NULL;
	struct group *g;

	TAILQ_FOREACH (g, &d->groups, link)
		TAILQ_FOREACH (p, &g->partitions, link)
			if (p->state == PARTITION_ACTIVE && !p->paused_for_memory &&
			    now_us() >= p->hold_until_us &&
			    (!best || p->last_taken_us < best->last_taken_us))
				best = p;
	return best;
}

static unsigned count_unpaused(struct daemon *d)
{
	struct partition *p;
	struct group *g;
	unsigned n = 0;

	TAILQ_FOREACH (g, &d->groups, link)
		TAILQ_FOREACH (p, &g->partitions, link)
			n += p->state == PARTITION_ACTIVE && !p->paused_for_memory;
	return n;
}

/* What was freed goes back to the system now, not when it has aged. */
static void give_back(void)
{
	char name[32];

	snprintf(name, sizeof(name), "arena.%u.purge", (unsigned)MALLCTL_ARENAS_ALL);
	mallctl(name, NULL, NULL, NULL, 0);
}

static void pause_some(struct daemon *d)
{
	unsigned n = count_unpaused(d) / 4 + 1, paused = 0;
	struct partition *p;

	for (; n && (p = find_longest_unread(d)); n--) {
		partition_pause_for_memory(p, true);
		if (!p->paused_for_memory)
			break;
		paused++;
	}
	give_back();
	if (paused)
		log_write(
			LOG_WARNING, NULL,
			"%llu MiB of %llu MiB (memory.limit) are used: paused %u unread partitions",
			(unsigned long long)d->rss_bytes >> 20,
			(unsigned long long)d->config->memory_limit_bytes >> 20, paused);
}

static void resume_all(struct daemon *d)
{
	struct partition *p;
	struct group *g;

	TAILQ_FOREACH (g, &d->groups, link)
		TAILQ_FOREACH (p, &g->partitions, link)
			partition_pause_for_memory(p, false);
}

void memory_tick(struct daemon *d)
{
	uint64_t limit = d->config->memory_limit_bytes;

	d->rss_bytes = read_rss_bytes();
	if (d->rss_bytes > limit / 10 * 9) {
		d->memory_short = true;
		pause_some(d);
	} else if (d->rss_bytes < limit / 4 * 3) {
		d->memory_short = false;
	}
	if (!d->memory_short)
		resume_all(d); /* each tick: one that was refused is tried again */
}
