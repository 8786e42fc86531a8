/* SPDX-License-Identifier: MIT */
/* What every part of kgroupctl shares: the global options and the table of commands. */
#ifndef CTL_H
#define CTL_H

#include <stdbool.h>
#include <stddef.h>

enum ctl_output { CTL_TABLE, CTL_JSON, CTL_RAW, CTL_PAIRS };
enum ctl_when { CTL_AUTO, CTL_ALWAYS, CTL_NEVER };

enum { CTL_EXIT_NO = 1, CTL_EXIT_INTERRUPTED = 130 }; /* the others are in sysexits.h */

/* All texts belong to argv or to the environment. */
struct ctl {
	const char *program;	   /* argv[0], for lines to copy */
	const char *socket_path;   /* never NULL */
	const char *socket_origin; /* who named it, for people */
	const char *columns;	   /* NULL: the command's own */
	enum ctl_output output;
	enum ctl_when colour;
	int timeout_ms;
	int verbose;
	bool noheadings;
	bool quiet;
};

struct command {
	const char *name;
	const char *summary;
	int (*run)(struct ctl *ctl, int argc, char **argv); /* the exit code */
};

extern const struct command command_table[]; /* ends with a NULL name */

int cmd_status(struct ctl *ctl, int argc, char **argv);
int cmd_lag(struct ctl *ctl, int argc, char **argv);
int cmd_topics(struct ctl *ctl, int argc, char **argv);
int cmd_offsets(struct ctl *ctl, int argc, char **argv);
int cmd_consume(struct ctl *ctl, int argc, char **argv);
int cmd_demo(struct ctl *ctl, int argc, char **argv);
int cmd_check_config(struct ctl *ctl, int argc, char **argv);
int cmd_explain(struct ctl *ctl, int argc, char **argv);
int cmd_version(struct ctl *ctl, int argc, char **argv);

#endif
