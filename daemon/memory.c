/* SPDX-License-Identifier: MIT */
/*
 * The memory budget: our size in memory, once a second, against memory.limit or what the cgroup
 * leaves us (core/budget.c), and the kernel's word that memory is short (pressure.c).
 *
 * What a partition may hold unread is bounded when its handle is made; how many partitions there
 * are is not. Above 90 % the partitions that went unread longest are paused, a quarter of them a
 * second, and polled once, which frees what they hold; below 75 % they go on. Until then one that
 * somebody waits to read goes on each second, in turn: a budget that cannot be kept slows delivery
 * down and never stops it. Pressure does the same whatever our size is, a quarter each time it is
 * told, but to those only that nobody waits to read, until somebody does or it was not told for
 * 10 s: it may last for as long as the machine runs. While the budget is kept, who comes to read a
 * paused partition does not wait for the next second. A paused partition costs its consumer the
 * time to fetch again, never a message.
 */
#include "daemon/memory.h"

#include "daemon/claim.h"
#include "daemon/config_key.h"
#include "daemon/consumer.h"
#include "daemon/daemon.h"
#include "daemon/group.h"
#include "daemon/log.h"

#include <jemalloc/jemalloc.h>
#include <stdio.h>
#include <unistd.h>

enum { PRESSED_US = 10000000 };

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

/* Its consumer has credit: what it holds is on its way, and empty it holds nothing. */
static bool has_reader(const struct partition *p)
{
	struct claim *claim = p->claim;

	return claim && claim->state == CLAIM_LIVE && !claim->paused && !claim->blocked &&
	       credit_open(claim_get_credit(claim)) && consumer_may_send(claim->consumer);
}

static struct partition *find_longest_unread(struct daemon *d, bool spare_readers)
{
	struct partition *p, *best = NULL;
	struct group *g;

	TAILQ_FOREACH (g, &d->groups, link)
		TAILQ_FOREACH (p, &g->partitions, link)
			if (p->state == PARTITION_ACTIVE && !p->paused_us &&
			    now_us() >= p->hold_until_us && !(spare_readers && has_reader(p)) &&
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
			n += p->state == PARTITION_ACTIVE && !p->paused_us;
	return n;
}

/* What was freed goes back to the system now, not when it has aged. */
static void give_back(void)
{
	char name[32];

	snprintf(name, sizeof(name), "arena.%u.purge", (unsigned)MALLCTL_ARENAS_ALL);
	mallctl(name, NULL, NULL, NULL, 0);
}

static unsigned pause_some(struct daemon *d, bool spare_readers)
{
	unsigned n = count_unpaused(d) / 4 + 1, paused = 0;
	struct partition *p;

	for (; n && (p = find_longest_unread(d, spare_readers)); n--) {
		partition_pause_for_memory(p, true);
		if (!p->paused_us)
			break;
		paused++;
	}
	give_back();
	return paused;
}

static void keep_within(struct daemon *d)
{
	unsigned paused = pause_some(d, false);

	if (paused)
		log_write(LOG_WARNING, NULL,
			  "%llu MiB of %llu MiB (%s) are used: paused %u unread partition%s",
			  (unsigned long long)d->memory.rss_bytes >> 20,
			  (unsigned long long)d->memory.budget_bytes >> 20, memory_get_source(d),
			  paused, PLURAL(paused));
}

static bool is_pressed(const struct daemon *d)
{
	return now_us() < d->memory.pressed_until_us;
}

static void on_pressure(void *arg)
{
	struct daemon *d = arg;
	bool goes_on = is_pressed(d);
	unsigned paused = pause_some(d, true);

	d->memory.n_pressures++;
	d->memory.pressed_until_us = now_us() + PRESSED_US;
	if (!goes_on)
		log_write(LOG_WARNING, NULL,
			  "memory is short, the kernel says: paused %u unread partition%s", paused,
			  PLURAL(paused));
}

static void resume(struct daemon *d, bool only_readers)
{
	struct partition *p;
	struct group *g;

	TAILQ_FOREACH (g, &d->groups, link)
		TAILQ_FOREACH (p, &g->partitions, link)
			if (!only_readers || has_reader(p))
				partition_pause_for_memory(p, false);
}

static void resume_next_reader(struct daemon *d)
{
	struct partition *p, *first = NULL;
	struct group *g;

	TAILQ_FOREACH (g, &d->groups, link)
		TAILQ_FOREACH (p, &g->partitions, link)
			if (p->paused_us && has_reader(p) &&
			    (!first || p->paused_us < first->paused_us))
				first = p;
	if (first)
		partition_pause_for_memory(first, false);
}

void memory_on_read(struct partition *p)
{
	if (!p->group->daemon->memory.is_short)
		partition_pause_for_memory(p, false);
}

/* ---- the budget ------------------------------------------------------------------------------ */

const char *memory_get_source(const struct daemon *d)
{
	static const char *const names[] = {
		[BUDGET_DEFAULT] = "the default of memory.limit",
		[BUDGET_FILE] = "memory.limit",
		[BUDGET_CGROUP] = "the limit of the cgroup",
	};

	return names[d->memory.source];
}

/* Quotas are shares of it. */
void memory_set_budget(struct daemon *d)
{
	bool is_explicit = d->config->origins[CONFIG_KEY_daemon_MEMORY_LIMIT].file;
	struct memory *m = &d->memory;
	struct budget_room room;
	uint64_t bytes;

	cgroup_read_room(&m->cgroup, &room);
	bytes = budget_decide(d->config->memory_limit_bytes, is_explicit, &room, &m->source);
	if (bytes == m->budget_bytes)
		return;
	m->budget_bytes = bytes;
	d->quota.limit[QUOTA_BYTES] = bytes / 2;
	d->quota.limit_per_user[QUOTA_BYTES] = bytes / 4;
	d->quota.limit_per_user[QUOTA_BUFFERS] = bytes / 8;
	log_write(LOG_INFO, NULL, "the memory budget is %llu MiB: %s",
		  (unsigned long long)bytes >> 20, memory_get_source(d));
}

unsigned memory_count_paused(const struct daemon *d)
{
	struct partition *p;
	struct group *g;
	unsigned n = 0;

	TAILQ_FOREACH (g, &d->groups, link)
		TAILQ_FOREACH (p, &g->partitions, link)
			n += p->paused_us != 0;
	return n;
}

void memory_tick(struct daemon *d)
{
	struct memory *m = &d->memory;

	memory_set_budget(d);
	pressure_tick(m->pressure);
	if (m->is_short)
		give_back(); /* what is freed ages only while something is allocated */
	m->rss_bytes = read_rss_bytes();
	if (m->rss_bytes > m->budget_bytes / 10 * 9) {
		m->is_short = true;
		keep_within(d);
	} else if (m->rss_bytes < m->budget_bytes / 4 * 3) {
		m->is_short = false;
	}
	if (m->is_short)
		resume_next_reader(d);
	else
		resume(d, is_pressed(d)); /* each tick: one that was refused is tried again */
}

void memory_open(struct daemon *d)
{
	struct memory *m = &d->memory;

	*m = (struct memory){0};
	cgroup_find(&m->cgroup, "/proc/self/cgroup", "/sys/fs/cgroup");
	m->pressure = pressure_open(d->base, &m->cgroup, on_pressure, d);
	memory_tick(d);
}

void memory_close(struct daemon *d)
{
	d->memory.pressure = pressure_free(d->memory.pressure);
}
