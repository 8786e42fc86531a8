/* SPDX-License-Identifier: MIT */
/*
 * The listing: which topics the cluster has, for the patterns of a group's consumers.
 *
 * Lists the topics on the group's own handle, because what it may see depends on its credentials:
 * when a consumer with a pattern comes, every topic.metadata.refresh.interval.ms, and when somebody
 * asks for it (refresh). A topic that is missing is looked for once more a second later before it
 * counts as gone, because a broker that just started may not know all of them; new ones count at
 * once. Owns the list, which patterns share while they match, and the requests that wait. What the
 * list means for consumers is pattern.c's. librdkafka's own subscription by ^pattern is not used:
 * it knows no exclude, and hides explicitly named topics with it.
 */
#include "daemon/listing.h"

#include "daemon/cluster.h"
#include "daemon/daemon.h"
#include "daemon/group.h"
#include "daemon/helper.h"
#include "daemon/log.h"
#include "daemon/pattern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	INTERVAL_MS = 30000, /* as kafka.c's default of topic.metadata.refresh.interval.ms */
	TIMEOUT_MS = 5000,
	AGAIN_US = 1000000, /* after a failure, or for a topic that is missing */
};

/* Who waits for a list that was asked for after it. */
struct waiter {
	TAILQ_ENTRY(waiter) link;
	uint64_t number;
	listing_done_fn *done;
	void *owner;
};

struct listing {
	struct group *g;
	struct names *names;	    /* NULL: not listed yet */
	uint64_t due_us;	    /* when it is listed next; UINT64_MAX: when asked to */
	uint64_t n_asked, n_listed; /* numbers of lists */
	bool asked;		    /* a list is under way */
	bool doubts;		    /* the last one missed a topic */
	TAILQ_HEAD(, waiter) waiters;
};

/* ---- names ----------------------------------------------------------------------------------- */

/* One block: the pointers, then the texts. */
static struct names *names_new(const char *const *from, size_t n)
{
	size_t i, bytes = sizeof(struct names) + n * sizeof(char *);
	struct names *names;
	char *at;

	for (i = 0; i < n; i++)
		bytes += strlen(from[i]) + 1;
	names = malloc(bytes);
	if (!names)
		return NULL;
	names->n_refs = 1;
	names->n = n;
	at = (char *)&names->name[n];
	for (i = 0; i < n; i++) {
		names->name[i] = at;
		at = stpcpy(at, from[i]) + 1;
	}
	return names;
}

struct names *names_ref(struct names *n)
{
	n->n_refs++;
	return n;
}

struct names *names_unref(struct names *n)
{
	if (n && !--n->n_refs)
		free(n);
	return NULL;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool names_have(const struct names *n, const char *topic)
{
	return bsearch(&topic, n->name, n->n, sizeof(*n->name), compare) != NULL;
}

struct names *listing_guess_names(const struct group *g)
{
	const char *topics[GROUP_MAX_TOPICS];
	size_t n = group_get_topics(g, topics, GROUP_MAX_TOPICS);

