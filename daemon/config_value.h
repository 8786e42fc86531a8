/* SPDX-License-Identifier: MIT */
/* Text to numbers and back, in the units of the configuration file. Pure. */
#ifndef DAEMON_CONFIG_VALUE_H
#define DAEMON_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All: 0, -EINVAL = not of that form, -ERANGE = does not fit 64 bits. */
int config_value_parse_duration(const char *text, uint64_t *out_ms); /* "30s"; a bare 0 too */
int config_value_parse_size(const char *text, uint64_t *out_bytes);  /* "64KiB"; bare = bytes */
int config_value_parse_int(const char *text, uint64_t *out);	     /* decimal */
int config_value_parse_mode(const char *text, uint64_t *out);	     /* octal */
int config_value_parse_bool(const char *text, bool *out); /* yes no true false on off 1 0 */
int config_value_parse_choice(const char *text, const char *choices, int *out); /* "a|b|c" */

/* The largest unit that needs no fraction. */
#define CONFIG_VALUE_TEXT_BYTES 32
void config_value_format_duration(uint64_t ms, char text[CONFIG_VALUE_TEXT_BYTES]);
void config_value_format_size(uint64_t n_bytes, char text[CONFIG_VALUE_TEXT_BYTES]);
/* Choice number index, not terminated: its length in *n_bytes; NULL = no such choice. */
const char *config_value_find_choice(const char *choices, int index, size_t *n_bytes);

#endif
