/* SPDX-License-Identifier: MIT */
/* The memory budget. See memory.c. */
#ifndef MEMORY_H
#define MEMORY_H

struct daemon;

void memory_tick(struct daemon *d);

#endif
