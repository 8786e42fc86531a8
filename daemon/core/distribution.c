/* SPDX-License-Identifier: MIT */
/*
 * Distribution of this daemon's partitions among the consumers of this host.
 *
 * Pure: who should hold what, from who subscribes to what and who holds what. What to do about it
 * (release, wait, assign) is group.c's. Range and roundrobin look at one topic at a time: P owned
 * partitions in order, M subscribed consumers in byte order of their ids (parity.md E1, E2). The
 * sticky strategy keeps every partition where it is unless another consumer has at least two fewer,
 * and takes from the fullest first: it moves the fewest where all subscribe to the same. A
 * partition whose topic nobody subscribes to is nobody's. Last, a partition that its consumer gave
 * back stays with its holder, if that is another, or goes to the least loaded of the others; the
 * rest of the strategy's result stands. Allocates nothing.
 */
#include "daemon/core/distribution.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool subscribes(const struct dist_consumer *c, const char *topic)
{
	return c->n_topics &&
	       bsearch(&topic, c->topics, c->n_topics, sizeof(*c->topics), compare_names);
}

/* The consumers of one topic, counted, and the n-th of them. */
static size_t count_subscribers(const struct dist_consumer *c, size_t n, const char *topic)
{
	size_t i, m = 0;

	for (i = 0; i < n; i++)
		m += subscribes(&c[i], topic);
	return m;
}

static int nth_subscriber(const struct dist_consumer *c, const char *topic, size_t nth)
{
	int i = 0;

	for (;; i++)
		if (subscribes(&c[i], topic) && !nth--)
			return i;
}

/* floor(i * P / M + 0.5) */
static size_t boundary(size_t i, size_t n_partitions, size_t n_members)
{
	return (2 * i * n_partitions + n_members) / (2 * n_members);
}

static size_t range_member(size_t index, size_t n_partitions, size_t n_members)
{
	size_t i = 0;

	while (boundary(i + 1, n_partitions, n_members) <= index)
		i++;
	return i;
}

static void by_topic(enum kgp_strategy strategy, const struct dist_consumer *c, size_t n,
		     struct dist_partition *p, size_t n_p)
{
	size_t i, member, m = count_subscribers(c, n, p->topic);

	for (i = 0; i < n_p; i++) {
		member = !m || strategy == KGP_ROUNDROBIN ? i : range_member(i, n_p, m);
		p[i].desired = m ? nth_subscriber(c, p->topic, member % m) : -1;
	}
}

static bool is_closed_by(const struct dist_partition *p, int consumer)
{
	size_t i;

	for (i = 0; i < p->n_closed_by; i++)
		if (p->closed_by[i] == consumer)
			return true;
	return false;
}

/* The subscriber with the fewest partitions, the first of several; -1: none. */
static int least_loaded(const struct dist_consumer *c, size_t n, const struct dist_partition *p,
			bool honour_closed)
{
	int best = -1;
	size_t i;

	for (i = 0; i < n; i++)
		if (subscribes(&c[i], p->topic) && (best < 0 || c[i].n_held < c[best].n_held) &&
		    !(honour_closed && is_closed_by(p, (int)i)))
			best = (int)i;
	return best;
}

static void hold(struct dist_consumer *c, struct dist_partition *p, int desired)
{
	if (p->desired >= 0)
		c[p->desired].n_held--;
	if (desired >= 0)
		c[desired].n_held++;
	p->desired = desired;
}

/*
 * Who has exactly level partitions gives one, the last in order, to a consumer that has at least
 * two fewer; unheld: only one that it would have to be given first, which costs nobody anything.
 */
static bool give_one_each(struct dist_consumer *c, size_t n, struct dist_partition *p, size_t n_p,
			  size_t level, bool unheld)
{
	bool moved = false;
	size_t i;
	int to;

	for (i = n_p; i-- > 0;) {
		if (p[i].desired < 0 || c[p[i].desired].n_held != level ||
		    (unheld && p[i].desired == p[i].holder))
			continue;
		to = least_loaded(c, n, &p[i], false);
		if (c[to].n_held + 2 > level)
			continue;
		hold(c, &p[i], to);
		moved = true;
	}
	return moved;
}

/* From the fullest down: taking from a less full one first could cost a move more. */
static bool even_out(struct dist_consumer *c, size_t n, struct dist_partition *p, size_t n_p)
{
	size_t i, level = 0;
	bool moved = false;

	for (i = 0; i < n; i++)
		level = c[i].n_held > level ? c[i].n_held : level;
	for (; level >= 2; level--) {
		moved |= give_one_each(c, n, p, n_p, level, true);
		moved |= give_one_each(c, n, p, n_p, level, false);
	}
	return moved;
}

static void sticky(struct dist_consumer *c, size_t n, struct dist_partition *p, size_t n_p)
{
	size_t i;

	for (i = 0; i < n; i++)
		c[i].n_held = 0;
	for (i = 0; i < n_p; i++) {
		p[i].desired = -1;
		if (p[i].holder >= 0 && subscribes(&c[p[i].holder], p[i].topic))
			hold(c, &p[i], p[i].holder);
	}
	for (i = 0; i < n_p; i++)
		if (p[i].desired < 0)
			hold(c, &p[i], least_loaded(c, n, &p[i], false));
	while (even_out(c, n, p, n_p))
		;
}

static void count_held(struct dist_consumer *c, size_t n, const struct dist_partition *p,
		       size_t n_p)
{
	size_t i;

	for (i = 0; i < n; i++)
		c[i].n_held = 0;
	for (i = 0; i < n_p; i++)
		if (p[i].desired >= 0)
			c[p[i].desired].n_held++;
}

static void respect_closed(struct dist_consumer *c, size_t n, struct dist_partition *p, size_t n_p)
{
	size_t i;
	int holder;

	count_held(c, n, p, n_p);
	for (i = 0; i < n_p; i++) {
		if (p[i].desired < 0 || !is_closed_by(&p[i], p[i].desired))
			continue;
		holder = p[i].holder;
		if (holder < 0 || is_closed_by(&p[i], holder) ||
		    !subscribes(&c[holder], p[i].topic))
			holder = least_loaded(c, n, &p[i], true);
		hold(c, &p[i], holder);
	}
}

static void by_strategy(enum kgp_strategy strategy, struct dist_consumer *consumers,
			size_t n_consumers, struct dist_partition *partitions, size_t n_partitions)
{
	size_t from, to;

	if (strategy == KGP_COOPERATIVE_STICKY) {
		sticky(consumers, n_consumers, partitions, n_partitions);
		return;
	}
	for (from = 0; from < n_partitions; from = to) {
		for (to = from + 1; to < n_partitions; to++)
			if (strcmp(partitions[from].topic, partitions[to].topic))
				break;
		by_topic(strategy, consumers, n_consumers, partitions + from, to - from);
	}
}

void distribution_compute(enum kgp_strategy strategy, struct dist_consumer *consumers,
			  size_t n_consumers, struct dist_partition *partitions,
			  size_t n_partitions)
{
	by_strategy(strategy, consumers, n_consumers, partitions, n_partitions);
	respect_closed(consumers, n_consumers, partitions, n_partitions);
}
