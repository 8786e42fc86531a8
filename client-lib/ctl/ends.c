/* SPDX-License-Identifier: MIT */
/*
 * Ends of partitions, for consume -e.
 *
 * Each claim has an end, the high water mark of the moment it came, and a next offset. The last
 * offset below the end need not be a message (control records of transactions, compaction): who
 * waits for it asks the daemon how far the partition is, and advances it here. Few claims, a plain
 * list. Pure.
 */
#include "client-lib/ctl/ends.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct end *find(const struct ends *e, const char *topic, int32_t partition)
{
	size_t i;

	for (i = 0; i < e->n; i++) {
		if (e->list[i].partition == partition && strcmp(e->list[i].topic, topic) == 0)
			return &e->list[i];
	}
	return NULL;
}

int ends_add(struct ends *e, const char *topic, int32_t partition, int64_t next, int64_t high)
{
	struct end *list, *end = find(e, topic, partition);

	if (end)
		return 0;
	list = reallocarray(e->list, e->n + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	e->list = list;
	end = &list[e->n++];
	*end = (struct end){.partition = partition, .next = next, .high = high};
	snprintf(end->topic, sizeof(end->topic), "%s", topic);
	return 0;
}

void ends_remove(struct ends *e, const char *topic, int32_t partition)
{
	struct end *end = find(e, topic, partition);

	if (end)
		*end = e->list[--e->n];
}

void ends_advance(struct ends *e, const char *topic, int32_t partition, int64_t next)
{
	struct end *end = find(e, topic, partition);

	if (end && next > end->next)
		end->next = next;
}

void ends_learn(struct ends *e, const char *topic, int32_t partition, int64_t high)
{
	struct end *end = find(e, topic, partition);

	if (end && end->high < 0)
		end->high = high;
}

bool ends_are_reached(const struct ends *e)
{
	size_t i;

	for (i = 0; i < e->n; i++) {
		if (e->list[i].high < 0 || e->list[i].next < e->list[i].high)
			return false;
	}
	return true;
}

void ends_deinit(struct ends *e)
{
	free(e->list);
	*e = (struct ends){0};
}
