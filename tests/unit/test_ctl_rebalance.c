/* SPDX-License-Identifier: MIT */
/* Rebalances in words. */
#include "client-lib/ctl/rebalance.h"

#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

static void expect(const struct kg_event *event, const char *line)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	rebalance_print(event, out);
	fclose(out);
	assert_string_equal(text, line);
	free(text);
}

static void a_start_says_what_is_held(void **state)
{
	const struct kg_partition_id held[] = {{"orders", 3}};
	struct kg_event event = {.type = KG_EVENT_NOTIFICATION, .notification = KG_NOTIFY_START};

	expect(&event, "kgroupctl: rebalance start: holds nothing\n");
	event.current = held;
	event.n_current = 1;
	expect(&event, "kgroupctl: rebalance start: holds orders/3\n");
}

static void an_end_says_what_came_and_went(void **state)
{
	const struct kg_partition_id claimed[] = {{"a", 0}, {"a", 1}, {"b", 2}};
	const struct kg_partition_id released[] = {{"a", 9}};
	struct kg_event event = {
		.type = KG_EVENT_NOTIFICATION,
		.notification = KG_NOTIFY_OK,
		.claimed = claimed,
		.n_claimed = 3,
		.released = released,
		.n_released = 1,
		.current = claimed,
		.n_current = 3,
	};

	expect(&event,
	       "kgroupctl: rebalance OK: claimed a/0-1 b/2, released a/9, holds a/0-1 b/2\n");
	event.notification = KG_NOTIFY_ERROR;
	event.n_claimed = event.n_current = 0;
	expect(&event,
	       "kgroupctl: rebalance error: claimed nothing, released a/9, holds nothing\n");
}

static void neighbours_are_a_range(void **state)
{
	const struct kg_partition_id held[] = {{"a", 0}, {"a", 1}, {"a", 2}, {"a", 4},
					       {"a", 6}, {"a", 7}, {"b", 8}, {"c", 9}};
	struct kg_event event = {.type = KG_EVENT_NOTIFICATION,
				 .notification = KG_NOTIFY_START,
				 .current = held,
				 .n_current = 8};

	expect(&event, "kgroupctl: rebalance start: holds a/0-2,4,6-7 b/8 c/9\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_start_says_what_is_held),
		cmocka_unit_test(an_end_says_what_came_and_went),
		cmocka_unit_test(neighbours_are_a_range),
	};

	return cmocka_run_group_tests_name("ctl_rebalance", tests, NULL, NULL);
}
