/* SPDX-License-Identifier: MIT */
/* QUERY: questions of clients, answered now or when the cluster has. See query.c. */
#ifndef QUERY_H
#define QUERY_H

#include "proto/codec.h"

#include <sys/queue.h>

enum { QUERIES_OF_USER = 1024 }; /* that wait, of all its connections */

struct connection;
struct query;

TAILQ_HEAD(queries, query);

void query_start(struct connection *c, union kgp_body *b);
void query_tick(struct connection *c); /* what waits for too long is told so */
void query_forget_all(struct connection *c);

#endif
