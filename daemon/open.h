/* SPDX-License-Identifier: MIT */
/* OPEN: a connection becomes a consumer, or hears why not. See open.c. */
#ifndef OPEN_H
#define OPEN_H

#include "proto/codec.h"

struct connection;

void open_consumer(struct connection *c, union kgp_body *b);

#endif
