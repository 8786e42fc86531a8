/* SPDX-License-Identifier: MIT */
/* The codec: every message to bytes and back, and everything that a peer may get wrong. */
#include "proto/codec.h"

#include "proto/frame.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/exact.h"
#include "tests/unit/proto_samples.h"
#include "tests/unit/witness.h"

/* Decodes an exact copy of a body; what was decoded is walked and forgotten. */
static int decode(const void *bytes, size_t n, enum kgp_side side)
{
	const struct kgp_info *info = NULL;
	union kgp_body body;
	uint8_t *p = exact_copy(bytes, n);
	int r = kgp_decode(p, n, side, &info, &body);

	if (!r)
		sample_walk(info, &body);
	free(p);
	return r;
}

#define DECODE(side, bytes) decode(bytes, sizeof(bytes) - 1, KGP_##side)

/* ---- whole messages -------------------------------------------------------------------------- */

static void every_type_has_a_sample(void **state)
{
	static const unsigned numbers[] = {
#define KGP_TUPLE(name, shape, help)
#define KGP_TUPLE_END(name)
#define KGP_MESSAGE(name, number, side, feature, help) number,
#define KGP_MESSAGE_END(name)
#define KGP_FIELD(owner, name, kind, flags, max, elem, help)
#include "proto/messages.def"
#undef KGP_TUPLE
#undef KGP_TUPLE_END
#undef KGP_MESSAGE
#undef KGP_MESSAGE_END
#undef KGP_FIELD
	};
	size_t i, j;

	for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		for (j = 0; j < n_samples && samples[j].type != numbers[i]; j++)
			;
		assert_true(j < n_samples);
	}
}

static void a_message_means_to_the_witness_what_it_means(void **state)
{
	uint8_t *frame;
	size_t i, n;

	for (i = 0; i < n_samples; i++) {
		frame = sample_frame(&samples[i], &n);
		assert_means(frame + KGP_FRAME_HEADER, n - KGP_FRAME_HEADER, samples[i].meaning);
		free(frame);
	}
}

static void a_decoded_message_encodes_to_the_same_bytes(void **state)
{
	const struct kgp_info *info;
	union kgp_body body;
	struct kgp_buf again = {0};
	uint8_t *frame;
	size_t i, n;

	for (i = 0; i < n_samples; i++) {
		frame = sample_frame(&samples[i], &n);
		assert_int_equal(kgp_decode(frame + KGP_FRAME_HEADER, n - KGP_FRAME_HEADER,
					    samples[i].side, &info, &body),
				 0);
		assert_int_equal(info->type, samples[i].type);
		assert_int_equal(info->side, samples[i].side);
		sample_walk(info, &body);
		kgp_encode(&again, info->type, &body);
		assert_int_equal(again.len, n);
		assert_memory_equal(again.data, frame, n);
		kgp_buf_reset(&again);
		free(frame);
	}
	kgp_buf_deinit(&again);
}

static void a_cut_message_is_refused_wherever_it_is_cut(void **state)
{
	uint8_t *frame;
	size_t i, n, cut;

	for (i = 0; i < n_samples; i++) {
		frame = sample_frame(&samples[i], &n);
		for (cut = 0; cut < n - KGP_FRAME_HEADER; cut++)
			assert_true(decode(frame + KGP_FRAME_HEADER, cut, samples[i].side) < 0);
		free(frame);
	}
}

static void bytes_behind_a_message_are_refused(void **state)
{
	uint8_t *frame, longer[1024];
	size_t i, n;

	for (i = 0; i < n_samples; i++) {
		frame = sample_frame(&samples[i], &n);
		memcpy(longer, frame + KGP_FRAME_HEADER, n - KGP_FRAME_HEADER);
		longer[n - KGP_FRAME_HEADER] = 0xc0;
		assert_int_equal(decode(longer, n - KGP_FRAME_HEADER + 1, samples[i].side),
				 -KGP_E_MALFORMED);
		free(frame);
	}
}

static void the_other_side_may_not_send_it(void **state)
{
	uint8_t *frame;
	size_t i, n;

	for (i = 0; i < n_samples; i++) {
		frame = sample_frame(&samples[i], &n);
		assert_int_equal(decode(frame + KGP_FRAME_HEADER, n - KGP_FRAME_HEADER,
					samples[i].side == KGP_CLIENT ? KGP_DAEMON : KGP_CLIENT),
				 -KGP_E_UNKNOWN_MESSAGE);
		free(frame);
	}
}

