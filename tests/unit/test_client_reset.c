/* SPDX-License-Identifier: MIT */
/* Resets: what the daemon hears and in which order, and what a lost connection makes of them. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/test_client_fake.h"

#include <stdlib.h>
#include <string.h>

static struct fake *fake_of(void **state)
{
	return *state;
}

static void take(struct kg_consumer *c, struct kg_message *m, unsigned n)
{
	for (; n; n--)
		assert_int_equal(kg_consumer_next(c, m++), 1);
}

/* Claim 1: t/0 in epoch 7 from offset 100; claim 2: t/1 in epoch 8, committed 90. m: 100 to 109. */
static struct kg_consumer *open_and_take(struct fake *f, struct kg_message m[10])
{
	struct kg_consumer *c = fake_open(f);

	fake_put_assign(f, 1, "t", 0, 7, 100, -1);
	fake_put_assign(f, 2, "t", 1, 8, 90, 90);
	fake_put_messages(f, 1, 7, 100, 11, 8); /* the last one stays, so no credit is due */
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	take(c, m, 10);
	return c;
}

/* RESET has MARK's fields. */
static uint64_t expect_entry(struct fake *f, enum kgp_type type, unsigned claim, uint64_t epoch,
			     int64_t offset, const char *metadata)
{
	union kgp_body b = {0};
	struct kgp_entry e;
	struct kgp_list l;

	fake_expect(f, type, &b);
	l = type == KGP_T_mark ? b.mark.entries : b.reset.entries;
	assert_int_equal(l.n, 1);
	kgp_next_entry(&l, &e);
	assert_int_equal(e.claim, claim);
	assert_int_equal(e.epoch, epoch);
	assert_int_equal(e.offset, offset);
	assert_true(kgp_bytes_equal(e.metadata, kgp_text(metadata)));
	return type == KGP_T_mark ? b.mark.request : b.reset.request;
}

/* ---- order ----------------------------------------------------------------------------------- */

static void test_marks_before_and_after_keep_their_place(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_message m[10];
	struct kg_consumer *c = open_and_take(f, m);
	const struct kg_claim *claims;

	assert_int_equal(kg_consumer_mark(c, &m[8], "eight"), 0);
	assert_int_equal(kg_consumer_reset(c, &m[2], "two"), 0);
	assert_int_equal(kg_consumer_get_timeout_ms(c), 0); /* there is something to send */
	assert_int_equal(kg_consumer_assignment(c, &claims), 2);
	assert_int_equal(claims[0].marked, 102);
	assert_int_equal(kg_consumer_mark(c, &m[1], NULL), 0); /* below the reset: nothing */
	assert_int_equal(kg_consumer_mark(c, &m[5], NULL), 0);
	assert_int_equal(kg_consumer_reset(c, &m[5], "five"), 0); /* equal: the metadata */
	assert_int_equal(kg_consumer_process(c), 0);
	expect_entry(f, KGP_T_mark, 1, 7, 108, "eight");
	assert_int_equal(expect_entry(f, KGP_T_reset, 1, 7, 102, "two"), 0);
	expect_entry(f, KGP_T_mark, 1, 7, 105, NULL);
	expect_entry(f, KGP_T_reset, 1, 7, 105, "five");
	assert_true(fake_is_silent(f));
	kg_consumer_free(c);
}

static void test_by_offset(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_message m[10];
	struct kg_consumer *c = open_and_take(f, m);

	assert_int_equal(kg_consumer_mark_offset(c, "t", 1, 95, NULL, NULL), 0); /* not seen here */
	assert_int_equal(kg_consumer_reset_offset(c, "t", 1, 50, NULL, NULL), 0);
	assert_int_equal(kg_consumer_mark_offset(c, "t", 1, 60, NULL, NULL), 0);
	assert_int_equal(kg_consumer_process(c), 0);
	expect_entry(f, KGP_T_mark, 2, 8, 95, NULL);
	expect_entry(f, KGP_T_reset, 2, 8, 50, NULL);
	expect_entry(f, KGP_T_mark, 2, 8, 60, NULL);
	kg_consumer_free(c);
}

