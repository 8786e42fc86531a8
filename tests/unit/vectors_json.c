/* SPDX-License-Identifier: MIT */
/*
 * The vectors' JSON.
 *
 * Both ways read the message table, so a field that is added there is compared here at once.
 * Decoded messages become JSON (jansson compares and prints that well); JSON becomes structures
 * with C arrays as lists, the form that callers of the encoder use. What those arrays and ready
 * bytes take is kept in one list until fields_release().
 */
#include "tests/unit/vectors_json.h"

#include "tests/unit/cmocka_all.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAFE_BITS = 53 }; /* numbers beyond are texts */

/* ---- the table ------------------------------------------------------------------------------- */

enum kind { BOOL, UINT, INT, STR, BIN, LIST, MAP, ANY };
enum shape { BARE, ARRAY };

struct tuple {
	const char *name;
	enum shape shape;
	size_t bytes;
	bool (*next)(struct kgp_list *l, void *out);
};

struct field {
	const char *owner, *name;
	enum kind kind;
	size_t offset;
	const char *elem;
};

struct message {
	const char *name;
	enum kgp_type type;
};

static bool kgp_next_none(struct kgp_list *l, struct kgp_none *out)
{
	return false;
}

#define KGP_TUPLE_END(name)
#define KGP_MESSAGE(name, number, side, feature, help)
#define KGP_MESSAGE_END(name)
#define KGP_FIELD(owner, name, kind, flags, max, elem, help)
#define KGP_TUPLE(name, shape, help)                                                               \
	static bool next_##name(struct kgp_list *l, void *out)                                     \
	{                                                                                          \
		return kgp_next_##name(l, out);                                                    \
	}
#include "proto/messages.def"
#undef KGP_TUPLE

static const struct tuple tuples[] = {
#define KGP_TUPLE(name, shape, help) {#name, shape, sizeof(struct kgp_##name), next_##name},
#include "proto/messages.def"
#undef KGP_TUPLE
#undef KGP_MESSAGE
};

static const struct message messages[] = {
#define KGP_TUPLE(name, shape, help)
#define KGP_MESSAGE(name, number, side, feature, help) {#name, KGP_T_##name},
#include "proto/messages.def"
#undef KGP_MESSAGE
#undef KGP_FIELD
};

