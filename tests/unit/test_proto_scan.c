/* SPDX-License-Identifier: MIT */
/* The token reader: every form of msgpack, every claim compared with the bytes left, UTF-8. */
#include "proto/scan.h"

#include "proto/limits.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/exact.h"

/* Reads one token from an exact copy; *used: bytes taken. */
static int read_one(const void *bytes, size_t n, struct kgp_token *t, size_t *used)
{
	uint8_t *p = exact_copy(bytes, n);
	struct kgp_cursor c = {p, p + n};
	int r = kgp_read(&c, t);

	*used = (size_t)(c.at - p);
	free(p);
	return r;
}

static int skip_one(const void *bytes, size_t n, unsigned depth)
{
	uint8_t *p = exact_copy(bytes, n);
	struct kgp_cursor c = {p, p + n};
	int r = kgp_skip(&c, depth);

	assert_true(r || c.at == c.end);
	free(p);
	return r;
}

static const struct scalar {
	const char *bytes;
	size_t n;
	enum kgp_kind kind;
	uint64_t number;
} scalars[] = {
#define S(bytes, kind, number)                                                                     \
	{                                                                                          \
		bytes, sizeof(bytes) - 1, KGP_KIND_##kind, number                                  \
	}
	S("\x00", UINT, 0),
	S("\x7f", UINT, 127),
	S("\xe0", NEGINT, (uint64_t)-32),
	S("\xff", NEGINT, (uint64_t)-1),
	S("\xc0", NIL, 0),
	S("\xc2", BOOL, 0),
	S("\xc3", BOOL, 1),
	S("\xcc\x00", UINT, 0),
	S("\xcc\xff", UINT, 255),
	S("\xcd\x12\x34", UINT, 0x1234),
	S("\xce\xff\x00\x00\x01", UINT, 0xff000001),
	S("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", UINT, UINT64_MAX),
	S("\xd0\x05", UINT, 5),
	S("\xd0\x80", NEGINT, (uint64_t)INT8_MIN),
	S("\xd1\x7f\xff", UINT, INT16_MAX),
	S("\xd1\x80\x00", NEGINT, (uint64_t)INT16_MIN),
	S("\xd2\x00\x00\x00\x00", UINT, 0),
	S("\xd2\x80\x00\x00\x00", NEGINT, (uint64_t)INT32_MIN),
	S("\xd3\x7f\xff\xff\xff\xff\xff\xff\xff", UINT, INT64_MAX),
	S("\xd3\x80\x00\x00\x00\x00\x00\x00\x00", NEGINT, (uint64_t)INT64_MIN),
	S("\xa0", STR, 0),
	S("\xa2hi", STR, 2),
	S("\xd9\x02hi", STR, 2),
	S("\xda\x00\x02hi", STR, 2),
	S("\xdb\x00\x00\x00\x02hi", STR, 2),
	S("\xc4\x02hi", BIN, 2),
	S("\xc5\x00\x02hi", BIN, 2),
	S("\xc6\x00\x00\x00\x02hi", BIN, 2),
#undef S
};

static void every_scalar_form_is_read(void **state)
{
	struct kgp_token t;
	size_t i, used;

	for (i = 0; i < sizeof(scalars) / sizeof(*scalars); i++) {
		assert_int_equal(read_one(scalars[i].bytes, scalars[i].n, &t, &used), 0);
		assert_int_equal(used, scalars[i].n);
		assert_int_equal(t.kind, scalars[i].kind);
		assert_true(t.number == scalars[i].number);
		assert_int_equal(skip_one(scalars[i].bytes, scalars[i].n, 0), 0);
	}
}

static void every_cut_form_is_malformed(void **state)
{
	struct kgp_token t;
	size_t i, n, used;

	for (i = 0; i < sizeof(scalars) / sizeof(*scalars); i++)
		for (n = 0; n < scalars[i].n; n++)
			assert_int_equal(read_one(scalars[i].bytes, n, &t, &used),
					 -KGP_E_MALFORMED);
}

