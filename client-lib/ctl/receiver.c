/* SPDX-License-Identifier: MIT */
/*
 * From libkgroup to a stream.
 *
 * The rule that everything here serves: a message is marked after it was written and flushed, and
 * never before. So a batch is written, then flushed, then marked; if the flush fails none of the
 * batch is marked and all of it comes again. Owns the consumer. Never waits but in receiver_turn()
 * and in receiver_close(), which libkgroup bounds.
 */
#include "client-lib/ctl/receiver.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client-lib/ctl/reach.h"
#include "client-lib/ctl/stop.h"

enum { BATCH = 256, MAX_MORE = 8 };

int64_t receiver_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int receiver_explain(const struct kg_error *error, const char *what, const char *socket_path,
		     struct trouble *t)
{
	struct trouble found;

	trouble_set(t, (unsigned)-error->code, "%s: %s", what, kg_strerror(error->code));
	if (*error->text)
		trouble_set_why(t, "%s", error->text);
	if (*error->hint)
		trouble_set_how(t, "%s", error->hint);
	if (error->code == KG_ERR_UNREACHABLE && reach_check(socket_path, &found) < 0)
		*t = found;
	return error->code;
}

static int explain_last(const struct receiver *r, int code, struct trouble *t)
{
	struct kg_error error = {.code = code};
	const struct kg_error *last = kg_consumer_error(r->consumer);

	if (last && last->code == code)
		error = *last;
	return receiver_explain(&error, "the consumer ended", "", t);
}

static int explain_output(struct trouble *t)
{
	int error = errno;

	trouble_set(t, TROUBLE_OUTPUT, "writing to stdout failed; unmarked messages come again");
	trouble_set_why(t, "%s", strerror(error));
	if (error == EPIPE)
		t->code = 0;
	return -1;
}

static void add_claim(struct receiver *r, const struct kg_event *event)
{
	const struct kg_claim *claims;
	size_t i, n = kg_consumer_assignment(r->consumer, &claims);

	for (i = 0; i < n; i++) {
		if (claims[i].partition == event->partition &&
		    strcmp(claims[i].topic, event->topic) == 0)
			ends_add(r->ends, claims[i].topic, claims[i].partition, claims[i].start,
				 claims[i].high);
	}
}

static void follow_claims(struct receiver *r, const struct kg_event *event)
{
	if (event->type == KG_EVENT_ASSIGNED || event->type == KG_EVENT_RELEASED)
		r->claims_changed_ms = receiver_now_ms();
	if (!r->ends)
		return;
	if (event->type == KG_EVENT_ASSIGNED)
		add_claim(r, event);
	if (event->type == KG_EVENT_RELEASED)
		ends_remove(r->ends, event->topic, event->partition);
}

static void take_events(struct receiver *r)
{
	struct kg_event event;

	while (kg_consumer_next_event(r->consumer, &event) > 0) {
		follow_claims(r, &event);
		if (r->on_event)
			r->on_event(r->context, &event);
	}
}

static int write_batch(struct receiver *r, const struct kg_message *batch, int n, struct trouble *t)
{
	int i;

	for (i = 0; i < n; i++) {
		if (printer_write(&r->printer, &batch[i], r->out) < 0) {
			trouble_set(t, TROUBLE_MEMORY, "out of memory");
			return -1;
		}
	}
	if (fflush(r->out) != 0 || ferror(r->out))
		return explain_output(t);
	return 0;
}

static int mark_batch(struct receiver *r, const struct kg_message *batch, int n, struct trouble *t)
{
	int i, code = 0;

	for (i = 0; i < n && code == 0; i++) {
		if (r->mark)
			code = kg_consumer_mark(r->consumer, &batch[i], NULL);
		if (r->ends)
			ends_advance(r->ends, batch[i].topic, batch[i].partition,
				     batch[i].offset + 1);
	}
	return code < 0 ? explain_last(r, code, t) : 0;
}

static int take_messages(struct receiver *r, struct trouble *t)
{
	struct kg_message batch[BATCH];

	while (r->n_left > 0 && !stop_signal()) {
		size_t max = r->n_left < BATCH ? (size_t)r->n_left : BATCH;
		int code, n = kg_consumer_next_batch(r->consumer, batch, max);

		if (n <= 0)
			return n < 0 ? explain_last(r, n, t) : 0;
		code = write_batch(r, batch, n, t);
		if (code == 0)
			code = mark_batch(r, batch, n, t);
		if (code < 0)
			return code;
		r->n_left -= (uint64_t)n;
		r->n_written += (uint64_t)n;
		take_events(r);
	}
	return 0;
}

static int earlier(int a_ms, int b_ms)
{
	if (a_ms < 0 || b_ms < 0)
		return a_ms < 0 ? b_ms : a_ms;
	return a_ms < b_ms ? a_ms : b_ms;
}

/* stdout is polled for nothing but its end: a reader that went is noticed without a message. */
static int wait_and_process(struct receiver *r, struct pollfd *more, nfds_t n_more, int timeout_ms,
			    struct trouble *t)
{
	struct pollfd fds[2 + MAX_MORE] = {
		{.fd = kg_consumer_get_fd(r->consumer),
		 .events = kg_consumer_get_events(r->consumer)},
		{.fd = fileno(r->out)},
	};
	int code, n_copied = (int)(n_more < MAX_MORE ? n_more : MAX_MORE);

	if (n_copied)
		memcpy(fds + 2, more, (size_t)n_copied * sizeof(*more));
	code = stop_poll(fds, 2 + (nfds_t)n_copied,
			 earlier(timeout_ms, kg_consumer_get_timeout_ms(r->consumer)));
	if (n_copied)
		memcpy(more, fds + 2, (size_t)n_copied * sizeof(*more));
	if (code < 0) {
		trouble_set(t, TROUBLE_SYSTEM, "poll failed: %s", strerror(-code));
		return -1;
	}
	if (fds[1].revents & POLLERR) {
		errno = EPIPE;
		return explain_output(t);
	}
	code = kg_consumer_process(r->consumer);
	return code < 0 ? explain_last(r, code, t) : 0;
}

int receiver_turn(struct receiver *r, struct pollfd *more, nfds_t n_more, int timeout_ms,
		  struct trouble *t)
{
	int code = wait_and_process(r, more, n_more, timeout_ms, t);

	take_events(r);
	return code < 0 ? code : take_messages(r, t);
}

int receiver_close(struct receiver *r, struct trouble *t)
{
	int code = kg_consumer_close(r->consumer);

	if (code < 0) {
		explain_last(r, code, t);
		snprintf(t->what, sizeof(t->what), "closing: %s", kg_strerror(code));
	}
	r->consumer = kg_consumer_free(r->consumer);
	return code;
}
