/* SPDX-License-Identifier: MIT */
/*
 * Memory of the configuration. A configuration is a few kilobytes that an administrator wrote; a
 * daemon that cannot get them cannot run, so a failure ends the process and no caller checks.
 */
#ifndef DAEMON_CONFIG_ALLOC_H
#define DAEMON_CONFIG_ALLOC_H

#include <stddef.h>

void *config_alloc(size_t n_bytes);				/* zeroed */
void *config_grow(void *items, size_t n_items, size_t n_bytes); /* room for item n_items, zeroed */
char *config_strdup(const char *text);
char *config_strndup(const char *text, size_t n_bytes);
char *config_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void config_strings_add(char ***strings, size_t *n, const char *text, size_t n_bytes);
void config_strings_free(char **strings, size_t n);

#endif
