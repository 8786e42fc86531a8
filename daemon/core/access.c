/* SPDX-License-Identifier: MIT */
/*
 * Access rules.
 *
 * Pure decisions on what the kernel said of a peer (SO_PEERCRED, SO_PEERGROUPS) and what the file
 * says of a group. No rule means that everybody who could open the socket may; a rule that names
 * only users or groups that do not exist allows nobody but root. Names became numbers when the file
 * was read (edge).
 */
#include "daemon/core/access.h"

#include <stdlib.h>
#include <string.h>

void access_deinit(struct access_rule *rule)
{
	size_t i;

	if (!rule)
		return;
	for (i = 0; i < rule->n_topics; i++)
		free(rule->topics[i]);
	free(rule->topics);
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
	return false;
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
