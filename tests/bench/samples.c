/* SPDX-License-Identifier: MIT */
/*
 * Latencies, every single one: percentiles of all samples, no histogram, no rounding but to the
 * microsecond. The room is taken and touched before the first sample, so that no page fault ends up
 * in one.
 */
#include "tests/bench/samples.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

void samples_init(struct samples *samples, size_t max)
{
	*samples = (struct samples){.max = max};
	samples->us = malloc((max + 1) * sizeof(*samples->us));
	if (!samples->us)
		err(EX_OSERR, "%zu samples", max);
	memset(samples->us, 0xff, (max + 1) * sizeof(*samples->us));
}

void samples_deinit(struct samples *samples)
{
	free(samples->us);
	*samples = (struct samples){0};
}

void samples_add(struct samples *samples, int64_t us)
{
	if (us < 0)
		errx(EX_DATAERR, "a message is %lld us younger than now", (long long)-us);
	if (us > UINT32_MAX)
		us = UINT32_MAX;
	if (samples->n < samples->max)
		samples->us[samples->n++] = (uint32_t)us;
}

static int compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a;
	uint32_t right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

/* The smallest sample that at least that many of 1000 do not exceed. */
static uint32_t get_quantile(const struct samples *samples, size_t per_mille)
{
	size_t rank = (samples->n * per_mille + 999) / 1000;

	return samples->n == 0 ? 0 : samples->us[rank == 0 ? 0 : rank - 1];
}

void samples_print(struct samples *samples)
{
	qsort(samples->us, samples->n, sizeof(*samples->us), compare);
	printf("{\"p50\": %u, \"p99\": %u, \"p999\": %u, \"max\": %u}", get_quantile(samples, 500),
	       get_quantile(samples, 990), get_quantile(samples, 999), get_quantile(samples, 1000));
}
