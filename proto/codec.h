/* SPDX-License-Identifier: MIT */
/* Messages as structures, from messages.def, and their way to bytes and back. See codec.c. */
#ifndef KGP_CODEC_H
#define KGP_CODEC_H

#include "proto/buf.h"
#include "proto/errors.h"
#include "proto/limits.h"
#include "proto/scan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kgp_side { KGP_CLIENT, KGP_DAEMON };

enum kgp_feature {
	KGP_FEATURE_core, /* always there, never named */
	KGP_FEATURE_reset,
	KGP_FEATURE_seek,
	KGP_FEATURE_partitions,
	KGP_FEATURE_query,
	KGP_FEATURE_notify,
	KGP_N_FEATURES,
};

/* Names as they stand in HELLO and WELCOME; bit i of a set is feature i. */
extern const char *const kgp_feature_names[KGP_N_FEATURES];

/*
 * A list. Decoded: wire is its first element and kgp_next() walks it; all elements were checked.
 * To encode: items is a C array of n structures of its element; or wire is set and wire_bytes are
 * copied as n ready elements.
 */
struct kgp_list {
	const void *items;
	const uint8_t *wire;
	size_t wire_bytes;
	uint32_t n;
};

/* Anything: checked bytes of one decoded value, or ready bytes to encode. NULL encodes as nil. */
struct kgp_any {
	const uint8_t *wire;
	size_t wire_bytes;
};

#define KGP_C_BOOL bool
#define KGP_C_UINT uint64_t
#define KGP_C_INT  int64_t
#define KGP_C_STR  struct kgp_bytes
#define KGP_C_BIN  struct kgp_bytes
#define KGP_C_LIST struct kgp_list
#define KGP_C_MAP  struct kgp_list
#define KGP_C_ANY  struct kgp_any

/* A macro that opens a structure is no block of code. */
/* clang-format off */
#define KGP_TUPLE(name, shape, help) struct kgp_##name {
#define KGP_TUPLE_END(name) };
#define KGP_MESSAGE(name, number, side, feature, help) struct kgp_##name {
#define KGP_MESSAGE_END(name) };
#define KGP_FIELD(owner, name, kind, flags, max, elem, help) KGP_C_##kind name;
#include "proto/messages.def"
#undef KGP_TUPLE
#undef KGP_TUPLE_END
#undef KGP_MESSAGE
#undef KGP_MESSAGE_END
#undef KGP_FIELD
/* clang-format on */

#define KGP_TUPLE(name, shape, help)
#define KGP_TUPLE_END(name)
#define KGP_MESSAGE_END(name)
#define KGP_FIELD(owner, name, kind, flags, max, elem, help)

enum kgp_type {
#define KGP_MESSAGE(name, number, side, feature, help) KGP_T_##name = number,
#include "proto/messages.def"
#undef KGP_MESSAGE
};

union kgp_body {
#define KGP_MESSAGE(name, number, side, feature, help) struct kgp_##name name;
#include "proto/messages.def"
#undef KGP_MESSAGE
};

#undef KGP_TUPLE
#undef KGP_TUPLE_END
#undef KGP_MESSAGE_END
#undef KGP_FIELD

/* What decoding knows of a message besides its fields. */
struct kgp_info {
	enum kgp_type type;
	enum kgp_side side;
	enum kgp_feature feature;
	const char *name;
};

enum { KGP_IGNORE = 1 }; /* verdict of kgp_decode(): an advisory message that is not known here */

int kgp_decode(const uint8_t *p, size_t n, enum kgp_side sender, const struct kgp_info **info,
	       union kgp_body *body);

/* Walks a decoded list; each takes the element's own structure. false at the end. */
bool kgp_next_name(struct kgp_list *l, struct kgp_name *out);
bool kgp_next_number(struct kgp_list *l, struct kgp_number *out);
bool kgp_next_entry(struct kgp_list *l, struct kgp_entry *out);
bool kgp_next_header(struct kgp_list *l, struct kgp_header *out);
bool kgp_next_record(struct kgp_list *l, struct kgp_record *out);
bool kgp_next_partitions(struct kgp_list *l, struct kgp_partitions *out);
/* Of a MAP: each key is there once, values are scalars. */
bool kgp_next_pair(struct kgp_list *l, struct kgp_bytes *key, struct kgp_token *value);

/*
 * A text for people as every peer takes it: the part of s that is UTF-8, at most KGP_MAX_TEXT
 * bytes. For what comes from elsewhere or was cut to fit, such as a broker's reason.
 */
struct kgp_bytes kgp_text_for_peer(const char *s);

/* Appends one whole frame; message: struct kgp_<type>. b->failed tells of no memory. */
void kgp_encode(struct kgp_buf *b, enum kgp_type type, const void *message);

#endif
