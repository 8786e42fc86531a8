/* SPDX-License-Identifier: MIT */
/* Marks and commits: what the daemon hears of them, when, and what it answers. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/test_client_fake.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

static struct fake *fake_of(void **state)
{
	return *state;
}

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

/* One MARK of n entries; out gets them. */
static uint64_t expect_mark(struct fake *f, struct kgp_entry *out, unsigned n)
{
	union kgp_body b = {0};
	struct kgp_list l;

	fake_expect(f, KGP_T_mark, &b);
	l = b.mark.entries;
	assert_int_equal(l.n, n);
	while (kgp_next_entry(&l, out))
		out++;
	return b.mark.request;
}

static void expect_one(struct fake *f, unsigned claim, uint64_t epoch, int64_t offset,
		       const char *metadata)
{
	struct kgp_entry e;

	assert_int_equal(expect_mark(f, &e, 1), 0);
	assert_int_equal(e.claim, claim);
	assert_int_equal(e.epoch, epoch);
	assert_int_equal(e.offset, offset);
	assert_true(kgp_bytes_equal(e.metadata, kgp_text(metadata)));
}

static void next(struct kg_consumer *c, struct kg_message *m)
{
	assert_int_equal(kg_consumer_next(c, m), 1);
}

/* ---- by message ------------------------------------------------------------------------------ */

static void test_marks_of_a_claim_become_one(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	const struct kg_claim *claims;
	struct kgp_entry e[2];
	struct kg_message m[15]; /* copies can be marked */
	int i;

	for (i = 0; i < 15; i++)
		next(c, &m[i]);
	for (i = 0; i < 15; i++)
		assert_int_equal(kg_consumer_mark(c, &m[i], NULL), 0);
	assert_true(fake_is_silent(f));
	assert_int_equal(kg_consumer_process(c), 0);
	assert_int_equal(expect_mark(f, e, 2), 0);
	assert_true(e[0].claim == 1 && e[0].offset == 109 && e[0].epoch == 7);
	assert_true(e[1].claim == 2 && e[1].offset == 104 && e[1].epoch == 8);
	assert_int_equal(kg_consumer_assignment(c, &claims), 2);
	assert_int_equal(claims[1].marked, 104);
	kg_consumer_process(c);
	assert_true(fake_is_silent(f));
	kg_consumer_free(c);
}

static void test_marks_leave_when_nothing_is_left_to_hand_out(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kg_message m;
	int i;

	for (i = 0; i < 20; i++)
		next(c, &m);
	kg_consumer_mark(c, &m, NULL);
	assert_int_equal(kg_consumer_next(c, &m), 0);
	expect_one(f, 2, 8, 109, NULL);
	fake_expect(f, KGP_T_credit, NULL);
	kg_consumer_free(c);
}

static void test_the_marks_of_a_slow_handler_are_sent_all_the_same(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kg_message m;

	next(c, &m);
	kg_consumer_mark(c, &m, NULL);
	poll(NULL, 0, 30); /* the handler */
	next(c, &m);
	expect_one(f, 1, 7, 100, NULL);
	fake_put_release(f, 1);
	fake_send(f);
	poll(NULL, 0, 30);
	next(c, &m);
	assert_int_equal(m.partition, 1); /* it has heard of the release */
	kg_consumer_free(c);
}

static void test_lower_marks_change_nothing_but_metadata_goes_with_the_highest(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kg_message m[3];
	int i;

	for (i = 0; i < 3; i++)
		next(c, &m[i]);
	kg_consumer_mark(c, &m[2], "two");
	kg_consumer_mark(c, &m[1], "one");
	kg_consumer_process(c);
	expect_one(f, 1, 7, 102, "two");
	kg_consumer_mark(c, &m[0], NULL);
	kg_consumer_mark(c, &m[2], "again");
	kg_consumer_process(c);
	assert_true(fake_is_silent(f));
	next(c, &m[0]);
	kg_consumer_mark(c, &m[0], NULL);
	kg_consumer_process(c);
	expect_one(f, 1, 7, 103, NULL);
	kg_consumer_free(c);
}

