/* SPDX-License-Identifier: MIT */
/* The listening socket. See server.c. */
#ifndef SERVER_H
#define SERVER_H

#include <stddef.h>

struct daemon;
struct server;

int server_open(struct server **out, struct daemon *d); /* logs why not */
void server_stop(struct server *s);			/* accepts no more */
struct server *server_free(struct server *s);
void server_get_address(const struct server *s, char *out, size_t size); /* for people */
void server_go_on(struct server *s); /* accepts again after it ran out of descriptors */

#endif
