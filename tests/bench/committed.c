/* SPDX-License-Identifier: MIT */
/*
 * The witness after a run: asks Kafka what --group has committed on --topic and prints the sum over
 * the partitions. A consumer that handled and marked all N messages of a topic has committed N.
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>

#include "tests/bench/kafka.h"

static int64_t sum_of_committed(const rd_kafka_topic_partition_list_t *list)
{
	int64_t sum = 0;

	for (int i = 0; i < list->cnt; i++) {
		kafka_require(list->elems[i].err, "committed offset");
		if (list->elems[i].offset > 0) /* none: negative */
			sum += list->elems[i].offset;
	}
	return sum;
}

int main(int argc, char **argv)
{
	struct arguments arguments;
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_t *handle;

	arguments_parse(&arguments, argc, argv);
	arguments_require(arguments.topic, "--topic");
	arguments_require(arguments.group, "--group");
	handle = kafka_new(RD_KAFKA_CONSUMER, &arguments,
			   (struct kafka_setting[]){{"group.id", arguments.group}, {NULL, NULL}},
			   NULL);
	list = rd_kafka_topic_partition_list_new(KAFKA_N_PARTITIONS);
	rd_kafka_topic_partition_list_add_range(list, arguments.topic, 0, KAFKA_N_PARTITIONS - 1);
	kafka_require(rd_kafka_committed(handle, list, KAFKA_TIMEOUT_MS), "committed offsets");
	printf("{\"committed\": %" PRId64 "}\n", sum_of_committed(list));
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_destroy(handle);
	return 0;
}