static void a_body_is_one_array_that_begins_with_a_number(void **state)
{
	assert_int_equal(DECODE(CLIENT, ""), -KGP_E_MALFORMED);
	assert_int_equal(DECODE(CLIENT, "\x90"), -KGP_E_FIELD);
	assert_int_equal(DECODE(CLIENT, "\x04"), -KGP_E_FIELD);
	assert_int_equal(DECODE(CLIENT, "\x81\x04\xc0"), -KGP_E_FIELD);
	assert_int_equal(DECODE(CLIENT, "\x91\xa1x"), -KGP_E_FIELD);
	assert_int_equal(DECODE(CLIENT, "\x91\xff"), -KGP_E_FIELD);
	assert_int_equal(DECODE(CLIENT, "\x91\xca"), -KGP_E_MALFORMED);
	assert_int_equal(DECODE(CLIENT, "\x91\x04"), 0);
}

static void unknown_numbers_below_128_are_refused(void **state)
{
	assert_int_equal(DECODE(CLIENT, "\x91\x00"), -KGP_E_UNKNOWN_MESSAGE);
	assert_int_equal(DECODE(CLIENT, "\x91\x3f"), -KGP_E_UNKNOWN_MESSAGE);
	assert_int_equal(DECODE(DAEMON, "\x91\x7f"), -KGP_E_UNKNOWN_MESSAGE);
}

