/* SPDX-License-Identifier: MIT */
/*
 * A client's connection: a socket, bytes in both directions, and their bounds.
 *
 * Owns the descriptor, the two buffers, the kernel's word on who the peer is, and the consumer that
 * the peer became. In: at most one frame of the limit is kept. Out: control frames always fit a
 * bound that no honest client reaches; batches are made only while connection_has_room(); one
 * message larger than a batch at a time, by reference. A peer that breaks the protocol is told why
 * and closed; a peer that takes nothing of a large message for 30 s is closed. The end of the
 * process is the end of the connection, even when a forked child still holds the socket. Freed only
 * by its own timer, so that nobody up the stack loses it.
 */
#include "daemon/connection.h"

#include "daemon/consumer.h"
#include "daemon/daemon.h"
#include "daemon/log.h"
#include "daemon/peer.h"
#include "daemon/server.h"
#include "daemon/turn.h"
#include "proto/frame.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	READ_BYTES = 65536,
	ACCEPT_REQUESTS = 20, /* what a connection costs that comes and goes */
	FATAL_REQUESTS = 50,  /* a line of the log */
	SEND_BYTES = 1 << 20,
	CONTROL_BYTES =
		1 << 20, /* beyond the limit for batches: more means the peer does not read */
	SLOW_READER_US = 30000000,
	FAREWELL_MS = 1000, /* to take the last frame */
};

static void set_timer(struct connection *c, uint32_t ms)
{
	struct timeval tv = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};

	evtimer_add(c->timer, &tv);
}

static void log_end(const struct connection *c)
{
	log_write(LOG_DEBUG, LOG_ABOUT(.peer = &c->peer),
		  "client %s (pid %d, uid %u) disconnected: %s",
		  c->name ? c->name : "without hello", c->peer.pid, c->peer.uid,
		  c->reason ? c->reason : "end of connection");
}

/* Its claims go to others: that takes time, which is its user's. */
static void end_consumer(struct connection *c)
{
	uint64_t start_us = turn_clock_us();

	c->consumer = consumer_free(c->consumer);
	quota_ask(&c->charge, turn_clock_us() - start_us, now_us());
}

static void release_charges(struct connection *c)
{
	quota_release(&c->big_charge);
	quota_release(&c->in_charge);
	quota_release(&c->out_charge);
	quota_release(&c->charge);
}

void connection_free(struct connection *c)
{
	struct daemon *d = c ? c->daemon : NULL;

	if (!c)
		return;
	c->dead = true;
	log_end(c);
	query_forget_all(c);
	end_consumer(c);
	turn_forget(c);
	TAILQ_REMOVE(&c->daemon->connections, c, link);
	c->daemon->n_connections--;
	release_charges(c);
	event_free(c->read_event);
	event_free(c->write_event);
	event_free(c->timer);
	if (c->exit_event)
		event_free(c->exit_event);
	evbuffer_free(c->in);
	evbuffer_free(c->out);
	if (c->pid_fd >= 0)
		close(c->pid_fd);
	close(c->fd);
	peer_deinit(&c->peer);
	free(c->name);
	free(c->language);
	free(c);
	server_go_on(d->server);
}

void connection_drop(struct connection *c, const char *reason)
{
	if (c->dead)
		return;
	c->dead = true;
	c->reason = c->reason ? c->reason : reason;
	event_del(c->read_event);
	event_del(c->write_event);
	event_active(c->timer, EV_TIMEOUT, 0);
}

static void drop_slow_reader(struct connection *c, const char *reason)
{
	log_write(LOG_WARNING, LOG_ABOUT(.peer = &c->peer, .code = KGP_E_SLOW_READER),
		  "client %s (pid %d, uid %u): KG-%04u %s", c->name, c->peer.pid, c->peer.uid,
		  KGP_E_SLOW_READER, reason);
	connection_drop(c, reason);
}

static uint64_t user_share(const struct connection *c)
{
	return c->daemon->quota.limit_per_user[QUOTA_BUFFERS];
}

/* ---- out ------------------------------------------------------------------------------------- */

size_t connection_get_pending_bytes(const struct connection *c)
{
	return evbuffer_get_length(c->out);
}

/* Half of what one connection may hold, and of what all of its user's may: the rest is for control
 * frames. Who holds nothing has room whatever the others of its user do. */
bool connection_has_room(const struct connection *c)
{
	size_t pending = evbuffer_get_length(c->out);

	if (c->dead || c->farewell || c->mute || c->big)
		return false;
	return !pending || (pending < c->daemon->config->output_limit_bytes / 2 &&
			    quota_left(&c->out_charge) > user_share(c) / 2);
}

