/* SPDX-License-Identifier: MIT */
/* Error codes and verdicts, from errors.def and verdicts.def. See errors.c. */
#ifndef KGP_ERRORS_H
#define KGP_ERRORS_H

enum kgp_error_code {
	KGP_E_OK = 0,
#define KGP_ERROR(NAME, number, name, text, hint) KGP_E_##NAME = number,
#include "proto/errors.def"
#undef KGP_ERROR
};

enum kgp_verdict {
#define KGP_VERDICT(NAME, number, name, help) KGP_VERDICT_##NAME = number,
#include "proto/verdicts.def"
#undef KGP_VERDICT
};

/* All static texts; never NULL: an unknown number has a text that says so. */
const char *kgp_error_name(unsigned code);
const char *kgp_error_text(unsigned code);
const char *kgp_error_hint(unsigned code);
const char *kgp_verdict_name(unsigned verdict);

#endif
