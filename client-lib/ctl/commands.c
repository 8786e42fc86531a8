/* SPDX-License-Identifier: MIT */
/*
 * The commands that exist. Help, the error about an unknown command and main() read this table, so
 * a command is in all of them or in none.
 */
#include "client-lib/ctl/ctl.h"

const struct command command_table[] = {
	{"status", "one screen: daemon, brokers, groups, and why a group is silent", cmd_status},
	{"lag", "how far behind each partition is, and who holds it", cmd_lag},
	{"topics", "which topics there are", cmd_topics},
	{"offsets", "where the logs of a topic begin and end, or were at a time", cmd_offsets},
	{"consume", "receive the messages of a group, and mark them", cmd_consume},
	{"demo", "a private daemon and cluster to play with, gone at Ctrl-C", cmd_demo},
	{"check-config", "every error of the configuration, with file and line", cmd_check_config},
	{"explain", "what an error KG-nnnn means and how to mend it", cmd_explain},
	{"version", "of this tool, the library, the protocol and the daemon", cmd_version},
	{NULL, NULL, NULL},
};
