/* SPDX-License-Identifier: MIT */
/* The one clock of the library: monotonic, in microseconds. */
#ifndef KG_CLOCK_H
#define KG_CLOCK_H

#include <limits.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_NEVER UINT64_MAX

/* Cheap, and good to a few milliseconds: the tick of the kernel. */
static inline uint64_t clock_coarse_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

static inline uint64_t clock_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* For poll(2): milliseconds from now to then, rounded up; -1 for never. */
static inline int clock_ms_until(uint64_t then_us, uint64_t now_us)
{
	uint64_t ms;

	if (then_us == CLOCK_NEVER)
		return -1;
	if (then_us <= now_us)
		return 0;
	ms = (then_us - now_us + 999u) / 1000u;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

#endif
