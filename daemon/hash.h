/* SPDX-License-Identifier: MIT */
/* uthash as it is used here: its default function falls through its switches unsaid, which clang
 * refuses; and without memory it would end the process: what was not added has hh.tbl NULL. */
#ifndef HASH_H
#define HASH_H

#define HASH_FUNCTION	  HASH_FNV
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#endif
