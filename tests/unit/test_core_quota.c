/* SPDX-License-Identifier: MIT */
/* What each uid may hold and ask for: charges, limits, the random walk that never loses count, and
 * the rate of requests. */
#include "daemon/core/quota.h"

#include "tests/unit/cmocka_all.h"
#include "tests/unit/test_core_random.h"

#include <errno.h>

enum { ALICE = 1000, BOB = 1001, CAROL = 1002 };

/* 3 connections, 2 a user; 100 bytes, 60 a user. */
static int setup(void **state)
{
	static struct quota q;

	quota_init(&q);
	q.limit[QUOTA_CONNECTIONS] = 3;
	q.limit_per_user[QUOTA_CONNECTIONS] = 2;
	q.limit[QUOTA_BYTES] = 100;
	q.limit_per_user[QUOTA_BYTES] = 60;
	*state = &q;
	return 0;
}

static int teardown(void **state)
{
	quota_deinit(*state);
	return 0;
}

static void a_user_gets_as_many_connections_as_a_user_may(void **state)
{
	struct quota *q = *state;
	struct quota_charge c[3] = {{0}};

	assert_int_equal(quota_charge(&c[0], q, ALICE, QUOTA_CONNECTIONS, 1), 0);
	assert_int_equal(quota_charge(&c[1], q, ALICE, QUOTA_CONNECTIONS, 1), 0);
	assert_int_equal(quota_charge(&c[2], q, ALICE, QUOTA_CONNECTIONS, 1), -EDQUOT);
	assert_int_equal(q->used[QUOTA_CONNECTIONS], 2);
	quota_release(&c[0]);
	assert_int_equal(quota_charge(&c[2], q, ALICE, QUOTA_CONNECTIONS, 1), 0);
	quota_release(&c[1]);
	quota_release(&c[2]);
	assert_int_equal(q->used[QUOTA_CONNECTIONS], 0);
}

static void a_limit_may_be_used_up_at_once(void **state)
{
	struct quota *q = *state;
	struct quota_charge c[2] = {{0}};

	q->limit[QUOTA_CONNECTIONS] = q->limit_per_user[QUOTA_CONNECTIONS] = 1;
	assert_int_equal(quota_charge(&c[0], q, ALICE, QUOTA_CONNECTIONS, 1), 0);
	assert_int_equal(quota_charge(&c[1], q, BOB, QUOTA_CONNECTIONS, 1), -EDQUOT);
	quota_release(&c[0]);
}

static void all_users_together_get_as_many_connections_as_the_daemon_has(void **state)
{
	struct quota *q = *state;
	struct quota_charge c[4] = {{0}};

	assert_int_equal(quota_charge(&c[0], q, ALICE, QUOTA_CONNECTIONS, 1), 0);
	assert_int_equal(quota_charge(&c[1], q, ALICE, QUOTA_CONNECTIONS, 1), 0);
	assert_int_equal(quota_charge(&c[2], q, BOB, QUOTA_CONNECTIONS, 1), 0);
	assert_int_equal(quota_charge(&c[3], q, CAROL, QUOTA_CONNECTIONS, 1), -EDQUOT);
	quota_release(&c[0]);
	assert_int_equal(quota_charge(&c[3], q, CAROL, QUOTA_CONNECTIONS, 1), 0);
	quota_release(&c[1]);
	quota_release(&c[2]);
	quota_release(&c[3]);
}

static void bytes_are_limited_for_a_user_and_in_all(void **state)
{
	struct quota *q = *state;
	struct quota_charge c[4] = {{0}};

	assert_int_equal(quota_charge(&c[0], q, ALICE, QUOTA_BYTES, 40), 0);
	assert_int_equal(quota_charge(&c[1], q, ALICE, QUOTA_BYTES, 21), -EDQUOT);
	assert_int_equal(quota_charge(&c[1], q, ALICE, QUOTA_BYTES, 20), 0);
	assert_int_equal(quota_charge(&c[2], q, BOB, QUOTA_BYTES, 30), 0);
	assert_int_equal(quota_charge(&c[3], q, BOB, QUOTA_BYTES, 11), -EDQUOT);
	assert_int_equal(quota_charge(&c[3], q, BOB, QUOTA_BYTES, 10), 0);
	assert_int_equal(q->used[QUOTA_BYTES], 100);
	quota_release(&c[0]);
	quota_release(&c[1]);
	quota_release(&c[2]);
	quota_release(&c[3]);
}

