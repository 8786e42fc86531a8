/* SPDX-License-Identifier: MIT */
/*
 * msgpack values to JSON, and reading them.
 *
 * The tool prints what the daemon says, whatever it says: a newer daemon's fields pass through
 * --json untouched. Numbers stay integers; above INT64_MAX, which JSON readers cut, they become
 * text. bin becomes lower-case hex, because a consumer's id is the only one in a result. Depth
 * was bounded by the decoder; it is bounded here again, because this file trusts nobody.
 */
#include "client-lib/ctl/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_value(struct kgp_cursor *c, unsigned depth, json_t **out);

static json_t *hex_text(const uint8_t *data, size_t n)
{
	char *text = malloc(2 * n + 1);
	json_t *json = NULL;
	size_t i;

	if (!text)
		return NULL;
	for (i = 0; i < n; i++)
		sprintf(text + 2 * i, "%02x", data[i]);
	json = json_stringn(text, 2 * n);
	free(text);
	return json;
}

static json_t *big_number(uint64_t number)
{
	char text[24];

	if (number <= INT64_MAX)
		return json_integer((json_int_t)number);
	snprintf(text, sizeof(text), "%" PRIu64, number);
	return json_string(text);
}

static int read_array(struct kgp_cursor *c, unsigned depth, uint64_t n, json_t **out)
{
	json_t *array = json_array(), *element;
	int r = array ? 0 : -ENOMEM;

	for (; r == 0 && n > 0; n--) {
		r = read_value(c, depth, &element);
		if (r == 0 && json_array_append_new(array, element) < 0)
			r = -ENOMEM;
	}
	if (r < 0)
		json_decref(array);
	else
		*out = array;
	return r;
}

static int read_pair(struct kgp_cursor *c, unsigned depth, json_t *object)
{
	struct kgp_token key;
	json_t *element, *name;
	int r;

	if (kgp_read(c, &key) < 0 || key.kind != KGP_KIND_STR)
		return -EBADMSG;
	r = read_value(c, depth, &element);
	if (r < 0)
		return r;
	name = json_stringn((const char *)key.data, key.number);
	if (!name)
		json_decref(element);
	if (!name || json_object_set_new(object, json_string_value(name), element) < 0)
		r = -EBADMSG;
	json_decref(name);
	return r;
}

static int read_map(struct kgp_cursor *c, unsigned depth, uint64_t n, json_t **out)
{
	json_t *object = json_object();
	int r = object ? 0 : -ENOMEM;

	for (; r == 0 && n > 0; n--)
		r = read_pair(c, depth, object);
	if (r < 0)
		json_decref(object);
	else
		*out = object;
	return r;
}

static json_t *scalar(const struct kgp_token *t)
{
	switch (t->kind) {
	case KGP_KIND_NIL:
		return json_null();
	case KGP_KIND_BOOL:
		return json_boolean(t->number);
	case KGP_KIND_UINT:
		return big_number(t->number);
	case KGP_KIND_NEGINT:
		return json_integer((json_int_t)t->number);
	case KGP_KIND_STR:
		return json_stringn((const char *)t->data, t->number);
	case KGP_KIND_BIN:
		return hex_text(t->data, t->number);
	default:
		return NULL;
	}
}

static int read_value(struct kgp_cursor *c, unsigned depth, json_t **out)
{
	struct kgp_token t;

	if (depth == 0 || kgp_read(c, &t) < 0)
		return -EBADMSG;
	if (t.kind == KGP_KIND_ARRAY)
		return read_array(c, depth - 1, t.number, out);
	if (t.kind == KGP_KIND_MAP)
		return read_map(c, depth - 1, t.number, out);
	*out = scalar(&t);
	return *out ? 0 : -EBADMSG;
}

int value_from_wire(const struct kgp_any *any, json_t **out)
{
	struct kgp_cursor c;
	int r;

	if (!any->wire) {
		*out = json_null();
		return 0;
	}
	c = (struct kgp_cursor){any->wire, any->wire + any->wire_bytes};
	r = read_value(&c, KGP_MAX_DEPTH + 1, out);
	if (r == 0 && c.at != c.end) {
		json_decref(*out);
		r = -EBADMSG;
	}
	return r;
}

static json_t *base64_text(const uint8_t *data, size_t n)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = malloc((n + 2) / 3 * 4 + 1), *at = text;
	json_t *json;
	size_t i;

	if (!text)
		return NULL;
	for (i = 0; i < n; i += 3) {
		uint32_t bits = (uint32_t)data[i] << 16;

		bits |= i + 1 < n ? (uint32_t)data[i + 1] << 8 : 0;
		bits |= i + 2 < n ? data[i + 2] : 0;
		*at++ = letters[bits >> 18];
		*at++ = letters[bits >> 12 & 63];
		*at++ = i + 1 < n ? letters[bits >> 6 & 63] : '=';
		*at++ = i + 2 < n ? letters[bits & 63] : '=';
	}
	json = json_stringn(text, (size_t)(at - text));
	free(text);
	return json;
}

int value_set_bytes(json_t *object, const char *name, const void *data, size_t n_bytes)
{
	char other_name[64];
	json_t *text;

	if (!data)
		return json_object_set_new(object, name, json_null()) < 0 ? -ENOMEM : 0;
	text = json_stringn(data, n_bytes);
	if (text)
		return json_object_set_new(object, name, text) < 0 ? -ENOMEM : 0;
	snprintf(other_name, sizeof(other_name), "%s_base64", name);
	text = base64_text(data, n_bytes);
	return !text || json_object_set_new(object, other_name, text) < 0 ? -ENOMEM : 0;
}

const char *value_text(const json_t *object, const char *name, const char *otherwise)
{
	const json_t *text = json_object_get(object, name);

	return json_is_string(text) ? json_string_value(text) : otherwise;
}

int64_t value_number(const json_t *object, const char *name, int64_t otherwise)
{
	const json_t *number = json_object_get(object, name);

	if (json_is_real(number))
		return (int64_t)json_real_value(number);
	return json_is_integer(number) ? json_integer_value(number) : otherwise;
}

bool value_is_null(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return !value || json_is_null(value);
}

json_t *value_list(const json_t *object, const char *name)
{
	json_t *list = json_object_get(object, name);

	return json_is_array(list) ? list : NULL;
}
