/* SPDX-License-Identifier: MIT */
/*
 * The codec: structures to frames and back, driven by descriptors that messages.def makes.
 *
 * Owns nothing: decoded strings and lists point into the frame, which outlives them. A message is
 * checked whole, elements of lists included, before the caller sees any of it; nothing is allocated
 * on the way. Kinds, ranges, lengths, counts and UTF-8 are checked here; what a value means (does
 * this claim exist) is the caller's. Fields that a newer peer adds at the end are skipped,
 * well-formed or the frame is refused. The hot path of MESSAGES does not go through here, see
 * batch.c.
 */
#include "proto/codec.h"

#include "proto/frame.h"

#include <assert.h>

enum { KIND_BOOL, KIND_UINT, KIND_INT, KIND_STR, KIND_BIN, KIND_LIST, KIND_MAP, KIND_ANY };
enum { KGP_NIL = 1, KGP_RAW = 2 };
enum { SHAPE_BARE, SHAPE_ARRAY };
enum { FIRST_ADVISORY = 128 }; /* unknown messages from here on are skipped */

struct tuple;

struct field {
	uint8_t kind, flags;
	uint16_t offset;
	uint64_t max;
	const struct tuple *elem;
};

struct tuple {
	const struct field *fields;
	uint8_t n_fields, shape;
	uint16_t size;
};

struct message {
	struct kgp_info info;
	struct tuple tuple;
};

/* ---- the tables ------------------------------------------------------------------------------ */
/* A macro that opens a table is no block of code. */
/* clang-format off */

#define KGP_TUPLE(name, shape, help) static const struct tuple tuple_##name;
#define KGP_TUPLE_END(name)
#define KGP_MESSAGE(name, number, side, feature, help)
#define KGP_MESSAGE_END(name)
#define KGP_FIELD(owner, name, kind, flags, max, elem, help)
#include "proto/messages.def"
#undef KGP_TUPLE
#undef KGP_TUPLE_END
#undef KGP_MESSAGE
#undef KGP_MESSAGE_END
#undef KGP_FIELD