/* A large message has a charge of its own. */
static void count_pending(struct connection *c)
{
	size_t pending = evbuffer_get_length(c->out);

	quota_resize(&c->out_charge,
		     pending > c->big_charge.amount ? pending - c->big_charge.amount : 0);
}

/* More than a peer that reads would ever leave unread. */
static bool is_too_much(const struct connection *c)
{
	size_t pending = evbuffer_get_length(c->out);

	if (pending > c->daemon->config->output_limit_bytes + CONTROL_BYTES + c->big_charge.amount)
		return true;
	return pending > READ_BYTES && !quota_left(&c->out_charge);
}

static void on_drained(struct connection *c)
{
	event_del(c->write_event);
	if (c->farewell) {
		connection_drop(c, NULL);
		return;
	}
	if (c->big) {
		c->big = false;
		quota_release(&c->big_charge);
		daemon_retry_stalled(c->daemon);
	}
	if (c->consumer)
		consumer_wake(c->consumer);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;
	bool had_room = connection_has_room(c);
	int n = evbuffer_write(c->out, c->fd);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		connection_drop(c, strerror(errno));
		return;
	}
	if (n > 0)
		c->last_progress_us = now_us();
	count_pending(c);
	if (!evbuffer_get_length(c->out))
		on_drained(c);
	else if (!had_room && c->consumer)
		consumer_wake(c->consumer);
}

static void start_writing(struct connection *c)
{
	if (event_pending(c->write_event, EV_WRITE, NULL))
		return;
	c->last_progress_us = now_us();
	event_add(c->write_event, NULL);
}