/* Else one message above the share could never be sent to anybody. */
static void one_charge_of_bytes_always_fits_who_holds_none(void **state)
{
	struct quota *q = *state;
	struct quota_charge connection = {0}, c[3] = {{0}};

	assert_int_equal(quota_charge(&connection, q, ALICE, QUOTA_CONNECTIONS, 1), 0);
	assert_int_equal(quota_charge(&c[0], q, ALICE, QUOTA_BYTES, 5000), 0);
	assert_int_equal(quota_charge(&c[1], q, ALICE, QUOTA_BYTES, 1), -EDQUOT);
	assert_int_equal(quota_charge(&c[1], q, BOB, QUOTA_BYTES, 5000), 0);
	assert_int_equal(quota_charge(&c[2], q, BOB, QUOTA_BYTES, 1), -EDQUOT);
	quota_release(&c[0]);
	quota_release(&c[1]);
	quota_release(&connection);
}

static void no_amount_overflows_the_comparison(void **state)
{
	struct quota *q = *state;
	struct quota_charge c[2] = {{0}};

	q->limit[QUOTA_BYTES] = q->limit_per_user[QUOTA_BYTES] = UINT64_MAX;
	assert_int_equal(quota_charge(&c[0], q, ALICE, QUOTA_BYTES, 1), 0);
	assert_int_equal(quota_charge(&c[1], q, ALICE, QUOTA_BYTES, UINT64_MAX), -EDQUOT);
	assert_int_equal(quota_charge(&c[1], q, ALICE, QUOTA_BYTES, UINT64_MAX - 1), 0);
	quota_release(&c[0]);
	quota_release(&c[1]);
	q->limit[QUOTA_BYTES] = 10;
	assert_int_equal(quota_charge(&c[0], q, ALICE, QUOTA_BYTES, 1), 0);
	assert_int_equal(quota_charge(&c[1], q, ALICE, QUOTA_BYTES, UINT64_MAX), -EDQUOT);
	q->limit[QUOTA_BYTES] = UINT64_MAX;
	q->limit_per_user[QUOTA_BYTES] = 10;
	assert_int_equal(quota_charge(&c[1], q, ALICE, QUOTA_BYTES, 11), -EDQUOT);
	quota_release(&c[0]);
}

static void a_user_who_is_refused_leaves_nothing_behind(void **state)
{
	struct quota *q = *state;
	struct quota_charge c = {0};

	q->limit[QUOTA_CONNECTIONS] = 0;
	assert_int_equal(quota_charge(&c, q, ALICE, QUOTA_CONNECTIONS, 1), -EDQUOT);
	assert_true(LIST_EMPTY(&q->users));
}

static void release_accepts_what_was_never_charged_or_was_released(void **state)
{
	struct quota *q = *state;
	struct quota_charge c = {0};

	quota_release(NULL);
	quota_release(&c);
	assert_int_equal(quota_charge(&c, q, ALICE, QUOTA_BYTES, 0), 0);
	quota_release(&c);
	quota_release(&c);
	assert_true(LIST_EMPTY(&q->users));
	quota_deinit(NULL);
}

static void users_and_sums_are_what_the_charges_say(void **state)
{
	enum { N = 40 };
	struct quota_charge c[N] = {{0}};
	struct quota *q = *state;
	uint64_t sum[QUOTA_N_KINDS];
	int step, i;

	random_seed(9);
	for (step = 0; step < 20000; step++) {
		i = random_below(N);
		if (c[i].user)
			quota_release(&c[i]);
		else
			quota_charge(&c[i], q, ALICE + (uid_t)random_below(5),
				     (enum quota_kind)random_below(QUOTA_N_KINDS),
				     (uint64_t)random_below(30));
		sum[QUOTA_CONNECTIONS] = sum[QUOTA_BYTES] = 0;
		for (i = 0; i < N; i++)
			if (c[i].user)
				sum[c[i].kind] += c[i].amount;
		assert_int_equal(q->used[QUOTA_CONNECTIONS], sum[QUOTA_CONNECTIONS]);
		assert_int_equal(q->used[QUOTA_BYTES], sum[QUOTA_BYTES]);
	}
	for (i = 0; i < N; i++)
		quota_release(&c[i]);
	assert_true(LIST_EMPTY(&q->users));
}