	qsort(topics, n, sizeof(*topics), compare);
	return names_new(topics, n);
}

/* What is in the list and what is in old, once each; *missing: old has one that the list has not.
 */
static struct names *merge(const struct kafka_tp *list, size_t n, const struct names *old,
			   bool *missing)
{
	size_t n_old = old ? old->n : 0, i = 0, j = 0, k = 0;
	const char **all = calloc(n + n_old + 1, sizeof(*all));
	struct names *names;
	int order;

	while (all && (i < n || j < n_old)) {
		order = i == n ? 1 : j == n_old ? -1 : strcmp(list[i].topic, old->name[j]);
		*missing |= order > 0;
		all[k++] = order > 0 ? old->name[j] : list[i].topic;
		i += order <= 0;
		j += order >= 0;
	}
	names = all ? names_new(all, k) : NULL;
	free(all);
	return names;
}

/* ---- lists ----------------------------------------------------------------------------------- */

static uint64_t interval_us(const struct group *g)
{
	const struct config_pair *pair =
		config_group_find_kafka(g->config, "topic.metadata.refresh.interval.ms");
	long long ms = pair ? strtoll(pair->value, NULL, 10) : INTERVAL_MS;

	return ms > 0 ? (uint64_t)ms * 1000 : 0; /* 0: never by itself */
}

static void set_due(struct listing *l)
{
	uint64_t us = interval_us(l->g);

	l->due_us = us ? now_us() + us : UINT64_MAX;
	if (l->doubts)
		l->due_us = now_us() + AGAIN_US;
}

/* Every waiter whose list has come. */
static void answer(struct listing *l, unsigned code, const char *why)
{
	struct waiter *waiter, *next;

	for (waiter = TAILQ_FIRST(&l->waiters); waiter; waiter = next) {
		next = TAILQ_NEXT(waiter, link);
		if (waiter->number > l->n_listed)
			continue;
		TAILQ_REMOVE(&l->waiters, waiter, link);
		waiter->done(waiter->owner, code, why);
		free(waiter);
	}
}

static void fail(struct listing *l, const struct kafka_tp *reason)
{
	unsigned code = reason->error_class == KAFKA_ERROR_AUTH ? KGP_E_AUTH : KGP_E_BROKER;
	char why[128];

	snprintf(why, sizeof(why), "the topics of the cluster cannot be listed: %s", reason->error);
	l->due_us = now_us() + AGAIN_US;
	group_on_error(l->g, code, "topics", NULL, -1, "%s", why);
	answer(l, code, why);
}

/* Nothing else says so to a group that subscribes to nothing yet. */
static void heal(struct group *g)
{
	if (g->error_code == KGP_E_BROKER ||
	    (g->error_code == KGP_E_AUTH && TAILQ_EMPTY(&g->interests)))
		group_clear_error(g);
}

static void take(struct listing *l, const struct kafka_tp *list, size_t n)
{
	bool missing = false, keep = !l->doubts;
	struct names *names = merge(list, n, keep ? l->names : NULL, &missing);

	if (!names) {
		l->due_us = now_us() + AGAIN_US;
		return;
	}
	names_unref(l->names);
	l->names = names;
	l->doubts = missing;
	set_due(l);
	heal(l->g);
	pattern_match_all(l->g);
}

static void ask(struct listing *l);

static void on_topics(void *owner, int r, const struct kafka_tp *list, size_t n)
{
	struct listing *l = owner;
	struct waiter *waiter;

	l->asked = false;
	l->n_listed = l->n_asked;
	if (r)
		fail(l, &list[0]);
	else
		take(l, list, n);
	TAILQ_FOREACH (waiter, &l->waiters, link)
		if (waiter->number > l->n_asked) { /* it came meanwhile */
			ask(l);
			return;
		}
}

static void ask(struct listing *l)
{
	struct group *g = l->g;

	if (l->asked || !g->kafka || g->state == GROUP_CLOSING)
		return;
	if (helper_query_topics(g->cluster->helper, g->kafka, TIMEOUT_MS, on_topics, l)) {
		l->due_us = now_us() + AGAIN_US;
		return;
	}
	l->asked = true;
	l->n_asked++;
}

/* ---- the group's side ------------------------------------------------------------------------ */

static struct listing *get(struct group *g)
{
	if (g->listing)
		return g->listing;
	g->listing = calloc(1, sizeof(*g->listing));
	if (!g->listing)
		return NULL;
	g->listing->g = g;
	TAILQ_INIT(&g->listing->waiters);
	return g->listing;
}

struct listing *listing_free(struct listing *l)
{
	struct waiter *waiter;

	if (!l)
		return NULL;
	if (l->g->cluster->helper)
		helper_forget(l->g->cluster->helper, l);
	while ((waiter = TAILQ_FIRST(&l->waiters))) {
		TAILQ_REMOVE(&l->waiters, waiter, link);
		free(waiter);
	}
	names_unref(l->names);
	free(l);
	return NULL;
}

struct names *listing_get_names(const struct group *g)
{
	return g->listing ? g->listing->names : NULL;
}

int listing_look(struct group *g)
{
	struct listing *l = get(g);

	if (!l)
		return -ENOMEM;
	l->due_us = 0;
	listing_tick(g);
	return 0;
}

void listing_tick(struct group *g)
{
	struct listing *l = g->listing;

	if (!l)
		return;
	if (!group_has_patterns(g)) {
		l->names = names_unref(l->names); /* old before anybody needs it again */
		l->doubts = false;
		answer(l, 0, NULL);
	} else if (now_us() >= l->due_us) {
		ask(l);
	}
}

void listing_on_matched(struct group *g)
{
	answer(g->listing, 0, NULL);
}

int listing_refresh(struct group *g, listing_done_fn *done, void *owner)
{
	struct waiter *waiter = calloc(1, sizeof(*waiter));
	struct listing *l = get(g);

	if (!waiter || !l) {
		free(waiter);
		return -ENOMEM;
	}
	*waiter = (struct waiter){.number = l->n_asked + 1, .done = done, .owner = owner};
	TAILQ_INSERT_TAIL(&l->waiters, waiter, link);
	return listing_look(g);
}

void listing_forget(struct group *g, void *owner)
{
	struct waiter *waiter, *next;

	for (waiter = g->listing ? TAILQ_FIRST(&g->listing->waiters) : NULL; waiter;
	     waiter = next) {
		next = TAILQ_NEXT(waiter, link);
		if (waiter->owner != owner)
			continue;
		TAILQ_REMOVE(&g->listing->waiters, waiter, link);
		free(waiter);
	}
}
