/* SPDX-License-Identifier: MIT */
/*
 * Questions to a cluster that librdkafka can only answer blocking.
 *
 * Runs in the helper's thread, on a group's handle or on a light one, and changes nothing of
 * either. Topics are always asked for as a whole: naming one would make it, where the brokers make
 * topics by themselves. A light handle's errors say more than the answer does ("not reachable" may
 * be a refused password), so they are read when an answer fails; of a group's handle that is the
 * group's own business.
 */
#include "daemon/kafka.h"

#include <librdkafka/rdkafka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- errors ---------------------------------------------------------------------------------- */

static void set_error(struct kafka_tp *tp, rd_kafka_resp_err_t err)
{
	tp->error = err ? rd_kafka_err2name(err) : NULL;
	tp->error_class = kafka_classify(err);
}

/* The reason why nothing is answered, if the handle has said one. */
static rd_kafka_resp_err_t find_reason(struct kafka *k, rd_kafka_resp_err_t err)
{
	rd_kafka_queue_t *queue = kafka_get_light_queue(k);
	rd_kafka_event_t *ev;

	while (queue && (ev = rd_kafka_queue_poll(queue, 0))) {
		if (kafka_classify(rd_kafka_event_error(ev)) == KAFKA_ERROR_AUTH)
			err = rd_kafka_event_error(ev);
		rd_kafka_event_destroy(ev);
	}
	return err;
}

/* What was said before belongs to earlier questions. */
static void forget_reasons(struct kafka *k)
{
	find_reason(k, RD_KAFKA_RESP_ERR_NO_ERROR);
}

static int fail(struct kafka *k, struct kafka_tp *tp, size_t n, rd_kafka_resp_err_t err)
{
	size_t i;

	err = find_reason(k, err);
	for (i = 0; i < n; i++)
		set_error(&tp[i], err);
	return -EIO;
}

/* ---- offsets --------------------------------------------------------------------------------- */

static int64_t *answer_of(struct kafka_tp *tp, enum kafka_ask ask)
{
	return ask == KAFKA_ASK_EARLIEST ? &tp->offset
	       : ask == KAFKA_ASK_END	 ? &tp->end
					 : &tp->found;
}

static rd_kafka_topic_partition_list_t *list_questions(const struct kafka_tp *tp, size_t n,
						       enum kafka_ask ask)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
	size_t i;

	for (i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(list, tp[i].topic, tp[i].partition)->offset =
			ask == KAFKA_ASK_EARLIEST ? RD_KAFKA_OFFSET_BEGINNING
			: ask == KAFKA_ASK_END	  ? RD_KAFKA_OFFSET_END
						  : tp[i].time_ms;
	return list;
}

/* One request to each leader. It waits behind the fetch that is under way on the same connection.
 */
static int query_one(struct kafka *k, struct kafka_tp *tp, size_t n, enum kafka_ask ask,
		     int timeout_ms)
{
	rd_kafka_topic_partition_list_t *list = list_questions(tp, n, ask);
	rd_kafka_resp_err_t err = rd_kafka_offsets_for_times(kafka_get_handle(k), list, timeout_ms);
	int64_t *answer;
	size_t i;

	for (i = 0; i < n; i++) {
		answer = answer_of(&tp[i], ask);
		*answer = list->elems[i].offset;
		if (*answer < 0) /* no message is so young */
			*answer = tp[i].end;
		if (list->elems[i].err)
			set_error(&tp[i], list->elems[i].err);
	}
	rd_kafka_topic_partition_list_destroy(list);
	return err ? fail(k, tp, n, err) : 0;
}

int kafka_query(struct kafka *k, struct kafka_tp *tp, size_t n, unsigned ask, int timeout_ms)
{
	unsigned bit;
	int r = 0;

	forget_reasons(k);
	if (ask & KAFKA_ASK_TIME)
		ask |= KAFKA_ASK_END;
	for (bit = KAFKA_ASK_EARLIEST; bit <= KAFKA_ASK_TIME && !r; bit <<= 1)
		if (ask & bit)
			r = query_one(k, tp, n, (enum kafka_ask)bit, timeout_ms);
	return r;
}

/* ---- committed offsets ----------------------------------------------------------------------- */

/* Up to the first NUL. Of a text with one librdkafka keeps no more, but counts the whole, so what
 * lies behind is its heap. No NUL stands behind a text without one. */
static struct kgp_bytes copy_metadata(const rd_kafka_topic_partition_t *p)
{
	const char *text = p->metadata ? p->metadata : "";
	size_t n = p->metadata ? strnlen(text, p->metadata_size) : 0;
	char *copy;

