/* SPDX-License-Identifier: MIT */
/*
 * Why the daemon's socket cannot be reached, and the command that mends it.
 *
 * "Permission denied" is the commonest first error with a Unix socket and the one that people mend
 * with chmod 777. So it is answered with who they are, whose the socket is, and the usermod line;
 * who is in the group already but logged in before that is told so. Looks at files and databases,
 * changes nothing.
 */
#include "client-lib/ctl/reach.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_GROUPS = 1024, NAME_BYTES = 64, PATH_BYTES = 4096 };

static void name_user(uid_t uid, char name[NAME_BYTES])
{
	const struct passwd *user = getpwuid(uid);

	if (user)
		snprintf(name, NAME_BYTES, "%s", user->pw_name);
	else
		snprintf(name, NAME_BYTES, "%u", (unsigned)uid);
}

static void name_group(gid_t gid, char name[NAME_BYTES])
{
	const struct group *group = getgrgid(gid);

	if (group)
		snprintf(name, NAME_BYTES, "%s", group->gr_name);
	else
		snprintf(name, NAME_BYTES, "%u", (unsigned)gid);
}

/* Whether the database has the user in the group, whatever this login has. */
static bool is_member(const char *user, gid_t gid)
{
	const struct passwd *entry = getpwnam(user);
	gid_t groups[MAX_GROUPS];
	int n = MAX_GROUPS, i;

	if (!entry || getgrouplist(user, entry->pw_gid, groups, &n) < 0)
		return false;
	for (i = 0; i < n; i++) {
		if (groups[i] == gid)
			return true;
	}
	return false;
}

/* The part of the path that may not be searched, if that is it; else "". */
static void find_closed_folder(const char *path, char folder[PATH_BYTES])
{
	char part[PATH_BYTES];
	size_t i;

	*folder = '\0';
	snprintf(part, sizeof(part), "%s", path);
	for (i = 1; part[i]; i++) {
		if (part[i] != '/')
			continue;
		part[i] = '\0';
		if (access(part, X_OK) < 0 && errno == EACCES) {
			memcpy(folder, part, i + 1);
			return;
		}
		part[i] = '/';
	}
}

/* noun is what path is: the socket must be writable by the group, a folder searchable. */
static void explain_mode(const char *noun, const char *user, const struct stat *s,
			 struct trouble *t)
{
	mode_t needed = S_ISDIR(s->st_mode) ? S_IXGRP : S_IWGRP;
	char owner[NAME_BYTES], group[NAME_BYTES];

	name_user(s->st_uid, owner);
	name_group(s->st_gid, group);
	trouble_set_why(
		t, "you are %s (uid %u); %s belongs to user %s and group %s and has mode %04o",
		user, (unsigned)geteuid(), noun, owner, group, (unsigned)s->st_mode & 07777);
	if (!(s->st_mode & needed) || s->st_gid == 0)
		trouble_set_how(t,
				"an administrator sets socket.group = GROUP and socket.mode = "
				"0660 in [daemon] of kgroupd.conf,\nand: sudo usermod -aG GROUP %s",
				user);
	else if (is_member(user, s->st_gid))
		trouble_set_how(t,
				"%s was added to the group %s after this login began: log in "
				"again, or run 'newgrp %s'",
				user, group, group);
	else
		trouble_set_how(t, "sudo usermod -aG %s %s, then log in again", group, user);
}

static void explain_access(const char *path, struct trouble *t)
{
	char folder[PATH_BYTES], user[NAME_BYTES];
	struct stat s;

	name_user(geteuid(), user);
	trouble_set(t, TROUBLE_ACCESS, "permission denied on the daemon's socket %s", path);
	if (stat(path, &s) == 0) {
		explain_mode("the socket", user, &s, t);
		return;
	}
	find_closed_folder(path, folder);
	trouble_set_why(t, "you are %s (uid %u), who may not search the folder %s", user,
			(unsigned)geteuid(), *folder ? folder : path);
	if (*folder && stat(folder, &s) == 0)
		explain_mode(folder, user, &s, t);
}

static void explain_absence(const char *path, struct trouble *t)
{
	char copy[PATH_BYTES];
	const char *folder;
	bool has_folder;

	snprintf(copy, sizeof(copy), "%s", path);
	folder = dirname(copy);
	has_folder = access(folder, F_OK) == 0;
	trouble_set(t, TROUBLE_UNREACHABLE, "the daemon's socket %s does not exist", path);
	trouble_set_why(t, "kgroupd is not running, or listens elsewhere%s%s",
			has_folder ? "" : "; there is not even the folder ",
			has_folder ? "" : folder);
	trouble_set_how(t, "systemctl start kgroupd, or name the socket with --socket or "
			   "$KGROUP_SOCKET;\nto try it without Kafka: kgroupctl demo");
}

void reach_explain(const char *path, int error, struct trouble *t)
{
	switch (error) {
	case EACCES:
	case EPERM:
		explain_access(path, t);
		return;
	case ENOENT:
	case ENOTDIR:
		explain_absence(path, t);
		return;
	case ECONNREFUSED:
		trouble_set(t, TROUBLE_UNREACHABLE, "nobody listens at %s", path);
		trouble_set_why(t, "the file is there but no daemon: it has ended, or the file is "
				   "no socket");
		trouble_set_how(t, "systemctl status kgroupd; journalctl -u kgroupd -n 50; "
				   "systemctl restart kgroupd");
		return;
	case EAGAIN:
		trouble_set(t, TROUBLE_UNREACHABLE, "the daemon at %s takes no more connections",
			    path);
		trouble_set_why(t, "its queue of new connections stayed full");
		trouble_set_how(t, "look at its load and at connections.max in [daemon]");
		return;
	default:
		trouble_set(t, TROUBLE_UNREACHABLE, "cannot connect to %s", path);
		trouble_set_why(t, "%s", strerror(error));
	}
}

int reach_check(const char *path, struct trouble *t)
{
	int error = access(path, F_OK) == 0 && access(path, W_OK) == 0 ? 0 : errno;

	if (error != ENOENT && error != EACCES && error != ENOTDIR)
		return 0;
	reach_explain(path, error, t);
	return -error;
}
