/* SPDX-License-Identifier: MIT */
/* A point of time as people type it. See moment.c. */
#ifndef CTL_MOMENT_H
#define CTL_MOMENT_H

#include <stdint.h>

/*
 * Milliseconds since 1970 of "-90s", "-1h", "-2d" (before now_ms), "2024-05-01",
 * "2024-05-01 12:30[:15]" (T in place of the blank; local time, or UTC with a Z behind it), or a
 * plain number, which is that already; each may have an @ in front. 0, or -EINVAL.
 */
int moment_parse(const char *text, int64_t now_ms, int64_t *out_ms);

#endif
