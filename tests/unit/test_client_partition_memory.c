/* SPDX-License-Identifier: MIT */
/*
 * Partitions mode without memory: the n-th allocation of the library fails, for every n.
 *
 * As test_client_memory.c does it for the one stream: what was refused may be called again, and
 * nothing is lost. Here the scenario passes through what only this mode does: new partitions,
 * frames that are copied and some that are not, errors, a seek, a release, a close, the copies that
 * calls hand out.
 */
#include "tests/unit/test_client_partition_fixture.h"

#include "client-lib/c/src/dial.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

/* Allocations until one fails in this thread; 0: none fails. */
static __thread unsigned countdown;

static bool refuse(void)
{
	return countdown && !--countdown;
}

void *__wrap_malloc(size_t n)
{
	return refuse() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return refuse() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return refuse() ? NULL : __real_realloc(p, n);
}

/* ---- the daemon ------------------------------------------------------------------------------ */

static atomic_bool over;

static void put_claims(struct fake *f)
{
	unsigned i;

	fake_put_reply(f, f->open_request, 0, NULL);
	fake_put_state(f, "joined");
	for (i = 1; i <= 10; i++)
		fake_put_assign(f, i, i & 1 ? "t" : "u", i, 7, 100, 90);
}

/* With the last of the first credits all claims are there. */
static void put_messages(struct fake *f)
{
	fake_put_messages(f, 1, 7, 100, 10, 50);
	fake_put_messages(f, 2, 7, 100, 3, 60000);
	fake_put_messages(f, 1, 7, 110, 10, 50);
	put_error(f, "partition", 1, "so so");
	put_epoch(f, 3, 8, 50);
	fake_put_messages(f, 3, 8, 50, 1, 50);
	fake_put_release(f, 4);
	fake_put_released(f, 4);
}

static void answer(struct fake *f, const struct kgp_info *info, const union kgp_body *b)
{
	struct kgp_welcome welcome = {.version = KGP_VERSION, .max_frame = KGP_FRAME_MAX_CLIENT};

	if (info->type == KGP_T_hello)
		fake_put(f, KGP_T_welcome, &welcome);
	else if (info->type == KGP_T_open)
		f->open_request = b->open.request;
	else if (info->type == KGP_T_resume_end)
		put_claims(f);
	else if (info->type == KGP_T_credit && b->credit.claim == 10)
		put_messages(f);
	else if (info->type == KGP_T_claim_close)
		fake_put_released(f, (unsigned)b->claim_close.claim);
	else if (info->type == KGP_T_close)
		fake_put_reply(f, b->close.request, 0, NULL);
	fake_send(f);
}

static void serve(struct fake *f)
{
	const struct kgp_info *info;
	union kgp_body b = {0};

	while (!f->failure[0]) {
		fake_accept(f);
		if (atomic_load(&over))
			return;
		while (fake_next(f, &info, &b))
			answer(f, info, &b);
		fake_hang_up(f);
	}
}

static void stop(struct fake *f)
{
	int fd;

	atomic_store(&over, true);
	fd = dial(f->path);
	fake_join(f);
	close(fd);
	fake_hang_up(f);
	atomic_store(&over, false);
}

/* ---- the program ----------------------------------------------------------------------------- */

#define PATIENTLY(call)                                                                            \
	do                                                                                         \
		r = (call);                                                                        \
	while (r == KG_ERR_MEMORY)

static void read_partition(struct kg_partition *p, int64_t first, int n)
{
	struct kg_message m;
	int r;

	for (; n; n--, first++) {
		PATIENTLY(kg_partition_receive(p, &m, 5000));
		assert_int_equal(r, 1);
		assert_int_equal(m.offset, first);
		assert_int_equal(*(const char *)m.value, first & 0x7f);
		PATIENTLY(kg_partition_mark(p, m.offset, "metadata"));
		assert_int_equal(r, 0);
	}
}

static void consume_all(struct kg_consumer *c)
{
	struct kg_partition *p[11] = {NULL};
	const struct kg_claim *claims;
	struct kg_error e;
	size_t n;
	int r, i;

	for (i = 1; i <= 10; i++) {
		PATIENTLY(kg_consumer_wait_partition(c, &p[i], 5000));
		assert_int_equal(r, 1);
	}
	read_partition(p[1], 100, 20);
	read_partition(p[2], 100, 3);
	read_partition(p[3], 50, 1);
	while (kg_partition_next_error(p[1], &e)) /* or how many were lost without memory */
		assert_true(e.code == KG_ERR_OFFSET_RESET || e.code == KG_ERR_OVERFLOW);
	do
		n = kg_consumer_assignment(c, &claims);
	while (!n && kg_consumer_error(c)->code == KG_ERR_MEMORY);
	assert_int_equal(n, 9);
	assert_string_equal(claims[8].metadata, "meta");
	assert_int_equal(kg_partition_close(p[5]), 0); /* it waits for memory */
	PATIENTLY(kg_partition_close_start(p[6]));
	assert_int_equal(r, 0);
	kg_partition_free(p[7]);
	kg_partition_free(p[4]);
}

/* Whether the failure came to pass. */
static bool run_with_failure(struct fake *f, unsigned n)
{
	const char *const topics[] = {"t", "u"};
	struct kg_consumer *c = NULL;
	struct kg_options *o;
	struct kg_error why;
	int r;

	f->forgiving = true;
	fake_start(f, serve);
	countdown = n;
	while (!(o = kg_options_new()))
		;
	PATIENTLY(kg_options_set(o, "socket", f->path, NULL));
	PATIENTLY(kg_options_set(o, "mode", "partitions", &why));
	PATIENTLY(kg_consumer_open(&c, "g", topics, 2, o, &why));
	assert_int_equal(r, 0);
	kg_options_free(o);
	consume_all(c);
	assert_int_equal(kg_consumer_close(c), 0);
	r = countdown == 0;
	countdown = 0;
	kg_consumer_free(c);
	stop(f);
	return r;
}

static void test_every_allocation_may_fail(void **state)
{
	unsigned n = 1;

	while (run_with_failure(*state, n))
		n++;
	assert_true(n > 80); /* it did go through all */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_allocation_may_fail, fake_setup,
						fake_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