static const struct field fields[] = {
#define KGP_MESSAGE(name, number, side, feature, help)
#define KGP_FIELD(owner, name, kind, flags, max, elem, help)                                       \
	{#owner, #name, kind, offsetof(struct kgp_##owner, name), #elem},
#include "proto/messages.def"
#undef KGP_TUPLE
#undef KGP_TUPLE_END
#undef KGP_MESSAGE
#undef KGP_MESSAGE_END
#undef KGP_FIELD
};

enum {
	N_TUPLES = sizeof(tuples) / sizeof(*tuples),
	N_MESSAGES = sizeof(messages) / sizeof(*messages),
	N_FIELDS = sizeof(fields) / sizeof(*fields),
};

static const struct tuple *find_tuple(const char *name)
{
	size_t i;

	for (i = 0; i < N_TUPLES && strcmp(tuples[i].name, name); i++)
		;
	assert_true(i < N_TUPLES);
	return &tuples[i];
}

/* The next field of an owner after f, or its first when f is NULL; NULL: no more. */
static const struct field *next_field(const char *owner, const struct field *f)
{
	for (f = f ? f + 1 : fields; f < fields + N_FIELDS; f++)
		if (!strcmp(f->owner, owner))
			return f;
	return NULL;
}

/* ---- to JSON --------------------------------------------------------------------------------- */

static json_t *hex_to_json(const uint8_t *data, size_t n)
{
	char *hex = calloc(2, n + 1);
	json_t *o;
	size_t i;

	assert_non_null(hex);
	for (i = 0; i < n; i++)
		sprintf(hex + 2 * i, "%02x", data[i]);
	o = json_pack("{s:s}", "hex", hex);
	free(hex);
	return o;
}

static json_t *uint_to_json(uint64_t v)
{
	return v > 1ULL << SAFE_BITS ? json_sprintf("%" PRIu64, v) : json_integer((json_int_t)v);
}

static json_t *int_to_json(int64_t v)
{
	bool safe = v <= 1LL << SAFE_BITS && v >= -(1LL << SAFE_BITS);

	return safe ? json_integer(v) : json_sprintf("%" PRId64, v);
}

static json_t *bytes_to_json(struct kgp_bytes v, bool text)
{
	if (!v.data)
		return json_null();
	if (text && kgp_is_utf8(v.data, v.size))
		return json_stringn(v.data, v.size);
	return hex_to_json(v.data, v.size);
}

static json_t *value_to_json(struct kgp_cursor *c);

static json_t *array_to_json(struct kgp_cursor *c, uint64_t n)
{
	json_t *a = json_array();

	for (; n; n--)
		json_array_append_new(a, value_to_json(c));
	return a;
}

static json_t *map_to_json(struct kgp_cursor *c, uint64_t n)
{
	json_t *o = json_object();
	struct kgp_token key;
	char name[256];

	for (; n; n--) {
		assert_int_equal(kgp_read(c, &key), 0);
		assert_int_equal(key.kind, KGP_KIND_STR);
		snprintf(name, sizeof(name), "%.*s", (int)key.number, (const char *)key.data);
		json_object_set_new(o, name, value_to_json(c));
	}
	return o;
}

static json_t *value_to_json(struct kgp_cursor *c)
{
	struct kgp_token t;

	assert_int_equal(kgp_read(c, &t), 0);
	switch (t.kind) {
	case KGP_KIND_NIL:
		return json_null();
	case KGP_KIND_BOOL:
		return json_boolean(t.number != 0);
	case KGP_KIND_UINT:
		return uint_to_json(t.number);
	case KGP_KIND_NEGINT:
		return int_to_json((int64_t)t.number);
	case KGP_KIND_STR:
	case KGP_KIND_BIN:
		return bytes_to_json(kgp_bytes(t.data, t.number), t.kind == KGP_KIND_STR);
	case KGP_KIND_ARRAY:
		return array_to_json(c, t.number);
	default:
		return map_to_json(c, t.number);
	}
}

static json_t *owner_to_json(const char *owner, const uint8_t *at);
static json_t *field_to_json(const struct field *f, const uint8_t *at);

static json_t *list_to_json(const char *elem, struct kgp_list l)
{
	const struct tuple *t = find_tuple(elem);
	_Alignas(max_align_t) uint8_t element[256];
	json_t *a = json_array();

	assert_true(t->bytes <= sizeof(element));
	while (t->next(&l, element))
		json_array_append_new(a, t->shape == BARE
						 ? field_to_json(next_field(elem, NULL), element)
						 : owner_to_json(elem, element));
	return a;
}

static json_t *wire_to_json(const uint8_t *wire, size_t n_bytes, bool map, uint32_t n)
{
	struct kgp_cursor c = {wire, wire + n_bytes};
	json_t *o = map ? map_to_json(&c, n) : value_to_json(&c);

	assert_ptr_equal(c.at, c.end);
	return o;
}

static json_t *field_to_json(const struct field *f, const uint8_t *at)
{
	const void *p = at + f->offset;
	const struct kgp_list *l = p;
	const struct kgp_any *any = p;

	switch (f->kind) {
	case BOOL:
		return json_boolean(*(const bool *)p);
	case UINT:
		return uint_to_json(*(const uint64_t *)p);
	case INT:
		return int_to_json(*(const int64_t *)p);
	case STR:
	case BIN:
		return bytes_to_json(*(const struct kgp_bytes *)p, f->kind == STR);
	case LIST:
		return list_to_json(f->elem, *l);
	case MAP:
		return wire_to_json(l->wire, l->wire_bytes, true, l->n);
	default:
		return wire_to_json(any->wire, any->wire_bytes, false, 0);
	}
}

static json_t *owner_to_json(const char *owner, const uint8_t *at)
{
	const struct field *f;
	json_t *o = json_object();

	for (f = next_field(owner, NULL); f; f = next_field(owner, f))
		json_object_set_new(o, f->name, field_to_json(f, at));
	return o;
}

json_t *fields_to_json(enum kgp_type type, const union kgp_body *body)
{
	size_t i;

	for (i = 0; i < N_MESSAGES && messages[i].type != type; i++)
		;
	assert_true(i < N_MESSAGES);
	return owner_to_json(messages[i].name, (const uint8_t *)body);
}

/* ---- from JSON ------------------------------------------------------------------------------- */

static void *kept[1024]; /* owned, until fields_release() */
static size_t n_kept;

static void *keep(void *p)
{
	assert_non_null(p);
	assert_true(n_kept < sizeof(kept) / sizeof(*kept));
	kept[n_kept++] = p;
	return p;
}

void fields_release(void)
{
	while (n_kept)
		free(kept[--n_kept]);
}

uint8_t *bytes_from_hex(const char *hex, size_t *n)
{
	uint8_t *bytes;
	unsigned byte;
	size_t i;

	*n = strlen(hex) / 2;
	bytes = malloc(*n);
	assert_true(bytes || !*n);
	for (i = 0; i < *n; i++) {
		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		bytes[i] = (uint8_t)byte;
	}
	return bytes;
}

static uint64_t uint_from_json(const json_t *v)
{
	if (json_is_string(v))
		return strtoull(json_string_value(v), NULL, 10);
	assert_true(json_is_integer(v));
	return (uint64_t)json_integer_value(v);
}

static int64_t int_from_json(const json_t *v)
{
	if (json_is_string(v))
		return strtoll(json_string_value(v), NULL, 10);
	assert_true(json_is_integer(v));
	return json_integer_value(v);
}

static struct kgp_bytes bytes_from_json(const json_t *v)
{
	const char *hex;
	uint8_t *bytes;
	size_t n;

	if (json_is_null(v))
		return kgp_bytes(NULL, 0);
	if (json_is_string(v))
		return kgp_bytes(json_string_value(v), json_string_length(v));
	hex = json_string_value(json_object_get(v, "hex"));
	assert_non_null(hex);
	bytes = bytes_from_hex(hex, &n);
	if (bytes)
		keep(bytes);
	return kgp_bytes(bytes ? (const void *)bytes : "", n);
}

static void put_json(struct kgp_buf *b, const json_t *v);

static uint32_t put_pairs(struct kgp_buf *b, const json_t *o)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)o, key, value)
	{
		kgp_put_str(b, kgp_text(key));
		put_json(b, value);
	}
	return (uint32_t)json_object_size(o);
}

