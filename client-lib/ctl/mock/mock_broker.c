/* SPDX-License-Identifier: MIT */
/*
 * kgroup-mock: librdkafka's mock cluster as a program of its own.
 *
 * The mock cluster is experimental and asserts on odd clients, so it must never live in the daemon,
 * in the tool, or in a test: if it goes, only this process goes. The demo gets its broker and its
 * traffic from here, the tests their broker and its faults (mock_command.c).
 *
 * One thread of ours, one loop: stdin when asked for, signals, and a tick while there is traffic.
 * Signals stay blocked except while the loop sleeps; librdkafka's threads inherit the block, so a
 * signal always meets the loop. The end has one path: the loop leaves, the file goes, _exit().
 * Nothing is taken down: all state is memory and sockets, and librdkafka's own way of taking it
 * down sometimes waits a second for its threads.
 *
 * Compiled against librdkafka 2.0.2 and run with any newer one: what is newer is looked up by name.
 */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "client-lib/ctl/mock/mock_command.h"
#include "client-lib/ctl/mock/mock_options.h"
#include "client-lib/ctl/mock/mock_traffic.h"

enum {
	TICK_MS = 20,
	FIRST_JOIN_DELAY_MS = 100,
	LINE_BYTES = 4096,
};

struct commands {
	char buffer[LINE_BYTES];
	size_t n_buffered;
	bool too_long; /* the rest of an overlong line is thrown away */
};

static volatile sig_atomic_t stop_requested;

static void on_stop_signal(int number)
{
	stop_requested = 1;
}

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Blocks the signals that end us and says with which mask the loop sleeps. */
static void block_signals(bool with_parent, sigset_t *while_asleep)
{
	struct sigaction stop = {.sa_handler = on_stop_signal};
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGHUP);
	sigprocmask(SIG_BLOCK, &blocked, while_asleep);
	sigdelset(while_asleep, SIGTERM);
	sigdelset(while_asleep, SIGINT);
	sigdelset(while_asleep, SIGHUP);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, with_parent ? &ignore : &stop, NULL);
	sigaction(SIGHUP, with_parent ? &ignore : &stop, NULL);
}

/* The parent may have ended before the kernel was told to watch it. */
static void follow_parent(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		exit(0);
}

/* From 2.6.0 on the first join need not wait 3 s. */
static void shorten_first_join(rd_kafka_mock_cluster_t *brokers)
{
	void (*set_delay)(rd_kafka_mock_cluster_t *, int32_t);

	*(void **)&set_delay =
		dlsym(RTLD_DEFAULT, "rd_kafka_mock_group_initial_rebalance_delay_ms");
	if (set_delay)
		set_delay(brokers, FIRST_JOIN_DELAY_MS);
}

static int create_topics(struct mock_cluster *cluster, const struct mock_options *options)
{
	int i;

	for (i = 0; i < options->n_topics; i++) {
		const struct mock_topic *topic = &options->topics[i];
		rd_kafka_resp_err_t err = rd_kafka_mock_topic_create(cluster->brokers, topic->name,
								     topic->n_partitions, 1);

		if (err) {
			fprintf(stderr, "kgroup-mock: topic %s: %s\n", topic->name,
				rd_kafka_err2str(err));
			return -EINVAL;
		}
	}
	return 0;
}

static int cluster_open(struct mock_cluster *cluster, const struct mock_options *options)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char reason[256] = "";

	rd_kafka_conf_set(conf, "client.id", "kgroup-mock", NULL, 0);
	rd_kafka_conf_set(conf, "log_level", "2", NULL, 0);
	cluster->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
	if (!cluster->rk) {
		rd_kafka_conf_destroy(conf);
		fprintf(stderr, "kgroup-mock: %s\n", reason);
		return -EIO;
	}
	cluster->brokers = rd_kafka_mock_cluster_new(cluster->rk, options->n_brokers);
	if (!cluster->brokers) {
		fprintf(stderr, "kgroup-mock: librdkafka made no mock cluster\n");
		return -EIO;
	}
	shorten_first_join(cluster->brokers);
	return create_topics(cluster, options);
}

