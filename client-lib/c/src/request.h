/* SPDX-License-Identifier: MIT */
/* Requests that wait for the daemon's answer. See request.c. */
#ifndef KG_REQUEST_H
#define KG_REQUEST_H

#include "client-lib/c/src/connection.h"
#include "client-lib/c/src/event.h"

enum request_kind { REQUEST_COMMIT, REQUEST_CLOSE, REQUEST_MARK, REQUEST_QUERY, REQUEST_SEEK };

struct request {
	TAILQ_ENTRY(request) link;
	enum request_kind kind;
	uint32_t id;
	bool async; /* on the heap, answered by an event; else its caller waits and owns it */
	bool bound; /* to the claims of this connection: it ends with them */
	bool sent, answered;
	int code;
	uint64_t n_resets;	       /* that were said before a commit */
	struct kg_error *error;	       /* where the answer's text goes, or NULL */
	uint64_t verdict;	       /* of a mark */
	const struct kgp_query *query; /* the caller's */
	const struct kgp_seek *seek;   /* the caller's */
	struct kgp_buf *result;	       /* of a query: a copy; the caller's */
	uint64_t deadline_us;
};

struct requests {
	TAILQ_HEAD(, request) waiting;
	unsigned n_async, n_unsent;
	uint32_t *last_id; /* the connection's: not owned */
};

void requests_init(struct requests *rs, uint32_t *last_id);
void requests_deinit(struct requests *rs);

uint32_t requests_next_id(struct requests *rs); /* never 0 */
void requests_add(struct requests *rs, struct request *q);
void requests_remove(struct requests *rs, struct request *q); /* unlinks; an async one is freed */
struct request *requests_find(struct requests *rs, uint64_t id);

/* Sends what is not sent: 0 or -ENOMEM. */
int requests_put(struct requests *rs, struct connection *c, uint64_t n_resets);
void requests_answer(struct requests *rs, struct events *es, struct request *q, int code,
		     struct kgp_bytes text);
void requests_lose(struct requests *rs);
void requests_end(struct requests *rs, struct events *es, int code, struct kgp_bytes text);
void requests_expire(struct requests *rs, struct events *es, uint64_t now_us, int code);
uint64_t requests_deadline_us(const struct requests *rs);

#endif
