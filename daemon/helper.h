/* SPDX-License-Identifier: MIT */
/* Threads for what librdkafka can only do blocking. See helper.c. */
#ifndef HELPER_H
#define HELPER_H

#include "daemon/kafka.h"

struct event_base;
struct helper;

/* A query in the making: the list is the helper's copy. */
typedef void helper_done_fn(void *owner, int r, const struct kafka_tp *list, size_t n);

int helper_open(struct helper **out, struct event_base *base);
struct helper *helper_free(struct helper *h); /* finishes what is queued */

/* Each before those below it; of one urgency in the order that they came. */
enum helper_urgency {
	HELPER_LATER,
	HELPER_SOON,
	HELPER_ASSIGN, /* an assign waits for it: it has threads of its own */
};

/* What is asked (enum kafka_ask) of each partition, or its error. */
int helper_query(struct helper *h, struct kafka *k, const struct kafka_tp *list, size_t n,
		 unsigned ask, int timeout_ms, enum helper_urgency urgency, helper_done_fn *done,
		 void *owner);
/* What k's group committed, as kafka_query_committed(); HELPER_ASSIGN. */
int helper_query_committed(struct helper *h, struct kafka *k, const struct kafka_tp *list, size_t n,
			   int timeout_ms, helper_done_fn *done, void *owner);
/* As kafka_query_topics() and kafka_query_partitions(). 0, -ENOMEM. */
int helper_query_topics(struct helper *h, struct kafka *k, int timeout_ms, helper_done_fn *done,
			void *owner);
int helper_query_partitions(struct helper *h, struct kafka *k, const char *topic, int timeout_ms,
			    helper_done_fn *done, void *owner);
void helper_forget(struct helper *h, void *owner); /* its queries finish without a call */

/* Frees a handle behind every query on it; done(owner, 0, NULL, 0) after it is gone. done may be
 * NULL. */
int helper_free_kafka(struct helper *h, struct kafka *k, bool closed, helper_done_fn *done,
		      void *owner);

#endif
