/* SPDX-License-Identifier: MIT */
/* The verdicts of the progress clock, and what it asks for. */
#include "daemon/core/progress.h"

#include "tests/unit/cmocka_all.h"

#define S 1000000u

static struct progress p;
static struct progress_facts f;
static uint64_t now;

/* A claimed partition with room that stands at 5 of 10, nothing unmarked. */
static int setup(void **state)
{
	p = (struct progress){.position = -1, .mark = -1};
	f = (struct progress_facts){
		.claimed = true, .may_take = true, .position = 5, .end = 10, .sent = 4, .mark = 4};
	now = 100 * S;
	return 0;
}

static enum progress_heal look(unsigned after_s)
{
	now += (uint64_t)after_s * S;
	return progress_judge(&p, &f, now);
}

static void assert_verdict(enum progress_verdict v)
{
	assert_string_equal(progress_name(p.verdict), progress_name(v));
}

static void what_moves_is_moving(void **state)
{
	unsigned i;

	for (i = 0; i < 30; i++) {
		f.position = f.sent = f.mark = i;
		f.end = 100;
		assert_int_equal(look(5), PROGRESS_LEAVE);
		assert_verdict(PROGRESS_MOVING);
	}
}

static void at_the_end_there_is_no_data(void **state)
{
	f.position = 10;
	assert_int_equal(look(0), PROGRESS_LEAVE);
	assert_verdict(PROGRESS_NO_DATA);
	assert_int_equal(look(100), PROGRESS_LEAVE);
	assert_verdict(PROGRESS_NO_DATA);
	f.end = -1;
	look(1);
	assert_verdict(PROGRESS_NO_DATA);
}

static void a_user_that_holds_all_it_may_is_told_so_at_once_and_nothing_is_healed(void **state)
{
	f.over_quota = true;
	f.may_take = false;
	f.sent = 9;
	assert_int_equal(look(0), PROGRESS_LEAVE);
	assert_verdict(PROGRESS_QUOTA);
	assert_int_equal(look(1000), PROGRESS_LEAVE);
	assert_verdict(PROGRESS_QUOTA);
	f.paused = true;
	look(1);
	assert_verdict(PROGRESS_PAUSED);
}

static void what_is_sent_and_not_marked_is_slow_after_a_while(void **state)
{
	f.position = 10;
	f.sent = 9;
	look(0);
	assert_verdict(PROGRESS_MOVING);
	look(9);
	assert_verdict(PROGRESS_MOVING);
	look(1);
	assert_verdict(PROGRESS_SLOW);
	f.mark = 5;
	look(1);
	assert_verdict(PROGRESS_MOVING);
}

static void who_takes_no_more_is_slow(void **state)
{
	f.may_take = false;
	look(0);
	assert_verdict(PROGRESS_MOVING);
	assert_int_equal(look(10), PROGRESS_LEAVE);
	assert_verdict(PROGRESS_SLOW);
	f.may_take = true;
	assert_int_equal(look(1), PROGRESS_LEAVE);
	assert_verdict(PROGRESS_MOVING); /* the fetcher has its time from here */
	assert_int_equal(look(10), PROGRESS_SEEK);
}

static void a_broker_that_is_away_is_not_healed(void **state)
{
	f.broker_away = true;
	look(0);
	assert_int_equal(look(10), PROGRESS_LEAVE);
	assert_verdict(PROGRESS_BROKER);
}

static void nobodys_and_paused_are_left_alone(void **state)
{
	f.claimed = false;
	look(0);
	assert_int_equal(look(60), PROGRESS_LEAVE);
	assert_verdict(PROGRESS_UNCLAIMED);
	f.claimed = f.paused = true;
	assert_int_equal(look(60), PROGRESS_LEAVE);
	assert_verdict(PROGRESS_PAUSED);
	f.paused = false;
	assert_int_equal(look(1), PROGRESS_LEAVE);
	assert_verdict(PROGRESS_MOVING);
}

static void what_is_stuck_is_sought_then_assigned_anew(void **state)
{
	look(0);
	assert_int_equal(look(9), PROGRESS_LEAVE);
	assert_int_equal(look(1), PROGRESS_SEEK);
	assert_verdict(PROGRESS_STUCK);
	assert_int_equal(look(9), PROGRESS_LEAVE);
	assert_int_equal(look(1), PROGRESS_REASSIGN);
	assert_int_equal(look(29), PROGRESS_LEAVE);
	assert_int_equal(look(1), PROGRESS_SEEK);
	assert_int_equal(p.n_heals, 3);
}

static void a_new_standstill_begins_with_a_seek(void **state)
{
	look(0);
	assert_int_equal(look(10), PROGRESS_SEEK);
	f.position = 6;
	assert_int_equal(look(1), PROGRESS_LEAVE);
	assert_verdict(PROGRESS_MOVING);
	assert_int_equal(look(10), PROGRESS_SEEK);
	assert_int_equal(p.n_heals, 2);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		TEST(what_moves_is_moving),
		TEST(at_the_end_there_is_no_data),
		TEST(a_user_that_holds_all_it_may_is_told_so_at_once_and_nothing_is_healed),
		TEST(what_is_sent_and_not_marked_is_slow_after_a_while),
		TEST(who_takes_no_more_is_slow),
		TEST(a_broker_that_is_away_is_not_healed),
		TEST(nobodys_and_paused_are_left_alone),
		TEST(what_is_stuck_is_sought_then_assigned_anew),
		TEST(a_new_standstill_begins_with_a_seek),
	};

	return cmocka_run_group_tests_name("core progress", tests, NULL, NULL);
}
