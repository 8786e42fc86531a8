/* SPDX-License-Identifier: MIT */
/* What people and tools can ask. See status.c. */
#ifndef STATUS_H
#define STATUS_H

#include "proto/codec.h"

struct connection;
struct daemon;

/* 0 and the result, or an error code. */
unsigned status_query(struct daemon *d, struct connection *asker, struct kgp_bytes what,
		      struct kgp_list arguments, struct kgp_buf *result);
void status_summary(struct daemon *d, char *out, size_t size); /* the line of systemctl status */

#endif
