/* SPDX-License-Identifier: MIT */
/* The byte buffer and the msgpack writer on it, with msgpack-c as witness. */
#include "proto/buf.h"

#include "tests/unit/cmocka_all.h"
#include "tests/unit/witness.h"

static int setup(void **state)
{
	static struct kgp_buf b;

	b = (struct kgp_buf){0};
	*state = &b;
	return 0;
}

static int teardown(void **state)
{
	kgp_buf_deinit(*state);
	return 0;
}

/* What msgpack-c unpacks from the buffer's only value, which msgpack-c must also write with so many
 * bytes. */
static void unpack(struct kgp_buf *b, msgpack_unpacked *value)
{
	size_t used = 0;

	assert_false(b->failed);
	msgpack_unpacked_init(value);
	assert_int_equal(msgpack_unpack_next(value, (char *)b->data, b->len, &used),
			 MSGPACK_UNPACK_SUCCESS);
	assert_int_equal(used, b->len);
}

static void assert_same_as_witness(struct kgp_buf *b, msgpack_sbuffer *witness)
{
	assert_false(b->failed);
	assert_int_equal(b->len, witness->size);
	assert_memory_equal(b->data, witness->data, b->len);
	kgp_buf_reset(b);
	msgpack_sbuffer_clear(witness);
}

/* Every power of two, one less and one more, and their negatives. */
static void integers_take_the_witness_shortest_form(void **state)
{
	struct kgp_buf *b = *state;
	msgpack_sbuffer witness;
	msgpack_packer pk;
	uint64_t v;
	int bit, d;

	msgpack_sbuffer_init(&witness);
	msgpack_packer_init(&pk, &witness, msgpack_sbuffer_write);
	for (bit = 0; bit < 64; bit++)
		for (d = -1; d <= 1; d++) {
			v = (1ULL << bit) + (uint64_t)d;
			kgp_put_uint(b, v);
			msgpack_pack_uint64(&pk, v);
			assert_same_as_witness(b, &witness);
			kgp_put_int(b, (int64_t)v);
			msgpack_pack_int64(&pk, (int64_t)v);
			assert_same_as_witness(b, &witness);
			kgp_put_int(b, (int64_t)-v);
			msgpack_pack_int64(&pk, (int64_t)-v);
			assert_same_as_witness(b, &witness);
		}
	msgpack_sbuffer_destroy(&witness);
}

static void small_integers_take_the_witness_shortest_form(void **state)
{
	struct kgp_buf *b = *state;
	msgpack_sbuffer witness;
	msgpack_packer pk;
	int64_t v;

	msgpack_sbuffer_init(&witness);
	msgpack_packer_init(&pk, &witness, msgpack_sbuffer_write);
	for (v = -70000; v <= 70000; v++) {
		kgp_put_int(b, v);
		msgpack_pack_int64(&pk, v);
		assert_same_as_witness(b, &witness);
	}
	msgpack_sbuffer_destroy(&witness);
}

static const size_t lengths[] = {0, 1, 31, 32, 255, 256, 65535, 65536};

static void texts_and_bytes_take_the_witness_shortest_form(void **state)
{
	struct kgp_buf *b = *state;
	char *bytes = calloc(1, 65536);
	msgpack_sbuffer witness;
	msgpack_packer pk;
	size_t i;

	assert_non_null(bytes);
	msgpack_sbuffer_init(&witness);
	msgpack_packer_init(&pk, &witness, msgpack_sbuffer_write);
	for (i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		kgp_put_str(b, kgp_bytes(bytes, lengths[i]));
		msgpack_pack_str(&pk, lengths[i]);
		msgpack_pack_str_body(&pk, bytes, lengths[i]);
		assert_same_as_witness(b, &witness);
		kgp_put_bin(b, kgp_bytes(bytes, lengths[i]));
		msgpack_pack_bin(&pk, lengths[i]);
		msgpack_pack_bin_body(&pk, bytes, lengths[i]);
		assert_same_as_witness(b, &witness);
	}
	msgpack_sbuffer_destroy(&witness);
	free(bytes);
}

static void counts_take_the_witness_shortest_form(void **state)
{
	static const uint32_t counts[] = {0, 1, 15, 16, 65535, 65536, UINT32_MAX};
	struct kgp_buf *b = *state;
	msgpack_sbuffer witness;
	msgpack_packer pk;
	size_t i;

	msgpack_sbuffer_init(&witness);
	msgpack_packer_init(&pk, &witness, msgpack_sbuffer_write);
	for (i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		kgp_put_array(b, counts[i]);
		msgpack_pack_array(&pk, counts[i]);
		assert_same_as_witness(b, &witness);
		kgp_put_map(b, counts[i]);
		msgpack_pack_map(&pk, counts[i]);
		assert_same_as_witness(b, &witness);
	}
	msgpack_sbuffer_destroy(&witness);
}

