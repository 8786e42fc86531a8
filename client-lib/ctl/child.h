/* SPDX-License-Identifier: MIT */
/* A program started by this one, and its words. See child.c. */
#ifndef CTL_CHILD_H
#define CTL_CHILD_H

#include <stdint.h>
#include <sys/types.h>

#include "client-lib/ctl/trouble.h"

enum { CHILD_LINES = 8, CHILD_LINE_BYTES = 240 };

/* Zero it and set the first two; the rest is child.c's. */
struct child {
	const char *name;
	bool echo;				   /* repeat its lines on stderr */
	pid_t pid;				   /* 0: not running */
	int fd;					   /* its stdout and stderr; -1 */
	int status;				   /* of waitpid(), once it has ended */
	char lines[CHILD_LINES][CHILD_LINE_BYTES]; /* the last ones, as a ring */
	unsigned n_lines;
	char partial[CHILD_LINE_BYTES];
	size_t n_partial;
};

/* argv[0] is the path; environment: NAME=VALUE added to ours, NULL ends both. 0, or -errno and t.
 */
int child_start(struct child *c, const char *const argv[], const char *const environment[],
		struct trouble *t);

/* Reads what it has said, without waiting. -ECHILD and t if it has ended. */
int child_look(struct child *c, struct trouble *t);

/* The newest of its last lines that begins so; NULL if none. Valid until it says more. */
const char *child_find_line(const struct child *c, const char *prefix);

/* Asks it to end, waits, kills it if it will not. Fine if it is not running. */
void child_stop(struct child *c, int timeout_ms);

#endif