static void test_arguments_of_a_mark(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	char *large = malloc(40000);
	struct kg_message m;

	memset(large, 'x', 39999);
	large[39999] = 0;
	next(c, &m);
	assert_int_equal(kg_consumer_mark(NULL, &m, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_mark(c, NULL, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_mark(c, &m, "\xff"), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_mark(c, &m, large), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_mark_offset(c, NULL, 0, 1, NULL, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_mark_offset(c, "t", 0, -1, NULL, NULL), KG_ERR_ARGUMENT);
	free(large);
	kg_consumer_free(c);
}

/* The fake takes no frame above 1 MiB. */
static void take_two_hundred_marks(struct fake *f)
{
	union kgp_body b = {0};
	unsigned n = 0;

	while (n < 200 && !f->failure[0]) {
		fake_expect(f, KGP_T_mark, &b);
		n += b.mark.entries.n;
	}
}

static void test_large_metadata_of_many_claims_is_split_below_the_limit(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = fake_open(f);
	char *metadata = malloc(32001);
	struct pollfd p = {kg_consumer_get_fd(c), POLLIN, 0};
	int i;

	memset(metadata, 'x', 32000);
	metadata[32000] = 0;
	for (i = 0; i < 200; i++)
		fake_put_assign(f, (unsigned)i + 1, "many", (unsigned)i, 1, 0, -1);
	fake_send(f);
	kg_consumer_process(c);
	for (i = 0; i < 200; i++)
		assert_int_equal(
			kg_consumer_mark_offset(c, "many", i, 5, i < 40 ? metadata : NULL, NULL),
			0);
	fake_start(f, take_two_hundred_marks);
	do
		assert_int_equal(kg_consumer_process(c), 0);
	while (poll(&p, 1, kg_consumer_get_timeout_ms(c) ? 100 : 0) ||
	       !kg_consumer_get_timeout_ms(c));
	fake_join(f);
	free(metadata);
	kg_consumer_free(c);
}

/* ---- by offset ------------------------------------------------------------------------------- */

static void test_a_mark_beyond_what_was_handed_out_hides_no_other(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kgp_entry e[2];
	struct kg_message m;

	next(c, &m);
	assert_int_equal(kg_consumer_mark_offset(c, "t", 0, 1LL << 40, NULL, NULL), 0);
	assert_int_equal(kg_consumer_mark(c, &m, NULL), 0);
	kg_consumer_process(c);
	expect_mark(f, e, 2);
	assert_true(e[0].offset == 100 && e[1].offset == 1LL << 40);
	assert_int_equal(kg_consumer_mark_offset(c, "t", 0, 300, NULL, NULL), 0);
	assert_int_equal(kg_consumer_mark_offset(c, "t", 0, 200, NULL, NULL), 0);
	kg_consumer_process(c);
	expect_one(f, 1, 7, 300, NULL);
	expect_one(f, 1, 7, 200, NULL);
	next(c, &m);
	kg_consumer_mark(c, &m, NULL);
	kg_consumer_process(c);
	expect_one(f, 1, 7, 101, NULL);
	kg_consumer_free(c);
}

static void test_a_mark_beyond_is_overtaken(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	const struct kg_claim *claims;
	struct kg_message m;

	kg_consumer_mark_offset(c, "t", 0, 101, "far", NULL);
	kg_consumer_process(c);
	expect_one(f, 1, 7, 101, "far");
	next(c, &m);
	next(c, &m);
	next(c, &m);
	kg_consumer_mark(c, &m, NULL);
	kg_consumer_process(c);
	expect_one(f, 1, 7, 102, NULL);
	kg_consumer_assignment(c, &claims);
	assert_int_equal(claims[0].marked, 102);
	kg_consumer_free(c);
}

static void test_what_nobody_holds(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	int verdict = -1;

	assert_int_equal(kg_consumer_mark_offset(c, "other", 0, 5, NULL, NULL), 0);
	assert_int_equal(kg_consumer_mark_offset(c, "other", 0, 5, NULL, &verdict), 0);
	assert_int_equal(verdict, KG_NOT_OWNED);
	assert_int_equal(kg_consumer_mark_offset(c, "t", 2, 5, NULL, &verdict), 0);
	assert_int_equal(verdict, KG_NOT_OWNED);
	assert_int_equal(kg_consumer_mark_offset(c, "t", 1, -5, NULL, &verdict), 0);
	assert_int_equal(verdict, KG_OUT_OF_RANGE);
	assert_int_equal(kg_consumer_mark_offset(c, "t", 1, INT64_MAX, NULL, &verdict), 0);
	assert_int_equal(verdict, KG_OUT_OF_RANGE);
	kg_consumer_process(c);
	assert_true(fake_is_silent(f));
	kg_consumer_free(c);
}

/* ---- verdicts -------------------------------------------------------------------------------- */

static void answer_marks(struct fake *f)
{
	static const uint64_t verdicts[] = {KGP_VERDICT_ACCEPTED, KGP_VERDICT_OUT_OF_RANGE,
					    KGP_VERDICT_STALE};
	struct kgp_number verdict;
	struct kgp_marked m = {.verdicts = {.items = &verdict, .n = 1}};
	union kgp_body b = {0};
	unsigned i;

	fake_expect(f, KGP_T_mark, NULL); /* what was marked before goes first */
	for (i = 0; i < 3; i++) {
		fake_expect(f, KGP_T_mark, &b);
		m.request = b.mark.request;
		verdict.value = verdicts[i];
		fake_put_reply(f, 4711, 0, NULL); /* an answer that nobody waits for */
		fake_put(f, KGP_T_marked, &m);
		fake_send(f);
	}
}

static void test_a_verdict_is_the_daemons(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	const struct kg_claim *claims;
	struct kg_message m;
	int verdict = -1;

	next(c, &m);
	kg_consumer_mark(c, &m, NULL);
	fake_start(f, answer_marks);
	assert_int_equal(kg_consumer_mark_offset(c, "t", 0, 105, "x", &verdict), 0);
	assert_int_equal(verdict, KG_ACCEPTED);
	assert_int_equal(kg_consumer_mark_offset(c, "t", 0, 10500, NULL, &verdict), 0);
	assert_int_equal(verdict, KG_OUT_OF_RANGE);
	assert_int_equal(kg_consumer_mark_offset(c, "t", 1, 1, NULL, &verdict), 0);
	assert_int_equal(verdict, KG_STALE);
	fake_join(f);
	kg_consumer_assignment(c, &claims);
	assert_int_equal(claims[0].marked, 105);
	assert_int_equal(claims[1].marked, -1);
	assert_int_equal(kg_consumer_get_timeout_ms(c), 0); /* messages came before the answer */
	kg_consumer_free(c);
}

static void test_a_verdict_that_does_not_come(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c;
	int verdict = -1;

	fake_start(f, fake_greet);
	assert_int_equal(fake_try_open(f, &c, NULL, "request.timeout", "20ms", NULL), 0);
	fake_join(f);
	fake_put_assign(f, 1, "t", 0, 7, 100, -1);
	fake_send(f);
	kg_consumer_process(c);
	assert_int_equal(kg_consumer_mark_offset(c, "t", 0, 105, NULL, &verdict), KG_ERR_TIMEOUT);
	assert_int_equal(verdict, -1);
	kg_consumer_free(c);
}

static void accept_mark(struct fake *f)
{
	const struct kgp_number accepted = {KGP_VERDICT_ACCEPTED};
	struct kgp_marked m = {.verdicts = {.items = &accepted, .n = 1}};
	union kgp_body b = {0};

	fake_expect(f, KGP_T_mark, &b);
	m.request = b.mark.request;
	fake_put(f, KGP_T_marked, &m);
	fake_send(f);
}

static void test_an_accepted_mark_of_all_that_was_handed_out_is_the_end_of_a_release(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kg_message m;
	int verdict = -1;

	next(c, &m);
	fake_put_release(f, 1);
	fake_send(f);
	kg_consumer_process(c);
	fake_start(f, accept_mark);
	assert_int_equal(kg_consumer_mark_offset(c, "t", 0, 100, "m", &verdict), 0);
	fake_join(f);
	assert_int_equal(kg_consumer_get_timeout_ms(c), 0);
	kg_consumer_process(c);
	fake_expect(f, KGP_T_done, NULL);
	kg_consumer_free(c);
}

/* ---- commits --------------------------------------------------------------------------------- */

static void answer_commits(struct fake *f)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_mark, NULL);
	fake_expect(f, KGP_T_commit, &b);
	fake_put_reply(f, b.commit.request, 0, NULL);
	fake_put_state(f, "leaving");
	fake_put_messages(f, 1, 7, 110, 1, 8);
	fake_send(f);
	fake_expect(f, KGP_T_commit, &b);
	fake_put_reply(f, b.commit.request, KGP_E_COMMIT, "REBALANCE_IN_PROGRESS");
	fake_send(f);
}

static void test_a_commit_covers_the_marks_before_it(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kg_message m;

	next(c, &m);
	kg_consumer_mark(c, &m, NULL);
	fake_start(f, answer_commits);
	assert_int_equal(kg_consumer_commit(c, -1), 0);
	assert_int_equal(kg_consumer_state(c, NULL), KG_STATE_LEAVING);
	assert_int_equal(kg_consumer_get_timeout_ms(c), 0);
	assert_int_equal(kg_consumer_commit(c, 5000), KG_ERR_COMMIT);
	assert_string_equal(kg_consumer_error(c)->text, "REBALANCE_IN_PROGRESS");
	fake_join(f);
	kg_consumer_free(c);
}

static void test_an_event_that_came_with_an_answer_does_not_sleep(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = fake_open(f);
	struct kg_event e;

	while (kg_consumer_next_event(c, &e))
		;
	fake_put_state(f, "joining");
	fake_send(f);
	assert_int_equal(kg_consumer_commit(c, 0), KG_ERR_TIMEOUT);
	assert_int_equal(kg_consumer_get_timeout_ms(c), 0);
	kg_consumer_process(c);
	assert_int_equal(kg_consumer_get_timeout_ms(c),
			 -1); /* not reading it must not spin either */
	assert_int_equal(kg_consumer_next_event(c, &e), 1);
	assert_int_equal(e.type, KG_EVENT_STATE);
	kg_consumer_free(c);
}

static void expect_committed(struct kg_consumer *c, uint32_t request, int code)
{
	struct kg_event e;

	do
		assert_int_equal(kg_consumer_next_event(c, &e), 1);
	while (e.type != KG_EVENT_COMMITTED);
	assert_int_equal(e.request, request);
	assert_int_equal(e.error.code, code);
}

static void test_a_commit_without_waiting_ends_as_an_event(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = fake_open(f);
	union kgp_body b = {0};
	uint32_t first, second;

	assert_int_equal(kg_consumer_commit_start(c, &first), 0);
	assert_int_equal(kg_consumer_commit_start(c, &second), 0);
	fake_expect(f, KGP_T_commit, &b);
	assert_int_equal(b.commit.request, first);
	fake_expect(f, KGP_T_commit, &b);
	assert_int_equal(b.commit.request, second);
	assert_true(kg_consumer_get_timeout_ms(c) <= 30000);
	fake_put_reply(f, second, KGP_E_COMMIT, "no");
	fake_put_reply(f, first, 0, NULL);
	fake_send(f);
	kg_consumer_process(c);
	expect_committed(c, second, KG_ERR_COMMIT);
	expect_committed(c, first, 0);
	assert_int_equal(kg_consumer_next_event(c, &(struct kg_event){0}), 0);
	kg_consumer_free(c);
}

static void test_commits_without_an_answer(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c;
	uint32_t request;
	int i;

	fake_start(f, fake_greet);
	assert_int_equal(fake_try_open(f, &c, NULL, "request.timeout", "1ms", NULL), 0);
	fake_join(f);
	assert_int_equal(kg_consumer_commit(c, -1), KG_ERR_TIMEOUT);
	assert_int_equal(kg_consumer_commit_start(c, &request), 0);
	do
		kg_consumer_process(c);
	while (kg_consumer_get_timeout_ms(c) > 0);
	kg_consumer_process(c);
	expect_committed(c, request, KG_ERR_TIMEOUT);
	for (i = 0; i < 256; i++)
		assert_int_equal(kg_consumer_commit_start(c, NULL), 0);
	assert_int_equal(kg_consumer_commit_start(c, NULL), KG_ERR_OVERFLOW);
	kg_consumer_free(c);
}

/* ---- closing --------------------------------------------------------------------------------- */

static void answer_close(struct fake *f)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_mark, NULL);
	fake_expect(f, KGP_T_close, &b);
	fake_put_reply(f, b.close.request, 0, NULL);
	fake_send(f);
	fake_expect_eof(f);
}

