/* SPDX-License-Identifier: MIT */
/* What a stop means for the place in the groups. See stopping.c. */
#ifndef STOPPING_H
#define STOPPING_H

#include <stdbool.h>

/* on.stop, in the order of its choices. */
enum stopping_policy { STOPPING_AUTO, STOPPING_KEEP, STOPPING_LEAVE };

/* What is known of the service manager when SIGTERM comes. */
enum stopping_manager {
	STOPPING_UNMANAGED, /* this process belongs to no unit */
	STOPPING_SILENT,    /* it does, and the manager could not be asked or did not answer */
	STOPPING_NO_JOB,    /* nothing is queued for the unit: somebody sent the signal by hand */
	STOPPING_JOB,	    /* a job is queued for it, of the type in job */
};

struct stopping_facts {
	enum stopping_manager manager;
	char job[32]; /* "restart", "stop", ...: JobType of org.freedesktop.systemd1.Job */
};

/* true: the partitions go to other hosts at once. why, for the log: static. */
bool stopping_leaves(enum stopping_policy policy, const struct stopping_facts *facts,
		     const char **why);

#endif
