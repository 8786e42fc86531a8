/* SPDX-License-Identifier: MIT */
/* A consumer group on a cluster: its consumers, its partitions, its membership. See group.c. */
#ifndef GROUP_H
#define GROUP_H

#include "daemon/config.h"
#include "daemon/core/access.h"
#include "daemon/core/agreement.h"
#include "daemon/hash.h"
#include "daemon/kafka.h"
#include "daemon/partition.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

enum { GROUP_MAX_TOPICS = 4096 };

struct cluster;
struct consumer;
struct daemon;
struct listing;

/* See membership.c for what leads from one to the other. */
enum group_state {
	GROUP_IDLE,	 /* no handle: nobody wants it */
	GROUP_JOINING,	 /* subscribed, waiting for the coordinator */
	GROUP_RESOLVING, /* assigned: committed offsets and log ends are asked for */
	GROUP_JOINED,	 /* messages flow */
	GROUP_REVOKING,	 /* claims are being released, then the final commit, then the answer */
	GROUP_CLOSING,	 /* the handle closes */
	GROUP_FREEING,	 /* the helper thread frees the handle */
	GROUP_BACKOFF,	 /* a fatal error: a new handle when the timer says */
};

/* A topic in the subscription, and since when no consumer of this host wants it. */
struct interest {
	TAILQ_ENTRY(interest) link;
	UT_hash_handle hh; /* of group->interest_table, by topic */
	char *topic;	   /* owned */
	bool wanted, was_wanted;
	bool gone;	   /* the cluster has it no more: unwanted, it goes at once */
	uint64_t error_us; /* when an error of it was last told; 0: never */
	uint64_t unwanted_since_us;
};

/* A mark that waits for its partition: of a RESUME, or of a release whose commit failed. */
struct resume {
	TAILQ_ENTRY(resume) link;
	char *topic, *metadata; /* owned; metadata NULL: none */
	size_t metadata_bytes;
	int32_t partition;
	uint64_t epoch;
	int64_t offset, committed;
	bool is_start; /* offset is where it would have started: nothing is committed of it yet */
	struct consumer *from; /* who said so; NULL: we remember it ourselves */
};

/* A request that is answered when the commit with this number has been. */
struct commit_waiter {
	TAILQ_ENTRY(commit_waiter) link;
	struct consumer *consumer;
	uint32_t request;
	bool closes; /* CLOSE instead of COMMIT */
	uint64_t number;
};

struct group {
	TAILQ_ENTRY(group) link;
	struct daemon *daemon;
	struct cluster *cluster;
	const struct config_group *config; /* owned only if dynamic */
	struct config_group *dynamic; /* owned: opened by a client, not in the file; NULL else */
	uid_t owner;		      /* of a dynamic group: its opener */
	struct access_rule access;
	struct agreement agreement;
	struct kgp_settings running; /* that the handle was made with */
	enum group_state state;
	struct kafka *kafka; /* owned; NULL while idle, freeing or in backoff */
	struct event *kafka_event, *commit_timer, *deadline, *stop_timer;
	TAILQ_HEAD(, consumer) consumers; /* by id; owned by their connections */
	unsigned n_consumers;
	TAILQ_HEAD(partitions, partition) partitions; /* owned; by topic and id */
	struct partition *partition_table;	      /* of them, by name */
	unsigned n_partitions;
	TAILQ_HEAD(, interest) interests; /* owned; the subscription */
	struct interest *interest_table;
	unsigned n_interests;
	struct listing *listing;      /* owned; NULL: no consumer has had a pattern */
	unsigned n_matching;	      /* patterns of consumers that are being matched */
	bool rematched;		      /* they found something else than before */
	TAILQ_HEAD(, resume) resumes; /* owned */
	bool subscribed;	      /* the handle knows the interests */
	bool cooperative;	      /* of the current assignment */
	bool leaving;		      /* the group is being left, or kept, on purpose */
	bool leave_for_good;	      /* give the partitions away */
	enum {
		OWES_NOTHING,
		OWES_ASSIGN,
		OWES_UNASSIGN
	} owes;		    /* an event of the group waits for our answer */
	bool closing;	    /* librdkafka closes the handle */
	bool close_started; /* what was marked is committed, partitions are gone */
	bool failed;	    /* a fatal error: the tick frees the handle */
	bool timed_out;	    /* the handle's session with the coordinator, once at least */
	char client_id[256];
	int64_t retry_ms;	 /* of BACKOFF; 0: none */
	uint64_t final_since_us; /* when the final commit began */
	bool lost;		 /* the partitions being revoked are lost: no commit */
	bool reassign;		 /* the whole assignment is told to librdkafka again */
	bool assigned;		 /* librdkafka has an assignment */
	uint64_t stopped_us;	 /* when it was last told to stop fetchers; 0: not yet */
	bool asked;		 /* a query of offsets or ends is under way */
	uint64_t resolving_since_us;
	uint64_t settle_until_us; /* no distribution before, unless all previous consumers are back
				   */
	unsigned n_settling;
	uint8_t (*settling)[KGP_ID_BYTES]; /* owned; ids that were here before the restart */
	struct {
		TAILQ_HEAD(, commit_waiter) waiters; /* owned */
		uint64_t started, finished;	     /* numbers of commits */
		uint64_t serial;		     /* of the last one sent to Kafka */
		uint64_t started_us;
		unsigned n_failures; /* in a row */
		bool in_flight, suspended, final_done;
		uint64_t suspended_us; /* since when */
	} commit;
	char error[512];		     /* the last one, for people; "" = none */
	char error_topic[KGP_MAX_TOPIC + 1]; /* that it belongs to; "": none */
	unsigned error_code;		     /* of it, while it lasts; 0: healed */
	uint64_t error_us;		     /* when it was last told */
	uint64_t error_seen_us;		     /* when it last came, told or not */
	uint64_t n_heals;		     /* of fetchers that stood still */
	uint64_t n_errors, n_rebalances, n_resets, n_commits, n_commits_failed;
	uint64_t n_redelivered; /* messages that a program of this host had been sent before */
	uint64_t joined_us;
};

