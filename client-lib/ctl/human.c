/* SPDX-License-Identifier: MIT */
/*
 * Quantities as people read them: two units of a time at most, three digits of a size.
 *
 * Only tables and sentences use this; JSON, --raw and --pairs have plain numbers with their unit in
 * the name. Pure.
 */
#include "client-lib/ctl/human.h"

#include <inttypes.h>
#include <stdio.h>

#define I(x) (long long)(x)

const char *human_duration(char out[HUMAN_BYTES], int64_t seconds)
{
	const int64_t minute = 60, hour = 3600, day = 86400;
	int64_t s = seconds < 0 ? 0 : seconds;

	if (s < minute)
		snprintf(out, HUMAN_BYTES, "%llds", I(s));
	else if (s < hour)
		snprintf(out, HUMAN_BYTES, "%lldm%02llds", I(s / minute), I(s % minute));
	else if (s < day)
		snprintf(out, HUMAN_BYTES, "%lldh%02lldm", I(s / hour), I(s % hour / minute));
	else
		snprintf(out, HUMAN_BYTES, "%lldd%02lldh", I(s / day), I(s % day / hour));
	return out;
}

const char *human_size(char out[HUMAN_BYTES], int64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double size = bytes < 0 ? 0 : (double)bytes;
	unsigned unit = 0;

	while (size >= 1024 && unit < 6) {
		size /= 1024;
		unit++;
	}
	snprintf(out, HUMAN_BYTES, size < 10 && unit ? "%.1f %s" : "%.0f %s", size, units[unit]);
	return out;
}

const char *human_count(char out[HUMAN_BYTES], int64_t n, const char *noun)
{
	snprintf(out, HUMAN_BYTES, "%lld %s%s", I(n), noun, n == 1 ? "" : "s");
	return out;
}
