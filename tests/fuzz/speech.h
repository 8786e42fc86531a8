/* SPDX-License-Identifier: MIT */
/* Frames made of the input's bytes. See speech.c. */
#ifndef FUZZ_SPEECH_H
#define FUZZ_SPEECH_H

#include "tests/fuzz/client.h"

void say_hello(struct fuzz_client *c);
void say_open(struct fuzz_client *c);
void say_one(struct fuzz_client *c, uint64_t epoch); /* epoch: the last that was given out */
/* So much more than before; claim counts in partitions mode only. */
void say_credit(struct fuzz_client *c, struct fuzz_claim *claim, unsigned n, unsigned bytes);

#endif
