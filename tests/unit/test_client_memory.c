/* SPDX-License-Identifier: MIT */
/*
 * No memory: the n-th allocation of the library fails, for every n.
 *
 * One scenario that passes through everything the library does is run again and again, each time
 * with one allocation refused (malloc, calloc and realloc are wrapped by the linker). Whatever is
 * refused, nothing may crash, leak or be lost: a call answers KG_ERR_MEMORY and works when it is
 * called again.
 */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/test_client_fake.h"

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

/* ---- the scenario ---------------------------------------------------------------------------- */

static atomic_bool over;

static void put_all(struct fake *f)
{
	struct kgp_error error = {
		.code = 43, .context = kgp_text("topics"), .topic = kgp_text("v")};
	unsigned i;

	fake_put_reply(f, f->open_request, 0, NULL);
	fake_put_state(f, "joined");
	for (i = 1; i < 20; i++)
		fake_put_assign(f, i, i & 1 ? "t" : "u", i, i, 100, 100);
	fake_put_messages(f, 1, 1, 100, 20, 50);
	fake_put_messages(f, 2, 2, 100, 20, 50);
	fake_put(f, KGP_T_error, &error);
	fake_put_release(f, 3);
	fake_put_released(f, 3);
	fake_put_messages(f, 1, 1, 120, 1, 700000);
}

static void answer(struct fake *f, const struct kgp_info *info, const union kgp_body *b)
{
	struct kgp_welcome welcome = {.version = KGP_VERSION, .max_frame = KGP_FRAME_MAX_CLIENT};

	if (info->type == KGP_T_hello)
		fake_put(f, KGP_T_welcome, &welcome);
	else if (info->type == KGP_T_open)
		f->open_request = b->open.request;
	else if (info->type == KGP_T_resume_end)
		put_all(f);
	else if (info->type == KGP_T_commit)
		fake_put_reply(f, b->commit.request, 0, NULL);
	else if (info->type == KGP_T_close)
		fake_put_reply(f, b->close.request, 0, NULL);
	fake_send(f);
}

/* One connection after the other, for an open that failed is tried again. */
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

/* Again, as long as there is no memory: what a patient program would do. */
#define PATIENTLY(call)                                                                            \
	do                                                                                         \
		r = (call);                                                                        \
	while (r == KG_ERR_MEMORY)

static void consume_all(struct kg_consumer *c)
{
	struct kg_message m, copy = {0};
	unsigned n = 0;
	int r;

	while (n < 41) {
		PATIENTLY(kg_consumer_receive(c, &m, 5000));
		assert_int_equal(r, 1);
		copy = m;
		PATIENTLY(kg_consumer_mark(c, &copy, "metadata"));
		assert_int_equal(r, 0);
		n++;
		if (n != 10 && n != 25)
			continue;
		PATIENTLY(kg_consumer_pause(c, "t", 1));
		assert_int_equal(r, 0);
		PATIENTLY(kg_consumer_process(c));
		assert_int_equal(r, 0);
		PATIENTLY(kg_consumer_resume(c, "t", 1));
		assert_int_equal(r, 0);
	}
	assert_int_equal(copy.value_bytes, 700000);
	PATIENTLY(kg_consumer_commit_start(c, NULL));
	assert_int_equal(r, 0);
	PATIENTLY(kg_consumer_mark_offset(c, "t", 5, 500, "far", NULL));
	assert_int_equal(r, 0);
	assert_int_equal(kg_consumer_assignment(c, NULL), 18);
}

/* Whether the failure came to pass. */
static bool run_with_failure(struct fake *f, unsigned n)
{
	const char *const topics[] = {"t", "u"};
	struct kg_consumer *c = NULL;
	struct kg_options *o;
	struct kg_event e;
	struct kg_error why;
	int r;

	f->forgiving = true;
	fake_start(f, serve);
	countdown = n;
	while (!(o = kg_options_new()))
		;
	PATIENTLY(kg_options_set(o, "socket", f->path, NULL));
	PATIENTLY(kg_options_set(o, "errors", "yes", &why));
	PATIENTLY(kg_consumer_open(&c, "g", topics, 2, o, &why));
	assert_int_equal(r, 0);
	kg_options_free(o);
	consume_all(c);
	assert_int_equal(kg_consumer_close(c), 0); /* it waits for memory */
	while (kg_consumer_next_event(c, &e))
		;
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
	assert_true(n > 60); /* it did go through all */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_allocation_may_fail, fake_setup,
						fake_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
