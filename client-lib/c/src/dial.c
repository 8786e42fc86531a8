/* SPDX-License-Identifier: MIT */
/*
 * The way to the daemon's socket, and the words for when there is none.
 *
 * "Permission denied" on a socket is the first thing that a new user meets, so the text names the
 * user, the socket's owner, group and mode, and the command that mends it. Owns nothing; a
 * descriptor is CLOEXEC and NONBLOCK from birth. connect(2) on a Unix socket never waits in this
 * mode: a full backlog is EAGAIN and heals. It must never look up names over the network in the
 * normal case: names are looked up for the error text only.
 */
#include "client-lib/c/src/dial.h"

#include "client-lib/c/src/error.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { NAME_BYTES = 64, LOOKUP_BYTES = 4096 };

int dial(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd, r;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	do
		r = connect(fd, (struct sockaddr *)&a, sizeof(a));
	while (r && errno == EINTR);
	if (!r)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

bool dial_may_heal(int error_no)
{
	switch (error_no) {
	case EACCES:
	case EPERM:
	case ENAMETOOLONG:
	case ENOTSOCK:
	case EPROTOTYPE:
	case ELOOP:
		return false;
	default:
		return true;
	}
}

static void name_of_user(uid_t uid, char name[NAME_BYTES])
{
	char buf[LOOKUP_BYTES];
	struct passwd pw, *found = NULL;

	if (!getpwuid_r(uid, &pw, buf, sizeof(buf), &found) && found)
		snprintf(name, NAME_BYTES, "%s", pw.pw_name);
	else
		snprintf(name, NAME_BYTES, "%u", (unsigned)uid);
}

static void name_of_group(gid_t gid, char name[NAME_BYTES])
{
	char buf[LOOKUP_BYTES];
	struct group gr, *found = NULL;

	if (!getgrgid_r(gid, &gr, buf, sizeof(buf), &found) && found)
		snprintf(name, NAME_BYTES, "%s", gr.gr_name);
	else
		snprintf(name, NAME_BYTES, "%u", (unsigned)gid);
}

static void explain_permission(struct kg_error *e, const char *path)
{
	char user[NAME_BYTES], owner[NAME_BYTES], group[NAME_BYTES];
	struct stat st;

	name_of_user(geteuid(), user);
	if (stat(path, &st)) {
		error_set(e, KG_ERR_UNREACHABLE,
			  "user %s may not reach %s: permission denied on a directory above the "
			  "socket",
			  user, path);
		error_hint(e, "the directories above the socket need to be searchable: namei -l %s",
			   path);
		return;
	}
	name_of_user(st.st_uid, owner);
	name_of_group(st.st_gid, group);
	error_set(e, KG_ERR_UNREACHABLE,
		  "user %s may not connect to %s: permission denied; the socket belongs to %s:%s "
		  "with mode %04o",
		  user, path, owner, group, (unsigned)st.st_mode & 07777);
	if (!(st.st_mode & S_IWGRP) || !st.st_gid) /* nobody is to be made a member of root */
		error_hint(e,
			   "an administrator sets socket.group = GROUP and socket.mode = 0660 in "
			   "[daemon] of kgroupd.conf, and: sudo usermod -aG GROUP %s",
			   user);
	else
		error_hint(e, "sudo usermod -aG %s %s, then log in anew or restart the service",
			   group, user);
}

int dial_explain(struct kg_error *e, const char *path, int error_no)
{
	char buf[128];

	switch (error_no) {
	case EACCES:
	case EPERM:
		explain_permission(e, path);
		break;
	case ENOENT:
		error_set(e, KG_ERR_UNREACHABLE, "kgroupd is not running: there is no socket %s",
			  path);
		error_hint(e, "sudo systemctl start kgroupd; is the path right? see KGROUP_SOCKET, "
			      "option socket");
		break;
	case ECONNREFUSED:
		error_set(e, KG_ERR_UNREACHABLE, "kgroupd is not running: nobody listens on %s",
			  path);
		error_hint(e,
			   "sudo systemctl start kgroupd; why it ended: journalctl -u kgroupd -e");
		break;
	default:
		error_set(e, KG_ERR_UNREACHABLE, "cannot connect to %s: %s", path,
			  strerror_r(error_no, buf, sizeof(buf)));
	}
	return KG_ERR_UNREACHABLE;
}
