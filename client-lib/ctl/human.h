/* SPDX-License-Identifier: MIT */
/* Quantities as people read them. See human.c. */
#ifndef CTL_HUMAN_H
#define CTL_HUMAN_H

#include <stdint.h>

enum { HUMAN_BYTES = 32 };

/* 0s, 59s, 3m12s, 2h05m, 4d03h */
const char *human_duration(char out[HUMAN_BYTES], int64_t seconds);

/* 512 B, 43 MiB, 1.5 GiB */
const char *human_size(char out[HUMAN_BYTES], int64_t bytes);

/* "1 partition", "2 partitions" */
const char *human_count(char out[HUMAN_BYTES], int64_t n, const char *noun);

#endif