static void test_arguments_that_cannot_be(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_message m[10];
	struct kg_consumer *c = open_and_take(f, m);
	char *text = malloc(KGP_MAX_METADATA + 2);
	int verdict;

	memset(text, 'a', KGP_MAX_METADATA + 1);
	text[KGP_MAX_METADATA + 1] = 0;
	assert_int_equal(kg_consumer_reset(NULL, &m[0], NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_reset(c, NULL, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_reset(c, &m[0], text), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_reset(c, &m[0], "\xff"), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_reset_offset(c, NULL, 0, 1, NULL, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_reset_offset(c, "t", 0, -1, NULL, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_reset_offset(c, "t", 0, -1, NULL, &verdict), 0);
	assert_int_equal(verdict, KG_OUT_OF_RANGE);
	assert_int_equal(kg_consumer_reset_offset(c, "t", 0, INT64_MAX, NULL, &verdict), 0);
	assert_int_equal(verdict, KG_OUT_OF_RANGE);
	assert_int_equal(kg_consumer_reset_offset(c, "t", 7, 1, NULL, &verdict), 0);
	assert_int_equal(verdict, KG_NOT_OWNED);
	assert_int_equal(kg_consumer_reset_offset(c, "u", 0, 1, NULL, NULL), 0);
	assert_int_equal(kg_consumer_process(c), 0);
	assert_true(fake_is_silent(f));
	text[KGP_MAX_METADATA] = 0;
	assert_int_equal(kg_consumer_reset(c, &m[0], text), 0);
	assert_int_equal(kg_consumer_process(c), 0);
	expect_entry(f, KGP_T_reset, 1, 7, 100, text);
	free(text);
	kg_consumer_free(c);
}

/* ---- verdicts -------------------------------------------------------------------------------- */

static uint64_t verdict_to_give;

static void give_verdict(struct fake *f)
{
	struct kgp_number n = {verdict_to_give};
	struct kgp_marked marked = {.verdicts = {.items = &n, .n = 1}};
	union kgp_body b = {0};

	fake_expect(f, KGP_T_mark, NULL);
	fake_expect(f, KGP_T_reset, &b);
	marked.request = b.reset.request;
	fake_put(f, KGP_T_marked, &marked);
	fake_send(f);
}

static void test_a_verdict_is_the_daemons(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_message m[10];
	struct kg_consumer *c = open_and_take(f, m);
	int verdict;

	for (verdict_to_give = 0; verdict_to_give < 5; verdict_to_give++) {
		assert_int_equal(kg_consumer_mark(c, &m[verdict_to_give + 1], NULL), 0);
		fake_start(f, give_verdict);
		assert_int_equal(kg_consumer_reset_offset(c, "t", 0, 100, NULL, &verdict), 0);
		fake_join(f);
		assert_int_equal(verdict, verdict_to_give);
	}
	kg_consumer_free(c);
}

static void take_and_hang_up(struct fake *f)
{
	fake_expect(f, KGP_T_reset, NULL);
	fake_hang_up(f);
}

static void test_a_verdict_that_breaks(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_message m[10];
	struct kg_consumer *c = open_and_take(f, m);
	int verdict = 77;

	fake_start(f, take_and_hang_up);
	assert_int_equal(kg_consumer_reset_offset(c, "t", 0, 100, NULL, &verdict),
			 KG_ERR_DISCONNECTED);
	fake_join(f);
	assert_int_equal(verdict, 77);
	assert_true(*kg_consumer_error(c)->text);
	kg_consumer_free(c);
}

/* ---- claims that end ------------------------------------------------------------------------- */

static void test_a_reset_of_an_ended_epoch_is_stale_and_silent(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_message m[10];
	struct kg_consumer *c = open_and_take(f, m);
	struct kgp_epoch epoch = {.claim = 1, .epoch = 9, .offset = 50, .reason = kgp_text("seek")};

	fake_put(f, KGP_T_epoch, &epoch);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	fake_expect(f, KGP_T_credit, NULL);
	assert_int_equal(kg_consumer_reset(c, &m[3], NULL), 0);
	assert_int_equal(kg_consumer_process(c), 0);
	assert_true(fake_is_silent(f));
	assert_int_equal(kg_consumer_reset_offset(c, "t", 0, 40, NULL, NULL), 0);
	fake_put_released(f, 2);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	expect_entry(f, KGP_T_reset, 1, 9, 40, NULL);
	assert_int_equal(kg_consumer_reset_offset(c, "t", 1, 40, NULL, NULL), 0);
	assert_int_equal(kg_consumer_process(c), 0);
	assert_true(fake_is_silent(f));
	kg_consumer_free(c);
}

/* What was done stays done, though the mark went back: the rebalance need not wait. */
static void test_done_follows_a_release_after_a_reset(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_message m[10];
	struct kg_consumer *c = open_and_take(f, m);

	kg_consumer_mark(c, &m[9], NULL);
	assert_int_equal(kg_consumer_reset(c, &m[2], NULL), 0);
	fake_put_release(f, 1);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	expect_entry(f, KGP_T_mark, 1, 7, 109, NULL);
	expect_entry(f, KGP_T_reset, 1, 7, 102, NULL);
	fake_expect(f, KGP_T_done, NULL);
	kg_consumer_free(c);
}

static void test_a_reset_does_not_make_what_is_in_hand_done(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_message m[10];
	struct kg_consumer *c = open_and_take(f, m);

	kg_consumer_mark(c, &m[4], NULL);
	fake_put_release(f, 1);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	fake_expect(f, KGP_T_mark, NULL);
	fake_expect(f, KGP_T_credit, NULL);
	assert_int_equal(kg_consumer_reset(c, &m[2], NULL), 0); /* while it is being released */
	assert_int_equal(kg_consumer_process(c), 0);
	fake_expect(f, KGP_T_reset, NULL);
	assert_true(fake_is_silent(f));
	kg_consumer_mark(c, &m[9], NULL);
	assert_int_equal(kg_consumer_process(c), 0);
	expect_entry(f, KGP_T_mark, 1, 7, 109, NULL);
	fake_expect(f, KGP_T_done, NULL);
	kg_consumer_free(c);
}

/* ---- connections that break ------------------------------------------------------------------ */

static void lose(struct fake *f, struct kg_consumer *c)
{
	fake_hang_up(f);
	assert_int_equal(kg_consumer_process(c), 0);
	assert_int_equal(kg_consumer_assignment(c, NULL), 0);
}

static void open_again(struct fake *f, struct kg_consumer *c)
{
	union kgp_body b = {0};

	fake_come_back(f, c);
	fake_welcome_back(f, c, &b);
}

static void test_the_mark_that_is_kept_does_not_undo_a_reset(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_message m[10];
	struct kg_consumer *c = open_and_take(f, m);

	kg_consumer_mark(c, &m[8], "eight");
	kg_consumer_mark_offset(c, "t", 0, 200, "far", NULL);
	kg_consumer_mark_offset(c, "t", 1, 95, NULL, NULL);
	assert_int_equal(kg_consumer_reset(c, &m[2], "two"), 0);
	assert_int_equal(kg_consumer_reset_offset(c, "t", 1, 80, NULL, NULL), 0);
	assert_int_equal(kg_consumer_process(c), 0);
	lose(f, c);
	open_again(f, c);
	fake_expect_resume(f, 0, 7, 102, "two", -1);
	fake_take_end(f);
	kg_consumer_free(c);
}

static void test_a_mark_after_the_reset_is_kept_again(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_message m[10];
	struct kg_consumer *c = open_and_take(f, m);

	kg_consumer_mark(c, &m[8], "eight");
	assert_int_equal(kg_consumer_reset(c, &m[2], "two"), 0);
	lose(f, c);
	kg_consumer_mark(c, &m[6], "six");
	open_again(f, c);
	fake_expect_resume(f, 0, 7, 106, "six", -1);
	fake_take_end(f);
	kg_consumer_free(c);
}

/* The daemon ignores it, so what is kept is the mark. */
static void test_a_reset_above_the_mark_changes_nothing(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_message m[10];
	struct kg_consumer *c = open_and_take(f, m);

	kg_consumer_mark(c, &m[2], "two");
	assert_int_equal(kg_consumer_reset(c, &m[8], "eight"), 0);
	lose(f, c);
	open_again(f, c);
	fake_expect_resume(f, 0, 7, 102, "two", -1);
	fake_take_end(f);
	kg_consumer_free(c);
}

static void test_a_reset_without_a_connection_is_refused(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_message m[10];
	struct kg_consumer *c = open_and_take(f, m);
	int verdict;

	kg_consumer_mark(c, &m[8], "eight");
	lose(f, c);
	assert_int_equal(kg_consumer_reset(c, &m[2], "two"), KG_ERR_DISCONNECTED);
	assert_non_null(strstr(kg_consumer_error(c)->text, "no connection"));
	assert_int_equal(kg_consumer_reset_offset(c, "t", 0, 100, NULL, NULL), KG_ERR_DISCONNECTED);
	assert_int_equal(kg_consumer_reset_offset(c, "t", 0, 100, NULL, &verdict),
			 KG_ERR_DISCONNECTED);
	open_again(f, c);
	fake_expect_resume(f, 0, 7, 108, "eight", -1);
	fake_take_end(f);
	assert_int_equal(kg_consumer_reset(c, &m[2], "two"), 0); /* resumed: stale */
	assert_int_equal(kg_consumer_reset_offset(c, "t", 0, 100, NULL, &verdict), 0);
	assert_int_equal(verdict, KG_NOT_OWNED);
	kg_consumer_free(c);
}

static void answer_commit(struct fake *f)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_commit, &b);
	fake_put_reply(f, b.commit.request, 0, NULL);
	fake_send(f);
}

static void commit(struct fake *f, struct kg_consumer *c, int expected)
{
	fake_start(f, answer_commit);
	assert_int_equal(kg_consumer_commit(c, -1), expected);
	fake_join(f);
}

/* A commit that is answered 0 says that everything before it is committed: that must be true. */
static void test_a_commit_tells_once_that_a_reset_may_be_lost(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_message m[10];
	struct kg_consumer *c = open_and_take(f, m);
	struct kg_event e;

	assert_int_equal(kg_consumer_reset(c, &m[2], NULL), 0);
	lose(f, c);
	fake_reopen(f, c);
	commit(f, c, KG_ERR_DISCONNECTED);
	assert_non_null(strstr(kg_consumer_error(c)->text, "reset"));
	commit(f, c, 0);
	fake_put_assign(f, 3, "t", 0, 9, 100, -1);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);

	assert_int_equal(kg_consumer_reset_offset(c, "t", 0, 50, NULL, NULL), 0);
	assert_int_equal(kg_consumer_process(c), 0);
	fake_expect(f, KGP_T_reset, NULL);
	commit(f, c, 0); /* now it is sure */
	lose(f, c);
	fake_reopen(f, c);
	commit(f, c, 0);

	fake_put_assign(f, 4, "t", 0, 11, 100, -1);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	assert_int_equal(kg_consumer_reset_offset(c, "t", 0, 50, NULL, NULL), 0);
	assert_int_equal(kg_consumer_commit_start(c, NULL), 0);
	lose(f, c); /* before the commit was answered */
	fake_reopen(f, c);
	while (kg_consumer_next_event(c, &e))
		;
	answer_commit(f);
	assert_int_equal(kg_consumer_process(c), 0);
	assert_int_equal(kg_consumer_next_event(c, &e), 1);
	assert_int_equal(e.type, KG_EVENT_COMMITTED);
	assert_int_equal(e.error.code, KG_ERR_DISCONNECTED);
	assert_non_null(strstr(e.error.text, "reset"));
	kg_consumer_free(c);
}

static void answer_close_of_marks(struct fake *f)
{
	union kgp_body b = {0};

	fake_hang_up(f);
	fake_take_open(f);
	fake_expect(f, KGP_T_resume, NULL);
	fake_expect(f, KGP_T_resume_end, NULL);
	fake_accept_open(f);
	fake_expect(f, KGP_T_close, &b);
	fake_put_reply(f, b.close.request, 0, NULL);
	fake_send(f);
}

static void test_so_does_close(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_message m[10];
	struct kg_consumer *c = open_and_take(f, m);

	kg_consumer_mark(c, &m[5], NULL);
	assert_int_equal(kg_consumer_reset(c, &m[2], NULL), 0);
	assert_int_equal(kg_consumer_process(c), 0);
	fake_expect(f, KGP_T_mark, NULL);
	fake_expect(f, KGP_T_reset, NULL);
	fake_start(f, answer_close_of_marks);
	assert_int_equal(kg_consumer_close(c), KG_ERR_DISCONNECTED);
	fake_join(f);
	kg_consumer_free(c);

	fake_hang_up(f);
	c = open_and_take(f, m); /* without a mark there is nothing to come back for */
	assert_int_equal(kg_consumer_reset(c, &m[2], NULL), 0);
	lose(f, c);
	assert_int_equal(kg_consumer_close(c), KG_ERR_DISCONNECTED);
	kg_consumer_free(c);
}

/* ---- a way that is not there ----------------------------------------------------------------- */

static void test_a_daemon_that_does_not_read_bounds_resets(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_message m[10];
	struct kg_consumer *c = open_and_take(f, m);
	char text[4097];
	unsigned n = 0;
	int r;

	memset(text, 'a', 4096);
	text[4096] = 0;
	do
		r = kg_consumer_reset(c, &m[2], text);
	while (!r && ++n < 10000);
	assert_int_equal(r, KG_ERR_OVERFLOW);
	assert_non_null(strstr(kg_consumer_error(c)->text, "nothing was reset"));
	for (; n; n--)
		fake_expect(f, KGP_T_reset, NULL), kg_consumer_process(c);
	assert_int_equal(kg_consumer_reset(c, &m[2], NULL), 0);
	assert_int_equal(kg_consumer_process(c), 0);
	expect_entry(f, KGP_T_reset, 1, 7, 102, NULL);
	kg_consumer_free(c);
}

static void test_a_daemon_without_resets_is_too_old(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_message m[10];
	struct kg_consumer *c;
	int verdict;

	f->lacks = 1u << KGP_FEATURE_reset;
	c = open_and_take(f, m);
	kg_consumer_mark(c, &m[3], NULL);
	assert_int_equal(kg_consumer_reset(c, &m[2], NULL), KG_ERR_UNSUPPORTED);
	assert_int_equal(kg_consumer_reset_offset(c, "t", 0, 0, NULL, &verdict),
			 KG_ERR_UNSUPPORTED);
	assert_int_equal(kg_consumer_process(c), 0);
	expect_entry(f, KGP_T_mark, 1, 7, 103, NULL);
	assert_true(fake_is_silent(f));
	kg_consumer_free(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_marks_before_and_after_keep_their_place),
		TEST(test_by_offset),
		TEST(test_arguments_that_cannot_be),
		TEST(test_a_verdict_is_the_daemons),
		TEST(test_a_verdict_that_breaks),
		TEST(test_a_reset_of_an_ended_epoch_is_stale_and_silent),
		TEST(test_done_follows_a_release_after_a_reset),
		TEST(test_a_reset_does_not_make_what_is_in_hand_done),
		TEST(test_the_mark_that_is_kept_does_not_undo_a_reset),
		TEST(test_a_mark_after_the_reset_is_kept_again),
		TEST(test_a_reset_above_the_mark_changes_nothing),
		TEST(test_a_reset_without_a_connection_is_refused),
		TEST(test_a_commit_tells_once_that_a_reset_may_be_lost),
		TEST(test_so_does_close),
		TEST(test_a_daemon_that_does_not_read_bounds_resets),
		TEST(test_a_daemon_without_resets_is_too_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
