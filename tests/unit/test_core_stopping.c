/* SPDX-License-Identifier: MIT */
/* Whether a stop gives the place in the groups away. */
#include "daemon/core/stopping.h"

#include "tests/unit/cmocka_all.h"

#include <stdio.h>

static bool leaves(enum stopping_policy policy, enum stopping_manager manager, const char *job)
{
	struct stopping_facts facts = {.manager = manager};
	const char *why = NULL;
	bool r;

	snprintf(facts.job, sizeof(facts.job), "%s", job);
	r = stopping_leaves(policy, &facts, &why);
	assert_non_null(why);
	return r;
}

static void a_job_that_stops_the_unit_gives_the_place_away(void **state)
{
	assert_true(leaves(STOPPING_AUTO, STOPPING_JOB, "stop"));
}

static void jobs_that_start_it_again_keep_the_place(void **state)
{
	static const char *const jobs[] = {"restart", "try-restart", "start"};
	size_t i;

	for (i = 0; i < sizeof(jobs) / sizeof(*jobs); i++)
		assert_false(leaves(STOPPING_AUTO, STOPPING_JOB, jobs[i]));
}

static void jobs_that_are_not_about_stopping_keep_the_place(void **state)
{
	static const char *const jobs[] = {"reload", "verify-active", "nop", "", "stop "};
	size_t i;

	for (i = 0; i < sizeof(jobs) / sizeof(*jobs); i++)
		assert_false(leaves(STOPPING_AUTO, STOPPING_JOB, jobs[i]));
}

static void without_an_answer_the_place_is_kept(void **state)
{
	assert_false(leaves(STOPPING_AUTO, STOPPING_UNMANAGED, ""));
	assert_false(leaves(STOPPING_AUTO, STOPPING_SILENT, ""));
	assert_false(leaves(STOPPING_AUTO, STOPPING_NO_JOB, "stop")); /* the job is not looked at */
}

static void what_the_file_says_needs_no_facts(void **state)
{
	const char *why;

	assert_false(stopping_leaves(STOPPING_KEEP, NULL, &why));
	assert_string_equal(why, "on.stop = keep");
	assert_true(stopping_leaves(STOPPING_LEAVE, NULL, &why));
	assert_string_equal(why, "on.stop = leave");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_that_stops_the_unit_gives_the_place_away),
		cmocka_unit_test(jobs_that_start_it_again_keep_the_place),
		cmocka_unit_test(jobs_that_are_not_about_stopping_keep_the_place),
		cmocka_unit_test(without_an_answer_the_place_is_kept),
		cmocka_unit_test(what_the_file_says_needs_no_facts),
	};

	return cmocka_run_group_tests_name("core stopping", tests, NULL, NULL);
}
