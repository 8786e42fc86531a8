/* SPDX-License-Identifier: MIT */
/*
 * kgroupctl demo: the whole thing at work, on this machine, without a Kafka of one's own.
 *
 * Three programs: kgroup-mock (a cluster in memory, with orders of a shop written to it), kgroupd,
 * and this one, a consumer like any other. They meet in a temporary folder and nowhere else. Data
 * goes to stdout; the words around it, which say what happens and what to try, go to stderr.
 *
 * The end has one path, finish(), whatever the cause: Ctrl-C, --count, an error, a child that died.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client-lib/ctl/child.h"
#include "client-lib/ctl/colour.h"
#include "client-lib/ctl/demo_home.h"
#include "client-lib/ctl/options.h"
#include "client-lib/ctl/program.h"
#include "client-lib/ctl/query.h"
#include "client-lib/ctl/receiver.h"
#include "client-lib/ctl/stop.h"

#define GROUP "demo"
#define TOPIC "orders"

enum {
	KEY_RATE = 0x400,
	N_PARTITIONS = 4,
	DEFAULT_RATE_PER_S = 20,
	MAX_RATE_PER_S = 100000,
	LOOK_MS = 100,	  /* between two looks at what is awaited */
	START_MS = 30000, /* for each step of the start */
	OPEN_SLICE_MS = 1000,
	DAEMON_STOP_MS = 15000,
	MOCK_STOP_MS = 6000,
	REMIND_EVERY = 200, /* messages after which the hints are repeated on a terminal */
};

struct demo {
	struct ctl *ctl;
	long rate_per_s;
	bool is_terminal;
	int n_first_claims; /* N_PARTITIONS: joined */
	struct demo_home home;
	struct child mock, daemon;
	struct receiver receiver;
	int64_t started_ms;
	uint64_t reminded_at;
	char self[PROGRAM_PATH_BYTES];
	const char *self_path;
};

