/* SPDX-License-Identifier: MIT */
/*
 * Memory pressure: is the cgroup so short of memory that processes in it wait?
 *
 * Three ways, the first that works: what the service manager says in $MEMORY_PRESSURE_WATCH and
 * $MEMORY_PRESSURE_WRITE (systemd 254 and later; /dev/null there: it is not wanted); else a trigger
 * of our own in memory.pressure of our cgroup, where that may be written; else the same file is
 * read once a second, which needs no right and tells within two. Told is once per window at most.
 *
 * The kernel tells a trigger by EPOLLPRI, which libevent does not know: the descriptor stands in an
 * epoll of its own, and that one is readable when it has something.
 */
#include "daemon/pressure.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* As systemd has it: 150 ms of waiting within 2 s. */
#define TRIGGER "some 150000 2000000"

enum { STALL_US = 150000, WINDOW_TICKS = 2, MOST_WRITE_BYTES = 4096 };

struct pressure {
	int fd, epoll_fd; /* epoll_fd -1: the file is read */
	bool is_file;	  /* of the kernel's; else a FIFO or a socket, whose bytes are read off */
	struct event *event;
	uint64_t stall_us; /* at the beginning of the window */
	unsigned n_ticks;  /* of it */
	pressure_handler on_pressure;
	void *arg;
};

static void forget(struct pressure *p)
{
	if (p->event)
		event_free(p->event);
	p->event = NULL;
	if (p->epoll_fd >= 0)
		close(p->epoll_fd);
	if (p->fd >= 0)
		close(p->fd);
	p->fd = p->epoll_fd = -1;
}

struct pressure *pressure_free(struct pressure *p)
{
	if (p)
		forget(p);
	free(p);
	return NULL;
}

const char *pressure_get_source(const struct pressure *p)
{
	if (!p || p->fd < 0)
		return "none";
	return p->epoll_fd >= 0 ? "told" : "read";
}

/* ---- told ------------------------------------------------------------------------------------ */

static void stop(struct pressure *p)
{
	event_del(p->event);
	close(p->fd);
	p->fd = -1;
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct pressure *p = arg;
	struct epoll_event e;
	char ignored[4096];

	if (epoll_wait(p->epoll_fd, &e, 1, 0) <= 0)
		return;
	if (!p->is_file && read(p->fd, ignored, sizeof(ignored)) <= 0)
		stop(p); /* its other end is gone */
	else if (p->is_file && e.events & EPOLLERR)
		stop(p); /* the cgroup is gone */
	else
		p->on_pressure(p->arg);
}

static int watch(struct pressure *p, struct event_base *base)
{
	struct epoll_event e = {.events = p->is_file ? EPOLLPRI : EPOLLIN};

	p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll_fd < 0 || epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, p->fd, &e))
		return -errno;
	p->event = event_new(base, p->epoll_fd, EV_READ | EV_PERSIST, on_event, p);
	return p->event && !event_add(p->event, NULL) ? 0 : -ENOMEM;
}

/* ---- by the service manager ------------------------------------------------------------------ */

static int digit_of(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Base64. The number of bytes, or -EINVAL. */
static int decode(const char *text, uint8_t *out, size_t size)
{
	unsigned bits = 0, n_bits = 0;
	size_t n = 0;

	for (; *text && *text != '='; text++) {
		int digit = digit_of(*text);

		if (digit < 0 || n >= size)
			return -EINVAL;
		bits = bits << 6 | (unsigned)digit;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		n_bits -= 8;
		out[n++] = (uint8_t)(bits >> n_bits);
	}
	return (int)n;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;

	if (fd < 0)
		return -errno;
	if (strlen(path) < sizeof(address.sun_path)) {
		strcpy(address.sun_path, path);
		if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
			return fd;
	}
	r = -errno;
	close(fd);
	return r;
}

static int open_told(struct pressure *p, const char *path)
{
	const char *text = getenv("MEMORY_PRESSURE_WRITE");
	uint8_t bytes[MOST_WRITE_BYTES];
	int n = text ? decode(text, bytes, sizeof(bytes)) : 0;
	struct stat st;

	if (n < 0 || stat(path, &st))
		return n < 0 ? n : -errno;
	p->is_file = S_ISREG(st.st_mode);
	if (S_ISSOCK(st.st_mode))
		p->fd = connect_to(path);
	else
		p->fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (p->fd < 0)
		return -errno;
	if (!n || S_ISFIFO(st.st_mode)) /* into a FIFO it would tell ourselves */
		return 0;
	return write(p->fd, bytes, (size_t)n) == n ? 0 : -EIO;
}

/* ---- by ourselves ---------------------------------------------------------------------------- */

static int open_trigger(struct pressure *p, const char *path)
{
	p->is_file = true;
	p->fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (p->fd < 0)
		return -errno;
	return write(p->fd, TRIGGER, sizeof(TRIGGER)) < 0 ? -errno : 0;
}

/* 0, or -errno and nothing is known. */
static int read_stall(const struct pressure *p, uint64_t *us)
{
	char text[512];
	ssize_t n = pread(p->fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		return -errno;
	text[n] = 0;
	return budget_parse_stall(text, us) ? 0 : -EINVAL;
}

static int open_read(struct pressure *p, const char *path)
{
	p->fd = open(path, O_RDONLY | O_CLOEXEC);
	return p->fd < 0 ? -errno : read_stall(p, &p->stall_us);
}

void pressure_tick(struct pressure *p)
{
	uint64_t us, before;

	if (!p || p->fd < 0 || p->epoll_fd >= 0 || ++p->n_ticks < WINDOW_TICKS)
		return;
	p->n_ticks = 0;
	before = p->stall_us;
	if (read_stall(p, &us))
		return;
	p->stall_us = us;
	if (us - before >= STALL_US)
		p->on_pressure(p->arg);
}

/* ---- birth ----------------------------------------------------------------------------------- */

static bool is_told(struct pressure *p, struct event_base *base, const char *path,
		    int (*open_it)(struct pressure *, const char *))
{
	if (!open_it(p, path) && !watch(p, base))
		return true;
	forget(p);
	return false;
}

static bool find(struct pressure *p, struct event_base *base, const struct cgroup *cgroup)
{
	const char *named = getenv("MEMORY_PRESSURE_WATCH");
	char path[PATH_MAX];

	if (named && !strcmp(named, "/dev/null"))
		return false;
	if (named && is_told(p, base, named, open_told))
		return true;
	if (cgroup_get_path(cgroup, "memory.pressure", path))
		return false;
	return is_told(p, base, path, open_trigger) || !open_read(p, path);
}

struct pressure *pressure_open(struct event_base *base, const struct cgroup *cgroup,
			       pressure_handler on_pressure, void *arg)
{
	struct pressure *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	*p = (struct pressure){.fd = -1, .epoll_fd = -1, .on_pressure = on_pressure, .arg = arg};
	return find(p, base, cgroup) ? p : pressure_free(p);
}