/* ---- what grows and shrinks ------------------------------------------------------------------ */

static void what_is_open_grows_and_shrinks_and_says_what_is_left(void **state)
{
	struct quota *q = *state;
	struct quota_charge a = {0}, b = {0}, c = {0};

	q->limit[QUOTA_IN_FLIGHT] = 10;
	q->limit_per_user[QUOTA_IN_FLIGHT] = 6;
	assert_int_equal(quota_open(&a, q, ALICE, QUOTA_IN_FLIGHT), 0);
	assert_int_equal(quota_open(&b, q, ALICE, QUOTA_IN_FLIGHT), 0);
	assert_int_equal(quota_open(&c, q, BOB, QUOTA_IN_FLIGHT), 0);
	assert_int_equal(quota_left(&a), 6);
	quota_resize(&a, 4);
	assert_int_equal(quota_left(&a), 2);
	assert_int_equal(quota_left(&b), 2);
	assert_int_equal(quota_left(&c), 6);
	assert_int_equal(quota_fits(&b, 2), 0);
	assert_int_equal(quota_fits(&b, 3), -EDQUOT);
	assert_int_equal(quota_fits(&a, 4), 0); /* it is there already */
	quota_resize(&c, 5);
	assert_int_equal(quota_left(&b), 1);
	quota_resize(&b, 7); /* it had to be */
	assert_int_equal(quota_left(&b), 0);
	assert_int_equal(quota_left(&c), 0);
	quota_resize(&b, 0);
	assert_int_equal(quota_left(&a), 1);
	assert_int_equal(q->used[QUOTA_IN_FLIGHT], 9);
	quota_release(&a);
	quota_release(&b);
	quota_release(&c);
	assert_int_equal(q->used[QUOTA_IN_FLIGHT], 0);
	assert_true(LIST_EMPTY(&q->users));
}

static void who_is_full_goes_on_when_an_eighth_is_free(void **state)
{
	struct quota *q = *state;
	struct quota_charge a = {0};

	q->limit[QUOTA_IN_FLIGHT] = UINT64_MAX;
	q->limit_per_user[QUOTA_IN_FLIGHT] = 80;
	assert_int_equal(quota_open(&a, q, ALICE, QUOTA_IN_FLIGHT), 0);
	assert_false(quota_has_room_again(&a)); /* nobody asked for it */
	quota_resize(&a, 80);
	quota_note_full(&a);
	quota_note_full(&a);
	assert_int_equal(a.user->n_full[QUOTA_IN_FLIGHT], 1);
	quota_resize(&a, 70);
	assert_false(quota_has_room_again(&a));
	quota_resize(&a, 69);
	assert_true(quota_has_room_again(&a));
	assert_false(quota_has_room_again(&a));
	quota_note_full(&a);
	assert_int_equal(a.user->n_full[QUOTA_IN_FLIGHT], 2);
	quota_release(&a);
}

static void half_frames_have_no_exception_for_the_first(void **state)
{
	struct quota *q = *state;
	struct quota_charge a = {0}, b = {0};

	q->limit[QUOTA_BUFFERS] = UINT64_MAX;
	q->limit_per_user[QUOTA_BUFFERS] = 60;
	assert_int_equal(quota_open(&a, q, ALICE, QUOTA_BUFFERS), 0);
	assert_int_equal(quota_open(&b, q, ALICE, QUOTA_BYTES), 0);
	assert_int_equal(quota_fits(&a, 61), -EDQUOT);
	assert_int_equal(quota_fits(&b, 5000), 0);
	quota_release(&a);
	quota_release(&b);
}

/* ---- requests -------------------------------------------------------------------------------- */

/* A user with one connection, 1000 requests a second: a burst is 10 of them. */
static struct quota_charge *connect(struct quota *q, uid_t uid)
{
	static struct quota_charge c;

	q->requests_per_s = 1000;
	assert_int_equal(quota_charge(&c, q, uid, QUOTA_CONNECTIONS, 1), 0);
	return &c;
}

static void who_asks_within_its_rate_never_waits(void **state)
{
	struct quota *q = *state;
	struct quota_charge *c = connect(q, ALICE);
	uint64_t now_us;

	for (now_us = 5000000; now_us < 15000000; now_us += 1000) {
		quota_ask(c, 1, now_us);
		assert_int_equal(quota_get_wait_us(c, now_us), 0);
	}
	assert_int_equal(c->user->n_requests, 10000);
	assert_int_equal(c->user->n_waits, 0);
	quota_release(c);
}

