/* SPDX-License-Identifier: MIT */
/*
 * A library to preload into the daemon: fetchers that stand still.
 *
 * STUCK=N:CALL lets N messages through. Then librdkafka is told behind the daemon's back to fetch
 * no more, as when it forgets a resume, until the daemon makes a CALL: "seek", "assign", or
 * "never". For one group with the strategy range or roundrobin.
 */
#include <dlfcn.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static rd_kafka_t *kafka;
static rd_kafka_topic_partition_list_t *assigned;
static unsigned n_taken;
static bool is_stuck, is_over;

static void stop_once(void)
{
	const char *word = getenv("STUCK");

	if (!word || is_stuck || is_over || !assigned || n_taken < (unsigned)atoi(word))
		return;
	is_stuck = true;
	rd_kafka_pause_partitions(kafka, assigned);
}

static void mend(const char *call)
{
	const char *colon = is_stuck ? strchr(getenv("STUCK"), ':') : NULL;

	if (!colon || strcmp(colon + 1, call))
		return;
	is_stuck = false;
	is_over = true;
	rd_kafka_resume_partitions(kafka, assigned);
}

ssize_t rd_kafka_consume_batch_queue(rd_kafka_queue_t *queue, int timeout_ms,
				     rd_kafka_message_t **messages, size_t size)
{
	ssize_t (*next)(rd_kafka_queue_t *, int, rd_kafka_message_t **, size_t);
	ssize_t n;

	*(void **)&next = dlsym(RTLD_NEXT, __func__);
	n = next(queue, timeout_ms, messages, size);
	n_taken += n > 0 ? (unsigned)n : 0;
	stop_once();
	return n;
}

rd_kafka_error_t *rd_kafka_seek_partitions(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
					   int timeout_ms)
{
	rd_kafka_error_t *(*next)(rd_kafka_t *, rd_kafka_topic_partition_list_t *, int);

	*(void **)&next = dlsym(RTLD_NEXT, __func__);
	mend("seek");
	return next(rk, list, timeout_ms);
}

rd_kafka_resp_err_t rd_kafka_assign(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_resp_err_t (*next)(rd_kafka_t *, const rd_kafka_topic_partition_list_t *);

	*(void **)&next = dlsym(RTLD_NEXT, __func__);
	mend("assign");
	if (list && !assigned) {
		kafka = rk;
		assigned = rd_kafka_topic_partition_list_copy(list);
	}
	return next(rk, list);
}
