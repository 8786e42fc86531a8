/* SPDX-License-Identifier: MIT */
/*
 * Claims: which partitions this consumer holds, and everything that belongs to one.
 *
 * Owns the claims, the names of topics (they outlive their claims, since messages and events point
 * to them), and three ways to a claim: by our handle (marks), by the daemon's number (frames), by
 * topic and partition (the application). A handle is never used again, so the mark of a message
 * from before a reconnect cannot meet a claim of after it. When the connection breaks, claims
 * become orphans: gone for the application, kept for RESUME. A topic and partition is there once: a
 * new claim takes the orphan's place, and its mark when the daemon shows that it took it.
 *
 * Memory is had before anything changes, so a failed claims_add() leaves everything as it was.
 * Called by frames.c (what the daemon says) and by mark.c, pause.c and delivery.c. It must never
 * talk to the daemon.
 */
#include "client-lib/c/src/claim.h"

#include "client-lib/c/src/inbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 8 };

void claims_init(struct claims *cs)
{
	*cs = (struct claims){0};
	TAILQ_INIT(&cs->dirty);
	TAILQ_INIT(&cs->resumed);
	SLIST_INIT(&cs->topics);
}

/* ---- one claim ------------------------------------------------------------------------------- */

void claims_set_waiting(struct claims *cs, struct claim *claim, bool waiting)
{
	if (waiting == claim->waiting)
		return;
	claim->waiting = waiting;
	if (waiting)
		TAILQ_INSERT_TAIL(&cs->resumed, claim, resumed_link);
	else
		TAILQ_REMOVE(&cs->resumed, claim, resumed_link);
}

void claim_drop_aside(struct claims *cs, struct claim *claim)
{
	struct aside *a;

	claims_set_waiting(cs, claim, false);
	while ((a = STAILQ_FIRST(&claim->aside))) {
		STAILQ_REMOVE_HEAD(&claim->aside, link);
		block_unref(a->block);
		free(a);
	}
}

static struct claim *claim_free(struct claim *claim)
{
	if (!claim)
		return NULL;
	free(claim->sure.metadata);
	free(claim->far.metadata);
	free((void *)(uintptr_t)claim->public.metadata);
	free(claim);
	return NULL;
}

static struct claim *claim_new(const struct kgp_assign *a, const char *topic)
{
	struct claim *claim = calloc(1, sizeof(*claim));
	char *metadata = NULL;

	if (claim && a->metadata.data && (metadata = malloc(a->metadata.size + 1))) {
		memcpy(metadata, a->metadata.data, a->metadata.size);
		metadata[a->metadata.size] = 0;
	}
	if (!claim || (a->metadata.data && !metadata))
		return claim_free(claim);
	claim->id = (uint32_t)a->claim;
	claim->epoch = a->epoch;
	claim->handed = claim->sure.offset = claim->far.offset = claim->settled = -1;
	STAILQ_INIT(&claim->aside);
	claim->public = (struct kg_claim){
		.topic = topic,
		.partition = (int32_t)a->partition,
		.initial = a->initial,
		.start = a->start,
		.committed = a->committed,
		.metadata = metadata,
		.metadata_bytes = a->metadata.size,
		.high = a->high,
		.marked = -1,
	};
	return claim;
}

/* ---- all of them ----------------------------------------------------------------------------- */

const char *claims_topic(struct claims *cs, struct kgp_bytes name)
{
	struct topic *t;

	SLIST_FOREACH(t, &cs->topics, link)
	if (strlen(t->name) == name.size && !memcmp(t->name, name.data, name.size))
		return t->name;
	t = malloc(sizeof(*t) + name.size + 1);
	if (!t)
		return NULL;
	memcpy(t->name, name.data, name.size);
	t->name[name.size] = 0;
	SLIST_INSERT_HEAD(&cs->topics, t, link);
	return t->name;
}

