/* SPDX-License-Identifier: MIT */
/*
 * Frames of both sides: cutter, scanner, codec.
 *
 * First byte: bit 0, who sends it; bit 1, the rest is a stream of frames, else the body of one.
 * Whatever is accepted is walked to its last element, encoded, decoded and encoded again, and the
 * two encodings are the same bytes; what the codec accepts the scanner calls one whole value; and
 * the cutter takes a frame exactly when all of it is there.
 */
#include "tests/fuzz/fuzz.h"

#include "proto/codec.h"
#include "proto/frame.h"
#include "tests/unit/proto_samples.h"

static void encode_again(const struct kgp_info *info, const union kgp_body *body)
{
	const struct kgp_info *info_again;
	struct kgp_buf first = {0}, second = {0};
	union kgp_body again;
	uint8_t *copy;
	size_t n;

	kgp_encode(&first, info->type, body);
	assert(!first.failed && first.len >= KGP_FRAME_HEADER);
	n = first.len - KGP_FRAME_HEADER;
	copy = fuzz_copy(first.data + KGP_FRAME_HEADER, n);
	assert(!kgp_decode(copy, n, info->side, &info_again, &again) && info == info_again);
	kgp_encode(&second, info->type, &again);
	assert(first.len == second.len && !memcmp(first.data, second.data, first.len));
	free(copy);
	kgp_buf_deinit(&first);
	kgp_buf_deinit(&second);
}

static void try_body(const uint8_t *data, size_t n, enum kgp_side sender)
{
	const struct kgp_info *info = NULL;
	uint8_t *copy = fuzz_copy(data, n);
	struct kgp_cursor c = {copy, copy + n};
	union kgp_body body;
	int skipped = kgp_skip(&c, KGP_MAX_DEPTH), r = kgp_decode(copy, n, sender, &info, &body);

	assert(r == 0 || r == KGP_IGNORE || kgp_error_name((unsigned)-r));
	assert(r < 0 || (!skipped && c.at == c.end));
	if (!r) {
		assert(info->side == sender);
		sample_walk(info, &body);
		encode_again(info, &body);
	}
	free(copy);
}

static void try_stream(const uint8_t *data, size_t n, enum kgp_side sender)
{
	uint32_t limit = sender == KGP_CLIENT ? KGP_FRAME_MAX_CLIENT : KGP_FRAME_MAX_DAEMON, size;
	uint8_t *copy;
	int r;

	for (; n; data += KGP_FRAME_HEADER + size, n -= KGP_FRAME_HEADER + size) {
		copy = fuzz_copy(data, n);
		r = kgp_frame_peek(copy, n, limit, &size);
		assert(r < 0 || (r == KGP_FRAME_COMPLETE) ==
					(n >= KGP_FRAME_HEADER && n - KGP_FRAME_HEADER >= size));
		free(copy);
		if (r != KGP_FRAME_COMPLETE)
			return;
		try_body(data + KGP_FRAME_HEADER, size, sender);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum kgp_side sender;

	if (!size)
		return 0;
	sender = data[0] & 1 ? KGP_DAEMON : KGP_CLIENT;
	if (data[0] & 2)
		try_stream(data + 1, size - 1, sender);
	else
		try_body(data + 1, size - 1, sender);
	return 0;
}
