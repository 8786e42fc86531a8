/* SPDX-License-Identifier: MIT */
/* The process: what everything else hangs on. See daemon.c. */
#ifndef DAEMON_H
#define DAEMON_H

#include "daemon/config.h"
#include "daemon/core/quota.h"
#include "daemon/memory.h"
#include "daemon/service.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct cluster;
struct connection;
struct consumer;
struct group;
struct helper;
struct manager;
struct state_file;

TAILQ_HEAD(consumer_pump, consumer);
TAILQ_HEAD(patterns, pattern);

struct daemon {
	struct config *config;
	struct event_base *base;
	struct event *signals[4], *tick, *drain_timer, *pump_event, *watchdog;
	TAILQ_HEAD(, cluster) clusters;	      /* owned */
	TAILQ_HEAD(, group) groups;	      /* owned */
	TAILQ_HEAD(, connection) connections; /* owned */
	unsigned n_connections;
	TAILQ_HEAD(, connection) parked; /* of them: not read until their next turn, see turn.c */
	unsigned n_parked;
	uint64_t parked_due_us;
	struct event *parked_timer;
	struct consumer_pump pump; /* consumers that may have something to send */
	struct patterns matching;  /* being matched, see pattern.c */
	struct event *match_event;
	struct server *server;
	struct quota quota;
	struct state_file *state;
	uint64_t epoch; /* the last one given out */
	uint64_t start_us;
	uint64_t ticks;
	struct memory memory;
	bool draining, left, exiting; /* stopping; the groups were told; the loop ends */
	struct manager *manager;      /* owned; being asked, or asked, why we stop */
	bool is_told, leaves;	      /* it has answered; the place in the groups is given away */
	struct service service;
	int exit_status;
};

uint64_t now_us(void); /* CLOCK_MONOTONIC */

int daemon_open(struct daemon *d, struct config *config);
int daemon_run(struct daemon *d); /* exit status */
void daemon_close(struct daemon *d);

uint64_t daemon_next_epoch(struct daemon *d);
void daemon_pump(
	struct daemon *d); /* something may be sendable: the pump runs before the loop waits */
void daemon_retry_stalled(
	struct daemon *d);	    /* bytes were given back: who waits for them tries again */
void daemon_stop(struct daemon *d); /* first: drain; again: now */
void daemon_check_drained(struct daemon *d);
struct cluster *daemon_find_cluster(struct daemon *d,
				    const char *name); /* "": the only one, if there is but one */
struct group *daemon_find_group(struct daemon *d, const char *cluster, const char *name);
struct consumer *daemon_find_consumer(struct daemon *d, const uint8_t *id);

#endif
