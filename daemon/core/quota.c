/* SPDX-License-Identifier: MIT */
/*
 * Quotas: connections and bytes, in all and for each uid.
 *
 * A charge is a member of the object that causes it and is released with it, so nothing is ever
 * counted for what is gone. A single charge of bytes always fits a user who holds none, however
 * large: otherwise one message above the share could never be sent to anybody. Users exist while
 * they are charged.
 */
#include "daemon/core/quota.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

void quota_init(struct quota *q)
{
	*q = (struct quota){0};
	LIST_INIT(&q->users);
}

void quota_deinit(struct quota *q)
{
	assert(!q || LIST_EMPTY(&q->users)); /* every charge was released */
}

/* NULL: no memory. A new user goes away again unless it is charged. */
static struct quota_user *get_or_add_user(struct quota *q, uid_t uid)
{
	struct quota_user *user;

	LIST_FOREACH (user, &q->users, link)
		if (user->uid == uid)
			return user;
	user = calloc(1, sizeof(*user));
	if (!user)
		return NULL;
	user->uid = uid;
	LIST_INSERT_HEAD(&q->users, user, link);
	return user;
}

static void drop_user_if_idle(struct quota_user *user)
{
	if (user->n_charges)
		return;
	LIST_REMOVE(user, link);
	free(user);
}

static int check(const struct quota *q, const struct quota_user *user, enum quota_kind kind,
		 uint64_t amount)
{
	if (kind == QUOTA_BYTES && !user->used[kind])
		return 0;
	if (amount > q->limit[kind] || q->used[kind] > q->limit[kind] - amount)
		return -EDQUOT;
	if (amount > q->limit_per_user[kind] || user->used[kind] > q->limit_per_user[kind] - amount)
		return -EDQUOT;
	return 0;
}

int quota_charge(struct quota_charge *charge, struct quota *q, uid_t uid, enum quota_kind kind,
		 uint64_t amount)
{
	struct quota_user *user;
	int r;

	assert(!charge->user);
	user = get_or_add_user(q, uid);
	if (!user)
		return -ENOMEM;
	r = check(q, user, kind, amount);
	if (r) {
		drop_user_if_idle(user);
		return r;
	}
	user->used[kind] += amount;
	user->n_charges++;
	q->used[kind] += amount;
	*charge = (struct quota_charge){q, user, kind, amount};
	return 0;
}

void quota_release(struct quota_charge *charge)
{
	if (!charge || !charge->user)
		return;
	charge->quota->used[charge->kind] -= charge->amount;
	charge->user->used[charge->kind] -= charge->amount;
	charge->user->n_charges--;
	drop_user_if_idle(charge->user);
	*charge = (struct quota_charge){0};
}
