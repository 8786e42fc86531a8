/* SPDX-License-Identifier: MIT */
/*
 * A consumer on a backlog that never takes a message: the library goes on talking to the daemon,
 * but its credit stays what it was at the open (-X credit.messages=..., the smallest there is), so
 * the daemon holds what librdkafka has fetched and may send nothing.
 *
 * Prints "ready" when partitions were handed over and goes away at the end of its input; the driver
 * looks at the daemon's memory meanwhile.
 */
#include <err.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sysexits.h>

#include "tests/bench/consumer.h"

enum { WAIT_MS = 50 };

/* The driver writes nothing: readable means that it has closed its end. */
static bool has_ended(void)
{
	struct pollfd polled = {.fd = 0, .events = POLLIN};

	return poll(&polled, 1, 0) > 0;
}

int main(int argc, char **argv)
{
	struct arguments arguments;
	struct kg_consumer *consumer;
	bool ready = false;

	arguments_parse(&arguments, argc, argv);
	consumer = consumer_open(&arguments);
	while (!has_ended()) {
		consumer_wait(consumer, WAIT_MS);
		if (!ready && kg_consumer_assignment(consumer, NULL) > 0) {
			ready = true;
			puts("ready");
			fflush(stdout);
		}
	}
	if (!ready)
		errx(EX_UNAVAILABLE, "no partition came: %s", consumer_state_text(consumer));
	consumer_require(consumer, kg_consumer_close(consumer), "close");
	kg_consumer_free(consumer);
	return 0;
}
