/* SPDX-License-Identifier: MIT */
/*
 * The state file: which groups were joined, with which topics, settings and consumers.
 *
 * A static member that comes back with another subscription rebalances the whole group; so a
 * restart joins with the old one before any client is back. Written at each open and close, by
 * rename, in $RUNTIME_DIRECTORY (or beside the socket); gone when no group is left; ignored with a
 * line in the log when it cannot be read. One msgpack value: [version, last epoch, [[cluster,
 * alias, dynamic, owner, [topic ..], {setting: value}, [id ..]] ..]]. Losing it costs a rebalance,
 * never a message.
 */
#include "daemon/state.h"

#include "daemon/cluster.h"
#include "daemon/consumer.h"
#include "daemon/daemon.h"
#include "daemon/group.h"
#include "daemon/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VERSION = 1, MAX_BYTES = 64 << 20 };

/* Of epochs that a run has begun since it wrote; some milliseconds of first_epoch(). */
static const uint64_t MOST_SINCE = UINT64_C(1) << 24;

struct state_file {
	struct daemon *daemon;
	struct event *event; /* writes at the end of the turn */
	char *path, *temporary;
	bool dirty;
};

/* ---- writing --------------------------------------------------------------------------------- */

static void put_ids(struct kgp_buf *b, const struct group *g)
{
	struct consumer *c;

	kgp_put_array(b, g->n_consumers);
	TAILQ_FOREACH (c, &g->consumers, link)
		kgp_put_bin(b, kgp_bytes(c->id, sizeof(c->id)));
}

static void put_settings(struct kgp_buf *b, const struct group *g)
{
	struct kgp_settings settings = agreement_get(&g->agreement);
	struct kgp_buf pairs = {0};
	uint32_t n;

	kgp_settings_encode(&settings, &pairs, &n);
	kgp_put_map(b, n);
	kgp_put_raw(b, pairs.data, pairs.len);
	b->failed |= pairs.failed;
	kgp_buf_deinit(&pairs);
}

static void put_group(struct kgp_buf *b, const struct group *g)
{
	const char *topics[GROUP_MAX_TOPICS];
	size_t i, n = group_get_topics(g, topics, sizeof(topics) / sizeof(*topics));

	kgp_put_array(b, 7);
	kgp_put_str(b, kgp_text(g->cluster->config->name));
	kgp_put_str(b, kgp_text(group_get_name(g)));
	kgp_put_bool(b, g->dynamic != NULL);
	kgp_put_uint(b, g->owner);
	kgp_put_array(b, (uint32_t)n);
	for (i = 0; i < n; i++)
		kgp_put_str(b, kgp_text(topics[i]));
	put_settings(b, g);
	put_ids(b, g);
}

static uint32_t count_groups(const struct daemon *d)
{
	struct group *g;
	uint32_t n = 0;

	TAILQ_FOREACH (g, &d->groups, link)
		n += !TAILQ_EMPTY(&g->interests);
	return n;
}

static int write_file(const struct state_file *s, const struct kgp_buf *b)
{
	int fd = open(s->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, b->data, b->len);
	close(fd);
	if (n != (ssize_t)b->len)
		return n < 0 ? -errno : -ENOSPC;
	return rename(s->temporary, s->path) ? -errno : 0;
}

static void save(struct state_file *s)
{
	struct kgp_buf b = {0};
	struct group *g;
	int r;

	s->dirty = false;
	if (!count_groups(s->daemon)) {
		unlink(s->path);
		return;
	}
	kgp_put_array(&b, 3);
	kgp_put_uint(&b, VERSION);
	kgp_put_uint(&b, s->daemon->epoch);
	kgp_put_array(&b, count_groups(s->daemon));
	TAILQ_FOREACH (g, &s->daemon->groups, link)
		if (!TAILQ_EMPTY(&g->interests))
			put_group(&b, g);
	r = b.failed ? -ENOMEM : write_file(s, &b);
	if (r)
		log_write(LOG_WARNING, NULL, "cannot write %s: %s; a restart will cost a rebalance",
			  s->path, strerror(-r));
	kgp_buf_deinit(&b);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
	save(arg);
}

void state_save(struct daemon *d)
{
	if (!d->state || d->state->dirty || d->draining)
		return;
	d->state->dirty = true;
	event_active(d->state->event, EV_TIMEOUT, 0);
}

