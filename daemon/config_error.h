/* SPDX-License-Identifier: MIT */
/* Collects what is wrong with a configuration, each as "file:line: what, why, how to mend it". */
#ifndef DAEMON_CONFIG_ERROR_H
#define DAEMON_CONFIG_ERROR_H

#include "daemon/config.h"

/* at may be NULL: a matter of no file. A line of 0 is left out. */
void config_errors_add(struct config_errors *errors, const struct config_origin *at,
		       const char *format, ...) __attribute__((format(printf, 3, 4)));
void config_errors_warn(struct config_errors *errors, const struct config_origin *at,
			const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Orders what was added since n_errors and n_warnings by file and line; forgets the files. */
void config_errors_sort(struct config_errors *errors, size_t n_errors, size_t n_warnings,
			char *const *files, size_t n_files);

/* A value as an error shows it: short, printable, one line. */
#define CONFIG_SHOWN_BYTES 72
struct config_shown {
	char text[CONFIG_SHOWN_BYTES];
};
struct config_shown config_show(const char *value);

#endif
