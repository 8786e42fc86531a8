/* SPDX-License-Identifier: MIT */
/* Messages on the screen and as JSON: nothing changed, nothing guessed. */
#include "client-lib/ctl/printer.h"

#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static void expect(enum printer_form form, const struct kg_message *m, const char *expected)
{
	struct printer printer = {.form = form};
	char *text = NULL;
	size_t text_bytes;
	FILE *out = open_memstream(&text, &text_bytes);

	assert_int_equal(printer_write(&printer, m, out), 0);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static void a_line_is_the_place_a_tab_and_the_value(void **state)
{
	struct kg_message m = {
		.topic = "orders", .partition = 2, .offset = 41, .value = "tea", .value_bytes = 3};

	expect(PRINTER_LINES, &m, "orders/2/41\ttea\n");
	m.value = NULL;
	expect(PRINTER_LINES, &m, "orders/2/41\t\n");
}

static void json_has_every_field_on_one_line(void **state)
{
	struct kg_message m = {.topic = "orders",
			       .partition = 2,
			       .offset = 9007199254740993,
			       .timestamp_type = KG_TIMESTAMP_LOG_APPEND,
			       .timestamp_ms = 1700000000123,
			       .key = "",
			       .value = "\xff",
			       .value_bytes = 1};

	expect(PRINTER_JSON, &m,
	       "{\"topic\":\"orders\",\"partition\":2,\"offset\":9007199254740993,"
	       "\"timestamp_type\":\"log append\",\"timestamp_ms\":1700000000123,\"key\":\"\","
	       "\"value_base64\":\"/w==\",\"headers\":[]}\n");
}

static void json_null_is_kafkas_null(void **state)
{
	struct kg_message m = {.topic = "t", .timestamp_ms = -1};

	expect(PRINTER_JSON, &m,
	       "{\"topic\":\"t\",\"partition\":0,\"offset\":0,\"timestamp_type\":null,"
	       "\"timestamp_ms\":null,\"key\":null,\"value\":null,\"headers\":[]}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_the_place_a_tab_and_the_value),
		cmocka_unit_test(json_has_every_field_on_one_line),
		cmocka_unit_test(json_null_is_kafkas_null),
	};

	return cmocka_run_group_tests_name("ctl_printer", tests, NULL, NULL);
}
