/* SPDX-License-Identifier: MIT */
/*
 * MARK and RESET: apply entries to the offsets of their partitions and answer with a verdict for
 * each.
 *
 * An offset that was taken from Kafka in this epoch exists. Any other must lie below the end of the
 * log; when it does not lie below the end as known here, the end is asked for once, and the whole
 * frame waits for the answer, and with it the rest of what its client sent, so that a commit covers
 * it. A frame with a NUL in a metadata text is refused as a whole. Owns the frames that wait; they
 * go with their consumer.
 */
#include "daemon/marks.h"

#include "daemon/claim.h"
#include "daemon/cluster.h"
#include "daemon/connection.h"
#include "daemon/consumer.h"
#include "daemon/daemon.h"
#include "daemon/group.h"
#include "daemon/helper.h"

#include <stdlib.h>
#include <string.h>

enum { ENDS_TIMEOUT_MS = 5000 };

/* A frame that waits for the ends of logs. */
struct waiting {
	TAILQ_ENTRY(waiting) link;
	struct consumer *consumer;
	enum marks_kind kind;
	uint32_t request;
	struct kgp_buf wire; /* a copy of the entries */
	uint32_t n;
};

static TAILQ_HEAD(, waiting) waitings = TAILQ_HEAD_INITIALIZER(waitings);

static int verdict(struct consumer *c, enum marks_kind kind, const struct kgp_entry *e, bool final)
{
	struct claim *claim = consumer_find_claim(c, e->claim);
	struct offsets *o;
	int64_t end = INT64_MAX;
	int r;

	if (!claim)
		return e->claim && e->claim <= c->last_claim ? KGP_VERDICT_STALE
							     : KGP_VERDICT_NOT_OWNED;
	o = &claim->partition->offsets;
	if (e->offset > o->popped)
		end = partition_get_end(claim->partition);
	if (end < 0)
		end = final ? INT64_MAX : 0;
	if (kind == RESETS)
		r = offsets_reset(o, e->epoch, e->offset, e->metadata, end);
	else
		r = offsets_mark(o, e->epoch, e->offset, e->metadata, end);
	claim_count_in_flight(claim);
	return r;
}

/* A releasing claim whose last message was marked need not wait any longer. */
static void end_finished(struct consumer *c)
{
	struct group *g = c->group;
	struct claim *claim, *next;
	bool ended = false;

	for (claim = TAILQ_FIRST(&c->claims); claim; claim = next) {
		next = TAILQ_NEXT(claim, link);
		if (claim->state != CLAIM_RELEASING || !offsets_is_done(&claim->partition->offsets))
			continue;
		claim_end(claim, claim->reason);
		ended = true;
	}
	if (!ended)
		return;
	membership_advance(g);
	group_distribute(g);
	daemon_check_drained(g->daemon);
}

static void answer(struct consumer *c, uint32_t request, const struct kgp_number *verdicts,
		   uint32_t n)
{
	struct kgp_marked marked = {.request = request, .verdicts = {.items = verdicts, .n = n}};

	if (request)
		connection_send(c->connection, KGP_T_marked, &marked);
}

static void apply(struct consumer *c, enum marks_kind kind, uint32_t request,
		  struct kgp_list entries, bool final)
{
	struct kgp_number *verdicts = request ? calloc(entries.n + 1, sizeof(*verdicts)) : NULL;
	struct kgp_entry e;
	uint32_t n = 0;
	int r;

	while (kgp_next_entry(&entries, &e)) {
		r = verdict(c, kind, &e, final);
		if (verdicts)
			verdicts[n++].value = r < 0 ? KGP_VERDICT_STALE : (uint64_t)r;
	}
	if (request && !verdicts)
		connection_drop(c->connection, "no memory");
	else
		answer(c, request, verdicts, n);
	free(verdicts);
	end_finished(c);
}

/* ---- beyond the known end -------------------------------------------------------------------- */

static struct waiting *waiting_free(struct waiting *w)
{
	TAILQ_REMOVE(&waitings, w, link);
	kgp_buf_deinit(&w->wire);
	free(w);
	return NULL;
}

