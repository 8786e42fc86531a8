/* SPDX-License-Identifier: MIT */
/* How much memory the daemon may hold. */
#include "daemon/core/budget.h"

#include "tests/unit/cmocka_all.h"

#define MIB ((uint64_t)1 << 20)
#define NO  BUDGET_UNLIMITED

static void expect(uint64_t configured_mib, bool is_explicit, uint64_t own, uint64_t all,
		   uint64_t budget_mib, enum budget_source from)
{
	const struct budget_room room = {own, all};
	enum budget_source source;

	assert_int_equal(budget_decide(configured_mib * MIB, is_explicit, &room, &source),
			 budget_mib * MIB);
	assert_int_equal(source, from);
}

static void without_a_cgroup_the_file_or_its_default_counts(void **state)
{
	expect(512, false, NO, NO, 512, BUDGET_DEFAULT);
	expect(100, true, NO, NO, 100, BUDGET_FILE);
}

static void without_a_value_in_the_file_the_own_cgroup_counts(void **state)
{
	expect(512, false, 200 * MIB, 200 * MIB, 200, BUDGET_CGROUP);
	expect(512, false, 4096 * MIB, 4096 * MIB, 4096, BUDGET_CGROUP);
}

static void the_file_counts_unless_a_cgroup_allows_less(void **state)
{
	expect(300, true, 4096 * MIB, 4096 * MIB, 300, BUDGET_FILE);
	expect(300, true, 200 * MIB, 200 * MIB, 200, BUDGET_CGROUP);
	expect(300, true, NO, 100 * MIB, 100, BUDGET_CGROUP);
}

/* A slice's limit is for all of its units. */
static void limits_above_only_lower_it(void **state)
{
	expect(512, false, NO, 4096 * MIB, 512, BUDGET_DEFAULT);
	expect(512, false, NO, 100 * MIB, 100, BUDGET_CGROUP);
	expect(512, false, 4096 * MIB, 700 * MIB, 700, BUDGET_CGROUP);
}

static void it_is_never_less_than_the_least(void **state)
{
	expect(512, false, 1, 1, 32, BUDGET_CGROUP);
	expect(512, false, 0, 0, 32, BUDGET_CGROUP);
}

static void an_eighth_of_the_hard_limit_is_left_to_the_kernel(void **state)
{
	assert_int_equal(budget_room_of("838860800\n", "max\n"), 700 * MIB);
	assert_int_equal(budget_room_of("838860800", NULL), 700 * MIB);
	assert_int_equal(budget_room_of("max\n", "104857600\n"), 100 * MIB);
	assert_int_equal(budget_room_of("838860800\n", "104857600\n"), 100 * MIB);
	assert_int_equal(budget_room_of("104857600\n", "838860800\n"), 104857600 / 8 * 7);
	assert_int_equal(budget_room_of("0\n", NULL), 0);
}

static void what_is_no_number_is_no_limit(void **state)
{
	assert_int_equal(budget_room_of("max\n", "max\n"), NO);
	assert_int_equal(budget_room_of(NULL, NULL), NO);
	assert_int_equal(budget_room_of("", "-5\n"), NO);
	assert_int_equal(budget_room_of("12x\n", " 7\n"), NO);
}

static void the_stall_is_that_of_some(void **state)
{
	uint64_t us = 0;

	assert_true(budget_parse_stall("some avg10=0.00 avg60=0.00 avg300=0.00 total=1234567\n"
				       "full avg10=0.00 avg60=0.00 avg300=0.00 total=99\n",
				       &us));
	assert_int_equal(us, 1234567);
	assert_false(budget_parse_stall("", &us));
	assert_false(budget_parse_stall("some avg10=0.00\n", &us));
	assert_false(budget_parse_stall("full avg10=0.00 total=5\n", &us));
	assert_int_equal(us, 1234567);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_cgroup_the_file_or_its_default_counts),
		cmocka_unit_test(without_a_value_in_the_file_the_own_cgroup_counts),
		cmocka_unit_test(the_file_counts_unless_a_cgroup_allows_less),
		cmocka_unit_test(limits_above_only_lower_it),
		cmocka_unit_test(it_is_never_less_than_the_least),
		cmocka_unit_test(an_eighth_of_the_hard_limit_is_left_to_the_kernel),
		cmocka_unit_test(what_is_no_number_is_no_limit),
		cmocka_unit_test(the_stall_is_that_of_some),
	};

	return cmocka_run_group_tests_name("core budget", tests, NULL, NULL);
}
