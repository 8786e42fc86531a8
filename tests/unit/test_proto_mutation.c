/* SPDX-License-Identifier: MIT */
/*
 * Damaged frames: valid ones with bytes changed, cut out, put in. Seeded, so a failure repeats; the
 * seed and the count come from KGP_SEED and KGP_MUTATIONS when they are set. Whatever is accepted
 * must be walked without a fault, mean to the witness one whole value, and survive being encoded
 * again; the two readers of MESSAGES must agree.
 */
#include "proto/batch.h"

#include "proto/frame.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/exact.h"
#include "tests/unit/proto_samples.h"
#include "tests/unit/witness.h"

enum { MAX_BYTES = 1024, N_MUTATIONS = 250000 };

static uint64_t random_state;

static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % n;
}

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

/* First bytes of every form, and the edges of the numbers behind them. */
static uint8_t telling_byte(void)
{
	static const uint8_t bytes[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2,
					0xc4, 0xc5, 0xc6, 0xca, 0xcc, 0xce, 0xcf, 0xd0, 0xd3, 0xd4,
					0xd9, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xff};

	return random_below(3) ? bytes[random_below(sizeof(bytes))] : (uint8_t)random_below(256);
}

/* Changes the n bytes at p, of which there may be MAX_BYTES; the new number of bytes. */
static size_t mutate(uint8_t *p, size_t n)
{
	size_t at = random_below((uint32_t)n + 1), count = 1 + random_below(4);

	switch (random_below(4)) {
	case 0: /* put in */
		if (n + count > MAX_BYTES)
			return n;
		memmove(p + at + count, p + at, n - at);
		memset(p + at, telling_byte(), count);
		return n + count;
	case 1: /* cut out */
		if (at + count > n)
			return at;
		memmove(p + at, p + at + count, n - at - count);
		return n - count;
	default:
		if (at < n)
			p[at] = telling_byte();
		return n;
	}
}

static void assert_witness_agrees(const uint8_t *p, size_t n)
{
	msgpack_unpacked value;
	size_t used = 0;

	msgpack_unpacked_init(&value);
	assert_int_equal(msgpack_unpack_next(&value, (const char *)p, n, &used),
			 MSGPACK_UNPACK_SUCCESS);
	assert_int_equal(used, n);
	msgpack_unpacked_destroy(&value);
}

static void assert_encodes_again(const struct kgp_info *info, const union kgp_body *body)
{
	const struct kgp_info *info_again;
	union kgp_body body_again;
	struct kgp_buf b = {0}, c = {0};

	kgp_encode(&b, info->type, body);
	assert_int_equal(kgp_decode(b.data + KGP_FRAME_HEADER, b.len - KGP_FRAME_HEADER, info->side,
				    &info_again, &body_again),
			 0);
	assert_ptr_equal(info, info_again);
	kgp_encode(&c, info->type, &body_again);
	assert_int_equal(b.len, c.len);
	assert_memory_equal(b.data, c.data, b.len);
	kgp_buf_deinit(&b);
	kgp_buf_deinit(&c);
}

/* What the batch reader makes of the whole body: 0 or the error. */
static int read_batch(const uint8_t *p, size_t n)
{
	struct kgp_batch_reader r;
	struct kgp_messages head;
	struct kgp_record record;
	int v = kgp_batch_open(&r, p, n, &head);

	while (!v && (v = kgp_batch_next(&r, &record)) == 1) {
		kgp_record_credit(&record);
		v = 0;
	}
	return v;
}

static int judge(const uint8_t *bytes, size_t n, enum kgp_side side)
{
	const struct kgp_info *info = NULL;
	union kgp_body body;
	uint8_t *p = exact_copy(bytes, n);
	int r = kgp_decode(p, n, side, &info, &body);

	if (r >= 0)
		assert_witness_agrees(p, n);
	if (r == 0) {
		sample_walk(info, &body);
		assert_encodes_again(info, &body);
	}
	if (info && info->type == KGP_T_messages)
		assert_int_equal(read_batch(p, n), r);
	else
		read_batch(p, n);
	free(p);
	return r;
}

static void damaged_frames_are_refused_or_make_sense(void **state)
{
	uint64_t i, n_mutations = number_of("KGP_MUTATIONS", N_MUTATIONS);
	uint8_t bytes[MAX_BYTES], *frame;
	const struct sample *s;
	size_t n, n_changes, n_accepted = 0;

	random_state = number_of("KGP_SEED", 20240229);
	for (i = 0; i < n_mutations; i++) {
		s = &samples[random_below((uint32_t)n_samples)];
		frame = sample_frame(s, &n);
		n -= KGP_FRAME_HEADER;
		memcpy(bytes, frame + KGP_FRAME_HEADER, n);
		free(frame);
		for (n_changes = 1 + random_below(3); n_changes; n_changes--)
			n = mutate(bytes, n);
		n_accepted += judge(bytes, n, s->side) >= 0;
	}
	assert_true(n_accepted > n_mutations / 100);
	assert_true(n_accepted < n_mutations / 2);
}

static void noise_is_refused_or_makes_sense(void **state)
{
	uint64_t i, n_mutations = number_of("KGP_MUTATIONS", N_MUTATIONS);
	uint8_t bytes[64];
	size_t n, at;

	random_state = number_of("KGP_SEED", 20240229);
	for (i = 0; i < n_mutations; i++) {
		n = random_below(sizeof(bytes));
		for (at = 0; at < n; at++)
			bytes[at] = telling_byte();
		if (n > 1) {
			bytes[0] = 0x90 | random_below(8);
			bytes[1] = (uint8_t)random_below(80);
		}
		judge(bytes, n, random_below(2) ? KGP_CLIENT : KGP_DAEMON);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_frames_are_refused_or_make_sense),
		cmocka_unit_test(noise_is_refused_or_makes_sense),
	};

	return cmocka_run_group_tests_name("proto_mutation", tests, NULL, NULL);
}
