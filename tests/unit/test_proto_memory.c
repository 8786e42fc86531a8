/* SPDX-License-Identifier: MIT */
/* No memory: every encoder, at every allocation. Linked with --wrap=realloc. */
#include "proto/batch.h"

#include "proto/settings.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proto_samples.h"

#include <stdlib.h>

static unsigned n_calls, fail_at; /* the fail_at-th call fails, 0: none */

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_realloc(void *p, size_t size)
{
	return ++n_calls == fail_at ? NULL : __real_realloc(p, size);
}

/*
 * Runs an encoder with the first allocation failing, then the second, until none is left to fail:
 * each time the buffer says so, and works again after a reset. The number of allocations that there
 * were.
 */
static unsigned at_every_allocation(void (*encode)(struct kgp_buf *b, const void *arg),
				    const void *arg)
{
	struct kgp_buf b;
	bool failed;

	fail_at = 0;
	do {
		b = (struct kgp_buf){0};
		n_calls = 0;
		fail_at++;
		encode(&b, arg);
		failed = n_calls >= fail_at;
		assert_int_equal(b.failed, failed);
		kgp_buf_reset(&b);
		kgp_put_nil(&b);
		assert_int_equal(b.len, 1);
		kgp_buf_deinit(&b);
	} while (failed);
	return fail_at - 1;
}

static void encode_sample(struct kgp_buf *b, const void *arg)
{
	const struct sample *s = arg;

	kgp_encode(b, s->type, s->message);
}

static void every_message(void **state)
{
	size_t i;

	for (i = 0; i < n_samples; i++)
		assert_true(at_every_allocation(encode_sample, &samples[i]) >= 1);
}

static const char big[5000];

/* Bytes that need a new allocation again and again: 256, 512, ... 65536. */
static void encode_many_marks(struct kgp_buf *b, const void *arg)
{
	static struct kgp_entry entries[12];
	struct kgp_mark mark = {.entries = {.items = entries, .n = 12}};
	size_t i;

	for (i = 0; i < 12; i++)
		entries[i] = (struct kgp_entry){.claim = 1, .metadata = {big, 5 << i}};
	mark.entries.n = 10;
	kgp_encode(b, KGP_T_mark, &mark);
}

static void a_message_that_grows_step_by_step(void **state)
{
	assert_true(at_every_allocation(encode_many_marks, NULL) >= 5);
}

static void encode_batch(struct kgp_buf *b, const void *arg)
{
	static const uint8_t headers[1000] = {0xc0};
	struct kgp_messages head = {.claim = 1};
	struct kgp_record record = {.headers = {.wire = headers, .wire_bytes = sizeof(headers)}};
	struct kgp_batch batch;
	size_t i;

	kgp_batch_begin(&batch, b, &head);
	for (i = 0; i < 10; i++) {
		record.value = kgp_bytes(big, (size_t)4 << i);
		kgp_batch_put(&batch, &record);
	}
	kgp_batch_end(&batch);
}

static void a_batch(void **state)
{
	assert_true(at_every_allocation(encode_batch, NULL) >= 5);
}

/* The failure of the buffer that comes behind the value must reach the one before it. */
static void encode_single(struct kgp_buf *b, const void *arg)
{
	static const uint8_t headers[1000] = {0xc0};
	struct kgp_messages head = {.claim = 1};
	struct kgp_record record = {.key = {big, 1000},
				    .value = {big, 1},
				    .headers = {.wire = headers, .wire_bytes = sizeof(headers)}};
	struct kgp_buf after = {0};

	kgp_batch_single(b, &after, &head, &record);
	kgp_buf_deinit(&after);
}

static void a_single(void **state)
{
	assert_true(at_every_allocation(encode_single, NULL) >= 4);
}

static void encode_settings(struct kgp_buf *b, const void *arg)
{
	struct kgp_settings s;
	uint32_t n;

	kgp_settings_init(&s);
	s.given = (1u << KGP_N_SETTINGS) - 1;
	kgp_settings_encode(&s, b, &n);
	assert_int_equal(n, KGP_N_SETTINGS);
}

static void settings(void **state)
{
	assert_true(at_every_allocation(encode_settings, NULL) >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message),
		cmocka_unit_test(a_message_that_grows_step_by_step),
		cmocka_unit_test(a_batch),
		cmocka_unit_test(a_single),
		cmocka_unit_test(settings),
	};

	return cmocka_run_group_tests_name("proto_memory", tests, NULL, NULL);
}
