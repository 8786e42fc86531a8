/* SPDX-License-Identifier: MIT */
/*
 * Whether a group does what it is there for: readiness, for whoever watches the host.
 *
 * A group is ready when nobody here uses it, or when it is joined, what is marked can be committed,
 * and every partition with a holder is fetched. A program that is slow, or that pauses, does not
 * make its group unready: that shows as lag. One reason is told, the one that explains the others.
 * Reads only; the state, its text and the verdicts are made elsewhere.
 */
#include "daemon/ready.h"

#include "daemon/daemon.h"
#include "daemon/group.h"
#include "daemon/log.h"

#include <stdio.h>

static unsigned count_verdict(const struct group *g, enum progress_verdict verdict,
			      const struct partition **first)
{
	const struct partition *p;
	unsigned n = 0;

	TAILQ_FOREACH (p, &g->partitions, link)
		if (p->progress.verdict == verdict && !n++)
			*first = p;
	return n;
}

static bool is_fetched(const struct group *g, char *why, size_t size)
{
	static const enum progress_verdict bad[] = {PROGRESS_BROKER, PROGRESS_STUCK};
	const struct partition *p = NULL;
	unsigned n;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		n = count_verdict(g, bad[i], &p);
		if (!n)
			continue;
		snprintf(why, size, "%u of %u partition%s deliver%s nothing: %s, as %s/%d", n,
			 g->n_partitions, PLURAL(g->n_partitions), n == 1 ? "s" : "",
			 progress_name(bad[i]), p->topic, p->id);
		return false;
	}
	return true;
}

bool ready_group(const struct group *g, char *why, size_t size)
{
	const char *text, *state = group_get_state(g, &text);

	*why = '\0';
	if (g->state == GROUP_IDLE)
		return true;
	if (g->state != GROUP_JOINED)
		snprintf(why, size, "%s: %s", state, text);
	else if (g->error_code == KGP_E_COMMIT)
		snprintf(why, size, "nothing is committed: %s", g->error);
	else
		return is_fetched(g, why, size);
	return false;
}

bool ready_daemon(const struct daemon *d)
{
	const struct group *g;
	char ignored[1];

	TAILQ_FOREACH (g, &d->groups, link)
		if (!ready_group(g, ignored, sizeof(ignored)))
			return false;
	return true;
}
