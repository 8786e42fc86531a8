/* SPDX-License-Identifier: MIT */
/*
 * The mock cluster's own producer: it fills topics on command and for the demo's traffic.
 *
 * It is an ordinary librdkafka producer with a connection to the mock brokers, made only when
 * something is to be written: an idle mock gives its injected faults to the clients under test and
 * not to itself. message.timeout.ms bounds every wait here, because librdkafka reports each message
 * within it, delivered or not; that is also why a batch may live on its caller's stack.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client-lib/ctl/mock/mock_producer.h"

struct mock_producer {
	rd_kafka_t *rk;
	uint64_t n_written; /* numbers the values of mock_producer_write over all calls */
};

static const char *const settings[][2] = {
	{"client.id", "kgroup-mock"},
	{"log_level", "2"}, /* a broker that is down on command is no news */
	{"linger.ms", "5"},
	{"queue.buffering.max.kbytes", "131072"},
	{"message.max.bytes", "100000000"},
	{"message.timeout.ms", "5000"},
	{"reconnect.backoff.ms", "20"},
	{"reconnect.backoff.max.ms", "100"},	      /* a broker that comes back is used at once */
	{"topic.metadata.refresh.interval.ms", "-1"}, /* do not eat errors meant for others */
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	struct mock_batch *batch = message->_private;

	if (!batch)
		return;
	batch->n_waiting--;
	if (message->err) {
		if (!batch->error)
			batch->error = message->err;
		return;
	}
	if (batch->first_offset < 0 || message->offset < batch->first_offset)
		batch->first_offset = message->offset;
}

int mock_producer_new(struct mock_producer **producer, const char *bootstrap)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	struct mock_producer *made;
	char reason[256];
	size_t i;

	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		rd_kafka_conf_res_t res = rd_kafka_conf_set(conf, settings[i][0], settings[i][1],
							    reason, sizeof(reason));
		assert(res == RD_KAFKA_CONF_OK);
	}
	made = calloc(1, sizeof(*made));
	if (!made ||
	    rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, reason, sizeof(reason))) {
		rd_kafka_conf_destroy(conf);
		free(made);
		return -ENOMEM;
	}
	made->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
	if (!made->rk) {
		fprintf(stderr, "kgroup-mock: no producer: %s\n", reason);
		rd_kafka_conf_destroy(conf);
		free(made);
		return -EIO;
	}
	*producer = made;
	return 0;
}

static rd_kafka_headers_t *new_headers(const struct mock_message *message)
{
	rd_kafka_headers_t *headers;

	if (!message->header_value)
		return NULL;
	headers = rd_kafka_headers_new(1);
	rd_kafka_header_add(headers, message->header_name, -1, message->header_value, -1);
	return headers;
}

int mock_producer_send(struct mock_producer *producer, const struct mock_message *message,
		       struct mock_batch *batch)
{
	rd_kafka_headers_t *headers = new_headers(message);
	rd_kafka_resp_err_t err;

	/* A zero-length value that is not NULL is empty, not absent. */
	err = rd_kafka_producev(
		producer->rk, RD_KAFKA_V_TOPIC(message->topic),
		RD_KAFKA_V_PARTITION(message->partition),
		RD_KAFKA_V_KEY(message->key, message->key ? strlen(message->key) : 0),
		RD_KAFKA_V_VALUE((void *)message->value, message->value_bytes),
		RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(headers),
		RD_KAFKA_V_OPAQUE(batch), RD_KAFKA_V_END);
	if (!err) {
		if (batch)
			batch->n_waiting++;
		return 0;
	}
	if (headers)
		rd_kafka_headers_destroy(headers);
	if (batch && !batch->error && err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
		batch->error = err;
	return err == RD_KAFKA_RESP_ERR__QUEUE_FULL ? -ENOBUFS : -EIO;
}

void mock_producer_poll(struct mock_producer *producer, int timeout_ms)
{
	rd_kafka_poll(producer->rk, timeout_ms);
}

/* "message 17 " and dots up to the wanted length: unique, and readable at a glance. */
static void fill_value(char *value, size_t value_bytes, uint64_t number)
{
	char text[48];
	size_t text_bytes =
		(size_t)snprintf(text, sizeof(text), "message %llu ", (unsigned long long)number);

	memset(value, '.', value_bytes);
	memcpy(value, text, text_bytes < value_bytes ? text_bytes : value_bytes);
}

void mock_producer_write(struct mock_producer *producer, const char *topic, int32_t partition,
			 int n, size_t value_bytes, struct mock_batch *batch)
{
	char *value = malloc(value_bytes + 1);
	char key[32];
	struct mock_message message = {
		.topic = topic,
		.partition = partition,
		.key = key,
		.value = value,
		.value_bytes = value_bytes,
	};
	int i, r;

	*batch = (struct mock_batch){.first_offset = -1};
	if (!value) {
		batch->error = RD_KAFKA_RESP_ERR__FAIL;
		return;
	}
	for (i = 0; i < n && !batch->error; i++) {
		fill_value(value, value_bytes, producer->n_written);
		snprintf(key, sizeof(key), "key %llu", (unsigned long long)producer->n_written++);
		while ((r = mock_producer_send(producer, &message, batch)) == -ENOBUFS)
			mock_producer_poll(producer, 10);
	}
	while (batch->n_waiting > 0)
		mock_producer_poll(producer, 100);
	free(value);
}
