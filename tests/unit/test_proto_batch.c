/* SPDX-License-Identifier: MIT */
/* MESSAGES on the hot path: the same as the codec's, record by record. */
#include "proto/batch.h"

#include "proto/frame.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/exact.h"
#include "tests/unit/witness.h"

#define T(text)                                                                                    \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

static const struct kgp_messages head = {.claim = 70000, .epoch = UINT64_MAX, .taken_us = 1};

/* Two headers as they stand on the wire: "a" = nil, bin ff = "xyz". */
static const uint8_t wire[] = "\x92\xa1"
			      "a\xc0\x92\xc4\x01\xff\xc4\x03xyz";
#define HEADERS                                                                                    \
	{                                                                                          \
		.wire = wire, .wire_bytes = sizeof(wire) - 1, .n = 2                               \
	}

static const char big[70000];

static const struct kgp_record records[] = {
	{.offset = 0, .timestamp = -1},
	{.offset = 127, .timestamp_type = 1, .timestamp = 128, .key = T(""), .value = T("v")},
	{.offset = 255, .timestamp = 256, .key = T("k"), .value = T(""), .headers = HEADERS},
	{.offset = 65535, .timestamp = 65536, .key = {big, 256}, .value = {big, 255}},
	{.offset = 4294967295, .timestamp = 4294967296, .key = {big, 65535}, .value = {big, 65536}},
	{.offset = INT64_MAX, .timestamp_type = 2, .timestamp = INT64_MAX, .headers = HEADERS},
	{.offset = 1, .timestamp = -2},
	{.offset = 1, .timestamp = INT64_MIN},
};
enum { N_RECORDS = sizeof(records) / sizeof(*records) };

static void assert_bytes_equal(struct kgp_bytes a, struct kgp_bytes b)
{
	assert_true(kgp_bytes_equal(a, b));
}

static void assert_record_equal(const struct kgp_record *a, const struct kgp_record *b)
{
	assert_true(a->offset == b->offset);
	assert_true(a->timestamp_type == b->timestamp_type);
	assert_true(a->timestamp == b->timestamp);
	assert_bytes_equal(a->key, b->key);
	assert_bytes_equal(a->value, b->value);
	assert_int_equal(a->headers.n, b->headers.n);
	assert_int_equal(a->headers.wire_bytes, b->headers.wire_bytes);
	assert_memory_equal(a->headers.wire, b->headers.wire, a->headers.wire_bytes);
}

