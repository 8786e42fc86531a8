/* SPDX-License-Identifier: MIT */
/*
 * What the benchmark's programs that use libkgroup share. As in kafka.c, every failure is the end.
 */
#include "tests/bench/consumer.h"

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <sysexits.h>

static void set(struct kg_options *options, const char *name, const char *value)
{
	struct kg_error error;

	if (kg_options_set(options, name, value, &error) < 0)
		errx(EX_USAGE, "%s: %s", name, error.text);
}

struct kg_consumer *consumer_open(const struct arguments *arguments)
{
	struct kg_options *options = kg_options_new();
	struct kg_consumer *consumer;
	struct kg_error error;

	if (!options)
		err(EX_OSERR, "options");
	arguments_require(arguments->socket, "--socket");
	arguments_require(arguments->topic, "--topic");
	arguments_require(arguments->group, "--group");
	set(options, "socket", arguments->socket);
	for (size_t i = 0; i < arguments->n_settings; i++)
		set(options, arguments->settings[i].key, arguments->settings[i].value);
	if (kg_consumer_open(&consumer, arguments->group, &arguments->topic, 1, options, &error) <
	    0)
		errx(EX_UNAVAILABLE, "%s\n%s", error.text, error.hint);
	kg_options_free(options);
	return consumer;
}

void consumer_require(const struct kg_consumer *consumer, int r, const char *what)
{
	if (r < 0)
		errx(EX_UNAVAILABLE, "%s: %s: %s", what, kg_strerror(r),
		     kg_consumer_error(consumer)->text);
}

void consumer_wait(struct kg_consumer *consumer, int max_ms)
{
	struct pollfd polled = {.fd = kg_consumer_get_fd(consumer),
				.events = kg_consumer_get_events(consumer)};
	int timeout_ms = kg_consumer_get_timeout_ms(consumer);

	if (timeout_ms < 0 || timeout_ms > max_ms)
		timeout_ms = max_ms;
	if (poll(&polled, 1, timeout_ms) < 0 && errno != EINTR)
		err(EX_OSERR, "poll");
	consumer_require(consumer, kg_consumer_process(consumer), "process");
}

const char *consumer_state_text(const struct kg_consumer *consumer)
{
	const char *text = NULL;

	kg_consumer_state(consumer, &text);
	return text ? text : "";
}