static void unknown_numbers_from_128_are_ignored_when_well_formed(void **state)
{
	assert_int_equal(DECODE(CLIENT, "\x91\xcc\x80"), KGP_IGNORE);
	assert_int_equal(DECODE(DAEMON, "\x93\xcd\xff\xff\x01\x91\xc0"), KGP_IGNORE);
	assert_int_equal(DECODE(DAEMON, "\x91\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), KGP_IGNORE);
	assert_int_equal(DECODE(DAEMON, "\x92\xcc\x80\xca"), -KGP_E_MALFORMED);
	assert_int_equal(DECODE(DAEMON, "\x91\xcc\x80\xc0"), -KGP_E_MALFORMED);
	assert_int_equal(DECODE(DAEMON, "\x92\xcc\x80\x91\x91\x91\x91\x91\x91\x91\xc0"),
			 KGP_IGNORE);
	assert_int_equal(DECODE(DAEMON, "\x92\xcc\x80\x91\x91\x91\x91\x91\x91\x91\x91\xc0"),
			 -KGP_E_MALFORMED);
}

static void a_message_knows_its_feature(void **state)
{
	static const uint8_t seek[] = {0x95, 12, 1, 0x90, 0xa0, 0};
	const struct kgp_info *info;
	union kgp_body body;

	assert_int_equal(kgp_decode(seek, sizeof(seek), KGP_CLIENT, &info, &body), 0);
	assert_int_equal(info->feature, KGP_FEATURE_seek);
	assert_string_equal(info->name, "seek");
	assert_string_equal(kgp_feature_names[info->feature], "seek");
	assert_string_equal(kgp_feature_names[KGP_FEATURE_core], "core");
	assert_string_equal(kgp_feature_names[KGP_FEATURE_reset], "reset");
	assert_string_equal(kgp_feature_names[KGP_FEATURE_partitions], "partitions");
	assert_string_equal(kgp_feature_names[KGP_FEATURE_query], "query");
	assert_string_equal(kgp_feature_names[KGP_FEATURE_notify], "notify");
}

/* ---- fields, from the table ------------------------------------------------------------------ */

enum row_kind { MESSAGE, TUPLE, BOOL, UINT, INT, STR, BIN, LIST, MAP, ANY };
enum { KGP_NIL = 1, KGP_RAW = 2 };

/* The table read as it stands: a MESSAGE or TUPLE, then its fields. */
static const struct row {
	enum row_kind kind;
	unsigned number, flags;
	uint64_t max;
} rows[] = {
#define KGP_TUPLE(name, shape, help) {TUPLE, 0, 0, 0},
#define KGP_TUPLE_END(name)
#define KGP_MESSAGE(name, number, side, feature, help) {MESSAGE, number, 0, 0},
#define KGP_MESSAGE_END(name)
#define KGP_FIELD(owner, name, kind, flags, max, elem, help) {kind, 0, flags, max},
#include "proto/messages.def"
#undef KGP_TUPLE
#undef KGP_TUPLE_END
#undef KGP_MESSAGE
#undef KGP_MESSAGE_END
#undef KGP_FIELD
};

/* The sample of a type with field i (from 1) replaced by other bytes; decoded. */
static int decode_with(unsigned type, unsigned field, const void *bytes, size_t n)
{
	const struct sample *s = samples;
	struct kgp_cursor c;
	struct kgp_token head;
	struct kgp_buf b = {0};
	uint8_t *frame, *at;
	size_t frame_bytes;
	unsigned i;
	int r;

	while (s->type != type)
		s++;
	frame = sample_frame(s, &frame_bytes);
	c = (struct kgp_cursor){frame + KGP_FRAME_HEADER, frame + frame_bytes};
	assert_int_equal(kgp_read(&c, &head), 0);
	for (i = 0; i < field; i++)
		assert_int_equal(kgp_skip(&c, 8), 0);
	kgp_put_raw(&b, frame + KGP_FRAME_HEADER, (size_t)(c.at - frame) - KGP_FRAME_HEADER);
	kgp_put_raw(&b, bytes, n);
	at = (uint8_t *)c.at;
	assert_int_equal(kgp_skip(&c, 8), 0);
	assert_true(c.at > at);
	kgp_put_raw(&b, c.at, (size_t)(c.end - c.at));
	r = decode(b.data, b.len, s->side);
	kgp_buf_deinit(&b);
	free(frame);
	return r;
}

typedef void field_test(unsigned type, unsigned field, const struct row *row);

static void for_each_field(field_test *test)
{
	unsigned type = 0, field = 0;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (rows[i].kind == MESSAGE || rows[i].kind == TUPLE) {
			type = rows[i].number;
			field = 0;
		} else if (type) {
			test(type, ++field, &rows[i]);
		}
	}
}

static bool takes(const struct row *row, enum row_kind kind)
{
	return row->kind == ANY || row->kind == kind || (row->kind == INT && kind == UINT) ||
	       (row->flags & KGP_RAW && kind == BIN);
}

static void try_kinds(unsigned type, unsigned field, const struct row *row)
{
	static const struct {
		enum row_kind kind;
		const char *bytes;
		size_t n;
	} values[] = {{BOOL, "\xc3", 1}, {UINT, "\x01", 1},	{INT, "\xff", 1}, {STR, "\xa1x", 2},
		      {LIST, "\x90", 1}, {BIN, "\xc4\x01x", 3}, {MAP, "\x80", 1}};
	bool nil = row->kind == ANY || row->flags & KGP_NIL;
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(*values); i++)
		assert_int_equal(decode_with(type, field, values[i].bytes, values[i].n),
				 takes(row, values[i].kind) ? 0 : -KGP_E_FIELD);
	assert_int_equal(decode_with(type, field, "\xc0", 1), nil ? 0 : -KGP_E_FIELD);
	assert_int_equal(decode_with(type, field, "\xca\0\0\0\0", 5), -KGP_E_MALFORMED);
	assert_int_equal(decode_with(type, field, "\xd4\0\0", 3), -KGP_E_MALFORMED);
}

static void a_field_takes_its_kind_and_no_other(void **state)
{
	for_each_field(try_kinds);
}

static int decode_with_int(unsigned type, unsigned field, bool negative, uint64_t v)
{
	struct kgp_buf b = {0};
	int r;

	if (negative)
		kgp_put_int(&b, (int64_t)v);
	else
		kgp_put_uint(&b, v);
	r = decode_with(type, field, b.data, b.len);
	kgp_buf_deinit(&b);
	return r;
}

static void try_range(unsigned type, unsigned field, const struct row *row)
{
	if (row->kind != UINT && row->kind != INT)
		return;
	assert_int_equal(decode_with_int(type, field, false, row->max), 0);
	if (row->max < UINT64_MAX)
		assert_int_equal(decode_with_int(type, field, false, row->max + 1), -KGP_E_FIELD);
	if (row->kind == UINT)
		return;
	assert_int_equal(decode_with_int(type, field, true, ~row->max), 0);
	if (row->max < INT64_MAX)
		assert_int_equal(decode_with_int(type, field, true, ~row->max - 1), -KGP_E_FIELD);
}

static void a_number_is_taken_up_to_its_limits(void **state)
{
	for_each_field(try_range);
}

