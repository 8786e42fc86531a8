/* SPDX-License-Identifier: MIT */
/* The command line of the programs. See arguments.c. */
#ifndef BENCH_ARGUMENTS_H
#define BENCH_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { ARGUMENTS_MAX_SETTINGS = 32, ARGUMENTS_MAX_WATCHED = 4 };

enum arguments_mode { ARGUMENTS_BATCH, ARGUMENTS_SINGLE };

struct arguments_watched {
	const char *name;
	pid_t pid;
};

struct arguments {
	const char *bootstrap;
	const char *socket;
	const char *topic;
	const char *group;
	enum arguments_mode mode;
	uint64_t n_messages;
	size_t value_bytes;
	unsigned int rate_per_s;
	unsigned int stall_s;
	bool latency;
	struct {
		const char *key;
		const char *value;
	} settings[ARGUMENTS_MAX_SETTINGS]; /* of librdkafka */
	size_t n_settings;
	struct arguments_watched watched[ARGUMENTS_MAX_WATCHED];
	size_t n_watched;
};

/* Fills arguments from the command line; ends the process with 64 on a wrong one. The texts point
 * into argv, which is changed. */
void arguments_parse(struct arguments *arguments, int argc, char **argv);

/* Ends the process with 64 if an option that the program needs was not given. */
void arguments_require(bool given, const char *option);

#endif
