/* SPDX-License-Identifier: MIT */
/* A consumer of the daemon, opened and waited for. See consumer.c. */
#ifndef BENCH_CONSUMER_H
#define BENCH_CONSUMER_H

#include <kgroup.h>

#include "tests/bench/arguments.h"

/* A consumer of the daemon, from the earliest message on. Every failure ends the process. */
struct kg_consumer *consumer_open(const struct arguments *arguments);

/* Ends the process with the library's words if r < 0. */
void consumer_require(const struct kg_consumer *consumer, int r, const char *what);

/* Sleeps until something is to be done, at most so long, and does it. */
void consumer_wait(struct kg_consumer *consumer, int max_ms);

/* What the consumer waits for; valid until the next call. */
const char *consumer_state_text(const struct kg_consumer *consumer);

#endif
