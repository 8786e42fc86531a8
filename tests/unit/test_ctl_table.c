/* SPDX-License-Identifier: MIT */
/* Tables: columns as asked for, forms as asked for, and numbers in words. */
#include "client-lib/ctl/human.h"
#include "client-lib/ctl/table.h"

#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NAME, SIZE, EXTRA };

static const struct table_column columns[] = {
	[NAME] = {"name", 0},
	[SIZE] = {"in-flight", TABLE_RIGHT},
	[EXTRA] = {"extra", TABLE_EXTRA},
	{NULL, 0},
};

static void fill(struct table *table)
{
	table_add_row(table);
	table_set(table, NAME, "orders");
	table_set_number(table, SIZE, 7);
	table_set(table, EXTRA, "more");
	table_add_row(table);
	table_set(table, NAME, "a name");
	table_set_nothing(table, SIZE);
	table_set(table, EXTRA, "");
	table_colour(table, NAME, COLOUR_BAD);
}

static void expect(struct ctl ctl, const char *text)
{
	struct table *table;
	struct trouble t;
	char *got = NULL;
	size_t got_bytes;
	FILE *out = open_memstream(&got, &got_bytes);

	assert_int_equal(table_new(&table, &ctl, columns, &t), 0);
	assert_int_equal(table_print(table, out), 0); /* no rows: nothing, no heading */
	fill(table);
	assert_int_equal(table_print(table, out), 0);
	fclose(out);
	assert_string_equal(got, text);
	free(got);
	table_free(table);
}

static void the_usual_columns_come_with_headings(void **state)
{
	expect((struct ctl){.colour = CTL_NEVER}, "NAME   IN-FLIGHT\n"
						  "orders         7\n"
						  "a name         -\n");
}

static void columns_come_in_the_order_asked_for(void **state)
{
	expect((struct ctl){.columns = "extra,NAME", .noheadings = true},
	       "more  orders\n-     a name\n");
}

static void a_plus_adds_to_the_usual(void **state)
{
	expect((struct ctl){.columns = "+extra", .output = CTL_RAW},
	       "NAME IN-FLIGHT EXTRA\norders 7 more\na\\x20name - -\n");
}

static void pairs_have_names_that_a_shell_takes(void **state)
{
	expect((struct ctl){.output = CTL_PAIRS, .colour = CTL_ALWAYS},
	       "NAME=\"orders\" IN_FLIGHT=\"7\"\nNAME=\"a name\" IN_FLIGHT=\"-\"\n");
}

static void an_unknown_column_is_named_with_the_known_ones(void **state)
{
	struct ctl ctl = {.columns = "name,bogus"};
	struct table *table;
	struct trouble t;

	assert_int_equal(table_new(&table, &ctl, columns, &t), -EINVAL);
	assert_int_equal(t.exit_code, EX_USAGE);
	assert_non_null(strstr(t.what, "'bogus'"));
	assert_non_null(strstr(t.why, "name, in-flight, extra"));
}

static void times_have_two_units_at_most(void **state)
{
	char text[HUMAN_BYTES];

	assert_string_equal(human_duration(text, 0), "0s");
	assert_string_equal(human_duration(text, -5), "0s");
	assert_string_equal(human_duration(text, 59), "59s");
	assert_string_equal(human_duration(text, 192), "3m12s");
	assert_string_equal(human_duration(text, 7500), "2h05m");
	assert_string_equal(human_duration(text, 4 * 86400 + 3 * 3600), "4d03h");
}

static void sizes_have_a_unit(void **state)
{
	char text[HUMAN_BYTES];

	assert_string_equal(human_size(text, 512), "512 B");
	assert_string_equal(human_size(text, 1536), "1.5 KiB");
	assert_string_equal(human_size(text, 43 << 20), "43 MiB");
	assert_string_equal(human_size(text, INT64_MAX), "8.0 EiB");
	assert_string_equal(human_count(text, 1, "partition"), "1 partition");
	assert_string_equal(human_count(text, 0, "partition"), "0 partitions");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_usual_columns_come_with_headings),
		cmocka_unit_test(columns_come_in_the_order_asked_for),
		cmocka_unit_test(a_plus_adds_to_the_usual),
		cmocka_unit_test(pairs_have_names_that_a_shell_takes),
		cmocka_unit_test(an_unknown_column_is_named_with_the_known_ones),
		cmocka_unit_test(times_have_two_units_at_most),
		cmocka_unit_test(sizes_have_a_unit),
	};

	return cmocka_run_group_tests_name("ctl_table", tests, NULL, NULL);
}
