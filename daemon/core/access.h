/* SPDX-License-Identifier: MIT */
/* Who may use a group, by kernel credentials and systemd unit. See access.c. */
#ifndef ACCESS_H
#define ACCESS_H

#include "daemon/core/unit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Whether the peer's unit may be relied upon, and why not. */
enum peer_unit {
	PEER_UNIT_NO_PIDFD, /* the kernel does not hand out the pidfd of who connected */
	PEER_UNIT_HIDDEN,   /* its /proc/PID is not ours to see */
	PEER_UNIT_GONE,	    /* it has exited, or is in another pid namespace */
	PEER_UNIT_CERTAIN,
};

/* A peer as the kernel names it. */
struct peer {
	pid_t pid; /* 0: not known */
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* all supplementary groups; owned */
	size_t n_groups;
	enum peer_unit unit_state;
	struct unit unit; /* for people, unless unit_state says that it is certain */
};

/* Numeric form of allow.users, allow.groups, allow.units, allow.topics. No rule at all allows. */
struct access_rule {
	uid_t *users;
	gid_t *groups;
	char **units;  /* patterns of fnmatch(3) */
	char **topics; /* "name", "prefix*" or "*" */
	size_t n_users, n_groups, n_units, n_topics;
	bool has_rule; /* users, groups or units were named, even if none of them exists */
	bool all;      /* "*" among them */
};

void access_deinit(struct access_rule *rule);
bool access_allows_peer(const struct access_rule *rule, const struct peer *peer);
/* Why a peer that is not allowed is not, as far as units are concerned; "": they are not. */
void access_explain(const struct access_rule *rule, const struct peer *peer, char *why,
		    size_t size);
bool access_allows_topic(const struct access_rule *rule, const char *topic);
void peer_deinit(struct peer *peer);

#endif
