/* SPDX-License-Identifier: MIT */
/* The command line. See mock_options.c. */
#ifndef KGROUP_MOCK_OPTIONS_H
#define KGROUP_MOCK_OPTIONS_H

#include <stdbool.h>

enum { MOCK_MAX_TOPICS = 64, MOCK_MAX_PARTITIONS = 10000, MOCK_MAX_BROKERS = 64 };

struct mock_topic {
	char *name;
	int n_partitions;
};

struct mock_options {
	int n_brokers;
	struct mock_topic topics[MOCK_MAX_TOPICS];
	int n_topics;
	int rate_per_s;		    /* 0 = no traffic */
	int value_bytes;	    /* 0 = as long as the text is */
	const char *bootstrap_file; /* NULL = none */
	bool with_stdin;
	bool with_parent;
};

/* Fills options from the command line; ends the process with 64 on a wrong one. Names point into
 * argv. */
void mock_options_parse(struct mock_options *options, int argc, char **argv);

/* Reads a decimal number of [min, max]; -EINVAL for anything else. */
int mock_parse_int(const char *text, int min, int max, int *value);

#endif
