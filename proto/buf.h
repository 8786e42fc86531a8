/* SPDX-License-Identifier: MIT */
/* A growing byte buffer and the msgpack writer on it. See buf.c. */
#ifndef KGP_BUF_H
#define KGP_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes of somebody else: of a frame, of a caller. data == NULL is nil, which is not empty. */
struct kgp_bytes {
	const void *data;
	size_t size;
};

static inline struct kgp_bytes kgp_bytes(const void *data, size_t size)
{
	return (struct kgp_bytes){data, size};
}

static inline struct kgp_bytes kgp_text(const char *s)
{
	return (struct kgp_bytes){s, s ? strlen(s) : 0};
}

bool kgp_bytes_equal(struct kgp_bytes a, struct kgp_bytes b);

struct kgp_buf {
	uint8_t *data; /* owned; NULL while empty */
	size_t len, cap;
	bool failed; /* out of memory happened: the content is void; sticky until reset */
};

void kgp_buf_deinit(struct kgp_buf *b);
void kgp_buf_reset(struct kgp_buf *b); /* empty again, memory kept */
bool kgp_buf_reserve(struct kgp_buf *b, size_t more);

void kgp_put_nil(struct kgp_buf *b);
void kgp_put_bool(struct kgp_buf *b, bool v);
void kgp_put_uint(struct kgp_buf *b, uint64_t v);
void kgp_put_int(struct kgp_buf *b, int64_t v);
void kgp_put_str(struct kgp_buf *b, struct kgp_bytes v); /* NULL: nil */
void kgp_put_bin(struct kgp_buf *b, struct kgp_bytes v); /* NULL: nil */
void kgp_put_array(struct kgp_buf *b, uint32_t n);
void kgp_put_map(struct kgp_buf *b, uint32_t n);
void kgp_put_raw(struct kgp_buf *b, const void *data, size_t size); /* bytes as they are */

#endif
