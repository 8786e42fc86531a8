/* SPDX-License-Identifier: MIT */
/* Who gets which partition: the tables of parity.md E1 and E2, and the sticky strategy by example.
 */
#include "tests/unit/test_core_distribution_fixture.h"

static void assert_spread(enum kgp_strategy strategy, int n_partitions, int n_consumers,
			  const char *want)
{
	struct world w;

	world_init(&w, n_partitions, n_consumers);
	world_compute(&w, strategy);
	assert_string_equal(world_show(&w, 0), want);
}

static void E1_range_gives_ranges(void **state)
{
	assert_spread(KGP_RANGE, 6, 2, "[0,1,2] [3,4,5]");
	assert_spread(KGP_RANGE, 4, 3, "[0] [1,2] [3]");
	assert_spread(KGP_RANGE, 2, 3, "[0] [] [1]");
	assert_spread(KGP_RANGE, 1, 3, "[] [0] []");
}

/* Three members, whose order is that of their ids (tests/parity: the_order_of_ids_counts). */
static void E1_and_E2_hold_the_ancestors_twelve_cases(void **state)
{
	static const struct {
		int n;
		int32_t ids[5];
		const char *range, *roundrobin;
	} cases[] = {
		{3, {0, 1, 2}, "[0] [1] [2]", "[0] [1] [2]"}, /* this one in two orders */
		{2, {0, 1}, "[0] [] [1]", "[0] [1] []"},
		{1, {0}, "[] [0] []", "[0] [] []"},
		{4, {0, 1, 2, 3}, "[0] [1,2] [3]", "[0,3] [1] [2]"},
		{5, {0, 2, 4, 6, 8}, "[0,2] [4] [6,8]", "[0,6] [2,8] [4]"},
	};
	struct world w;
	size_t i;
	int j;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		world_init(&w, cases[i].n, 3);
		for (j = 0; j < cases[i].n; j++)
			w.partitions[j].id = cases[i].ids[j];
		world_compute(&w, KGP_RANGE);
		assert_string_equal(world_show(&w, 0), cases[i].range);
		world_compute(&w, KGP_ROUNDROBIN);
		assert_string_equal(world_show(&w, 0), cases[i].roundrobin);
	}
}

static void E1_range_further_cases(void **state)
{
	assert_spread(KGP_RANGE, 3, 1, "[0,1,2]");
	assert_spread(KGP_RANGE, 5, 2, "[0,1,2] [3,4]");
	assert_spread(KGP_RANGE, 5, 3, "[0,1] [2] [3,4]");
	assert_spread(KGP_RANGE, 8, 5, "[0,1] [2] [3,4] [5] [6,7]");
	assert_spread(KGP_RANGE, 4, 5, "[0] [1] [] [2] [3]");
	assert_spread(KGP_RANGE, 0, 2, "[] []");
}

static void E2_roundrobin_gives_in_turn(void **state)
{
	assert_spread(KGP_ROUNDROBIN, 6, 2, "[0,2,4] [1,3,5]");
	assert_spread(KGP_ROUNDROBIN, 4, 3, "[0,3] [1] [2]");
	assert_spread(KGP_ROUNDROBIN, 2, 3, "[0] [1] []");
	assert_spread(KGP_ROUNDROBIN, 1, 3, "[0] [] []");
}

static void E2_roundrobin_further_cases(void **state)
{
	assert_spread(KGP_ROUNDROBIN, 3, 1, "[0,1,2]");
	assert_spread(KGP_ROUNDROBIN, 5, 2, "[0,2,4] [1,3]");
	assert_spread(KGP_ROUNDROBIN, 5, 3, "[0,3] [1,4] [2]");
	assert_spread(KGP_ROUNDROBIN, 8, 5, "[0,5] [1,6] [2,7] [3] [4]");
	assert_spread(KGP_ROUNDROBIN, 4, 5, "[0] [1] [2] [3] []");
	assert_spread(KGP_ROUNDROBIN, 0, 2, "[] []");
}

/* Member i of M gets partitions floor(i*P/M+0.5) .. floor((i+1)*P/M+0.5), and index modulo M. */
static void E1_and_E2_follow_their_formulas(void **state)
{
	struct world w;
	int from, to, i, m, p;

	for (m = 1; m <= MOST_CONSUMERS; m++) {
		world_init(&w, MOST_PARTITIONS - m, m);
		world_compute(&w, KGP_RANGE);
		for (p = 0; p < (int)w.n_partitions; p++) {
			i = w.partitions[p].desired;
			assert_in_range(i, 0, m - 1);
			from = (int)((double)i * (double)w.n_partitions / m + 0.5);
			to = (int)((double)(i + 1) * (double)w.n_partitions / m + 0.5);
			assert_true(p >= from && p < to);
		}
		world_compute(&w, KGP_ROUNDROBIN);
		for (p = 0; p < (int)w.n_partitions; p++)
			assert_int_equal(w.partitions[p].desired, p % m);
	}
}

