/* SPDX-License-Identifier: MIT */
/*
 * Quotas: connections, bytes and messages in flight, in all and for each uid, and the rate of each
 * uid's requests.
 *
 * A charge is a member of the object that causes it and is released with it, so nothing is ever
 * counted for what is gone. A single charge of bytes always fits a user who holds none, however
 * large: otherwise one message above the share could never be sent to anybody. A charge that grows
 * and shrinks is resized when that has happened; whoever makes it grow asks first.
 *
 * Requests are a rate: each puts off the moment at which its user has paid for everything, by its
 * share of a second. Who is more than a burst ahead waits until that moment, all its connections
 * together, and is asked nothing: to wait is no error. It never waits longer than QUOTA_DEBT_US,
 * because one request may cost whatever it meets. Users exist while they are charged or owe: nobody
 * gets rid of a debt by hanging up. Pure: the time is the caller's.
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
	if (!q)
		return;
	quota_tick(q, UINT64_MAX / 1000); /* nobody pays any more */
	assert(LIST_EMPTY(&q->users));	  /* every charge was released */
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
	if (user->n_charges || user->paid_ns)
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

/* ---- what grows and shrinks ------------------------------------------------------------------ */

int quota_open(struct quota_charge *charge, struct quota *q, uid_t uid, enum quota_kind kind)
{
	struct quota_user *user = get_or_add_user(q, uid);

	assert(!charge->user);
	if (!user)
		return -ENOMEM;
	user->n_charges++;
	*charge = (struct quota_charge){q, user, kind, 0};
	return 0;
}

static uint64_t left(uint64_t limit, uint64_t used)
{
	return used < limit ? limit - used : 0;
}

uint64_t quota_left(const struct quota_charge *charge)
{
	const struct quota *q = charge->quota;
	enum quota_kind kind = charge->kind;
	uint64_t all = left(q->limit[kind], q->used[kind]);
	uint64_t own = left(q->limit_per_user[kind], charge->user->used[kind]);

	return own < all ? own : all;
}

int quota_fits(const struct quota_charge *charge, uint64_t amount)
{
	bool alone = charge->user->used[charge->kind] == charge->amount;

	if (amount <= charge->amount || (alone && charge->kind == QUOTA_BYTES))
		return 0;
	return amount - charge->amount <= quota_left(charge) ? 0 : -EDQUOT;
}

void quota_resize(struct quota_charge *charge, uint64_t amount)
{
	charge->quota->used[charge->kind] += amount - charge->amount;
	charge->user->used[charge->kind] += amount - charge->amount;
	charge->amount = amount;
}

void quota_note_full(struct quota_charge *charge)
{
	struct quota_user *user = charge->user;

	user->n_full[charge->kind] += !user->full[charge->kind];
	user->full[charge->kind] = true;
}

/* An eighth of the limit, not the first free place: else a message would go out at a time. */
bool quota_has_room_again(struct quota_charge *charge)
{
	uint64_t enough = charge->quota->limit_per_user[charge->kind] / 8;
	struct quota_user *user = charge->user;

	if (!user->full[charge->kind] || quota_left(charge) <= enough)
		return false;
	user->full[charge->kind] = false;
	return true;
}

/* ---- requests -------------------------------------------------------------------------------- */

void quota_ask(struct quota_charge *charge, uint64_t n_requests, uint64_t now_us)
{
	struct quota_user *user = charge->user;
	uint64_t now_ns = now_us * 1000, most_ns = now_ns + QUOTA_DEBT_US * 1000ULL;

	user->n_requests += n_requests;
	if (user->paid_ns < now_ns)
		user->paid_ns = now_ns;
	user->paid_ns += n_requests * 1000000000 / charge->quota->requests_per_s;
	if (user->paid_ns > most_ns)
		user->paid_ns = most_ns;
	if (user->waits || user->paid_ns <= now_ns + QUOTA_BURST_US * 1000ULL)
		return;
	user->waits = true;
	user->n_waits++;
}

uint64_t quota_get_wait_us(struct quota_charge *charge, uint64_t now_us)
{
	struct quota_user *user = charge->user;

	if (user->waits && user->paid_ns <= now_us * 1000)
		user->waits = false;
	return user->waits ? user->paid_ns / 1000 - now_us + 1 : 0;
}

void quota_tick(struct quota *q, uint64_t now_us)
{
	struct quota_user *user, *next;

	for (user = LIST_FIRST(&q->users); user; user = next) {
		next = LIST_NEXT(user, link);
		if (user->paid_ns > now_us * 1000)
			continue;
		user->paid_ns = 0;
		user->waits = false;
		drop_user_if_idle(user);
	}
}
