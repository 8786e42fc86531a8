/* SPDX-License-Identifier: MIT */
/*
 * Rebalances as a line each: what begins or has ended, what it brought and took, what is held now.
 *
 * Partitions stand as ranges behind their topic, "orders/0-3,7 refunds/1", for a group may have
 * hundreds. They are told in the library's order: topic by topic, rising. Nothing is kept.
 */
#include "client-lib/ctl/rebalance.h"

#include <string.h>

/* How many behind the first one follow it number by number. */
static size_t count_run(const struct kg_partition_id *list, size_t n)
{
	size_t i = 1;

	while (i < n && strcmp(list[i].topic, list->topic) == 0 &&
	       list[i].partition == list->partition + (int32_t)i)
		i++;
	return i;
}

static void print_places(const struct kg_partition_id *list, size_t n, FILE *out)
{
	const char *topic = "";
	size_t i = 0, run;

	if (n == 0)
		fputs("nothing", out);
	for (; i < n; i += run) {
		run = count_run(list + i, n - i);
		if (strcmp(topic, list[i].topic) == 0)
			fputc(',', out);
		else
			fprintf(out, "%s%s/", i ? " " : "", list[i].topic);
		topic = list[i].topic;
		fprintf(out, run > 1 ? "%d-%d" : "%d", list[i].partition,
			list[i + run - 1].partition);
	}
}

void rebalance_print(const struct kg_event *event, FILE *out)
{
	static const char *const kinds[] = {
		[KG_NOTIFY_UNKNOWN] = "unknown notification",
		[KG_NOTIFY_START] = "rebalance start",
		[KG_NOTIFY_OK] = "rebalance OK",
		[KG_NOTIFY_ERROR] = "rebalance error",
	};

	fprintf(out, "kgroupctl: %s: ", kinds[event->notification]);
	if (event->notification != KG_NOTIFY_START) {
		fputs("claimed ", out);
		print_places(event->claimed, event->n_claimed, out);
		fputs(", released ", out);
		print_places(event->released, event->n_released, out);
		fputs(", ", out);
	}
	fputs("holds ", out);
	print_places(event->current, event->n_current, out);
	fputc('\n', out);
}
