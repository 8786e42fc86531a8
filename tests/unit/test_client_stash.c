/* SPDX-License-Identifier: MIT */
/* Stashes: what they keep, in which order, and how they are applied. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/test_client_fake.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fake *fake_of(void **state)
{
	return *state;
}

/* ---- what is kept ---------------------------------------------------------------------------- */

static int note_offset(void *arg, const struct kg_stash_entry *e)
{
	struct kg_stash_entry *out = arg;

	out->offset = e->offset;
	assert_true(!e->metadata == !out->metadata);
	if (e->metadata)
		assert_string_equal(e->metadata, out->metadata);
	return 0;
}

static void check(struct kg_stash *s, int64_t offset, const char *metadata)
{
	struct kg_stash_entry e = {.offset = -1, .metadata = metadata};

	assert_int_equal(kg_stash_for_each(s, note_offset, &e), 0);
	assert_int_equal(e.offset, offset);
	assert_int_equal(kg_stash_count(s), 1);
}

static void test_the_highest_mark_and_the_lowest_reset(void **state)
{
	struct kg_stash *s = kg_stash_new();

	assert_int_equal(kg_stash_count(s), 0);
	assert_int_equal(kg_stash_reset_offset(s, "t", 0, 50, "first"), 0);
	check(s, 50, "first"); /* a reset of nothing is kept as it is */
	assert_int_equal(kg_stash_reset_offset(s, "t", 0, 60, "higher"), 0);
	check(s, 50, "first");
	assert_int_equal(kg_stash_reset_offset(s, "t", 0, 50, "equal"), 0);
	check(s, 50, "equal");
	assert_int_equal(kg_stash_reset_offset(s, "t", 0, 40, NULL), 0);
	check(s, 40, NULL);
	assert_int_equal(kg_stash_mark_offset(s, "t", 0, 30, "lower"), 0);
	check(s, 40, NULL);
	assert_int_equal(kg_stash_mark_offset(s, "t", 0, 40, "equal"), 0);
	check(s, 40, "equal");
	assert_int_equal(kg_stash_mark_offset(s, "t", 0, 70, "up"), 0);
	check(s, 70, "up");
	assert_int_equal(kg_stash_reset_offset(s, "t", 0, 0, "down"), 0);
	check(s, 0, "down");
	assert_null(kg_stash_free(s));
	s = kg_stash_new();
	assert_int_equal(kg_stash_mark_offset(s, "t", 0, 0, NULL), 0);
	check(s, 0, NULL);
	kg_stash_free(s);
}

static int collect(void *arg, const struct kg_stash_entry *e)
{
	char *text = arg;

	snprintf(text + strlen(text), 256 - strlen(text), " %s/%d", e->topic, e->partition);
	return e->partition == 11;
}

static void test_entries_are_sorted(void **state)
{
	struct kg_stash *s = kg_stash_new();
	char text[256] = "";

	kg_stash_mark_offset(s, "b", 2, 1, NULL);
	kg_stash_mark_offset(s, "a", 10, 1, NULL);
	kg_stash_mark_offset(s, "b", 0, 1, NULL);
	kg_stash_mark_offset(s, "ab", 0, 1, NULL);
	kg_stash_mark_offset(s, "a", 9, 1, NULL);
	assert_int_equal(kg_stash_for_each(s, collect, text), 0);
	assert_string_equal(text, " a/9 a/10 ab/0 b/0 b/2");
	kg_stash_mark_offset(s, "ab", 11, 1, NULL);
	*text = 0;
	assert_int_equal(kg_stash_for_each(s, collect, text), 1); /* ends early */
	assert_string_equal(text, " a/9 a/10 ab/0 ab/11");
	assert_int_equal(kg_stash_count(s), 6);
	kg_stash_free(s);
}

