/* SPDX-License-Identifier: MIT */
/* Fills topics on command. See mock_producer.c. */
#ifndef KGROUP_MOCK_PRODUCER_H
#define KGROUP_MOCK_PRODUCER_H

#include <librdkafka/rdkafka.h>
#include <stddef.h>
#include <stdint.h>

struct mock_producer;

struct mock_message {
	const char *topic;
	int32_t partition; /* RD_KAFKA_PARTITION_UA = by key */
	const char *key;   /* NULL = none */
	const char *header_name;
	const char *header_value; /* NULL = no header */
	const void *value;
	size_t value_bytes;
};

struct mock_batch {
	int n_waiting;
	rd_kafka_resp_err_t error; /* the first one */
	int64_t first_offset;	   /* lowest offset that was given, -1 = none */
};

/* It lives as long as the process. */
int mock_producer_new(struct mock_producer **producer, const char *bootstrap);

/* Hands a message over; batch (or NULL) hears of its delivery. -ENOBUFS = full, poll and try again.
 */
int mock_producer_send(struct mock_producer *producer, const struct mock_message *message,
		       struct mock_batch *batch);
void mock_producer_poll(struct mock_producer *producer, int timeout_ms);

/* Writes n messages of value_bytes and waits until each was delivered or given up. The verdict is
 * in batch. */
void mock_producer_write(struct mock_producer *producer, const char *topic, int32_t partition,
			 int n, size_t value_bytes, struct mock_batch *batch);

#endif