static void strings_point_into_the_frame(void **state)
{
	static const uint8_t bytes[] = {0xd9, 2, 'h', 'i'};
	struct kgp_cursor c = {bytes, bytes + sizeof(bytes)};
	struct kgp_token t;

	assert_int_equal(kgp_read(&c, &t), 0);
	assert_ptr_equal(t.data, bytes + 2);
}

static void floats_extensions_and_the_unused_byte_are_malformed(void **state)
{
	static const uint8_t types[] = {0xc1, 0xc7, 0xc8, 0xc9, 0xca, 0xcb,
					0xd4, 0xd5, 0xd6, 0xd7, 0xd8};
	uint8_t bytes[300] = {0};
	struct kgp_token t;
	size_t i, used;

	for (i = 0; i < sizeof(types); i++) {
		bytes[0] = types[i];
		assert_int_equal(read_one(bytes, sizeof(bytes), &t, &used), -KGP_E_MALFORMED);
	}
}

static const struct container {
	const char *head;
	size_t n, n_values; /* bytes of the head; values that it claims */
	enum kgp_kind kind;
} containers[] = {
#define C(head, kind, n_values)                                                                    \
	{                                                                                          \
		head, sizeof(head) - 1, n_values, KGP_KIND_##kind                                  \
	}
	C("\x90", ARRAY, 0),	     C("\x9f", ARRAY, 15),
	C("\xdc\x00\x03", ARRAY, 3), C("\xdd\x00\x00\x00\x03", ARRAY, 3),
	C("\x80", MAP, 0),	     C("\x8f", MAP, 30),
	C("\xde\x00\x03", MAP, 6),   C("\xdf\x00\x00\x00\x03", MAP, 6),
#undef C
};

static void a_count_is_believed_when_so_many_values_fit(void **state)
{
	uint8_t bytes[64] = {0};
	struct kgp_token t;
	size_t i, n, used;

	for (i = 0; i < sizeof(containers) / sizeof(*containers); i++) {
		memcpy(bytes, containers[i].head, containers[i].n);
		memset(bytes + containers[i].n, 0xc0, sizeof(bytes) - containers[i].n);
		n = containers[i].n + containers[i].n_values;
		assert_int_equal(read_one(bytes, n, &t, &used), 0);
		assert_int_equal(used, containers[i].n);
		assert_int_equal(t.kind, containers[i].kind);
		assert_int_equal(skip_one(bytes, n, 1), 0);
		assert_int_equal(read_one(bytes, n - 1, &t, &used), -KGP_E_MALFORMED);
		assert_int_equal(skip_one(bytes, n - 1, 1), -KGP_E_MALFORMED);
	}
}

static void huge_claims_are_malformed(void **state)
{
	static const uint8_t types[] = {0xc6, 0xdb, 0xdd, 0xdf};
	uint8_t bytes[6] = {0, 0xff, 0xff, 0xff, 0xff, 0xc0};
	struct kgp_token t;
	size_t i, used;

	for (i = 0; i < sizeof(types); i++) {
		bytes[0] = types[i];
		assert_int_equal(read_one(bytes, sizeof(bytes), &t, &used), -KGP_E_MALFORMED);
	}
}

static void skipping_goes_as_deep_as_it_is_told(void **state)
{
	uint8_t arrays[10], maps[20];

	memset(arrays, 0x91, sizeof(arrays));
	arrays[8] = 0xc0;
	assert_int_equal(skip_one(arrays, 9, 8), 0);
	assert_int_equal(skip_one(arrays, 9, 7), -KGP_E_MALFORMED);

	memset(maps, 0x81, sizeof(maps));
	maps[1] = 0xc0; /* {nil: {...}} */
	maps[3] = 0xc0;
	maps[4] = 0xc0;
	assert_int_equal(skip_one(maps, 5, 2), 0);
	assert_int_equal(skip_one(maps, 5, 1), -KGP_E_MALFORMED);
}

static void a_deep_nest_costs_no_stack(void **state)
{
	uint8_t *bytes = malloc(1 << 20);

	assert_non_null(bytes);
	memset(bytes, 0x91, 1 << 20);
	assert_int_equal(skip_one(bytes, 1 << 20, KGP_MAX_DEPTH), -KGP_E_MALFORMED);
	free(bytes);
}

