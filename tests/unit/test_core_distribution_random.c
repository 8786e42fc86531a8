/* SPDX-License-Identifier: MIT */
/*
 * Properties of the distribution on random inputs, checked by counting and, where it is small, by
 * trying everything: who is given what, how even it is, and that the sticky strategy moves no more
 * than it must.
 */
#include "tests/unit/test_core_distribution_fixture.h"
#include "tests/unit/test_core_random.h"

enum { N_CASES = 10000, N_SMALL_CASES = 2000, ALL = 15 };

/* wanted: topics of every consumer; -1: any. Holders are anybody, or nobody. */
static void random_world(struct world *w, int max_consumers, int max_partitions, int wanted)
{
	int t, left = random_below(max_partitions + 1), n, i;

	w->n_consumers = w->n_partitions = 0;
	for (n = random_below(max_consumers + 1); n > 0; n--)
		world_add_consumer(w, wanted < 0 ? (unsigned)random_below(16) : (unsigned)wanted);
	for (t = 0; t < MOST_TOPICS; t++, left -= n) {
		n = t == MOST_TOPICS - 1 ? left : random_below(left + 1);
		world_add_partitions(w, t, n, -1);
	}
	for (i = 0; i < (int)w->n_partitions; i++)
		w->partitions[i].holder = random_below((int)w->n_consumers + 1) - 1;
}

static bool wants(const struct world *w, int consumer, const char *topic)
{
	size_t t;

	for (t = 0; t < w->consumers[consumer].n_topics; t++)
		if (!strcmp(w->consumers[consumer].topics[t], topic))
			return true;
	return false;
}

static bool somebody_wants(const struct world *w, const char *topic)
{
	int c;

	for (c = 0; c < (int)w->n_consumers; c++)
		if (wants(w, c, topic))
			return true;
	return false;
}

/* Has a holder who may keep it. */
static bool is_held(const struct world *w, const struct dist_partition *p)
{
	return p->holder >= 0 && wants(w, p->holder, p->topic);
}

static void count(const struct world *w, int held[MOST_CONSUMERS], int desired[MOST_CONSUMERS])
{
	size_t i;

	memset(held, 0, MOST_CONSUMERS * sizeof(*held));
	memset(desired, 0, MOST_CONSUMERS * sizeof(*desired));
	for (i = 0; i < w->n_partitions; i++) {
		if (is_held(w, &w->partitions[i]))
			held[w->partitions[i].holder]++;
		if (w->partitions[i].desired >= 0)
			desired[w->partitions[i].desired]++;
	}
}

static int count_moves(const struct world *w)
{
	int moves = 0;
	size_t i;

	for (i = 0; i < w->n_partitions; i++)
		moves += is_held(w, &w->partitions[i]) &&
			 w->partitions[i].desired != w->partitions[i].holder;
	return moves;
}

static void assert_everything_goes_to_who_wants_it(const struct world *w)
{
	const struct dist_partition *p;

	for (p = w->partitions; p < w->partitions + w->n_partitions; p++) {
		if (!somebody_wants(w, p->topic)) {
			assert_int_equal(p->desired, -1);
			continue;
		}
		assert_in_range(p->desired, 0, w->n_consumers - 1);
		assert_true(wants(w, p->desired, p->topic));
	}
}

/* Nobody who may have a partition has two fewer than who is given it. */
static bool is_even(const struct world *w, const int load[MOST_CONSUMERS])
{
	const struct dist_partition *p;
	int c;

	for (p = w->partitions; p < w->partitions + w->n_partitions; p++)
		for (c = 0; p->desired >= 0 && c < (int)w->n_consumers; c++)
			if (wants(w, c, p->topic) && load[c] + 2 <= load[p->desired])
				return false;
	return true;
}

static void settle(struct world *w)
{
	size_t i;

	world_compute(w, KGP_COOPERATIVE_STICKY);
	for (i = 0; i < w->n_partitions; i++)
		w->partitions[i].holder = w->partitions[i].desired;
}

/* ---- every strategy -------------------------------------------------------------------------- */

