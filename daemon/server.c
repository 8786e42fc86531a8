/* SPDX-License-Identifier: MIT */
/*
 * The listening socket.
 *
 * Owns it, unless the service manager passed it: then it stays there over our restarts. It is one
 * Unix socket: over another kind nobody has a user, so that no rule would hold, and who connects to
 * a second would wait for ever. Its mode and group are the first access rule. A reserve descriptor
 * lets us refuse, rather than spin, when the process runs out of them: it is given up, the
 * connection accepted and closed, and accepting rests until a connection has gone, at most until
 * the next tick. To wait for the tick whatever happens would leave who comes then behind all those
 * that came and went in a storm: a queue of 4096 of them, at as many a second as there are
 * descriptors.
 */
#include "daemon/server.h"

#include "daemon/connection.h"
#include "daemon/daemon.h"
#include "daemon/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

struct server {
	struct daemon *daemon;
	struct event *event;
	int fd, reserve_fd;
	bool passed; /* by the service manager */
	bool resting;
	unsigned n_refused; /* since that was logged */
	uint64_t logged_us;
};

enum { ACCEPTS_PER_TURN = 64, LOG_EVERY_US = 1000000 };

static int open_reserve(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void log_refused(struct server *s)
{
	if (s->logged_us && now_us() - s->logged_us < LOG_EVERY_US)
		return;
	log_write(LOG_ERR, NULL,
		  "out of file descriptors with %u connection%s: %u client%s refused; raise "
		  "LimitNOFILE",
		  s->daemon->n_connections, PLURAL(s->daemon->n_connections), s->n_refused,
		  s->n_refused == 1 ? " was" : "s were");
	s->logged_us = now_us();
	s->n_refused = 0;
}

static void refuse_for_want_of_descriptors(struct server *s)
{
	int fd;

	close(s->reserve_fd);
	fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		close(fd);
	s->reserve_fd = open_reserve();
	s->resting = true;
	event_del(s->event);
	s->n_refused++;
	log_refused(s);
}

static void on_connect(evutil_socket_t listen_fd, short what, void *arg)
{
	struct server *s = arg;
	int i, fd;

	for (i = 0; i < ACCEPTS_PER_TURN; i++) {
		fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			connection_new(s->daemon, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE)
			refuse_for_want_of_descriptors(s);
		if (errno != EINTR && errno != ECONNABORTED)
			return;
	}
}

void server_go_on(struct server *s)
{
	if (!s || !s->resting)
		return;
	s->resting = false;
	event_add(s->event, NULL);
}

/* ---- opening --------------------------------------------------------------------------------- */

static int fail(const char *what, const char *path)
{
	int r = -errno;

	log_write(LOG_ERR, NULL, "%s %s: %s", what, path, strerror(-r));
	return r;
}

/* A socket file of a daemon that is gone is removed; one that answers is somebody else's. */
static int clear_path(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r = 0;

	if (fd < 0)
		return fail("socket for", address->sun_path);
	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address))) {
		log_write(LOG_ERR, NULL, "%s is in use: another kgroupd runs there",
			  address->sun_path);
		r = -EADDRINUSE;
	} else if (errno == ECONNREFUSED) {
		unlink(address->sun_path);
	}
	close(fd);
	return r;
}

static int set_access(const struct config *config, const char *path)
{
	struct group *gr;

	if (*config->socket_group) {
		gr = getgrnam(config->socket_group);
		if (!gr) {
			log_write(LOG_ERR, NULL, "socket.group: this host has no group %s",
				  config->socket_group);
			return -ENOENT;
		}
		if (chown(path, (uid_t)-1, gr->gr_gid))
			return fail("cannot set the group of", path);
	}
	return chmod(path, config->socket_mode) ? fail("cannot set the mode of", path) : 0;
}

static int bind_path(struct server *s, const struct config *config)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mask;
	int r;

	if (strlen(config->socket_path) >= sizeof(address.sun_path)) {
		log_write(LOG_ERR, NULL, "socket.path %s is too long, %zu bytes are the most",
			  config->socket_path, sizeof(address.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	strcpy(address.sun_path, config->socket_path);
	r = clear_path(&address);
	if (r)
		return r;
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return fail("socket for", address.sun_path);
	mask = umask(0177); /* nobody gets in before the mode is set */
	r = bind(s->fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (r)
		return fail("cannot bind", address.sun_path);
	r = set_access(config, address.sun_path);
	if (r)
		return r;
	return listen(s->fd, SOMAXCONN) ? fail("cannot listen on", address.sun_path) : 0;
}

/* 1: there is one; 0: none was passed. */
static int take_passed(struct server *s)
{
	int n = sd_listen_fds(1);

	if (n <= 0)
		return 0;
	s->fd = SD_LISTEN_FDS_START;
	s->passed = true;
	if (n == 1 && sd_is_socket_unix(s->fd, SOCK_STREAM, 1, NULL, 0) > 0) {
		fcntl(s->fd, F_SETFL, fcntl(s->fd, F_GETFL) | O_NONBLOCK);
		return 1;
	}
	log_write(LOG_ERR, NULL,
		  "the service manager passes %d %s: the socket unit needs one ListenStream= with "
		  "a path, and no Accept=yes",
		  n, n == 1 ? "socket that is no listening Unix stream socket" : "sockets");
	return -EINVAL;
}

int server_open(struct server **out, struct daemon *d)
{
	struct server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	*s = (struct server){.daemon = d, .fd = -1, .reserve_fd = open_reserve()};
	r = take_passed(s);
	if (r >= 0)
		r = r ? 0 : bind_path(s, d->config);
	if (!r)
		s->event = event_new(d->base, s->fd, EV_READ | EV_PERSIST, on_connect, s);
	if (!r && (!s->event || event_add(s->event, NULL)))
		r = -ENOMEM;
	if (r) {
		server_free(s);
		return r;
	}
	*out = s;
	return 0;
}

/* One that was passed is not where the file says. An abstract name begins with a zero byte. */
void server_get_address(const struct server *s, char *out, size_t size)
{
	struct sockaddr_un address = {0};
	socklen_t n = sizeof(address);
	const char *path = address.sun_path;
	int most = sizeof(address.sun_path);

	if (getsockname(s->fd, (struct sockaddr *)&address, &n))
		path = "a socket";
	if (*path)
		snprintf(out, size, "%.*s", most, path);
	else
		snprintf(out, size, "@%.*s", most - 1, path + 1);
}

void server_stop(struct server *s)
{
	if (s->event)
		event_free(s->event);
	s->event = NULL;
	s->resting = false;
}

struct server *server_free(struct server *s)
{
	if (!s)
		return NULL;
	server_stop(s);
	if (s->fd >= 0)
		close(s->fd);
	if (s->reserve_fd >= 0)
		close(s->reserve_fd);
	if (!s->passed && s->fd >= 0)
		unlink(s->daemon->config->socket_path);
	free(s);
	return NULL;
}
