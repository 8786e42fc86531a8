/* SPDX-License-Identifier: MIT */
/* consume -e ends where the partitions ended at the start, not earlier and not later. */
#include "client-lib/ctl/ends.h"

#include "tests/unit/cmocka_all.h"

static void without_claims_there_is_nothing_to_wait_for(void **state)
{
	struct ends e = {0};

	assert_true(ends_are_reached(&e));
	ends_deinit(&e);
}

static void all_partitions_must_be_at_their_ends(void **state)
{
	struct ends e = {0};

	assert_int_equal(ends_add(&e, "a", 0, 5, 7), 0);
	assert_int_equal(ends_add(&e, "a", 1, 3, 3), 0);
	assert_false(ends_are_reached(&e));
	ends_advance(&e, "a", 0, 6);
	assert_false(ends_are_reached(&e));
	ends_advance(&e, "a", 0, 7);
	assert_true(ends_are_reached(&e));
	ends_deinit(&e);
}

static void what_is_written_later_does_not_move_the_end(void **state)
{
	struct ends e = {0};

	ends_add(&e, "a", 0, 0, 2);
	ends_learn(&e, "a", 0, 100);
	ends_advance(&e, "a", 0, 2);
	assert_true(ends_are_reached(&e));
	ends_deinit(&e);
}

static void an_unknown_end_is_waited_for(void **state)
{
	struct ends e = {0};

	ends_add(&e, "a", 0, 4, -1);
	assert_false(ends_are_reached(&e));
	ends_learn(&e, "a", 0, 4);
	assert_true(ends_are_reached(&e));
	ends_deinit(&e);
}

static void a_partition_that_left_is_not_waited_for(void **state)
{
	struct ends e = {0};

	ends_add(&e, "a", 0, 0, 9);
	ends_add(&e, "b", 0, 0, 0);
	ends_remove(&e, "a", 0);
	ends_remove(&e, "a", 0);
	assert_true(ends_are_reached(&e));
	ends_deinit(&e);
}

static void positions_go_forward_only(void **state)
{
	struct ends e = {0};

	ends_add(&e, "a", 0, 9, 9);
	ends_advance(&e, "a", 0, 3);
	ends_advance(&e, "other", 0, 100);
	assert_true(ends_are_reached(&e));
	ends_deinit(&e);
}

static void a_claim_that_comes_twice_keeps_its_end(void **state)
{
	struct ends e = {0};

	ends_add(&e, "a", 0, 0, 2);
	ends_add(&e, "a", 0, 2, 50);
	ends_advance(&e, "a", 0, 2);
	assert_true(ends_are_reached(&e));
	ends_deinit(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_claims_there_is_nothing_to_wait_for),
		cmocka_unit_test(all_partitions_must_be_at_their_ends),
		cmocka_unit_test(what_is_written_later_does_not_move_the_end),
		cmocka_unit_test(an_unknown_end_is_waited_for),
		cmocka_unit_test(a_partition_that_left_is_not_waited_for),
		cmocka_unit_test(positions_go_forward_only),
		cmocka_unit_test(a_claim_that_comes_twice_keeps_its_end),
	};

	return cmocka_run_group_tests_name("ctl_ends", tests, NULL, NULL);
}
