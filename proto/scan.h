/* SPDX-License-Identifier: MIT */
/* Reads msgpack one token at a time, and checks whole values. See scan.c. */
#ifndef KGP_SCAN_H
#define KGP_SCAN_H

#include "proto/errors.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kgp_kind {
	KGP_KIND_NIL,
	KGP_KIND_BOOL,	 /* number is 0 or 1 */
	KGP_KIND_UINT,	 /* number */
	KGP_KIND_NEGINT, /* number is the two's complement of a value below 0 */
	KGP_KIND_STR,	 /* data, number bytes */
	KGP_KIND_BIN,	 /* data, number bytes */
	KGP_KIND_ARRAY,	 /* number elements follow */
	KGP_KIND_MAP,	 /* number pairs follow */
};

struct kgp_token {
	enum kgp_kind kind;
	uint64_t number;
	const uint8_t *data;
};

/* A place in bytes that stay the caller's. */
struct kgp_cursor {
	const uint8_t *at, *end;
};

int kgp_read(struct kgp_cursor *c, struct kgp_token *t); /* 0 or -KGP_E_MALFORMED */
int kgp_skip(struct kgp_cursor *c, unsigned depth); /* one whole value, 0 or -KGP_E_MALFORMED */
bool kgp_is_utf8(const uint8_t *s, size_t n);
size_t kgp_utf8_prefix(const uint8_t *s, size_t n); /* how many bytes from s on are valid UTF-8 */

#endif
