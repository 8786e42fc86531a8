/* SPDX-License-Identifier: MIT */
/* What the direct programs share of librdkafka. See kafka.c. */
#ifndef BENCH_KAFKA_H
#define BENCH_KAFKA_H

#include <librdkafka/rdkafka.h>

#include "tests/bench/arguments.h"

enum { KAFKA_N_PARTITIONS = 6, KAFKA_TIMEOUT_MS = 30000 };

struct kafka_setting {
	const char *key;
	const char *value;
};

typedef void kafka_delivery_cb(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque);

/* A handle with the settings of the command line and then our own, which end with a NULL key. Every
 * failure ends the process. on_delivery: of a producer, may be NULL. */
rd_kafka_t *kafka_new(rd_kafka_type_t type, const struct arguments *arguments,
		      const struct kafka_setting *own, kafka_delivery_cb *on_delivery);

/* Ends the process, saying what failed, unless code is 0. */
void kafka_require(rd_kafka_resp_err_t code, const char *what);

#endif
