/* SPDX-License-Identifier: MIT */
/*
 * SEEK: moves running claims to another offset, all of its claims or none.
 *
 * A time or an end has to be asked for, and an offset that the log does not have is refused, not
 * healed later; only an offset that the log had a moment ago is taken at once, because a question
 * waits behind the fetches under way. Until the answer is there the frames behind the SEEK wait, so
 * a mark that was sent after the SEEK and names the old epoch is stale, as the client expects. One
 * seek: EPOCH for each claim, which voids what was sent, then the REPLY. Owns the seeks that wait;
 * they go with their consumer. A claim that was named and ends meanwhile refuses the whole; of
 * "all" it is one less.
 */
#include "daemon/seek.h"

#include "daemon/claim.h"
#include "daemon/cluster.h"
#include "daemon/connection.h"
#include "daemon/consumer.h"
#include "daemon/group.h"
#include "daemon/helper.h"

#include <stdio.h>
#include <stdlib.h>

enum { TIMEOUT_MS = 5000 };

enum whence { OFFSET, TIME, EARLIEST, LATEST, BACK, N_WHENCE };

static const char *const names[N_WHENCE] = {"offset", "time", "earliest", "latest", "back"};

struct seek {
	TAILQ_ENTRY(seek) link;
	struct consumer *consumer;
	uint32_t request;
	enum whence whence;
	int64_t value;
	bool all; /* none was named */
	size_t n;
	uint32_t claims[]; /* their ids */
};

static TAILQ_HEAD(, seek) seeks = TAILQ_HEAD_INITIALIZER(seeks);

static struct claim *find_live(struct consumer *c, uint64_t id)
{
	struct claim *claim = consumer_find_claim(c, id);

	return claim && claim->state == CLAIM_LIVE ? claim : NULL;
}

static struct seek *seek_free(struct seek *s)
{
	TAILQ_REMOVE(&seeks, s, link);
	free(s);
	return NULL;
}

/* ---- the answer ------------------------------------------------------------------------------ */

/* Counted back from the highest mark. */
static int64_t back(const struct seek *s, const struct offsets *o)
{
	int64_t done = o->value >= 0 ? o->value : o->resume;

	return done > s->value ? done - s->value : 0;
}

/* Where the claim goes; the code why it cannot. */
static unsigned find_target(const struct seek *s, const struct offsets *o,
			    const struct kafka_tp *tp, int64_t *target)
{
	switch (s->whence) {
	case OFFSET:
		*target = s->value;
		return s->value < tp->offset || s->value > tp->end ? KGP_E_OFFSET_OUT_OF_RANGE : 0;
	case TIME:
		*target = tp->found;
		return 0;
	case EARLIEST:
		*target = tp->offset;
		return 0;
	case LATEST:
		*target = tp->end;
		return 0;
	default:
		*target = back(s, o) > tp->offset ? back(s, o) : tp->offset;
		return 0;
	}
}

static unsigned find_targets(const struct seek *s, const struct kafka_tp *list, int64_t *targets,
			     char *why, size_t size)
{
	struct claim *claim;
	unsigned code = 0;
	size_t i;

	for (i = 0; i < s->n && !code; i++) {
		claim = find_live(s->consumer, s->claims[i]);
		targets[i] = -1;
		if (!claim)
			code = s->all ? 0 : KGP_E_NO_CLAIM;
		else if (list[i].error)
			code = KGP_E_BROKER;
		else
			code = find_target(s, &claim->partition->offsets, &list[i], &targets[i]);
		if (code == KGP_E_BROKER)
			snprintf(why, size, "no answer on the ends of %s/%d: %s", list[i].topic,
				 list[i].partition, list[i].error);
		else if (code == KGP_E_OFFSET_OUT_OF_RANGE)
			snprintf(why, size, "offset %lld: the log of %s/%d has %lld to %lld",
				 (long long)s->value, list[i].topic, list[i].partition,
				 (long long)list[i].offset, (long long)list[i].end);
	}
	return code;
}

static void on_ends(void *owner, int r, const struct kafka_tp *list, size_t n)
{
	struct seek *s = owner;
	struct consumer *c = s->consumer;
	struct connection *connection = c->connection;
	int64_t *targets = calloc(n + 1, sizeof(*targets));
	char why[512] = "";
	unsigned code = KGP_E_MEMORY;
	size_t i;

	if (targets)
		code = find_targets(s, list, targets, why, sizeof(why));
	for (i = 0; i < n && !code; i++)
		if (targets[i] >= 0)
			claim_seek(find_live(c, s->claims[i]), targets[i], "seek");
	session_reply(connection, s->request, code, *why ? why : NULL, NULL);
	free(targets);
	seek_free(s);
	connection_go_on(connection);
}

