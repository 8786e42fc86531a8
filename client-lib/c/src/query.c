/* SPDX-License-Identifier: MIT */
/*
 * Questions: a word and arguments go out, a value comes back.
 *
 * A question of the client outlives the connection, as a commit does; one about claims ends with
 * them. The result is copied when the answer comes and read afterwards: its bytes are well-formed,
 * but its form is the daemon's word, so whoever reads looks for each key and takes nothing for
 * granted. Keys that are not known are skipped. Owns nothing but what the caller gave it. Called by
 * cluster.c and high.c.
 */
#include "client-lib/c/src/query.h"

#include "client-lib/c/src/error.h"
#include "client-lib/c/src/session.h"

enum { MAX_DEPTH = 8 };

void query_deinit(struct query *q)
{
	kgp_buf_deinit(&q->arguments);
	kgp_buf_deinit(&q->result);
}

void query_put_text(struct query *q, const char *name, const char *value)
{
	if (!value)
		return;
	kgp_put_str(&q->arguments, kgp_text(name));
	kgp_put_str(&q->arguments, kgp_text(value));
	q->n_arguments++;
}

void query_put_number(struct query *q, const char *name, int64_t value)
{
	kgp_put_str(&q->arguments, kgp_text(name));
	kgp_put_int(&q->arguments, value);
	q->n_arguments++;
}

int query_ask(struct kg_client *k, struct requests *rs, const char *what, struct query *q,
	      struct kg_error *error)
{
	struct kgp_query query = {
		.what = kgp_text(what),
		.arguments = {.wire = q->arguments.data,
			      .wire_bytes = q->arguments.len,
			      .n = q->n_arguments},
	};
	struct request request = {
		.kind = REQUEST_QUERY,
		.id = requests_next_id(rs),
		.bound = q->bound,
		.deadline_us = q->deadline_us,
		.query = &query,
		.result = &q->result,
	};
	int r;

	if (q->arguments.failed)
		return error_set(error, KG_ERR_MEMORY, "no memory for a question");
	r = session_wait(k, rs, &request, error);
	return r == KG_ERR_UNSUPPORTED ? error_of_daemon(error, KGP_E_UNSUPPORTED, kgp_text(NULL))
				       : r;
}

/* ---- results --------------------------------------------------------------------------------- */

struct kgp_cursor query_result(const struct query *q)
{
	return (struct kgp_cursor){q->result.data, q->result.data + q->result.len};
}

struct kgp_cursor query_next(struct kgp_cursor *list)
{
	struct kgp_cursor element = *list;

	if (kgp_skip(list, MAX_DEPTH))
		list->at = list->end;
	element.end = list->at;
	return element;
}

/* The value of a key. */
static bool find(struct kgp_cursor map, const char *key, struct kgp_cursor *value)
{
	struct kgp_token shape, name;

	if (!map.at || kgp_read(&map, &shape) || shape.kind != KGP_KIND_MAP)
		return false;
	for (; shape.number; shape.number--) {
		if (kgp_read(&map, &name))
			return false;
		*value = query_next(&map);
		if (name.kind == KGP_KIND_STR &&
		    kgp_bytes_equal(kgp_bytes(name.data, name.number), kgp_text(key)))
			return true;
	}
	return false;
}

static bool get(struct kgp_cursor map, const char *key, struct kgp_token *t)
{
	struct kgp_cursor value;

	return find(map, key, &value) && !kgp_read(&value, t);
}

bool query_get_list(const struct query *q, const char *key, struct kgp_cursor *list, uint32_t *n)
{
	struct kgp_token shape;

	if (!find(query_result(q), key, list) || kgp_read(list, &shape) ||
	    shape.kind != KGP_KIND_ARRAY)
		return false;
	*n = (uint32_t)shape.number;
	return true;
}

bool query_get_text(struct kgp_cursor map, const char *key, struct kgp_bytes *text)
{
	struct kgp_token t;

	if (!get(map, key, &t) || t.kind != KGP_KIND_STR)
		return false;
	*text = kgp_bytes(t.data, t.number);
	return true;
}

bool query_get_number(struct kgp_cursor map, const char *key, int64_t *v)
{
	struct kgp_token t;

	if (!get(map, key, &t) || (t.kind != KGP_KIND_UINT && t.kind != KGP_KIND_NEGINT))
		return false;
	if (t.kind == KGP_KIND_UINT && t.number > INT64_MAX)
		return false;
	*v = (int64_t)t.number;
	return true;
}

int query_is_odd(struct kg_error *error, const char *what)
{
	return error_set(error, KG_ERR_PROTOCOL,
			 "the daemon's answer about %s has not the form that it should", what);
}