static void a_burst_is_free_and_one_more_waits_until_all_is_paid(void **state)
{
	struct quota *q = *state;
	struct quota_charge *c = connect(q, ALICE);

	quota_ask(c, 10, 5000000);
	assert_int_equal(quota_get_wait_us(c, 5000000), 0);
	quota_ask(c, 1, 5000000);
	assert_int_equal(quota_get_wait_us(c, 5000000), 11001);
	quota_ask(c, 1, 5000000); /* of another connection, in the same round: the same wait */
	assert_int_equal(c->user->n_waits, 1);
	assert_int_equal(quota_get_wait_us(c, 5011999), 2);
	assert_int_equal(quota_get_wait_us(c, 5012000), 0);
	quota_ask(c, 10, 5012000);
	assert_int_equal(quota_get_wait_us(c, 5012000), 0);
	quota_release(c);
}

static void the_others_do_not_wait_for_who_asks_too_much(void **state)
{
	struct quota *q = *state;
	struct quota_charge *c = connect(q, ALICE), bob = {0};

	assert_int_equal(quota_charge(&bob, q, BOB, QUOTA_CONNECTIONS, 1), 0);
	quota_ask(c, 1000, 5000000);
	quota_ask(&bob, 1, 5000000);
	assert_true(quota_get_wait_us(c, 5000000) > 0);
	assert_int_equal(quota_get_wait_us(&bob, 5000000), 0);
	quota_release(&bob);
	quota_release(c);
}

static void nobody_waits_longer_than_the_most(void **state)
{
	struct quota *q = *state;
	struct quota_charge *c = connect(q, ALICE);

	quota_ask(c, 1000000000, 5000000);
	assert_int_equal(quota_get_wait_us(c, 5000000), QUOTA_DEBT_US + 1);
	assert_int_equal(quota_get_wait_us(c, 5000000 + QUOTA_DEBT_US), 0);
	quota_release(c);
}

static void a_debt_outlives_the_connection_and_not_the_tick_after_it_is_paid(void **state)
{
	struct quota *q = *state;
	struct quota_charge *c = connect(q, ALICE);

	quota_ask(c, 100, 5000000);
	quota_release(c);
	quota_tick(q, 5050000);
	c = connect(q, ALICE);
	assert_int_equal(quota_get_wait_us(c, 5050000), 50001);
	quota_tick(q, 5100000);
	assert_int_equal(c->user->paid_ns, 0);
	assert_int_equal(quota_get_wait_us(c, 5100000), 0);
	quota_release(c);
	assert_true(LIST_EMPTY(&q->users));
	c = connect(q, BOB);
	quota_ask(c, 100, 5000000);
	quota_release(c);
	c = connect(q, ALICE); /* a user without debts beside one with */
	quota_tick(q, 5050000);
	assert_non_null(c->user);
	quota_release(c);
	assert_false(LIST_EMPTY(&q->users)); /* until the end of everything */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_user_gets_as_many_connections_as_a_user_may),
		TEST(a_limit_may_be_used_up_at_once),
		TEST(all_users_together_get_as_many_connections_as_the_daemon_has),
		TEST(bytes_are_limited_for_a_user_and_in_all),
		TEST(one_charge_of_bytes_always_fits_who_holds_none),
		TEST(no_amount_overflows_the_comparison),
		TEST(a_user_who_is_refused_leaves_nothing_behind),
		TEST(release_accepts_what_was_never_charged_or_was_released),
		TEST(users_and_sums_are_what_the_charges_say),
		TEST(what_is_open_grows_and_shrinks_and_says_what_is_left),
		TEST(who_is_full_goes_on_when_an_eighth_is_free),
		TEST(half_frames_have_no_exception_for_the_first),
		TEST(who_asks_within_its_rate_never_waits),
		TEST(a_burst_is_free_and_one_more_waits_until_all_is_paid),
		TEST(the_others_do_not_wait_for_who_asks_too_much),
		TEST(nobody_waits_longer_than_the_most),
		TEST(a_debt_outlives_the_connection_and_not_the_tick_after_it_is_paid),
	};

	return cmocka_run_group_tests_name("core quota", tests, NULL, NULL);
}
