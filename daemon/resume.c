/* SPDX-License-Identifier: MIT */
/*
 * Marks that wait for their partition.
 *
 * A client that comes back says what it had marked (RESUME), often before the group has given us
 * the partition; a release whose commit failed leaves marks that count if the partition returns;
 * and where a partition began without a committed offset is remembered, so that initial.offset =
 * latest does not skip what came while it was away. All are applied forward-only when it is known
 * where the partition stands. Owns the list; what a consumer said goes with it, and is bounded for
 * each.
 */
#include "daemon/claim.h"
#include "daemon/consumer.h"
#include "daemon/group.h"
#include "daemon/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 1 << 20 }; /* of what one consumer said */

static size_t cost_of(const struct resume *r)
{
	return sizeof(*r) + strlen(r->topic) + r->metadata_bytes;
}

void group_drop_resume(struct group *g, struct resume *r)
{
	TAILQ_REMOVE(&g->resumes, r, link);
	if (r->from)
		r->from->resume_bytes -= cost_of(r);
	free(r->topic);
	free(r->metadata);
	free(r);
}

void group_forget_resumes(struct group *g, struct consumer *from)
{
	struct resume *r, *next;

	for (r = TAILQ_FIRST(&g->resumes); r; r = next) {
		next = TAILQ_NEXT(r, link);
		if (r->from == from)
			group_drop_resume(g, r);
	}
}

/* A newer word of the same origin about the same partition replaces the older. */
static void drop_older(struct group *g, const struct resume *like)
{
	struct resume *r, *next;

	for (r = TAILQ_FIRST(&g->resumes); r; r = next) {
		next = TAILQ_NEXT(r, link);
		if (r->from == like->from && r->is_start == like->is_start &&
		    r->partition == like->partition && !strcmp(r->topic, like->topic))
			group_drop_resume(g, r);
	}
}

static int keep(struct group *g, const struct resume *like, struct kgp_bytes metadata)
{
	struct resume *r;

	drop_older(g, like);
	if (like->from && like->from->resume_bytes > MOST_BYTES)
		return -EDQUOT; /* a client that sends without end: its messages come again */
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = *like;
	r->topic = strdup(like->topic);
	r->metadata = metadata.data ? malloc(metadata.size + 1) : NULL;
	if (!r->topic || (metadata.data && !r->metadata)) {
		free(r->topic);
		free(r->metadata);
		free(r);
		return -ENOMEM;
	}
	if (metadata.data)
		memcpy(r->metadata, metadata.data, metadata.size);
	r->metadata_bytes = metadata.size;
	if (r->from)
		r->from->resume_bytes += cost_of(r);
	TAILQ_INSERT_TAIL(&g->resumes, r, link);
	return 0;
}

static bool is_resolved(const struct partition *p)
{
	return p->state != PARTITION_NEW && p->state != PARTITION_COMMITTED;
}

/* What lies beyond the end of the log was marked in another life of the topic. */
static int apply(struct partition *p, const struct resume *r, struct kgp_bytes metadata)
{
	int64_t end = partition_get_end(p);
	int v;

	if (end >= 0 && r->offset >= end + r->is_start)
		return KGP_VERDICT_OUT_OF_RANGE;
	if (!r->is_start) {
		v = offsets_resume(&p->offsets, r->epoch, r->offset, r->committed, metadata);
		if (p->claim)
			claim_count_in_flight(p->claim);
		return v;
	}
	if (p->offsets.resume >= 0)
		return KGP_VERDICT_IGNORED;
	p->offsets.resume = r->offset;
	return KGP_VERDICT_ACCEPTED;
}

/* Applied at once when it is known where the partition stands, else kept until it is. */
int group_add_resume(struct group *g, struct consumer *from, const char *topic, int32_t partition,
		     uint64_t epoch, int64_t offset, int64_t committed, struct kgp_bytes metadata)
{
	struct partition *p = group_find_partition(g, topic, partition);
	struct resume like = {
		.topic = (char *)topic,
		.partition = partition,
		.epoch = epoch,
		.offset = offset,
		.committed = committed,
		.from = from,
	};

	if (from && !consumer_subscribes(from, topic))
		return KGP_VERDICT_NOT_OWNED;
	if (p && is_resolved(p))
		return apply(p, &like, metadata);
	return keep(g, &like, metadata);
}

void group_add_start(struct group *g, const char *topic, int32_t partition, int64_t offset)
{
	struct resume like = {
		.topic = (char *)topic, .partition = partition, .offset = offset, .is_start = true};

	keep(g, &like, kgp_bytes(NULL, 0));
}

void group_apply_resumes(struct group *g, struct partition *p)
{
	struct resume *r, *next;
	int v;

	for (r = TAILQ_FIRST(&g->resumes); r; r = next) {
		next = TAILQ_NEXT(r, link);
		if (r->partition != p->id || strcmp(r->topic, p->topic))
			continue;
		v = apply(p, r, kgp_bytes(r->metadata, r->metadata_bytes));
		log_write(LOG_DEBUG,
			  LOG_ABOUT(.group = group_get_name(g), .topic = p->topic,
				    .partition = p->id),
			  "resumed %s %lld: %s", r->is_start ? "start" : "mark",
			  (long long)r->offset,
			  v < 0 ? "no memory" : kgp_verdict_name((unsigned)v));
		group_drop_resume(g, r);
	}
}