static void write_batch(struct kgp_buf *b, size_t n)
{
	struct kgp_batch batch;
	size_t i;

	kgp_batch_begin(&batch, b, &head);
	for (i = 0; i < n; i++)
		kgp_batch_put(&batch, &records[i]);
	kgp_batch_end(&batch);
	assert_false(b->failed);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void the_codec_reads_what_the_batch_writes(void **state)
{
	const struct kgp_info *info;
	union kgp_body body;
	struct kgp_record record;
	struct kgp_buf b = {0};
	size_t i;

	write_batch(&b, N_RECORDS);
	assert_int_equal(kgp_decode(b.data + KGP_FRAME_HEADER, b.len - KGP_FRAME_HEADER, KGP_DAEMON,
				    &info, &body),
			 0);
	assert_int_equal(info->type, KGP_T_messages);
	assert_true(body.messages.claim == head.claim && body.messages.epoch == head.epoch &&
		    body.messages.taken_us == head.taken_us);
	for (i = 0; i < N_RECORDS; i++) {
		assert_true(kgp_next_record(&body.messages.records, &record));
		assert_record_equal(&record, &records[i]);
	}
	assert_false(kgp_next_record(&body.messages.records, &record));
	kgp_buf_deinit(&b);
}

static void the_witness_reads_what_the_batch_writes(void **state)
{
	struct kgp_buf b = {0};

	write_batch(&b, 3);
	assert_means(b.data + KGP_FRAME_HEADER, b.len - KGP_FRAME_HEADER,
		     "[69, 70000, 18446744073709551615, 1, ["
		     "[0, 0, -1, nil, nil, []], "
		     "[127, 1, 128, h'', h'76', []], "
		     "[255, 0, 256, h'6b', h'', [[\"a\", nil], [h'ff', "
		     "h'78797a']]]]]");
	kgp_buf_deinit(&b);
}

static void a_batch_may_be_empty(void **state)
{
	struct kgp_buf b = {0};

	write_batch(&b, 0);
	assert_means(b.data + KGP_FRAME_HEADER, b.len - KGP_FRAME_HEADER,
		     "[69, 70000, 18446744073709551615, 1, []]");
	kgp_buf_deinit(&b);
}

static void a_batch_may_follow_another_frame(void **state)
{
	struct kgp_buf b = {0};
	uint32_t body_bytes;
	size_t first;

	write_batch(&b, 2);
	first = b.len;
	write_batch(&b, 2);
	assert_int_equal(b.len, 2 * first);
	assert_memory_equal(b.data, b.data + first, first);
	assert_int_equal(kgp_frame_peek(b.data, first, UINT32_MAX, &body_bytes),
			 KGP_FRAME_COMPLETE);
	assert_int_equal(body_bytes, first - KGP_FRAME_HEADER);
	kgp_buf_deinit(&b);
}

static void a_failed_buffer_stays_failed(void **state)
{
	struct kgp_buf b = {.failed = true}, after = {0};
	struct kgp_batch batch;

	kgp_batch_begin(&batch, &b, &head);
	kgp_batch_put(&batch, &records[1]);
	kgp_batch_end(&batch);
	assert_true(b.failed);
	assert_null(b.data);
	kgp_batch_single(&b, &after, &head, &records[1]);
	assert_true(b.failed);
	kgp_buf_reset(&b);
	after.failed = true;
	kgp_batch_single(&b, &after, &head, &records[1]);
	assert_true(b.failed);
	kgp_buf_deinit(&b);
	kgp_buf_deinit(&after);
}

static void a_single_is_a_batch_of_one_around_the_value(void **state)
{
	struct kgp_buf before = {0}, after = {0}, whole = {0};
	struct kgp_batch_reader r;
	struct kgp_messages got;
	struct kgp_record record;
	uint32_t body_bytes;
	size_t i, start;

	kgp_put_nil(&after); /* of somebody else */
	for (i = 1; i <= 4; i++) {
		kgp_buf_reset(&before);
		kgp_buf_reset(&whole);
		start = after.len;
		kgp_batch_single(&before, &after, &head, &records[i]);
		assert_false(before.failed || after.failed);
		kgp_put_raw(&whole, before.data, before.len);
		kgp_put_raw(&whole, records[i].value.data, records[i].value.size);
		kgp_put_raw(&whole, after.data + start, after.len - start);
		assert_int_equal(kgp_frame_peek(whole.data, whole.len, UINT32_MAX, &body_bytes),
				 KGP_FRAME_COMPLETE);
		assert_int_equal(body_bytes, whole.len - KGP_FRAME_HEADER);
		assert_int_equal(
			kgp_batch_open(&r, whole.data + KGP_FRAME_HEADER, body_bytes, &got), 0);
		assert_int_equal(kgp_batch_next(&r, &record), 1);
		assert_record_equal(&record, &records[i]);
		assert_int_equal(kgp_batch_next(&r, &record), 0);
	}
	kgp_buf_deinit(&before);
	kgp_buf_deinit(&after);
	kgp_buf_deinit(&whole);
}

static void credit_is_key_value_header_names_and_header_values(void **state)
{
	assert_int_equal(kgp_record_credit(&records[0]), 0);
	assert_int_equal(kgp_record_credit(&records[1]), 1);
	assert_int_equal(kgp_record_credit(&records[2]), 1 + 1 + 1 + 3);
	assert_int_equal(kgp_record_credit(&records[4]), 65535 + 65536);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void the_reader_reads_what_the_batch_writes(void **state)
{
	struct kgp_batch_reader r;
	struct kgp_messages got;
	struct kgp_record record;
	struct kgp_buf b = {0};
	size_t i;

	write_batch(&b, N_RECORDS);
	assert_int_equal(
		kgp_batch_open(&r, b.data + KGP_FRAME_HEADER, b.len - KGP_FRAME_HEADER, &got), 0);
	assert_true(got.claim == head.claim && got.epoch == head.epoch &&
		    got.taken_us == head.taken_us);
	for (i = 0; i < N_RECORDS; i++) {
		assert_int_equal(kgp_batch_next(&r, &record), 1);
		assert_record_equal(&record, &records[i]);
	}
	assert_int_equal(kgp_batch_next(&r, &record), 0);
	assert_int_equal(kgp_batch_next(&r, &record), 0);
	kgp_buf_deinit(&b);
}

/* Reads a body to its end from an exact copy: the number of records, or the error. */
static int read_all(const void *bytes, size_t n_bytes)
{
	uint8_t *p = exact_copy(bytes, n_bytes);
	struct kgp_batch_reader r;
	struct kgp_messages got;
	struct kgp_record record;
	int n = 0, v = kgp_batch_open(&r, p, n_bytes, &got);

	while (!v && (v = kgp_batch_next(&r, &record)) == 1) {
		kgp_record_credit(&record);
		n++;
		v = 0;
	}
	free(p);
	return v ? v : n;
}

/* What the codec says of the same bytes, in the same words. */
static int decode_all(const void *bytes, size_t n)
{
	const struct kgp_info *info;
	union kgp_body body;
	uint8_t *p = exact_copy(bytes, n);
	int r = kgp_decode(p, n, KGP_DAEMON, &info, &body);

	free(p);
	return r ? r : (int)body.messages.records.n;
}

static void assert_reads(const void *bytes, size_t n, int want)
{
	assert_int_equal(read_all(bytes, n), want);
	assert_int_equal(decode_all(bytes, n), want);
}

#define READS(bytes, want)  assert_reads(bytes, sizeof(bytes) - 1, want)
#define HEAD		    "\x95\x45\x01\x01\x01"
#define RECORD(bytes, want) READS(HEAD "\x91" bytes, want)

static void a_cut_batch_is_refused_wherever_it_is_cut(void **state)
{
	struct kgp_buf b = {0};
	size_t n;

	write_batch(&b, 3);
	assert_reads(b.data + KGP_FRAME_HEADER, b.len - KGP_FRAME_HEADER, 3);
	for (n = 0; n < b.len - KGP_FRAME_HEADER; n++)
		assert_true(read_all(b.data + KGP_FRAME_HEADER, n) < 0);
	kgp_buf_deinit(&b);
}

static void the_head_is_checked(void **state)
{
	READS(HEAD "\x90", 0);
	READS("\x95\x45\xce\xff\xff\xff\xff\x01\x01\x90", 0);
	READS("\x95\x45\xcf\x00\x00\x00\x01\x00\x00\x00\x00\x01\x01\x90", -KGP_E_FIELD);
	READS("\x95\x45\x01\xff\x01\x90", -KGP_E_FIELD);
	READS("\x95\x45\x01\x01\xa1x\x90", -KGP_E_FIELD);
	READS("\x95\x45\x01\x01\x01\x80", -KGP_E_FIELD);
	READS("\x94\x45\x01\x01\x01", -KGP_E_FIELD);
	READS("\x01", -KGP_E_FIELD);
	READS("\x91\xa1x", -KGP_E_FIELD);
	READS("", -KGP_E_MALFORMED);
	READS("\x95", -KGP_E_MALFORMED);
	READS(HEAD, -KGP_E_MALFORMED);
	READS("\x95\x45\x01\x01", -KGP_E_MALFORMED);
	READS(HEAD "\xca", -KGP_E_MALFORMED);
	assert_int_equal(read_all("\x95\x44\x01\x01\x01\x90", 6), -KGP_E_FIELD);
}

static void a_batch_has_a_largest_count(void **state)
{
	size_t n = KGP_MAX_BATCH + 1 + 10;
	uint8_t *p = calloc(1, n);

	assert_non_null(p);
	memcpy(p, HEAD "\xdd\x00\x0f\x42\x41", 10); /* 1,000,001 */
	assert_reads(p, n, -KGP_E_FIELD);
	free(p);
}

static void a_record_has_six_fields_or_more(void **state)
{
	RECORD("\x96\x01\x00\x01\xc0\xc0\x90", 1);
	RECORD("\x95\x01\x00\x01\xc0\xc0", -KGP_E_FIELD);
	RECORD("\xdc\x00\x06\x01\x00\x01\xc0\xc0\x90", 1);
	RECORD("\x98\x01\x00\x01\xc0\xc0\x90\xc3\x91\x01", 1);
	RECORD("\x97\x01\x00\x01\xc0\xc0\x90\xca", -KGP_E_MALFORMED);
	RECORD("\x01", -KGP_E_FIELD);
	RECORD("\xca", -KGP_E_MALFORMED);
	READS(HEAD "\x92\x96\x01\x00\x01\xc0\xc0\x90", -KGP_E_MALFORMED);
	RECORD("\x96\x90\x00\x01\xc0\xc0", -KGP_E_MALFORMED);
	RECORD("\x96\x90\x00\x01\xc0\xc0\x90", -KGP_E_FIELD);
}

static void numbers_come_in_every_form(void **state)
{
	RECORD("\x96\xcc\x01\xcd\x00\x01\xce\x00\x00\x00\x01\xc0\xc0\x90", 1);
	RECORD("\x96\xcf\x00\x00\x00\x00\x00\x00\x00\x01\xd0\x02\xd1\xff\xff\xc0\xc0\x90", 1);
	RECORD("\x96\xd2\x00\x00\x00\x01\xd3\x00\x00\x00\x00\x00\x00\x00\x01\xe0\xc0\xc0\x90", 1);
	RECORD("\x96\xcf\x80\x00\x00\x00\x00\x00\x00\x00\x00\x01\xc0\xc0\x90", -KGP_E_FIELD);
	RECORD("\x96\xa1x\x00\x01\xc0\xc0\x90", -KGP_E_FIELD);
	RECORD("\x96\xca\x00\x00\x00\x00\x00\x01\xc0\xc0\x90", -KGP_E_MALFORMED);
	RECORD("\x96\xce\x00\x00\x00\x01\x00", -KGP_E_MALFORMED);
}

static void the_timestamp_type_is_0_1_or_2(void **state)
{
	RECORD("\x96\x01\x02\x01\xc0\xc0\x90", 1);
	RECORD("\x96\x01\x03\x01\xc0\xc0\x90", -KGP_E_FIELD);
	RECORD("\x96\x01\xff\x01\xc0\xc0\x90", -KGP_E_FIELD);
	RECORD("\x96\x01\xc0\x01\xc0\xc0\x90", -KGP_E_FIELD);
	RECORD("\x96\x01\x00\xc0\xc0\xc0\x90", -KGP_E_FIELD);
}

static void key_and_value_are_bytes_or_nil(void **state)
{
	RECORD("\x96\x01\x00\x01\xc4\x00\xc4\x01x\x90", 1);
	RECORD("\x96\x01\x00\x01\xc5\x00\x01x\xc6\x00\x00\x00\x01x\x90", 1);
	RECORD("\x96\x01\x00\x01\xa1x\xc0\x90", -KGP_E_FIELD);
	RECORD("\x96\x01\x00\x01\xc0\x01\x90", -KGP_E_FIELD);
	RECORD("\x96\x01\x00\x01\xc4\x09x\xc0\x90", -KGP_E_MALFORMED);
	RECORD("\x96\x01\x00\x01\xc0\xc4\x09\x90", -KGP_E_MALFORMED);
}

#define HEADER(bytes, want) RECORD("\x96\x01\x00\x01\xc0\xc0" bytes, want)

static void headers_are_pairs_of_name_and_bytes(void **state)
{
	HEADER("\x91\x92\xa1x\xc0", 1);
	HEADER("\x91\x92\xc4\x01\xff\xc4\x00", 1);
	HEADER("\xdc\x00\x01\x93\xa1x\xc0\xc3", 1);
	HEADER("\xdc\x00\x00", 1);
	HEADER("\x91\x91\xa1x", -KGP_E_FIELD);
	HEADER("\x91\xa1x", -KGP_E_FIELD);
	HEADER("\x91\x92\xa1\xff\xc0", -KGP_E_FIELD);
	HEADER("\x91\x92\x01\xc0", -KGP_E_FIELD);
	HEADER("\x91\x92\xa1x\xa1x", -KGP_E_FIELD);
	HEADER("\x80", -KGP_E_FIELD);
	HEADER("\xc0", -KGP_E_FIELD);
	HEADER("\x91\xca", -KGP_E_MALFORMED);
	HEADER("\x91\x92\xca\x00", -KGP_E_MALFORMED);
	HEADER("\x91\x92\xa1x\xca", -KGP_E_MALFORMED);
	HEADER("\x91\x93\xa1x\xc0\xca", -KGP_E_MALFORMED);
	HEADER("\xca", -KGP_E_MALFORMED);
	HEADER("", -KGP_E_MALFORMED);
}

static void a_record_has_a_largest_count_of_headers(void **state)
{
	static const uint8_t front[] = HEAD "\x91\x96\x01\x00\x01\xc0\xc0\xdd\x00\x0f\x42\x41";
	size_t n = KGP_MAX_HEADERS + 1 + sizeof(front);
	uint8_t *p = calloc(1, n);

	assert_non_null(p);
	memcpy(p, front, sizeof(front) - 1);
	assert_reads(p, n, -KGP_E_FIELD);
	free(p);
}

static void depth_is_counted_from_the_frame(void **state)
{
#define THREE "\x91\x91\x91"
	READS("\x96\x45\x01\x01\x01\x90" THREE THREE "\x91\xc0", 0);
	READS("\x96\x45\x01\x01\x01\x90" THREE THREE "\x91\x91\xc0", -KGP_E_MALFORMED);
	RECORD("\x97\x01\x00\x01\xc0\xc0\x90" THREE "\x91\x91\xc0", 1);
	RECORD("\x97\x01\x00\x01\xc0\xc0\x90" THREE THREE "\xc0", -KGP_E_MALFORMED);
	HEADER("\x91\x93\xa1x\xc0" THREE "\xc0", 1);
	HEADER("\x91\x93\xa1x\xc0" THREE "\x91\xc0", -KGP_E_MALFORMED);
#undef THREE
}

static void only_fields_of_a_newer_daemon_may_follow_the_records(void **state)
{
	READS(HEAD "\x90\xc0", -KGP_E_MALFORMED);
	READS("\x96\x45\x01\x01\x01\x90\xc0", 0);
	READS("\x97\x45\x01\x01\x01\x91\x96\x01\x00\x01\xc0\xc0\x90\xc0\xc3", 1);
	READS("\x96\x45\x01\x01\x01\x90\xc0\xc0", -KGP_E_MALFORMED);
	READS("\x96\x45\x01\x01\x01\x90\xc1", -KGP_E_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_codec_reads_what_the_batch_writes),
		cmocka_unit_test(the_witness_reads_what_the_batch_writes),
		cmocka_unit_test(a_batch_may_be_empty),
		cmocka_unit_test(a_batch_may_follow_another_frame),
		cmocka_unit_test(a_failed_buffer_stays_failed),
		cmocka_unit_test(a_single_is_a_batch_of_one_around_the_value),
		cmocka_unit_test(credit_is_key_value_header_names_and_header_values),
		cmocka_unit_test(the_reader_reads_what_the_batch_writes),
		cmocka_unit_test(a_cut_batch_is_refused_wherever_it_is_cut),
		cmocka_unit_test(the_head_is_checked),
		cmocka_unit_test(a_batch_has_a_largest_count),
		cmocka_unit_test(a_record_has_six_fields_or_more),
		cmocka_unit_test(numbers_come_in_every_form),
		cmocka_unit_test(the_timestamp_type_is_0_1_or_2),
		cmocka_unit_test(key_and_value_are_bytes_or_nil),
		cmocka_unit_test(headers_are_pairs_of_name_and_bytes),
		cmocka_unit_test(a_record_has_a_largest_count_of_headers),
		cmocka_unit_test(depth_is_counted_from_the_frame),
		cmocka_unit_test(only_fields_of_a_newer_daemon_may_follow_the_records),
	};

	return cmocka_run_group_tests_name("proto_batch", tests, NULL, NULL);
}
