/* SPDX-License-Identifier: MIT */
/*
 * The vectors of proto/vectors: what is valid decodes to its fields and its fields encode to it,
 * what is invalid is refused with its code. The folder is the first argument.
 */
#include "proto/batch.h"

#include "proto/frame.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/exact.h"
#include "tests/unit/vectors_json.h"

#include <stdio.h>

static json_t *valid, *invalid;

static const char *text_of(const json_t *vector, const char *key)
{
	const char *text = json_string_value(json_object_get(vector, key));

	assert_non_null(text);
	return text;
}

static enum kgp_side sender_of(const json_t *vector)
{
	return strcmp(text_of(vector, "sender"), "client") ? KGP_DAEMON : KGP_CLIENT;
}

static uint8_t *frame_of(const json_t *vector, size_t *n)
{
	return bytes_from_hex(text_of(vector, "frame"), n);
}

/* A frame's first defect, or 0; what it means goes to *type and *fields, if fields is not NULL. */
static int read_frame(const uint8_t *p, size_t n, enum kgp_side sender, enum kgp_type *type,
		      json_t **fields)
{
	uint32_t limit = sender == KGP_CLIENT ? KGP_FRAME_MAX_CLIENT : KGP_FRAME_MAX_DAEMON;
	const struct kgp_info *info;
	union kgp_body body;
	uint32_t body_bytes;
	int r = kgp_frame_peek(p, n, limit, &body_bytes);

	if (r < 0)
		return r;
	assert_int_equal(r, KGP_FRAME_COMPLETE);
	assert_int_equal(n, KGP_FRAME_HEADER + body_bytes);
	r = kgp_decode(p + KGP_FRAME_HEADER, body_bytes, sender, &info, &body);
	if (r || !fields)
		return r;
	*type = info->type;
	*fields = fields_to_json(info->type, &body);
	return 0;
}

static void assert_json_equal(const json_t *want, json_t *got, const char *name)
{
	char *text;

	if (!json_equal(want, got)) {
		text = json_dumps(got, JSON_SORT_KEYS);
		fail_msg("%s: decoded to %s", name, text);
	}
	json_decref(got);
}

static void valid_frames_mean_what_they_say(void **state)
{
	json_t *vector, *got;
	enum kgp_type type;
	uint8_t *frame;
	size_t i, n;

	json_array_foreach(valid, i, vector)
	{
		frame = frame_of(vector, &n);
		if (read_frame(frame, n, sender_of(vector), &type, &got))
			fail_msg("%s is refused", text_of(vector, "name"));
		assert_json_equal(json_object_get(vector, "fields"), got, text_of(vector, "name"));
		free(frame);
	}
}

static void fields_encode_to_the_shortest_form(void **state)
{
	struct kgp_buf b = {0};
	enum kgp_type type;
	union kgp_body body;
	json_t *vector;
	uint8_t *frame;
	size_t i, n;

	json_array_foreach(valid, i, vector)
	{
		fields_from_json(text_of(vector, "message"), json_object_get(vector, "fields"),
				 &type, &body);
		kgp_encode(&b, type, &body);
		frame = frame_of(vector, &n);
		if (json_is_true(json_object_get(vector, "shortest"))) {
			if (b.len != n || memcmp(b.data, frame, n))
				fail_msg("%s encodes to other bytes", text_of(vector, "name"));
		} else {
			assert_true(b.len != n || memcmp(b.data, frame, n));
		}
		kgp_buf_reset(&b);
		fields_release();
		free(frame);
	}
	kgp_buf_deinit(&b);
}

static void valid_frames_are_partial_until_whole_and_bad_when_cut(void **state)
{
	uint32_t body_bytes;
	json_t *vector;
	uint8_t *frame, *cut;
	size_t i, n, at;

	json_array_foreach(valid, i, vector)
	{
		frame = frame_of(vector, &n);
		for (at = 0; at < n; at++) {
			cut = exact_copy(frame, at);
			assert_int_equal(kgp_frame_peek(cut, at, UINT32_MAX, &body_bytes),
					 KGP_FRAME_PARTIAL);
			free(cut);
		}
		for (at = KGP_FRAME_HEADER; at < n; at++) {
			cut = exact_copy(frame, at);
			kgp_frame_header(cut, (uint32_t)(at - KGP_FRAME_HEADER));
			assert_true(read_frame(cut, at, sender_of(vector), NULL, NULL) < 0);
			free(cut);
		}
		free(frame);
	}
}