static const struct argp_option option_table[] = {
	{"count", 'c', "N", 0, "end after N messages", 0},
	{"rate", KEY_RATE, "N", 0, "messages that are written a second (20)", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct demo *demo = state->input;

	switch (key) {
	case 'c':
		demo->receiver.n_left = (uint64_t)options_number("--count", arg, 1, INT64_MAX);
		return 0;
	case KEY_RATE:
		demo->rate_per_s = options_number("--rate", arg, 1, MAX_RATE_PER_S);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct options_spec spec = {
	.name = "demo",
	.arguments = "",
	.summary = "Starts a private daemon and a Kafka cluster in memory with traffic on it,\n"
		   "consumes, and says what to try. Ctrl-C ends it and removes everything.",
	.examples = "  kgroupctl demo\n"
		    "  kgroupctl demo --count 100 --rate 50    ends by itself",
	.options = option_table,
	.parser = parse,
};

/* ---- words --------------------------------------------------------------------------------------
 */

__attribute__((format(printf, 2, 3))) static void say(const struct demo *demo, const char *format,
						      ...)
{
	va_list ap;

	if (demo->ctl->quiet)
		return;
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
}

static void say_hint(const struct demo *demo, const char *arguments, const char *what)
{
	bool on = colour_is_on(demo->ctl, stderr);

	say(demo, "  %s%s %s%s\n      %s\n", colour_start(on, COLOUR_STRONG), demo->self_path,
	    arguments, colour_end(on), what);
}

static void say_hints(const struct demo *demo)
{
	bool on = colour_is_on(demo->ctl, stderr);

	say(demo, "\nTry in another terminal:\n  %sexport KGROUP_SOCKET=%s%s\n",
	    colour_start(on, COLOUR_STRONG), demo->home.socket_path, colour_end(on));
	say_hint(demo, "status", "what the daemon holds, and for whom");
	say_hint(demo, "lag " GROUP " -w", "how far behind each partition is, until Ctrl-C");
	say_hint(demo, "consume " GROUP " " TOPIC " -v",
		 "a second consumer: it gets half of the partitions, and Kafka notices nothing");
	say(demo, "Ctrl-C here ends the demo and removes all of it.\n\n");
}

static void say_joining(const struct demo *demo)
{
	double seconds = (double)(receiver_now_ms() - demo->started_ms) / 1000;

	if (demo->is_terminal)
		say(demo,
		    "\rJoining the group '" GROUP
		    "': %.0f s. The broker waits 3 s for other members "
		    "to come.",
		    seconds);
}

static void say_joined(const struct demo *demo)
{
	const struct kg_claim *claims;
	size_t i, n = kg_consumer_assignment(demo->receiver.consumer, &claims);

	say(demo, "%sJoined after %.1f s. This program holds", demo->is_terminal ? "\n" : "",
	    (double)(receiver_now_ms() - demo->started_ms) / 1000);
	for (i = 0; i < n; i++)
		say(demo, " %s/%d", claims[i].topic, claims[i].partition);
	say(demo, ".\nEach line is topic/partition/offset and the message. It is marked once it is "
		  "printed;\nmarks are committed to Kafka within a second. What is not marked "
		  "comes again.\n");
	say_hints(demo);
}

/* The first claims are the join; those after it moved between programs. */
static void on_claim(struct demo *demo, const struct kg_event *event)
{
	bool came = event->type == KG_EVENT_ASSIGNED;

	if (demo->n_first_claims == N_PARTITIONS)
		say(demo, "-- %s/%d %s program\n", event->topic, event->partition,
		    came ? "came to this" : "went to another");
	else if (came && ++demo->n_first_claims == N_PARTITIONS)
		say_joined(demo);
}

static void on_event(void *context, const struct kg_event *event)
{
	struct demo *demo = context;

	if (event->type == KG_EVENT_ASSIGNED || event->type == KG_EVENT_RELEASED)
		on_claim(demo, event);
	if (event->type == KG_EVENT_ERROR)
		say(demo, "-- %s\n", event->error.text);
}

/* ---- starting -----------------------------------------------------------------------------------
 */

static int look_at_children(struct demo *demo, struct trouble *t)
{
	int r = child_look(&demo->mock, t);

	return r < 0 ? r : child_look(&demo->daemon, t);
}

/* 1: what is awaited has come; 0: not yet; < 0: it will not, and t. */
typedef int (*awaited_fn)(struct demo *demo, struct trouble *t);

static int await(struct demo *demo, const char *what, awaited_fn has_come, struct trouble *t)
{
	int64_t deadline_ms = receiver_now_ms() + START_MS;

	for (;;) {
		struct pollfd fds[] = {{.fd = demo->mock.fd, .events = POLLIN},
				       {.fd = demo->daemon.fd, .events = POLLIN}};
		int r = look_at_children(demo, t);

		if (r == 0)
			r = has_come(demo, t);
		if (r != 0)
			return r < 0 ? r : 0;
		if (receiver_now_ms() > deadline_ms)
			break;
		stop_poll(fds, 2, LOOK_MS);
		if (stop_signal())
			return -EINTR;
	}
	trouble_set(t, KGP_E_TIMEOUT, "%s did not come within %d s", what, START_MS / 1000);
	trouble_set_how(t, "'kgroupctl demo -v' shows what its programs say");
	return -ETIMEDOUT;
}

static int has_bootstrap(struct demo *demo, struct trouble *t)
{
	return child_find_line(&demo->mock, "bootstrap ") != NULL;
}

static int start_mock(struct demo *demo, struct trouble *t)
{
	static const char *const nothing[] = {NULL};
	char path[PROGRAM_PATH_BYTES], topic[64], rate[24];
	const char *argv[] = {path, "--topic", topic, "--rate", rate, "--with-parent", NULL};
	const char *bootstrap;
	int r = program_find_mock(path, t);

	snprintf(topic, sizeof(topic), "%s:%d", TOPIC, N_PARTITIONS);
	snprintf(rate, sizeof(rate), "%ld", demo->rate_per_s);
	if (r == 0)
		r = child_start(&demo->mock, argv, nothing, t);
	if (r == 0)
		r = await(demo, "the mock cluster", has_bootstrap, t);
	if (r < 0)
		return r;
	bootstrap = child_find_line(&demo->mock, "bootstrap ") + strlen("bootstrap ");
	say(demo,
	    "  cluster   kgroup-mock, pid %d, %s: the topic '" TOPIC "' with %d partitions, "
	    "%ld messages a second\n",
	    (int)demo->mock.pid, bootstrap, N_PARTITIONS, demo->rate_per_s);
	return demo_home_write_config(&demo->home, bootstrap, t);
}

static int has_daemon(struct demo *demo, struct trouble *t)
{
	struct trouble not_yet;
	struct query q;

	if (query_open(&q, demo->home.socket_path, OPEN_SLICE_MS, &not_yet) < 0)
		return 0;
	query_close(&q);
	return 1;
}

static int start_daemon(struct demo *demo, struct trouble *t)
{
	const char *environment[] = {demo->home.runtime_variable, NULL};
	char path[PROGRAM_PATH_BYTES];
	const char *argv[] = {path, "--config", demo->home.config_path, NULL};
	int r = program_find_daemon(path, t);

	if (r == 0)
		r = child_start(&demo->daemon, argv, environment, t);
	if (r == 0)
		r = await(demo, "the daemon's socket", has_daemon, t);
	if (r < 0)
		return r;
	say(demo, "  daemon    kgroupd, pid %d, %s: the one member of the group '" GROUP "'\n",
	    (int)demo->daemon.pid, demo->home.socket_path);
	return 0;
}

static int has_consumer(struct demo *demo, struct trouble *t)
{
	static const char *const topics[] = {TOPIC};
	struct kg_options *options = kg_options_new();
	struct kg_error error = {0};
	char timeout[24];
	int code;

	snprintf(timeout, sizeof(timeout), "%dms", OPEN_SLICE_MS);
	kg_options_set(options, "socket", demo->home.socket_path, NULL);
	kg_options_set(options, "open.timeout", timeout, NULL);
	kg_options_set(options, "errors", "yes", NULL);
	kg_options_set(options, "name", "demo", NULL);
	say_joining(demo);
	code = kg_consumer_open(&demo->receiver.consumer, GROUP, topics, 1, options, &error);
	kg_options_free(options);
	if (code == 0)
		return 1;
	if (code == KG_ERR_TIMEOUT || code == KG_ERR_UNREACHABLE)
		return 0;
	return receiver_explain(&error, "the demo's consumer", demo->home.socket_path, t);
}

static int start(struct demo *demo, struct trouble *t)
{
	int r = demo_home_open(&demo->home, t);

	if (r < 0)
		return r;
	say(demo, "A daemon and a Kafka cluster of its own, in memory and in %s:\n\n",
	    demo->home.folder);
	r = start_mock(demo, t);
	if (r == 0)
		r = start_daemon(demo, t);
	if (r < 0)
		return r;
	say(demo, "  consumer  this program, pid %d\n\n", (int)getpid());
	if (!demo->is_terminal)
		say(demo,
		    "Joining the group '" GROUP "'. The broker waits 3 s for other members to "
		    "come.\n");
	demo->started_ms = receiver_now_ms();
	return await(demo, "a consumer", has_consumer, t);
}

/* ---- running and ending -------------------------------------------------------------------------
 */

static void remind(struct demo *demo)
{
	bool both = demo->is_terminal && isatty(STDOUT_FILENO);

	if (!both || demo->receiver.n_written < demo->reminded_at + REMIND_EVERY)
		return;
	demo->reminded_at = demo->receiver.n_written;
	say_hints(demo);
}

static int receive(struct demo *demo, struct trouble *t)
{
	int r = 0;

	while (r == 0 && !stop_signal() && demo->receiver.n_left > 0) {
		struct pollfd fds[] = {{.fd = demo->mock.fd, .events = POLLIN},
				       {.fd = demo->daemon.fd, .events = POLLIN}};

		bool joined = demo->n_first_claims == N_PARTITIONS;

		if (!joined)
			say_joining(demo);
		r = receiver_turn(&demo->receiver, fds, 2, joined ? -1 : 1000, t);
		if (r == 0)
			r = look_at_children(demo, t);
		remind(demo);
	}
	return r;
}

/* 1. the consumer: its marks are committed, 2. the daemon, 3. the cluster, 4. the folder. */
static int finish(struct demo *demo, struct trouble *t)
{
	bool has_home = *demo->home.folder;
	int r = 0;

	if (demo->receiver.consumer && demo->daemon.pid) {
		say(demo, "\nEnding: the last marks are committed ...\n");
		r = receiver_close(&demo->receiver, t);
	}
	demo->receiver.consumer = kg_consumer_free(demo->receiver.consumer);
	child_stop(&demo->daemon, DAEMON_STOP_MS);
	child_stop(&demo->mock, MOCK_STOP_MS);
	demo_home_close(&demo->home);
	if (has_home)
		say(demo, "%llu messages received. Nothing of the demo is left.\n",
		    (unsigned long long)demo->receiver.n_written);
	return r;
}

/* Ctrl-C is how a demo ends; before it has begun it is an interruption. */
static int run(struct demo *demo)
{
	struct trouble t = {0}, at_close = {0};
	int closed, r = start(demo, &t);

	if (r == 0)
		r = receive(demo, &t);
	closed = finish(demo, &at_close);
	if (stop_signal() && demo->n_first_claims < N_PARTITIONS)
		return stop_signal() == SIGINT ? CTL_EXIT_INTERRUPTED : 128 + stop_signal();
	if (r < 0)
		return t.code ? trouble_print(&t) : t.exit_code;
	return closed < 0 ? trouble_print(&at_close) : 0;
}

int cmd_demo(struct ctl *ctl, int argc, char **argv)
{
	struct demo demo = {.ctl = ctl, .rate_per_s = DEFAULT_RATE_PER_S};

	demo.mock = (struct child){.name = "kgroup-mock", .fd = -1};
	demo.daemon = (struct child){.name = "kgroupd", .fd = -1};
	demo.receiver = (struct receiver){.out = stdout,
					  .mark = true,
					  .n_left = UINT64_MAX,
					  .on_event = on_event,
					  .context = &demo};
	options_parse(ctl, &spec, &demo, argc, argv, false);
	demo.mock.echo = demo.daemon.echo = ctl->verbose > 0;
	demo.is_terminal = isatty(STDERR_FILENO);
	demo.receiver.printer.colours = colour_is_on(ctl, stdout);
	if (ctl->output == CTL_JSON)
		demo.receiver.printer.form = PRINTER_JSON;
	demo.self_path = program_find_self(demo.self, ctl);
	stop_init();
	return run(&demo);
}
