/* SPDX-License-Identifier: MIT */
/*
 * Consumer patterns: from the cluster's topics (listing.c) to the topics of a consumer.
 *
 * A consumer's topics are those it named and those its filter (core/filter.c) chooses, sorted, each
 * once; so interests, distribution and access need not know where one comes from. Named ones are
 * never filtered. Matching happens on the loop, a slice of 2 ms and then as long a pause, one
 * consumer after the other: 10,000 topics or a hostile pattern delay nobody else by more. Owns, for
 * each consumer with a pattern, the filter, the names, and how far it has come. What changed is
 * applied at the end of a slice, once for each group. A topic that is gone is an error event, and
 * leaves the subscription at once; the rest go on.
 */
#include "daemon/pattern.h"

#include "daemon/cluster.h"
#include "daemon/connection.h"
#include "daemon/consumer.h"
#include "daemon/core/filter.h"
#include "daemon/daemon.h"
#include "daemon/group.h"
#include "daemon/listing.h"
#include "daemon/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLICE_US = 2000, PAUSE_US = 2000, REPEAT_US = 60000000 };

struct pattern {
	TAILQ_ENTRY(pattern) link; /* of daemon->matching, while names is set */
	struct consumer *c;
	struct filter *filter;
	char *include, *exclude; /* exclude NULL: none */
	char **named;		 /* sorted, each once */
	size_t n_named;
	struct names *names; /* being matched; NULL: nothing to do */
	size_t at;	     /* of names */
	const char **found;  /* of names */
	size_t n_found;
	size_t n_slow, n_slow_now; /* names that took too long: last time, this time */
	const char *slow;	   /* one of them */
	uint64_t slow_told_us;
};

static struct log_about about(const struct pattern *p)
{
	return (struct log_about){.group = group_get_name(p->c->group),
				  .peer = &p->c->connection->peer};
}

/* ---- lists of topics ------------------------------------------------------------------------- */

