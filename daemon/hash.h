/* SPDX-License-Identifier: MIT */
/* uthash as it is used here: its default function falls through its switches unsaid, which clang
 * refuses. */
#ifndef HASH_H
#define HASH_H

#define HASH_FUNCTION HASH_FNV
#include <uthash.h>

#endif
