/* SPDX-License-Identifier: MIT */
/*
 * The producer of the latency part: --messages of --bytes at --rate per second, over 6 partitions
 * in turn, each sent at once. The first 8 bytes of a value are CLOCK_MONOTONIC in nanoseconds when
 * it was handed to librdkafka; the consumer is on the same host and compares.
 *
 * The pace is kept by the clock and not by pauses: a message that was late does not make the later
 * ones late.
 */
#include <err.h>
#include <string.h>
#include <sysexits.h>

#include "tests/bench/kafka.h"
#include "tests/bench/meter.h"

enum { MAX_VALUE_BYTES = 1 << 16 };

static const struct kafka_setting settings[] = {
	{"linger.ms", "0"},
	{"acks", "1"},
	{"delivery.report.only.error", "true"},
	{NULL, NULL},
};

static void on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
	kafka_require(message->err, "produce");
}

static void wait_until(int64_t at_ns)
{
	struct timespec at = {.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0)
		;
}

static void produce(rd_kafka_topic_t *topic, uint64_t i, char *value, size_t value_bytes)
{
	int64_t now_ns = meter_now_ns();

	memcpy(value, &now_ns, sizeof(now_ns));
	if (rd_kafka_produce(topic, (int32_t)(i % KAFKA_N_PARTITIONS), RD_KAFKA_MSG_F_COPY, value,
			     value_bytes, &i, sizeof(i), NULL) < 0)
		kafka_require(rd_kafka_last_error(), "produce");
}

static void send_all(rd_kafka_t *handle, const struct arguments *arguments)
{
	static char value[MAX_VALUE_BYTES];
	rd_kafka_topic_t *topic = rd_kafka_topic_new(handle, arguments->topic, NULL);
	int64_t start_ns = meter_now_ns();

	for (uint64_t i = 0; i < arguments->n_messages; i++) {
		wait_until(start_ns + (int64_t)(i * 1000000000 / arguments->rate_per_s));
		produce(topic, i, value, arguments->value_bytes);
		rd_kafka_poll(handle, 0);
	}
	kafka_require(rd_kafka_flush(handle, KAFKA_TIMEOUT_MS), "flush");
	rd_kafka_topic_destroy(topic);
}

int main(int argc, char **argv)
{
	struct arguments arguments;
	rd_kafka_t *handle;

	arguments_parse(&arguments, argc, argv);
	arguments_require(arguments.topic, "--topic");
	arguments_require(arguments.rate_per_s > 0, "--rate");
	if (arguments.value_bytes < sizeof(int64_t) || arguments.value_bytes > MAX_VALUE_BYTES)
		errx(EX_USAGE, "--bytes: 8 to %d", MAX_VALUE_BYTES);
	handle = kafka_new(RD_KAFKA_PRODUCER, &arguments, settings, on_delivery);
	send_all(handle, &arguments);
	rd_kafka_destroy(handle);
	return 0;
}
