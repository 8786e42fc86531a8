/* SPDX-License-Identifier: MIT */
/*
 * A small client of the protocol that only asks.
 *
 * Why not libkgroup: it is a consumer's library, and a tool that looks at a sick daemon must need
 * as little as possible of it. One connection, HELLO, then questions one after the other, each with
 * a deadline on the monotonic clock. Whatever the daemon sends that is no answer to us is skipped,
 * but for an ERROR. Signals end a wait in no way; the deadline does. Owns the descriptor and the
 * input buffer; results are the caller's.
 */
#include "client-lib/ctl/query.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "client-lib/ctl/reach.h"
#include "client-lib/ctl/value.h"
#include "proto/frame.h"

enum { READ_BYTES = 64 << 10, RETRY_MS = 20 };

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int wait_for(struct query *q, short events)
{
	struct pollfd p = {.fd = q->fd, .events = events};

	for (;;) {
		int64_t left_us = q->deadline_us - now_us();
		int n;

		if (left_us <= 0)
			return -ETIMEDOUT;
		n = poll(&p, 1, (int)(left_us / 1000) + 1);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

/* EAGAIN: the daemon's queue of connections is full; there is nothing to poll for then. */
static int connect_socket(struct query *q)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timespec pause = {.tv_nsec = RETRY_MS * 1000000};

	if (strlen(q->socket_path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, q->socket_path);
	q->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (q->fd < 0)
		return -errno;
	while (connect(q->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (now_us() >= q->deadline_us)
			return -EAGAIN;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int send_all(struct query *q, const struct kgp_buf *b)
{
	size_t sent = 0;
	int r = b->failed ? -ENOMEM : 0;

	while (r == 0 && sent < b->len) {
		ssize_t n = send(q->fd, b->data + sent, b->len - sent, MSG_NOSIGNAL);

		if (n >= 0)
			sent += (size_t)n;
		else if (errno == EAGAIN)
			r = wait_for(q, POLLOUT);
		else if (errno != EINTR)
			r = -errno;
	}
	return r;
}

static int send_message(struct query *q, enum kgp_type type, const void *message)
{
	struct kgp_buf b = {0};
	int r;

	kgp_encode(&b, type, message);
	r = send_all(q, &b);
	kgp_buf_deinit(&b);
	return r;
}

/* One read; what is there already stays in front. */
static int read_more(struct query *q)
{
	ssize_t n;
	int r = wait_for(q, POLLIN);

	if (r < 0)
		return r;
	if (!kgp_buf_reserve(&q->in, READ_BYTES))
		return -ENOMEM;
	n = recv(q->fd, q->in.data + q->in.len, READ_BYTES, 0);
	if (n == 0)
		return -ECONNRESET;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	q->in.len += (size_t)n;
	return 0;
}

static void forget_frame(struct query *q)
{
	q->in.len -= q->consumed_bytes;
	if (q->in.len)
		memmove(q->in.data, q->in.data + q->consumed_bytes, q->in.len);
	q->consumed_bytes = 0;
}

/* The next message of the daemon; body points into the buffer until the next call. */
static int next_message(struct query *q, const struct kgp_info **info, union kgp_body *body)
{
	uint32_t body_bytes = 0;
	int r;

	forget_frame(q);
	for (;;) {
		r = kgp_frame_peek(q->in.data, q->in.len, KGP_FRAME_MAX_DAEMON, &body_bytes);
		if (r < 0)
			return -EBADMSG;
		if (r == KGP_FRAME_COMPLETE)
			break;
		r = read_more(q);
		if (r < 0)
			return r;
	}
	q->consumed_bytes = KGP_FRAME_HEADER + body_bytes;
	r = kgp_decode(q->in.data + KGP_FRAME_HEADER, body_bytes, KGP_DAEMON, info, body);
	if (r == KGP_IGNORE)
		return next_message(q, info, body);
	return r < 0 ? -EBADMSG : 0;
}

static void say_text(struct trouble *t, unsigned code, const char *what, struct kgp_bytes text)
{
	trouble_set(t, code, "%s", what);
	if (text.size)
		trouble_set_why(t, "%.*s", (int)text.size, (const char *)text.data);
}

/* The first message of that type; an ERROR ends the wait. */
static int await(struct query *q, enum kgp_type type, union kgp_body *body, struct trouble *t)
{
	const struct kgp_info *info;
	int r;

	do {
		r = next_message(q, &info, body);
		if (r < 0)
			return r;
		if (info->type == KGP_T_error && body->error.fatal) {
			say_text(t, (unsigned)body->error.code, "the daemon closed the connection",
				 body->error.text);
			return -EPROTO;
		}
	} while (info->type != type);
	return 0;
}

/* What an errno means here; -EPROTO has been told already. */
static int fail(const struct query *q, int r, struct trouble *t)
{
	switch (r) {
	case -EPROTO:
		break;
	case -EBADMSG:
		trouble_set(t, TROUBLE_PROTOCOL, "the answer from %s is not of this protocol",
			    q->socket_path);
		break;
	case -ENOMEM:
		trouble_set(t, TROUBLE_MEMORY, "out of memory");
		break;
	case -ECONNRESET:
	case -EPIPE:
		trouble_set(t, TROUBLE_DISCONNECTED, "the daemon closed the connection at %s",
			    q->socket_path);
		break;
	case -ETIMEDOUT:
		trouble_set(t, KGP_E_TIMEOUT, "the daemon at %s gave no answer within %d ms",
			    q->socket_path, q->timeout_ms);
		trouble_set_why(t, "it accepted the connection and then said nothing");
		trouble_set_how(t, "systemctl status kgroupd; journalctl -u kgroupd -n 50; "
				   "or a longer --timeout");
		break;
	default:
		trouble_set(t, TROUBLE_SYSTEM, "talking to %s failed", q->socket_path);
		trouble_set_why(t, "%s", strerror(-r));
	}
	return r;
}

static void copy_text(char *out, struct kgp_bytes text)
{
	memcpy(out, text.data, text.size);
	out[text.size] = '\0';
}

static int greet(struct query *q, struct trouble *t)
{
	static const struct kgp_name features[] = {{{"query", 5}}};
	static const struct kgp_number versions[] = {{KGP_VERSION}};
	struct kgp_hello hello = {.versions = {.items = versions, .n = 1},
				  .features = {.items = features, .n = 1},
				  .name = kgp_text("kgroupctl"),
				  .language = kgp_text("kgroupctl/" CTL_VERSION),
				  .max_frame = KGP_FRAME_MAX_DAEMON};
	union kgp_body body;
	struct kgp_name name;
	int r = send_message(q, KGP_T_hello, &hello);

	if (r == 0)
		r = await(q, KGP_T_welcome, &body, t);
	if (r < 0)
		return r;
	q->version = body.welcome.version;
	copy_text(q->daemon_name, body.welcome.name);
	copy_text(q->software, body.welcome.software);
	while (kgp_next_name(&body.welcome.features, &name))
		q->has_query |= kgp_bytes_equal(name.value, features[0].value);
	return 0;
}

int query_open(struct query *q, const char *socket_path, int timeout_ms, struct trouble *t)
{
	int r;

	*q = (struct query){.socket_path = socket_path, .fd = -1, .timeout_ms = timeout_ms};
	q->deadline_us = now_us() + (int64_t)timeout_ms * 1000;
	r = connect_socket(q);
	if (r < 0) {
		reach_explain(socket_path, -r, t);
	} else {
		r = greet(q, t);
		if (r < 0)
			fail(q, r, t);
	}
	if (r < 0)
		query_close(q);
	return r;
}

static int take_result(struct query *q, uint32_t request, json_t **result, struct trouble *t)
{
	union kgp_body body;
	int r;

	do {
		r = await(q, KGP_T_reply, &body, t);
	} while (r == 0 && body.reply.request != request);
	if (r < 0)
		return r;
	if (body.reply.code) {
		say_text(t, (unsigned)body.reply.code, "the daemon did not answer the question",
			 body.reply.text);
		return -EPROTO;
	}
	return value_from_wire(&body.reply.result, result);
}

void query_put_text(struct query_arguments *a, const char *name, const char *text)
{
	if (!text)
		return;
	kgp_put_str(&a->wire, kgp_text(name));
	kgp_put_str(&a->wire, kgp_text(text));
	a->n++;
}

void query_put_number(struct query_arguments *a, const char *name, int64_t number)
{
	kgp_put_str(&a->wire, kgp_text(name));
	kgp_put_int(&a->wire, number);
	a->n++;
}

static int ask(struct query *q, const char *what, const struct query_arguments *a, json_t **result,
	       struct trouble *t)
{
	struct kgp_query query = {
		.request = ++q->last_request,
		.what = kgp_text(what),
		.arguments = {.wire = a->wire.data, .wire_bytes = a->wire.len, .n = a->n},
	};
	int r = a->wire.failed ? -ENOMEM : send_message(q, KGP_T_query, &query);

	return r < 0 ? r : take_result(q, query.request, result, t);
}

int query_ask_with(struct query *q, const char *what, struct query_arguments *a, json_t **result,
		   struct trouble *t)
{
	int r = -EPROTO;

	q->deadline_us = now_us() + (int64_t)q->timeout_ms * 1000;
	if (!q->has_query)
		trouble_set(t, KGP_E_UNSUPPORTED, "%s answers no questions", q->software);
	else
		r = ask(q, what, a, result, t);
	kgp_buf_deinit(&a->wire);
	*a = (struct query_arguments){0};
	return r < 0 ? fail(q, r, t) : 0;
}

int query_ask(struct query *q, const char *what, const char *group, json_t **result,
	      struct trouble *t)
{
	struct query_arguments a = {0};

	query_put_text(&a, "group", group);
	return query_ask_with(q, what, &a, result, t);
}

void query_close(struct query *q)
{
	if (q->fd >= 0)
		close(q->fd);
	q->fd = -1;
	kgp_buf_deinit(&q->in);
}

int query_once(const struct ctl *ctl, const char *what, const char *group, json_t **result,
	       struct trouble *t)
{
	struct query q;
	int r = query_open(&q, ctl->socket_path, ctl->timeout_ms, t);

	if (r == 0)
		r = query_ask(&q, what, group, result, t);
	if (r == 0 || q.fd >= 0)
		query_close(&q);
	return r;
}