static void everything_goes_to_somebody_who_wants_it(void **state)
{
	struct world w;
	int i, strategy;

	random_seed(1);
	for (i = 0; i < N_CASES; i++)
		for (strategy = KGP_RANGE; strategy <= KGP_COOPERATIVE_STICKY; strategy++) {
			random_world(&w, 8, 30, -1);
			world_compute(&w, (enum kgp_strategy)strategy);
			assert_everything_goes_to_who_wants_it(&w);
		}
}

/* Of each topic, among its subscribers. */
static void range_and_roundrobin_are_even_in_each_topic(void **state)
{
	int i, t, c, load[MOST_CONSUMERS], least, most;
	struct world w;
	size_t p;

	random_seed(2);
	for (i = 0; i < N_CASES; i++) {
		random_world(&w, 8, 30, -1);
		world_compute(&w, random_below(2) ? KGP_RANGE : KGP_ROUNDROBIN);
		for (t = 0; t < MOST_TOPICS; t++) {
			memset(load, 0, sizeof(load));
			for (p = 0; p < w.n_partitions; p++)
				if (w.partitions[p].desired >= 0 &&
				    !strcmp(w.partitions[p].topic, topic_names[t]))
					load[w.partitions[p].desired]++;
			least = MOST_PARTITIONS;
			most = 0;
			for (c = 0; c < (int)w.n_consumers; c++) {
				if (!wants(&w, c, topic_names[t]))
					continue;
				least = load[c] < least ? load[c] : least;
				most = load[c] > most ? load[c] : most;
			}
			assert_true(most <= least + 1);
		}
	}
}

/* ---- sticky, any subscriptions --------------------------------------------------------------- */

static void sticky_is_even_and_says_how_many(void **state)
{
	int i, c, held[MOST_CONSUMERS], desired[MOST_CONSUMERS];
	struct world w;

	random_seed(3);
	for (i = 0; i < N_CASES; i++) {
		random_world(&w, 8, 30, -1);
		world_compute(&w, KGP_COOPERATIVE_STICKY);
		count(&w, held, desired);
		assert_true(is_even(&w, desired));
		for (c = 0; c < (int)w.n_consumers; c++)
			assert_int_equal(w.consumers[c].n_held, desired[c]);
	}
}

static void sticky_moves_nothing_once_it_is_even(void **state)
{
	struct world w;
	size_t p;
	int i;

	random_seed(4);
	for (i = 0; i < N_CASES; i++) {
		random_world(&w, 8, 30, -1);
		settle(&w);
		world_compute(&w, KGP_COOPERATIVE_STICKY);
		for (p = 0; p < w.n_partitions; p++)
			assert_int_equal(w.partitions[p].desired, w.partitions[p].holder);
	}
}

/* ---- sticky, equal subscriptions ------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
	return *(const int *)b - *(const int *)a;
}

/* Those who hold the most keep one more than the others, as far as the rest goes. */
static int fewest_moves(const struct world *w)
{
	int held[MOST_CONSUMERS], desired[MOST_CONSUMERS], moves = 0, share, c;
	int n = (int)w->n_consumers;

	count(w, held, desired);
	qsort(held, (size_t)n, sizeof(*held), by_size);
	for (c = 0; c < n; c++) {
		share = (int)w->n_partitions / n + (c < (int)w->n_partitions % n);
		moves += held[c] > share ? held[c] - share : 0;
	}
	return moves;
}

static void sticky_is_balanced_to_within_one_with_the_fewest_moves(void **state)
{
	int i, c, held[MOST_CONSUMERS], desired[MOST_CONSUMERS];
	struct world w;

	random_seed(5);
	for (i = 0; i < N_CASES; i++) {
		random_world(&w, 12, MOST_PARTITIONS, ALL);
		if (!w.n_consumers)
			continue;
		world_compute(&w, KGP_COOPERATIVE_STICKY);
		count(&w, held, desired);
		for (c = 0; c < (int)w.n_consumers; c++)
			assert_in_range(desired[c], w.n_partitions / w.n_consumers,
					(w.n_partitions + w.n_consumers - 1) / w.n_consumers);
		assert_int_equal(count_moves(&w), fewest_moves(&w));
	}
}

