/* SPDX-License-Identifier: MIT */
/*
 * The service manager's notification socket, without waiting.
 *
 * sd_notify(3) blocks while the receiver's queue is full, and with it would our only thread, and
 * with that every consumer of this host. So this owns a socket that does not block; a word that
 * does not fit is lost, and said again by the next tick. Without $NOTIFY_SOCKET nothing happens.
 */
#include "daemon/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int fd = -1;
static struct sockaddr_un address;
static socklen_t address_bytes;

void notify_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t n = path ? strlen(path) : 0;

	if (!n || n >= sizeof(address.sun_path) || (*path != '/' && *path != '@'))
		return;
	address.sun_family = AF_UNIX;
	memcpy(address.sun_path, path, n);
	if (*path == '@')
		address.sun_path[0] = 0; /* an abstract name */
	address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

void notify_close(void)
{
	if (fd >= 0)
		close(fd);
	fd = -1;
}

int notify_send(const char *format, ...)
{
	char text[1024];
	va_list ap;
	int n;

	if (fd < 0)
		return 0;
	va_start(ap, format);
	n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		return -EMSGSIZE;
	if (sendto(fd, text, (size_t)n, MSG_NOSIGNAL, (struct sockaddr *)&address, address_bytes) <
	    0)
		return -errno;
	return 0;
}
