/* SPDX-License-Identifier: MIT */
/* What each uid holds of the daemon. See quota.c. */
#ifndef QUOTA_H
#define QUOTA_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

enum quota_kind {
	QUOTA_CONNECTIONS, /* open connections */
	QUOTA_BYTES,	   /* bytes buffered for messages larger than a batch */
	QUOTA_BUFFERS,	   /* bytes of half frames and of what is not read */
	QUOTA_IN_FLIGHT,   /* messages that were handed out and are not marked */
	QUOTA_QUERIES,	   /* questions to a cluster that wait for an answer */
	QUOTA_N_KINDS,
};

enum {
	QUOTA_BURST_US = 10000,	 /* of requests that may come at once */
	QUOTA_DEBT_US = 1000000, /* nobody waits longer for what it asked too much */
};

struct quota_user {
	LIST_ENTRY(quota_user) link;
	uid_t uid;
	uint64_t used[QUOTA_N_KINDS];
	unsigned n_charges;
	bool full[QUOTA_N_KINDS];	/* something waits until there is room */
	uint64_t n_full[QUOTA_N_KINDS]; /* times that it came to that */
	uint64_t paid_ns;		/* when everything it asked for so far is paid for */
	uint64_t n_requests;		/* as they were counted */
	uint64_t n_waits;		/* times that it asked too much and had to wait */
	bool waits;			/* until then */
};

struct quota {
	LIST_HEAD(, quota_user) users; /* owned; one for each uid with a charge */
	uint64_t used[QUOTA_N_KINDS];
	uint64_t limit[QUOTA_N_KINDS], limit_per_user[QUOTA_N_KINDS];
	uint64_t requests_per_s; /* of each user */
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

/* A charge of what grows and shrinks: it begins with nothing. 0, -ENOMEM. */
int quota_open(struct quota_charge *charge, struct quota *q, uid_t uid, enum quota_kind kind);
int quota_fits(const struct quota_charge *charge, uint64_t amount); /* 0, -EDQUOT */
uint64_t quota_left(const struct quota_charge *charge);		    /* how much it may grow */
void quota_resize(struct quota_charge *charge, uint64_t amount);    /* whether it fits or not */
void quota_note_full(struct quota_charge *charge);	/* what would make it grow waits */
bool quota_has_room_again(struct quota_charge *charge); /* once: that may go on */

/* What the user of this charge asks for. */
void quota_ask(struct quota_charge *charge, uint64_t n_requests, uint64_t now_us);
uint64_t quota_get_wait_us(struct quota_charge *charge, uint64_t now_us); /* 0: may go on */
void quota_tick(struct quota *q, uint64_t now_us); /* forgets users that are gone and owe nothing */

#endif
