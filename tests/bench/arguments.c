/* SPDX-License-Identifier: MIT */
/*
 * The command line of all programs of the benchmark.
 *
 * They share one set of options so that the driver can hand the same list to a direct consumer and
 * to an application of the daemon: what differs between the two is the program and nothing else.
 * An option that a program has no use for is ignored by it; one that it needs it requires.
 */
#include "tests/bench/arguments.h"

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum {
	OPTION_BOOTSTRAP = 256,
	OPTION_SOCKET,
	OPTION_TOPIC,
	OPTION_GROUP,
	OPTION_MODE,
	OPTION_MESSAGES,
	OPTION_BYTES,
	OPTION_RATE,
	OPTION_STALL,
	OPTION_LATENCY,
	OPTION_WATCH,
};

static const struct option options[] = {
	{"bootstrap", required_argument, NULL, OPTION_BOOTSTRAP}, /* HOST:PORT */
	{"socket", required_argument, NULL, OPTION_SOCKET},	  /* of the daemon */
	{"topic", required_argument, NULL, OPTION_TOPIC},
	{"group", required_argument, NULL, OPTION_GROUP},
	{"mode", required_argument, NULL, OPTION_MODE}, /* batch or single */
	{"messages", required_argument, NULL, OPTION_MESSAGES},
	{"bytes", required_argument, NULL, OPTION_BYTES}, /* of a value */
	{"rate", required_argument, NULL, OPTION_RATE},	  /* messages per second */
	{"stall", required_argument, NULL, OPTION_STALL}, /* seconds */
	{"latency", no_argument, NULL, OPTION_LATENCY},	  /* values carry stamps: compare */
	{"watch", required_argument, NULL, OPTION_WATCH}, /* NAME=PID: report its CPU seconds */
	{NULL, 0, NULL, 0},
};

static uint64_t parse_number(const char *text, uint64_t max)
{
	char *end;
	unsigned long long number;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || number > max)
		errx(EX_USAGE, "'%s' is no number from 0 to %llu", text, (unsigned long long)max);
	return number;
}

static enum arguments_mode parse_mode(const char *text)
{
	if (strcmp(text, "batch") == 0)
		return ARGUMENTS_BATCH;
	if (strcmp(text, "single") == 0)
		return ARGUMENTS_SINGLE;
	errx(EX_USAGE, "--mode takes batch or single, not '%s'", text);
}

/* Cuts NAME=VALUE in two. */
static const char *cut_value(char *text)
{
	char *equals = strchr(text, '=');

	if (!equals || equals == text)
		errx(EX_USAGE, "'%s' is not NAME=VALUE", text);
	*equals = 0;
	return equals + 1;
}

static void add_setting(struct arguments *arguments, char *text)
{
	if (arguments->n_settings == ARGUMENTS_MAX_SETTINGS)
		errx(EX_USAGE, "more than %d settings", ARGUMENTS_MAX_SETTINGS);
	arguments->settings[arguments->n_settings].value = cut_value(text);
	arguments->settings[arguments->n_settings++].key = text;
}

static void add_watched(struct arguments *arguments, char *text)
{
	struct arguments_watched *watched = &arguments->watched[arguments->n_watched];

	if (arguments->n_watched == ARGUMENTS_MAX_WATCHED)
		errx(EX_USAGE, "more than %d processes to watch", ARGUMENTS_MAX_WATCHED);
	watched->pid = (pid_t)parse_number(cut_value(text), INT32_MAX);
	watched->name = text;
	arguments->n_watched++;
}

static void take_option(struct arguments *arguments, int option, char *value)
{
	switch (option) {
	case 'X':
		return add_setting(arguments, value);
	case OPTION_BOOTSTRAP:
		arguments->bootstrap = value;
		return;
	case OPTION_SOCKET:
		arguments->socket = value;
		return;
	case OPTION_TOPIC:
		arguments->topic = value;
		return;
	case OPTION_GROUP:
		arguments->group = value;
		return;
	case OPTION_MODE:
		arguments->mode = parse_mode(value);
		return;
	case OPTION_MESSAGES:
		arguments->n_messages = parse_number(value, UINT64_MAX / 100);
		return;
	case OPTION_BYTES:
		arguments->value_bytes = parse_number(value, 64 << 20);
		return;
	case OPTION_RATE:
		arguments->rate_per_s = (unsigned int)parse_number(value, 1000000);
		return;
	case OPTION_STALL:
		arguments->stall_s = (unsigned int)parse_number(value, 3600);
		return;
	case OPTION_LATENCY:
		arguments->latency = true;
		return;
	case OPTION_WATCH:
		return add_watched(arguments, value);
	default:
		exit(EX_USAGE); /* getopt has said why */
	}
}

void arguments_parse(struct arguments *arguments, int argc, char **argv)
{
	int option;

	*arguments = (struct arguments){.mode = ARGUMENTS_BATCH, .rate_per_s = 1000};
	while ((option = getopt_long(argc, argv, "X:", options, NULL)) >= 0)
		take_option(arguments, option, optarg);
	if (optind < argc)
		errx(EX_USAGE, "what is '%s'?", argv[optind]);
}

void arguments_require(bool given, const char *option)
{
	if (!given)
		errx(EX_USAGE, "%s is missing", option);
}
