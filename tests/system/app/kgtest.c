/* SPDX-License-Identifier: MIT */
/*
 * kgtest: a program with libkgroup for the system tests, which read what it prints: one JSON object
 * a line for each message, event and answer, binary as hexadecimal.
 *
 * It is what a careful user would write, with switches for what a careless one does: it marks each
 * message when it is done with it, unless told not to; it may be slow, or die in the middle. Three
 * ways to take messages (receive, an own loop with poll, batches) print the same. The last line is
 * "end", with what kg_consumer_close() answered; a process that dies prints none.
 */
#include <argp.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "tests/system/app/print.h"
#include <kgroup.h>

enum { MAX_TOPICS = 16, MAX_BATCH = 64, HOLD_S = 15 };

enum way { WAY_RECEIVE, WAY_POLL, WAY_BATCH };

struct plan {
	const char *group;
	const char *topics[MAX_TOPICS];
	size_t n_topics;
	struct kg_options *options;
	const char *metadata;
	enum way way;
	long n_wanted;	     /* then close; 0: go on until SIGTERM */
	long n_until_death;  /* then SIGKILL to itself; 0: never */
	long n_until_commit; /* a commit after each so many; 0: only by themselves */
	long slow_ms;
	bool no_mark;
	bool ask; /* wait for the verdict of each mark */
	bool no_close;
	bool fork_holder; /* a child holds our descriptors and does nothing else */
};

struct run {
	const struct plan *plan;
	struct kg_consumer *consumer;
	long n_messages;
};

static volatile sig_atomic_t stop_requested;

static void on_stop_signal(int number)
{
	stop_requested = 1;
}

/* ---- command line ---------------------------------------------------------------------------- */

static const struct argp_option option_table[] = {
	{"group", 'g', "NAME", 0, "group to open", 0},
	{"topic", 't', "NAME", 0, "topic; may be repeated", 0},
	{"set", 's', "NAME=VALUE", 0, "an option of libkgroup", 0},
	{"count", 'c', "N", 0, "close after N messages", 0},
	{"die-after", 'd', "N", 0, "SIGKILL to itself after N messages", 0},
	{"commit-every", 'e', "N", 0, "commit after each N messages, and wait for it", 0},
	{"slow", 'w', "MS", 0, "take this long for each message", 0},
	{"metadata", 'm', "TEXT", 0, "commit this with each mark", 0},
	{"no-mark", 'n', NULL, 0, "mark nothing", 0},
	{"ask", 'a', NULL, 0, "wait for the verdict of each mark", 0},
	{"no-close", 'x', NULL, 0, "end without kg_consumer_close()", 0},
	{"fork-holder", 'f', NULL, 0, "leave a forked child behind that holds the socket", 0},
	{"poll", 'p', NULL, 0, "an own loop around the library's descriptor", 0},
	{"batch", 'b', NULL, 0, "the same, and messages in batches", 0},
	{0},
};

static void set_option(struct argp_state *state, struct plan *plan, char *arg)
{
	struct kg_error error;
	char *value = strchr(arg, '=');

	if (!value)
		argp_error(state, "'%s' is not NAME=VALUE", arg);
	*value++ = '\0';
	if (kg_options_set(plan->options, arg, value, &error) < 0)
		argp_error(state, "%s", error.text);
}

static void add_topic(struct argp_state *state, struct plan *plan, const char *topic)
{
	if (plan->n_topics == MAX_TOPICS)
		argp_error(state, "more than %d topics", MAX_TOPICS);
	plan->topics[plan->n_topics++] = topic;
}

