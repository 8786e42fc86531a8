/* SPDX-License-Identifier: MIT */
/* msgpack-c, an independent reader and writer of msgpack, as witness for ours. See witness.c. */
#ifndef UNIT_WITNESS_H
#define UNIT_WITNESS_H

#include "tests/unit/cmocka_all.h"

#include <msgpack.h>

/* The n bytes at p are one whole value: what msgpack-c understands, as text. free() it. */
char *witness_print(const void *p, size_t n);

/* The same, compared. */
void assert_means(const void *p, size_t n, const char *meaning);

#endif
