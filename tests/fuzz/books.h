/* SPDX-License-Identifier: MIT */
/* Whether the daemon's books agree. See books.c; is_verbose is of surroundings.c. */
#ifndef FUZZ_BOOKS_H
#define FUZZ_BOOKS_H

#include <stdbool.h>

struct daemon;

extern bool is_verbose; /* the daemon's log goes to stderr */

void books_check(struct daemon *d);

#endif
