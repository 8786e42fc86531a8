/* SPDX-License-Identifier: MIT */
/* Patterns of topics: what they choose, what is said of bad ones, and what hostile ones cost. */
#include "daemon/core/filter.h"
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum { LONGEST = 249 };

static char why[512];

static struct filter *make(const char *include, const char *exclude)
{
	struct filter *f = NULL;

	assert_int_equal(filter_new(&f, kgp_text(include), kgp_text(exclude), why, sizeof(why)), 0);
	return f;
}

static void refuses(const char *include, const char *exclude, const char *expected)
{
	struct filter *f = NULL;

	assert_int_equal(filter_new(&f, kgp_text(include), kgp_text(exclude), why, sizeof(why)),
			 -EINVAL);
	assert_null(f);
	if (!strstr(why, expected))
		fail_msg("'%s' is not in '%s'", expected, why);
}

static void include_chooses_and_exclude_takes_away(void **state)
{
	struct filter *f = make("topic-\\w+", "[bcd]$");

	(void)state;
	assert_true(filter_has_include(f));
	assert_int_equal(filter_match(f, "topic-a"), 1);
	assert_int_equal(filter_match(f, "topic-b"), 0);
	assert_int_equal(filter_match(f, "topic-c"), 0);
	assert_int_equal(filter_match(f, "topic-d"), 0);
	assert_int_equal(filter_match(f, "other"), 0);
	assert_int_equal(filter_match(f, "my-topic-a1"), 1); /* found anywhere */
	filter_free(f);
	f = make("^orders", NULL);
	assert_int_equal(filter_match(f, "orders"), 1);
	assert_int_equal(filter_match(f, "my-orders"), 0);
	filter_free(f);
}

static void exclude_alone_chooses_nothing(void **state)
{
	struct filter *f = make(NULL, "b$");

	(void)state;
	assert_false(filter_has_include(f));
	assert_int_equal(filter_match(f, "a"), 0);
	filter_free(f);
	filter_free(NULL);
}

static void topics_of_kafka_itself_need_underscores(void **state)
{
	struct filter *f = make(".", NULL);

	(void)state;
	assert_int_equal(filter_match(f, "__consumer_offsets"), 0);
	assert_int_equal(filter_match(f, "_mine"), 1);
	filter_free(f);
	f = make("^__consumer", NULL);
	assert_int_equal(filter_match(f, "__consumer_offsets"), 1);
	filter_free(f);
}

static void a_bad_pattern_is_refused_with_its_place(void **state)
{
	char longest[1024];

	(void)state;
	refuses("a(b", NULL, "topics.include: missing closing parenthesis, at byte 3 of 'a(b'");
	refuses("a", "[z-a]", "topics.exclude: range out of order");
	refuses("*", NULL, "at byte 0");
	refuses("a\\Cb", NULL, "topics.include");
	refuses("((a{1,99}){1,99}){1,99}", NULL, "too large");
	memset(longest, '(', sizeof(longest));
	longest[sizeof(longest) - 1] = 0;
	refuses(longest, NULL, "topics.include");
}

static void the_longest_pattern_is_taken(void **state)
{
	char longest[1025];
	struct filter *f;

	(void)state;
	memset(longest, 'a', 1024);
	longest[1024] = 0;
	f = make(longest, NULL);
	assert_int_equal(filter_match(f, "aaa"), 0);
	filter_free(f);
}

static double cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* Each of them would take from milliseconds to the end of the world. */
static void a_hostile_pattern_costs_a_bounded_amount(void **state)
{
	static const char *const hostile[] = {
		"(a+)+$",
		"(a|aa)+$",
		"(a?){13}[xy]",
		"(a?){30}a{30}[xy]",
		"(?:.*a){20}[xy]",
		"((.*)(.*)(.*)(.*)(.*))*[xy]",
		"^(([a-z])+.)+[A-Z]",
		"(?:(?:a+)+)+(?1)?()",
		"(?R)|b",
	};
	char name[LONGEST + 1];
	struct filter *f;
	double before;
	size_t i;

	(void)state;
	memset(name, 'a', LONGEST - 1);
	strcpy(name + LONGEST - 1, "-");
	for (i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
		f = make(hostile[i], NULL);
		before = cpu_ms();
		filter_match(f, name);
		if (cpu_ms() - before > 20) /* 0.4 ms here; the rest is for slow machines */
			fail_msg("%s took %g ms", hostile[i], cpu_ms() - before);
		filter_free(f);
	}
	f = make("(a?){13}[xy]", NULL);
	assert_int_equal(filter_match(f, name), -ELOOP);
	assert_int_equal(filter_match(f, "x"), 1); /* the next name has its own steps */
	filter_free(f);
	f = make("a", "(a+)+$");
	assert_int_equal(filter_match(f, name), -ELOOP); /* not known to be wanted: left out */
	filter_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(include_chooses_and_exclude_takes_away),
		cmocka_unit_test(exclude_alone_chooses_nothing),
		cmocka_unit_test(topics_of_kafka_itself_need_underscores),
		cmocka_unit_test(a_bad_pattern_is_refused_with_its_place),
		cmocka_unit_test(the_longest_pattern_is_taken),
		cmocka_unit_test(a_hostile_pattern_costs_a_bounded_amount),
	};

	return cmocka_run_group_tests_name("core filter", tests, NULL, NULL);
}
