/* SPDX-License-Identifier: MIT */
/* Consumers and partitions of a distribution, in the words of parity.md: "[0,1,2] [3,4,5]". */
#ifndef UNIT_TEST_CORE_DISTRIBUTION_FIXTURE_H
#define UNIT_TEST_CORE_DISTRIBUTION_FIXTURE_H

#include "daemon/core/distribution.h"

#include "tests/unit/cmocka_all.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { MOST_CONSUMERS = 40, MOST_PARTITIONS = 80, MOST_TOPICS = 4 };

static const char *const topic_names[MOST_TOPICS] = {"t0", "t1", "t2", "t3"};

struct world {
	struct dist_consumer consumers[MOST_CONSUMERS];
	const char *topics[MOST_CONSUMERS][MOST_TOPICS];
	struct dist_partition partitions[MOST_PARTITIONS];
	size_t n_consumers, n_partitions;
};

/* Bit i of topics: subscribed to topic i. */
static inline void world_add_consumer(struct world *w, unsigned topics)
{
	size_t i = w->n_consumers++;
	unsigned t;

	w->consumers[i] = (struct dist_consumer){.topics = w->topics[i]};
	for (t = 0; t < MOST_TOPICS; t++)
		if (topics & 1u << t)
			w->topics[i][w->consumers[i].n_topics++] = topic_names[t];
}

/* Topics are added in their order. */
static inline void world_add_partitions(struct world *w, int topic, int n, int holder)
{
	int i;

	for (i = 0; i < n; i++)
		w->partitions[w->n_partitions++] = (struct dist_partition){
			.topic = topic_names[topic], .id = i, .holder = holder, .desired = -2};
}

/* One topic that nobody holds, and everybody wants. It must not move: it points into itself. */
static inline void world_init(struct world *w, int n_partitions, int n_consumers)
{
	int i;

	w->n_consumers = w->n_partitions = 0;
	for (i = 0; i < n_consumers; i++)
		world_add_consumer(w, 1);
	world_add_partitions(w, 0, n_partitions, -1);
}

static inline void world_compute(struct world *w, enum kgp_strategy strategy)
{
	distribution_compute(strategy, w->consumers, w->n_consumers, w->partitions,
			     w->n_partitions);
}

/* Who was given what of a topic. */
static inline const char *world_show(const struct world *w, int topic)
{
	static char text[1024];
	size_t c, p, at = 0;
	bool first;

	text[0] = 0;
	for (c = 0; c < w->n_consumers; c++) {
		at += (size_t)snprintf(text + at, sizeof(text) - at, c ? " [" : "[");
		first = true;
		for (p = 0; p < w->n_partitions; p++) {
			if (strcmp(w->partitions[p].topic, topic_names[topic]) ||
			    w->partitions[p].desired != (int)c)
				continue;
			at += (size_t)snprintf(text + at, sizeof(text) - at, first ? "%d" : ",%d",
					       (int)w->partitions[p].id);
			first = false;
		}
		at += (size_t)snprintf(text + at, sizeof(text) - at, "]");
	}
	return text;
}

#endif
