/* SPDX-License-Identifier: MIT */
/* Random inputs that a failure can be repeated with: the seed is printed, KGROUP_TEST_SEED sets it.
 */
#ifndef UNIT_TEST_CORE_RANDOM_H
#define UNIT_TEST_CORE_RANDOM_H

#include "tests/unit/cmocka_all.h"

#include <stdlib.h>

static uint64_t random_state;

static inline void random_seed(uint64_t seed)
{
	const char *given = getenv("KGROUP_TEST_SEED");

	random_state = given ? strtoull(given, NULL, 10) : seed;
	print_message("# KGROUP_TEST_SEED=%llu\n", (unsigned long long)random_state);
}

/* How many steps of a random walk: KGROUP_TEST_STEPS, if it is set. */
static inline uint64_t random_steps(uint64_t otherwise)
{
	const char *given = getenv("KGROUP_TEST_STEPS");

	return given ? strtoull(given, NULL, 10) : otherwise;
}

/* splitmix64 */
static inline uint64_t random_u64(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* 0 .. n - 1 */
static inline int random_below(int n)
{
	return (int)(random_u64() % (uint64_t)n);
}

#endif
