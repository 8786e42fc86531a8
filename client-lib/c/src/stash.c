/* SPDX-License-Identifier: MIT */
/*
 * The stash: marks and resets of several threads, one entry for each partition.
 *
 * A skip list, sorted by topic and partition: a look-up, an insertion and taking the first entry
 * away cost log n steps or less, and walking it in order is following the lowest level. A mark
 * raises an entry, a reset lowers it, and the metadata goes with the winner; so an entry does not
 * know whether it is a mark, which is said when it is applied.
 *
 * Owns its entries; belongs to no consumer. Every public call holds the mutex for as long as it
 * runs. A call that also needs a consumer's lock takes this one first. It must never call the
 * application but in for_each.
 */
#include "client-lib/c/src/stash.h"

#include "client-lib/c/src/mark.h"
#include "proto/limits.h"

#include <stdlib.h>
#include <string.h>

/* ---- new and free ---------------------------------------------------------------------------- */

struct kg_stash *kg_stash_new(void)
{
	struct kg_stash *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	pthread_mutex_init(&s->mutex, NULL);
	s->random = 88172645463325252u;
	return s;
}

static void entry_free(struct stash_entry *e)
{
	free((void *)(uintptr_t)e->public.metadata);
	free(e);
}

/* The first entry is the first one on each of its levels. */
void stash_drop_first(struct kg_stash *s, size_t n)
{
	struct stash_entry *e;
	unsigned i;

	for (; n; n--, s->n--) {
		e = s->first[0];
		for (i = 0; i < e->height; i++)
			s->first[i] = e->next[i];
		entry_free(e);
	}
}

struct kg_stash *kg_stash_free(struct kg_stash *s)
{
	if (!s)
		return NULL;
	stash_drop_first(s, s->n);
	pthread_mutex_destroy(&s->mutex);
	free(s);
	return NULL;
}

/* ---- the list -------------------------------------------------------------------------------- */

static int compare(const struct stash_entry *e, const char *topic, int32_t partition)
{
	int order = strcmp(e->public.topic, topic);

	return order ? order
		     : (e->public.partition > partition) - (e->public.partition < partition);
}

/* before[i]: the link on level i that leads to the place. The entry that is there, or NULL. */
static struct stash_entry *find(struct kg_stash *s, const char *topic, int32_t partition,
				struct stash_entry **before[STASH_MAX_HEIGHT])
{
	struct stash_entry **links = s->first, *next;
	unsigned i;

	for (i = STASH_MAX_HEIGHT; i--;) {
		while (links[i] && compare(links[i], topic, partition) < 0)
			links = links[i]->next;
		before[i] = &links[i];
	}
	next = *before[0];
	return next && !compare(next, topic, partition) ? next : NULL;
}

/* One of four goes on to the next level. */
static unsigned draw_height(struct kg_stash *s)
{
	unsigned height = 1;
	uint64_t x = s->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	s->random = x;
	for (; height < STASH_MAX_HEIGHT && !(x & 3); x >>= 2)
		height++;
	return height;
}

static struct stash_entry *insert(struct kg_stash *s, const char *topic, int32_t partition,
				  struct stash_entry **before[STASH_MAX_HEIGHT])
{
	unsigned i, height = draw_height(s);
	size_t topic_bytes = strlen(topic) + 1, links_bytes = height * sizeof(struct stash_entry *);
	struct stash_entry *e = malloc(sizeof(*e) + links_bytes + topic_bytes);

	if (!e)
		return NULL;
	*e = (struct stash_entry){.height = height};
	e->public.topic = memcpy((char *)(e + 1) + links_bytes, topic, topic_bytes);
	e->public.partition = partition;
	e->public.offset = -1;
	for (i = 0; i < height; i++) {
		e->next[i] = *before[i];
		*before[i] = e;
	}
	s->n++;
	return e;
}

struct stash_entry *stash_next(const struct kg_stash *s, const struct stash_entry *e)
{
	return e ? e->next[0] : s->first[0];
}

