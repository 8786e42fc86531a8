/* SPDX-License-Identifier: MIT */
/*
 * Commits that the application asks for.
 *
 * The marks go out before the COMMIT, so it covers everything marked before the call. A commit
 * survives a reconnect: RESUME carries the marks and the COMMIT is sent again. Owns nothing; an
 * asynchronous request is owned by the list of requests until its event is made, and no more than
 * 256 may wait, as many as there may be events.
 */
#include "client-lib/c/src/error.h"
#include "client-lib/c/src/session.h"

#include <stdlib.h>

enum { MAX_WAITING = 256 };

int kg_consumer_commit(struct kg_consumer *c, int timeout_ms)
{
	CONSUMER_LOCK(c);
	struct request q = {.kind = REQUEST_COMMIT};
	int r = consumer_check_open(c);

	if (r)
		return r;
	q.id = requests_next_id(&c->requests);
	q.deadline_us = session_deadline_of(c, timeout_ms);
	return session_wait_of(c, &q);
}

int kg_consumer_commit_start(struct kg_consumer *c, uint32_t *request)
{
	CONSUMER_LOCK(c);
	struct request *q;
	int r = consumer_check_open(c);

	if (r)
		return r;
	if (c->requests.n_async >= MAX_WAITING)
		return error_set(&c->error, KG_ERR_OVERFLOW,
				 "%u commits wait for their answer already", MAX_WAITING);
	q = malloc(sizeof(*q));
	if (!q)
		return error_set(&c->error, KG_ERR_MEMORY, "no memory for a commit");
	*q = (struct request){
		.kind = REQUEST_COMMIT, .async = true, .id = requests_next_id(&c->requests)};
	q->deadline_us = session_deadline_of(c, -1);
	if (request)
		*request = q->id;
	requests_add(&c->requests, q);
	session_send(c->client); /* what finds no memory now is tried again by the next turn */
	return KG_OK;
}
