/* SPDX-License-Identifier: MIT */
/*
 * Sockets without a kernel.
 *
 * Stands in for the system calls of daemon/connection.c, so that its own code runs: short writes,
 * full sockets, resets, ends and the exit of the process come as the input wants them, and peers
 * have the uid that they say. A pair of numbers belongs to a connection: its socket, and the pidfd
 * of its process.
 */
#include "tests/fuzz/fake_socket.h"

#include "tests/fuzz/fake_loop.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FIRST_FD = 1000, MOST = 64, SO_PEERPIDFD_ = 77 };

static struct fake_socket sockets[MOST];
static bool pid_fds[MOST];
static int n_sockets;

int fake_socket_open(uid_t uid)
{
	if (n_sockets == MOST)
		return -1;
	sockets[n_sockets].open = true;
	sockets[n_sockets].uid = uid;
	sockets[n_sockets].room = 200000;
	return FIRST_FD + 2 * n_sockets++;
}

static bool is_fake(int fd)
{
	return fd >= FIRST_FD && fd < FIRST_FD + 2 * MOST;
}

struct fake_socket *fake_socket_get(int fd)
{
	assert(is_fake(fd));
	return &sockets[(fd - FIRST_FD) / 2];
}

void fake_sockets_reset(void)
{
	int i;

	for (i = 0; i < n_sockets; i++) {
		kgp_buf_deinit(&sockets[i].to_daemon);
		kgp_buf_deinit(&sockets[i].to_client);
		sockets[i] = (struct fake_socket){.open = false};
	}
	n_sockets = 0;
}

unsigned fake_sockets_count(void)
{
	unsigned n = 0;
	int i;

	for (i = 0; i < n_sockets; i++)
		n += sockets[i].open + pid_fds[i];
	return n;
}

static size_t room_of(const struct fake_socket *s)
{
	return s->to_client.len < s->room ? s->room - s->to_client.len : 0;
}

short fake_socket_ready(int fd)
{
	struct fake_socket *s = fake_socket_get(fd);
	short ready = 0;

	assert(fd % 2 ? pid_fds[(fd - FIRST_FD) / 2] : s->open);
	if (fd % 2)
		return s->process_gone ? EV_READ : 0;
	if (s->error || s->hung_up || s->read_bytes < s->to_daemon.len)
		ready |= EV_READ;
	if (s->error || s->hung_up || room_of(s))
		ready |= EV_WRITE;
	return ready;
}

/* ---- the calls of connection.c --------------------------------------------------------------- */

int __wrap_close(int fd);
int __real_close(int fd);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);
long __wrap_syscall(long number, ...);
int __wrap_evbuffer_read(struct evbuffer *b, evutil_socket_t fd, int most);
int __wrap_evbuffer_write(struct evbuffer *b, evutil_socket_t fd);

int __wrap_close(int fd)
{
	bool *is_open;

	if (!is_fake(fd))
		return __real_close(fd);
	is_open = fd % 2 ? &pid_fds[(fd - FIRST_FD) / 2] : &fake_socket_get(fd)->open;
	assert(*is_open); /* closed twice, another connection would lose its descriptor */
	*is_open = false;
	return 0;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	struct fake_socket *s = fake_socket_get(fd);

	if (name == SO_PEERCRED) {
		*(struct ucred *)value = (struct ucred){100 + fd, s->uid, s->uid};
		return 0;
	}
	if (name == SO_PEERPIDFD_ && s->uid % 2) {
		pid_fds[(fd - FIRST_FD) / 2] = true;
		*(int *)value = fd + 1;
		return 0;
	}
	if (name == SO_PEERGROUPS && *size >= sizeof(gid_t) && value) {
		*(gid_t *)value = s->uid;
		*size = sizeof(gid_t);
		return 0;
	}
	if (name == SO_PEERGROUPS)
		*size = sizeof(gid_t);
	errno = name == SO_PEERGROUPS ? ERANGE : ENOPROTOOPT;
	return -1;
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	return 0;
}

/* The other way to a pidfd, of older kernels. */
long __wrap_syscall(long number, ...)
{
	va_list ap;
	int fd;

	assert(number == SYS_pidfd_open);
	va_start(ap, number);
	fd = va_arg(ap, pid_t) - 100;
	va_end(ap);
	pid_fds[(fd - FIRST_FD) / 2] = true;
	return fd + 1;
}

/* > 0: how much the socket takes. */
static ssize_t begin_write(struct fake_socket *s, size_t size)
{
	size_t room = room_of(s);

	assert(s->open);
	if (s->error || s->hung_up) {
		errno = s->error ? s->error : EPIPE;
		s->error = 0;
		return -1;
	}
	if (!room) {
		errno = EAGAIN;
		return -1;
	}
	return (ssize_t)(size < room ? size : room);
}

ssize_t __wrap_send(int fd, const void *data, size_t size, int flags)
{
	struct fake_socket *s = fake_socket_get(fd);
	ssize_t n = begin_write(s, size);

	assert(flags & MSG_NOSIGNAL && flags & MSG_DONTWAIT);
	if (n > 0)
		kgp_put_raw(&s->to_client, data, (size_t)n);
	return n;
}

int __wrap_evbuffer_write(struct evbuffer *b, evutil_socket_t fd)
{
	struct fake_socket *s = fake_socket_get(fd);
	ssize_t n = begin_write(s, evbuffer_get_length(b));

	if (n <= 0)
		return (int)n;
	assert(kgp_buf_reserve(&s->to_client, (size_t)n));
	assert(evbuffer_remove(b, s->to_client.data + s->to_client.len, (size_t)n) == n);
	s->to_client.len += (size_t)n;
	return (int)n;
}

int __wrap_evbuffer_read(struct evbuffer *b, evutil_socket_t fd, int most)
{
	struct fake_socket *s = fake_socket_get(fd);
	size_t n = s->to_daemon.len - s->read_bytes;

	assert(s->open);
	if (n) {
		n = n < (size_t)most ? n : (size_t)most;
		assert(!evbuffer_add(b, s->to_daemon.data + s->read_bytes, n));
		s->read_bytes += n;
		return (int)n;
	}
	if (!s->error && s->hung_up)
		return 0;
	errno = s->error ? s->error : EAGAIN;
	s->error = 0;
	return -1;
}