/* Where it is, or would be. */
static size_t place(const struct claims *cs, const char *topic, int32_t partition)
{
	size_t low = 0, high = cs->n, middle;
	const struct kg_claim *p;
	int order;

	while (low < high) {
		middle = low + (high - low) / 2;
		p = &cs->all[middle]->public;
		order = p->topic == topic ? 0 : strcmp(p->topic, topic);
		if (order < 0 || (!order && p->partition < partition))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct claims *cs, size_t i, const char *topic, int32_t partition)
{
	return i < cs->n && cs->all[i]->public.partition == partition &&
	       !strcmp(cs->all[i]->public.topic, topic);
}

struct claim *claims_find(const struct claims *cs, const char *topic, int32_t partition)
{
	size_t i = place(cs, topic, partition);

	return is_at(cs, i, topic, partition) ? cs->all[i] : NULL;
}

static int reserve(struct claims *cs)
{
	size_t cap = cs->cap ? cs->cap * 2 : FIRST_CAP;
	struct kg_claim *view;
	struct claim **all;

	if (index_reserve(&cs->by_handle) || index_reserve(&cs->by_id))
		return -ENOMEM;
	if (cs->n < cs->cap)
		return 0;
	view = malloc(cap * sizeof(*view));
	all = malloc(cap * sizeof(*all));
	if (!view || !all) {
		free(view);
		free(all);
		return -ENOMEM;
	}
	if (cs->n)
		memcpy(all, cs->all, cs->n * sizeof(*all));
	free(cs->view);
	free(cs->all);
	cs->view = view;
	cs->all = all;
	cs->cap = cap;
	return 0;
}

/*
 * The orphan's mark goes on to the new claim if delivery starts right behind it: then the daemon
 * took it from our RESUME, and it would be lost if the daemon went before it has committed.
 */
static void inherit(struct claims *cs, struct claim *claim, struct claim *orphan)
{
	struct mark_slot *from =
		orphan->far.offset > orphan->sure.offset ? &orphan->far : &orphan->sure;

	if (from->offset >= 0 && from->offset + 1 == claim->public.start) {
		claim->sure.offset = from->offset;
		claim->sure.metadata = from->metadata;
		from->metadata = NULL;
	}
	claims_remove(cs, orphan);
}

int claims_add(struct claims *cs, const struct kgp_assign *a, struct claim **out)
{
	const char *topic = claims_topic(cs, a->topic);
	struct claim *claim, *old;
	size_t i;

	if (!topic || reserve(cs))
		return -ENOMEM;
	old = claims_find(cs, topic, (int32_t)a->partition);
	if ((old && old->state < CLAIM_ORPHAN) || index_find(&cs->by_id, (uint32_t)a->claim))
		return -EEXIST;
	claim = claim_new(a, topic);
	if (!claim)
		return -ENOMEM;
	if (old)
		inherit(cs, claim, old);
	claim->handle = ++cs->last_handle;
	index_add(&cs->by_handle, claim->handle, claim);
	index_add(&cs->by_id, claim->id, claim);
	i = place(cs, topic, claim->public.partition);
	memmove(&cs->all[i + 1], &cs->all[i], (cs->n++ - i) * sizeof(*cs->all));
	cs->all[i] = claim;
	*out = claim;
	return 0;
}

void claims_remove(struct claims *cs, struct claim *claim)
{
	size_t i = place(cs, claim->public.topic, claim->public.partition);

	claim_drop_aside(cs, claim);
	claims_untouch(cs, claim);
	index_remove(&cs->by_handle, claim->handle);
	if (claim->state < CLAIM_ORPHAN)
		index_remove(&cs->by_id, claim->id);
	memmove(&cs->all[i], &cs->all[i + 1], (--cs->n - i) * sizeof(*cs->all));
	claim_free(claim);
}

static void orphan(struct claims *cs, struct claim *claim)
{
	if (claim->state < CLAIM_ORPHAN)
		index_remove(&cs->by_id, claim->id);
	claim->state = CLAIM_ORPHAN;
	claim->paused = claim->told_paused = claim->done_due = claim->close_due = false;
	claim->sure.dirty = claim->far.dirty = false;
	claim_drop_aside(cs, claim);
	claims_untouch(cs, claim);
}

/* The connection is gone. Orphans whose RESUME was answered have no more to say. */
void claims_orphan(struct claims *cs, bool resumed_are_settled)
{
	size_t i = 0;

	while (i < cs->n)
		if (cs->all[i]->state == CLAIM_RESUMED && resumed_are_settled)
			claims_remove(cs, cs->all[i]);
		else
			orphan(cs, cs->all[i++]);
}

size_t claims_view(struct claims *cs)
{
	const struct claim *c;
	size_t i, n = 0;

	for (i = 0; i < cs->n; i++) {
		c = cs->all[i];
		if (c->state != CLAIM_HELD)
			continue;
		cs->view[n] = c->public;
		cs->view[n].paused = c->paused;
		cs->view[n++].marked =
			c->sure.offset > c->far.offset ? c->sure.offset : c->far.offset;
	}
	return n;
}

void claims_deinit(struct claims *cs)
{
	struct topic *t;

	while (cs->n)
		claims_remove(cs, cs->all[cs->n - 1]);
	while ((t = SLIST_FIRST(&cs->topics))) {
		SLIST_REMOVE_HEAD(&cs->topics, link);
		free(t);
	}
	free(cs->all);
	free(cs->view);
	index_deinit(&cs->by_handle);
	index_deinit(&cs->by_id);
}
