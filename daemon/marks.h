/* SPDX-License-Identifier: MIT */
/* MARK, RESET and their answer. See marks.c. */
#ifndef MARKS_H
#define MARKS_H

#include "proto/codec.h"

struct consumer;

enum marks_kind { MARKS, RESETS };

void marks_apply(struct consumer *c, enum marks_kind kind, uint32_t request,
		 struct kgp_list entries);
void marks_forget(struct consumer *c); /* it goes: what waits for a log's end is dropped */

#endif