static void nil_is_not_empty(void **state)
{
	struct kgp_buf *b = *state;

	kgp_put_str(b, kgp_text(NULL));
	kgp_put_bin(b, kgp_bytes(NULL, 0));
	kgp_put_nil(b);
	kgp_put_str(b, kgp_text(""));
	kgp_put_bin(b, kgp_bytes("", 0));
	assert_int_equal(b->len, 6);
	assert_memory_equal(b->data, "\xc0\xc0\xc0\xa0\xc4\x00", 6);
}

static void bools_are_bools(void **state)
{
	struct kgp_buf *b = *state;
	msgpack_unpacked value;

	kgp_put_bool(b, true);
	unpack(b, &value);
	assert_int_equal(value.data.type, MSGPACK_OBJECT_BOOLEAN);
	assert_true(value.data.via.boolean);
	msgpack_unpacked_destroy(&value);
	kgp_buf_reset(b);
	kgp_put_bool(b, false);
	unpack(b, &value);
	assert_int_equal(value.data.type, MSGPACK_OBJECT_BOOLEAN);
	assert_false(value.data.via.boolean);
	msgpack_unpacked_destroy(&value);
}

static void raw_bytes_are_copied_as_they_are(void **state)
{
	struct kgp_buf *b = *state;

	kgp_put_raw(b, NULL, 0);
	assert_null(b->data);
	kgp_put_raw(b, "abc", 3);
	kgp_put_raw(b, "de", 2);
	assert_int_equal(b->len, 5);
	assert_memory_equal(b->data, "abcde", 5);
}

static void reset_keeps_the_memory_and_forgets_the_failure(void **state)
{
	struct kgp_buf *b = *state;
	uint8_t *data;

	kgp_put_nil(b);
	data = b->data;
	b->failed = true;
	kgp_put_nil(b);
	assert_int_equal(b->len, 1);
	kgp_buf_reset(b);
	assert_false(b->failed);
	kgp_put_nil(b);
	assert_ptr_equal(b->data, data);
	assert_int_equal(b->len, 1);
}

static void a_reserve_is_kept_by_what_follows(void **state)
{
	struct kgp_buf *b = *state;
	uint8_t *data;
	size_t i;

	kgp_put_nil(b);
	assert_true(kgp_buf_reserve(b, 100000));
	data = b->data;
	for (i = 0; i < 100000; i++)
		kgp_put_nil(b);
	assert_ptr_equal(b->data, data);
	assert_int_equal(b->len, 100001);
}

static void impossible_sizes_fail_at_once(void **state)
{
	static const size_t sizes[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 4 + 1};
	struct kgp_buf *b = *state, full;
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		kgp_buf_reset(b);
		assert_false(kgp_buf_reserve(b, sizes[i]));
		assert_true(b->failed);
		full = (struct kgp_buf){.len = sizes[i], .cap = sizes[i]};
		assert_false(kgp_buf_reserve(&full, 1));
		assert_true(full.failed);
	}
}

static void no_text_or_bytes_beyond_32_bits(void **state)
{
	struct kgp_buf *b = *state;

	kgp_put_bin(b, kgp_bytes("", 1ULL << 32));
	assert_true(b->failed);
	kgp_buf_reset(b);
	kgp_put_str(b, kgp_bytes("", 1ULL << 32));
	assert_true(b->failed);
	assert_int_equal(b->len, 0);
}

static void equal_bytes_are_equal_and_nil_only_to_nil(void **state)
{
	assert_true(kgp_bytes_equal(kgp_text("ab"), kgp_bytes("abc", 2)));
	assert_false(kgp_bytes_equal(kgp_text("ab"), kgp_text("abc")));
	assert_false(kgp_bytes_equal(kgp_text("ab"), kgp_text("ac")));
	assert_true(kgp_bytes_equal(kgp_text(""), kgp_bytes("x", 0)));
	assert_false(kgp_bytes_equal(kgp_text(""), kgp_text(NULL)));
	assert_false(kgp_bytes_equal(kgp_text(NULL), kgp_text("")));
	assert_true(kgp_bytes_equal(kgp_text(NULL), kgp_text(NULL)));
}

static void deinit_takes_anything(void **state)
{
	struct kgp_buf empty = {0};

	kgp_buf_deinit(NULL);
	kgp_buf_deinit(&empty);
	kgp_put_nil(*state);
	kgp_buf_deinit(*state);
	kgp_buf_deinit(*state);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(integers_take_the_witness_shortest_form),
		TEST(small_integers_take_the_witness_shortest_form),
		TEST(texts_and_bytes_take_the_witness_shortest_form),
		TEST(counts_take_the_witness_shortest_form),
		TEST(nil_is_not_empty),
		TEST(bools_are_bools),
		TEST(raw_bytes_are_copied_as_they_are),
		TEST(reset_keeps_the_memory_and_forgets_the_failure),
		TEST(a_reserve_is_kept_by_what_follows),
		TEST(impossible_sizes_fail_at_once),
		TEST(no_text_or_bytes_beyond_32_bits),
		TEST(equal_bytes_are_equal_and_nil_only_to_nil),
		TEST(deinit_takes_anything),
	};

	return cmocka_run_group_tests_name("proto_buf", tests, NULL, NULL);
}
