/* SPDX-License-Identifier: MIT */
/*
 * Requests.
 *
 * A commit or close outlives the connection: it is sent again on the next one and waits until its
 * deadline. What is bound to claims does not, a mark that wants a verdict: they are gone. The
 * caller of a blocking call owns its request and waits for `answered`; the others live here and end
 * as an event. Called by frames.c with answers, by session.c at the turns of a connection. It must
 * never wait itself.
 */
#include "client-lib/c/src/request.h"

#include "client-lib/c/src/error.h"

#include <errno.h>
#include <stdlib.h>

void requests_init(struct requests *rs, uint32_t *last_id)
{
	*rs = (struct requests){.last_id = last_id};
	TAILQ_INIT(&rs->waiting);
}

void requests_deinit(struct requests *rs)
{
	while (!TAILQ_EMPTY(&rs->waiting))
		requests_remove(rs, TAILQ_FIRST(&rs->waiting));
}

uint32_t requests_next_id(struct requests *rs)
{
	if (!++*rs->last_id)
		++*rs->last_id;
	return *rs->last_id;
}

void requests_add(struct requests *rs, struct request *q)
{
	TAILQ_INSERT_TAIL(&rs->waiting, q, link);
	rs->n_unsent += !q->sent;
	rs->n_async += q->async;
}

void requests_remove(struct requests *rs, struct request *q)
{
	TAILQ_REMOVE(&rs->waiting, q, link);
	rs->n_unsent -= !q->sent;
	rs->n_async -= q->async;
	if (q->async)
		free(q);
}

struct request *requests_find(struct requests *rs, uint64_t id)
{
	struct request *q;

	TAILQ_FOREACH (q, &rs->waiting, link)
		if (q->id == id && q->sent && !q->answered)
			return q;
	return NULL;
}

static int put(struct connection *c, const struct request *q)
{
	union kgp_body b;

	switch (q->kind) {
	case REQUEST_QUERY:
		b.query = *q->query;
		b.query.request = q->id;
		return connection_put(c, KGP_T_query, &b);
	case REQUEST_SEEK:
		b.seek = *q->seek;
		b.seek.request = q->id;
		return connection_put(c, KGP_T_seek, &b);
	case REQUEST_CLOSE:
		b.close.request = q->id;
		return connection_put(c, KGP_T_close, &b);
	default:
		b.commit.request = q->id;
		return connection_put(c, KGP_T_commit, &b);
	}
}

int requests_put(struct requests *rs, struct connection *c, uint64_t n_resets)
{
	struct request *q;

	if (!rs->n_unsent)
		return 0;
	TAILQ_FOREACH (q, &rs->waiting, link) {
		if (q->sent)
			continue;
		if (put(c, q))
			return -ENOMEM;
		q->sent = true;
		q->n_resets = n_resets;
		rs->n_unsent--;
	}
	return 0;
}

void requests_answer(struct requests *rs, struct events *es, struct request *q, int code,
		     struct kgp_bytes text)
{
	struct event e = {
		.type = KG_EVENT_COMMITTED, .partition = -1, .request = q->id, .code = code};

	q->answered = true;
	q->code = code;
	if (!q->async)
		return;
	e.context = code ? "commit" : NULL;
	events_push(es, &e, text);
	requests_remove(rs, q);
}

void requests_lose(struct requests *rs)
{
	struct request *q;

	TAILQ_FOREACH (q, &rs->waiting, link) {
		if (q->bound) {
			q->answered = true;
			q->code = error_set(q->error, KG_ERR_DISCONNECTED,
					    "the connection was lost before the answer came");
		} else if (q->sent && !q->answered) {
			q->sent = false;
			rs->n_unsent++;
		}
	}
}

/* Nobody will answer any more. */
void requests_end(struct requests *rs, struct events *es, int code, struct kgp_bytes text)
{
	struct request *q, *next;

	for (q = TAILQ_FIRST(&rs->waiting); q; q = next) {
		next = TAILQ_NEXT(q, link);
		if (!q->answered)
			requests_answer(rs, es, q, code, text);
	}
}

/* Ends the events' requests that waited long enough; a blocking caller looks at its own deadline.
 */
void requests_expire(struct requests *rs, struct events *es, uint64_t now_us, int code)
{
	struct request *q, *next;

	for (q = TAILQ_FIRST(&rs->waiting); q; q = next) {
		next = TAILQ_NEXT(q, link);
		if (q->async && q->deadline_us <= now_us)
			requests_answer(rs, es, q, code, kgp_bytes(NULL, 0));
	}
}

uint64_t requests_deadline_us(const struct requests *rs)
{
	uint64_t first = UINT64_MAX;
	const struct request *q;

	TAILQ_FOREACH (q, &rs->waiting, link)
		if (q->async && q->deadline_us < first)
			first = q->deadline_us;
	return first;
}
