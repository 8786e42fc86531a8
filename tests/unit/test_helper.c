/* SPDX-License-Identifier: MIT */
/*
 * Who waits for whom in the helper's threads. The questions themselves are the test's: one on a
 * handle that stands still returns only when the handle goes on.
 */
#include "daemon/helper.h"

#include "daemon/log.h"
#include "tests/unit/cmocka_all.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

enum { MANY = 40, WAIT_S = 20 };

struct kafka {
	bool still; /* its answers do not come */
	bool freed;
	unsigned n_asked, n_inside;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static struct event_base *base;
static struct helper *h;
static struct kafka ks[MANY];
static int owners[MANY];
static unsigned n_done[MANY];
static char order[MANY + 1]; /* of the answers: 'a' for owner 0 */
static size_t n_order;

/* ---- what is asked --------------------------------------------------------------------------- */

static int ask(struct kafka *k)
{
	pthread_mutex_lock(&lock);
	assert_false(k->freed);
	k->n_asked++;
	k->n_inside++;
	pthread_cond_broadcast(&change);
	while (k->still)
		pthread_cond_wait(&change, &lock);
	k->n_inside--;
	pthread_mutex_unlock(&lock);
	return 0;
}

int kafka_query(struct kafka *k, struct kafka_tp *list, size_t n, unsigned what, int timeout_ms)
{
	list[0].end = 42;
	return ask(k);
}

int kafka_query_committed(struct kafka *k, struct kafka_tp *list, size_t n, int timeout_ms)
{
	list[0].metadata = kgp_bytes(strdup("x"), 1);
	return ask(k);
}

int kafka_query_topics(struct kafka *k, struct kafka_tp **list, size_t *n, int timeout_ms)
{
	return ask(k);
}

int kafka_query_partitions(struct kafka *k, const char *topic, struct kafka_tp **list, size_t *n,
			   int timeout_ms)
{
	return ask(k);
}

void kafka_free_blocking(struct kafka *k, bool closed)
{
	pthread_mutex_lock(&lock);
	assert_int_equal(k->n_inside, 0);
	k->freed = true;
	pthread_mutex_unlock(&lock);
}

void log_write(int level, const struct log_about *about, const char *format, ...)
{
}

static void set_still(struct kafka *k, bool still)
{
	pthread_mutex_lock(&lock);
	k->still = still;
	pthread_cond_broadcast(&change);
	pthread_mutex_unlock(&lock);
}

static void wait_until_asked(struct kafka *k, unsigned n)
{
	pthread_mutex_lock(&lock);
	while (k->n_asked < n)
		pthread_cond_wait(&change, &lock);
	pthread_mutex_unlock(&lock);
}

/* ---- who asks -------------------------------------------------------------------------------- */

static void on_done(void *owner, int r, const struct kafka_tp *list, size_t n)
{
	size_t i = (size_t)((int *)owner - owners);

	assert_int_equal(r, 0);
	n_done[i]++;
	if (n_order < MANY)
		order[n_order++] = (char)('a' + i);
}

static const struct kafka_tp one[] = {{.topic = "t", .partition = 3}};

static void query(unsigned owner, struct kafka *k, enum helper_urgency urgency)
{
	assert_int_equal(
		helper_query(h, k, one, 1, KAFKA_ASK_ENDS, 1000, urgency, on_done, &owners[owner]),
		0);
}

static void query_committed(unsigned owner, struct kafka *k)
{
	assert_int_equal(helper_query_committed(h, k, one, 1, 1000, on_done, &owners[owner]), 0);
}

/* The loop turns until owner has n answers; the alarm ends what never comes. */
static void wait_until_done(unsigned owner, unsigned n)
{
	while (n_done[owner] < n)
		event_base_loop(base, EVLOOP_ONCE);
}

static int setup(void **state)
{
	memset(ks, 0, sizeof(ks));
	memset(n_done, 0, sizeof(n_done));
	memset(order, 0, sizeof(order));
	n_order = 0;
	base = event_base_new();
	alarm(WAIT_S);
	return helper_open(&h, base);
}

static int teardown(void **state)
{
	size_t i;

	for (i = 0; i < MANY; i++)
		set_still(&ks[i], false);
	h = helper_free(h);
	event_base_free(base);
	alarm(0);
	return 0;
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void a_handle_that_stands_still_holds_up_no_other(void **state)
{
	ks[0].still = true;
	query_committed(0, &ks[0]);
	wait_until_asked(&ks[0], 1);
	query_committed(1, &ks[1]);
	query(2, &ks[2], HELPER_LATER);
	wait_until_done(1, 1);
	wait_until_done(2, 1);
	assert_int_equal(n_done[0], 0);
}

static void an_owner_is_answered_in_its_order(void **state)
{
	unsigned i;

	ks[0].still = true;
	query(0, &ks[0], HELPER_LATER);
	wait_until_asked(&ks[0], 1);
	query(0, &ks[1], HELPER_ASSIGN);
	for (i = 1; i <= 10; i++) {
		query(1, &ks[1], HELPER_ASSIGN);
		wait_until_done(1, i);
	}
	assert_int_equal(n_done[0], 0);
	set_still(&ks[0], false);
	wait_until_done(0, 2);
	assert_string_equal(order, "bbbbbbbbbbaa");
}

static void what_was_forgotten_holds_up_nothing(void **state)
{
	ks[0].still = true;
	query_committed(0, &ks[0]);
	wait_until_asked(&ks[0], 1);
	helper_forget(h, &owners[0]);
	query(0, &ks[1], HELPER_ASSIGN);
	wait_until_done(0, 1);
	set_still(&ks[0], false);
	query(0, &ks[0], HELPER_ASSIGN);
	wait_until_done(0, 2);
	assert_int_equal(n_done[0], 2);
}

static void a_handle_is_freed_behind_all_that_was_asked_of_it(void **state)
{
	ks[0].still = true;
	query(0, &ks[0], HELPER_LATER);
	query(0, &ks[0], HELPER_LATER); /* waits for the first one */
	query(1, &ks[0], HELPER_ASSIGN);
	wait_until_asked(&ks[0], 2);
	assert_int_equal(helper_free_kafka(h, &ks[0], true, on_done, &owners[2]), 0);
	query(3, &ks[1], HELPER_LATER);
	wait_until_done(3, 1);
	assert_false(ks[0].freed);
	set_still(&ks[0], false);
	wait_until_done(2, 1);
	assert_true(ks[0].freed);
	assert_int_equal(n_done[0] + n_done[1], 3);
}

static void flood_leaves_threads_for_an_assign(enum helper_urgency urgency)
{
	unsigned i;

	for (i = 1; i < MANY; i++) {
		ks[i].still = true;
		query(i, &ks[i], urgency);
	}
	wait_until_asked(&ks[1], 1);
	for (i = 1; i <= 10; i++) {
		query_committed(0, &ks[0]);
		wait_until_done(0, i);
	}
	assert_string_equal(order, "aaaaaaaaaa");
	assert_int_equal(ks[MANY - 1].n_asked, 0);
	assert_int_equal(ks[MANY / 2].n_asked, 0);
}

static void questions_without_number_leave_threads_for_an_assign(void **state)
{
	flood_leaves_threads_for_an_assign(HELPER_LATER);
}

static void seeks_without_number_leave_threads_for_an_assign(void **state)
{
	flood_leaves_threads_for_an_assign(HELPER_SOON);
}

static void the_older_of_what_is_as_urgent_goes_first(void **state)
{
	unsigned i;

	for (i = 10; i < 26; i++) {
		ks[i].still = true;
		query(i, &ks[i], HELPER_LATER);
		wait_until_asked(&ks[i], 1);
	}
	query(0, &ks[0], HELPER_LATER);
	query(1, &ks[0], HELPER_SOON);
	query(2, &ks[0], HELPER_LATER);
	query(3, &ks[0], HELPER_SOON);
	set_still(&ks[10], false);
	wait_until_done(2, 1);
	assert_string_equal(order, "kbdac");
}

static void what_is_left_at_the_end_is_finished(void **state)
{
	unsigned i;

	for (i = 0; i < MANY; i++)
		query(i, &ks[i], HELPER_LATER);
	assert_int_equal(helper_free_kafka(h, &ks[0], true, NULL, NULL), 0);
	h = helper_free(h);
	for (i = 0; i < MANY; i++)
		assert_int_equal(ks[i].n_asked, 1);
	assert_true(ks[0].freed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_handle_that_stands_still_holds_up_no_other, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_owner_is_answered_in_its_order, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_forgotten_holds_up_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_handle_is_freed_behind_all_that_was_asked_of_it,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			questions_without_number_leave_threads_for_an_assign, setup, teardown),
		cmocka_unit_test_setup_teardown(seeks_without_number_leave_threads_for_an_assign,
						setup, teardown),
		cmocka_unit_test_setup_teardown(the_older_of_what_is_as_urgent_goes_first, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_is_left_at_the_end_is_finished, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