/* ---- putting in ------------------------------------------------------------------------------ */

/* Something to be put in; epoch NULL: it came by offset. */
struct item {
	const char *topic;
	int32_t partition;
	int64_t offset;
	const char *metadata;
	const uint64_t *epoch;
};

static int check(const struct kg_stash *s, const struct item *it)
{
	size_t n = s && it->topic ? strnlen(it->topic, KGP_MAX_TOPIC + 1) : 0;

	if (!n || n > KGP_MAX_TOPIC || it->partition < 0 || it->offset < 0)
		return KG_ERR_ARGUMENT;
	return mark_check_metadata(NULL, it->metadata);
}

static void set(struct stash_entry *e, const struct item *it, char *metadata)
{
	free((void *)(uintptr_t)e->public.metadata);
	e->public.offset = it->offset;
	e->public.metadata = metadata;
	e->has_epoch = it->epoch;
	e->epoch = it->epoch ? *it->epoch : 0;
}

/* Memory is had before anything changes. */
static int put(struct kg_stash *s, const struct item *it, bool forward)
{
	struct stash_entry **before[STASH_MAX_HEIGHT];
	struct stash_entry *e = find(s, it->topic, it->partition, before);
	char *metadata = NULL;

	if (e && (forward ? it->offset < e->public.offset : it->offset > e->public.offset))
		return KG_OK;
	if (it->metadata && !(metadata = mark_copy_metadata(it->metadata)))
		return KG_ERR_MEMORY;
	if (!e)
		e = insert(s, it->topic, it->partition, before);
	if (!e) {
		free(metadata);
		return KG_ERR_MEMORY;
	}
	set(e, it, metadata);
	return KG_OK;
}

static int lock_and_put(struct kg_stash *s, const struct item *it, bool forward)
{
	int r = check(s, it);

	if (r)
		return r;
	pthread_mutex_lock(&s->mutex);
	r = put(s, it, forward);
	pthread_mutex_unlock(&s->mutex);
	return r;
}

static int put_message(struct kg_stash *s, const struct kg_message *m, const char *metadata,
		       bool forward)
{
	if (!m)
		return KG_ERR_ARGUMENT;
	return lock_and_put(
		s, &(struct item){m->topic, m->partition, m->offset, metadata, &m->internal.epoch},
		forward);
}

int kg_stash_mark(struct kg_stash *s, const struct kg_message *m, const char *metadata)
{
	return put_message(s, m, metadata, true);
}

int kg_stash_reset(struct kg_stash *s, const struct kg_message *m, const char *metadata)
{
	return put_message(s, m, metadata, false);
}

int kg_stash_mark_offset(struct kg_stash *s, const char *topic, int32_t partition, int64_t offset,
			 const char *metadata)
{
	return lock_and_put(s, &(struct item){topic, partition, offset, metadata, NULL}, true);
}

int kg_stash_reset_offset(struct kg_stash *s, const char *topic, int32_t partition, int64_t offset,
			  const char *metadata)
{
	return lock_and_put(s, &(struct item){topic, partition, offset, metadata, NULL}, false);
}

/* ---- looking --------------------------------------------------------------------------------- */

int kg_stash_for_each(struct kg_stash *s, int (*fn)(void *arg, const struct kg_stash_entry *e),
		      void *arg)
{
	const struct stash_entry *e = NULL;
	int r = 0;

	if (!s || !fn)
		return KG_ERR_ARGUMENT;
	pthread_mutex_lock(&s->mutex);
	while (!r && (e = stash_next(s, e)))
		r = fn(arg, &e->public);
	pthread_mutex_unlock(&s->mutex);
	return r;
}

size_t kg_stash_count(struct kg_stash *s)
{
	size_t n;

	if (!s)
		return 0;
	pthread_mutex_lock(&s->mutex);
	n = s->n;
	pthread_mutex_unlock(&s->mutex);
	return n;
}
