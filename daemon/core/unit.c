/* SPDX-License-Identifier: MIT */
/*
 * From the path of a cgroup to the units of systemd that it belongs to.
 *
 *	/system.slice/billing@1.service/worker			billing@1.service
 *	/user.slice/user-7.slice/user@7.service/app.slice/web.service	user@7.service and
 *web.service
 *
 * The first component that is no slice is the unit of the system's manager: up to there only root
 * makes cgroups, so who runs in it was put there by systemd. What comes below may be made by the
 * unit itself, or by a user, under any name, and is never taken for a unit of the system. sd-login
 * would do the same, but looks at the cgroup of process 1 for it, and fails where ProtectProc=
 *hides that process.
 */
#include "daemon/core/unit.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define UNIT_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@"

/* The next component of a path; *path goes behind it. */
static const char *take_component(const char **path, size_t *n)
{
	const char *start = *path + strspn(*path, "/");

	*n = strcspn(start, "/\n");
	*path = start + *n;
	return start;
}

static bool ends_with(const char *name, size_t n, const char *end)
{
	size_t n_end = strlen(end);

	return n > n_end && !memcmp(name + n - n_end, end, n_end);
}

static bool is_unit(const char *name, size_t n)
{
	static const char *const ends[] = {".service", ".scope", ".socket", ".mount", ".swap"};
	size_t i;

	if (n >= UNIT_BYTES || strspn(name, UNIT_CHARACTERS) < n)
		return false;
	for (i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (ends_with(name, n, ends[i]))
			return true;
	return false;
}

/* The first component that is no slice. */
static void take_unit(const char **path, char unit[UNIT_BYTES])
{
	const char *name;
	size_t n;

	do
		name = take_component(path, &n);
	while (ends_with(name, n, ".slice"));
	if (*name == '_') { /* systemd's escape of names that the kernel has for itself */
		name++;
		n--;
	}
	if (!is_unit(name, n))
		return;
	memcpy(unit, name, n);
	unit[n] = 0;
}

static const char *find_path(const char *text)
{
	while (strncmp(text, "0::", 3) != 0) {
		text = strchr(text, '\n');
		if (!text)
			return NULL;
		text++;
	}
	return text + 3;
}

void unit_parse(struct unit *unit, const char *text)
{
	const char *path = find_path(text);

	*unit = (struct unit){0};
	if (!path)
		return;
	take_unit(&path, unit->system);
	if (!strncmp(unit->system, "user@", 5))
		take_unit(&path, unit->user);
}
