/* SPDX-License-Identifier: MIT */
/* One consumer handle of librdkafka, without its types. See kafka.c. */
#ifndef KAFKA_H
#define KAFKA_H

#include "daemon/config.h"
#include "proto/codec.h"
#include "proto/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kafka;
struct kafka_queue;

#define KAFKA_OFFSET_LATEST   (-1)
#define KAFKA_OFFSET_EARLIEST (-2)
#define KAFKA_OFFSET_NONE     (-1001)

/* What a query asks of each partition; the same for all of a list. */
enum kafka_ask { KAFKA_ASK_EARLIEST = 1, KAFKA_ASK_END = 2, KAFKA_ASK_TIME = 4 };
#define KAFKA_ASK_ENDS (KAFKA_ASK_EARLIEST | KAFKA_ASK_END)

/* What an error asks of its domain. */
enum kafka_error_class {
	KAFKA_ERROR_BROKER,    /* not reachable; heals by itself */
	KAFKA_ERROR_AUTH,      /* credentials refused */
	KAFKA_ERROR_TOPIC,     /* unknown or forbidden topic */
	KAFKA_ERROR_GROUP,     /* group refused */
	KAFKA_ERROR_FENCED,    /* fatal: another member has our instance id */
	KAFKA_ERROR_FATAL,     /* fatal: the handle must be made anew */
	KAFKA_ERROR_RANGE,     /* partition: the offset is not in the log; the fetcher is off */
	KAFKA_ERROR_REBALANCE, /* commit: the group rebalances */
	KAFKA_ERROR_OTHER,
};

/* A partition and what is said of it. Texts belong to whoever gave the list. */
struct kafka_tp {
	const char *topic;
	int32_t partition;
	int64_t offset;
	int64_t end;	 /* of queries: end of the log */
	int64_t time_ms; /* of queries: since 1970, to look for */
	int64_t found;	 /* the first message at or after that time; the end: none */
	struct kgp_bytes metadata;
	const char *error;		    /* Kafka's name of it; NULL: none */
	enum kafka_error_class error_class; /* of queries */
};

struct kafka_message {
	struct kgp_record record; /* without headers */
	void *handle;		  /* owned; see kafka_message_deinit() */
	const char *error;	  /* Kafka's name of it: then this is no message */
	enum kafka_error_class error_class;
};

/* All are called on the loop's thread, out of kafka_dispatch(). Lists are valid during the call. */
struct kafka_handler {
	void (*on_assign)(void *owner, const struct kafka_tp *list, size_t n);
	void (*on_revoke)(void *owner, const struct kafka_tp *list, size_t n, bool lost);
	void (*on_commit)(void *owner, const char *error, enum kafka_error_class class,
			  const struct kafka_tp *list, size_t n, uint64_t number);
	void (*on_error)(void *owner, enum kafka_error_class class, const char *name,
			 const char *topic, const char *text); /* topic NULL: of none */
	void (*on_log)(void *owner, int level, const char *facility, const char *text);
	void (*on_ready)(void *owner, void *partition); /* its queue is not empty any more */
	void (*on_closed)(void *owner);
};

struct kafka_options {
	const struct config_pair *const *settings; /* in order, later wins */
	size_t n_settings;
	const char *group_id; /* NULL: of no group, only to ask the cluster */
	const char *instance_id, *client_id;
	enum kgp_strategy strategy;
	int64_t session_timeout_ms, heartbeat_interval_ms;
};

const char *kafka_library_version(void);
int kafka_library_check(char *why, size_t size); /* 0, -ENOTSUP: a version that we refuse */
int kafka_strategy_check(enum kgp_strategy strategy, char *why, size_t size);
int kafka_setting_check(const char *key, const char *value, char *why,
			size_t size);	      /* 0, -ENOENT, -EINVAL */
const char *const *kafka_setting_names(void); /* NULL-terminated */

int kafka_open(const struct kafka_options *options, const struct kafka_handler *handler,
	       void *owner, struct kafka **out, char *why, size_t size); /* 0, -EINVAL, -ENOMEM */
int kafka_get_fd(const struct kafka *k); /* readable: call kafka_dispatch() */
void kafka_dispatch(struct kafka *k);
bool kafka_is_cooperative(const struct kafka *k);

int kafka_subscribe(struct kafka *k, const char *const *topics, size_t n); /* none: unsubscribe */
/* The answers to on_assign and on_revoke; assign also replaces the whole assignment. 0, -EIO
 * (logged) */
int kafka_assign(struct kafka *k, const struct kafka_tp *list, size_t n, bool incremental);
int kafka_unassign(struct kafka *k, const struct kafka_tp *list, size_t n, bool incremental);
int kafka_commit(struct kafka *k, const struct kafka_tp *list, size_t n, uint64_t number);
int kafka_pause(struct kafka *k, const char *topic, int32_t partition, bool pause);
void kafka_start_close(struct kafka *k); /* on_closed follows; all queues are closed before */
void kafka_free_blocking(struct kafka *k, bool closed); /* joins threads: off the loop's thread */

struct kafka_queue *kafka_queue_open(struct kafka *k, const char *topic, int32_t partition,
				     void *owner);
void kafka_queue_close(struct kafka_queue *q);
size_t kafka_queue_take(struct kafka_queue *q, struct kafka_message *out, size_t max);
int kafka_queue_seek(struct kafka_queue *q, int64_t offset);
size_t kafka_queue_length(struct kafka_queue *q); /* also of what a seek has voided, until a take */
int64_t kafka_queue_position(struct kafka_queue *q); /* -1: not known */
int64_t kafka_queue_high(struct kafka_queue *q);     /* cached high water mark; -1: not known */
/* Rule: a queue that ran empty after it was full is refilled by a seek. Could one have been full
 * that gave so many messages with so many bytes of values since it was empty before? */
bool kafka_needs_kick(const struct kafka *k, uint64_t n_messages, uint64_t n_bytes);

uint32_t kafka_message_put_headers(const struct kafka_message *m, struct kgp_buf *out,
				   uint64_t *bytes);
void kafka_message_deinit(struct kafka_message *m);

/* For kafka_query.c. */
struct rd_kafka_s *kafka_get_handle(const struct kafka *k);
struct rd_kafka_queue_s *kafka_get_light_queue(const struct kafka *k); /* NULL: of a group */
enum kafka_error_class kafka_classify(int err);			       /* of librdkafka's code */

/* kafka_query.c, for helper.c: blocking, any thread. 0, or -EIO and an error in each element; an
 * element of its own may have one too. */
int kafka_query(struct kafka *k, struct kafka_tp *list, size_t n, unsigned ask,
		int timeout_ms); /* offset, end, found of each */
/* offset, -1: none, and metadata, with memory of its own, of what k's group committed. */
int kafka_query_committed(struct kafka *k, struct kafka_tp *list, size_t n, int timeout_ms);
/* These make the list, its texts too, with one element at least when they fail: topics, with the
 * number of partitions in partition; or partitions of a topic, with the leader in offset, -1: none.
 * Sorted. */
int kafka_query_topics(struct kafka *k, struct kafka_tp **list, size_t *n, int timeout_ms);
int kafka_query_partitions(struct kafka *k, const char *topic, struct kafka_tp **list, size_t *n,
			   int timeout_ms);

#endif
