/* SPDX-License-Identifier: MIT */
/*
 * kgroupctl: global options, then the command's name, then the command.
 *
 * No argument is `status`. Data goes to stdout, words to stderr, and the exit code is the
 * command's; stdout is checked at the end, because a full disk under a redirect must not look like
 * success.
 */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "client-lib/ctl/options.h"
#include "client-lib/ctl/trouble.h"

static const struct options_spec tool = {
	.arguments = "[COMMAND [ARGUMENT...]]",
	.summary = "Asks kgroupd, the daemon that holds this host's Kafka consumer groups.",
	.examples = "  kgroupctl                          what is going on (the same as status)\n"
		    "  kgroupctl demo                     try it without a Kafka of your own\n"
		    "  kgroupctl lag billing              who is behind, how far, since when\n"
		    "  kgroupctl consume billing orders   receive messages and mark them",
};

static const struct command *find_command(const char *name)
{
	const struct command *command;

	for (command = command_table; command->name; command++) {
		if (strcmp(command->name, name) == 0)
			return command;
	}
	return NULL;
}

static int unknown_command(const char *name)
{
	const struct command *command;
	struct trouble t;
	char names[512] = "";

	for (command = command_table; command->name; command++) {
		size_t used = strlen(names);

		snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "",
			 command->name);
	}
	trouble_set(&t, TROUBLE_USAGE, "unknown command '%s'", name);
	trouble_set_why(&t, "the commands are %s", names);
	trouble_set_how(&t, "kgroupctl -h says what they do");
	return trouble_print(&t);
}

static int run(struct ctl *ctl, const struct command *command, int argc, char **argv)
{
	char name[64];

	snprintf(name, sizeof(name), "kgroupctl %s", command->name);
	argv[0] = name;
	return command->run(ctl, argc, argv);
}

static int finish_output(int exit_code)
{
	struct trouble t;

	if (fflush(stdout) == 0 && !ferror(stdout))
		return exit_code;
	if (exit_code || errno == EPIPE)
		return exit_code ? exit_code : EX_IOERR;
	trouble_set(&t, TROUBLE_OUTPUT, "writing to stdout failed");
	trouble_set_why(&t, "%s", strerror(errno));
	return trouble_print(&t);
}

int main(int argc, char **argv)
{
	struct ctl ctl;
	const struct command *command;
	char *no_arguments[] = {argv[0], NULL};
	int at;

	setlocale(LC_ALL, "");
	options_init(&ctl, argv);
	at = options_parse(&ctl, &tool, NULL, argc, argv, true);
	if (at == argc)
		return finish_output(run(&ctl, find_command("status"), 1, no_arguments));
	command = find_command(argv[at]);
	if (!command)
		return unknown_command(argv[at]);
	return finish_output(run(&ctl, command, argc - at, argv + at));
}
