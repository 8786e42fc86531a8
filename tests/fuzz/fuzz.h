/* SPDX-License-Identifier: MIT */
/* What the fuzz targets share: one entry point each, and bytes of exactly their size. */
#ifndef FUZZ_H
#define FUZZ_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* An allocation of exactly n bytes, so that the sanitizer sees the first byte read beyond. */
static inline uint8_t *fuzz_copy(const uint8_t *data, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	assert(copy);
	if (n)
		memcpy(copy, data, n);
	return copy;
}

/* The same as a text; what is behind a NUL in it is not seen. */
static inline char *fuzz_text(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 1);

	assert(text);
	if (n)
		memcpy(text, data, n);
	text[n] = 0;
	return text;
}

#endif
