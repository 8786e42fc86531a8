/* SPDX-License-Identifier: MIT */
/* SEEK and its answer. See seek.c. */
#ifndef SEEK_H
#define SEEK_H

#include "proto/codec.h"

struct consumer;

void seek_start(struct consumer *c, const struct kgp_seek *m);
void seek_forget(struct consumer *c); /* it goes: its seeks that wait are dropped */

#endif