/* A group's other hosts own the rest: the index counts what this daemon owns, ids have gaps. */
static void the_index_counts_owned_partitions_not_ids(void **state)
{
	struct world w;
	const int32_t ids[] = {3, 7, 8, 21};
	int i;

	world_init(&w, 4, 2);
	for (i = 0; i < 4; i++)
		w.partitions[i].id = ids[i];
	world_compute(&w, KGP_RANGE);
	assert_string_equal(world_show(&w, 0), "[3,7] [8,21]");
	world_compute(&w, KGP_ROUNDROBIN);
	assert_string_equal(world_show(&w, 0), "[3,8] [7,21]");
}

static void topics_are_spread_one_by_one_among_their_subscribers(void **state)
{
	struct world w = {.n_consumers = 0};

	world_add_consumer(&w, 1 | 2); /* both */
	world_add_consumer(&w, 2);     /* the second */
	world_add_consumer(&w, 1);     /* the first */
	world_add_partitions(&w, 0, 4, -1);
	world_add_partitions(&w, 1, 3, -1);
	world_compute(&w, KGP_RANGE);
	assert_string_equal(world_show(&w, 0), "[0,1] [] [2,3]");
	assert_string_equal(world_show(&w, 1), "[0,1] [2] []");
	world_compute(&w, KGP_ROUNDROBIN);
	assert_string_equal(world_show(&w, 0), "[0,2] [] [1,3]");
	assert_string_equal(world_show(&w, 1), "[0,2] [1] []");
	world_compute(&w, KGP_COOPERATIVE_STICKY);
	assert_string_equal(world_show(&w, 0), "[0,2] [] [1,3]");
	assert_string_equal(world_show(&w, 1), "[2] [0,1] []");
}

static void a_topic_that_nobody_wants_is_nobodys(void **state)
{
	struct world w = {.n_consumers = 0};
	int strategy;

	world_add_consumer(&w, 2);
	world_add_consumer(&w, 0);
	world_add_partitions(&w, 0, 2, 0);
	world_add_partitions(&w, 1, 1, 1);
	for (strategy = KGP_RANGE; strategy <= KGP_COOPERATIVE_STICKY; strategy++) {
		world_compute(&w, (enum kgp_strategy)strategy);
		assert_int_equal(w.partitions[0].desired, -1);
		assert_int_equal(w.partitions[1].desired, -1);
		assert_int_equal(w.partitions[2].desired, 0);
	}
}

static void without_consumers_everything_is_nobodys(void **state)
{
	struct world w;
	int strategy, i;

	for (strategy = KGP_RANGE; strategy <= KGP_COOPERATIVE_STICKY; strategy++) {
		world_init(&w, 3, 0);
		world_compute(&w, (enum kgp_strategy)strategy);
		for (i = 0; i < 3; i++)
			assert_int_equal(w.partitions[i].desired, -1);
	}
}

static void surplus_consumers_idle_and_take_over(void **state)
{
	struct world w;
	int i;

	world_init(&w, 4, 5);
	world_compute(&w, KGP_COOPERATIVE_STICKY);
	assert_string_equal(world_show(&w, 0), "[0] [1] [2] [3] []");
	for (i = 0; i < 4; i++) /* the second has left: the others move up by one */
		w.partitions[i].holder = i == 1 ? -1 : i - (i > 1);
	w.n_consumers = 4;
	world_compute(&w, KGP_COOPERATIVE_STICKY);
	assert_string_equal(world_show(&w, 0), "[0] [2] [3] [1]");
}

static void sticky_from_scratch_is_balanced_over_all_topics(void **state)
{
	struct world w = {.n_consumers = 0};

	world_add_consumer(&w, 3);
	world_add_consumer(&w, 3);
	world_add_partitions(&w, 0, 1, -1);
	world_add_partitions(&w, 1, 1, -1);
	world_compute(&w, KGP_COOPERATIVE_STICKY);
	assert_string_equal(world_show(&w, 0), "[0] []");
	assert_string_equal(world_show(&w, 1), "[] [0]");
	assert_int_equal(w.consumers[0].n_held, 1);
	assert_int_equal(w.consumers[1].n_held, 1);
}

static void sticky_leaves_a_difference_of_one(void **state)
{
	struct world w;

	world_init(&w, 3, 2);
	w.partitions[0].holder = w.partitions[1].holder = 1;
	w.partitions[2].holder = 0;
	world_compute(&w, KGP_COOPERATIVE_STICKY);
	assert_string_equal(world_show(&w, 0), "[2] [0,1]");
}

static void sticky_takes_back_what_the_holder_no_longer_wants(void **state)
{
	struct world w = {.n_consumers = 0};

	world_add_consumer(&w, 2);
	world_add_consumer(&w, 1);
	world_add_partitions(&w, 0, 2, 0);
	world_compute(&w, KGP_COOPERATIVE_STICKY);
	assert_string_equal(world_show(&w, 0), "[] [0,1]");
}

/* The first of t0 goes to the second consumer for want of a holder; the t1 that only he can have
 * make him the fullest; then that one is moved on rather than the last, which he works on. */
