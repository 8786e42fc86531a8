/* SPDX-License-Identifier: MIT */
/* Command lines: the global options and those of one command together. See options.c. */
#ifndef CTL_OPTIONS_H
#define CTL_OPTIONS_H

#include "client-lib/ctl/ctl.h"

#include <argp.h>

/* What a command's file declares. */
struct options_spec {
	const char *name;		   /* "consume"; NULL: the tool itself */
	const char *arguments;		   /* "GROUP [TOPIC...]" */
	const char *summary;		   /* one sentence */
	const char *examples;		   /* lines, each "  kgroupctl ..." */
	const struct argp_option *options; /* NULL: none of its own */
	argp_parser_t parser;		   /* NULL: no options and no arguments of its own */
};

void options_init(struct ctl *ctl, char **argv);

/*
 * Parses, or ends the process: 64 with words, 0 after help. input goes to spec's parser. Returns
 * the index of the first argument that nobody took; stop_at_first: of the command's name.
 */
int options_parse(struct ctl *ctl, const struct options_spec *spec, void *input, int argc,
		  char **argv, bool stop_at_first);

/* A number in [min, max], or an error of usage that ends the process. */
long options_number(const char *what, const char *text, long min, long max);

/* "250ms", "5s", "1m", or milliseconds; the same. */
int options_duration_ms(const char *what, const char *text);

/* An error of usage: prints and ends the process with 64. */
void options_refuse(const char *what, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