/* Every form that msgpack has for the number 1. */
static void try_widths(unsigned type, unsigned field, const struct row *row)
{
	msgpack_sbuffer out;
	msgpack_packer pk;
	size_t at[9], i;

	if (row->kind != UINT && row->kind != INT)
		return;
	msgpack_sbuffer_init(&out);
	msgpack_packer_init(&pk, &out, msgpack_sbuffer_write);
#define PACK(i, type) (at[i] = out.size, msgpack_pack_fix_##type(&pk, 1))
	PACK(0, uint8);
	PACK(1, uint16);
	PACK(2, uint32);
	PACK(3, uint64);
	PACK(4, int8);
	PACK(5, int16);
	PACK(6, int32);
	PACK(7, int64);
#undef PACK
	at[8] = out.size;
	for (i = 0; i < 8; i++)
		assert_int_equal(decode_with(type, field, out.data + at[i], at[i + 1] - at[i]), 0);
	msgpack_sbuffer_destroy(&out);
}

static void a_number_is_taken_in_every_width(void **state)
{
	for_each_field(try_widths);
}

static void try_lengths(unsigned type, unsigned field, const struct row *row)
{
	struct kgp_buf b = {0};
	char *bytes = calloc(1, KGP_MAX_METADATA + 1);
	uint64_t n;

	assert_non_null(bytes);
	for (n = row->max; n <= row->max + 1 && (row->kind == STR || row->kind == BIN); n++) {
		kgp_buf_reset(&b);
		if (row->kind == STR)
			kgp_put_str(&b, kgp_bytes(bytes, n));
		else
			kgp_put_bin(&b, kgp_bytes(bytes, n));
		assert_int_equal(decode_with(type, field, b.data, b.len),
				 n > row->max ? -KGP_E_FIELD : 0);
	}
	kgp_buf_deinit(&b);
	free(bytes);
}

static void texts_and_bytes_are_taken_up_to_their_limits(void **state)
{
	for_each_field(try_lengths);
}

static void try_bad_text(unsigned type, unsigned field, const struct row *row)
{
	if (row->kind == STR)
		assert_int_equal(decode_with(type, field, "\xa1\xff", 2), -KGP_E_FIELD);
}

static void texts_are_utf8(void **state)
{
	for_each_field(try_bad_text);
}

/* A list one longer than it may be, of nils: its length is refused before any element is looked at.
 */
static void try_counts(unsigned type, unsigned field, const struct row *row)
{
	struct kgp_buf b = {0};
	uint64_t i;

	if (row->kind != LIST && row->kind != MAP)
		return;
	if (row->kind == LIST)
		kgp_put_array(&b, (uint32_t)row->max + 1);
	else
		kgp_put_map(&b, (uint32_t)row->max + 1);
	assert_int_equal(decode_with(type, field, b.data, b.len), -KGP_E_MALFORMED);
	for (i = 0; i < 2 * (row->max + 1); i++)
		kgp_put_nil(&b);
	assert_int_equal(decode_with(type, field, b.data, b.len), -KGP_E_FIELD);
	kgp_buf_deinit(&b);
}

static void lists_and_maps_are_taken_up_to_their_limits(void **state)
{
	for_each_field(try_counts);
}

/* ---- elements, maps, later fields ------------------------------------------------------------ */

static void elements_are_checked_like_fields(void **state)
{
	/* MARK: an entry is an array of claim, epoch, offset, metadata. */
	assert_int_equal(DECODE(CLIENT, "\x93\x07\x00\x91\x94\x01\x01\x01\xc0"), 0);
	assert_int_equal(DECODE(CLIENT, "\x93\x07\x00\x91\x93\x01\x01\x01"), -KGP_E_FIELD);
	assert_int_equal(DECODE(CLIENT, "\x93\x07\x00\x91\x01"), -KGP_E_FIELD);
	assert_int_equal(DECODE(CLIENT, "\x93\x07\x00\x91\x94\x01\x01\xa1x\xc0"), -KGP_E_FIELD);
	assert_int_equal(DECODE(CLIENT, "\x93\x07\x00\x92\x94\x01\x01\x01\xc0\xca"),
			 -KGP_E_MALFORMED);
	/* HELLO: versions are numbers, features names. */
	assert_int_equal(DECODE(CLIENT, "\x96\x01\x91\xa1x\x90\xa0\xa0\x01"), -KGP_E_FIELD);
	assert_int_equal(DECODE(CLIENT, "\x96\x01\x90\x91\x01\xa0\xa0\x01"), -KGP_E_FIELD);
	/* NOTIFY: partitions are numbers. */
	assert_int_equal(DECODE(DAEMON, "\x95\x49\x02\x91\x92\xa1x\x91\x01\x90\x90"), 0);
	assert_int_equal(DECODE(DAEMON, "\x95\x49\x02\x91\x92\xa1x\x91\xff\x90\x90"), -KGP_E_FIELD);
	/* MESSAGES: a header's name is text or bytes, its value bytes or nil. */
#define HEADER(h) "\x95\x45\x01\x01\x01\x91\x96\x00\x00\x00\xc0\xc0\x91" h
	assert_int_equal(DECODE(DAEMON, HEADER("\x92\xa1x\xc0")), 0);
	assert_int_equal(DECODE(DAEMON, HEADER("\x92\xc4\x01\xff\xc4\x00")), 0);
	assert_int_equal(DECODE(DAEMON, HEADER("\x92\xa1\xff\xc0")), -KGP_E_FIELD);
	assert_int_equal(DECODE(DAEMON, HEADER("\x92\xa1x\xa1x")), -KGP_E_FIELD);
	assert_int_equal(DECODE(DAEMON, HEADER("\x91\xa1x")), -KGP_E_FIELD);
#undef HEADER
}

