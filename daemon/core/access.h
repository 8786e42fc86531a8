/* SPDX-License-Identifier: MIT */
/* Who may use a group, by kernel credentials. See access.c. */
#ifndef ACCESS_H
#define ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A peer as the kernel names it. */
struct peer {
	pid_t pid; /* 0: not known */
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* all supplementary groups; owned */
	size_t n_groups;
};

/* Numeric form of allow.users, allow.groups, allow.topics. No rule at all allows. */
struct access_rule {
	uid_t *users;
	gid_t *groups;
	char **topics; /* "name", "prefix*" or "*" */
	size_t n_users, n_groups, n_topics;
	bool has_rule; /* users or groups were named, even if none of them exists */
	bool all;      /* "*" among them */
};

void access_deinit(struct access_rule *rule);
bool access_allows_peer(const struct access_rule *rule, const struct peer *peer);
bool access_allows_topic(const struct access_rule *rule, const char *topic);
void peer_deinit(struct peer *peer);

#endif