static void sticky_moves_what_nobody_holds_before_what_somebody_holds(void **state)
{
	struct world w = {.n_consumers = 0};

	world_add_consumer(&w, 1);
	world_add_consumer(&w, 3);
	world_add_partitions(&w, 0, 4, -1);
	w.partitions[1].holder = w.partitions[2].holder = 0;
	w.partitions[3].holder = 1;
	world_add_partitions(&w, 1, 3, -1);
	world_compute(&w, KGP_COOPERATIVE_STICKY);
	assert_string_equal(world_show(&w, 0), "[0,1,2] [3]");
	assert_string_equal(world_show(&w, 1), "[] [0,1,2]");
}

/* Taking one from the second for the third first would leave the second one short. */
static void sticky_takes_from_the_fullest_first(void **state)
{
	struct world w;
	int i;

	world_init(&w, 6, 3);
	for (i = 0; i < 6; i++)
		w.partitions[i].holder = i < 4 ? 0 : 1;
	world_compute(&w, KGP_COOPERATIVE_STICKY);
	assert_string_equal(world_show(&w, 0), "[0,1] [4,5] [2,3]");
}

/* ---- given back ------------------------------------------------------------------------------ */

static const int first_and_second[] = {0, 1};

static void close_by(struct world *w, size_t partition, const int *consumers, size_t n)
{
	w->partitions[partition].closed_by = consumers;
	w->partitions[partition].n_closed_by = n;
}

static void what_was_given_back_goes_to_the_least_loaded_of_the_others(void **state)
{
	struct world w;

	world_init(&w, 7, 3); /* range: [0,1] [2,3,4] [5,6] */
	close_by(&w, 0, first_and_second, 1);
	world_compute(&w, KGP_RANGE);
	assert_string_equal(world_show(&w, 0), "[1] [2,3,4] [0,5,6]");
	world_compute(&w, KGP_ROUNDROBIN);
	assert_string_equal(world_show(&w, 0), "[3,6] [0,1,4] [2,5]");
}

static void what_was_given_back_stays_with_its_new_holder(void **state)
{
	enum kgp_strategy strategy;
	struct world w;

	for (strategy = KGP_RANGE; strategy <= KGP_COOPERATIVE_STICKY; strategy++) {
		world_init(&w, 7, 3);
		close_by(&w, 0, first_and_second, 1);
		w.partitions[0].holder = 1;
		world_compute(&w, strategy);
		assert_int_equal(w.partitions[0].desired, 1);
	}
}

static void a_holder_that_gave_it_back_or_does_not_want_it_does_not_keep_it(void **state)
{
	struct world w;

	world_init(&w, 2, 3);
	close_by(&w, 0, first_and_second, 2);
	w.partitions[0].holder = 1;
	world_compute(&w, KGP_RANGE);
	assert_int_equal(w.partitions[0].desired, 2);
	w.n_consumers = w.n_partitions = 0;
	world_add_consumer(&w, 1);
	world_add_consumer(&w, 2);
	world_add_consumer(&w, 1);
	world_add_partitions(&w, 0, 1, 1);
	close_by(&w, 0, first_and_second, 1);
	world_compute(&w, KGP_RANGE);
	assert_int_equal(w.partitions[0].desired, 2);
}

static void what_all_gave_back_is_nobodys(void **state)
{
	struct world w;

	world_init(&w, 2, 2);
	close_by(&w, 1, first_and_second, 2);
	world_compute(&w, KGP_RANGE);
	assert_string_equal(world_show(&w, 0), "[0] []");
	world_compute(&w, KGP_COOPERATIVE_STICKY);
	assert_int_equal(w.partitions[1].desired, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(E1_range_gives_ranges),
		cmocka_unit_test(E1_and_E2_hold_the_ancestors_twelve_cases),
		cmocka_unit_test(E1_range_further_cases),
		cmocka_unit_test(E2_roundrobin_gives_in_turn),
		cmocka_unit_test(E2_roundrobin_further_cases),
		cmocka_unit_test(E1_and_E2_follow_their_formulas),
		cmocka_unit_test(the_index_counts_owned_partitions_not_ids),
		cmocka_unit_test(topics_are_spread_one_by_one_among_their_subscribers),
		cmocka_unit_test(a_topic_that_nobody_wants_is_nobodys),
		cmocka_unit_test(without_consumers_everything_is_nobodys),
		cmocka_unit_test(surplus_consumers_idle_and_take_over),
		cmocka_unit_test(sticky_from_scratch_is_balanced_over_all_topics),
		cmocka_unit_test(sticky_leaves_a_difference_of_one),
		cmocka_unit_test(sticky_takes_back_what_the_holder_no_longer_wants),
		cmocka_unit_test(sticky_moves_what_nobody_holds_before_what_somebody_holds),
		cmocka_unit_test(sticky_takes_from_the_fullest_first),
		cmocka_unit_test(what_was_given_back_goes_to_the_least_loaded_of_the_others),
		cmocka_unit_test(what_was_given_back_stays_with_its_new_holder),
		cmocka_unit_test(a_holder_that_gave_it_back_or_does_not_want_it_does_not_keep_it),
		cmocka_unit_test(what_all_gave_back_is_nobodys),
	};

	return cmocka_run_group_tests_name("core distribution", tests, NULL, NULL);
}
