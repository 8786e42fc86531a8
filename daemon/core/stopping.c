/* SPDX-License-Identifier: MIT */
/*
 * A stop that is half of a restart, and one that is the end: which of them is this?
 *
 * A restart keeps the group's place, so that no other host notices; a stop gives it away, so that
 * nobody waits session.timeout for a host that went. The service manager knows: of a restart it has
 * the job "restart" queued while it stops us (and "start", if somebody asked for a start after the
 * stop), of a stop, and of the end of the machine or of the user's session, the job "stop". Whoever
 * cannot be asked is taken to restart us: a restart taken for a stop costs every host of the group
 * a rebalance, a stop taken for a restart costs our own partitions one pause of session.timeout.
 */
#include "daemon/core/stopping.h"

#include <stddef.h>
#include <string.h>

static bool leaves_by_job(const char *job, const char **why)
{
	static const struct {
		const char *job, *why;
		bool leaves;
	} known[] = {
		{"stop", "the service manager stops the unit", true},
		{"restart", "the service manager restarts the unit", false},
		{"try-restart", "the service manager restarts the unit", false},
		{"start", "the service manager starts the unit again", false},
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(job, known[i].job)) {
			*why = known[i].why;
			return known[i].leaves;
		}
	*why = "the service manager's job does not stop the unit";
	return false;
}

bool stopping_leaves(enum stopping_policy policy, const struct stopping_facts *facts,
		     const char **why)
{
	static const char *const without_job[] = {
		[STOPPING_UNMANAGED] = "no service manager to ask",
		[STOPPING_SILENT] = "the service manager does not say why",
		[STOPPING_NO_JOB] = "a signal by hand, the service manager did not send it",
	};

	if (policy != STOPPING_AUTO) {
		*why = policy == STOPPING_LEAVE ? "on.stop = leave" : "on.stop = keep";
		return policy == STOPPING_LEAVE;
	}
	if (facts->manager == STOPPING_JOB)
		return leaves_by_job(facts->job, why);
	*why = without_job[facts->manager];
	return false;
}
