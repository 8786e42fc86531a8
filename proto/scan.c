/* SPDX-License-Identifier: MIT */
/*
 * Token reader and scanner.
 *
 * Owns nothing and allocates nothing: it looks at bytes that lie between at and end, and a claimed
 * length or count is believed only after it was compared with the bytes left. Depth is bounded.
 * Floats and extension types are no part of the protocol and are malformed. Called by the codec on
 * both sides and by the readers of query results; a peer can make it fail, never assert.
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

/* What a type byte from 0xc0 to 0xdf says; those not named are no part of the protocol. */
static const struct {
	bool known;
	uint8_t kind, width; /* width in bytes of the number behind it */
} wide[32] = {
	[0xc0 - 0xc0] = {true, KGP_KIND_NIL, 0},    /* nil */
	[0xc2 - 0xc0] = {true, KGP_KIND_BOOL, 0},   /* false */
	[0xc3 - 0xc0] = {true, KGP_KIND_BOOL, 0},   /* true */
	[0xc4 - 0xc0] = {true, KGP_KIND_BIN, 1},    /* bin 8 */
	[0xc5 - 0xc0] = {true, KGP_KIND_BIN, 2},    /* bin 16 */
	[0xc6 - 0xc0] = {true, KGP_KIND_BIN, 4},    /* bin 32 */
	[0xcc - 0xc0] = {true, KGP_KIND_UINT, 1},   /* uint 8 */
	[0xcd - 0xc0] = {true, KGP_KIND_UINT, 2},   /* uint 16 */
	[0xce - 0xc0] = {true, KGP_KIND_UINT, 4},   /* uint 32 */
	[0xcf - 0xc0] = {true, KGP_KIND_UINT, 8},   /* uint 64 */
	[0xd0 - 0xc0] = {true, KGP_KIND_NEGINT, 1}, /* int 8 */
	[0xd1 - 0xc0] = {true, KGP_KIND_NEGINT, 2}, /* int 16 */
	[0xd2 - 0xc0] = {true, KGP_KIND_NEGINT, 4}, /* int 32 */
	[0xd3 - 0xc0] = {true, KGP_KIND_NEGINT, 8}, /* int 64 */
	[0xd9 - 0xc0] = {true, KGP_KIND_STR, 1},    /* str 8 */
	[0xda - 0xc0] = {true, KGP_KIND_STR, 2},    /* str 16 */
	[0xdb - 0xc0] = {true, KGP_KIND_STR, 4},    /* str 32 */
	[0xdc - 0xc0] = {true, KGP_KIND_ARRAY, 2},  /* array 16 */
	[0xdd - 0xc0] = {true, KGP_KIND_ARRAY, 4},  /* array 32 */
	[0xde - 0xc0] = {true, KGP_KIND_MAP, 2},    /* map 16 */
	[0xdf - 0xc0] = {true, KGP_KIND_MAP, 4},    /* map 32 */
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

	if (!wide[type & 31].known || width > (size_t)(c->end - c->at))
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
	*t = (struct kgp_token){KGP_KIND_UINT, type, NULL};
	if (type < 0x80)
		return 0;
	if (type >= 0xe0) {
		t->kind = KGP_KIND_NEGINT;
		t->number = (uint64_t)(int64_t)(int8_t)type;
		return 0;
	}
	if (type >= 0xc0) {
		if (read_wide(c, t, type))
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

/* The length of the UTF-8 sequence at s, or 0: overlong, a surrogate, above U+10FFFF, cut. */
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

size_t kgp_utf8_prefix(const uint8_t *s, size_t n)
{
	size_t at, len;

	for (at = 0; at < n; at += len) {
		len = utf8_length(s + at, n - at);
		if (!len)
			break;
	}
	return at;
}

bool kgp_is_utf8(const uint8_t *s, size_t n)
{
	return kgp_utf8_prefix(s, n) == n;
}
