/* SPDX-License-Identifier: MIT */
/* Cuts a byte stream into frames. See frame.c. */
#ifndef KGP_FRAME_H
#define KGP_FRAME_H

#include "proto/buf.h"

#include <stddef.h>
#include <stdint.h>

/* Verdicts of kgp_frame_peek(). */
enum kgp_frame_verdict {
	KGP_FRAME_PARTIAL =
		1, /* more bytes are needed; *body_bytes: 0 before the header is whole */
	KGP_FRAME_COMPLETE = 2, /* the body is at p + KGP_FRAME_HEADER, *body_bytes long */
};

int kgp_frame_peek(const uint8_t *p, size_t n, uint32_t limit, uint32_t *body_bytes);
size_t kgp_frame_begin(struct kgp_buf *b); /* returns the frame's place for kgp_frame_end() */
void kgp_frame_end(struct kgp_buf *b, size_t frame);
void kgp_frame_header(uint8_t header[5], uint32_t body_bytes);

#endif
