/* SPDX-License-Identifier: MIT */
/* Frames: where they end, and what is refused before its bytes have come. */
#include "proto/frame.h"

#include "proto/errors.h"
#include "proto/limits.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/exact.h"

static int peek(const char *bytes, size_t n, uint32_t limit, uint32_t *body_bytes)
{
	uint8_t *p = exact_copy(bytes, n);
	int r = kgp_frame_peek(p, n, limit, body_bytes);

	free(p);
	return r;
}

static void a_frame_is_partial_until_its_last_byte(void **state)
{
	static const char frame[] = "\xce\x00\x00\x00\x02\x91\x04";
	uint32_t body_bytes;
	size_t n;

	for (n = 0; n < 5; n++) {
		assert_int_equal(peek(frame, n, 2, &body_bytes), KGP_FRAME_PARTIAL);
		assert_int_equal(body_bytes, 0);
	}
	for (; n < 7; n++) {
		assert_int_equal(peek(frame, n, 2, &body_bytes), KGP_FRAME_PARTIAL);
		assert_int_equal(body_bytes, 2);
	}
	assert_int_equal(peek(frame, 7, 2, &body_bytes), KGP_FRAME_COMPLETE);
	assert_int_equal(body_bytes, 2);
}

static void bytes_of_the_next_frame_do_not_matter(void **state)
{
	uint32_t body_bytes;

	assert_int_equal(peek("\xce\x00\x00\x00\x01\x90\xff\xff", 8, 99, &body_bytes),
			 KGP_FRAME_COMPLETE);
	assert_int_equal(body_bytes, 1);
}

static void an_empty_frame_is_complete(void **state)
{
	uint32_t body_bytes;

	assert_int_equal(peek("\xce\x00\x00\x00\x00", 5, 99, &body_bytes), KGP_FRAME_COMPLETE);
	assert_int_equal(body_bytes, 0);
}

static void a_wrong_first_byte_is_told_at_once(void **state)
{
	uint32_t body_bytes;
	int byte;

	for (byte = 0; byte < 256; byte++)
		if (byte != 0xce)
			assert_int_equal(peek((char[]){(char)byte}, 1, 99, &body_bytes),
					 -KGP_E_MALFORMED);
}

static void a_length_above_the_limit_is_told_with_the_header(void **state)
{
	uint32_t body_bytes;

	assert_int_equal(peek("\xce\x00\x10\x00\x00", 5, KGP_FRAME_MAX_CLIENT, &body_bytes),
			 KGP_FRAME_PARTIAL);
	assert_int_equal(body_bytes, KGP_FRAME_MAX_CLIENT);
	assert_int_equal(peek("\xce\x00\x10\x00\x01", 5, KGP_FRAME_MAX_CLIENT, &body_bytes),
			 -KGP_E_TOO_LARGE);
	assert_int_equal(peek("\xce\xff\xff\xff\xff", 5, KGP_FRAME_MAX_DAEMON, &body_bytes),
			 -KGP_E_TOO_LARGE);
	assert_int_equal(peek("\xce\xff\xff\xff\xff", 5, UINT32_MAX, &body_bytes),
			 KGP_FRAME_PARTIAL);
}

static void begin_and_end_write_what_peek_reads(void **state)
{
	struct kgp_buf b = {0};
	uint32_t body_bytes;
	size_t second;

	kgp_frame_end(&b, kgp_frame_begin(&b));
	second = kgp_frame_begin(&b);
	kgp_put_raw(&b, "abc", 3);
	kgp_frame_end(&b, second);

	assert_int_equal(b.len, 5 + 8);
	assert_int_equal(kgp_frame_peek(b.data, 5, 99, &body_bytes), KGP_FRAME_COMPLETE);
	assert_int_equal(body_bytes, 0);
	assert_int_equal(kgp_frame_peek(b.data + second, 8, 99, &body_bytes), KGP_FRAME_COMPLETE);
	assert_int_equal(body_bytes, 3);
	kgp_buf_deinit(&b);
}

static void a_body_beyond_32_bits_fails(void **state)
{
	uint8_t header[KGP_FRAME_HEADER] = {0};
	struct kgp_buf b = {.data = header, .len = sizeof(header) + UINT32_MAX};

	kgp_frame_end(&b, 0);
	assert_false(b.failed);
	assert_memory_equal(header, "\xce\xff\xff\xff\xff", 5);
	b.len++;
	kgp_frame_end(&b, 0);
	assert_true(b.failed);
}

static void a_failed_buffer_is_left_alone(void **state)
{
	struct kgp_buf b = {.failed = true};

	kgp_frame_end(&b, kgp_frame_begin(&b));
	assert_true(b.failed);
	assert_null(b.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_is_partial_until_its_last_byte),
		cmocka_unit_test(bytes_of_the_next_frame_do_not_matter),
		cmocka_unit_test(an_empty_frame_is_complete),
		cmocka_unit_test(a_wrong_first_byte_is_told_at_once),
		cmocka_unit_test(a_length_above_the_limit_is_told_with_the_header),
		cmocka_unit_test(begin_and_end_write_what_peek_reads),
		cmocka_unit_test(a_body_beyond_32_bits_fails),
		cmocka_unit_test(a_failed_buffer_is_left_alone),
	};

	return cmocka_run_group_tests_name("proto_frame", tests, NULL, NULL);
}