/* Whoever waits for the file never reads half of it. */
static int write_bootstrap_file(const char *path, const char *bootstrap)
{
	char part[4096];
	FILE *file;
	int n = snprintf(part, sizeof(part), "%s.part", path);

	if (n >= (int)sizeof(part))
		return -ENAMETOOLONG;
	file = fopen(part, "we");
	if (!file)
		return -errno;
	fprintf(file, "%s\n", bootstrap);
	if (fclose(file) != 0 || rename(part, path) != 0)
		return -errno;
	return 0;
}

static int announce(const struct mock_cluster *cluster, const struct mock_options *options)
{
	const char *bootstrap = rd_kafka_mock_cluster_bootstraps(cluster->brokers);
	int r = 0;

	if (options->bootstrap_file)
		r = write_bootstrap_file(options->bootstrap_file, bootstrap);
	if (r < 0) {
		fprintf(stderr, "kgroup-mock: %s: %s\n", options->bootstrap_file, strerror(-r));
		return r;
	}
	printf("bootstrap %s\n", bootstrap);
	return 0;
}

static void run_line(struct mock_cluster *cluster, struct commands *commands, char *line)
{
	char answer[MOCK_ANSWER_BYTES];

	if (commands->too_long)
		snprintf(answer, sizeof(answer), "error line longer than %d bytes", LINE_BYTES);
	else
		mock_command_run(cluster, line, answer);
	commands->too_long = false;
	puts(answer);
}

/* Runs the whole lines of the buffer and keeps the rest. */
static void run_lines(struct mock_cluster *cluster, struct commands *commands)
{
	char *start = commands->buffer;
	char *end = commands->buffer + commands->n_buffered;
	char *newline;

	while (!cluster->quit && (newline = memchr(start, '\n', (size_t)(end - start)))) {
		*newline = '\0';
		run_line(cluster, commands, start);
		start = newline + 1;
	}
	commands->n_buffered = (size_t)(end - start);
	memmove(commands->buffer, start, commands->n_buffered);
	if (commands->n_buffered == sizeof(commands->buffer)) {
		commands->too_long = true;
		commands->n_buffered = 0;
	}
}

static void on_stdin(struct mock_cluster *cluster, struct commands *commands)
{
	ssize_t n = read(STDIN_FILENO, commands->buffer + commands->n_buffered,
			 sizeof(commands->buffer) - commands->n_buffered);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		cluster->quit = true;
		return;
	}
	commands->n_buffered += (size_t)n;
	run_lines(cluster, commands);
}

static int loop(struct mock_cluster *cluster, const struct mock_options *options,
		struct mock_traffic *traffic, const sigset_t *while_asleep)
{
	static const struct timespec tick = {.tv_nsec = TICK_MS * 1000000};
	struct commands commands = {0};
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	nfds_t n_fds = options->with_stdin ? 1 : 0;

	while (!stop_requested && !cluster->quit) {
		int n = ppoll(&input, n_fds, traffic ? &tick : NULL, while_asleep);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			on_stdin(cluster, &commands);
		if (traffic)
			mock_traffic_on_tick(traffic, now_us());
	}
	return 0;
}

static int serve(struct mock_cluster *cluster, const struct mock_options *options,
		 const sigset_t *while_asleep)
{
	struct mock_producer *producer;
	struct mock_traffic traffic;
	int r;

	if (!options->rate_per_s)
		return loop(cluster, options, NULL, while_asleep);
	r = mock_cluster_get_producer(cluster, &producer);
	if (r < 0)
		return r;
	r = mock_traffic_init(&traffic, options, producer, now_us());
	if (r == 0)
		r = loop(cluster, options, &traffic, while_asleep);
	mock_traffic_deinit(&traffic);
	return r;
}

int main(int argc, char **argv)
{
	struct mock_cluster cluster = {0};
	struct mock_options options;
	pid_t parent = getppid();
	sigset_t while_asleep;
	int r;

	mock_options_parse(&options, argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	block_signals(options.with_parent, &while_asleep);
	if (options.with_parent)
		follow_parent(parent);
	r = cluster_open(&cluster, &options);
	if (r == 0)
		r = announce(&cluster, &options);
	if (r == 0)
		r = serve(&cluster, &options, &while_asleep);
	if (options.bootstrap_file)
		unlink(options.bootstrap_file);
	fflush(stdout);
	_exit(r < 0 ? EX_SOFTWARE : 0);
}