/* Straight to the socket while nothing waits; what it does not take is copied and waits. */
void connection_send_bytes(struct connection *c, const void *data, size_t size)
{
	ssize_t n = 0;

	if (c->dead || c->farewell || c->mute)
		return;
	if (!evbuffer_get_length(c->out)) {
		do
			n = send(c->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		while (n < 0 && errno == EINTR);
		if (n < 0 && errno != EAGAIN) {
			connection_drop(c, strerror(errno));
			return;
		}
		n = n < 0 ? 0 : n;
	}
	if ((size_t)n == size)
		return;
	if (is_too_much(c)) {
		drop_slow_reader(c, "slow reader: it sends requests but does not read the answers");
		return;
	}
	if (evbuffer_add(c->out, (const uint8_t *)data + n, size - (size_t)n))
		connection_drop(c, "no memory");
	else
		start_writing(c);
	count_pending(c);
}

void connection_send(struct connection *c, enum kgp_type type, const void *message)
{
	static struct kgp_buf frame; /* memory is kept */

	if (c->dead || c->farewell || c->mute)
		return;
	kgp_buf_reset(&frame);
	kgp_encode(&frame, type, message);
	if (frame.failed)
		connection_drop(c, "no memory");
	else
		connection_send_bytes(c, frame.data, frame.len);
}

static void on_value_sent(const void *data, size_t size, void *arg)
{
	struct kafka_message m = {.handle = arg};

	kafka_message_deinit(&m);
}

int connection_send_big(struct connection *c, const struct kgp_buf *before, struct kafka_message *m,
			const struct kgp_buf *after)
{
	uint64_t size = m->record.key.size + m->record.value.size + after->len;

	if (quota_charge(&c->big_charge, &c->daemon->quota, c->peer.uid, QUOTA_BYTES, size))
		return -EDQUOT;
	c->big = true;
	if (evbuffer_add(c->out, before->data, before->len) ||
	    evbuffer_add_reference(c->out, m->record.value.data, m->record.value.size,
				   on_value_sent, m->handle)) {
		kafka_message_deinit(m);
		connection_drop(c, "no memory");
		return 0;
	}
	m->handle = NULL; /* the buffer's now */
	if (evbuffer_add(c->out, after->data, after->len))
		connection_drop(c, "no memory");
	else
		start_writing(c);
	return 0;
}

void connection_fatal(struct connection *c, unsigned code, const char *context, const char *text)
{
	if (c->dead || c->farewell || c->mute)
		return;
	c->reason = kgp_error_name(code);
	c->asked += FATAL_REQUESTS;
	log_write(LOG_WARNING, LOG_ABOUT(.peer = &c->peer, .code = code),
		  "client %s (pid %d, uid %u): KG-%04u %s: %s", c->name ? c->name : "without hello",
		  c->peer.pid, c->peer.uid, code, kgp_error_name(code), text);
	connection_send(c, KGP_T_error,
			&(struct kgp_error){
				.code = code,
				.fatal = true,
				.context = kgp_text(context),
				.partition = -1,
				.text = kgp_text_for_peer(text),
			});
	if (c->dead)
		return;
	c->farewell = true;
	event_del(c->read_event);
	if (!evbuffer_get_length(c->out))
		connection_drop(c, NULL);
	else
		set_timer(c, FAREWELL_MS);
}

/* ---- in -------------------------------------------------------------------------------------- */

static bool is_ending(const struct connection *c)
{
	return c->dead || c->farewell;
}

void connection_update_reading(struct connection *c)
{
	if (is_ending(c) || c->held || c->parked)
		event_del(c->read_event);
	else
		event_add(c->read_event, NULL);
}

/* The whole frames in the buffer, until the turn is over. */
static void cut_frames(struct connection *c)
{
	uint8_t header[KGP_FRAME_HEADER];
	const uint8_t *frame;
	uint32_t size;
	ssize_t n;
	int r;

	while (!is_ending(c) && !c->held && !turn_is_over(c)) {
		n = evbuffer_copyout(c->in, header, sizeof(header));
		r = n > 0 ? kgp_frame_peek(header, (size_t)n, KGP_FRAME_MAX_CLIENT, &size)
			  : KGP_FRAME_PARTIAL;
		if (r < 0) {
			connection_fatal(c, (unsigned)-r, "protocol", kgp_error_text((unsigned)-r));
			return;
		}
		if (n < (ssize_t)sizeof(header) ||
		    evbuffer_get_length(c->in) < KGP_FRAME_HEADER + size)
			return;
		frame = evbuffer_pullup(c->in, (ssize_t)(KGP_FRAME_HEADER + size));
		if (!frame) {
			connection_drop(c, "no memory");
			return;
		}
		session_on_frame(c, frame + KGP_FRAME_HEADER, size);
		evbuffer_drain(c->in, KGP_FRAME_HEADER + size);
	}
}

void connection_hold(struct connection *c)
{
	c->held = true;
	connection_update_reading(c);
}

void connection_go_on(struct connection *c)
{
	c->held = false;
	if (c->dead)
		event_active(c->timer, EV_TIMEOUT, 0);
	else if (!c->farewell)
		turn_park(c); /* what waited behind the frame comes with its next turn */
}

/* What is left of it. A user's connections together may not hold more half frames than its share;
 * short ones always fit. */
static void count_received(struct connection *c)
{
	size_t size = evbuffer_get_length(c->in);
	bool fits = size <= READ_BYTES || !quota_fits(&c->in_charge, size);

	quota_resize(&c->in_charge, size);
	if (!fits && !is_ending(c) && !c->last_words)
		connection_fatal(c, KGP_E_QUOTA, "protocol",
				 "this user's connections have sent too many halves of frames");
}

/* Reads once; how much, 0: there is no more for now. To read and not have a whole frame is a
 * request too: else a byte at a time would be free. */
static int read_some(struct connection *c)
{
	int n = evbuffer_read(c->in, c->fd, READ_BYTES);
	uint64_t asked = c->asked;

	if (n > 0) {
		cut_frames(c);
		c->asked += c->asked == asked;
		count_received(c);
		return n;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	connection_drop(c, n ? strerror(errno) : "end of connection");
	return 0;
}

void connection_turn(struct connection *c)
{
	if (c->dead) /* its last words go on */
		event_active(c->timer, EV_TIMEOUT, 0);
	if (is_ending(c) || c->held || !turn_begin(c))
		return;
	cut_frames(c); /* what waited behind a held frame, or for this turn */
	if (!is_ending(c) && !c->held && !turn_is_over(c))
		read_some(c);
	else
		count_received(c);
	turn_end(c);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	connection_turn(arg);
}

/* Who goes on writing for ever is not heard for ever. */
static int count_unread(const struct connection *c)
{
	int n = 0;

	return ioctl(c->fd, FIONREAD, &n) ? (int)KGP_FRAME_MAX_CLIENT : n;
}

/* So much of what is unread, or a turn of it. */
static void hear(struct connection *c, int *unheard)
{
	int n;

	cut_frames(c);
	while (*unheard > 0 && !is_ending(c) && !c->held && !turn_is_over(c)) {
		n = read_some(c);
		*unheard = n ? *unheard - n : 0;
	}
	turn_end(c);
}

void connection_read_to_end(struct connection *c)
{
	int unheard = count_unread(c);
	bool dead = c->dead; /* and may have more to say, in turns that are over now */

	c->last_words = true;
	c->mute |= dead;
	c->dead = false;
	hear(c, &unheard);
	c->dead |= dead;
}

static void on_exit_of_process(evutil_socket_t fd, short what, void *arg)
{
	connection_drop(arg, "its process exited");
}

/* What it said before it went still counts, marks above all, and in turns as before: processes that
 * only come, ask and die are one user's as well. false: not yet all. */
static bool hear_last_words(struct connection *c)
{
	if (c->farewell || c->held)
		return true;
	if (!c->mute)
		c->unheard = count_unread(c);
	c->mute = true;
	if (!turn_begin(c))
		return false;
	c->dead = false;
	hear(c, &c->unheard);
	c->dead = true;
	return !c->parked;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;

	if (is_ending(c)) {
		if (hear_last_words(c) && (!c->held || c->farewell))
			connection_free(c);
	} else if (!c->hello && c->parked) {
		set_timer(c, c->daemon->config->handshake_timeout_ms); /* we did not read it */
	} else if (!c->hello) {
		connection_fatal(c, KGP_E_HANDSHAKE, "protocol", kgp_error_text(KGP_E_HANDSHAKE));
	}
}

void connection_tick(struct connection *c)
{
	query_tick(c);
	if (c->big && now_us() - c->last_progress_us > SLOW_READER_US)
		drop_slow_reader(c, "slow reader: it took nothing of a large message for 30 s");
}

/* ---- accept ---------------------------------------------------------------------------------- */

/* As much as the kernel gives: a batch should not need two writes. */
static void widen(int fd)
{
	int bytes = SEND_BYTES;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static int add_events(struct connection *c)
{
	struct event_base *base = c->daemon->base;

	c->in = evbuffer_new();
	c->out = evbuffer_new();
	c->read_event = event_new(base, c->fd, EV_READ | EV_PERSIST, on_readable, c);
	c->write_event = event_new(base, c->fd, EV_WRITE | EV_PERSIST, on_writable, c);
	c->timer = evtimer_new(base, on_timer, c);
	if (!c->in || !c->out || !c->read_event || !c->write_event || !c->timer)
		return -ENOMEM;
	if (c->pid_fd >= 0)
		c->exit_event = event_new(base, c->pid_fd, EV_READ, on_exit_of_process, c);
	if (c->exit_event)
		event_add(c->exit_event, NULL);
	event_add(c->read_event, NULL);
	set_timer(c, c->daemon->config->handshake_timeout_ms);
	return 0;
}

/* Who is refused at the door is told why, if its socket takes it at once. */
static void refuse(int fd, unsigned code)
{
	struct kgp_buf frame = {0};
	ssize_t ignored;

	kgp_encode(&frame, KGP_T_error,
		   &(struct kgp_error){
			   .code = code,
			   .fatal = true,
			   .context = kgp_text("protocol"),
			   .partition = -1,
			   .text = kgp_text(kgp_error_text(code)),
		   });
	if (!frame.failed) {
		ignored = send(fd, frame.data, frame.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		(void)ignored;
	}
	kgp_buf_deinit(&frame);
}

/* Undoes what there is of a connection that was never listed. */
static void abandon(struct connection *c)
{
	if (!c)
		return;
	release_charges(c);
	if (c->read_event)
		event_free(c->read_event);
	if (c->write_event)
		event_free(c->write_event);
	if (c->timer)
		event_free(c->timer);
	if (c->in)
		evbuffer_free(c->in);
	if (c->out)
		evbuffer_free(c->out);
	if (c->pid_fd >= 0)
		close(c->pid_fd);
	peer_deinit(&c->peer);
	free(c);
}

static int charge(struct connection *c, struct quota *q)
{
	int r = quota_charge(&c->charge, q, c->peer.uid, QUOTA_CONNECTIONS, 1);

	if (!r)
		r = quota_open(&c->in_charge, q, c->peer.uid, QUOTA_BUFFERS);
	if (!r)
		r = quota_open(&c->out_charge, q, c->peer.uid, QUOTA_BUFFERS);
	return r;
}

int connection_new(struct daemon *d, int fd)
{
	struct connection *c = calloc(1, sizeof(*c));
	int r = -ENOMEM;

	if (c) {
		*c = (struct connection){
			.daemon = d, .fd = fd, .pid_fd = -1, .opened_us = now_us()};
		TAILQ_INIT(&c->queries);
		widen(fd);
		r = peer_read(&c->peer, fd, &c->pid_fd);
	}
	if (!r)
		r = charge(c, &d->quota);
	if (!r)
		r = add_events(c);
	if (r) {
		refuse(fd, r == -EDQUOT ? KGP_E_QUOTA : KGP_E_MEMORY);
		abandon(c);
		close(fd);
		return r;
	}
	TAILQ_INSERT_TAIL(&d->connections, c, link);
	d->n_connections++;
	quota_ask(&c->charge, ACCEPT_REQUESTS, now_us());
	return 0;
}
