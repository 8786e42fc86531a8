/* SPDX-License-Identifier: MIT */
/* A client's socket: bytes in, frames out, bounded. See connection.c; what frames mean: session.c.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "daemon/core/access.h"
#include "daemon/core/quota.h"
#include "daemon/kafka.h"
#include "daemon/query.h"
#include "proto/codec.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct consumer;
struct daemon;
struct evbuffer;
struct event;

struct connection {
	TAILQ_ENTRY(connection) link;	   /* of daemon->connections */
	TAILQ_ENTRY(connection) park_link; /* of daemon->parked */
	struct daemon *daemon;
	int fd, pid_fd; /* pid_fd -1: none */
	struct event *read_event, *write_event, *exit_event;
	struct event *timer; /* of the handshake; later of the farewell */
	struct evbuffer *in, *out;
	struct peer peer;
	struct quota_charge charge, big_charge, in_charge, out_charge;
	uint32_t features;	   /* bit i: the client named feature i */
	uint32_t max_frame;	   /* largest body that the client takes */
	char *name, *language;	   /* of HELLO; owned */
	struct consumer *consumer; /* owned; NULL: none */
	struct queries queries;	   /* owned; that wait for an answer */
	unsigned n_queries;
	uint64_t opened_us, last_progress_us; /* of its taking output */
	uint64_t asked;			      /* requests of this turn, see turn.c */
	int unheard;			      /* bytes of its last words */
	bool hello;			      /* HELLO came */
	bool big;			      /* a message larger than a batch is on its way */
	bool farewell;	 /* a fatal ERROR was sent: nothing is read, closed when it is out */
	bool held;	 /* see connection_hold() */
	bool parked;	 /* not read until its next turn, see turn.c */
	bool mute;	 /* the peer is gone: it is only listened to */
	bool last_words; /* it is heard to its end at once */
	bool refused;	 /* OPEN was refused: what was sent behind it is ignored until the next */
	bool dead;	 /* to be freed by its timer, at the next turn of the loop */
	const char *reason; /* of its end, for the log; static */
};

int connection_new(struct daemon *d, int fd); /* takes fd */
void connection_free(struct connection *c);

/* Sends never fail for the caller: a peer that cannot be sent to is on its way out. */
void connection_send(struct connection *c, enum kgp_type type, const void *message);
void connection_send_bytes(struct connection *c, const void *data, size_t size);
/* before, the message's value, after; takes the message's handle. 0; -EDQUOT: not now, nothing was
 * taken */
int connection_send_big(struct connection *c, const struct kgp_buf *before, struct kafka_message *m,
			const struct kgp_buf *after);
bool connection_has_room(const struct connection *c); /* for a batch */

void connection_fatal(struct connection *c, unsigned code, const char *context, const char *text);
void connection_drop(struct connection *c, const char *reason);
void connection_read_to_end(struct connection *c);
void connection_turn(struct connection *c); /* reads once, unless its user waits */
void connection_update_reading(struct connection *c);

/* A frame waits for an answer from Kafka: the frames behind it, and the end, wait too. */
void connection_hold(struct connection *c);
void connection_go_on(struct connection *c);
void connection_tick(struct connection *c);
size_t connection_get_pending_bytes(const struct connection *c);

/* session.c */
void session_on_frame(struct connection *c, const uint8_t *body, size_t size);
void session_reply(struct connection *c, uint32_t request, unsigned code, const char *text,
		   const struct kgp_buf *result);

#endif