static void maps_have_texts_as_keys_each_once_and_scalars_as_values(void **state)
{
#define QUERY(map) DECODE(CLIENT, "\x94\x0e\x01\xa1x" map)
	assert_int_equal(QUERY("\x84\xa1"
			       "a\xc3\xa1"
			       "b\x01\xa1"
			       "c\xa1x\xa1"
			       "d\xc4\x01\xff"),
			 0);
	assert_int_equal(QUERY("\x81\x01\x01"), -KGP_E_FIELD);
	assert_int_equal(QUERY("\x81\xa1\xff\x01"), -KGP_E_FIELD);
	assert_int_equal(QUERY("\x81\xa1"
			       "a\xa1\xff"),
			 -KGP_E_FIELD);
	assert_int_equal(QUERY("\x81\xa1"
			       "a\x90"),
			 -KGP_E_FIELD);
	assert_int_equal(QUERY("\x81\xa1"
			       "a\x80"),
			 -KGP_E_FIELD);
	assert_int_equal(QUERY("\x82\xa1"
			       "a\x01\xa1"
			       "a\x02"),
			 -KGP_E_FIELD);
	assert_int_equal(QUERY("\x81\xca\x01"), -KGP_E_MALFORMED);
	assert_int_equal(QUERY("\x81\xa1"
			       "a\xca"),
			 -KGP_E_MALFORMED);
#undef QUERY
}

static void fields_of_a_newer_peer_are_skipped(void **state)
{
	assert_int_equal(DECODE(CLIENT, "\x92\x04\xc0"), 0);
	assert_int_equal(DECODE(CLIENT, "\x94\x05\x01\x91\xc3\x81\xa1x\x01"), 0);
	assert_int_equal(DECODE(CLIENT, "\x93\x07\x00\x91\x96\x01\x01\x01\xc0\x91\x01\xa1y"), 0);
	assert_int_equal(DECODE(CLIENT, "\x92\x04\xcb"), -KGP_E_MALFORMED);
}

/* A frame may be nested 8 deep, wherever the depth comes from. */
static void depth_is_counted_from_the_frame(void **state)
{
#define SIX "\x91\x91\x91\x91\x91\x91"
	/* ANY of REPLY, a new field of a message, of an element. */
	assert_int_equal(DECODE(DAEMON, "\x95\x41\x01\x00\xc0\x91" SIX "\xc0"), 0);
	assert_int_equal(DECODE(DAEMON, "\x95\x41\x01\x00\xc0\x91\x91" SIX "\xc0"),
			 -KGP_E_MALFORMED);
	assert_int_equal(DECODE(CLIENT, "\x92\x04\x91" SIX "\xc0"), 0);
	assert_int_equal(DECODE(CLIENT, "\x92\x04\x91\x91" SIX "\xc0"), -KGP_E_MALFORMED);
#define ENTRY "\x93\x07\x00\x91\x95\x01\x01\x01\xc0"
	assert_int_equal(DECODE(CLIENT, ENTRY "\x91\x91\x91\x91\x91\xc0"), 0);
	assert_int_equal(DECODE(CLIENT, ENTRY SIX "\xc0"), -KGP_E_MALFORMED);
#undef ENTRY
#undef SIX
}

