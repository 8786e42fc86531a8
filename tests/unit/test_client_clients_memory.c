/* SPDX-License-Identifier: MIT */
/*
 * No memory for what is beyond consuming: clients and their questions, resets, stashes, seeks, high
 * water marks, notifications. As test_client_memory.c does: the n-th allocation of the library
 * fails, for every n, and whatever is refused, the call works when it is made again.
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

/* ---- the daemon ------------------------------------------------------------------------------ */

static atomic_bool over;
static uint64_t epoch;

static void put_key(struct kgp_buf *b, const char *key)
{
	kgp_put_str(b, kgp_text(key));
}

/* One answer that fits all questions. */
static void put_result(struct fake *f, uint64_t request)
{
	struct kgp_buf b = {0};

	kgp_put_map(&b, 3);
	put_key(&b, "offset");
	kgp_put_uint(&b, 7);
	put_key(&b, "topics");
	kgp_put_array(&b, 1);
	kgp_put_map(&b, 2);
	put_key(&b, "name");
	put_key(&b, "t");
	put_key(&b, "partitions");
	kgp_put_uint(&b, 3);
	put_key(&b, "partitions");
	kgp_put_array(&b, 1);
	kgp_put_map(&b, 3);
	put_key(&b, "topic");
	put_key(&b, "new");
	put_key(&b, "partition");
	kgp_put_uint(&b, 0);
	put_key(&b, "high");
	kgp_put_uint(&b, 100);
	fake_put_result(f, request, &b);
	kgp_buf_deinit(&b);
}

static void put_consumer(struct fake *f)
{
	static const struct kgp_number ids[] = {{0}, {1}};
	static const struct kgp_partitions t = {.topic = {"noticed", 7},
						.ids = {.items = ids, .n = 2}};
	struct kgp_notify ok = {.kind = 2, .claimed = {.items = &t, .n = 1}};
	unsigned i;

	fake_put_reply(f, f->open_request, 0, NULL);
	fake_put_state(f, "joined");
	for (i = 1; i < 5; i++)
		fake_put_assign(f, i, "t", i, i, 100, 100);
	fake_put(f, KGP_T_notify, &ok);
	fake_put_messages(f, 1, 1, 100, 20, 50);
	epoch = 100;
}

static void put_seek(struct fake *f, uint64_t request)
{
	struct kgp_epoch m = {.claim = 1, .epoch = ++epoch, .offset = 50};

	fake_put(f, KGP_T_epoch, &m);
	fake_put_reply(f, request, 0, NULL);
}

static void put_verdict(struct fake *f, uint64_t request)
{
	struct kgp_number n = {0};
	struct kgp_marked m = {.request = request, .verdicts = {.items = &n, .n = 1}};

	if (request)
		fake_put(f, KGP_T_marked, &m);
}