static void on_ends(void *owner, int r, const struct kafka_tp *list, size_t n)
{
	struct waiting *w = owner;
	struct consumer *c = w->consumer;
	struct connection *connection = c->connection;
	struct kgp_list entries = {.wire = w->wire.data, .wire_bytes = w->wire.len, .n = w->n};
	struct partition *p;
	size_t i;

	for (i = 0; i < n; i++) {
		p = group_find_partition(c->group, list[i].topic, list[i].partition);
		if (p && !list[i].error)
			partition_set_end(p, list[i].end);
	}
	apply(c, w->kind, w->request, entries, true);
	waiting_free(w);
	connection_go_on(connection);
}

/* Is it beyond what is known to exist? */
static struct partition *find_unsure(struct consumer *c, const struct kgp_entry *e)
{
	struct claim *claim = consumer_find_claim(c, e->claim);

	if (!claim || e->epoch != claim->partition->offsets.epoch ||
	    e->offset <= claim->partition->offsets.popped ||
	    e->offset < partition_get_end(claim->partition))
		return NULL;
	return claim->partition;
}

static void wait_for_ends(struct consumer *c, enum marks_kind kind, uint32_t request,
			  struct kgp_list entries, const struct kafka_tp *list, size_t n)
{
	struct waiting *w = calloc(1, sizeof(*w));

	if (!w) {
		connection_drop(c->connection, "no memory");
		return;
	}
	*w = (struct waiting){.consumer = c, .kind = kind, .request = request, .n = entries.n};
	kgp_put_raw(&w->wire, entries.wire, entries.wire_bytes);
	TAILQ_INSERT_TAIL(&waitings, w, link);
	if (w->wire.failed ||
	    helper_query(c->group->cluster->helper, c->group->kafka, list, n, KAFKA_ASK_END,
			 ENDS_TIMEOUT_MS, HELPER_LATER, on_ends, w)) {
		waiting_free(w);
		connection_drop(c->connection, "no memory");
		return;
	}
	connection_hold(c->connection);
}

/* Each partition once, however many entries name it. */
static void add_once(struct kafka_tp *list, size_t *n, const struct partition *p)
{
	size_t i;

	for (i = 0; i < *n; i++)
		if (list[i].topic == p->topic && list[i].partition == p->id)
			return;
	list[(*n)++] = (struct kafka_tp){.topic = p->topic, .partition = p->id};
}

/* The partitions whose end must be asked for; NULL: no memory. */
static struct kafka_tp *list_unsure(struct consumer *c, struct kgp_list entries, size_t *n)
{
	struct kafka_tp *list = calloc(c->n_claims + 1, sizeof(*list));
	struct partition *p;
	struct kgp_entry e;

	*n = 0;
	while (list && kgp_next_entry(&entries, &e)) {
		p = find_unsure(c, &e);
		if (p)
			add_once(list, n, p);
	}
	return list;
}

/* librdkafka, on the way back from Kafka, reads such a text beyond its end. */
static bool has_nul(struct kgp_list entries)
{
	struct kgp_entry e;

	while (kgp_next_entry(&entries, &e))
		if (e.metadata.data && memchr(e.metadata.data, 0, e.metadata.size))
			return true;
	return false;
}

void marks_apply(struct consumer *c, enum marks_kind kind, uint32_t request,
		 struct kgp_list entries)
{
	struct kafka_tp *list;
	size_t n;

	if (has_nul(entries)) {
		connection_fatal(c->connection, KGP_E_FIELD, "protocol",
				 "a metadata text has a NUL in it");
		return;
	}
	list = list_unsure(c, entries, &n);
	if (!list)
		connection_drop(c->connection, "no memory");
	else if (n && c->group->kafka)
		wait_for_ends(c, kind, request, entries, list, n);
	else
		apply(c, kind, request, entries, false);
	free(list);
}

void marks_forget(struct consumer *c)
{
	struct waiting *w, *next;

	for (w = TAILQ_FIRST(&waitings); w; w = next) {
		next = TAILQ_NEXT(w, link);
		if (w->consumer != c)
			continue;
		helper_forget(c->group->cluster->helper, w);
		waiting_free(w);
		connection_go_on(c->connection);
	}
}