int group_open(struct group **out, struct daemon *d, struct cluster *cluster,
	       const struct config_group *config, struct config_group *dynamic);
struct group *group_free(struct group *g); /* the handle is gone before */

const char *group_get_name(const struct group *g);
const char *group_get_state(const struct group *g, const char **text); /* as in STATE */
void group_add_partition(struct group *g, struct partition *p);
void group_remove_partition(struct group *g, struct partition *p); /* frees it */
struct partition *group_find_partition(const struct group *g, const char *topic, int32_t id);
struct consumer *group_find_consumer(const struct group *g, const uint8_t *id);
void group_set_state(struct group *g, enum group_state state); /* tells the consumers */
void group_on_error(struct group *g, unsigned code, const char *context, const char *topic,
		    int32_t partition, const char *format, ...)
	__attribute__((format(printf, 6, 7)));
void group_clear_error(struct group *g);
void group_tick(struct group *g);	   /* once a second */
bool group_is_over(const struct group *g); /* dynamic, idle and unused */

/* Consumers come and go. */
void group_attach(struct group *g, struct consumer *c);
void group_detach(struct group *g, struct consumer *c);
int group_add_resume(struct group *g, struct consumer *from, const char *topic, int32_t partition,
		     uint64_t epoch, int64_t offset, int64_t committed, struct kgp_bytes metadata);

void group_add_start(struct group *g, const char *topic, int32_t partition, int64_t offset);
void group_forget_resumes(struct group *g, struct consumer *from);
void group_drop_resume(struct group *g, struct resume *r);
void group_apply_resumes(struct group *g, struct partition *p); /* its committed offset is known */

/* distribute.c: gives partitions to consumers as the strategy says. */
void group_distribute(struct group *g);
void group_expect_consumers(struct group *g, uint8_t (*ids)[KGP_ID_BYTES], unsigned n);

void group_on_settled(struct group *g, const struct consumer *c);

/* stall.c: partitions that deliver nothing. */
void group_heal_stalls(struct group *g);

/* interest.c: what is subscribed to. */
bool group_has_patterns(const struct group *g); /* a consumer's topics may become more */
bool group_is_wanted(const struct group *g);	/* somebody needs its handle */
void group_update_interests(struct group *g);
void group_note_wanted(struct group *g);
void group_drop_interest(struct group *g, struct interest *i);
struct interest *group_find_interest(const struct group *g, const char *topic);
int group_add_interest(struct group *g, const char *topic, bool wanted);
size_t group_get_topics(const struct group *g, const char **topics, size_t max);

/* membership.c: joining, rebalances, leaving. */
int membership_open(struct group *g);
void membership_close(struct group *g);
void membership_want(struct group *g);	  /* somebody wants the group */
void membership_advance(struct group *g); /* does what the state allows now */
void membership_leave(struct group *g, bool for_good);
void membership_tick(struct group *g);
void membership_abandon(struct group *g); /* the process ends: the handle goes without waiting */
void membership_on_range_error(struct partition *p);
bool membership_is_over(const struct group *g); /* no handle, and none being freed */

/* resolve.c: where an assigned partition starts. */
void resolve_start(struct group *g);
void resolve_again(struct group *g); /* what has failed so far */
bool resolve_is_over(const struct group *g);
void resolve_range_error(struct partition *p);
void resolve_refresh_ends(struct group *g); /* of partitions that nobody reads */

/* commit.c: one commit in flight. */
void commit_start(struct group *g); /* if something changed and none is in flight */
void commit_on_result(void *owner, const char *error, enum kafka_error_class class,
		      const struct kafka_tp *list, size_t n, uint64_t number);
int commit_wait(struct group *g, struct consumer *c, uint32_t request, bool closes);
void commit_forget(struct group *g, struct consumer *c);
bool commit_is_idle(const struct group *g); /* nothing in flight */
void commit_fail_waiters(struct group *g, unsigned code, const char *text);
void commit_tick(struct group *g);
void commit_give_up(struct group *g);
void commit_on_timer(evutil_socket_t fd, short what, void *arg);

/* delivery.c */
bool delivery_turn(struct consumer *c); /* sends of one claim; false: nothing more for now */

#endif