static error_t parse_number(struct plan *plan, int key, const char *arg)
{
	long n = strtol(arg ? arg : "", NULL, 10);

	switch (key) {
	case 'c':
		plan->n_wanted = n;
		return 0;
	case 'd':
		plan->n_until_death = n;
		return 0;
	case 'e':
		plan->n_until_commit = n;
		return 0;
	case 'w':
		plan->slow_ms = n;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_switch(struct plan *plan, int key, const char *arg)
{
	switch (key) {
	case 'n':
		plan->no_mark = true;
		return 0;
	case 'a':
		plan->ask = true;
		return 0;
	case 'x':
		plan->no_close = true;
		return 0;
	case 'f':
		plan->fork_holder = true;
		return 0;
	case 'p':
		plan->way = WAY_POLL;
		return 0;
	case 'b':
		plan->way = WAY_BATCH;
		return 0;
	default:
		return parse_number(plan, key, arg);
	}
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct plan *plan = state->input;

	switch (key) {
	case 'g':
		plan->group = arg;
		return 0;
	case 't':
		add_topic(state, plan, arg);
		return 0;
	case 's':
		set_option(state, plan, arg);
		return 0;
	case 'm':
		plan->metadata = arg;
		return 0;
	default:
		return parse_switch(plan, key, arg);
	}
}

/* ---- events ---------------------------------------------------------------------------------- */

static void show_state(const struct run *run)
{
	const char *text;
	enum kg_state state = kg_consumer_state(run->consumer, &text);

	print_state(state, text);
}

static void show_news(struct run *run)
{
	struct kg_event event;

	while (kg_consumer_next_event(run->consumer, &event) > 0) {
		if (event.type == KG_EVENT_STATE)
			show_state(run);
		else
			print_event(&event);
	}
	fflush(stdout);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void be_slow(long ms)
{
	struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	while (nanosleep(&left, &left) < 0 && !stop_requested)
		;
}

static void mark(struct run *run, const struct kg_message *m)
{
	int verdict = -1, r;

	if (run->plan->ask)
		r = kg_consumer_mark_offset(run->consumer, m->topic, m->partition, m->offset,
					    run->plan->metadata, &verdict);
	else
		r = kg_consumer_mark(run->consumer, m, run->plan->metadata);
	if (r < 0 || run->plan->ask)
		print_answer("mark", r, verdict);
}

static bool is_nth(long n_messages, long each)
{
	return each > 0 && n_messages % each == 0;
}

static void handle(struct run *run, const struct kg_message *m)
{
	const struct plan *plan = run->plan;

	show_news(run); /* first: the message may be of a claim that only just came */
	print_message(m);
	run->n_messages++;
	if (plan->slow_ms)
		be_slow(plan->slow_ms);
	if (run->n_messages == plan->n_until_death) {
		fflush(stdout);
		kill(getpid(), SIGKILL);
	}
	if (!plan->no_mark)
		mark(run, m);
	if (is_nth(run->n_messages, plan->n_until_commit))
		print_answer("commit", kg_consumer_commit(run->consumer, -1), 0);
}

static bool wants_more(const struct run *run)
{
	return !stop_requested && (!run->plan->n_wanted || run->n_messages < run->plan->n_wanted);
}

/* Below 0: the consumer has ended. */
static int wait_readable(struct run *run)
{
	struct pollfd p = {.fd = kg_consumer_get_fd(run->consumer),
			   .events = kg_consumer_get_events(run->consumer)};

	fflush(stdout);
	if (poll(&p, 1, kg_consumer_get_timeout_ms(run->consumer)) < 0 && errno != EINTR)
		return -1;
	return kg_consumer_process(run->consumer);
}

static int take_batch(struct run *run)
{
	struct kg_message messages[MAX_BATCH];
	int n = kg_consumer_next_batch(run->consumer, messages, MAX_BATCH);

	for (int i = 0; i < n && wants_more(run); i++)
		handle(run, &messages[i]);
	return n;
}

static int take_one(struct run *run)
{
	struct kg_message m;
	int n = kg_consumer_next(run->consumer, &m);

	if (n > 0)
		handle(run, &m);
	return n;
}

static int loop_by_poll(struct run *run)
{
	int r = 0;

	while (r >= 0 && wants_more(run)) {
		r = wait_readable(run);
		show_news(run);
		while (r >= 0 && wants_more(run)) {
			r = run->plan->way == WAY_BATCH ? take_batch(run) : take_one(run);
			if (r == 0)
				break;
		}
	}
	return r;
}

static int loop_by_receive(struct run *run)
{
	struct kg_message m;
	int r = 0;

	while (r >= 0 && wants_more(run)) {
		r = kg_consumer_receive(run->consumer, &m, 100);
		if (r > 0)
			handle(run, &m);
		show_news(run);
	}
	return r;
}

/* As a daemon that forks workers does without thinking of us. The child ends by itself. */
static void leave_holder(void)
{
	if (fork() != 0)
		return;
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	alarm(HOLD_S);
	for (;;)
		pause();
}

static int consume(struct run *run)
{
	int r, closed = 0;

	r = run->plan->way == WAY_RECEIVE ? loop_by_receive(run) : loop_by_poll(run);
	show_news(run);
	if (r < 0)
		print_error("ended", kg_consumer_error(run->consumer));
	if (!run->plan->no_close)
		closed = kg_consumer_close(run->consumer);
	print_answer("end", closed, (int)run->n_messages);
	fflush(stdout);
	return r < 0 || closed < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct argp parser = {.options = option_table, .parser = parse_option};
	struct sigaction stop = {.sa_handler = on_stop_signal};
	struct plan plan = {.options = kg_options_new()};
	struct run run = {.plan = &plan};
	struct kg_error error;
	int status = EX_UNAVAILABLE;

	argp_err_exit_status = EX_USAGE;
	argp_parse(&parser, argc, argv, 0, NULL, &plan);
	sigaction(SIGTERM, &stop, NULL);
	if (kg_consumer_open(&run.consumer, plan.group, plan.topics, plan.n_topics, plan.options,
			     &error) < 0) {
		print_error("refused", &error);
		fflush(stdout);
	} else {
		print_answer("open", 0, 0);
		if (plan.fork_holder)
			leave_holder();
		status = consume(&run);
	}
	kg_consumer_free(run.consumer);
	kg_options_free(plan.options);
	return status;
}
