/* SPDX-License-Identifier: MIT */
/* A partition that Kafka has given to this daemon. See partition.c. */
#ifndef PARTITION_H
#define PARTITION_H

#include "daemon/core/offsets.h"
#include "daemon/core/progress.h"
#include "daemon/hash.h"
#include "daemon/kafka.h"
#include "proto/limits.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct claim;
struct event;
struct group;

enum partition_state {
	PARTITION_NEW,	     /* assigned by the group; its committed offset is asked for */
	PARTITION_COMMITTED, /* committed offset known; its ends are asked for */
	PARTITION_RESOLVED,  /* its start is known; not yet told to librdkafka */
	PARTITION_ACTIVE,    /* librdkafka fetches it */
	PARTITION_FAILED,    /* no start: initial.offset = fail; nothing is fetched */
	PARTITION_REVOKED,   /* the group takes it: its claim ends, then it is committed and goes */
};

enum { PARTITION_N_SAMPLES = 32, PARTITION_ENDS_FRESH_US = 60000000 };

/* A name; what is behind the topic does not count. */
struct partition_key {
	int32_t id;
	char topic[KGP_MAX_TOPIC + 1];
};

struct partition {
	TAILQ_ENTRY(partition) link; /* of group->partitions, by topic and id */
	UT_hash_handle hh;	     /* of group->partition_table, by key */
	struct partition_key key;
	struct group *group;
	const char *topic; /* of key */
	int32_t id;
	enum partition_state state;
	struct kafka_queue *queue; /* owned; NULL before it is assigned to librdkafka */
	struct offsets offsets;
	struct progress progress;
	struct claim *claim;		    /* its holder; not owned; NULL: nobody */
	uint8_t (*closed_by)[KGP_ID_BYTES]; /* owned; ids of consumers that gave it back */
	unsigned n_closed_by;
	int64_t initial;	       /* literal: an offset, KAFKA_OFFSET_EARLIEST or _LATEST */
	int64_t next;		       /* offset that the next message taken has at least */
	int64_t want;		       /* a seek that waits until the fetcher runs; -1: none */
	uint64_t hold_until_us;	       /* seeks wait until then, or the first message */
	struct event *hold_timer;      /* owned; while want waits */
	int64_t earliest, end;	       /* of the log, as last asked; -1: not known */
	uint64_t ends_us;	       /* when both were learned */
	uint64_t end_us;	       /* when end was */
	int64_t high;		       /* of librdkafka, as last looked at; -1: not known */
	uint64_t high_us;	       /* when that was */
	uint64_t last_taken_us;	       /* when the queue was read last */
	uint64_t n_taken, taken_bytes; /* since the queue last ran empty; bytes of values */
	bool was_voided;	       /* something was left in it by a seek since then */
	uint64_t paused_us;	       /* since when it is paused for memory; 0: it is not */
	uint64_t healed_us;	       /* when its fetcher was last started again where it was */
	uint64_t doubted_us;  /* since when its offset is beyond the end of the log; 0: it is not */
	bool told;	      /* librdkafka's assignment has it */
	bool failing;	      /* it told an error, and no message since */
	bool healing;	      /* its offset was not in the log: its ends are asked for */
	int64_t position;     /* of librdkafka, as last seen while idle */
	int64_t highest_sent; /* of all claims and epochs; -1: none */
	uint64_t n_redelivered; /* messages sent at or below it */
	uint64_t position_since_us;
	bool idle; /* the queue ran empty: its position may be past control records */
	struct kafka_message *carry; /* owned: taken but not sent, carry_at .. n_carry */
	uint32_t carry_at, n_carry;
	uint64_t average_bytes; /* of a message, for how many to take */
	struct {
		int64_t offset, timestamp_ms;
	} samples[PARTITION_N_SAMPLES]; /* of sent messages, oldest first: how far behind is the
					   mark */
	unsigned n_samples;
};

/* The bytes that count, 0: no partition has such a name. */
size_t partition_key_init(struct partition_key *key, const char *topic, int32_t id);
struct partition *partition_new(struct group *g, const char *topic, int32_t id);
struct partition *partition_free(struct partition *p);

int partition_attach(struct partition *p,
		     struct kafka *k); /* its queue, before assign; 0, -ENOMEM */
void partition_detach(struct partition *p);
void partition_start_at(struct partition *p, int64_t offset); /* as told in an assign */
void partition_move_to(struct partition *p, int64_t offset);  /* the next message is this one */
size_t partition_take(struct partition *p, struct kafka_message *out, size_t max);
int partition_keep(struct partition *p, struct kafka_message *messages,
		   size_t n); /* for the next take */
void partition_drop_carry(struct partition *p);
void partition_check_position(struct partition *p);
void partition_pause_for_memory(struct partition *p, bool pause);
int64_t
partition_get_next(const struct partition *p); /* offset of the next message to send, at least */
void partition_set_ends(struct partition *p, int64_t earliest, int64_t end); /* Kafka said so */
void partition_set_end(struct partition *p, int64_t end);
bool partition_has(struct partition *p,
		   int64_t offset); /* in the log, its end included, as known a minute ago */
int64_t partition_get_end(struct partition *p); /* end of the log as known; -1: unknown */
int partition_close_by(struct partition *p, const uint8_t *id); /* 0, -ENOMEM */
void partition_forget_consumer(struct partition *p, const uint8_t *id);
void partition_sample(struct partition *p, int64_t offset, int64_t timestamp_ms);
int64_t partition_get_behind_ms(struct partition *p, int64_t now_ms); /* -1: not known */

#endif