static void test_close_says_the_marks_and_may_be_called_twice(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kg_message m;
	const struct kg_claim *claims;

	next(c, &m);
	kg_consumer_mark(c, &m, NULL);
	fake_start(f, answer_close);
	assert_int_equal(kg_consumer_close(c), 0);
	fake_join(f);
	assert_int_equal(*(const char *)m.value, 100); /* until it is freed */
	assert_int_equal(kg_consumer_close(c), 0);
	assert_int_equal(kg_consumer_state(c, NULL), KG_STATE_CLOSED);
	assert_int_equal(kg_consumer_next(c, &m), KG_ERR_CLOSED);
	assert_int_equal(kg_consumer_receive(c, &m, -1), KG_ERR_CLOSED);
	assert_int_equal(kg_consumer_process(c), KG_ERR_CLOSED);
	assert_int_equal(kg_consumer_mark(c, &m, NULL), KG_ERR_CLOSED);
	assert_int_equal(kg_consumer_commit(c, -1), KG_ERR_CLOSED);
	assert_int_equal(kg_consumer_pause(c, NULL, 0), KG_ERR_CLOSED);
	assert_int_equal(kg_consumer_assignment(c, &claims), 0);
	assert_null(claims);
	assert_null(kg_consumer_free(c));
	assert_null(kg_consumer_free(NULL));
}

