/* SPDX-License-Identifier: MIT */
/* A socket to the daemon with its two buffers. See connection.c. */
#ifndef KG_CONNECTION_H
#define KG_CONNECTION_H

#include "client-lib/c/src/inbox.h"
#include "proto/codec.h"

#define CONNECTION_OUT_MAX_BYTES                                                                   \
	((size_t)64 << 10) /* what can wait, waits outside while more is unsent */

struct connection {
	int fd;	      /* owned; -1: none */
	int epoll_fd; /* owned; the application's descriptor, the same for life */
	bool armed;   /* EPOLLOUT is on */
	bool broken;  /* sending failed: what the daemon said before is still to be read */
	struct inbox in;
	struct kgp_buf out;
	size_t sent_bytes; /* of out */
	unsigned n_failures;
	uint64_t retry_at_us; /* while fd is -1 */
};

int connection_init(struct connection *c, uint32_t max_body_bytes); /* 0 or -errno */
void connection_deinit(struct connection *c);
void connection_abandon(
	struct connection *c); /* deinit in a forked child: the parent notices nothing */

int connection_open(struct connection *c, const char *path); /* 0 or -errno */
void connection_close(struct connection *c);
void connection_retry_later(struct connection *c, uint32_t at_least_ms);

/* Appends a frame to what will be sent: 0 or -ENOMEM, with nothing appended. */
int connection_put(struct connection *c, enum kgp_type type, const void *message);
int connection_flush(struct connection *c);   /* 0 or -errno of epoll_ctl(2) */
int connection_receive(struct connection *c); /* as inbox_receive() */

static inline size_t connection_unsent_bytes(const struct connection *c)
{
	return c->out.len - c->sent_bytes;
}

static inline bool connection_has_room(const struct connection *c)
{
	return connection_unsent_bytes(c) < CONNECTION_OUT_MAX_BYTES;
}

#endif
