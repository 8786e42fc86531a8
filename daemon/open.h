/* SPDX-License-Identifier: MIT */
/* OPEN: a connection becomes a consumer, or hears why not. See open.c. */
#ifndef OPEN_H
#define OPEN_H

#include "proto/codec.h"
#include "proto/settings.h"

#include <stdbool.h>

struct connection;
struct group;
struct peer;

/* The settings that OPEN, or QUERY validate, names: 0, or an error code and a text. */
unsigned open_check_settings(const struct connection *c, struct kgp_settings *s,
			     struct kgp_list pairs, char *why, size_t size);
bool open_is_topic(struct kgp_bytes name); /* as Kafka allows it */
bool open_may_use(const struct group *g, const struct peer *peer);
void open_consumer(struct connection *c, union kgp_body *b);

#endif
