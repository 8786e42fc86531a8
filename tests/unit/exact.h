/* SPDX-License-Identifier: MIT */
/* Bytes in an allocation of exactly their size, so that a sanitizer sees the first byte read
 * beyond. */
#ifndef UNIT_EXACT_H
#define UNIT_EXACT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Owned by the caller, free() it. Never NULL. */
static inline uint8_t *exact_copy(const void *data, size_t n)
{
	uint8_t *p = malloc(n);

	assert(p || !n);
	if (n)
		memcpy(p, data, n);
	return p;
}

#endif