static void free_topics(char **topics, size_t n)
{
	size_t i;

	for (i = 0; topics && i < n; i++)
		free(topics[i]);
	free(topics);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool has(char **topics, size_t n, const char *topic)
{
	return bsearch(&topic, topics, n, sizeof(*topics), compare) != NULL;
}

/* Named and found ones: sorted, each once, the reader's own. NULL: no memory. */
static char **join(const struct pattern *p, size_t *n)
{
	char **all = calloc(p->n_named + p->n_found + 1, sizeof(*all));
	size_t i = 0, j = 0;
	int order;

	for (*n = 0; all && (i < p->n_named || j < p->n_found); ++*n) {
		order = i == p->n_named	  ? 1
			: j == p->n_found ? -1
					  : strcmp(p->named[i], p->found[j]);
		all[*n] = strdup(order > 0 ? p->found[j] : p->named[i]);
		if (!all[*n]) {
			free_topics(all, *n);
			return NULL;
		}
		i += order <= 0;
		j += order >= 0;
	}
	return all;
}

/* ---- what matching found --------------------------------------------------------------------- */

static void stop(struct pattern *p)
{
	if (!p->names)
		return;
	TAILQ_REMOVE(&p->c->group->daemon->matching, p, link);
	p->c->group->n_matching--;
	p->names = names_unref(p->names);
	free(p->found);
	p->found = NULL;
	p->n_found = 0;
}

static void tell(struct pattern *p, const char *text)
{
	struct log_about where = about(p);

	where.code = KGP_E_SETTING;
	log_write(LOG_WARNING, &where, "client %s (pid %d): KG-%04u %s", p->c->connection->name,
		  p->c->connection->peer.pid, KGP_E_SETTING, text);
	p->c->group->n_errors++;
	consumer_send_error(p->c, KGP_E_SETTING, "topics", NULL, -1, text);
}

static void tell_slow(struct pattern *p)
{
	char text[512];
	bool repeated = p->n_slow_now == p->n_slow && now_us() - p->slow_told_us < REPEAT_US;

	p->n_slow = p->n_slow_now;
	if (!p->n_slow || repeated)
		return;
	p->slow_told_us = now_us();
	snprintf(text, sizeof(text),
		 "topics.include or topics.exclude takes too long on %zu topic%s, such as %s: not "
		 "matched; write it without nested repetitions",
		 p->n_slow, p->n_slow == 1 ? "" : "s", p->slow);
	tell(p, text);
}

/* As many as a group can subscribe to. */
static void cut(struct pattern *p)
{
	struct group *g = p->c->group;
	size_t i, kept = 0,
		  room = g->n_interests < GROUP_MAX_TOPICS ? GROUP_MAX_TOPICS - g->n_interests : 0;
	char text[192];

	for (i = 0; i < p->n_found; i++) {
		if (group_find_interest(g, p->found[i]))
			p->found[kept++] = p->found[i];
		else if (room && room--)
			p->found[kept++] = p->found[i];
	}
	if (kept < p->n_found) {
		snprintf(text, sizeof(text),
			 "topics.include matches %zu topics, but a group can have %d: %zu are left "
			 "out; name fewer, or in several groups",
			 p->n_found, GROUP_MAX_TOPICS, p->n_found - kept);
		tell(p, text);
	}
	p->n_found = kept;
}

/* Topics that were matched and that the cluster has no more. */
static void tell_gone(struct pattern *p, char **topics, size_t n)
{
	struct consumer *c = p->c;
	struct interest *interest;
	size_t i;

	for (i = 0; i < c->n_topics; i++) {
		if (has(topics, n, c->topics[i]) || names_have(p->names, c->topics[i]))
			continue;
		group_on_error(c->group, KGP_E_UNKNOWN_TOPIC, "topics", c->topics[i], -1,
			       "topic %s is gone from the cluster, or may not be read any more",
			       c->topics[i]);
		interest = group_find_interest(c->group, c->topics[i]);
		if (interest)
			interest->gone = true;
	}
}

static bool is_same(const struct consumer *c, char **topics, size_t n)
{
	size_t i;

	for (i = 0; i < n && n == c->n_topics; i++)
		if (strcmp(c->topics[i], topics[i]) != 0)
			return false;
	return n == c->n_topics;
}

/* All names have been seen. */
static void finish(struct pattern *p)
{
	struct log_about where = about(p);
	struct consumer *c = p->c;
	char **topics;
	size_t n;

	tell_slow(p);
	cut(p);
	topics = join(p, &n);
	if (!topics) {
		log_write(LOG_ERR, &where, "no memory to match topics; tried again");
	} else if (is_same(c, topics, n)) {
		free_topics(topics, n);
	} else {
		tell_gone(p, topics, n);
		log_write(LOG_INFO, &where, "client %s (pid %d): patterns match %zu of %zu topic%s",
			  c->connection->name, c->connection->peer.pid, p->n_found, p->names->n,
			  PLURAL(p->names->n));
		free_topics(c->topics, c->n_topics);
		c->topics = topics;
		c->n_topics = n;
		c->group->rematched = true;
	}
	stop(p);
}

/* ---- matching -------------------------------------------------------------------------------- */

static bool is_allowed(const struct group *g, const char *topic)
{
	return !g->dynamic || access_allows_topic(&g->cluster->access, topic);
}

static void match_next(struct pattern *p)
{
	const char *topic = p->names->name[p->at++];
	int r = filter_match(p->filter, topic);

	if (r < 0) {
		p->n_slow_now++;
		p->slow = topic;
	} else if (r && is_allowed(p->c->group, topic)) {
		p->found[p->n_found++] = topic;
	}
}

static void apply(struct group *g)
{
	g->rematched = false;
	group_note_wanted(g);
	group_update_interests(g);
	group_distribute(g);
}

static void settle(struct daemon *d)
{
	struct group *g;

	TAILQ_FOREACH (g, &d->groups, link) {
		if (g->rematched)
			apply(g);
		if (g->listing && !g->n_matching)
			listing_on_matched(g);
	}
}

static void on_slice(evutil_socket_t fd, short what, void *arg)
{
	struct timeval pause = {0, PAUSE_US};
	struct daemon *d = arg;
	uint64_t until_us = now_us() + SLICE_US;
	struct pattern *p;

	while (now_us() < until_us && (p = TAILQ_FIRST(&d->matching))) {
		if (p->at < p->names->n)
			match_next(p);
		else
			finish(p);
	}
	p = TAILQ_FIRST(&d->matching);
	if (p) { /* its neighbour is next */
		TAILQ_REMOVE(&d->matching, p, link);
		TAILQ_INSERT_TAIL(&d->matching, p, link);
		evtimer_add(d->match_event, &pause);
	}
	settle(d);
}

static void start(struct pattern *p, struct names *names)
{
	struct log_about where = about(p);
	struct group *g = p->c->group;

	stop(p);
	p->found = calloc(names->n + 1, sizeof(*p->found));
	if (!p->found) {
		log_write(LOG_ERR, &where, "no memory to match topics; tried again");
		return;
	}
	p->names = names_ref(names);
	p->at = p->n_slow_now = 0;
	TAILQ_INSERT_TAIL(&g->daemon->matching, p, link);
	g->n_matching++;
}

static void run(struct daemon *d)
{
	if (!event_pending(d->match_event, EV_TIMEOUT, NULL))
		event_active(d->match_event, EV_TIMEOUT, 0);
}

void pattern_match_all(struct group *g)
{
	struct names *names = listing_get_names(g);
	struct consumer *c;

	TAILQ_FOREACH (c, &g->consumers, link)
		if (c->pattern && names)
			start(c->pattern, names);
	run(g->daemon);
}

/* ---- consumers come and go ------------------------------------------------------------------- */

static struct kgp_bytes text_of(const struct kgp_settings *s, enum kgp_setting setting)
{
	return s->given & 1u << setting ? s->text[setting] : kgp_bytes(NULL, 0);
}

static int make_filter(const struct kgp_settings *s, struct filter **f, char *why, size_t size)
{
	return filter_new(f, text_of(s, KGP_SETTING_TOPICS_INCLUDE),
			  text_of(s, KGP_SETTING_TOPICS_EXCLUDE), why, size);
}

unsigned pattern_check(const struct kgp_settings *s, char *why, size_t size)
{
	struct filter *f = NULL;
	int r = make_filter(s, &f, why, size);

	filter_free(f);
	return !r ? 0 : r == -ENOMEM ? KGP_E_MEMORY : KGP_E_SETTING;
}

static char *copy_text(struct kgp_bytes text)
{
	return text.data ? strndup(text.data, text.size) : NULL;
}

static int take_named(struct pattern *p, struct consumer *c)
{
	p->named = c->topics;
	p->n_named = c->n_topics;
	c->topics = join(p, &c->n_topics);
	return c->topics ? 0 : -ENOMEM;
}

static int pattern_init(struct pattern *p, struct consumer *c)
{
	const struct kgp_settings *s = &c->settings;
	struct kgp_bytes exclude = text_of(s, KGP_SETTING_TOPICS_EXCLUDE);
	char ignored[512];

	p->c = c;
	p->include = copy_text(text_of(s, KGP_SETTING_TOPICS_INCLUDE));
	p->exclude = copy_text(exclude);
	if (!p->include || (exclude.data && !p->exclude) ||
	    make_filter(s, &p->filter, ignored, sizeof(ignored)))
		return -ENOMEM;
	return take_named(p, c);
}

int pattern_attach(struct consumer *c)
{
	int r = 0;

	if (c->settings.given & 1u << KGP_SETTING_TOPICS_INCLUDE) {
		c->pattern = calloc(1, sizeof(*c->pattern));
		r = c->pattern ? pattern_init(c->pattern, c) : -ENOMEM;
	}
	memset(c->settings.text, 0, sizeof(c->settings.text)); /* they are of the OPEN frame */
	return r;
}

void pattern_detach(struct consumer *c)
{
	struct pattern *p = c->pattern;

	if (!p)
		return;
	stop(p);
	filter_free(p->filter);
	free_topics(p->named, p->n_named);
	free(p->include);
	free(p->exclude);
	free(p);
	c->pattern = NULL;
}

/* Before the first list has come: the topics of the subscription are topics. So a restart needs no
 * list to go on as before. */
void pattern_start(struct consumer *c)
{
	struct names *names = listing_get_names(c->group);

	names = names ? names_ref(names) : listing_guess_names(c->group);
	if (names)
		start(c->pattern, names);
	names_unref(names);
	run(c->group->daemon);
	if (listing_look(c->group))
		log_write(LOG_ERR, NULL, "no memory to list topics; tried again");
}

const char *pattern_get_include(const struct pattern *p)
{
	return p ? p->include : NULL;
}

const char *pattern_get_exclude(const struct pattern *p)
{
	return p ? p->exclude : NULL;
}

size_t pattern_get_n_slow(const struct pattern *p)
{
	return p ? p->n_slow : 0;
}

int pattern_open(struct daemon *d)
{
	TAILQ_INIT(&d->matching);
	d->match_event = evtimer_new(d->base, on_slice, d);
	return d->match_event ? 0 : -ENOMEM;
}

void pattern_close(struct daemon *d)
{
	if (d->match_event)
		event_free(d->match_event);
}
