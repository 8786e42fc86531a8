/* SPDX-License-Identifier: MIT */
/* Results of queries as JSON: whole, exact, and never more than was sent. */
#include "client-lib/ctl/value.h"

#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int convert(const void *wire, size_t n, json_t **out)
{
	struct kgp_any any = {wire, n};

	return value_from_wire(&any, out);
}

static void expect(struct kgp_buf *b, const char *text)
{
	json_t *json = NULL;
	char *got;

	assert_int_equal(convert(b->data, b->len, &json), 0);
	got = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
	assert_string_equal(got, text);
	free(got);
	json_decref(json);
	kgp_buf_deinit(b);
}

static void refuses(const char *wire, size_t n)
{
	json_t *json = NULL;

	assert_int_equal(convert(wire, n, &json), -EBADMSG);
}

static void numbers_keep_all_their_bits(void **state)
{
	struct kgp_buf b = {0};

	kgp_put_array(&b, 5);
	kgp_put_int(&b, INT64_MAX);
	kgp_put_int(&b, INT64_MIN);
	kgp_put_int(&b, -1);
	kgp_put_uint(&b, 9007199254740993);
	kgp_put_uint(&b, UINT64_MAX);
	expect(&b, "[9223372036854775807,-9223372036854775808,-1,9007199254740993,"
		   "\"18446744073709551615\"]");
}

static void every_kind_has_its_form(void **state)
{
	struct kgp_buf b = {0};

	kgp_put_map(&b, 5);
	kgp_put_str(&b, kgp_text("nothing"));
	kgp_put_nil(&b);
	kgp_put_str(&b, kgp_text("yes"));
	kgp_put_bool(&b, true);
	kgp_put_str(&b, kgp_text("text"));
	kgp_put_str(&b, kgp_text("caf\xc3\xa9"));
	kgp_put_str(&b, kgp_text("id"));
	kgp_put_bin(&b, kgp_bytes("\x00\xab\xff", 3));
	kgp_put_str(&b, kgp_text("list"));
	kgp_put_array(&b, 0);
	expect(&b, "{\"nothing\":null,\"yes\":true,\"text\":\"caf\xc3\xa9\",\"id\":\"00abff\","
		   "\"list\":[]}");
}

static void nothing_at_all_is_null(void **state)
{
	json_t *json = NULL;

	assert_int_equal(convert(NULL, 0, &json), 0);
	assert_true(json_is_null(json));
	json_decref(json);
}

static void what_is_not_one_whole_value_is_refused(void **state)
{
	refuses("", 0);
	refuses("\xc0\xc0", 2);						 /* a second one behind */
	refuses("\x92\x01", 2);						 /* an element short */
	refuses("\x81\x01\x02", 3);					 /* a key that is no text */
	refuses("\xa1\xff", 2);						 /* text that is no UTF-8 */
	refuses("\x81\xa1\xff\x01", 4);					 /* nor is a key */
	refuses("\xc1", 1);						 /* no msgpack */
	refuses("\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\xc0", 12); /* too deep */
}

static void set(json_t *object, const char *name, const void *data, size_t n)
{
	assert_int_equal(value_set_bytes(object, name, data, n), 0);
}

static void payloads_are_text_or_base64_or_null(void **state)
{
	json_t *object = json_object();
	char *got;

	set(object, "a", "text", 4);
	set(object, "b", "", 0);
	set(object, "c", NULL, 0);
	set(object, "d", "\xff", 1);
	set(object, "e", "\xff\xfe", 2);
	set(object, "f", "\xff\xfe\xfd", 3);
	set(object, "g", "a\0b", 3);
	got = json_dumps(object, JSON_COMPACT);
	assert_string_equal(got,
			    "{\"a\":\"text\",\"b\":\"\",\"c\":null,\"d_base64\":\"/w==\","
			    "\"e_base64\":\"//4=\",\"f_base64\":\"//79\",\"g\":\"a\\u0000b\"}");
	free(got);
	json_decref(object);
}

static void what_is_missing_has_the_default(void **state)
{
	json_t *object = json_pack("{s:s, s:I, s:n, s:[]}", "text", "t", "number", (json_int_t)7,
				   "nothing", "list");

	assert_string_equal(value_text(object, "text", "-"), "t");
	assert_string_equal(value_text(object, "nothing", "-"), "-");
	assert_int_equal(value_number(object, "number", -1), 7);
	assert_int_equal(value_number(object, "text", -1), -1);
	assert_int_equal(value_number(NULL, "number", -1), -1);
	assert_true(value_is_null(object, "nothing") && value_is_null(object, "absent"));
	assert_false(value_is_null(object, "number"));
	assert_non_null(value_list(object, "list"));
	assert_null(value_list(object, "text"));
	json_decref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_keep_all_their_bits),
		cmocka_unit_test(every_kind_has_its_form),
		cmocka_unit_test(nothing_at_all_is_null),
		cmocka_unit_test(what_is_not_one_whole_value_is_refused),
		cmocka_unit_test(payloads_are_text_or_base64_or_null),
		cmocka_unit_test(what_is_missing_has_the_default),
	};

	return cmocka_run_group_tests_name("ctl_value", tests, NULL, NULL);
}
