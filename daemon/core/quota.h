/* SPDX-License-Identifier: MIT */
/* What each uid holds of the daemon. See quota.c. */
#ifndef QUOTA_H
#define QUOTA_H

#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

enum quota_kind {
	QUOTA_CONNECTIONS, /* open connections */
	QUOTA_BYTES,	   /* bytes buffered for messages larger than a batch */
	QUOTA_N_KINDS,
};

struct quota_user {
	LIST_ENTRY(quota_user) link;
	uid_t uid;
	uint64_t used[QUOTA_N_KINDS];
	unsigned n_charges;
};

struct quota {
	LIST_HEAD(, quota_user) users; /* owned; one for each uid with a charge */
	uint64_t used[QUOTA_N_KINDS];
	uint64_t limit[QUOTA_N_KINDS], limit_per_user[QUOTA_N_KINDS];
};

/* A member of the object that causes it: released with it. Zero-initialised: nothing is charged. */
struct quota_charge {
	struct quota *quota;
	struct quota_user *user;
	enum quota_kind kind;
	uint64_t amount;
};

void quota_init(struct quota *q);
void quota_deinit(struct quota *q);
int quota_charge(struct quota_charge *charge, struct quota *q, uid_t uid, enum quota_kind kind,
		 uint64_t amount); /* 0, -EDQUOT, -ENOMEM */
void quota_release(struct quota_charge *charge);

#endif
