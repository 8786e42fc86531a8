/* SPDX-License-Identifier: MIT */
/* MARK and its answer. See marks.c. */
#ifndef MARKS_H
#define MARKS_H

#include "proto/codec.h"

struct consumer;

void marks_apply(struct consumer *c, uint32_t request, struct kgp_list entries);
void marks_forget(struct consumer *c); /* it goes: what waits for a log's end is dropped */

#endif
