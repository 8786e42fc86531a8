/* SPDX-License-Identifier: MIT */
/* Output that every asking command has in common. See show.c. */
#ifndef CTL_SHOW_H
#define CTL_SHOW_H

#include <jansson.h>

#include "client-lib/ctl/trouble.h"

/* One JSON document and a newline on stdout; compact: on one line. 0 or -EIO. */
int show_json(const json_t *json, bool compact);

/* Prints t and returns its exit code; name: the group that was asked for, or NULL. */
int show_fail(const char *name, struct trouble *t);

/* An answer without the group that was asked for: -ENOENT and t. */
int show_check_group(const json_t *groups, const char *name, struct trouble *t);

#endif
