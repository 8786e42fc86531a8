/* SPDX-License-Identifier: MIT */
/*
 * A consumer of the chaos test, with libkgroup: consumer SOCKET GROUP LOG NAME DELAY_US MARK_EVERY
 * CREDIT TOPIC...
 *
 * It writes what it does into its log (tests/chaos/records.py has the form) before it does it, one
 * write(2) a line: a line that is there happened or was about to. The metadata of a mark names the
 * consumer and the epoch, so that each value that Kafka ever had committed names the mark it came
 * from. SIGTERM ends it in good order; the exit status is 0 then, 69 when the daemon cannot be
 * reached at first (the driver starts it anew), 1 for anything else. With FORK_HOLDER in its
 * environment a forked child holds its descriptors and does nothing else; with STREAMS each
 * partition is a stream of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <kgroup.h>

enum { MAX_PLACES = 256, ARGUMENTS = 8, HOLD_S = 20 };

struct place {
	struct kg_message last; /* handed out; what it points to is gone, which a mark can bear */
	long n_unmarked;
};

struct run {
	struct kg_consumer *consumer;
	const char *name;
	long delay_us, mark_every;
	int log_fd;
	struct kg_partition *streams[MAX_PLACES]; /* owned; with STREAMS */
	size_t n_streams;
	struct place places[MAX_PLACES];
	size_t n_places;
};

static volatile sig_atomic_t stop_requested;

static void on_stop_signal(int number)
{
	stop_requested = 1;
}

/* ---- the log --------------------------------------------------------------------------------- */

static int64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

__attribute__((format(printf, 2, 3))) static void write_line(const struct run *run,
							     const char *format, ...)
{
	char line[512];
	int n = snprintf(line, sizeof(line), "%" PRId64 " ", now_ns(CLOCK_MONOTONIC));
	va_list values;

	va_start(values, format);
	n += vsnprintf(line + n, sizeof(line) - (size_t)n - 1, format, values);
	va_end(values);
	line[n++] = '\n';
	if (write(run->log_fd, line, (size_t)n) != n)
		abort(); /* a log with holes would accuse the daemon */
}

/* ---- marks ----------------------------------------------------------------------------------- */

static struct place *place_of(struct run *run, const char *topic, int32_t partition)
{
	struct place *p = run->places;

	for (; p < run->places + run->n_places; p++)
		if (p->last.partition == partition && !strcmp(p->last.topic, topic))
			return p;
	if (run->n_places == MAX_PLACES)
		abort();
	run->n_places++;
	*p = (struct place){.last = {.topic = topic, .partition = partition}};
	return p;
}

static void mark(struct run *run, struct place *place)
{
	const struct kg_message *m = &place->last;
	char metadata[128];
	int r;

	if (!place->n_unmarked)
		return;
	place->n_unmarked = 0;
	snprintf(metadata, sizeof(metadata), "%s:%" PRIu64, run->name, m->internal.epoch);
	write_line(run, "mark %s/%d %" PRIu64 " %" PRId64, m->topic, m->partition,
		   m->internal.epoch, m->offset);
	r = kg_consumer_mark(run->consumer, m, metadata);
	if (r < 0)
		write_line(run, "state mark%d", r);
}

static void mark_all(struct run *run)
{
	for (size_t i = 0; i < run->n_places; i++)
		mark(run, &run->places[i]);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void write_assigned(struct run *run, const struct kg_event *event)
{
	const struct kg_claim *claims;
	size_t n = kg_consumer_assignment(run->consumer, &claims);

	for (size_t i = 0; i < n; i++)
		if (claims[i].partition == event->partition &&
		    !strcmp(claims[i].topic, event->topic))
			write_line(run, "assign %s/%d 0 %" PRId64 " %" PRId64, event->topic,
				   event->partition, claims[i].start, claims[i].committed);
}

static void write_state(const struct run *run, const struct kg_event *event)
{
	static const char *const names[] = {"connecting", "joining", "joined",
					    "leaving",	  "failed",  "closed"};

	write_line(run, "state %s", names[event->state]);
}

/* What was handed out is done. */
static void on_releasing(struct run *run, const struct kg_event *event)
{
	write_line(run, "release %s/%d 0", event->topic, event->partition);
	mark(run, place_of(run, event->topic, event->partition));
}

static void write_news(struct run *run)
{
	struct kg_event event;

	while (kg_consumer_next_event(run->consumer, &event) > 0) {
		if (event.type == KG_EVENT_ASSIGNED)
			write_assigned(run, &event);
		else if (event.type == KG_EVENT_STATE)
			write_state(run, &event);
		else if (event.type == KG_EVENT_RELEASING)
			on_releasing(run, &event);
		else if (event.type == KG_EVENT_RELEASED)
			write_line(run, "released %s/%d 0", event.topic, event.partition);
	}
}

/* ---- messages -------------------------------------------------------------------------------- */

static void be_slow(long us)
{
	struct timespec left = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};

	while (nanosleep(&left, &left) < 0 && !stop_requested)
		;
}