static void test_arguments_that_cannot_be(void **state)
{
	struct kg_stash *s = kg_stash_new();
	char *text = calloc(1, KGP_MAX_METADATA + 2);
	struct kg_message m = {.topic = "t", .offset = -1};

	memset(text, 'a', KGP_MAX_METADATA + 1);
	assert_int_equal(kg_stash_mark_offset(NULL, "t", 0, 1, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_stash_mark_offset(s, NULL, 0, 1, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_stash_mark_offset(s, "", 0, 1, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_stash_mark_offset(s, text, 0, 1, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_stash_mark_offset(s, "t", -1, 1, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_stash_reset_offset(s, "t", 0, -1, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_stash_reset_offset(s, "t", 0, 1, text), KG_ERR_ARGUMENT);
	assert_int_equal(kg_stash_reset_offset(s, "t", 0, 1, "\xff"), KG_ERR_ARGUMENT);
	assert_int_equal(kg_stash_mark(s, NULL, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_stash_mark(s, &m, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_stash_reset(NULL, &m, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_stash_for_each(s, NULL, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_stash_for_each(NULL, collect, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_stash_count(NULL), 0);
	assert_int_equal(kg_stash_count(s), 0);
	assert_null(kg_stash_free(NULL));
	assert_int_equal(kg_consumer_mark_stash(NULL, s), KG_ERR_ARGUMENT);
	kg_stash_free(s);
	free(text);
}

enum { MANY = 100000 };

static int count_in_order(void *arg, const struct kg_stash_entry *e)
{
	int64_t *n = arg;

	assert_int_equal(e->partition, *n);
	assert_int_equal(e->offset, *n + 1);
	++*n;
	return 0;
}

/* In an order that hits everywhere: 7919 and the number have no divisor in common. */
static void test_a_hundred_thousand_entries(void **state)
{
	struct kg_stash *s = kg_stash_new();
	int64_t i, n = 0;

	for (i = 0; i < MANY; i++)
		assert_int_equal(kg_stash_mark_offset(s, "t", (int32_t)(i * 7919 % MANY),
						      i * 7919 % MANY, "some metadata"),
				 0);
	for (i = MANY; i--;)
		assert_int_equal(kg_stash_mark_offset(s, "t", (int32_t)i, i + 1, NULL), 0);
	assert_int_equal(kg_stash_count(s), MANY);
	assert_int_equal(kg_stash_for_each(s, count_in_order, &n), 0);
	assert_int_equal(n, MANY);
	kg_stash_free(s);
}

static pthread_barrier_t start;

struct thread {
	pthread_t id;
	struct kg_stash *s;
	int32_t number;
};

static void *stash_many(void *arg)
{
	struct thread *t = arg;
	int32_t i;

	pthread_barrier_wait(&start);
	for (i = 0; i < 20000; i++) {
		kg_stash_mark_offset(t->s, "t", i * 4 + t->number, i, "metadata");
		kg_stash_reset_offset(t->s, "u", i % 100, 20000 - i, "metadata");
		if (i % 1000 == 0)
			kg_stash_count(t->s);
	}
	return NULL;
}

static void test_many_threads(void **state)
{
	struct kg_stash *s = kg_stash_new();
	struct thread threads[4];
	int i;

	pthread_barrier_init(&start, NULL, 4);
	for (i = 0; i < 4; i++) {
		threads[i].s = s;
		threads[i].number = i;
		assert_int_equal(pthread_create(&threads[i].id, NULL, stash_many, &threads[i]), 0);
	}
	for (i = 0; i < 4; i++)
		pthread_join(threads[i].id, NULL);
	pthread_barrier_destroy(&start);
	assert_int_equal(kg_stash_count(s), 80100);
	kg_stash_free(s);
}

/* ---- applied --------------------------------------------------------------------------------- */

/* Claim 1: t/0 in epoch 7, claim 2: t/1 in epoch 8, each with 10 messages from offset 100. */
static struct kg_consumer *open_with_messages(struct fake *f)
{
	struct kg_consumer *c = fake_open(f);

	fake_put_assign(f, 1, "t", 0, 7, 100, -1);
	fake_put_assign(f, 2, "t", 1, 8, 100, 100);
	fake_put_messages(f, 1, 7, 100, 10, 8);
	fake_put_messages(f, 2, 8, 100, 10, 8);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	return c;
}

static unsigned expect_entries(struct fake *f, enum kgp_type type, struct kgp_entry *out)
{
	union kgp_body b = {0};
	struct kgp_list l;
	unsigned n = 0;

	fake_expect(f, type, &b);
	l = type == KGP_T_mark ? b.mark.entries : b.reset.entries;
	assert_int_equal(type == KGP_T_mark ? b.mark.request : b.reset.request, 0);
	while (kgp_next_entry(&l, &out[n]))
		n++;
	return n;
}

static void check_entry(const struct kgp_entry *e, unsigned claim, uint64_t epoch, int64_t offset,
			const char *metadata)
{
	assert_int_equal(e->claim, claim);
	assert_int_equal(e->epoch, epoch);
	assert_int_equal(e->offset, offset);
	assert_true(kgp_bytes_equal(e->metadata, kgp_text(metadata)));
}

static void test_applied_as_marks(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kg_stash *s = kg_stash_new();
	struct kgp_entry e[8];
	struct kg_message m;

	assert_int_equal(kg_consumer_next(c, &m), 1);
	assert_int_equal(kg_stash_mark(s, &m, "by message"), 0);
	assert_int_equal(kg_stash_mark_offset(s, "t", 1, 104, NULL), 0);
	assert_int_equal(kg_stash_mark_offset(s, "t", 2, 104, NULL), 0); /* not held */
	assert_int_equal(kg_stash_mark_offset(s, "u", 0, 104, NULL), 0);
	assert_int_equal(kg_consumer_mark_stash(c, s), 0);
	assert_int_equal(kg_stash_count(s), 0);
	assert_int_equal(kg_consumer_process(c), 0);
	assert_int_equal(expect_entries(f, KGP_T_mark, e), 2);
	check_entry(&e[0], 1, 7, 100, "by message");
	check_entry(&e[1], 2, 8, 104, NULL);
	assert_int_equal(kg_consumer_mark_stash(c, s), 0); /* nothing is in it */
	assert_int_equal(kg_consumer_process(c), 0);
	assert_true(fake_is_silent(f));
	kg_stash_free(s);
	kg_consumer_free(c);
}

static void test_applied_as_resets(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kg_stash *s = kg_stash_new();
	struct kgp_entry e[8];

	assert_int_equal(kg_consumer_mark_offset(c, "t", 0, 200, NULL, NULL), 0);
	assert_int_equal(kg_stash_mark_offset(s, "t", 0, 90, "back"), 0);
	assert_int_equal(kg_stash_reset_offset(s, "t", 1, 80, NULL), 0);
	assert_int_equal(kg_stash_reset_offset(s, "a", 0, 80, NULL), 0);
	assert_int_equal(kg_stash_reset_offset(s, "v", 0, 80, NULL), 0);
	assert_int_equal(kg_stash_reset_offset(s, "t", 2, INT64_MAX, NULL), 0);
	assert_int_equal(kg_consumer_reset_stash(c, s), 0);
	assert_int_equal(kg_stash_count(s), 0);
	assert_int_equal(expect_entries(f, KGP_T_mark, e), 1); /* without another call */
	check_entry(&e[0], 1, 7, 200, NULL);
	assert_int_equal(expect_entries(f, KGP_T_reset, e), 2);
	check_entry(&e[0], 1, 7, 90, "back");
	check_entry(&e[1], 2, 8, 80, NULL);
	assert_int_equal(kg_consumer_reset_stash(c, s), 0);
	assert_true(fake_is_silent(f));
	kg_stash_free(s);
	kg_consumer_free(c);
}

/* By message: the claim that it came by. By offset: the one that is held now. */
static void test_entries_of_an_ended_claim_do_not_count(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kgp_epoch epoch = {.claim = 1, .epoch = 9, .offset = 50, .reason = kgp_text("seek")};
	struct kg_stash *s = kg_stash_new();
	struct kgp_entry e[8];
	struct kg_message m;

	assert_int_equal(kg_consumer_next(c, &m), 1);
	assert_int_equal(kg_stash_mark(s, &m, NULL), 0);
	fake_put(f, KGP_T_epoch, &epoch);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	assert_int_equal(kg_consumer_mark_stash(c, s), 0);
	assert_int_equal(kg_stash_count(s), 0);
	assert_int_equal(kg_stash_reset(s, &m, NULL), 0);
	assert_int_equal(kg_consumer_reset_stash(c, s), 0);
	assert_int_equal(kg_stash_count(s), 0);
	assert_int_equal(kg_consumer_process(c), 0);
	assert_true(fake_is_silent(f));
	assert_int_equal(kg_stash_mark(s, &m, "old"), 0);
	assert_int_equal(kg_stash_mark_offset(s, "t", 0, 101, "new"), 0); /* the winner */
	assert_int_equal(kg_consumer_mark_stash(c, s), 0);
	assert_int_equal(kg_consumer_process(c), 0);
	assert_int_equal(expect_entries(f, KGP_T_mark, e), 1);
	check_entry(&e[0], 1, 9, 101, "new");
	kg_stash_free(s);
	kg_consumer_free(c);
}

static void test_what_was_not_applied_stays(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kg_stash *s = kg_stash_new();

	assert_int_equal(kg_consumer_reset_stash(c, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_mark_stash(c, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_stash_reset_offset(s, "t", 0, 90, NULL), 0);
	fake_hang_up(f);
	assert_int_equal(kg_consumer_process(c), 0);
	assert_int_equal(kg_consumer_reset_stash(c, s), KG_ERR_DISCONNECTED);
	assert_int_equal(kg_stash_count(s), 1);
	fake_reopen(f, c);
	fake_put_assign(f, 3, "t", 0, 10, 100, -1);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	assert_int_equal(kg_consumer_reset_stash(c, s), 0);
	assert_int_equal(kg_stash_count(s), 0);
	fake_expect(f, KGP_T_reset, NULL);
	assert_int_equal(kg_stash_reset_offset(s, "t", 0, 90, NULL), 0);
	fake_hang_up(f);
	kg_consumer_free(c);
	f->lacks = 1u << KGP_FEATURE_reset;
	c = open_with_messages(f);
	assert_int_equal(kg_consumer_reset_stash(c, s), KG_ERR_UNSUPPORTED);
	assert_int_equal(kg_stash_count(s), 1);
	kg_stash_free(s);
	kg_consumer_free(c);
}

enum { CLAIMS = 300 };

static struct kg_consumer *open_with_many(struct fake *f)
{
	struct kg_consumer *c = fake_open(f);
	unsigned i;

	for (i = 0; i < CLAIMS; i++)
		fake_put_assign(f, i + 1, "t", i, i + 1, 100, -1);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	return c;
}

static unsigned n_marks, n_resets;

/* The decoder refuses a frame above the limit. */
static void take_all_and_answer_commit(struct fake *f)
{
	const struct kgp_info *info;
	union kgp_body b = {0};

	n_marks = n_resets = 0;
	while (fake_next(f, &info, &b) && info->type != KGP_T_commit)
		if (info->type == KGP_T_mark)
			n_marks += b.mark.entries.n;
		else
			n_resets += b.reset.entries.n;
	fake_put_reply(f, b.commit.request, 0, NULL);
	fake_send(f);
}

static void commit_all(struct fake *f, struct kg_consumer *c)
{
	fake_start(f, take_all_and_answer_commit);
	assert_int_equal(kg_consumer_commit(c, -1), 0);
	fake_join(f);
}

/* 300 claims with 32 KB of metadata each: ten times what a frame may have. */
static void test_large_stashes_are_split_below_the_limit(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_many(f);
	struct kg_stash *s = kg_stash_new();
	char *text = calloc(1, KGP_MAX_METADATA + 1);
	unsigned i;

	memset(text, 'a', KGP_MAX_METADATA);
	for (i = 0; i < CLAIMS; i++) {
		assert_int_equal(kg_stash_reset_offset(s, "t", (int32_t)i, i, text), 0);
		assert_int_equal(kg_consumer_mark_offset(c, "t", (int32_t)i, 1000, text, NULL), 0);
	}
	assert_int_equal(kg_consumer_reset_stash(c, s), 0);
	assert_int_equal(kg_stash_count(s), 0);
	commit_all(f, c);
	assert_int_equal(n_marks, CLAIMS);
	assert_int_equal(n_resets, CLAIMS);
	for (i = 0; i < CLAIMS; i++)
		kg_stash_mark_offset(s, "t", (int32_t)i, 2000 + i, text);
	assert_int_equal(kg_consumer_mark_stash(c, s), 0);
	commit_all(f, c);
	assert_int_equal(n_marks, CLAIMS);
	for (i = 0; i < CLAIMS; i++) {
		assert_int_equal(kg_stash_reset_offset(s, "t", (int32_t)i, i, NULL), 0);
		assert_int_equal(kg_consumer_mark_offset(c, "t", (int32_t)i, 3000, text, NULL), 0);
	}
	assert_int_equal(kg_consumer_reset_stash(c, s), 0); /* large marks before small resets */
	commit_all(f, c);
	assert_int_equal(n_marks, CLAIMS);
	assert_int_equal(n_resets, CLAIMS);
	free(text);
	kg_stash_free(s);
	kg_consumer_free(c);
}

/* Most entries are of partitions that nobody holds here. */
static void test_a_hundred_thousand_entries_are_applied(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_many(f);
	struct kg_stash *s = kg_stash_new();
	struct kgp_entry e[CLAIMS];
	unsigned n;
	int32_t i;

	for (i = 0; i < MANY; i++)
		kg_stash_reset_offset(s, "t", i, 5, NULL);
	assert_int_equal(kg_consumer_reset_stash(c, s), 0);
	assert_int_equal(kg_stash_count(s), 0);
	for (n = 0; n < CLAIMS;)
		n += expect_entries(f, KGP_T_reset, e);
	assert_int_equal(n, CLAIMS);
	assert_true(fake_is_silent(f));
	kg_stash_free(s);
	kg_consumer_free(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_highest_mark_and_the_lowest_reset),
		cmocka_unit_test(test_entries_are_sorted),
		cmocka_unit_test(test_arguments_that_cannot_be),
		cmocka_unit_test(test_a_hundred_thousand_entries),
		cmocka_unit_test(test_many_threads),
		TEST(test_applied_as_marks),
		TEST(test_applied_as_resets),
		TEST(test_entries_of_an_ended_claim_do_not_count),
		TEST(test_what_was_not_applied_stays),
		TEST(test_large_stashes_are_split_below_the_limit),
		TEST(test_a_hundred_thousand_entries_are_applied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