static void close_with_a_release_on_the_way(struct fake *f)
{
	union kgp_body b = {0};

	fake_put_release(f, 1); /* it has not seen CLOSE yet */
	fake_send(f);
	fake_expect(f, KGP_T_close, &b);
	fake_put_release(f, 2);
	fake_put_released(f, 1);
	fake_put_released(f, 2);
	fake_put_reply(f, b.close.request, 0, NULL);
	fake_send(f);
	fake_expect_eof(f);
}

static void test_nothing_is_said_behind_close(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);

	fake_start(f, close_with_a_release_on_the_way);
	assert_int_equal(kg_consumer_close(c), 0);
	fake_join(f);
	kg_consumer_free(c);
}

static void read_late(struct fake *f)
{
	const struct kgp_info *info;
	union kgp_body b = {0};
	struct pollfd p = {f->fd, POLLIN, 0};
	unsigned n_entries = 0;

	poll(&p, 1, 5000); /* it fills up from here on */
	while (fake_next(f, &info, &b) && info->type == KGP_T_mark)
		n_entries += b.mark.entries.n;
	if (n_entries != 300 || info->type != KGP_T_commit)
		snprintf(f->failure, sizeof(f->failure), "%u marks before the commit", n_entries);
	fake_put_reply(f, b.commit.request, 0, NULL);
	fake_send(f);
}

