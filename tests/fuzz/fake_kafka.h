/* SPDX-License-Identifier: MIT */
/* A cluster in memory behind daemon/kafka.h and daemon/helper.h. See fake_kafka.c. */
#ifndef FAKE_KAFKA_H
#define FAKE_KAFKA_H

#include <stdbool.h>
#include <stdint.h>

enum { N_TOPICS = 4, N_PARTITIONS = 3, N_PLACES = N_TOPICS * N_PARTITIONS, N_GROUPS = 4 };
enum { BIG_BYTES = 300000, MIDDLE_BYTES = 70000 }; /* of some messages of the last topic */

/* A partition of the cluster: its log, and what each group has committed of it. */
struct place {
	int64_t start, end;
	int64_t committed[N_GROUPS]; /* -1: nothing */
	char metadata[N_GROUPS][64];
	/* Highest offset + 1 below which all is excused: marked, sought, or where it began. */
	int64_t justified[N_GROUPS];
};

/* How an answer comes out. */
enum outcome { ANSWER_OK, ANSWER_ERROR, ANSWER_PART, ANSWER_REBALANCE, N_OUTCOMES };

struct fake_cluster {
	struct place places[N_PLACES];
	uint32_t share[N_GROUPS]; /* places that this host's member is given, as bits */
	bool late;		  /* answers and messages come when the input says so */
	bool old_library;	  /* that needs to be kicked */
	bool never_closes;
	unsigned n_commits;
};

extern struct fake_cluster cluster;

const char *place_topic(int place);
int place_find(const char *topic, int32_t partition); /* -1: none */
int group_index(const char *group_id);
bool place_has_message(int place, int64_t offset);    /* not a gap, of the log whatever its ends */
int64_t place_first_message(int place, int64_t from); /* at or after; its end: none */

void cluster_reset(void);
void cluster_produce(int place, int n);
void cluster_trim(int place, int64_t start);
void cluster_rebalance(int group);			     /* its handle hears of it */
void cluster_fail(int group, unsigned class, bool in_queue); /* an error event */
void cluster_fetch(int place, int n);			     /* a fetch brings so many at most */
unsigned cluster_count_answers(void);
void cluster_answer(unsigned index, enum outcome outcome); /* of those that wait */
void cluster_go_on(void);		     /* everything that waits is answered well */
bool cluster_has_data(int group, int place); /* that a take would give now */
bool cluster_is_fetched(int group, int place);
void cluster_assert_settled(void);    /* no event waits for the daemon's answer */
unsigned cluster_count_objects(void); /* handles, queues, messages, helpers that were not freed */

#endif
