/* SPDX-License-Identifier: MIT */
/*
 * The progress clock of a partition.
 *
 * Looked at once a second, it tells apart what from outside looks the same, that no message comes:
 * a slow application, an empty log, a broker that is away, a fetcher that stands although there is
 * data. Only the last is helped, first by a seek to where it stands, which wakes a fetcher, then,
 * when that changed nothing, by telling librdkafka its assignment anew; then again with patience in
 * between, because a wrong verdict must not cost a working partition more than a refetch. Owns two
 * clocks; pure, the time comes from the caller, who also does what is answered.
 */
#include "daemon/core/progress.h"

enum {
	PATIENCE_US = 10000000, /* a standstill before it is one */
	AGAIN_US = 30000000,	/* between attempts after the second */
};

/* A clock is set back while there is no reason to expect a change. */
static void turn_clocks(struct progress *p, const struct progress_facts *f, uint64_t now_us)
{
	if (p->position != f->position || !f->claimed || f->position >= f->end) {
		p->stands_since_us = now_us;
		p->n_attempts = 0;
	}
	if (!f->may_take || !f->claimed || f->paused)
		p->able_since_us = now_us;
	if (p->mark != f->mark || !f->claimed || f->paused || f->sent <= f->mark)
		p->owes_since_us = now_us;
	p->position = f->position;
	p->mark = f->mark;
}

static bool is_long(uint64_t since_us, uint64_t now_us)
{
	return now_us - since_us >= PATIENCE_US;
}

static enum progress_verdict judge(const struct progress *p, const struct progress_facts *f,
				   uint64_t now_us)
{
	if (!f->claimed)
		return PROGRESS_UNCLAIMED;
	if (f->paused)
		return PROGRESS_PAUSED;
	if (f->over_quota)
		return PROGRESS_QUOTA;
	if (is_long(p->owes_since_us, now_us))
		return PROGRESS_SLOW;
	if (f->position >= f->end)
		return f->sent > f->mark ? PROGRESS_MOVING : PROGRESS_NO_DATA;
	if (!is_long(p->stands_since_us, now_us))
		return PROGRESS_MOVING;
	if (!f->may_take)
		return PROGRESS_SLOW;
	if (!is_long(p->able_since_us, now_us))
		return PROGRESS_MOVING;
	return f->broker_away ? PROGRESS_BROKER : PROGRESS_STUCK;
}

enum progress_heal progress_judge(struct progress *p, const struct progress_facts *f,
				  uint64_t now_us)
{
	uint64_t wait_us = p->n_attempts % 2 ? PATIENCE_US : AGAIN_US;

	turn_clocks(p, f, now_us);
	p->verdict = judge(p, f, now_us);
	if (p->verdict != PROGRESS_STUCK || (p->n_attempts && now_us - p->healed_us < wait_us))
		return PROGRESS_LEAVE;
	p->healed_us = now_us;
	p->n_heals++;
	return p->n_attempts++ % 2 ? PROGRESS_REASSIGN : PROGRESS_SEEK;
}

const char *progress_name(enum progress_verdict v)
{
	static const char *const names[] = {
		[PROGRESS_UNCLAIMED] = "unclaimed",   [PROGRESS_MOVING] = "moving",
		[PROGRESS_NO_DATA] = "no data",	      [PROGRESS_PAUSED] = "paused",
		[PROGRESS_QUOTA] = "in flight quota", [PROGRESS_SLOW] = "slow application",
		[PROGRESS_BROKER] = "broker away",    [PROGRESS_STUCK] = "fetch stuck",
	};

	return names[v];
}