static void a_count_that_the_bytes_cannot_hold_is_malformed(void **state)
{
	assert_int_equal(DECODE(CLIENT, "\xdd\xff\xff\xff\xff"), -KGP_E_MALFORMED);
	assert_int_equal(DECODE(CLIENT, "\x93\x07\x00\xdd\x00\x00\x40\x00\x94\x01\x01\x01\xc0"),
			 -KGP_E_MALFORMED);
}

/* ---- what the encoder makes of what it is given ---------------------------------------------- */

static void a_text_left_out_is_empty_where_nil_is_not_allowed(void **state)
{
	static const struct kgp_state empty;
	struct kgp_buf b = {0};

	kgp_encode(&b, KGP_T_state, &empty);
	assert_int_equal(b.len, KGP_FRAME_HEADER + 4);
	assert_memory_equal(b.data + KGP_FRAME_HEADER, "\x93\x43\xa0\xa0", 4);
	kgp_buf_deinit(&b);
}

static void a_list_is_given_as_items_or_as_ready_bytes(void **state)
{
	static const struct kgp_number items[] = {{1}, {2}};
	struct kgp_marked marked = {.request = 1, .verdicts = {.items = items, .n = 2}};
	struct kgp_buf b = {0};
	size_t frame;

	kgp_encode(&b, KGP_T_marked, &marked);
	frame = b.len;
	marked.verdicts =
		(struct kgp_list){.wire = (const uint8_t *)"\x01\x02", .wire_bytes = 2, .n = 2};
	kgp_encode(&b, KGP_T_marked, &marked);
	assert_int_equal(b.len, 2 * frame);
	assert_memory_equal(b.data, b.data + frame, frame);
	kgp_buf_deinit(&b);
}

static void a_text_of_any_origin_is_made_fit_for_a_peer(void **state)
{
	char big[KGP_MAX_TEXT + 2];
	struct kgp_bytes text;

	text = kgp_text_for_peer("caf\xc3\xa9");
	assert_int_equal(text.size, 5);
	text = kgp_text_for_peer("cut: caf\xc3");
	assert_int_equal(text.size, 8);
	text = kgp_text_for_peer("");
	assert_non_null(text.data);
	assert_int_equal(text.size, 0);

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	memcpy(big + KGP_MAX_TEXT - 1, "\xc3\xa9", 2); /* the limit cuts it */
	text = kgp_text_for_peer(big);
	assert_int_equal(text.size, KGP_MAX_TEXT - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_has_a_sample),
		cmocka_unit_test(a_message_means_to_the_witness_what_it_means),
		cmocka_unit_test(a_decoded_message_encodes_to_the_same_bytes),
		cmocka_unit_test(a_cut_message_is_refused_wherever_it_is_cut),
		cmocka_unit_test(bytes_behind_a_message_are_refused),
		cmocka_unit_test(the_other_side_may_not_send_it),
		cmocka_unit_test(a_body_is_one_array_that_begins_with_a_number),
		cmocka_unit_test(unknown_numbers_below_128_are_refused),
		cmocka_unit_test(unknown_numbers_from_128_are_ignored_when_well_formed),
		cmocka_unit_test(a_message_knows_its_feature),
		cmocka_unit_test(a_field_takes_its_kind_and_no_other),
		cmocka_unit_test(a_number_is_taken_up_to_its_limits),
		cmocka_unit_test(a_number_is_taken_in_every_width),
		cmocka_unit_test(texts_and_bytes_are_taken_up_to_their_limits),
		cmocka_unit_test(texts_are_utf8),
		cmocka_unit_test(lists_and_maps_are_taken_up_to_their_limits),
		cmocka_unit_test(elements_are_checked_like_fields),
		cmocka_unit_test(maps_have_texts_as_keys_each_once_and_scalars_as_values),
		cmocka_unit_test(fields_of_a_newer_peer_are_skipped),
		cmocka_unit_test(depth_is_counted_from_the_frame),
		cmocka_unit_test(a_count_that_the_bytes_cannot_hold_is_malformed),
		cmocka_unit_test(a_text_left_out_is_empty_where_nil_is_not_allowed),
		cmocka_unit_test(a_list_is_given_as_items_or_as_ready_bytes),
		cmocka_unit_test(a_text_of_any_origin_is_made_fit_for_a_peer),
	};

	return cmocka_run_group_tests_name("proto_codec", tests, NULL, NULL);
}
