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
 * (nothing is lost, try again), or what ended the consumer.
 */
int session_turn(struct kg_consumer *c, bool patient);

int session_send(
	struct kg_consumer *c); /* marks, requests, credit, and out with it: 0 or KG_ERR_MEMORY */
void session_lose(struct kg_consumer *c, const char *why);
bool session_has_news(const struct kg_consumer *c); /* a turn would not be in vain */
uint64_t session_deadline_us(const struct kg_consumer *c);

/* Blocks until the socket has something, a timer of ours is due, or the deadline: 0 or -EINTR. */
int session_sleep(const struct kg_consumer *c, uint64_t deadline_us);

/* Takes turns until the request is answered: its code, KG_ERR_TIMEOUT, _DISCONNECTED, or what ended
 * us. */
int session_wait(struct kg_consumer *c, struct request *q);

/* frames.c: one frame. 0, SESSION_LOST, KG_ERR_MEMORY (it stays), or the error that ends the
 * consumer. */
int frames_on_frame(struct kg_consumer *c, const struct frame *f, bool *keep);
int frames_put_hello(struct kg_consumer *c); /* 0 or -ENOMEM */

#endif
