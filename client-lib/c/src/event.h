/* SPDX-License-Identifier: MIT */
/* Events that wait for the application. See event.c. */
#ifndef KG_EVENT_H
#define KG_EVENT_H

#include "client-lib/c/include/kgroup.h"
#include "proto/buf.h"

#include <stdbool.h>
#include <sys/queue.h>

struct notice;

struct event {
	STAILQ_ENTRY(event) link;
	enum kg_event_type type;
	const char *topic;   /* not owned: lives as long as the consumer */
	const char *context; /* static */
	int32_t partition;
	uint32_t request, dwell_ms;
	int code;
	enum kg_state state;
	struct notice *notice; /* owned once it was pushed; NULL: none */
	char text[];
};

struct events {
	STAILQ_HEAD(, event) queue; /* owned */
	unsigned n, max;
	uint64_t n_lost;
	struct notice *told; /* owned: of the event that was taken last */
	bool fresh;	     /* something came that a sleeping application has not seen */
};

void events_init(struct events *es);
void events_deinit(struct events *es);

/* Copies what e and text say, and takes e->notice; the text is for code other than KG_OK. Never
 * fails: what finds no memory is counted. */
void events_push(struct events *es, const struct event *e, struct kgp_bytes text);

/* As many claims may come and go at once: none of their events is lost for that. */
void events_expect_claims(struct events *es, size_t n_claims);

int events_next(struct events *es, struct kg_event *event); /* 1: takes it out; 0: there is none */

#endif
