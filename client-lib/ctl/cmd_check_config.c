/* SPDX-License-Identifier: MIT */
/*
 * kgroupctl check-config: kgroupd --check.
 *
 * The daemon reads its own files: a second reader would be a second opinion. This process becomes
 * the daemon's check, so words, order and exit code (0, or 78) are the daemon's.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "client-lib/ctl/options.h"
#include "client-lib/ctl/program.h"

struct check_config {
	const char *file; /* NULL: the daemon's default */
};

static const struct argp_option option_table[] = {
	{"file", 'f', "FILE", 0, "check this file, and FILE.d/*.conf beside it", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct check_config *check = state->input;

	if (key != 'f')
		return ARGP_ERR_UNKNOWN;
	check->file = arg;
	return 0;
}

static const struct options_spec spec = {
	.name = "check-config",
	.arguments = "",
	.summary = "Checks the daemon's configuration without starting it: every error with file,\n"
		   "line and a suggestion. Exits 78 if there is one.",
	.examples =
		"  kgroupctl check-config\n"
		"  kgroupctl check-config --file ./kgroupd.conf && sudo systemctl reload kgroupd",
	.options = option_table,
	.parser = parse,
};

int cmd_check_config(struct ctl *ctl, int argc, char **argv)
{
	struct check_config check = {0};
	char path[PROGRAM_PATH_BYTES];
	struct trouble t;

	options_parse(ctl, &spec, &check, argc, argv, false);
	if (program_find_daemon(path, &t) < 0)
		return trouble_print(&t);
	execl(path, "kgroupd", "--check", check.file ? "--config" : NULL, check.file, NULL);
	trouble_set(&t, TROUBLE_NO_PROGRAM, "%s cannot be run", path);
	trouble_set_why(&t, "%s", strerror(errno));
	return trouble_print(&t);
}
