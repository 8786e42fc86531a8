/* SPDX-License-Identifier: MIT */
/* Where the other programs of the project are. See program.c. */
#ifndef CTL_PROGRAM_H
#define CTL_PROGRAM_H

#include "client-lib/ctl/trouble.h"

enum { PROGRAM_PATH_BYTES = 4096 };

/* Each: 0 and the path of an executable file, or -ENOENT and t. */
int program_find_daemon(char path[PROGRAM_PATH_BYTES], struct trouble *t);
int program_find_mock(char path[PROGRAM_PATH_BYTES], struct trouble *t);

/* This program's own absolute path, else the name it was called by. */
const char *program_find_self(char path[PROGRAM_PATH_BYTES], const struct ctl *ctl);

#endif
