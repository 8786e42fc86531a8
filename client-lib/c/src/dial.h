/* SPDX-License-Identifier: MIT */
/* Connects to the daemon's socket and says why it cannot. See dial.c. */
#ifndef KG_DIAL_H
#define KG_DIAL_H

#include "client-lib/c/include/kgroup.h"

#include <stdbool.h>

int dial(const char *path);					      /* a descriptor, or -errno */
bool dial_may_heal(int error_no);				      /* trying again makes sense */
int dial_explain(struct kg_error *e, const char *path, int error_no); /* KG_ERR_UNREACHABLE */

#endif
