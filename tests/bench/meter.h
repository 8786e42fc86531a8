/* SPDX-License-Identifier: MIT */
/* What is measured of a run. See meter.c. */
#ifndef BENCH_METER_H
#define BENCH_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "tests/bench/arguments.h"
#include "tests/bench/samples.h"

struct meter_clock {
	const char *name;
	clockid_t id;
	int64_t start_ns;
	int64_t used_ns;
};

struct meter {
	uint64_t n_done;     /* messages handled */
	uint64_t n_boundary; /* n_done at which something happens next */
	uint64_t sum;	     /* of all bytes of all keys and values */
	uint64_t n_bytes;
	uint64_t n_warm; /* messages that are not counted */
	uint64_t n_messages;
	unsigned int stall_s;
	bool latency;
	bool finished;
	struct meter_clock clocks[ARGUMENTS_MAX_WATCHED + 2]; /* the first is wall time */
	size_t n_clocks;
	struct samples end_to_end;
	struct samples hop;
	uint64_t peak_rss_bytes;
};

int64_t meter_now_ns(void);			      /* CLOCK_MONOTONIC */
uint64_t meter_sum(const void *data, size_t n_bytes); /* of the bytes; data may be NULL */

/* Ends the process if a watched one is not there. */
void meter_init(struct meter *meter, const struct arguments *arguments);
void meter_deinit(struct meter *meter);

/* What a handler does first: takes the time, for a message that the daemon had at taken_us, or 0.
 */
void meter_on_arrival(struct meter *meter, const void *value, size_t value_bytes,
		      uint64_t taken_us);

/* Reached n_boundary: starts or stops the clocks, or stalls. */
void meter_on_boundary(struct meter *meter);

/* The result as one line of JSON on stdout. librdkafka: its version, or NULL. */
void meter_print(struct meter *meter, const char *librdkafka);

/* What a handler does with a message: reads all of it, counts it. */
static inline void meter_add(struct meter *meter, const void *key, size_t key_bytes,
			     const void *value, size_t value_bytes)
{
	meter->sum += meter_sum(key, key_bytes) + meter_sum(value, value_bytes);
	meter->n_bytes += key_bytes + value_bytes;
	if (++meter->n_done == meter->n_boundary)
		meter_on_boundary(meter);
}

#endif
