/* SPDX-License-Identifier: MIT */
/*
 * Frames: 0xce, a big-endian uint32, and that many bytes. To a msgpack unpacker this is an unsigned
 * integer followed by an array, so a stream needs no framing of its own; to us it is a length.
 *
 * Owns nothing. A first byte that is not 0xce is told at once, and so is a length beyond the limit:
 * nobody waits for, or allocates, what will never be taken.
 */
#include "proto/frame.h"

#include "proto/errors.h"
#include "proto/limits.h"

#include <endian.h>

int kgp_frame_peek(const uint8_t *p, size_t n, uint32_t limit, uint32_t *body_bytes)
{
	uint32_t be;

	*body_bytes = 0;
	if (!n)
		return KGP_FRAME_PARTIAL;
	if (p[0] != 0xce)
		return -KGP_E_MALFORMED;
	if (n < KGP_FRAME_HEADER)
		return KGP_FRAME_PARTIAL;
	memcpy(&be, p + 1, sizeof(be));
	*body_bytes = be32toh(be);
	if (*body_bytes > limit)
		return -KGP_E_TOO_LARGE;
	return n - KGP_FRAME_HEADER < *body_bytes ? KGP_FRAME_PARTIAL : KGP_FRAME_COMPLETE;
}

void kgp_frame_header(uint8_t header[5], uint32_t body_bytes)
{
	uint32_t be = htobe32(body_bytes);

	header[0] = 0xce;
	memcpy(header + 1, &be, sizeof(be));
}

size_t kgp_frame_begin(struct kgp_buf *b)
{
	static const uint8_t header[KGP_FRAME_HEADER];
	size_t frame = b->len;

	kgp_put_raw(b, header, sizeof(header));
	return frame;
}

void kgp_frame_end(struct kgp_buf *b, size_t frame)
{
	size_t body_bytes = b->len - frame - KGP_FRAME_HEADER;

	if (b->failed)
		return;
	if (body_bytes > UINT32_MAX)
		b->failed = true;
	else
		kgp_frame_header(b->data + frame, (uint32_t)body_bytes);
}