static void test_a_commit_waits_behind_more_marks_than_the_socket_takes(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = fake_open(f);
	char *metadata = malloc(30001);
	int i;

	memset(metadata, 'x', 30000);
	metadata[30000] = 0;
	for (i = 0; i < 300; i++)
		fake_put_assign(f, (unsigned)i + 1, "many", (unsigned)i, 1, 0, -1);
	fake_send(f);
	kg_consumer_process(c);
	for (i = 0; i < 300; i++)
		assert_int_equal(kg_consumer_mark_offset(c, "many", i, 5, metadata, NULL), 0);
	fake_start(f, read_late);
	assert_int_equal(kg_consumer_commit(c, -1), 0);
	fake_join(f);
	free(metadata);
	kg_consumer_free(c);
}

static void refuse_close(struct fake *f)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_mark, NULL);
	fake_expect(f, KGP_T_close, &b);
	fake_put_reply(f, b.close.request, KGP_E_COMMIT, "UNKNOWN_MEMBER_ID");
	fake_send(f);
}

static void test_close_says_when_the_last_commit_failed(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kg_message m;

	next(c, &m);
	kg_consumer_mark(c, &m, NULL);
	fake_start(f, refuse_close);
	assert_int_equal(kg_consumer_close(c), KG_ERR_COMMIT);
	assert_string_equal(kg_consumer_error(c)->text, "UNKNOWN_MEMBER_ID");
	fake_join(f);
	assert_int_equal(kg_consumer_close(c), 0);
	kg_consumer_free(c);
}

static void test_free_without_close_sends_the_marks(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kg_message m;

	next(c, &m);
	kg_consumer_mark(c, &m, NULL);
	kg_consumer_free(c);
	expect_one(f, 1, 7, 100, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_marks_of_a_claim_become_one),
		TEST(test_marks_leave_when_nothing_is_left_to_hand_out),
		TEST(test_the_marks_of_a_slow_handler_are_sent_all_the_same),
		TEST(test_lower_marks_change_nothing_but_metadata_goes_with_the_highest),
		TEST(test_arguments_of_a_mark),
		TEST(test_large_metadata_of_many_claims_is_split_below_the_limit),
		TEST(test_a_mark_beyond_what_was_handed_out_hides_no_other),
		TEST(test_a_mark_beyond_is_overtaken),
		TEST(test_what_nobody_holds),
		TEST(test_a_verdict_is_the_daemons),
		TEST(test_a_verdict_that_does_not_come),
		TEST(test_an_accepted_mark_of_all_that_was_handed_out_is_the_end_of_a_release),
		TEST(test_a_commit_covers_the_marks_before_it),
		TEST(test_an_event_that_came_with_an_answer_does_not_sleep),
		TEST(test_a_commit_without_waiting_ends_as_an_event),
		TEST(test_commits_without_an_answer),
		TEST(test_close_says_the_marks_and_may_be_called_twice),
		TEST(test_nothing_is_said_behind_close),
		TEST(test_a_commit_waits_behind_more_marks_than_the_socket_takes),
		TEST(test_close_says_when_the_last_commit_failed),
		TEST(test_free_without_close_sends_the_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
