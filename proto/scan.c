/* SPDX-License-Identifier: MIT */
/*
 * Token reader and scanner.
 *
 * Owns nothing and allocates nothing: it looks at bytes that lie between at and end, and a claimed
 * length or count is believed only after it was compared with the bytes left. Depth is bounded. Floats
 * and extension types are no part of the protocol and are malformed. Called by the codec on both sides
 * and by the readers of query results; a peer can make it fail, never assert.
 */
#include "proto/scan.h"

#include <endian.h>
#include <string.h>

static uint64_t big_endian(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	memcpy((uint8_t *)&v + 8 - n, p, n);
	return be64toh(v);
}

/* What a type byte from 0xc0 to 0xdf says: its kind and the width of the number behind it. */
static const struct {
	uint8_t kind, width; /* width in bytes; 0xff: no such token here */
} wide[32] = {
	[0x00] = {KGP_KIND_NIL, 0},   [0x01] = {0, 0xff},	    [0x02] = {KGP_KIND_BOOL, 0},
	[0x03] = {KGP_KIND_BOOL, 0},  [0x04] = {KGP_KIND_BIN, 1},   [0x05] = {KGP_KIND_BIN, 2},
	[0x06] = {KGP_KIND_BIN, 4},   [0x07] = {0, 0xff},	    [0x08] = {0, 0xff},
	[0x09] = {0, 0xff},	      [0x0a] = {0, 0xff},	    [0x0b] = {0, 0xff},
	[0x0c] = {KGP_KIND_UINT, 1},  [0x0d] = {KGP_KIND_UINT, 2},  [0x0e] = {KGP_KIND_UINT, 4},
	[0x0f] = {KGP_KIND_UINT, 8},  [0x10] = {KGP_KIND_NEGINT, 1}, [0x11] = {KGP_KIND_NEGINT, 2},
	[0x12] = {KGP_KIND_NEGINT, 4}, [0x13] = {KGP_KIND_NEGINT, 8}, [0x14] = {0, 0xff},
	[0x15] = {0, 0xff},	      [0x16] = {0, 0xff},	    [0x17] = {0, 0xff},
	[0x18] = {0, 0xff},	      [0x19] = {KGP_KIND_STR, 1},   [0x1a] = {KGP_KIND_STR, 2},
	[0x1b] = {KGP_KIND_STR, 4},   [0x1c] = {KGP_KIND_ARRAY, 2}, [0x1d] = {KGP_KIND_ARRAY, 4},
	[0x1e] = {KGP_KIND_MAP, 2},   [0x1f] = {KGP_KIND_MAP, 4},
};

/* The signed forms hold any sign: 0 and above become UINT, so that a number has one kind. */
static void sign(struct kgp_token *t, unsigned width)
{
	unsigned shift = 64 - 8 * width;
	int64_t v = (int64_t)(t->number << shift) >> shift;

	t->number = (uint64_t)v;
	if (v >= 0)
		t->kind = KGP_KIND_UINT;
}

static int read_wide(struct kgp_cursor *c, struct kgp_token *t, uint8_t type)
{
	unsigned width = wide[type & 31].width;

	if (width > (size_t)(c->end - c->at)) /* 0xff lies beyond every frame's end or is no token */
		return -KGP_E_MALFORMED;
	t->kind = wide[type & 31].kind;
	t->number = big_endian(c->at, width);
	c->at += width;
	if (t->kind == KGP_KIND_BOOL)
		t->number = type & 1;
	else if (t->kind == KGP_KIND_NEGINT)
		sign(t, width);
	return 0;
}

/* The counts and lengths must fit the bytes left: each element takes at least one. */
static int check_extent(struct kgp_cursor *c, struct kgp_token *t)
{
	uint64_t left = (uint64_t)(c->end - c->at);

	if (t->kind == KGP_KIND_MAP ? t->number > left / 2 : t->number > left)
		return -KGP_E_MALFORMED;
	t->data = c->at;
	if (t->kind == KGP_KIND_STR || t->kind == KGP_KIND_BIN)
		c->at += t->number;
	return 0;
}

int kgp_read(struct kgp_cursor *c, struct kgp_token *t)
{
	uint8_t type;

	if (c->at == c->end)
		return -KGP_E_MALFORMED;
	type = *c->at++;
	t->number = type;
	t->kind = KGP_KIND_UINT;
	if (type < 0x80)
		return 0;
	if (type >= 0xe0) {
		t->kind = KGP_KIND_NEGINT;
		t->number = (uint64_t)(int64_t)(int8_t)type;
		return 0;
	}
	if (type >= 0xc0) {
		if (wide[type & 31].width == 0xff || read_wide(c, t, type))
			return -KGP_E_MALFORMED;
	} else if (type >= 0xa0) {
		t->kind = KGP_KIND_STR;
		t->number = type & 31;
	} else {
		t->kind = type >= 0x90 ? KGP_KIND_ARRAY : KGP_KIND_MAP;
		t->number = type & 15;
	}
	return t->kind < KGP_KIND_STR ? 0 : check_extent(c, t);
}

int kgp_skip(struct kgp_cursor *c, unsigned depth)
{
	struct kgp_token t;
	uint64_t n;

	if (kgp_read(c, &t))
		return -KGP_E_MALFORMED;
	if (t.kind < KGP_KIND_ARRAY)
		return 0;
	if (!depth)
		return -KGP_E_MALFORMED;
	n = t.kind == KGP_KIND_MAP ? 2 * t.number : t.number;
	while (n--)
		if (kgp_skip(c, depth - 1))
			return -KGP_E_MALFORMED;
	return 0;
}

/* The length of the UTF-8 sequence at s, or 0: overlong forms, surrogates and > U+10FFFF are none. */
static size_t utf8_length(const uint8_t *s, size_t n)
{
	uint32_t v, least;
	size_t len, i;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (len > n)
		return 0;
	v = s[0] & (0x7fu >> len);
	for (i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (s[i] & 0x3f);
	}
	least = len == 2 ? 0x80 : len == 3 ? 0x800 : 0x10000;
	return v < least || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff) ? 0 : len;
}

bool kgp_is_utf8(const uint8_t *s, size_t n)
{
	size_t len;

	for (; n; s += len, n -= len) {
		len = utf8_length(s, n);
		if (!len)
			return false;
	}
	return true;
}
