/* SPDX-License-Identifier: MIT */
/* Commands on standard input. See mock_command.c. */
#ifndef KGROUP_MOCK_COMMAND_H
#define KGROUP_MOCK_COMMAND_H

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdbool.h>

#include "client-lib/ctl/mock/mock_producer.h"

enum { MOCK_ANSWER_BYTES = 512 };

struct mock_cluster {
	rd_kafka_t *rk; /* the mock cluster lives in a handle */
	rd_kafka_mock_cluster_t *brokers;
	struct mock_producer *producer; /* NULL until something is written */
	bool quit;
};

/* Runs one line; answer gets "ok ..." or "error ..." without the line's end. */
void mock_command_run(struct mock_cluster *cluster, char *line, char answer[MOCK_ANSWER_BYTES]);

/* The producer, made at its first use. */
int mock_cluster_get_producer(struct mock_cluster *cluster, struct mock_producer **producer);

#endif
