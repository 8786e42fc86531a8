/* SPDX-License-Identifier: MIT */
/* The turns of the conversation with the daemon. See session.c. */
#ifndef KG_SESSION_H
#define KG_SESSION_H

#include "client-lib/c/src/consumer.h"

/* What to do about a connection that a frame has ended. */
enum { SESSION_LOST = 1 };

/*
 * One turn: reconnects if it is time, sends, reads, looks at what came. Never blocks. patient: read
 * on although much is unread, because the caller waits for an answer behind it. 0, KG_ERR_MEMORY
 * (nothing is lost, try again), or why the connection cannot go on.
 */
int session_turn(struct kg_client *k, bool patient);
int session_turn_of(struct kg_consumer *c, bool patient); /* 0, KG_ERR_MEMORY, what ended it */

int session_send(
	struct kg_client *k); /* marks, requests, credit, and out with it: 0 or KG_ERR_MEMORY */
void session_lose(struct kg_client *k, const char *why);
void session_drop(struct kg_client *k);		    /* hangs up, without telling the consumer */
bool session_has_news(const struct kg_consumer *c); /* a turn would not be in vain */
bool session_has_work(const struct kg_client *k);   /* there is something to say */
uint64_t session_deadline_us(const struct kg_client *k);

/* Blocks until the socket has something, a timer of ours is due, or the deadline: 0 or -EINTR. */
int session_sleep(struct kg_client *k, uint64_t deadline_us);

/* A blocking call waits out a shortage of memory, as it waits for the daemon. */
void session_sleep_for_memory(struct kg_client *k);

/* Takes turns until the request is answered: its code, KG_ERR_TIMEOUT, _DISCONNECTED, or what ended
 * it. The text goes to error. */
int session_wait(struct kg_client *k, struct requests *rs, struct request *q,
		 struct kg_error *error);
int session_wait_of(struct kg_consumer *c, struct request *q);
uint64_t session_deadline_of(const struct kg_consumer *c, int timeout_ms); /* -1: request.timeout */

/* Whether a question about claims can be asked now: 0, KG_ERR_DISCONNECTED, KG_ERR_UNSUPPORTED. */
int session_check_claims(const struct kg_consumer *c, enum kgp_feature feature,
			 struct kg_error *error);

/* frames.c: one frame. 0, SESSION_LOST, KG_ERR_MEMORY (it stays), or why the connection cannot go
 * on. */
int frames_on_frame(struct kg_client *k, const struct frame *f, bool *keep);
int frames_put_hello(struct kg_client *k);  /* 0 or -ENOMEM */
int frames_put_open(struct kg_consumer *c); /* all that begins a consumer: 0 or -ENOMEM */

#endif
