/* SPDX-License-Identifier: MIT */
/* Sockets without a kernel: what a client and the daemon see of one connection. See fake_socket.c.
 */
#ifndef FAKE_SOCKET_H
#define FAKE_SOCKET_H

#include "proto/buf.h"

#include <stdbool.h>
#include <sys/types.h>

struct fake_socket {
	bool open;	   /* the daemon has its end */
	bool hung_up;	   /* the client's end is closed: what it sent can still be read */
	bool process_gone; /* a forked child may hold the socket */
	int error;	   /* of the next read or write, once; 0: none */
	uid_t uid;
	size_t room; /* what the daemon may write before the client reads */
	struct kgp_buf to_daemon, to_client;
	size_t read_bytes; /* of to_daemon */
};

int fake_socket_open(uid_t uid); /* the daemon's descriptor; -1: no more */
struct fake_socket *fake_socket_get(int fd);
void fake_sockets_reset(void);
unsigned fake_sockets_count(void); /* that the daemon has not closed */

#endif
