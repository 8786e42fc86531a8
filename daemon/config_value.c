/* SPDX-License-Identifier: MIT */
/*
 * Syntax of single values. Whole numbers with a unit at once behind them; a duration without a
 * unit is refused, since "timeout = 30" has meant minutes, seconds and milliseconds in the
 * programs that people come from. Ranges are the business of the caller.
 */
#include "daemon/config_value.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
	const char *name;
	uint64_t factor;
};

/* Largest first, for formatting. */
static const struct unit duration_units[] = {
	{"h", 3600 * 1000}, {"m", 60 * 1000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};
static const struct unit size_units[] = {
	{"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}, {"B", 1}, {NULL, 0}};

static int parse_digits(const char *text, int base, uint64_t *out, const char **rest)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	*out = strtoull(text, &end, base);
	if (errno == ERANGE)
		return -ERANGE;
	*rest = end;
	return 0;
}

static int parse_number(const char *text, int base, uint64_t *out)
{
	const char *rest;
	int r = parse_digits(text, base, out, &rest);

	if (r < 0)
		return r;
	return *rest == '\0' ? 0 : -EINVAL;
}

static int parse_with_unit(const char *text, const struct unit *units, uint64_t *out)
{
	const char *rest;
	int r = parse_digits(text, 10, out, &rest);

	if (r < 0)
		return r;
	rest += strspn(rest, " ");
	for (; units->name; units++) {
		if (strcmp(rest, units->name) == 0)
			return __builtin_mul_overflow(*out, units->factor, out) ? -ERANGE : 0;
	}
	return -EINVAL;
}

int config_value_parse_duration(const char *text, uint64_t *out_ms)
{
	if (strcmp(text, "0") == 0) {
		*out_ms = 0;
		return 0;
	}
	return parse_with_unit(text, duration_units, out_ms);
}

int config_value_parse_size(const char *text, uint64_t *out_bytes)
{
	int r = parse_number(text, 10, out_bytes);

	return r == -EINVAL ? parse_with_unit(text, size_units, out_bytes) : r;
}

int config_value_parse_int(const char *text, uint64_t *out)
{
	return parse_number(text, 10, out);
}

int config_value_parse_mode(const char *text, uint64_t *out)
{
	return parse_number(text, 8, out);
}

int config_value_parse_bool(const char *text, bool *out)
{
	static const char *const words[][2] = {
		{"no", "yes"}, {"false", "true"}, {"off", "on"}, {"0", "1"}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		for (int truth = 0; truth < 2; truth++) {
			if (strcasecmp(text, words[i][truth]) == 0) {
				*out = truth;
				return 0;
			}
		}
	}
	return -EINVAL;
}

const char *config_value_find_choice(const char *choices, int index, size_t *n_bytes)
{
	for (; index > 0; index--) {
		choices = strchr(choices, '|');
		if (!choices)
			return NULL;
		choices++;
	}
	*n_bytes = strcspn(choices, "|");
	return choices;
}

int config_value_parse_choice(const char *text, const char *choices, int *out)
{
	const char *choice;
	size_t n_bytes;

	for (int i = 0; (choice = config_value_find_choice(choices, i, &n_bytes)); i++) {
		if (strlen(text) == n_bytes && memcmp(text, choice, n_bytes) == 0) {
			*out = i;
			return 0;
		}
	}
	return -EINVAL;
}

static void format_with_unit(uint64_t value, const struct unit *units, const char *zero,
			     char text[CONFIG_VALUE_TEXT_BYTES])
{
	if (value == 0) {
		snprintf(text, CONFIG_VALUE_TEXT_BYTES, "%s", zero);
		return;
	}
	while (value % units->factor != 0)
		units++;
	snprintf(text, CONFIG_VALUE_TEXT_BYTES, "%llu%s",
		 (unsigned long long)(value / units->factor), units->name);
}

void config_value_format_duration(uint64_t ms, char text[CONFIG_VALUE_TEXT_BYTES])
{
	format_with_unit(ms, duration_units, "0s", text);
}

void config_value_format_size(uint64_t n_bytes, char text[CONFIG_VALUE_TEXT_BYTES])
{
	format_with_unit(n_bytes, size_units, "0B", text);
}
