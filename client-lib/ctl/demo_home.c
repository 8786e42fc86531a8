/* SPDX-License-Identifier: MIT */
/*
 * The temporary folder that everything of the demo lives in: configuration, socket, state.
 *
 * Nothing of the demo is written anywhere else, and only its user can enter it. A Unix socket's
 * path is short (107 bytes), so a long $TMPDIR is left for /tmp.
 */
#include "client-lib/ctl/demo_home.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char config[] = "# Of kgroupctl demo: gone when the demo ends.\n"
			     "[daemon]\n"
			     "name = demo\n"
			     "socket.path = %s\n"
			     "socket.mode = 0600\n"
			     "log.target = stderr\n"
			     "drain.timeout = 2s\n"
			     "\n"
			     "[cluster demo]\n"
			     "bootstrap.servers = %s\n"
			     "allow.dynamic = yes\n"
			     "\n"
			     "[group demo]\n"
			     "initial.offset = earliest\n"
			     "session.timeout = 6s\n"
			     "# The mock cluster has no static membership.\n"
			     "instance.id =\n";

static int fail(struct trouble *t, const char *what, int error)
{
	trouble_set(t, TROUBLE_SYSTEM, "%s", what);
	trouble_set_why(t, "%s", strerror(error));
	return -error;
}

int demo_home_open(struct demo_home *home, struct trouble *t)
{
	const char *parent = getenv("TMPDIR");

	if (!parent || *parent != '/' || strlen(parent) > DEMO_HOME_BYTES / 2)
		parent = "/tmp";
	snprintf(home->folder, sizeof(home->folder), "%s/kgroup-demo.XXXXXX", parent);
	if (!mkdtemp(home->folder)) {
		int error = errno;

		*home->folder = '\0';
		return fail(t, "no temporary folder for the demo", error);
	}
	snprintf(home->socket_path, DEMO_PATH_BYTES, "%s/kgroupd.sock", home->folder);
	snprintf(home->config_path, DEMO_PATH_BYTES, "%s/kgroupd.conf", home->folder);
	snprintf(home->runtime_variable, DEMO_PATH_BYTES, "RUNTIME_DIRECTORY=%s", home->folder);
	return 0;
}

int demo_home_write_config(const struct demo_home *home, const char *bootstrap, struct trouble *t)
{
	FILE *file = fopen(home->config_path, "wxe");

	if (!file)
		return fail(t, home->config_path, errno);
	fprintf(file, config, home->socket_path, bootstrap);
	return fclose(file) == 0 ? 0 : fail(t, home->config_path, errno);
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *at)
{
	if (remove(path) < 0)
		fprintf(stderr, "kgroupctl: %s stays: %s\n", path, strerror(errno));
	return 0;
}

void demo_home_close(struct demo_home *home)
{
	if (*home->folder)
		nftw(home->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	*home->folder = '\0';
}
