/* SPDX-License-Identifier: MIT */
/*
 * What the daemon is compared with: a consumer that links librdkafka and does the same work.
 *
 *   --mode batch	rd_kafka_consume_batch_queue() on the consumer's queue: the fastest way
 *   --mode single	rd_kafka_consumer_poll(): what people write
 *
 * Each message is read whole and then its offset is stored; librdkafka commits the stored offsets
 * every second and at the close. A batch never asks for more than is left in the topic, because
 * the call waits until its array is full and would spend the end of the run waiting.
 *
 * With --latency a line "ready" tells that the partitions are assigned, so that producing can
 * begin.
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "tests/bench/kafka.h"
#include "tests/bench/meter.h"

enum { BATCH = 1000, WAIT_MS = 100, SILENCE_LIMIT_MS = 30000 };

struct direct {
	struct arguments arguments;
	struct meter meter;
	rd_kafka_t *handle;
	rd_kafka_queue_t *queue;
	unsigned int silence_ms; /* since the last message, as the sum of the waits in vain */
	bool ready;
};

/* ---- the handler ---------------------------------------------------------------------------- */

static void handle_message(struct direct *direct, const rd_kafka_message_t *message)
{
	kafka_require(message->err, "consume");
	if (direct->meter.latency)
		meter_on_arrival(&direct->meter, message->payload, message->len, 0);
	meter_add(&direct->meter, message->key, message->key_len, message->payload, message->len);
	kafka_require(rd_kafka_offset_store(message->rkt, message->partition, message->offset),
		      "store an offset");
}

/* ---- two ways to get messages --------------------------------------------------------------- */

/* Both answer how many messages there were. */
static size_t read_single(struct direct *direct)
{
	rd_kafka_message_t *message = rd_kafka_consumer_poll(direct->handle, WAIT_MS);

	if (!message)
		return 0;
	handle_message(direct, message);
	rd_kafka_message_destroy(message);
	return 1;
}

static size_t read_batch(struct direct *direct)
{
	rd_kafka_message_t *messages[BATCH];
	uint64_t n_left = direct->meter.n_messages - direct->meter.n_done;
	ssize_t n = rd_kafka_consume_batch_queue(direct->queue, WAIT_MS, messages,
						 n_left < BATCH ? n_left : BATCH);

	if (n < 0)
		kafka_require(rd_kafka_last_error(), "consume");
	for (ssize_t i = 0; i < n; i++) {
		handle_message(direct, messages[i]);
		rd_kafka_message_destroy(messages[i]);
	}
	return (size_t)n;
}

/* ---- the run -------------------------------------------------------------------------------- */

static void subscribe(const struct direct *direct)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

	rd_kafka_topic_partition_list_add(list, direct->arguments.topic, RD_KAFKA_PARTITION_UA);
	kafka_require(rd_kafka_subscribe(direct->handle, list), "subscribe");
	rd_kafka_topic_partition_list_destroy(list);
}

static void announce_ready(struct direct *direct)
{
	rd_kafka_topic_partition_list_t *list;

	kafka_require(rd_kafka_assignment(direct->handle, &list), "assignment");
	if (list->cnt > 0) {
		direct->ready = true;
		puts("ready");
		fflush(stdout);
	}
	rd_kafka_topic_partition_list_destroy(list);
}

static void on_silence(struct direct *direct)
{
	direct->silence_ms += WAIT_MS;
	if (direct->silence_ms >= SILENCE_LIMIT_MS)
		errx(EX_UNAVAILABLE, "no message for %d ms after %" PRIu64, SILENCE_LIMIT_MS,
		     direct->meter.n_done);
	if (direct->meter.latency && !direct->ready)
		announce_ready(direct);
}

static void run(struct direct *direct)
{
	bool single = direct->arguments.mode == ARGUMENTS_SINGLE;

	subscribe(direct);
	while (!direct->meter.finished) {
		if ((single ? read_single(direct) : read_batch(direct)) > 0)
			direct->silence_ms = 0;
		else
			on_silence(direct);
	}
}

static void direct_open(struct direct *direct)
{
	const struct kafka_setting settings[] = {
		{"group.id", direct->arguments.group}, {"auto.offset.reset", "earliest"},
		{"enable.auto.commit", "true"},	       {"auto.commit.interval.ms", "1000"},
		{"enable.auto.offset.store", "false"}, {NULL, NULL},
	};

	arguments_require(direct->arguments.topic, "--topic");
	arguments_require(direct->arguments.group, "--group");
	meter_init(&direct->meter, &direct->arguments);
	direct->handle = kafka_new(RD_KAFKA_CONSUMER, &direct->arguments, settings, NULL);
	kafka_require(rd_kafka_poll_set_consumer(direct->handle), "poll");
	direct->queue = rd_kafka_queue_get_consumer(direct->handle);
}

static void direct_close(struct direct *direct)
{
	kafka_require(rd_kafka_consumer_close(direct->handle), "close");
	rd_kafka_queue_destroy(direct->queue);
	rd_kafka_destroy(direct->handle);
	meter_deinit(&direct->meter);
}

int main(int argc, char **argv)
{
	static struct direct direct;

	arguments_parse(&direct.arguments, argc, argv);
	if (direct.arguments.n_messages == 0) { /* only asked what it runs with */
		printf("{\"librdkafka\": \"%s\", \"number\": %d}\n", rd_kafka_version_str(),
		       rd_kafka_version());
		return 0;
	}
	direct_open(&direct);
	run(&direct);
	meter_print(&direct.meter, rd_kafka_version_str());
	direct_close(&direct);
	return 0;
}