static void answer(struct fake *f, const struct kgp_info *info, const union kgp_body *b)
{
	switch (info->type) {
	case KGP_T_hello:
		fake_put_welcome(f);
		break;
	case KGP_T_open:
		f->open_request = b->open.request;
		break;
	case KGP_T_resume_end:
		put_consumer(f);
		break;
	case KGP_T_query:
		put_result(f, b->query.request);
		break;
	case KGP_T_seek:
		put_seek(f, b->seek.request);
		break;
	case KGP_T_reset:
		put_verdict(f, b->reset.request);
		break;
	case KGP_T_commit:
		fake_put_reply(f, b->commit.request, 0, NULL);
		break;
	case KGP_T_close:
		fake_put_reply(f, b->close.request, 0, NULL);
		break;
	default:
		break;
	}
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

/* ---- the program ----------------------------------------------------------------------------- */

/* Again, as long as there is no memory: what a patient program would do. */
#define PATIENTLY(call)                                                                            \
	do {                                                                                       \
		do                                                                                 \
			r = (call);                                                                \
		while (r == KG_ERR_MEMORY);                                                        \
		assert_int_equal(r, 0);                                                            \
	} while (0)

static void ask_all(struct kg_client *k)
{
	const struct kg_topic *topics;
	const int32_t *ids;
	int64_t offset;
	size_t n;
	int r;

	PATIENTLY(kg_client_get_topics(k, "g", &topics, &n));
	assert_string_equal(topics[0].name, "t");
	PATIENTLY(kg_client_get_partitions(k, NULL, "t", &ids, &n));
	assert_int_equal(n, 1);
	PATIENTLY(kg_client_get_offset(k, NULL, "t", 0, KG_OFFSET_LATEST, &offset));
	assert_int_equal(offset, 7);
	PATIENTLY(kg_client_refresh(k, NULL));
	PATIENTLY(kg_client_validate(k, NULL));
}

static struct kg_stash *stash_some(const struct kg_message *m)
{
	struct kg_stash *s;
	int32_t i;
	int r;

	while (!(s = kg_stash_new()))
		;
	for (i = 1; i < 9; i++)
		PATIENTLY(kg_stash_mark_offset(s, "t", i, 200, "far away"));
	PATIENTLY(kg_stash_reset_offset(s, "t", 4, 90, "lower"));
	PATIENTLY(kg_stash_mark(s, m, "by message"));
	assert_int_equal(kg_stash_count(s), 8);
	return s;
}

static void move_about(struct kg_consumer *c)
{
	const struct kg_high *marks;
	struct kg_stash *s;
	struct kg_message m;
	int r, verdict;
	size_t n;

	do
		r = kg_consumer_receive(c, &m, 5000);
	while (r == KG_ERR_MEMORY);
	assert_int_equal(r, 1);
	PATIENTLY(kg_consumer_mark(c, &m, "marked"));
	PATIENTLY(kg_consumer_reset(c, &m, "reset"));
	PATIENTLY(kg_consumer_reset_offset(c, "t", 2, 50, "there", &verdict));
	assert_int_equal(verdict, 0);
	s = stash_some(&m);
	PATIENTLY(kg_consumer_reset_stash(c, s));
	assert_int_equal(kg_stash_count(s), 0);
	PATIENTLY(kg_stash_mark_offset(s, "t", 3, 300, "higher"));
	PATIENTLY(kg_consumer_mark_stash(c, s));
	kg_stash_free(s);
	PATIENTLY(kg_consumer_seek(c, "t", 1, KG_SEEK_OFFSET, 50, -1));
	PATIENTLY(kg_consumer_get_high_water_marks(c, &marks, &n, -1));
	assert_string_equal(marks[0].topic, "new");
}

static struct kg_client *open_patiently(struct fake *f)
{
	struct kg_client *k = NULL;
	struct kg_options *o;
	struct kg_error why;
	int r;

	while (!(o = kg_options_new()))
		;
	PATIENTLY(kg_options_set(o, "socket", f->path, NULL));
	PATIENTLY(kg_options_set(o, "notifications", "yes", &why));
	PATIENTLY(kg_options_set(o, "topics.include", "a|b", &why));
	PATIENTLY(kg_options_set(o, "topics.include", "a|b|c", &why));
	PATIENTLY(kg_client_open(&k, o, &why));
	kg_options_free(o);
	assert_string_equal(kg_client_get_option(k, "topics.include"), "a|b|c");
	return k;
}

/* Whether the failure came to pass. */
static bool run_with_failure(struct fake *f, unsigned n)
{
	struct kg_consumer *c = NULL;
	struct kg_client *k;
	struct kg_error why;
	struct kg_event e;
	int r;

	f->forgiving = true;
	fake_start(f, serve);
	countdown = n;
	k = open_patiently(f);
	ask_all(k);
	PATIENTLY(kg_client_open_consumer(k, &c, "g", NULL, 0, NULL, &why));
	move_about(c);
	assert_int_equal(kg_consumer_close(c), 0);
	while (kg_consumer_next_event(c, &e))
		;
	kg_consumer_free(c);
	PATIENTLY(kg_client_open_consumer(k, &c, "g", NULL, 0, NULL, &why));
	assert_int_equal(kg_client_close(k), 0);
	r = countdown == 0;
	countdown = 0;
	kg_client_free(k);
	kg_consumer_free(c);
	stop(f);
	return r;
}

static void test_every_allocation_may_fail(void **state)
{
	unsigned n = 1;

	while (run_with_failure(*state, n))
		n++;
	assert_true(n > 100); /* it did go through all */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_allocation_may_fail, fake_setup,
						fake_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
