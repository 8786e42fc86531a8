/* SPDX-License-Identifier: MIT */
/*
 * Notifications of rebalances, for consumers that asked for them.
 *
 * A notice opens with START, which names the claims that are held, before anything is taken away or
 * handed out, and ends with OK, or with ERROR when the membership is gone. OK names the difference
 * to what START named, so a partition that an eager rebalance takes and gives back is in neither
 * list. Claims that are handed out in between deliver nothing before OK. A rebalance of the group
 * opens a notice for all, a change of claims for the consumer that it is about. Owns the claims at
 * START, as copies: their partitions may be gone at OK. A consumer that closes is told nothing.
 */
#include "daemon/notice.h"

#include "daemon/claim.h"
#include "daemon/connection.h"
#include "daemon/consumer.h"
#include "daemon/group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { START = 1, OK, ERROR };

struct place {
	char topic[KGP_MAX_TOPIC + 1];
	int32_t partition;
};

/* A list of NOTIFY in the making. */
struct list {
	struct kgp_partitions *topics;
	struct kgp_number *ids;
	size_t n_topics, n_ids;
};

static int compare(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = strcmp(x->topic, y->topic);

	return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

void notice_deinit(struct notice *n)
{
	free(n->before);
	*n = (struct notice){.open = false};
}

/* The claims now, sorted; those that are being released too, or not. NULL: no memory. */
static struct place *list_claims(struct consumer *c, bool releasing, size_t *n)
{
	struct place *places = calloc(c->n_claims + 1, sizeof(*places));
	struct claim *claim;

	*n = 0;
	if (!places)
		return NULL;
	TAILQ_FOREACH (claim, &c->claims, link) {
		if (claim->state != CLAIM_LIVE && !releasing)
			continue;
		snprintf(places[*n].topic, sizeof(places->topic), "%s", claim->partition->topic);
		places[(*n)++].partition = claim->partition->id;
	}
	qsort(places, *n, sizeof(*places), compare);
	return places;
}

/* ---- the frame ------------------------------------------------------------------------------- */

/* What is in a and not in b, both sorted, grouped by topic. b NULL: all of a. */
static int list_init(struct list *l, const struct place *a, size_t n_a, const struct place *b,
		     size_t n_b)
{
	const char *topic = "";
	size_t i;

	*l = (struct list){
		.topics = calloc(n_a + 1, sizeof(*l->topics)),
		.ids = calloc(n_a + 1, sizeof(*l->ids)),
	};
	if (!l->topics || !l->ids)
		return -1;
	for (i = 0; i < n_a; i++) {
		if (b && bsearch(&a[i], b, n_b, sizeof(*b), compare))
			continue;
		if (strcmp(topic, a[i].topic)) {
			topic = a[i].topic;
			l->topics[l->n_topics].topic = kgp_text(topic);
			l->topics[l->n_topics++].ids.items = &l->ids[l->n_ids];
		}
		l->topics[l->n_topics - 1].ids.n++;
		l->ids[l->n_ids++].value = (uint64_t)a[i].partition;
	}
	return 0;
}

static void list_deinit(struct list *l)
{
	free(l->topics);
	free(l->ids);
}

static struct kgp_list as_list(const struct list *l)
{
	return (struct kgp_list){.items = l->topics, .n = (uint32_t)l->n_topics};
}

static void say(struct consumer *c, enum kind kind, const struct place *now, size_t n_now)
{
	const struct notice *notice = &c->notice;
	struct list claimed = {0}, released = {0}, current = {0};
	int r = list_init(&current, now, n_now, NULL, 0);

	if (!r)
		r = list_init(&claimed, now, kind == START ? 0 : n_now, notice->before,
			      notice->n_before);
	if (!r)
		r = list_init(&released, notice->before, kind == START ? 0 : notice->n_before, now,
			      n_now);
	if (r)
		connection_drop(c->connection, "no memory");
	else
		connection_send(c->connection, KGP_T_notify,
				&(struct kgp_notify){
					.kind = kind,
					.claimed = as_list(&claimed),
					.released = as_list(&released),
					.current = as_list(&current),
				});
	list_deinit(&claimed);
	list_deinit(&released);
	list_deinit(&current);
}

/* ---- start and end --------------------------------------------------------------------------- */

static bool is_told(const struct consumer *c)
{
	return c->settings.value[KGP_SETTING_NOTIFICATIONS] && c->ready && !c->closing;
}

bool notice_start(struct consumer *c)
{
	struct notice *n = &c->notice;

	if (!is_told(c))
		return false;
	if (n->open)
		return true;
	n->before = list_claims(c, true, &n->n_before);
	if (!n->before) {
		connection_drop(c->connection, "no memory");
		return false;
	}
	n->open = true;
	say(c, START, n->before, n->n_before);
	return true;
}

static void end(struct consumer *c, enum kind kind)
{
	struct place *now;
	size_t n;

	now = list_claims(c, false, &n);
	if (now)
		say(c, kind, now, n);
	else
		connection_drop(c->connection, "no memory");
	free(now);
	notice_deinit(&c->notice);
}

void notice_start_all(struct group *g)
{
	struct consumer *c;

	TAILQ_FOREACH (c, &g->consumers, link)
		notice_start(c);
}

static bool is_releasing(struct consumer *c)
{
	struct claim *claim;

	TAILQ_FOREACH (claim, &c->claims, link)
		if (claim->state == CLAIM_RELEASING)
			return true;
	return false;
}

static void announce(struct consumer *c)
{
	struct claim *claim;

	end(c, OK);
	TAILQ_FOREACH (claim, &c->claims, link) {
		claim->unannounced = false;
		claim_set_runnable(claim);
	}
}

void notice_settle(struct group *g)
{
	struct consumer *c;

	TAILQ_FOREACH (c, &g->consumers, link)
		if (c->notice.open && !c->closing && !is_releasing(c))
			announce(c);
}

void notice_fail(struct group *g)
{
	struct consumer *c;

	TAILQ_FOREACH (c, &g->consumers, link)
		if (c->notice.open)
			end(c, ERROR);
}