/* Every so many messages of a partition are marked, by the last of them. */
static void handle(struct run *run, const struct kg_message *m)
{
	struct place *place;

	write_news(run); /* first: the message may be of a claim that only just came */
	place = place_of(run, m->topic, m->partition);
	write_line(run, "deliver %s/%d %" PRIu64 " %" PRId64 " %ld", m->topic, m->partition,
		   m->internal.epoch, m->offset, strtol(m->value, NULL, 10));
	if (run->delay_us)
		be_slow(run->delay_us);
	place->last = *m;
	if (++place->n_unmarked >= run->mark_every)
		mark(run, place);
}

/* When nothing comes, what was handed out is marked to the last. */
static int consume(struct run *run)
{
	struct kg_message m;
	int r = 0;

	while (r >= 0 && !stop_requested) {
		r = kg_consumer_receive(run->consumer, &m, 50);
		if (r > 0)
			handle(run, &m);
		else if (r == 0)
			mark_all(run);
		write_news(run);
	}
	mark_all(run);
	return r;
}

/* ---- streams --------------------------------------------------------------------------------- */

static int add_streams(struct run *run)
{
	int r = 0;

	while (run->n_streams < MAX_PLACES && r >= 0) {
		r = kg_consumer_next_partition(run->consumer, &run->streams[run->n_streams]);
		if (r <= 0)
			return r;
		run->n_streams++;
	}
	return r;
}

/* Each has a turn of one message. A stream that has ended is marked to what was handed out, which
 * counts until its release is over. */
static int take_turns(struct run *run)
{
	struct kg_message m;
	size_t i = 0;
	int r, more = 0;

	while (i < run->n_streams && !stop_requested) {
		const struct kg_claim *claim = kg_partition_get_claim(run->streams[i]);

		r = kg_partition_next(run->streams[i], &m);
		if (r > 0)
			handle(run, &m);
		more |= r > 0;
		if (r >= 0) {
			i++;
			continue;
		}
		mark(run, place_of(run, claim->topic, claim->partition));
		kg_partition_free(run->streams[i]);
		run->streams[i] = run->streams[--run->n_streams];
	}
	return more;
}

static int consume_streams(struct run *run)
{
	struct pollfd fd = {.fd = kg_consumer_get_fd(run->consumer), .events = POLLIN};
	int r = 0, timeout_ms;

	while (r >= 0 && !stop_requested) {
		timeout_ms = kg_consumer_get_timeout_ms(run->consumer);
		fd.events = kg_consumer_get_events(run->consumer);
		poll(&fd, 1, timeout_ms >= 0 && timeout_ms < 50 ? timeout_ms : 50);
		r = kg_consumer_process(run->consumer);
		if (r >= 0)
			r = add_streams(run);
		while (r >= 0 && take_turns(run))
			r = add_streams(run);
		write_news(run);
		mark_all(run);
	}
	while (run->n_streams)
		kg_partition_free(run->streams[--run->n_streams]);
	return r;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static struct kg_options *make_options(char **argv)
{
	struct kg_options *o = kg_options_new();
	struct kg_error error;

	if (kg_options_set(o, "socket", argv[1], &error) < 0 ||
	    kg_options_set(o, "name", argv[4], &error) < 0 ||
	    kg_options_set(o, "credit.messages", argv[7], &error) < 0 ||
	    kg_options_set(o, "dwell.time", "1s", &error) < 0 ||
	    (getenv("STREAMS") && kg_options_set(o, "mode", "partitions", &error) < 0)) {
		fprintf(stderr, "%s\n", error.text);
		exit(EX_USAGE);
	}
	return o;
}

static int open_consumer(struct run *run, int argc, char **argv)
{
	const char *const *topics = (const char *const *)argv + ARGUMENTS;
	struct kg_options *options = make_options(argv);
	struct kg_error error;
	int r = kg_consumer_open(&run->consumer, argv[2], topics, (size_t)(argc - ARGUMENTS),
				 options, &error);

	kg_options_free(options);
	if (r < 0)
		fprintf(stderr, "%s: open: %s\n", run->name, error.text);
	return r;
}

/* As a program that forks workers does without thinking of us. The child ends by itself. */
static void leave_holder(void)
{
	if (fork() != 0)
		return;
	alarm(HOLD_S);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	struct sigaction stop = {.sa_handler = on_stop_signal};
	struct run run = {0};
	int r;

	if (argc <= ARGUMENTS) {
		fprintf(stderr, "consumer: too few arguments, see the head of its source\n");
		return EX_USAGE;
	}
	sigaction(SIGTERM, &stop, NULL);
	run.name = argv[4];
	run.delay_us = strtol(argv[5], NULL, 10);
	run.mark_every = strtol(argv[6], NULL, 10);
	run.log_fd = open(argv[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (run.log_fd < 0 || run.mark_every < 1)
		return EX_USAGE;
	write_line(&run, "begin %s %s %" PRId64, run.name, argv[1], now_ns(CLOCK_REALTIME));
	if (open_consumer(&run, argc, argv) < 0)
		return EX_UNAVAILABLE;
	if (getenv("FORK_HOLDER"))
		leave_holder();
	r = getenv("STREAMS") ? consume_streams(&run) : consume(&run);
	if (r < 0)
		fprintf(stderr, "%s: ended: %s\n", run.name, kg_consumer_error(run.consumer)->text);
	if (kg_consumer_close(run.consumer) < 0)
		write_line(&run, "state close-failed");
	kg_consumer_free(run.consumer);
	write_line(&run, "end %d", r);
	return r < 0 ? 1 : 0;
}
