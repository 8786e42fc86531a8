/* SPDX-License-Identifier: MIT */
/*
 * msgpack-c as witness.
 *
 * It unpacks, we only print what it found: [array], {"key"=>value}, "text", h'bytes in hex',
 * numbers, true, false, nil. (Its own printer fails on empty bytes and shows bytes like texts.)
 */
#include "tests/unit/witness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void print(FILE *out, const msgpack_object *o);

static void print_hex(FILE *out, const char *p, uint32_t n)
{
	uint32_t i;

	fputs("h'", out);
	for (i = 0; i < n; i++)
		fprintf(out, "%02x", (unsigned char)p[i]);
	fputc('\'', out);
}

static void print_array(FILE *out, const msgpack_object_array *a)
{
	uint32_t i;

	fputc('[', out);
	for (i = 0; i < a->size; i++) {
		fputs(i ? ", " : "", out);
		print(out, &a->ptr[i]);
	}
	fputc(']', out);
}

static void print_map(FILE *out, const msgpack_object_map *m)
{
	uint32_t i;

	fputc('{', out);
	for (i = 0; i < m->size; i++) {
		fputs(i ? ", " : "", out);
		print(out, &m->ptr[i].key);
		fputs("=>", out);
		print(out, &m->ptr[i].val);
	}
	fputc('}', out);
}

static void print(FILE *out, const msgpack_object *o)
{
	switch (o->type) {
	case MSGPACK_OBJECT_NIL:
		fputs("nil", out);
		break;
	case MSGPACK_OBJECT_BOOLEAN:
		fputs(o->via.boolean ? "true" : "false", out);
		break;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		fprintf(out, "%" PRIu64, o->via.u64);
		break;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		fprintf(out, "%" PRId64, o->via.i64);
		break;
	case MSGPACK_OBJECT_STR:
		fprintf(out, "\"%.*s\"", (int)o->via.str.size, o->via.str.ptr);
		break;
	case MSGPACK_OBJECT_BIN:
		print_hex(out, o->via.bin.ptr, o->via.bin.size);
		break;
	case MSGPACK_OBJECT_ARRAY:
		print_array(out, &o->via.array);
		break;
	case MSGPACK_OBJECT_MAP:
		print_map(out, &o->via.map);
		break;
	default:
		fail_msg("msgpack-c found type %d, which is no part of the protocol", (int)o->type);
	}
}

char *witness_print(const void *p, size_t n)
{
	msgpack_unpacked value;
	size_t used = 0, size;
	char *text = NULL;
	FILE *out;

	msgpack_unpacked_init(&value);
	assert_int_equal(msgpack_unpack_next(&value, p, n, &used), MSGPACK_UNPACK_SUCCESS);
	assert_int_equal(used, n);
	out = open_memstream(&text, &size);
	assert_non_null(out);
	print(out, &value.data);
	assert_int_equal(fclose(out), 0);
	msgpack_unpacked_destroy(&value);
	return text;
}

void assert_means(const void *p, size_t n, const char *meaning)
{
	char *text = witness_print(p, n);

	assert_string_equal(text, meaning);
	free(text);
}
