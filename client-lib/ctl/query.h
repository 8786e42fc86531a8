/* SPDX-License-Identifier: MIT */
/* Asks the daemon, blocking, with a deadline. See query.c. */
#ifndef CTL_QUERY_H
#define CTL_QUERY_H

#include <jansson.h>
#include <stdint.h>

#include "client-lib/ctl/trouble.h"
#include "proto/codec.h"

/* Zero it before query_open(). */
struct query {
	const char *socket_path; /* the caller's */
	int fd;
	int64_t deadline_us; /* CLOCK_MONOTONIC */
	int timeout_ms;
	uint32_t last_request;
	struct kgp_buf in;
	size_t consumed_bytes; /* of in: the frame that was read last */
	char daemon_name[KGP_MAX_NAME + 1];
	char software[KGP_MAX_NAME + 1];
	uint64_t version;
	bool has_query;
};

/* Arguments of a question. Zero it, put, ask: that empties it again. */
struct query_arguments {
	struct kgp_buf wire; /* owned */
	uint32_t n;
};

void query_put_text(struct query_arguments *a, const char *name, const char *text); /* not NULL's */
void query_put_number(struct query_arguments *a, const char *name, int64_t number);

/* All answer 0 or -errno, and then t says what to tell. timeout_ms is for each call. */
int query_open(struct query *q, const char *socket_path, int timeout_ms, struct trouble *t);
int query_ask(struct query *q, const char *what, const char *group, json_t **result,
	      struct trouble *t);
int query_ask_with(struct query *q, const char *what, struct query_arguments *a, json_t **result,
		   struct trouble *t);
void query_close(struct query *q);

/* All three of it with the global options. */
int query_once(const struct ctl *ctl, const char *what, const char *group, json_t **result,
	       struct trouble *t);

#endif