static void invalid_frames_are_refused_with_their_code(void **state)
{
	json_t *vector;
	uint8_t *frame;
	size_t i, n;
	int r;

	json_array_foreach(invalid, i, vector)
	{
		frame = frame_of(vector, &n);
		r = read_frame(frame, n, sender_of(vector), NULL, NULL);
		if (r >= 0 || strcmp(kgp_error_name((unsigned)-r), text_of(vector, "error")) ||
		    -r != json_integer_value(json_object_get(vector, "code")))
			fail_msg("%s is answered %d", text_of(vector, "name"), r);
		free(frame);
	}
}

/* The hot path's reader, on all vectors that are MESSAGES or might be. */
static void the_batch_reader_agrees(void **state)
{
	struct kgp_batch_reader reader;
	struct kgp_messages head;
	struct kgp_record record;
	json_t *vectors[] = {valid, invalid}, *vector;
	uint8_t *frame;
	size_t i, j, n, n_tried = 0;
	int r;

	for (j = 0; j < 2; j++)
		json_array_foreach(vectors[j], i, vector)
		{
			frame = frame_of(vector, &n);
			if (n > KGP_FRAME_HEADER + 2 &&
			    frame[KGP_FRAME_HEADER + 1] == KGP_T_messages) {
				r = kgp_batch_open(&reader, frame + KGP_FRAME_HEADER,
						   n - KGP_FRAME_HEADER, &head);
				while (!r && (r = kgp_batch_next(&reader, &record)) == 1)
					r = 0;
				assert_int_equal(
					-r, json_integer_value(json_object_get(vector, "code")));
				n_tried++;
			}
			free(frame);
		}
	assert_true(n_tried > 10);
}

static void every_message_and_forty_defects_are_there(void **state)
{
	static const char *const messages[] = {
#define KGP_TUPLE(name, shape, help)
#define KGP_TUPLE_END(name)
#define KGP_MESSAGE(name, number, side, feature, help) #name,
#define KGP_MESSAGE_END(name)
#define KGP_FIELD(owner, name, kind, flags, max, elem, help)
#include "proto/messages.def"
#undef KGP_TUPLE
#undef KGP_TUPLE_END
#undef KGP_MESSAGE
#undef KGP_MESSAGE_END
#undef KGP_FIELD
	};
	size_t i, j;

	for (i = 0; i < sizeof(messages) / sizeof(*messages); i++) {
		for (j = 0; j < json_array_size(valid); j++)
			if (!strcmp(text_of(json_array_get(valid, j), "message"), messages[i]))
				break;
		if (j == json_array_size(valid))
			fail_msg("no vector of %s", messages[i]);
	}
	assert_true(json_array_size(invalid) >= 40);
}

static json_t *load(const char *folder, const char *name)
{
	char path[4096];
	json_error_t error;
	json_t *vectors;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	vectors = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (!vectors) {
		fprintf(stderr, "%s: %s\n", path, error.text);
		exit(1);
	}
	return vectors;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_frames_mean_what_they_say),
		cmocka_unit_test(fields_encode_to_the_shortest_form),
		cmocka_unit_test(valid_frames_are_partial_until_whole_and_bad_when_cut),
		cmocka_unit_test(invalid_frames_are_refused_with_their_code),
		cmocka_unit_test(the_batch_reader_agrees),
		cmocka_unit_test(every_message_and_forty_defects_are_there),
	};
	int r;

	if (argc != 2)
		return 2;
	valid = load(argv[1], "valid.json");
	invalid = load(argv[1], "invalid.json");
	r = cmocka_run_group_tests_name("proto_vectors", tests, NULL, NULL);
	json_decref(valid);
	json_decref(invalid);
	return r;
}
