/* SPDX-License-Identifier: MIT */
/* A claim as a stream of its own. See partition.c. */
#ifndef KG_PARTITION_H
#define KG_PARTITION_H

#include "client-lib/c/src/consumer.h"

TAILQ_HEAD(partition_queue, kg_partition);

/* Those of a consumer, and copies for calls whose result outlives the lock. */
struct partitions {
	struct partition_queue arrived;	 /* owned; not handed out yet */
	struct partition_queue taken;	 /* owned with the application */
	struct partition_queue awake;	 /* have what a loop has not seen */
	struct partition_queue credited; /* have credit to grant */
	bool fresh;			 /* one arrived that a loop has not seen */
	struct kg_claim *view;		 /* owned */
	char state_text[512];
	struct kg_error error;
};

struct kg_partition {
	TAILQ_ENTRY(kg_partition) link; /* of partitions.arrived or .taken */
	TAILQ_ENTRY(kg_partition) awake_link;
	TAILQ_ENTRY(kg_partition) credited_link;
	struct kg_consumer *consumer; /* not owned: outlives it */
	struct claim *claim;	      /* not owned; NULL: it has ended */
	uint32_t handle;	      /* of the claim, for marks when it is an orphan */
	int ended;		      /* what receiving answers; 0: the stream goes on */
	bool taken, closing;	      /* by the application */
	bool blocking;		      /* its thread sleeps in receive: no loop looks after it */
	bool awake, credited;	      /* on these lists */
	uint32_t close_request;	      /* of CLAIM_CLOSE; 0: none */
	struct kg_error close_error;  /* why it was refused */
	uint64_t epoch;		      /* that its reader has seen: what a mark by offset means */
	struct delivery reading;      /* the frame that is being handed out */
	STAILQ_HEAD(, aside) queue;   /* owned: the frames behind it */
	struct credit credit;
	struct events errors;
	struct kg_error error;	/* of the last call that failed */
	struct kg_claim public; /* as it was handed to us; its metadata is owned */
};

/* Called under the lock, by the files that hear the daemon. */
struct kg_partition *partition_new(struct kg_consumer *c, const struct kgp_assign *a);
void partition_free(struct kg_partition *p);
void partition_begin(struct kg_partition *p, struct claim *claim);
int partition_void(struct kg_partition *p); /* nothing unread is handed out: 0, KG_ERR_PROTOCOL */
void partition_complete(struct kg_partition *p, int code); /* the stream has ended */
void partition_detach(struct claim *claim);		   /* the claim goes: of either side */
int partition_route(struct kg_consumer *c); /* received frames to where they belong */
bool partition_receive_credit(struct kg_partition *p, uint64_t n_messages);
void partition_resume(struct kg_partition *p); /* it is paused no more */
void partition_push_error(struct kg_partition *p, const struct event *e, struct kgp_bytes text);

void partitions_end(struct kg_consumer *c, int code); /* the connection or the consumer has */
int partitions_init(struct kg_consumer *c);	      /* with the lock: 0 or -errno */
bool partitions_have_news(const struct kg_consumer *c);
void partitions_seen(struct kg_consumer *c); /* by the application's loop */
void partitions_deinit(struct kg_consumer *c);
int partitions_put_credit(struct kg_consumer *c);			  /* 0 or -ENOMEM */
bool partitions_answer(struct kg_consumer *c, const struct kgp_reply *m); /* false: not theirs */

/* Between the files of partitions. */
void partition_set_awake(struct kg_partition *p, bool awake);
void partition_tell_credit(struct kg_partition *p); /* grants it with the next send */

#endif
