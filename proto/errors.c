/* SPDX-License-Identifier: MIT */
/*
 * Texts of error codes and verdicts.
 *
 * Pure look-ups in the two tables, shared by daemon, library and tool so that one code has one
 * wording everywhere. A code that a newer peer sends is not an error of ours: it gets a text that
 * says so.
 */
#include "proto/errors.h"

#include <stddef.h>

struct error {
	unsigned code;
	const char *name, *text, *hint;
};

static const struct error errors[] = {
	{KGP_E_OK, "ok", "done", ""},
#define KGP_ERROR(NAME, number, name, text, hint) {number, name, text, hint},
#include "proto/errors.def"
#undef KGP_ERROR
};

static const struct error unknown = {0, "unknown error",
				     "the peer is newer and names an error that is not known here",
				     "update the older of the two"};

static const struct error *find(unsigned code)
{
	size_t i;

	for (i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (errors[i].code == code)
			return &errors[i];
	return &unknown;
}

const char *kgp_error_name(unsigned code)
{
	return find(code)->name;
}

const char *kgp_error_text(unsigned code)
{
	return find(code)->text;
}

const char *kgp_error_hint(unsigned code)
{
	return find(code)->hint;
}

const char *kgp_verdict_name(unsigned verdict)
{
	switch (verdict) {
#define KGP_VERDICT(NAME, number, name, help)                                                      \
	case number:                                                                               \
		return name;
#include "proto/verdicts.def"
#undef KGP_VERDICT
	default:
		return "unknown verdict";
	}
}
