/* SPDX-License-Identifier: MIT */
/*
 * The connection: a socket, what is received of it, what waits to be sent, and when to try again.
 *
 * Owns the socket and the epoll descriptor that the application polls. That one stays the same over
 * reconnects; it watches the socket for input, and for output only while output waits. Short
 * writes, EAGAIN and EINTR of sending end here. A failed send is not yet the end: the daemon's last
 * words may wait in the socket, so it only marks the connection broken and reading finds the end.
 *
 * Knows frames but no meaning: session.c says what is sent and what a lost connection means. In a
 * forked child the epoll set is shared with the parent, so connection_abandon() closes and touches
 * nothing else.
 */
#include "client-lib/c/src/connection.h"

#include "client-lib/c/src/clock.h"
#include "client-lib/c/src/dial.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST_DELAY_MS = 50, MAX_DELAY_MS = 1000 };

int connection_init(struct connection *c, uint32_t max_body_bytes)
{
	*c = (struct connection){.fd = -1};
	inbox_init(&c->in, max_body_bytes);
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return c->epoll_fd < 0 ? -errno : 0;
}

static int close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
	return -1;
}

void connection_abandon(struct connection *c)
{
	c->fd = close_fd(c->fd);
	c->epoll_fd = close_fd(c->epoll_fd);
	inbox_deinit(&c->in);
	kgp_buf_deinit(&c->out);
}

void connection_deinit(struct connection *c)
{
	connection_close(c);
	connection_abandon(c);
}

static int watch(struct connection *c, int operation, bool output)
{
	struct epoll_event e = {.events = EPOLLIN | (output ? EPOLLOUT : 0)};

	if (epoll_ctl(c->epoll_fd, operation, c->fd, &e))
		return -errno;
	c->armed = output;
	return 0;
}

int connection_open(struct connection *c, const char *path)
{
	int r = dial(path);

	if (r < 0)
		return r;
	c->fd = r;
	r = watch(c, EPOLL_CTL_ADD, false);
	if (r < 0)
		c->fd = close_fd(c->fd);
	return r;
}

/* The epoll set would keep a socket that a forked child has open too, so it leaves the set by name.
 */
void connection_close(struct connection *c)
{
	if (c->fd >= 0)
		epoll_ctl(c->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
	c->fd = close_fd(c->fd);
	c->armed = false;
	c->broken = false;
	inbox_clear(&c->in);
	kgp_buf_deinit(&c->out);
	c->sent_bytes = 0;
}

/* From three quarters to all of the delay, so that the programs of a host do not come back in step.
 */
static uint64_t jitter_us(uint64_t delay_us)
{
	uint16_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = (uint16_t)clock_now_us();
	return delay_us - delay_us / 4 * random / UINT16_MAX;
}

/* The first try is at once, later ones after 50 ms and twice that each time, up to 1 s. */
void connection_retry_later(struct connection *c, uint32_t at_least_ms)
{
	uint64_t delay_ms = 0;

	if (c->n_failures)
		delay_ms = FIRST_DELAY_MS << (c->n_failures < 6 ? c->n_failures - 1 : 5);
	if (delay_ms > MAX_DELAY_MS)
		delay_ms = MAX_DELAY_MS;
	c->n_failures++;
	delay_ms = jitter_us(delay_ms * 1000) / 1000;
	if (delay_ms < at_least_ms)
		delay_ms = at_least_ms;
	c->retry_at_us = clock_now_us() + delay_ms * 1000;
}

/* A daemon that reads slowly but always leaves a rest would let the sent part grow without end. */
static void drop_sent(struct connection *c)
{
	if (c->sent_bytes < CONNECTION_OUT_MAX_BYTES)
		return;
	c->out.len -= c->sent_bytes;
	memmove(c->out.data, c->out.data + c->sent_bytes, c->out.len);
	c->sent_bytes = 0;
}

int connection_put(struct connection *c, enum kgp_type type, const void *message)
{
	size_t before;

	drop_sent(c);
	before = c->out.len;
	kgp_encode(&c->out, type, message);
	if (!c->out.failed)
		return 0;
	c->out.len = before; /* what stood before is whole: a failed buffer keeps its memory */
	c->out.failed = false;
	return -ENOMEM;
}

static void all_sent(struct connection *c)
{
	c->sent_bytes = 0;
	if (c->out.cap > CONNECTION_OUT_MAX_BYTES)
		kgp_buf_deinit(&c->out);
	else
		kgp_buf_reset(&c->out);
}

int connection_flush(struct connection *c)
{
	ssize_t n;

	while (!c->broken && connection_unsent_bytes(c)) {
		n = send(c->fd, c->out.data + c->sent_bytes, connection_unsent_bytes(c),
			 MSG_NOSIGNAL);
		if (n >= 0)
			c->sent_bytes += (size_t)n;
		else if (errno == EAGAIN)
			return c->armed ? 0 : watch(c, EPOLL_CTL_MOD, true);
		else if (errno != EINTR)
			c->broken = true;
	}
	all_sent(c);
	return c->armed ? watch(c, EPOLL_CTL_MOD, false) : 0;
}

int connection_receive(struct connection *c)
{
	int r = inbox_receive(&c->in, c->fd);

	return r == -EAGAIN && c->broken ? -EPIPE : r;
}