/* The fields of each owner; one more at the end keeps the arrays of the empty ones legal. */
#define KGP_TUPLE(name, shape, help) static const struct field fields_##name[] = {
#define KGP_TUPLE_END(name) {0}};
#define KGP_MESSAGE(name, number, side, feature, help) static const struct field fields_##name[] = {
#define KGP_MESSAGE_END(name) {0}};
#define KGP_FIELD(owner, name, kind, flags, max, elem, help) \
	{KIND_##kind, flags, offsetof(struct kgp_##owner, name), max, &tuple_##elem},
#include "proto/messages.def"
#undef KGP_TUPLE
#undef KGP_TUPLE_END
#undef KGP_MESSAGE
#undef KGP_MESSAGE_END
#undef KGP_FIELD

#define N_FIELDS(name) (sizeof(fields_##name) / sizeof(struct field) - 1)
#define TUPLE(name, shape) {fields_##name, N_FIELDS(name), shape, sizeof(struct kgp_##name)}

#define KGP_TUPLE(name, shape, help) \
	static const struct tuple tuple_##name = TUPLE(name, SHAPE_##shape);
#define KGP_TUPLE_END(name)
#define KGP_MESSAGE(name, number, side, feature, help)
#define KGP_MESSAGE_END(name)
#define KGP_FIELD(owner, name, kind, flags, max, elem, help)
#include "proto/messages.def"
#undef KGP_TUPLE
#undef KGP_MESSAGE

static const struct message messages[] = {
#define KGP_TUPLE(name, shape, help)
#define KGP_MESSAGE(name, number, side, feature, help) \
	{{number, KGP_##side, KGP_FEATURE_##feature, #name}, TUPLE(name, SHAPE_ARRAY)},
#include "proto/messages.def"
#undef KGP_TUPLE
#undef KGP_TUPLE_END
#undef KGP_MESSAGE
#undef KGP_MESSAGE_END
#undef KGP_FIELD
};
/* clang-format on */

const char *const kgp_feature_names[KGP_N_FEATURES] = {
	[KGP_FEATURE_core] = "core",   [KGP_FEATURE_reset] = "reset",
	[KGP_FEATURE_seek] = "seek",   [KGP_FEATURE_partitions] = "partitions",
	[KGP_FEATURE_query] = "query", [KGP_FEATURE_notify] = "notify",
};

static const struct message *find(uint64_t number)
{
	size_t i;

	for (i = 0; i < sizeof(messages) / sizeof(*messages); i++)
		if (messages[i].info.type == number)
			return &messages[i];
	return NULL;
}

/* ---- decoding -------------------------------------------------------------------------------- */

/*
 * depth, here and below: how many arrays and maps may still be opened inside one another. The
 * table's own nesting is far below the limit; what a newer peer adds is held to it.
 */

/* The largest element that a list can have; its content is thrown away while a list is checked. */
union element {
	struct kgp_name name;
	struct kgp_number number;
	struct kgp_entry entry;
	struct kgp_header header;
	struct kgp_record record;
	struct kgp_partitions partitions;
};

static int decode_tuple(struct kgp_cursor *c, const struct tuple *tuple, unsigned depth, void *out);

static int decode_int(const struct field *f, const struct kgp_token *t, int64_t *out)
{
	int64_t v = (int64_t)t->number;

	if (t->kind != KGP_KIND_UINT && t->kind != KGP_KIND_NEGINT)
		return -KGP_E_FIELD;
	if (t->kind == KGP_KIND_UINT ? t->number > f->max : v < -(int64_t)f->max - 1)
		return -KGP_E_FIELD;
	*out = v;
	return 0;
}

static int decode_bytes(const struct field *f, const struct kgp_token *t, struct kgp_bytes *out)
{
	enum kgp_kind want = f->kind == KIND_STR ? KGP_KIND_STR : KGP_KIND_BIN;

	*out = kgp_bytes(NULL, 0);
	if (t->kind == KGP_KIND_NIL && f->flags & KGP_NIL)
		return 0;
	if (t->kind != want && !(t->kind == KGP_KIND_BIN && f->flags & KGP_RAW))
		return -KGP_E_FIELD;
	if (t->number > f->max)
		return -KGP_E_FIELD;
	if (t->kind == KGP_KIND_STR && !kgp_is_utf8(t->data, t->number))
		return -KGP_E_FIELD;
	*out = kgp_bytes(t->data, t->number);
	return 0;
}

static bool is_valid_text(const struct kgp_token *t)
{
	return t->kind == KGP_KIND_STR && kgp_is_utf8(t->data, t->number);
}

static bool is_scalar(const struct kgp_token *t)
{
	return t->kind < KGP_KIND_STR || t->kind == KGP_KIND_BIN || is_valid_text(t);
}

static bool is_among(const struct kgp_bytes *seen, uint64_t n, struct kgp_bytes key)
{
	uint64_t i;

	for (i = 0; i < n; i++)
		if (kgp_bytes_equal(seen[i], key))
			return true;
	return false;
}

/* Keys are texts, each once; values are scalars. */
static int check_pairs(struct kgp_cursor *c, uint64_t n)
{
	struct kgp_bytes seen[KGP_MAX_SETTINGS];
	struct kgp_token key, value;
	uint64_t i;

	assert(n <= KGP_MAX_SETTINGS); /* no MAP of the table has a larger limit */
	for (i = 0; i < n; i++) {
		if (kgp_read(c, &key) || kgp_read(c, &value))
			return -KGP_E_MALFORMED;
		if (!is_valid_text(&key) || !is_scalar(&value))
			return -KGP_E_FIELD;
		seen[i] = kgp_bytes(key.data, key.number);
		if (is_among(seen, i, seen[i]))
			return -KGP_E_FIELD;
	}
	return 0;
}

static int decode_list(struct kgp_cursor *c, const struct field *f, const struct kgp_token *t,
		       unsigned depth, struct kgp_list *out)
{
	bool map = f->kind == KIND_MAP;
	union element unused;
	uint64_t n = t->number;
	int r = 0;

	if (t->kind != (map ? KGP_KIND_MAP : KGP_KIND_ARRAY) || n > f->max)
		return -KGP_E_FIELD;
	*out = (struct kgp_list){.wire = c->at, .n = (uint32_t)n};
	if (map)
		r = check_pairs(c, n);
	for (; !map && n && !r; n--)
		r = decode_tuple(c, f->elem, depth - 1, &unused);
	out->wire_bytes = (size_t)(c->at - out->wire);
	return r;
}

static int decode_any(struct kgp_cursor *c, unsigned depth, struct kgp_any *out)
{
	out->wire = c->at;
	if (kgp_skip(c, depth))
		return -KGP_E_MALFORMED;
	out->wire_bytes = (size_t)(c->at - out->wire);
	return 0;
}

static int decode_field(struct kgp_cursor *c, const struct field *f, unsigned depth, void *out)
{
	struct kgp_token t;

	if (f->kind == KIND_ANY)
		return decode_any(c, depth, out);
	if (kgp_read(c, &t))
		return -KGP_E_MALFORMED;
	switch (f->kind) {
	case KIND_BOOL:
		*(bool *)out = t.number != 0;
		return t.kind == KGP_KIND_BOOL ? 0 : -KGP_E_FIELD;
	case KIND_UINT:
		*(uint64_t *)out = t.number;
		return t.kind == KGP_KIND_UINT && t.number <= f->max ? 0 : -KGP_E_FIELD;
	case KIND_INT:
		return decode_int(f, &t, out);
	case KIND_STR:
	case KIND_BIN:
		return decode_bytes(f, &t, out);
	default:
		return decode_list(c, f, &t, depth, out);
	}
}

/* The fields after the array's head; whatever a newer peer added is skipped. */
static int decode_fields(struct kgp_cursor *c, const struct tuple *tuple, uint64_t n,
			 unsigned depth, uint8_t *out)
{
	unsigned i;
	int r;

	if (n < tuple->n_fields)
		return -KGP_E_FIELD;
	for (i = 0; i < tuple->n_fields; i++) {
		r = decode_field(c, &tuple->fields[i], depth, out + tuple->fields[i].offset);
		if (r)
			return r;
	}
	for (; i < n; i++)
		if (kgp_skip(c, depth))
			return -KGP_E_MALFORMED;
	return 0;
}

static int decode_tuple(struct kgp_cursor *c, const struct tuple *tuple, unsigned depth, void *out)
{
	struct kgp_token t;

	if (tuple->shape == SHAPE_BARE)
		return decode_field(c, &tuple->fields[0], depth, out);
	if (kgp_read(c, &t))
		return -KGP_E_MALFORMED;
	if (t.kind != KGP_KIND_ARRAY)
		return -KGP_E_FIELD;
	return decode_fields(c, tuple, t.number, depth - 1, out);
}

int kgp_decode(const uint8_t *p, size_t n, enum kgp_side sender, const struct kgp_info **info,
	       union kgp_body *body)
{
	struct kgp_cursor c = {p, p + n};
	const struct message *m;
	struct kgp_token head, number;
	int r;

	if (kgp_read(&c, &head))
		return -KGP_E_MALFORMED;
	if (head.kind != KGP_KIND_ARRAY || !head.number)
		return -KGP_E_FIELD;
	if (kgp_read(&c, &number))
		return -KGP_E_MALFORMED;
	if (number.kind != KGP_KIND_UINT)
		return -KGP_E_FIELD;
	m = find(number.number);
	if (m ? m->info.side != sender : number.number < FIRST_ADVISORY)
		return -KGP_E_UNKNOWN_MESSAGE;
	if (m)
		*info = &m->info;
	r = decode_fields(&c, m ? &m->tuple : &tuple_none, head.number - 1, KGP_MAX_DEPTH - 1,
			  (uint8_t *)body);
	if (r)
		return r;
	if (c.at != c.end)
		return -KGP_E_MALFORMED;
	return m ? 0 : KGP_IGNORE;
}

/* ---- walking decoded lists ------------------------------------------------------------------- */

static bool next(struct kgp_list *l, const struct tuple *tuple, void *out)
{
	struct kgp_cursor c;
	int r;

	if (!l->n)
		return false;
	c = (struct kgp_cursor){l->wire, l->wire + l->wire_bytes};
	r = decode_tuple(&c, tuple, KGP_MAX_DEPTH, out);
	assert(!r); /* kgp_decode() has checked every element */
	l->wire_bytes -= (size_t)(c.at - l->wire);
	l->wire = c.at;
	l->n--;
	return true;
}

bool kgp_next_name(struct kgp_list *l, struct kgp_name *out)
{
	return next(l, &tuple_name, out);
}

bool kgp_next_number(struct kgp_list *l, struct kgp_number *out)
{
	return next(l, &tuple_number, out);
}

bool kgp_next_entry(struct kgp_list *l, struct kgp_entry *out)
{
	return next(l, &tuple_entry, out);
}

bool kgp_next_header(struct kgp_list *l, struct kgp_header *out)
{
	return next(l, &tuple_header, out);
}

bool kgp_next_record(struct kgp_list *l, struct kgp_record *out)
{
	return next(l, &tuple_record, out);
}

bool kgp_next_partitions(struct kgp_list *l, struct kgp_partitions *out)
{
	return next(l, &tuple_partitions, out);
}

bool kgp_next_pair(struct kgp_list *l, struct kgp_bytes *key, struct kgp_token *value)
{
	struct kgp_cursor c;
	struct kgp_token k;

	if (!l->n)
		return false;
	c = (struct kgp_cursor){l->wire, l->wire + l->wire_bytes};
	kgp_read(&c, &k);
	*key = kgp_bytes(k.data, k.number);
	kgp_read(&c, value);
	l->wire_bytes -= (size_t)(c.at - l->wire);
	l->wire = c.at;
	l->n--;
	return true;
}

/* ---- encoding -------------------------------------------------------------------------------- */

static void encode_tuple(struct kgp_buf *b, const struct tuple *tuple, const uint8_t *in);

static void encode_list(struct kgp_buf *b, const struct field *f, const struct kgp_list *l)
{
	uint32_t i;

	if (f->kind == KIND_MAP)
		kgp_put_map(b, l->n);
	else
		kgp_put_array(b, l->n);
	if (l->wire) {
		kgp_put_raw(b, l->wire, l->wire_bytes);
		return;
	}
	assert(f->kind == KIND_LIST || !l->n); /* maps come as ready bytes */
	for (i = 0; i < l->n; i++)
		encode_tuple(b, f->elem, (const uint8_t *)l->items + i * f->elem->size);
}

static void encode_bytes(struct kgp_buf *b, const struct field *f, const struct kgp_bytes *v)
{
	struct kgp_bytes out = *v;

	if (!out.data && !(f->flags & KGP_NIL))
		out = kgp_bytes("", 0);
	if (f->kind == KIND_BIN || (f->flags & KGP_RAW && !kgp_is_utf8(out.data, out.size)))
		kgp_put_bin(b, out);
	else
		kgp_put_str(b, out);
}

static void encode_any(struct kgp_buf *b, const struct kgp_any *v)
{
	if (v->wire)
		kgp_put_raw(b, v->wire, v->wire_bytes);
	else
		kgp_put_nil(b);
}

static void encode_field(struct kgp_buf *b, const struct field *f, const void *in)
{
	switch (f->kind) {
	case KIND_BOOL:
		kgp_put_bool(b, *(const bool *)in);
		break;
	case KIND_UINT:
		kgp_put_uint(b, *(const uint64_t *)in);
		break;
	case KIND_INT:
		kgp_put_int(b, *(const int64_t *)in);
		break;
	case KIND_STR:
	case KIND_BIN:
		encode_bytes(b, f, in);
		break;
	case KIND_ANY:
		encode_any(b, in);
		break;
	default:
		encode_list(b, f, in);
	}
}

static void encode_tuple(struct kgp_buf *b, const struct tuple *tuple, const uint8_t *in)
{
	unsigned i;

	if (tuple->shape == SHAPE_ARRAY)
		kgp_put_array(b, tuple->n_fields);
	for (i = 0; i < tuple->n_fields; i++)
		encode_field(b, &tuple->fields[i], in + tuple->fields[i].offset);
}

struct kgp_bytes kgp_text_for_peer(const char *s)
{
	size_t n = strnlen(s, KGP_MAX_TEXT);

	return kgp_bytes(s, kgp_utf8_prefix((const uint8_t *)s, n));
}

void kgp_encode(struct kgp_buf *b, enum kgp_type type, const void *message)
{
	const struct message *m = find(type);
	size_t frame = kgp_frame_begin(b);
	unsigned i;

	assert(m);
	kgp_put_array(b, m->tuple.n_fields + 1u);
	kgp_put_uint(b, type);
	for (i = 0; i < m->tuple.n_fields; i++)
		encode_field(b, &m->tuple.fields[i],
			     (const uint8_t *)message + m->tuple.fields[i].offset);
	kgp_frame_end(b, frame);
}
