/* SPDX-License-Identifier: MIT */
/* Messages from a group to a stream, each marked once it was written. See receiver.c. */
#ifndef CTL_RECEIVER_H
#define CTL_RECEIVER_H

#include <poll.h>
#include <stdint.h>

#include "client-lib/c/include/kgroup.h"
#include "client-lib/ctl/ends.h"
#include "client-lib/ctl/printer.h"
#include "client-lib/ctl/trouble.h"

struct receiver {
	struct kg_consumer *consumer; /* owned; NULL when not open */
	struct printer printer;
	FILE *out;
	bool mark;
	uint64_t n_left;	   /* messages to receive yet */
	uint64_t n_written;	   /* and marked, if mark */
	struct ends *ends;	   /* the owner's; NULL: not wanted */
	int64_t claims_changed_ms; /* CLOCK_MONOTONIC, of the last claim that came or went; 0: none
				    */
	void (*on_event)(void *context, const struct kg_event *event); /* may be NULL */
	void *context;
};

/* What libkgroup says, as a trouble; what: which attempt failed. Returns the error's number. */
int receiver_explain(const struct kg_error *error, const char *what, const char *socket_path,
		     struct trouble *t);

/*
 * Waits up to timeout_ms for messages, a signal (stop.h), or one of more; writes and marks what
 * came. 0; or an error of libkgroup, or -1 for stdout: t says it, but a reader that went (t->code
 * 0).
 */
int receiver_turn(struct receiver *r, struct pollfd *more, nfds_t n_more, int timeout_ms,
		  struct trouble *t);

/* Commits and disconnects. 0, or an error and t. Frees the consumer in any case. */
int receiver_close(struct receiver *r, struct trouble *t);

int64_t receiver_now_ms(void);

#endif