static void put_json(struct kgp_buf *b, const json_t *v)
{
	json_t *element;
	size_t i;

	switch (json_typeof(v)) {
	case JSON_NULL:
		kgp_put_nil(b);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		kgp_put_bool(b, json_is_true(v));
		break;
	case JSON_INTEGER:
		kgp_put_int(b, json_integer_value(v));
		break;
	case JSON_STRING:
		kgp_put_str(b, bytes_from_json(v));
		break;
	case JSON_ARRAY:
		kgp_put_array(b, (uint32_t)json_array_size(v));
		json_array_foreach(v, i, element) put_json(b, element);
		break;
	default:
		assert_true(json_is_object(v));
		kgp_put_map(b, (uint32_t)json_object_size(v));
		put_pairs(b, v);
	}
}

static void owner_from_json(const char *owner, const json_t *o, uint8_t *at);
static void field_from_json(const struct field *f, const json_t *v, uint8_t *at);

static struct kgp_list list_from_json(const char *elem, const json_t *a)
{
	const struct tuple *t = find_tuple(elem);
	size_t i, n = json_array_size(a);
	uint8_t *items = keep(calloc(n + 1, t->bytes));

	assert_true(json_is_array(a));
	for (i = 0; i < n; i++)
		if (t->shape == BARE)
			field_from_json(next_field(elem, NULL), json_array_get(a, i),
					items + i * t->bytes);
		else
			owner_from_json(elem, json_array_get(a, i), items + i * t->bytes);
	return (struct kgp_list){.items = items, .n = (uint32_t)n};
}

static struct kgp_list pairs_from_json(const json_t *o)
{
	struct kgp_buf b = {0};
	uint32_t n = put_pairs(&b, o);

	if (n)
		keep(b.data);
	return (struct kgp_list){.wire = b.data, .wire_bytes = b.len, .n = n};
}

static struct kgp_any any_from_json(const json_t *v)
{
	struct kgp_buf b = {0};

	put_json(&b, v);
	return (struct kgp_any){.wire = keep(b.data), .wire_bytes = b.len};
}

static void field_from_json(const struct field *f, const json_t *v, uint8_t *at)
{
	void *p = at + f->offset;

	assert_non_null(v);
	switch (f->kind) {
	case BOOL:
		*(bool *)p = json_is_true(v);
		break;
	case UINT:
		*(uint64_t *)p = uint_from_json(v);
		break;
	case INT:
		*(int64_t *)p = int_from_json(v);
		break;
	case STR:
	case BIN:
		*(struct kgp_bytes *)p = bytes_from_json(v);
		break;
	case LIST:
		*(struct kgp_list *)p = list_from_json(f->elem, v);
		break;
	case MAP:
		*(struct kgp_list *)p = pairs_from_json(v);
		break;
	default:
		*(struct kgp_any *)p = any_from_json(v);
	}
}

static void owner_from_json(const char *owner, const json_t *o, uint8_t *at)
{
	const struct field *f;

	for (f = next_field(owner, NULL); f; f = next_field(owner, f))
		field_from_json(f, json_object_get(o, f->name), at);
}

void fields_from_json(const char *message, const json_t *o, enum kgp_type *type,
		      union kgp_body *body)
{
	size_t i;

	for (i = 0; i < N_MESSAGES && strcmp(messages[i].name, message); i++)
		;
	assert_true(i < N_MESSAGES);
	*type = messages[i].type;
	owner_from_json(message, o, (uint8_t *)body);
}