/* ---- the question ---------------------------------------------------------------------------- */

/* The claims that are meant, or the code why not. */
static unsigned collect(struct consumer *c, struct kgp_list ids, struct seek *s)
{
	struct kgp_number id;
	struct claim *claim;

	s->all = !ids.n;
	if (s->all) {
		TAILQ_FOREACH (claim, &c->claims, link)
			if (claim->state == CLAIM_LIVE)
				s->claims[s->n++] = claim->id;
		return 0;
	}
	while (kgp_next_number(&ids, &id)) {
		claim = find_live(c, id.value);
		if (!claim || s->n == c->n_claims) /* more than there are: one is named twice */
			return KGP_E_NO_CLAIM;
		s->claims[s->n++] = claim->id;
	}
	return 0;
}

static unsigned ask(struct seek *s)
{
	static const unsigned questions[N_WHENCE] = {KAFKA_ASK_ENDS, KAFKA_ASK_TIME,
						     KAFKA_ASK_EARLIEST, KAFKA_ASK_END,
						     KAFKA_ASK_EARLIEST};
	struct consumer *c = s->consumer;
	struct kafka_tp *list = calloc(s->n + 1, sizeof(*list));
	struct partition *p;
	size_t i;
	int r = -1;

	for (i = 0; list && i < s->n; i++) {
		p = find_live(c, s->claims[i])->partition;
		list[i] = (struct kafka_tp){
			.topic = p->topic,
			.partition = p->id,
			.time_ms = s->value,
		};
	}
	if (list)
		r = helper_query(c->group->cluster->helper, c->group->kafka, list, s->n,
				 questions[s->whence], TIMEOUT_MS, HELPER_SOON, on_ends, s);
	free(list);
	return r ? KGP_E_MEMORY : 0;
}

/* Without a question, if all offsets are surely there. */
static bool seek_at_once(struct seek *s)
{
	struct partition *p;
	size_t i;

	if (s->whence != OFFSET && s->whence != BACK)
		return false;
	for (i = 0; i < s->n; i++) {
		p = find_live(s->consumer, s->claims[i])->partition;
		if (!partition_has(p, s->whence == BACK ? back(s, &p->offsets) : s->value))
			return false;
	}
	for (i = 0; i < s->n; i++) {
		p = find_live(s->consumer, s->claims[i])->partition;
		claim_seek(p->claim, s->whence == BACK ? back(s, &p->offsets) : s->value, "seek");
	}
	return true;
}

static int find_whence(struct kgp_bytes name)
{
	int i;

	for (i = 0; i < N_WHENCE; i++)
		if (kgp_bytes_equal(kgp_text(names[i]), name))
			return i;
	return -1;
}

void seek_start(struct consumer *c, const struct kgp_seek *m)
{
	struct seek *s;
	unsigned code = KGP_E_MEMORY;
	bool wait = false;
	int whence = find_whence(m->whence);

	if (!m->request || whence < 0) {
		connection_fatal(c->connection, KGP_E_FIELD, "protocol",
				 m->request ? "whence of SEEK is no word of the protocol"
					    : "SEEK needs a request number");
		return;
	}
	if (m->value < 0 && (whence == TIME || whence == BACK)) {
		session_reply(c->connection, (uint32_t)m->request, KGP_E_OFFSET_OUT_OF_RANGE,
			      whence == TIME ? "a time is not below 0, which is 1970"
					     : "so many messages back is not below 0",
			      NULL);
		return;
	}
	s = calloc(1, sizeof(*s) + c->n_claims * sizeof(*s->claims));
	if (s) {
		*s = (struct seek){.consumer = c,
				   .request = (uint32_t)m->request,
				   .whence = (enum whence)whence,
				   .value = m->value};
		TAILQ_INSERT_TAIL(&seeks, s, link);
		code = collect(c, m->claims, s);
		wait = !code && s->n && !seek_at_once(s);
		if (wait)
			code = ask(s);
	}
	if (!code && wait) {
		connection_hold(c->connection);
		return;
	}
	session_reply(c->connection, (uint32_t)m->request, code, NULL, NULL);
	if (s)
		seek_free(s);
}

void seek_forget(struct consumer *c)
{
	struct seek *s, *next;

	for (s = TAILQ_FIRST(&seeks); s; s = next) {
		next = TAILQ_NEXT(s, link);
		if (s->consumer != c)
			continue;
		helper_forget(c->group->cluster->helper, s);
		seek_free(s);
		connection_go_on(c->connection);
	}
}
