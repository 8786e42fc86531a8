/* SPDX-License-Identifier: MIT */
/* Credit: totals that never shrink, on both sides. */
#include "daemon/core/credit.h"
#include "proto/errors.h"

#include "tests/unit/cmocka_all.h"

static void nothing_may_be_sent_before_the_first_grant(void **state)
{
	struct credit c = {0};

	assert_false(credit_open(&c));
	assert_int_equal(credit_messages_left(&c), 0);
	assert_int_equal(credit_bytes_left(&c), 0);
}

static void both_messages_and_bytes_must_be_left(void **state)
{
	struct credit c = {0};

	assert_int_equal(credit_grant(&c, 2, 0), 0);
	assert_false(credit_open(&c));
	assert_int_equal(credit_grant(&c, 2, 100), 0);
	assert_true(credit_open(&c));
	credit_take(&c, 2, 10);
	assert_false(credit_open(&c));
	assert_int_equal(credit_messages_left(&c), 0);
	assert_int_equal(credit_bytes_left(&c), 90);
}

static void the_last_message_may_overshoot_the_bytes(void **state)
{
	struct credit c = {0};

	credit_grant(&c, 10, 100);
	credit_take(&c, 1, 99);
	assert_true(credit_open(&c));
	credit_take(&c, 1, 5000);
	assert_false(credit_open(&c));
	assert_int_equal(credit_bytes_left(&c), 0);
	assert_int_equal(credit_messages_left(&c), 8);
}

static void an_overshoot_is_paid_back_by_the_next_grant(void **state)
{
	struct credit c = {0};

	credit_grant(&c, 10, 100);
	credit_take(&c, 1, 150);
	assert_int_equal(credit_grant(&c, 11, 150), 0);
	assert_false(credit_open(&c));
	assert_int_equal(credit_grant(&c, 11, 151), 0);
	assert_true(credit_open(&c));
	assert_int_equal(credit_bytes_left(&c), 1);
}

static void the_same_totals_again_change_nothing(void **state)
{
	struct credit c = {0};

	credit_grant(&c, 10, 100);
	assert_int_equal(credit_grant(&c, 10, 100), 0);
	assert_int_equal(credit_messages_left(&c), 10);
}

static void smaller_totals_are_refused_and_change_nothing(void **state)
{
	struct credit c = {0};

	credit_grant(&c, 10, 100);
	assert_int_equal(credit_grant(&c, 9, 200), -KGP_E_CREDIT);
	assert_int_equal(credit_grant(&c, 20, 99), -KGP_E_CREDIT);
	assert_int_equal(credit_messages_left(&c), 10);
	assert_int_equal(credit_bytes_left(&c), 100);
}

static void the_largest_totals_are_fine(void **state)
{
	struct credit c = {0};

	assert_int_equal(credit_grant(&c, UINT64_MAX, UINT64_MAX), 0);
	credit_take(&c, 1, 1);
	assert_true(credit_open(&c));
	assert_true(credit_messages_left(&c) == UINT64_MAX - 1);
	assert_true(credit_bytes_left(&c) == UINT64_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_may_be_sent_before_the_first_grant),
		cmocka_unit_test(both_messages_and_bytes_must_be_left),
		cmocka_unit_test(the_last_message_may_overshoot_the_bytes),
		cmocka_unit_test(an_overshoot_is_paid_back_by_the_next_grant),
		cmocka_unit_test(the_same_totals_again_change_nothing),
		cmocka_unit_test(smaller_totals_are_refused_and_change_nothing),
		cmocka_unit_test(the_largest_totals_are_fine),
	};

	return cmocka_run_group_tests_name("core credit", tests, NULL, NULL);
}
