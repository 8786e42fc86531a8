/* SPDX-License-Identifier: MIT */
/*
 * Errors as kgroupctl tells them.
 *
 * Whoever meets an error fills a struct trouble and hands it up; the command prints it, once, and
 * exits with its code. The words come from two tables, proto/errors.def (the daemon's) and
 * ctl_errors.def (the tool's and the library's), so that `explain` and the man page say the same.
 * Nothing here writes to stdout, allocates, or ends the process.
 */
#include "client-lib/ctl/trouble.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/errors.h"

struct error_info {
	unsigned number;
	int exit_code;
	const char *name, *text, *hint;
};

static const struct error_info own_table[] = {
#define CTL_ERROR(NAME, number, name, exit, text, hint) {number, exit, name, text, hint},
#include "client-lib/ctl/ctl_errors.def"
#undef CTL_ERROR
};

static const unsigned daemon_table[] = {
#define KGP_ERROR(NAME, number, name, text, hint) number,
#include "proto/errors.def"
#undef KGP_ERROR
};

#define N_OF(table) (sizeof(table) / sizeof((table)[0]))

static const struct error_info *find_own(unsigned code)
{
	size_t i;

	for (i = 0; i < N_OF(own_table); i++) {
		if (own_table[i].number == code)
			return &own_table[i];
	}
	return NULL;
}

const char *trouble_name(unsigned code)
{
	const struct error_info *own = find_own(code);

	return own ? own->name : kgp_error_name(code);
}

const char *trouble_text(unsigned code)
{
	const struct error_info *own = find_own(code);

	return own ? own->text : kgp_error_text(code);
}

const char *trouble_hint(unsigned code)
{
	const struct error_info *own = find_own(code);

	return own ? own->hint : kgp_error_hint(code);
}

/* Of the daemon's: below 32 one of us breaks the protocol, but for two. */
int trouble_exit_code(unsigned code)
{
	const struct error_info *own = find_own(code);

	if (own)
		return own->exit_code;
	switch (code) {
	case KGP_E_DENIED:
		return EX_NOPERM;
	case KGP_E_NO_GROUP:
		return CTL_EXIT_NO;
	case KGP_E_MALFORMED:
	case KGP_E_TOO_LARGE:
	case KGP_E_FIELD:
	case KGP_E_UNKNOWN_MESSAGE:
	case KGP_E_OUT_OF_ORDER:
		return EX_SOFTWARE;
	case KGP_E_COMMIT:
	case KGP_E_TIMEOUT:
	case KGP_E_STOPPING:
		return EX_TEMPFAIL;
	default:
		return EX_UNAVAILABLE;
	}
}

unsigned trouble_next(unsigned code)
{
	unsigned next = 0;
	size_t i;

	for (i = 0; i < N_OF(daemon_table); i++) {
		if (daemon_table[i] > code && (!next || daemon_table[i] < next))
			next = daemon_table[i];
	}
	for (i = 0; i < N_OF(own_table); i++) {
		if (own_table[i].number > code && (!next || own_table[i].number < next))
			next = own_table[i].number;
	}
	return next;
}

bool trouble_is_known(unsigned code)
{
	return code && trouble_next(code - 1) == code;
}

void trouble_set(struct trouble *t, unsigned code, const char *what, ...)
{
	va_list ap;

	*t = (struct trouble){.code = code, .exit_code = trouble_exit_code(code)};
	va_start(ap, what);
	vsnprintf(t->what, sizeof(t->what), what, ap);
	va_end(ap);
	snprintf(t->why, sizeof(t->why), "%s", trouble_text(code));
	snprintf(t->how, sizeof(t->how), "%s", trouble_hint(code));
}

void trouble_set_why(struct trouble *t, const char *why, ...)
{
	va_list ap;

	va_start(ap, why);
	vsnprintf(t->why, sizeof(t->why), why, ap);
	va_end(ap);
}

void trouble_set_how(struct trouble *t, const char *how, ...)
{
	va_list ap;

	va_start(ap, how);
	vsnprintf(t->how, sizeof(t->how), how, ap);
	va_end(ap);
}

/* A text of several lines hangs under its first. */
static void print_part(const char *label, const char *text)
{
	const char *newline;

	while ((newline = strchr(text, '\n'))) {
		fprintf(stderr, "  %-5s %.*s\n", label, (int)(newline - text), text);
		text = newline + 1;
		label = "";
	}
	if (*text)
		fprintf(stderr, "  %-5s %s\n", label, text);
}

int trouble_print(const struct trouble *t)
{
	fprintf(stderr, "kgroupctl: %s\n", t->what);
	print_part("why:", t->why);
	print_part("mend:", t->how);
	fprintf(stderr, "  %-5s KG-%04u (kgroupctl explain KG-%04u)\n", "code:", t->code, t->code);
	return t->exit_code;
}
