/* SPDX-License-Identifier: MIT */
/* Formats of consume -f: kcat's letters, and words about what is not one. */
#include "client-lib/ctl/format.h"
#include "proto/buf.h"

#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static struct kg_message message(void)
{
	return (struct kg_message){.topic = "orders",
				   .partition = 3,
				   .offset = INT64_MAX,
				   .timestamp_type = KG_TIMESTAMP_CREATE,
				   .timestamp_ms = 1700000000123,
				   .key = "k",
				   .key_bytes = 1,
				   .value = "va\0lue",
				   .value_bytes = 6};
}

static void expect(const char *source, const struct kg_message *m, const void *bytes, size_t n)
{
	char why[256] = "", *text = NULL;
	size_t text_bytes = 0;
	struct format f;
	FILE *out = open_memstream(&text, &text_bytes);

	assert_int_equal(format_init(&f, source, why, sizeof(why)), 0);
	format_write(&f, m, out);
	fclose(out);
	assert_int_equal(text_bytes, n);
	assert_memory_equal(text, bytes, n);
	free(text);
	format_deinit(&f);
}

static void expect_text(const char *source, const struct kg_message *m, const char *text)
{
	expect(source, m, text, strlen(text));
}

static void refuses(const char *source, const char *because)
{
	char why[256] = "";
	struct format f;

	assert_true(format_init(&f, source, why, sizeof(why)) < 0);
	assert_non_null(strstr(why, because));
}

static void every_letter_has_its_value(void **state)
{
	struct kg_message m = message();

	expect_text("%t [%p] at %o", &m, "orders [3] at 9223372036854775807");
	expect_text("%k %K %S %T", &m, "k 1 6 1700000000123");
}

static void a_value_is_written_byte_for_byte(void **state)
{
	struct kg_message m = message();

	expect("%s", &m, "va\0lue", 6);
	expect("%R%s", &m, "\0\0\0\6va\0lue", 10);
}

static void null_is_not_empty(void **state)
{
	struct kg_message m = message();

	m.key_bytes = m.value_bytes = 0;
	expect_text("<%k> %K <%s> %S", &m, "<> 0 <> 0");
	m.key = m.value = NULL;
	expect_text("<%k> %K <%s> %S", &m, "<> -1 <> -1");
	expect("%R", &m, "\xff\xff\xff\xff", 4);
}

static void headers_are_pairs_in_their_order(void **state)
{
	struct kg_message m = message();
	struct kgp_buf b = {0};

	kgp_put_array(&b, 2);
	kgp_put_str(&b, kgp_text("way"));
	kgp_put_bin(&b, kgp_text("web"));
	kgp_put_array(&b, 2);
	kgp_put_str(&b, kgp_text("way"));
	kgp_put_bin(&b, kgp_bytes(NULL, 0));
	m.n_headers = 2;
	m.internal.headers = b.data;
	m.internal.headers_bytes = b.len;
	expect_text("%h", &m, "way=web,way=NULL");
	kgp_buf_deinit(&b);
}

static void without_headers_there_is_nothing(void **state)
{
	struct kg_message m = message();

	expect_text("[%h]", &m, "[]");
}

static void escapes_are_bytes(void **state)
{
	struct kg_message m = message();

	expect("\\n\\r\\t\\\\%%\\x41\\x0\\xaG", &m, "\n\r\t\\%A\0\nG", 9);
}

static void an_empty_format_prints_nothing(void **state)
{
	struct kg_message m = message();

	expect("", &m, "", 0);
}

static void what_is_wrong_is_named(void **state)
{
	refuses("%y", "%y");
	refuses("value %", "ends in the middle");
	refuses("\\q", "\\q");
	refuses("x\\", "backslash");
	refuses("\\xg1", "hexadecimal");
	refuses("\\x", "hexadecimal");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_letter_has_its_value),
		cmocka_unit_test(a_value_is_written_byte_for_byte),
		cmocka_unit_test(null_is_not_empty),
		cmocka_unit_test(headers_are_pairs_in_their_order),
		cmocka_unit_test(without_headers_there_is_nothing),
		cmocka_unit_test(escapes_are_bytes),
		cmocka_unit_test(an_empty_format_prints_nothing),
		cmocka_unit_test(what_is_wrong_is_named),
	};

	return cmocka_run_group_tests_name("ctl_format", tests, NULL, NULL);
}
