/* SPDX-License-Identifier: MIT */
/*
 * The command line of kgroup-mock.
 *
 * Everything is checked here, so that the rest of the program never meets a name or a number that
 * librdkafka's mock cluster would assert on. A wrong option ends the process with 64 before any
 * thread exists. Nothing is copied: names point into argv, which lives as long as the process.
 */
#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "client-lib/ctl/mock/mock_options.h"

enum { MAX_RATE_PER_S = 1000000, MAX_VALUE_BYTES = 64 << 20 };

static const struct argp_option option_table[] = {
	{"brokers", 'b', "N", 0, "brokers in the cluster (default 1)", 0},
	{"topic", 't', "NAME:PARTITIONS", 0, "make this topic; may be repeated", 0},
	{"rate", 'r', "N", 0, "write N messages a second over the topics", 0},
	{"bytes", 's', "N", 0, "pad the written values to N bytes", 0},
	{"bootstrap-file", 'f', "FILE", 0, "also write the address to FILE, removed at the end", 0},
	{"stdin", 'i', NULL, 0, "take commands from stdin; its end is the end", 0},
	{"with-parent", 'p', NULL, 0, "end when the parent ends, and leave Ctrl-C to it", 0},
	{0},
};

int mock_parse_int(const char *text, int min, int max, int *value)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (errno || end == text || *end || number < min || number > max)
		return -EINVAL;
	*value = (int)number;
	return 0;
}

static void parse_number(struct argp_state *state, const char *arg, int max, int *value)
{
	if (mock_parse_int(arg, 1, max, value) < 0)
		argp_error(state, "'%s' is not a number between 1 and %d", arg, max);
}

static void parse_topic(struct argp_state *state, char *arg, struct mock_options *options)
{
	struct mock_topic *topic = &options->topics[options->n_topics];
	char *colon = strrchr(arg, ':');

	if (options->n_topics == MOCK_MAX_TOPICS)
		argp_error(state, "more than %d topics", MOCK_MAX_TOPICS);
	if (!colon || colon == arg)
		argp_error(state, "'%s' is not NAME:PARTITIONS", arg);
	*colon = '\0';
	topic->name = arg;
	parse_number(state, colon + 1, MOCK_MAX_PARTITIONS, &topic->n_partitions);
	options->n_topics++;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct mock_options *options = state->input;

	switch (key) {
	case 'b':
		parse_number(state, arg, MOCK_MAX_BROKERS, &options->n_brokers);
		return 0;
	case 't':
		parse_topic(state, arg, options);
		return 0;
	case 'r':
		parse_number(state, arg, MAX_RATE_PER_S, &options->rate_per_s);
		return 0;
	case 's':
		parse_number(state, arg, MAX_VALUE_BYTES, &options->value_bytes);
		return 0;
	case 'f':
		options->bootstrap_file = arg;
		return 0;
	case 'i':
		options->with_stdin = true;
		return 0;
	case 'p':
		options->with_parent = true;
		return 0;
	case ARGP_KEY_END:
		if (options->rate_per_s && !options->n_topics)
			argp_error(state, "--rate needs a --topic to write to");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void mock_options_parse(struct mock_options *options, int argc, char **argv)
{
	static const struct argp parser = {
		.options = option_table,
		.parser = parse_option,
		.doc = "A Kafka cluster that exists only in this process, for demos and tests. "
		       "Loopback only, no access control, 5 MiB per partition, gone when it ends.\v"
		       "Prints one line, 'bootstrap HOST:PORT[,...]'. Commands on stdin: topic, "
		       "produce, "
		       "down, up, rtt, errors, clear-errors, topic-error, leader, coordinator, "
		       "quit.",
	};

	argp_err_exit_status = EX_USAGE;
	*options = (struct mock_options){.n_brokers = 1};
	argp_parse(&parser, argc, argv, 0, NULL, options);
}
