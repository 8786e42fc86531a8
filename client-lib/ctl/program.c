/* SPDX-License-Identifier: MIT */
/*
 * Where kgroupd and kgroup-mock are.
 *
 * In this order: the environment variable, which must be right if it is set; beside this program,
 * as in a build directory or an unpacked archive; where the package puts it; $PATH. The first that
 * may be executed is it. A mock that is not found by then is not found: it is no command of users.
 */
#include "client-lib/ctl/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct program {
	const char *name, *variable;
	const char *beside[4]; /* relative to this program's folder */
	const char *installed;
	bool in_path;
};

static const struct program daemon_program = {
	"kgroupd",
	"KGROUP_KGROUPD",
	{"kgroupd", "../../daemon/kgroupd", "../sbin/kgroupd", NULL},
	CTL_SBINDIR "/kgroupd",
	true,
};

static const struct program mock_program = {
	"kgroup-mock",
	"KGROUP_MOCK",
	{"kgroup-mock", "mock/kgroup-mock", "../libexec/kgroupd/kgroup-mock", NULL},
	CTL_LIBEXECDIR "/kgroupd/kgroup-mock",
	false,
};

static bool is_program(const char *path)
{
	struct stat s;

	return stat(path, &s) == 0 && S_ISREG(s.st_mode) && access(path, X_OK) == 0;
}

const char *program_find_self(char path[PROGRAM_PATH_BYTES], const struct ctl *ctl)
{
	ssize_t n = readlink("/proc/self/exe", path, PROGRAM_PATH_BYTES - 1);

	if (n <= 0)
		return ctl->program;
	path[n] = '\0';
	return path;
}

static bool find_beside(const struct program *program, char path[PROGRAM_PATH_BYTES])
{
	char self[PROGRAM_PATH_BYTES], candidate[2 * PROGRAM_PATH_BYTES];
	char *slash;
	int i;

	program_find_self(self, &(struct ctl){.program = ""});
	slash = strrchr(self, '/');
	if (!slash)
		return false;
	*slash = '\0';
	for (i = 0; program->beside[i]; i++) {
		snprintf(candidate, sizeof(candidate), "%s/%s", self, program->beside[i]);
		if (is_program(candidate) && realpath(candidate, path))
			return true;
	}
	return false;
}

static bool find_in_path(const char *name, char path[PROGRAM_PATH_BYTES])
{
	const char *list = getenv("PATH");

	while (list && *list) {
		size_t n = strcspn(list, ":");

		snprintf(path, PROGRAM_PATH_BYTES, "%.*s/%s", (int)n, list, name);
		if (n > 0 && is_program(path))
			return true;
		list += n + (list[n] == ':');
	}
	return false;
}

static int find(const struct program *program, char path[PROGRAM_PATH_BYTES], struct trouble *t)
{
	const char *named = getenv(program->variable);

	trouble_set(t, TROUBLE_NO_PROGRAM, "%s is not found", program->name);
	if (named && *named) {
		snprintf(path, PROGRAM_PATH_BYTES, "%s", named);
		trouble_set_why(t, "$%s names %s, which is no executable file", program->variable,
				named);
		return is_program(path) ? 0 : -ENOENT;
	}
	if (find_beside(program, path))
		return 0;
	snprintf(path, PROGRAM_PATH_BYTES, "%s", program->installed);
	if (is_program(path) || (program->in_path && find_in_path(program->name, path)))
		return 0;
	trouble_set_why(t, "it is neither beside kgroupctl nor at %s%s", program->installed,
			program->in_path ? " nor in $PATH" : "");
	trouble_set_how(t, "install kgroupd completely, or name it: %s=/path/to/%s",
			program->variable, program->name);
	return -ENOENT;
}

int program_find_daemon(char path[PROGRAM_PATH_BYTES], struct trouble *t)
{
	return find(&daemon_program, path, t);
}

int program_find_mock(char path[PROGRAM_PATH_BYTES], struct trouble *t)
{
	return find(&mock_program, path, t);
}
