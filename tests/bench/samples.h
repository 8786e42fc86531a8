/* SPDX-License-Identifier: MIT */
/* Samples and their percentiles. See samples.c. */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

/* Durations in microseconds. All zero: empty, with room for none. */
struct samples {
	uint32_t *us;
	size_t n;
	size_t max;
};

void samples_init(struct samples *samples, size_t max); /* ends the process without memory */
void samples_deinit(struct samples *samples);
void samples_add(struct samples *samples, int64_t us); /* beyond max: not kept */

/* Sorts them and writes {"p50": ..., "p99": ..., "p999": ..., "max": ...} to stdout. */
void samples_print(struct samples *samples);

#endif
