/* SPDX-License-Identifier: MIT */
/* Single values and suggestions: pure functions, every branch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "daemon/config_suggest.h"
#include "daemon/config_value.h"

struct number_case {
	const char *text;
	int r;
	uint64_t value;
};

static void check_numbers(int (*parse)(const char *, uint64_t *), const struct number_case *cases,
			  size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t value = 0;

		assert_int_equal(parse(cases[i].text, &value), cases[i].r);
		if (cases[i].r == 0)
			assert_int_equal(value, cases[i].value);
	}
}

#define CHECK_NUMBERS(parse, cases) check_numbers(parse, cases, sizeof(cases) / sizeof((cases)[0]))

static void durations_need_a_unit(void **state)
{
	static const struct number_case cases[] = {
		{"0", 0, 0},
		{"0s", 0, 0},
		{"1500ms", 0, 1500},
		{"30s", 0, 30000},
		{"30 s", 0, 30000},
		{"5m", 0, 300000},
		{"2h", 0, 7200000},
		{"30", -EINVAL, 0},
		{"", -EINVAL, 0},
		{"s", -EINVAL, 0},
		{"-1s", -EINVAL, 0},
		{"+1s", -EINVAL, 0},
		{" 1s", -EINVAL, 0},
		{"1.5s", -EINVAL, 0},
		{"1S", -EINVAL, 0},
		{"1sec", -EINVAL, 0},
		{"1s ", -EINVAL, 0},
		{"99999999999999999999s", -ERANGE, 0},
		{"18446744073709551615h", -ERANGE, 0},
	};

	CHECK_NUMBERS(config_value_parse_duration, cases);
}

static void sizes_take_binary_units_or_plain_bytes(void **state)
{
	static const struct number_case cases[] = {
		{"0", 0, 0},
		{"4096", 0, 4096},
		{"4096B", 0, 4096},
		{"64KiB", 0, 65536},
		{"512 MiB", 0, 512ULL << 20},
		{"3GiB", 0, 3ULL << 30},
		{"1MB", -EINVAL, 0},
		{"1M", -EINVAL, 0},
		{"x", -EINVAL, 0},
		{"99999999999999999999", -ERANGE, 0},
		{"18446744073709551615KiB", -ERANGE, 0},
	};

	CHECK_NUMBERS(config_value_parse_size, cases);
}

static void integers_are_decimal_and_modes_octal(void **state)
{
	static const struct number_case integers[] = {
		{"0", 0, 0}, {"42", 0, 42}, {"0x10", -EINVAL, 0}, {"1 2", -EINVAL, 0}};
	static const struct number_case modes[] = {
		{"0660", 0, 0660}, {"777", 0, 0777}, {"0888", -EINVAL, 0}, {"rw", -EINVAL, 0}};

	CHECK_NUMBERS(config_value_parse_int, integers);
	CHECK_NUMBERS(config_value_parse_mode, modes);
}

static void bools_have_four_pairs_of_words(void **state)
{
	static const char *const yes[] = {"yes", "true", "on", "1", "YES"};
	static const char *const no[] = {"no", "false", "off", "0", "No"};
	bool value = false;

	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(config_value_parse_bool(yes[i], &value), 0);
		assert_true(value);
		assert_int_equal(config_value_parse_bool(no[i], &value), 0);
		assert_false(value);
	}
	assert_int_equal(config_value_parse_bool("ja", &value), -EINVAL);
	assert_int_equal(config_value_parse_bool("", &value), -EINVAL);
}

static void choices_are_whole_words(void **state)
{
	int index = -1;
	size_t n_bytes;

	assert_int_equal(config_value_parse_choice("b", "a|b|bc", &index), 0);
	assert_int_equal(index, 1);
	assert_int_equal(config_value_parse_choice("bc", "a|b|bc", &index), 0);
	assert_int_equal(index, 2);
	assert_int_equal(config_value_parse_choice("a|b", "a|b|bc", &index), -EINVAL);
	assert_int_equal(config_value_parse_choice("B", "a|b|bc", &index), -EINVAL);
	assert_int_equal(config_value_parse_choice("", "a|b|bc", &index), -EINVAL);
	assert_null(config_value_find_choice("a|b", 2, &n_bytes));
}

static void numbers_print_in_the_largest_whole_unit(void **state)
{
	char text[CONFIG_VALUE_TEXT_BYTES];

	config_value_format_duration(0, text);
	assert_string_equal(text, "0s");
	config_value_format_duration(1500, text);
	assert_string_equal(text, "1500ms");
	config_value_format_duration(90000, text);
	assert_string_equal(text, "90s");
	config_value_format_duration(7200000, text);
	assert_string_equal(text, "2h");
	config_value_format_size(0, text);
	assert_string_equal(text, "0B");
	config_value_format_size(1025, text);
	assert_string_equal(text, "1025B");
	config_value_format_size(1536 << 20, text);
	assert_string_equal(text, "1536MiB");
}

static const char *suggest(const char *word, const char *const *candidates, char *text)
{
	struct config_suggest s;

	config_suggest_init(&s, word);
	for (; *candidates; candidates++)
		config_suggest_offer(&s, *candidates);
	return config_suggest_format(&s, text, CONFIG_SUGGEST_BYTES);
}

static void the_nearest_word_is_suggested_if_it_is_near(void **state)
{
	static const char *const words[] = {
		"join", "session.timeout", "topics",
		"0123456789012345678901234567890123456789012345678901234567890123456789", NULL};
	char text[CONFIG_SUGGEST_BYTES], longer[200];

	assert_string_equal(suggest("topic", words, text), ": did you mean 'topics'?");
	assert_string_equal(suggest("JOIN", words, text), ": did you mean 'join'?");
	assert_string_equal(suggest("sesion.timeuot", words, text),
			    ": did you mean 'session.timeout'?");
	assert_string_equal(suggest("colour", words, text), "");
	assert_string_equal(suggest("", words, text), "");
	memset(longer, '5', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_string_equal(suggest(longer, words, text), "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_need_a_unit),
		cmocka_unit_test(sizes_take_binary_units_or_plain_bytes),
		cmocka_unit_test(integers_are_decimal_and_modes_octal),
		cmocka_unit_test(bools_have_four_pairs_of_words),
		cmocka_unit_test(choices_are_whole_words),
		cmocka_unit_test(numbers_print_in_the_largest_whole_unit),
		cmocka_unit_test(the_nearest_word_is_suggested_if_it_is_near),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
