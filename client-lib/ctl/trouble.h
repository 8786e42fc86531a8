/* SPDX-License-Identifier: MIT */
/* One error as a person reads it: what, why, how to mend it, code. See trouble.c. */
#ifndef CTL_TROUBLE_H
#define CTL_TROUBLE_H

#include "client-lib/ctl/ctl.h"

#include <sysexits.h>

enum trouble_code {
#define CTL_ERROR(NAME, number, name, exit, text, hint) TROUBLE_##NAME = number,
#include "client-lib/ctl/ctl_errors.def"
#undef CTL_ERROR
};

struct trouble {
	unsigned code; /* of KG-nnnn; 0: none */
	int exit_code;
	char what[512];
	char why[1024]; /* may be empty */
	char how[1024];
};

#define TROUBLE_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Fills all of it from the table; what is said here replaces the table's words. */
void trouble_set(struct trouble *t, unsigned code, const char *what, ...) TROUBLE_PRINTF(3, 4);
void trouble_set_why(struct trouble *t, const char *why, ...) TROUBLE_PRINTF(2, 3);
void trouble_set_how(struct trouble *t, const char *how, ...) TROUBLE_PRINTF(2, 3);

int trouble_print(const struct trouble *t); /* to stderr; returns the exit code */

/* The table's words for any number, the daemon's too. Static, never NULL. */
const char *trouble_name(unsigned code);
const char *trouble_text(unsigned code);
const char *trouble_hint(unsigned code);
int trouble_exit_code(unsigned code);
bool trouble_is_known(unsigned code);

/* Every number there is, rising; 0 after the last. */
unsigned trouble_next(unsigned code);

#endif
