/* SPDX-License-Identifier: MIT */
/*
 * Access rules.
 *
 * Pure decisions on what the kernel said of a peer (SO_PEERCRED, SO_PEERGROUPS, the cgroup of its
 * SO_PEERPIDFD) and what the file says of a group. One user, group or unit that fits suffices; a
 * unit counts only if it is certain, and only one of the system's manager: a user gives its own
 * units any name. No rule means that everybody who could open the socket may; a rule that names
 * only users or groups that do not exist allows nobody but root. Names became numbers when the file
 * was read (edge).
 */
#include "daemon/core/access.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void access_deinit(struct access_rule *rule)
{
	size_t i;

	if (!rule)
		return;
	for (i = 0; i < rule->n_topics; i++)
		free(rule->topics[i]);
	for (i = 0; i < rule->n_units; i++)
		free(rule->units[i]);
	free(rule->topics);
	free(rule->units);
	free(rule->users);
	free(rule->groups);
	*rule = (struct access_rule){0};
}

void peer_deinit(struct peer *peer)
{
	if (!peer)
		return;
	free(peer->groups);
	*peer = (struct peer){0};
}

static bool has_group(const struct peer *peer, gid_t gid)
{
	size_t i;

	for (i = 0; i < peer->n_groups; i++)
		if (peer->groups[i] == gid)
			return true;
	return peer->gid == gid;
}

static bool has_unit(const struct access_rule *rule, const struct peer *peer)
{
	size_t i;

	if (peer->unit_state != PEER_UNIT_CERTAIN || !*peer->unit.system)
		return false;
	for (i = 0; i < rule->n_units; i++)
		if (!fnmatch(rule->units[i], peer->unit.system, FNM_NOESCAPE))
			return true;
	return false;
}

bool access_allows_peer(const struct access_rule *rule, const struct peer *peer)
{
	size_t i;

	if (!rule->has_rule || rule->all || peer->uid == 0)
		return true;
	for (i = 0; i < rule->n_users; i++)
		if (rule->users[i] == peer->uid)
			return true;
	for (i = 0; i < rule->n_groups; i++)
		if (has_group(peer, rule->groups[i]))
			return true;
	return has_unit(rule, peer);
}

void access_explain(const struct access_rule *rule, const struct peer *peer, char *why, size_t size)
{
	static const char *const texts[] = {
		[PEER_UNIT_NO_PIDFD] = "this kernel cannot say for certain which process connected "
				       "(SO_PEERPIDFD, Linux 6.5): name users or groups instead",
		[PEER_UNIT_HIDDEN] = "the daemon cannot see that of this process: its own unit "
				     "needs ProtectProc=default",
		[PEER_UNIT_GONE] = "the process that connected has exited, or is in another pid "
				   "namespace",
	};

	*why = 0;
	if (!rule->n_units)
		return;
	if (peer->unit_state != PEER_UNIT_CERTAIN)
		snprintf(why, size, "allow.units goes by the unit of the process, and %s",
			 texts[peer->unit_state]);
	else
		snprintf(why, size, "unit %s is not in allow.units, nor this user in another rule",
			 *peer->unit.system ? peer->unit.system : "(none)");
}

static bool matches(const char *pattern, const char *topic)
{
	size_t n = strlen(pattern);

	if (n && pattern[n - 1] == '*')
		return !strncmp(pattern, topic, n - 1);
	return !strcmp(pattern, topic);
}

bool access_allows_topic(const struct access_rule *rule, const char *topic)
{
	size_t i;

	for (i = 0; i < rule->n_topics; i++)
		if (matches(rule->topics[i], topic))
			return true;
	return !rule->n_topics;
}
