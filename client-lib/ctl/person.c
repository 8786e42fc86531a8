/* SPDX-License-Identifier: MIT */
/*
 * Who a process is, as its administrator calls it.
 *
 * The unit of systemd is the name that one restarts it by, so it goes first. The daemon
 * says it, if it could see that when the process connected; else it is looked up from here, in
 * /proc: a process that is gone by now, or one in another pid namespace, keeps the name that it
 * gave itself. Scopes of a login say nothing and are not used.
 */
#include "client-lib/ctl/person.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-login.h>

const char *person_user(char out[PERSON_BYTES], int64_t uid)
{
	const struct passwd *user = uid < 0 ? NULL : getpwuid((uid_t)uid);

	if (user)
		snprintf(out, PERSON_BYTES, "%s", user->pw_name);
	else if (uid < 0)
		snprintf(out, PERSON_BYTES, "-");
	else
		snprintf(out, PERSON_BYTES, "%lld", (long long)uid);
	return out;
}

static bool is_service(const char *unit)
{
	size_t n = strlen(unit);

	return n > 8 && strcmp(unit + n - 8, ".service") == 0;
}

/* The user's own manager is a service too; what runs in it has a better name. */
static char *find_unit(pid_t pid, const char *said)
{
	char *unit = NULL;

	if (is_service(said) && strncmp(said, "user@", 5) != 0)
		return strdup(said);
	if (sd_pid_get_user_unit(pid, &unit) >= 0 && is_service(unit))
		return unit;
	free(unit);
	unit = NULL;
	if (sd_pid_get_unit(pid, &unit) >= 0 && is_service(unit) && strncmp(unit, "user@", 5) != 0)
		return unit;
	free(unit);
	return NULL;
}

const char *person_holder(char out[PERSON_BYTES], int64_t pid, const char *said, const char *name)
{
	char *unit;

	if (pid <= 0) {
		snprintf(out, PERSON_BYTES, "%s", name && *name ? name : "-");
		return out;
	}
	unit = find_unit((pid_t)pid, said);
	snprintf(out, PERSON_BYTES, "%s:%lld", unit ? unit : (name && *name ? name : "pid"),
		 (long long)pid);
	free(unit);
	return out;
}