/* Every way to hand the partitions out that is even; the fewest moves among them. */
static int fewest_moves_of_all_ways(struct world *w)
{
	int held[MOST_CONSUMERS], desired[MOST_CONSUMERS], fewest = MOST_PARTITIONS, moves;
	long way, n_ways = 1, rest;
	size_t i;

	for (i = 0; i < w->n_partitions; i++)
		n_ways *= (long)w->n_consumers;
	for (way = 0; way < n_ways; way++) {
		for (i = 0, rest = way; i < w->n_partitions; i++, rest /= (long)w->n_consumers)
			w->partitions[i].desired = (int)(rest % (long)w->n_consumers);
		count(w, held, desired);
		moves = count_moves(w);
		if (moves < fewest && is_even(w, desired))
			fewest = moves;
	}
	return fewest;
}

static void sticky_moves_no_more_than_the_best_of_all_ways(void **state)
{
	struct world w;
	int i, moves;

	random_seed(6);
	for (i = 0; i < N_SMALL_CASES; i++) {
		random_world(&w, 3, 5, ALL);
		if (!w.n_consumers)
			continue;
		world_compute(&w, KGP_COOPERATIVE_STICKY);
		moves = count_moves(&w);
		assert_int_equal(moves, fewest_moves_of_all_ways(&w));
	}
}

/* ---- sticky, somebody comes or goes ---------------------------------------------------------- */

/* Into a place in the order of ids: who was behind him moves up. */
static void join(struct world *w, int place)
{
	size_t p;

	world_add_consumer(w, ALL);
	for (p = 0; p < w->n_partitions; p++)
		w->partitions[p].holder += w->partitions[p].holder >= place;
}

static void a_joiner_takes_only_what_it_must(void **state)
{
	int i, place, taken;
	struct world w;
	size_t p;

	random_seed(7);
	for (i = 0; i < N_CASES; i++) {
		random_world(&w, 12, MOST_PARTITIONS, ALL);
		if (!w.n_consumers)
			continue;
		settle(&w);
		place = random_below((int)w.n_consumers + 1);
		join(&w, place);
		world_compute(&w, KGP_COOPERATIVE_STICKY);
		for (p = 0, taken = 0; p < w.n_partitions; p++) {
			if (w.partitions[p].desired == w.partitions[p].holder)
				continue;
			assert_int_equal(w.partitions[p].desired, place);
			taken++;
		}
		assert_int_equal(taken, w.n_partitions / w.n_consumers);
	}
}

static void leave(struct world *w, int place)
{
	size_t p;

	w->n_consumers--;
	for (p = 0; p < w->n_partitions; p++) {
		if (w->partitions[p].holder == place)
			w->partitions[p].holder = -1;
		w->partitions[p].holder -= w->partitions[p].holder > place;
	}
}

static void a_leavers_partitions_spread_and_nothing_else_moves(void **state)
{
	int i, held[MOST_CONSUMERS], desired[MOST_CONSUMERS];
	struct world w;

	random_seed(8);
	for (i = 0; i < N_CASES; i++) {
		random_world(&w, 12, MOST_PARTITIONS, ALL);
		if (w.n_consumers < 2)
			continue;
		settle(&w);
		leave(&w, random_below((int)w.n_consumers));
		world_compute(&w, KGP_COOPERATIVE_STICKY);
		assert_int_equal(count_moves(&w), 0);
		count(&w, held, desired);
		assert_true(is_even(&w, desired));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_goes_to_somebody_who_wants_it),
		cmocka_unit_test(range_and_roundrobin_are_even_in_each_topic),
		cmocka_unit_test(sticky_is_even_and_says_how_many),
		cmocka_unit_test(sticky_moves_nothing_once_it_is_even),
		cmocka_unit_test(sticky_is_balanced_to_within_one_with_the_fewest_moves),
		cmocka_unit_test(sticky_moves_no_more_than_the_best_of_all_ways),
		cmocka_unit_test(a_joiner_takes_only_what_it_must),
		cmocka_unit_test(a_leavers_partitions_spread_and_nothing_else_moves),
	};

	return cmocka_run_group_tests_name("core distribution random", tests, NULL, NULL);
}
