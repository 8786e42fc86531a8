/* SPDX-License-Identifier: MIT */
/* Points of time: each form that people type, and nothing that only looks like one. */
#include "client-lib/ctl/moment.h"

#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define NOW_MS INT64_C(1714566645123) /* 2024-05-01 12:30:45.123 UTC */
#define DAY_MS INT64_C(1714521600000) /* 2024-05-01 00:00 UTC */

static int64_t parse(const char *text)
{
	int64_t ms = -77;

	return moment_parse(text, NOW_MS, &ms) == 0 ? ms : -1;
}

static void set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static void a_number_is_milliseconds_since_1970(void **state)
{
	assert_int_equal(parse("0"), 0);
	assert_int_equal(parse("1714566645123"), NOW_MS);
	assert_int_equal(parse("@1714566645123"), NOW_MS);
	assert_int_equal(parse("9223372036854775807"), INT64_MAX);
}

static void a_minus_counts_back_from_now(void **state)
{
	assert_int_equal(parse("-250ms"), NOW_MS - 250);
	assert_int_equal(parse("-90s"), NOW_MS - 90000);
	assert_int_equal(parse("-5m"), NOW_MS - 300000);
	assert_int_equal(parse("-1h"), NOW_MS - 3600000);
	assert_int_equal(parse("@-2d"), NOW_MS - 2 * 86400000);
}

static void a_date_is_local_or_with_z_utc(void **state)
{
	set_zone("XYZ-3");
	assert_int_equal(parse("2024-05-01Z"), DAY_MS);
	assert_int_equal(parse("2024-05-01"), DAY_MS - 3 * 3600000);
	assert_int_equal(parse("2024-05-01 12:30Z"), DAY_MS + 45000000);
	assert_int_equal(parse("2024-05-01T12:30:45Z"), DAY_MS + 45045000);
	assert_int_equal(parse("2024-05-01 15:30:45"), DAY_MS + 45045000);
	set_zone("UTC");
	assert_int_equal(parse("2024-02-29"), DAY_MS - INT64_C(62) * 86400000);
}

static void what_is_not_wholly_understood_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"@",
		"-",
		"now",
		"-1",
		"-1w",
		"-h",
		"--1h",
		"-1.5h",
		"1h",
		"12:30",
		"1714566645.5",
		"2024-5-1",
		"2024-02-30",
		"2024-13-01",
		"2023-02-29",
		"2024-05-01 ",
		"2024-05-01 25:00",
		"2024-05-01 12",
		"2024-05-01T12:30:45ZZ",
		"2024-05-01 12:30:45 and more",
		"1969-12-31Z",
		"-999999999h",
		"9223372036854775808",
		"-9223372036854775808ms",
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t ms;

		if (moment_parse(bad[i], NOW_MS, &ms) != -EINVAL)
			fail_msg("'%s' was taken for %lld", bad[i], (long long)ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_milliseconds_since_1970),
		cmocka_unit_test(a_minus_counts_back_from_now),
		cmocka_unit_test(a_date_is_local_or_with_z_utc),
		cmocka_unit_test(what_is_not_wholly_understood_is_refused),
	};

	return cmocka_run_group_tests_name("ctl_moment", tests, NULL, NULL);
}
