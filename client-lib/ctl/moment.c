/* SPDX-License-Identifier: MIT */
/*
 * Points of time.
 *
 * Kafka counts milliseconds since 1970; people say "an hour ago" or name a day. Everything here is
 * a function of its arguments and of the time zone; what is not understood wholly is refused, so
 * that a slip never becomes another time.
 */
#include "client-lib/ctl/moment.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Digits to the end of the text, or to one of the units. */
static int read_number(const char *text, int64_t *number, const char **rest)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	*number = strtoll(text, &end, 10);
	*rest = end;
	return errno ? -EINVAL : 0;
}

static int before_now(const char *text, int64_t now_ms, int64_t *out_ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
	const char *rest;
	int64_t number;
	size_t i;

	if (read_number(text, &number, &rest) < 0)
		return -EINVAL;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(rest, units[i].unit) == 0 && number <= now_ms / units[i].ms) {
			*out_ms = now_ms - number * units[i].ms;
			return 0;
		}
	}
	return -EINVAL;
}

/* strptime() alone takes blanks and short numbers for more than they are. */
static bool has_shape(const char *text, const char *shape)
{
	for (; *text && *shape; text++, shape++) {
		if (*shape == '0' ? !isdigit((unsigned char)*text) : *text != *shape)
			return false;
	}
	return !*text && !*shape;
}

/* The calendar's own rules: mktime() makes March 1st of February 30th. */
static int to_ms(struct tm *tm, bool utc, int64_t *out_ms)
{
	int day = tm->tm_mday, month = tm->tm_mon;
	time_t s;

	tm->tm_isdst = -1;
	s = utc ? timegm(tm) : mktime(tm);
	if (s < 0 || tm->tm_mday != day || tm->tm_mon != month)
		return -EINVAL;
	*out_ms = (int64_t)s * 1000;
	return 0;
}

static int of_calendar(const char *text, int64_t *out_ms)
{
	static const struct {
		const char *shape, *format;
	} forms[] = {
		{"0000-00-00", "%Y-%m-%d"},
		{"0000-00-00 00:00", "%Y-%m-%d %H:%M"},
		{"0000-00-00 00:00:00", "%Y-%m-%d %H:%M:%S"},
	};
	size_t i, n = strlen(text);
	char copy[sizeof("0000-00-00 00:00:00Z")] = "";
	bool utc = n > 0 && text[n - 1] == 'Z';

	if (n >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, n - utc);
	if (copy[10] == 'T')
		copy[10] = ' ';
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = {0};

		if (has_shape(copy, forms[i].shape) && strptime(copy, forms[i].format, &tm))
			return to_ms(&tm, utc, out_ms);
	}
	return -EINVAL;
}

int moment_parse(const char *text, int64_t now_ms, int64_t *out_ms)
{
	const char *rest;

	text += *text == '@';
	if (*text == '-')
		return before_now(text + 1, now_ms, out_ms);
	if (read_number(text, out_ms, &rest) == 0 && !*rest)
		return 0;
	return of_calendar(text, out_ms);
}
