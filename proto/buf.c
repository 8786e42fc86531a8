/* SPDX-License-Identifier: MIT */
/*
 * Byte buffer and msgpack writer.
 *
 * Owns the bytes it collects. Every put either writes whole or leaves the buffer marked failed, so
 * that callers check once, at the end of a frame. Integers, strings and counts take their shortest
 * form: equal values are equal bytes, which the vectors rely on. Called by the encoder and by
 * whoever builds the result of a query. It must never call back, log, or shrink what it has.
 */
#include "proto/buf.h"

#include <endian.h>
#include <stdlib.h>

bool kgp_bytes_equal(struct kgp_bytes a, struct kgp_bytes b)
{
	if (!a.data || !b.data)
		return a.data == b.data;
	return a.size == b.size && !memcmp(a.data, b.data, a.size);
}

void kgp_buf_deinit(struct kgp_buf *b)
{
	if (!b)
		return;
	free(b->data);
	*b = (struct kgp_buf){0};
}

void kgp_buf_reset(struct kgp_buf *b)
{
	b->len = 0;
	b->failed = false;
}

bool kgp_buf_reserve(struct kgp_buf *b, size_t more)
{
	size_t cap = b->cap ? b->cap : 256;
	uint8_t *data = NULL;

	if (b->failed)
		return false;
	if (b->cap - b->len >= more)
		return true;
	if (more <= SIZE_MAX / 4 && b->len <= SIZE_MAX / 4) {
		while (cap - b->len < more)
			cap *= 2;
		data = realloc(b->data, cap);
	}
	if (!data) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void kgp_put_raw(struct kgp_buf *b, const void *data, size_t size)
{
	if (!size || !kgp_buf_reserve(b, size))
		return;
	memcpy(b->data + b->len, data, size);
	b->len += size;
}

/* A type byte and a big-endian number of 0, 1, 2, 4 or 8 bytes behind it. */
static void put_head(struct kgp_buf *b, uint8_t type, uint64_t v, unsigned n_bytes)
{
	uint64_t be = htobe64(v);

	if (!kgp_buf_reserve(b, 1 + n_bytes))
		return;
	b->data[b->len] = type;
	memcpy(b->data + b->len + 1, (uint8_t *)&be + 8 - n_bytes, n_bytes);
	b->len += 1 + n_bytes;
}

/* Longer than any msgpack string can be: told at the end of the frame, like no memory. */
static bool is_too_long(struct kgp_buf *b, struct kgp_bytes v)
{
	if (v.size <= UINT32_MAX)
		return false;
	b->failed = true;
	return true;
}

void kgp_put_nil(struct kgp_buf *b)
{
	put_head(b, 0xc0, 0, 0);
}

void kgp_put_bool(struct kgp_buf *b, bool v)
{
	put_head(b, v ? 0xc3 : 0xc2, 0, 0);
}

void kgp_put_uint(struct kgp_buf *b, uint64_t v)
{
	if (v < 0x80)
		put_head(b, (uint8_t)v, 0, 0);
	else if (v <= UINT8_MAX)
		put_head(b, 0xcc, v, 1);
	else if (v <= UINT16_MAX)
		put_head(b, 0xcd, v, 2);
	else if (v <= UINT32_MAX)
		put_head(b, 0xce, v, 4);
	else
		put_head(b, 0xcf, v, 8);
}

void kgp_put_int(struct kgp_buf *b, int64_t v)
{
	if (v >= 0)
		kgp_put_uint(b, (uint64_t)v);
	else if (v >= -32)
		put_head(b, (uint8_t)v, 0, 0);
	else if (v >= INT8_MIN)
		put_head(b, 0xd0, (uint64_t)v, 1);
	else if (v >= INT16_MIN)
		put_head(b, 0xd1, (uint64_t)v, 2);
	else if (v >= INT32_MIN)
		put_head(b, 0xd2, (uint64_t)v, 4);
	else
		put_head(b, 0xd3, (uint64_t)v, 8);
}

void kgp_put_str(struct kgp_buf *b, struct kgp_bytes v)
{
	if (!v.data) {
		kgp_put_nil(b);
		return;
	}
	if (is_too_long(b, v))
		return;
	if (v.size < 32)
		put_head(b, (uint8_t)(0xa0 | v.size), 0, 0);
	else if (v.size <= UINT8_MAX)
		put_head(b, 0xd9, v.size, 1);
	else if (v.size <= UINT16_MAX)
		put_head(b, 0xda, v.size, 2);
	else
		put_head(b, 0xdb, v.size, 4);
	kgp_put_raw(b, v.data, v.size);
}

void kgp_put_bin(struct kgp_buf *b, struct kgp_bytes v)
{
	if (!v.data) {
		kgp_put_nil(b);
		return;
	}
	if (is_too_long(b, v))
		return;
	if (v.size <= UINT8_MAX)
		put_head(b, 0xc4, v.size, 1);
	else if (v.size <= UINT16_MAX)
		put_head(b, 0xc5, v.size, 2);
	else
		put_head(b, 0xc6, v.size, 4);
	kgp_put_raw(b, v.data, v.size);
}

void kgp_put_array(struct kgp_buf *b, uint32_t n)
{
	if (n < 16)
		put_head(b, (uint8_t)(0x90 | n), 0, 0);
	else if (n <= UINT16_MAX)
		put_head(b, 0xdc, n, 2);
	else
		put_head(b, 0xdd, n, 4);
}

void kgp_put_map(struct kgp_buf *b, uint32_t n)
{
	if (n < 16)
		put_head(b, (uint8_t)(0x80 | n), 0, 0);
	else if (n <= UINT16_MAX)
		put_head(b, 0xde, n, 2);
	else
		put_head(b, 0xdf, n, 4);
}
