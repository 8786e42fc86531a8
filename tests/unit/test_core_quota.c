/* SPDX-License-Identifier: MIT */
/* What each uid may hold: charges, limits, and the random walk that never loses count. */
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
	};

	return cmocka_run_group_tests_name("core quota", tests, NULL, NULL);
}
