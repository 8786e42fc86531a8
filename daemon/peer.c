/* SPDX-License-Identifier: MIT */
/*
 * Who connected: user, groups, process and unit, as the kernel says.
 *
 * All of it is that of the process that called connect(2), whoever has the descriptor today. A pid
 * alone proves nothing, it may be another process's by now; so the unit counts for access only when
 * the kernel itself gave the pidfd of who connected (SO_PEERPIDFD, Linux 6.5), and that process was
 * still there after its cgroup had been read: then it was its cgroup. Without, the unit is for
 * people, and a pidfd made of the pid is good enough to notice an exit.
 */
#include "daemon/peer.h"

#include "daemon/unit.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

static int read_groups(struct peer *peer, int fd)
{
	socklen_t size = 0;

	if (!getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) || errno != ERANGE)
		return 0; /* none, or a kernel before 4.13: the primary group only */
	peer->groups = malloc(size);
	if (!peer->groups)
		return -ENOMEM;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer->groups, &size))
		size = 0;
	peer->n_groups = size / sizeof(gid_t);
	return 0;
}

/* The kernel's word is PEER_UNIT_CERTAIN. */
static enum peer_unit open_pid_fd(int fd, pid_t pid, int *pid_fd)
{
	socklen_t size = sizeof(*pid_fd);

	if (!getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, pid_fd, &size))
		return PEER_UNIT_CERTAIN;
	*pid_fd = -1;
	if (errno != ENOPROTOOPT)
		return PEER_UNIT_GONE;
	if (pid > 0)
		*pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	return PEER_UNIT_NO_PIDFD;
}

static bool is_alive(int pid_fd)
{
	struct pollfd poll_fd = {.fd = pid_fd, .events = POLLIN};

	return !poll(&poll_fd, 1, 0);
}

/* The order counts: read, then look whether it is still there. */
static void read_unit(struct peer *peer, int pid_fd)
{
	int r = peer->pid > 0 ? unit_read(peer->pid, &peer->unit) : -ESRCH;

	if (peer->unit_state != PEER_UNIT_CERTAIN)
		return;
	if (peer->pid <= 0 || !is_alive(pid_fd))
		peer->unit_state = PEER_UNIT_GONE;
	else if (r)
		peer->unit_state = PEER_UNIT_HIDDEN;
}

int peer_read(struct peer *peer, int fd, int *pid_fd)
{
	socklen_t size = sizeof(struct ucred);
	struct ucred cred;

	*pid_fd = -1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size))
		return -errno;
	*peer = (struct peer){.pid = cred.pid, .uid = cred.uid, .gid = cred.gid};
	peer->unit_state = open_pid_fd(fd, cred.pid, pid_fd);
	read_unit(peer, *pid_fd);
	return read_groups(peer, fd);
}

const char *peer_get_unit(const struct peer *peer)
{
	if (*peer->unit.user)
		return peer->unit.user;
	return *peer->unit.system ? peer->unit.system : NULL;
}

const char *peer_why_no_units(void)
{
	enum peer_unit state = PEER_UNIT_NO_PIDFD;
	int pair[2], pid_fd = -1;

	if (!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		state = open_pid_fd(pair[0], 0, &pid_fd);
		close(pair[0]);
		close(pair[1]);
	}
	if (pid_fd >= 0)
		close(pid_fd);
	if (state == PEER_UNIT_NO_PIDFD)
		return "this kernel has no SO_PEERPIDFD, Linux has it since 6.5";
	if (access("/proc/1/cgroup", F_OK))
		return "the processes of others are hidden from the daemon, its unit needs "
		       "ProtectProc=default";
	return NULL;
}