void state_remove(struct daemon *d)
{
	unlink(d->state->path);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* One group as it stands in the file; points into it. */
struct saved {
	struct kgp_token cluster, alias, dynamic, owner, ids;
	struct kgp_list topics, settings;
};

static bool read_kind(struct kgp_cursor *c, struct kgp_token *t, enum kgp_kind kind)
{
	return !kgp_read(c, t) && t->kind == kind;
}

static bool read_list(struct kgp_cursor *c, struct kgp_list *l, enum kgp_kind kind)
{
	const uint8_t *from = c->at;
	struct kgp_token t;

	if (!read_kind(c, &t, kind))
		return false;
	*l = (struct kgp_list){.wire = c->at, .n = (uint32_t)t.number};
	c->at = from;
	if (kgp_skip(c, 2))
		return false;
	l->wire_bytes = (size_t)(c->at - l->wire);
	return true;
}

static bool read_saved(struct kgp_cursor *c, struct saved *s)
{
	struct kgp_token t;

	return read_kind(c, &t, KGP_KIND_ARRAY) && t.number == 7 &&
	       read_kind(c, &s->cluster, KGP_KIND_STR) && read_kind(c, &s->alias, KGP_KIND_STR) &&
	       read_kind(c, &s->dynamic, KGP_KIND_BOOL) && read_kind(c, &s->owner, KGP_KIND_UINT) &&
	       read_list(c, &s->topics, KGP_KIND_ARRAY) &&
	       read_list(c, &s->settings, KGP_KIND_MAP) && read_kind(c, &s->ids, KGP_KIND_ARRAY);
}

static struct group *find_or_open(struct daemon *d, const struct saved *s)
{
	char cluster_name[KGP_MAX_NAME + 1], alias[KGP_MAX_NAME + 1];
	struct config_group *config;
	struct cluster *cluster;
	struct group *g;

	snprintf(cluster_name, sizeof(cluster_name), "%.*s", (int)s->cluster.number,
		 (const char *)s->cluster.data);
	snprintf(alias, sizeof(alias), "%.*s", (int)s->alias.number, (const char *)s->alias.data);
	g = daemon_find_group(d, cluster_name, alias);
	if (g || !s->dynamic.number)
		return g;
	TAILQ_FOREACH (cluster, &d->clusters, link)
		if (!strcmp(cluster->config->name, cluster_name) && cluster->config->allow_dynamic)
			break;
	config = cluster ? config_group_new_dynamic(d->config, cluster->config, alias) : NULL;
	if (!config)
		return NULL;
	if (group_open(&g, d, cluster, config, config)) {
		config_group_free(config);
		return NULL;
	}
	g->owner = (uid_t)s->owner.number;
	return g;
}

static void expect(struct group *g, struct kgp_cursor *c, uint64_t n)
{
	uint8_t(*ids)[KGP_ID_BYTES] = calloc(n + 1, KGP_ID_BYTES);
	struct kgp_token t;
	unsigned i;

	for (i = 0; i < n; i++) {
		if (kgp_read(c, &t) || t.kind != KGP_KIND_BIN || t.number != KGP_ID_BYTES || !ids)
			break;
		memcpy(ids[i], t.data, KGP_ID_BYTES);
	}
	if (g && ids)
		group_expect_consumers(g, ids, i);
	else
		free(ids);
}

static void restore(struct daemon *d, struct saved *s, struct kgp_cursor *c)
{
	struct group *g = find_or_open(d, s);
	struct kgp_settings settings;
	struct kgp_token t;
	struct kgp_cursor topics = {s->topics.wire, s->topics.wire + s->topics.wire_bytes};
	char topic[KGP_MAX_TOPIC + 1], why[256];

	expect(g, c, s->ids.number);
	if (!g)
		return;
	kgp_settings_init(&settings);
	if (!kgp_settings_decode(&settings, s->settings, why, sizeof(why)))
		agreement_join(&g->agreement, true, &settings, why, sizeof(why));
	while (topics.at < topics.end && read_kind(&topics, &t, KGP_KIND_STR)) {
		snprintf(topic, sizeof(topic), "%.*s", (int)t.number, (const char *)t.data);
		group_add_interest(g, topic, false);
	}
	log_write(LOG_INFO, LOG_ABOUT(.group = group_get_name(g)),
		  "joins as before the restart, %u consumer%s expected", g->n_settling,
		  g->n_settling == 1 ? " is" : "s are");
	membership_want(g);
}

static bool parse(struct daemon *d, struct kgp_cursor c)
{
	struct kgp_token head, version, epoch, groups;
	struct saved s;
	uint64_t i;

	if (!read_kind(&c, &head, KGP_KIND_ARRAY) || head.number != 3 ||
	    !read_kind(&c, &version, KGP_KIND_UINT) || version.number != VERSION ||
	    !read_kind(&c, &epoch, KGP_KIND_UINT) || !read_kind(&c, &groups, KGP_KIND_ARRAY))
		return false;
	if (epoch.number + MOST_SINCE > d->epoch && epoch.number < UINT64_MAX / 2)
		d->epoch = epoch.number + MOST_SINCE; /* the clock went back */
	for (i = 0; i < groups.number; i++) {
		if (!read_saved(&c, &s))
			return false;
		restore(d, &s, &c);
	}
	return true;
}

static int read_file(const char *path, struct kgp_buf *b)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n = -1;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && st.st_size <= MAX_BYTES &&
	    kgp_buf_reserve(b, (size_t)st.st_size + 1))
		n = read(fd, b->data, (size_t)st.st_size);
	close(fd);
	if (n < 0)
		return -EIO;
	b->len = (size_t)n;
	return 0;
}

void state_load(struct daemon *d)
{
	struct kgp_buf b = {0};
	int r = read_file(d->state->path, &b);

	if (r != -ENOENT && (r || !parse(d, (struct kgp_cursor){b.data, b.data + b.len})))
		log_write(LOG_WARNING, NULL,
			  "%s cannot be read and is ignored: this start may cost a rebalance",
			  d->state->path);
	kgp_buf_deinit(&b);
}

/* ---- birth and death ------------------------------------------------------------------------- */

int state_open(struct state_file **out, struct daemon *d)
{
	const char *dir = getenv("RUNTIME_DIRECTORY");
	struct state_file *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->daemon = d;
	s->event = evtimer_new(d->base, on_due, s);
	r = dir && *dir ? asprintf(&s->path, "%.*s/state", (int)strcspn(dir, ":"), dir)
			: asprintf(&s->path, "%s.state", d->config->socket_path);
	if (r < 0)
		s->path = NULL;
	if (s->path && asprintf(&s->temporary, "%s.new", s->path) < 0)
		s->temporary = NULL;
	if (!s->event || !s->path || !s->temporary) {
		state_free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

struct state_file *state_free(struct state_file *s)
{
	if (!s)
		return NULL;
	if (s->event)
		event_free(s->event);
	free(s->path);
	free(s->temporary);
	free(s);
	return NULL;
}
