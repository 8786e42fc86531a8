/* SPDX-License-Identifier: MIT */
/* Questions to the daemon and what they answer. See query.c. */
#ifndef KG_QUERY_H
#define KG_QUERY_H

#include "client-lib/c/src/client.h"

struct query {
	struct kgp_buf arguments; /* pairs */
	uint32_t n_arguments;
	struct kgp_buf result; /* one value, checked */
	bool bound;	       /* to the claims of this connection */
	uint64_t deadline_us;
};

void query_deinit(struct query *q);
void query_put_text(struct query *q, const char *name, const char *value); /* NULL: left out */
void query_put_number(struct query *q, const char *name, int64_t value);

/* Waits for the answer: 0, the daemon's code, KG_ERR_UNSUPPORTED, _MEMORY, or as session_wait(). */
int query_ask(struct kg_client *k, struct requests *rs, const char *what, struct query *q,
	      struct kg_error *error);

/* Of a result or an element of a list: false: it is not there or has another type. */
bool query_get_list(const struct query *q, const char *key, struct kgp_cursor *list, uint32_t *n);
bool query_get_text(struct kgp_cursor map, const char *key, struct kgp_bytes *text);
bool query_get_number(struct kgp_cursor map, const char *key, int64_t *v); /* not of nil */
struct kgp_cursor query_next(struct kgp_cursor *list);			   /* its next element */
struct kgp_cursor query_result(const struct query *q);
int query_is_odd(struct kg_error *error, const char *what); /* KG_ERR_PROTOCOL */

#endif
