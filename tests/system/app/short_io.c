/* SPDX-License-Identifier: MIT */
/*
 * A library to preload into the daemon: its Unix sockets are small and its writes go wrong.
 *
 * SHORT_IO=KIND:N makes every Nth write to a stream socket of the family AF_UNIX go so: "short"
 * takes one byte of it, "again" and "interrupted" none (EAGAIN, EINTR), "pipe" and "reset" end it
 * (EPIPE, ECONNRESET). KIND:each lets 1 write come before the first fault, 2 before the second, and
 * so on to the hundredth, which is the last, and is told on stderr. Whatever SHORT_IO says,
 * SO_SNDBUF is the kernel's least, so that no frame goes out in one piece. TCP sockets,
 * librdkafka's, are left alone.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { LEAST_SNDBUF = 4608, MOST_FAULTS = 100 };

static bool is_client(int fd)
{
	socklen_t size = sizeof(int);
	int domain = 0, type = 0;

	return !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) && domain == AF_UNIX &&
	       !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) && type == SOCK_STREAM;
}

static bool is_due(const char *n)
{
	static unsigned n_writes, n_faults; /* writes: since the last fault with "each" */

	n_writes++;
	if (strcmp(n, "each") != 0)
		return n_writes % (unsigned)atoi(n) == 0;
	if (n_faults == MOST_FAULTS || n_writes <= n_faults + 1)
		return false;
	n_writes = 0;
	if (++n_faults == MOST_FAULTS)
		dprintf(STDERR_FILENO, "the last of %d faults\n", MOST_FAULTS);
	return true;
}

/* Whose turn it is: 0 none, 1 a byte only, below 0 the error. The loop's thread writes alone. */
static int next_fault(int fd)
{
	static const struct {
		const char *name;
		int fault;
	} kinds[] = {{"short", 1},
		     {"again", -EAGAIN},
		     {"interrupted", -EINTR},
		     {"pipe", -EPIPE},
		     {"reset", -ECONNRESET}};
	const char *word = getenv("SHORT_IO"), *colon = word ? strchr(word, ':') : NULL;
	size_t i;

	if (!colon || !is_client(fd) || !is_due(colon + 1))
		return 0;
	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strncmp(word, kinds[i].name, (size_t)(colon - word)))
			return kinds[i].fault;
	return 0;
}

static ssize_t fail(int fault)
{
	errno = -fault;
	return -1;
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
	ssize_t (*next)(int, const void *, size_t, int) = dlsym(RTLD_NEXT, "send");
	int fault = next_fault(fd);

	return fault < 0 ? fail(fault) : next(fd, data, fault ? 1 : size, flags);
}

ssize_t writev(int fd, const struct iovec *iov, int n)
{
	ssize_t (*next)(int, const struct iovec *, int) = dlsym(RTLD_NEXT, "writev");
	struct iovec first = {iov->iov_base, 1};
	int fault = next_fault(fd);

	if (fault < 0)
		return fail(fault);
	return fault && iov->iov_len ? next(fd, &first, 1) : next(fd, iov, n);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	int (*next)(int, int, int, const void *, socklen_t) = dlsym(RTLD_NEXT, "setsockopt");
	int least = LEAST_SNDBUF;

	if (level == SOL_SOCKET && name == SO_SNDBUF && is_client(fd))
		return next(fd, level, name, &least, sizeof(least));
	return next(fd, level, name, value, size);
}
