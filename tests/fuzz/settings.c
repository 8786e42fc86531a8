/* SPDX-License-Identifier: MIT */
/*
 * Settings of OPEN, as text and as they come over the wire.
 *
 * The input is lines of "name=value", or, if its first byte is no letter, the pairs of a MAP. What
 * is refused says why; what is taken lies in its range; and all of it, encoded as OPEN carries it,
 * means the same when it is decoded, and the same when each value is printed and read.
 */
#include "tests/fuzz/fuzz.h"

#include "proto/settings.h"

static void assert_same(const struct kgp_settings *a, const struct kgp_settings *b)
{
	int i;

	assert(a->given == b->given);
	for (i = 0; i < KGP_N_SETTINGS; i++) {
		assert(a->value[i] == b->value[i]);
		if (a->given & 1u << i)
			assert(kgp_bytes_equal(a->text[i], b->text[i]));
	}
}

/* An OPEN around the pairs, as the codec hands them to kgp_settings_decode(). */
static int decode_map(struct kgp_settings *s, struct kgp_buf *frame, const void *pairs, size_t size,
		      uint32_t n)
{
	const struct kgp_info *info;
	union kgp_body body;
	char why[512] = "";
	int r;

	kgp_encode(frame, KGP_T_open,
		   &(struct kgp_open){
			   .request = 1,
			   .cluster = kgp_text(""),
			   .group = kgp_text("g"),
			   .id = kgp_bytes("0123456789abcdef", KGP_ID_BYTES),
			   .settings = {.wire = pairs, .wire_bytes = size, .n = n},
		   });
	kgp_settings_init(s);
	if (kgp_decode(frame->data + 5, frame->len - 5, KGP_CLIENT, &info, &body))
		return -1;
	r = kgp_settings_decode(s, body.open.settings, why, sizeof(why));
	assert(!r == !*why);
	return r;
}

static void check_values(const struct kgp_settings *s)
{
	const struct kgp_setting_info *info;
	struct kgp_settings one;
	char text[64], why[512];
	int i;

	for (i = 0; i < KGP_N_SETTINGS; i++) {
		info = kgp_setting_info((enum kgp_setting)i);
		if (!(s->given & 1u << i))
			continue;
		assert(s->value[i] >= info->min && s->value[i] <= info->max);
		if (info->kind == KGP_SETTING_TEXT)
			continue;
		kgp_setting_print((enum kgp_setting)i, s->value[i], text, sizeof(text));
		kgp_settings_init(&one);
		assert(!kgp_settings_set(&one, kgp_text(info->name), kgp_text(text), why,
					 sizeof(why)));
		assert(one.value[i] == s->value[i]);
	}
}

static void check(const struct kgp_settings *s)
{
	struct kgp_settings again = *s, derived = *s;
	struct kgp_buf pairs = {0}, frame = {0};
	char why[512] = "";
	uint32_t n;
	int r = kgp_settings_check(s, why, sizeof(why));

	assert(!r == !*why);
	check_values(s);
	kgp_settings_derive(&derived);
	assert(r || !kgp_settings_check(&derived, why, sizeof(why)));
	kgp_settings_encode(s, &pairs, &n);
	assert(!decode_map(&again, &frame, pairs.data, pairs.len, n));
	assert_same(s, &again);
	kgp_buf_deinit(&pairs);
	kgp_buf_deinit(&frame);
}

static void set_line(struct kgp_settings *s, const uint8_t *line, size_t n)
{
	const uint8_t *equals = memchr(line, '=', n);
	size_t at = equals ? (size_t)(equals - line) : n;
	struct kgp_settings before = *s;
	char why[512] = "";
	int r;

	r = kgp_settings_set(s, kgp_bytes(line, at),
			     kgp_bytes(line + at + !!equals, n - at - !!equals), why, sizeof(why));
	assert(!r == !*why);
	if (r)
		assert_same(&before, s);
}

static void try_lines(struct kgp_settings *s, const uint8_t *text, size_t size)
{
	const uint8_t *end;
	size_t n;

	kgp_settings_init(s);
	for (; size; text += n, size -= n) {
		end = memchr(text, '\n', size);
		n = end ? (size_t)(end - text) : size;
		set_line(s, text, n);
		n += end != NULL;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kgp_settings s;
	struct kgp_buf frame = {0};
	uint8_t *copy = fuzz_copy(data, size);

	if (size && (data[0] < 'a' || data[0] > 'z')) {
		if (!decode_map(&s, &frame, copy + 1, size - 1, data[0]))
			check(&s);
	} else {
		try_lines(&s, copy, size);
		check(&s);
	}
	kgp_buf_deinit(&frame);
	free(copy);
	return 0;
}