	copy = malloc(n + 1);
	if (!copy)
		abort(); /* as new_list() */
	memcpy(copy, text, n);
	return kgp_bytes(copy, n);
}

/* Not ListConsumerGroupOffsets: its way to the coordinator can abort the process. */
int kafka_query_committed(struct kafka *k, struct kafka_tp *tp, size_t n, int timeout_ms)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
	rd_kafka_resp_err_t err;
	size_t i;

	for (i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(list, tp[i].topic, tp[i].partition);
	err = rd_kafka_committed(kafka_get_handle(k), list, timeout_ms);
	for (i = 0; i < n && !err; i++) {
		tp[i].offset = list->elems[i].offset >= 0 ? list->elems[i].offset : -1;
		tp[i].metadata = copy_metadata(&list->elems[i]);
		if (list->elems[i].err)
			set_error(&tp[i], list->elems[i].err);
	}
	rd_kafka_topic_partition_list_destroy(list);
	return err ? fail(k, tp, n, err) : 0;
}

/* ---- topics ---------------------------------------------------------------------------------- */

static int compare_topics(const void *a, const void *b)
{
	const struct kafka_tp *x = a, *y = b;

	return strcmp(x->topic, y->topic);
}

static int compare_partitions(const void *a, const void *b)
{
	const struct kafka_tp *x = a, *y = b;

	return (x->partition > y->partition) - (x->partition < y->partition);
}

/* A list for n elements, or the one that says why there is none. */
static struct kafka_tp *new_list(size_t n)
{
	struct kafka_tp *list = calloc(n + 1, sizeof(*list));

	if (!list)
		abort(); /* a question without an answer would wait for ever */
	return list;
}

static int fail_list(struct kafka *k, struct kafka_tp **list, size_t *n, rd_kafka_resp_err_t err)
{
	*list = new_list(1);
	*n = 1;
	return fail(k, *list, 1, err);
}

static int ask_metadata(struct kafka *k, const rd_kafka_metadata_t **metadata,
			struct kafka_tp **list, size_t *n, int timeout_ms)
{
	rd_kafka_resp_err_t err;

	forget_reasons(k);
	err = rd_kafka_metadata(kafka_get_handle(k), 1, NULL, metadata, timeout_ms);
	return err ? fail_list(k, list, n, err) : 0;
}

static bool is_there(const rd_kafka_metadata_topic_t *t)
{
	return t->err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART && t->partition_cnt > 0;
}

int kafka_query_topics(struct kafka *k, struct kafka_tp **list, size_t *n, int timeout_ms)
{
	const rd_kafka_metadata_t *metadata;
	const rd_kafka_metadata_topic_t *t;
	int i;

	if (ask_metadata(k, &metadata, list, n, timeout_ms))
		return -EIO;
	*list = new_list((size_t)metadata->topic_cnt);
	*n = 0;
	for (i = 0; i < metadata->topic_cnt; i++) {
		t = &metadata->topics[i];
		if (!is_there(t))
			continue;
		(*list)[*n] =
			(struct kafka_tp){.topic = strdup(t->topic), .partition = t->partition_cnt};
		if (!(*list)[(*n)++].topic)
			abort(); /* as above */
	}
	rd_kafka_metadata_destroy(metadata);
	qsort(*list, *n, sizeof(**list), compare_topics);
	return 0;
}

static void list_partitions(const rd_kafka_metadata_topic_t *t, struct kafka_tp **list, size_t *n)
{
	*list = new_list((size_t)t->partition_cnt);
	for (*n = 0; *n < (size_t)t->partition_cnt; ++*n)
		(*list)[*n] = (struct kafka_tp){.partition = t->partitions[*n].id,
						.offset = t->partitions[*n].leader};
	qsort(*list, *n, sizeof(**list), compare_partitions);
}

int kafka_query_partitions(struct kafka *k, const char *topic, struct kafka_tp **list, size_t *n,
			   int timeout_ms)
{
	const rd_kafka_metadata_t *metadata;
	int i, r = 0;

	if (ask_metadata(k, &metadata, list, n, timeout_ms))
		return -EIO;
	for (i = 0; i < metadata->topic_cnt; i++)
		if (!strcmp(metadata->topics[i].topic, topic) && is_there(&metadata->topics[i]))
			break;
	if (i < metadata->topic_cnt)
		list_partitions(&metadata->topics[i], list, n);
	else
		r = fail_list(k, list, n, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	rd_kafka_metadata_destroy(metadata);
	return r;
}
