/* SPDX-License-Identifier: MIT */
/* The input of a conversation, byte by byte; behind its end there are zeros. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

struct fuzz_input {
	const uint8_t *at, *end;
};

extern struct fuzz_input input;

static inline uint8_t byte(void)
{
	return input.at < input.end ? *input.at++ : 0;
}

static inline unsigned below(unsigned n)
{
	return byte() % n;
}

#endif