static void a_defect_inside_is_found_when_skipping(void **state)
{
	assert_int_equal(skip_one("\x92\xc0\xc1", 3, 8), -KGP_E_MALFORMED);
	assert_int_equal(skip_one("\x81\xc0\xca", 3, 8), -KGP_E_MALFORMED);
	assert_int_equal(skip_one("", 0, 8), -KGP_E_MALFORMED);
}

/* ---- UTF-8 ----------------------------------------------------------------------------------- */

static bool is_utf8(const uint8_t *s, size_t n)
{
	uint8_t *p = exact_copy(s, n);
	bool yes = kgp_is_utf8(p, n);

	assert_int_equal(kgp_utf8_prefix(p, n) == n, yes);
	free(p);
	return yes;
}

/* Table 3-7 of the Unicode standard, well-formed byte sequences, for the first two bytes. */
static bool may_start(uint8_t a, uint8_t b)
{
	uint8_t least = a == 0xe0 ? 0xa0 : a == 0xf0 ? 0x90 : 0x80;
	uint8_t most = a == 0xed ? 0x9f : a == 0xf4 ? 0x8f : 0xbf;

	return a >= 0xc2 && a <= 0xf4 && b >= least && b <= most;
}

static bool is_tail(uint8_t b)
{
	return b >= 0x80 && b <= 0xbf;
}

static void one_sequence_is_judged_as_the_standard_does(const uint8_t *s)
{
	size_t length = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	bool valid = length == 1 || may_start(s[0], s[1]);
	size_t n;

	if (length > 2)
		valid = valid && is_tail(s[2]);
	if (length > 3)
		valid = valid && is_tail(s[3]);
	assert_int_equal(kgp_is_utf8(s, length), valid);
	for (n = 1; n < length; n++)
		assert_false(kgp_is_utf8(s, n));
}

static void utf8_is_what_the_standard_says(void **state)
{
	static const uint8_t edges[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
	unsigned first, i, j;

	for (first = 0; first < 0x10000; first++)
		for (i = 0; i < sizeof(edges); i++)
			for (j = 0; j < sizeof(edges); j++)
				one_sequence_is_judged_as_the_standard_does((uint8_t[]){
					(uint8_t)(first >> 8), (uint8_t)first, edges[i], edges[j]});
}

static void utf8_is_judged_to_its_end(void **state)
{
	assert_true(is_utf8((const uint8_t *)"", 0));
	assert_true(is_utf8((const uint8_t *)"a\0\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", 11));
	assert_false(is_utf8((const uint8_t *)"a\xc3", 2));
	assert_false(is_utf8((const uint8_t *)"ab\xf0\x9f\x98", 5));
}

static void the_valid_part_of_a_text_is_measured(void **state)
{
	assert_int_equal(kgp_utf8_prefix((const uint8_t *)"ab\xf0\x9f\x98", 5), 2);
	assert_int_equal(kgp_utf8_prefix((const uint8_t *)"\xffxy", 3), 0);
	assert_int_equal(kgp_utf8_prefix((const uint8_t *)"xyz", 3), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_scalar_form_is_read),
		cmocka_unit_test(every_cut_form_is_malformed),
		cmocka_unit_test(strings_point_into_the_frame),
		cmocka_unit_test(floats_extensions_and_the_unused_byte_are_malformed),
		cmocka_unit_test(a_count_is_believed_when_so_many_values_fit),
		cmocka_unit_test(huge_claims_are_malformed),
		cmocka_unit_test(skipping_goes_as_deep_as_it_is_told),
		cmocka_unit_test(a_deep_nest_costs_no_stack),
		cmocka_unit_test(a_defect_inside_is_found_when_skipping),
		cmocka_unit_test(utf8_is_what_the_standard_says),
		cmocka_unit_test(utf8_is_judged_to_its_end),
		cmocka_unit_test(the_valid_part_of_a_text_is_measured),
	};

	return cmocka_run_group_tests_name("proto_scan", tests, NULL, NULL);
}
