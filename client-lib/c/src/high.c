/* SPDX-License-Identifier: MIT */
/*
 * High water marks: asked of the daemon, which knows them or asks the broker.
 *
 * The question ends with the connection: after it there are no claims that an answer could be
 * about. The list belongs to the consumer until it is asked for again; the names in it to the
 * claims. What is told is sorted here, whatever order it came in.
 */
#include "client-lib/c/src/high.h"

#include "client-lib/c/src/error.h"
#include "client-lib/c/src/query.h"
#include "client-lib/c/src/session.h"

#include <stdlib.h>
#include <string.h>

static int ask(struct kg_consumer *c, struct query *q, int timeout_ms, struct kg_error *error)
{
	int r = session_check_claims(c, KGP_FEATURE_query, error);

	if (r)
		return r;
	q->bound = true;
	q->deadline_us = session_deadline_of(c, timeout_ms);
	return query_ask(c->client, &c->requests, "high.water.marks", q, error);
}

static bool read_one(struct kgp_cursor map, struct kgp_bytes *topic, struct kg_high *high)
{
	int64_t partition;

	if (!query_get_text(map, "topic", topic) || !topic->size ||
	    memchr(topic->data, 0, topic->size) ||
	    !query_get_number(map, "partition", &partition) || partition < 0 ||
	    partition > INT32_MAX)
		return false;
	*high = (struct kg_high){.partition = (int32_t)partition};
	if (!query_get_number(map, "high", &high->high))
		high->high = -1; /* nil: it is not known */
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct kg_high *x = a, *y = b;
	int order = strcmp(x->topic, y->topic);

	return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static int no_memory(struct kg_error *error)
{
	return error_set(error, KG_ERR_MEMORY, "no memory for high water marks");
}

static int keep(struct kg_consumer *c, const struct query *q, size_t *n_marks)
{
	struct kgp_cursor list;
	struct kgp_bytes topic;
	uint32_t n, i;

	if (!query_get_list(q, "partitions", &list, &n))
		return query_is_odd(&c->error, "high water marks");
	c->high = calloc(n + 1, sizeof(*c->high));
	if (!c->high)
		return no_memory(&c->error);
	for (i = 0; i < n; i++) {
		if (!read_one(query_next(&list), &topic, &c->high[i]))
			return query_is_odd(&c->error, "high water marks");
		c->high[i].topic = claims_topic(&c->claims, topic);
		if (!c->high[i].topic)
			return no_memory(&c->error);
	}
	qsort(c->high, n, sizeof(*c->high), compare);
	*n_marks = n;
	return 0;
}

int kg_consumer_get_high_water_marks(struct kg_consumer *c, const struct kg_high **marks, size_t *n,
				     int timeout_ms)
{
	CONSUMER_LOCK(c);
	struct query q = {.bound = true};
	int r = consumer_check_open(c);

	if (!r && (!marks || !n))
		r = error_set(&c->error, KG_ERR_ARGUMENT, "marks and n may not be NULL");
	if (r)
		return r;
	free(c->high);
	c->high = NULL;
	r = ask(c, &q, timeout_ms, &c->error);
	if (!r)
		r = keep(c, &q, n);
	if (!r)
		*marks = c->high;
	query_deinit(&q);
	return r;
}

/* ---- of one claim ---------------------------------------------------------------------------- */

static bool find(const struct query *q, const char *topic, int32_t partition, int64_t *high)
{
	struct kgp_cursor list;
	struct kgp_bytes name;
	struct kg_high one;
	uint32_t n;

	if (!query_get_list(q, "partitions", &list, &n))
		return false;
	for (; n; n--) {
		if (!read_one(query_next(&list), &name, &one) || one.partition != partition ||
		    !kgp_bytes_equal(name, kgp_text(topic)))
			continue;
		*high = one.high;
		return true;
	}
	return false;
}

int high_of(struct kg_consumer *c, const char *topic, int32_t partition, int64_t *high,
	    int timeout_ms, struct kg_error *error)
{
	struct query q = {.bound = true};
	int r = ask(c, &q, timeout_ms, error);

	if (!r && !find(&q, topic, partition, high))
		r = error_set(error, KG_ERR_NO_CLAIM, "%.249s/%d is not held by this consumer",
			      topic, (int)partition);
	query_deinit(&q);
	return r;
}
