/* SPDX-License-Identifier: MIT */
/*
 * Fills a topic: --messages of --bytes over 6 partitions, in turn, keys of 8 bytes. Or finds it
 * filled already. Prints nothing; that the topic holds what was asked for is checked by the
 * partitions' watermarks before it exits 0.
 *
 * The content is the same at every call, differs from message to message and does not compress. The
 * batches are large: what is measured later is reading, and a topic of small batches would measure
 * the broker.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "tests/bench/kafka.h"
#include "tests/bench/meter.h"

enum {
	POOL_BYTES = 1 << 20, /* values are windows into this many random bytes */
	POOL_STEP_BYTES = 61,
	POLL_EVERY = 1000,
	RETRY_MS = 50,
};

static const struct kafka_setting settings[] = {
	{"linger.ms", "50"},
	{"batch.num.messages", "10000"},
	{"queue.buffering.max.messages", "500000"},
	{"queue.buffering.max.kbytes", "262144"},
	{"acks", "1"},
	{"delivery.report.only.error", "true"},
	{NULL, NULL},
};

static void on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
	kafka_require(message->err, "produce");
}

/* ---- the topic ------------------------------------------------------------------------------ */

static void check_created(rd_kafka_event_t *event)
{
	const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
	const rd_kafka_topic_result_t **topics;
	rd_kafka_resp_err_t code;
	size_t n;

	kafka_require(rd_kafka_event_error(event), "create topic");
	topics = rd_kafka_CreateTopics_result_topics(result, &n);
	code = rd_kafka_topic_result_error(topics[0]);
	if (code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
		kafka_require(code, "create topic");
}

static void ensure_topic(rd_kafka_t *handle, const char *name)
{
	char text[256];
	rd_kafka_queue_t *queue = rd_kafka_queue_new(handle);
	rd_kafka_NewTopic_t *topic =
		rd_kafka_NewTopic_new(name, KAFKA_N_PARTITIONS, 1, text, sizeof(text));
	rd_kafka_event_t *event;

	if (!topic)
		errx(EX_USAGE, "%s", text);
	rd_kafka_CreateTopics(handle, &topic, 1, NULL, queue);
	event = rd_kafka_queue_poll(queue, KAFKA_TIMEOUT_MS);
	if (!event)
		errx(EX_UNAVAILABLE, "create topic: no answer");
	check_created(event);
	rd_kafka_event_destroy(event);
	rd_kafka_NewTopic_destroy(topic);
	rd_kafka_queue_destroy(queue);
}

/* A new topic needs a moment until its partitions have a leader. */
static uint64_t count_partition(rd_kafka_t *handle, const char *topic, int32_t partition)
{
	int64_t deadline_ns = meter_now_ns() + KAFKA_TIMEOUT_MS * 1000000LL;
	int64_t low = 0;
	int64_t high = 0;
	rd_kafka_resp_err_t code;

	while ((code = rd_kafka_query_watermark_offsets(handle, topic, partition, &low, &high,
							KAFKA_TIMEOUT_MS)) &&
	       meter_now_ns() < deadline_ns)
		rd_kafka_poll(handle, RETRY_MS);
	kafka_require(code, "watermarks");
	return (uint64_t)(high - low);
}

static uint64_t count_topic(rd_kafka_t *handle, const char *topic)
{
	uint64_t n = 0;

	for (int32_t partition = 0; partition < KAFKA_N_PARTITIONS; partition++)
		n += count_partition(handle, topic, partition);
	return n;
}

/* ---- the messages --------------------------------------------------------------------------- */

/* xorshift64*, from a fixed seed. */
static char *pool_new(size_t n_bytes)
{
	uint64_t state = 88172645463325252ull;
	char *pool = malloc(n_bytes);

	if (!pool)
		err(EX_OSERR, "pool");
	for (size_t i = 0; i < n_bytes; i++) {
		state ^= state >> 12;
		state ^= state << 25;
		state ^= state >> 27;
		pool[i] = (char)((state * 2685821657736338717ull) >> 56);
	}
	return pool;
}

static void produce(rd_kafka_t *handle, rd_kafka_topic_t *topic, uint64_t i, void *value,
		    size_t value_bytes)
{
	while (rd_kafka_produce(topic, (int32_t)(i % KAFKA_N_PARTITIONS), RD_KAFKA_MSG_F_COPY,
				value, value_bytes, &i, sizeof(i), NULL) < 0) {
		if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			kafka_require(rd_kafka_last_error(), "produce");
		rd_kafka_poll(handle, RETRY_MS);
	}
	if (i % POLL_EVERY == 0)
		rd_kafka_poll(handle, 0);
}

static void fill(rd_kafka_t *handle, const struct arguments *arguments)
{
	rd_kafka_topic_t *topic = rd_kafka_topic_new(handle, arguments->topic, NULL);
	char *pool = pool_new(POOL_BYTES + arguments->value_bytes);

	for (uint64_t i = 0; i < arguments->n_messages; i++)
		produce(handle, topic, i, pool + i * POOL_STEP_BYTES % POOL_BYTES,
			arguments->value_bytes);
	kafka_require(rd_kafka_flush(handle, 10 * KAFKA_TIMEOUT_MS), "flush");
	free(pool);
	rd_kafka_topic_destroy(topic);
}

int main(int argc, char **argv)
{
	struct arguments arguments;
	rd_kafka_t *handle;
	uint64_t n_found;

	arguments_parse(&arguments, argc, argv);
	arguments_require(arguments.topic, "--topic");
	handle = kafka_new(RD_KAFKA_PRODUCER, &arguments, settings, on_delivery);
	ensure_topic(handle, arguments.topic);
	n_found = count_topic(handle, arguments.topic);
	if (n_found == 0 && arguments.n_messages > 0) {
		fill(handle, &arguments);
		n_found = count_topic(handle, arguments.topic);
	}
	if (n_found != arguments.n_messages)
		errx(EX_DATAERR, "%s holds %llu messages, not %llu", arguments.topic,
		     (unsigned long long)n_found, (unsigned long long)arguments.n_messages);
	rd_kafka_destroy(handle);
	return 0;
}
