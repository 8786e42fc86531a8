/* SPDX-License-Identifier: MIT */
/* A connection in the hands of several threads. See sharing.c. */
#ifndef KG_SHARING_H
#define KG_SHARING_H

#include "client-lib/c/include/kgroup.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct kg_client;

/* A thread that sleeps in a call; on its stack. */
struct waiter {
	TAILQ_ENTRY(waiter) link;
	struct kg_partition *partition; /* what it waits for; NULL: an answer, or anything new */
	pthread_cond_t cond;
	bool woken;
};

struct sharing {
	pthread_mutex_t mutex;

	/* who sleeps */
	TAILQ_HEAD(, waiter) followers;
	struct waiter *leader; /* is in poll(2) for all; NULL: nobody */
	struct waiter *heir;   /* was woken to lead and has not run yet */
	uint64_t leader_until_us;
	int nudge_fd; /* owned; wakes the leader */
	bool nudged;  /* to send within 10 ms what was marked */

	/* a loop of the application's own, beside the threads */
	int loop_fd; /* owned; what it polls: the connection's descriptor and news_fd */
	int news_fd; /* owned; readable while told_news */
	bool told_news;
	bool has_loop; /* kg_consumer_process() was called: by the thread loop_thread */
	pthread_t loop_thread;
	uint64_t loop_until_us; /* what the loop was told last */

	struct kg_error error; /* the client's, as it was told */
};

int sharing_init(struct kg_client *k);	  /* once is enough: 0 or -errno */
void sharing_deinit(struct kg_client *k); /* nobody uses the client any more */

/* In a forked child: a thread was inside, so nothing but descriptors is sure to be whole. */
bool sharing_is_torn(const struct kg_client *k);
void sharing_abandon(struct kg_client *k); /* closes the descriptors */

/*
 * Every public call begins with CONSUMER_LOCK(c) or CLIENT_LOCK(k), before it looks at anything.
 * Without partitions mode that does nothing, in a forked child nothing either: there every call
 * says so and goes.
 */
struct kg_client *sharing_lock(struct kg_client *k);
struct kg_client *sharing_lock_of(struct kg_consumer *c);
void sharing_unlock(struct kg_client **k);

#define SHARING_LOCK(call)                                                                         \
	__attribute__((cleanup(sharing_unlock), unused)) struct kg_client *locked = (call)

#define CLIENT_LOCK(k)	 SHARING_LOCK(sharing_lock((struct kg_client *)(uintptr_t)(k)))
#define CONSUMER_LOCK(c) SHARING_LOCK(sharing_lock_of((struct kg_consumer *)(uintptr_t)(c)))

/*
 * Sleeps until something came for the partition (NULL: anything but messages), the socket has
 * something that this thread is to read, or the deadline: 0 or -EINTR. Lets go of the lock
 * meanwhile.
 */
int sharing_sleep(struct kg_client *k, struct kg_partition *p, uint64_t deadline_us);
void sharing_rest(struct kg_client *k, int ms); /* sleeps, whatever comes */

void sharing_wake(struct kg_client *k, const struct kg_partition *p); /* who waits for it */
void sharing_wake_all(struct kg_client *k);
bool sharing_is_led(const struct kg_client *k); /* somebody sees to the socket */

/* The application's own loop has called process(): it will look now. */
void sharing_processed(struct kg_client *k);

#endif
