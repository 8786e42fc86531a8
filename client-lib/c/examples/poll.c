/* SPDX-License-Identifier: MIT */
/* libkgroup in a loop of one's own, next to a timer and signals: poll GROUP TOPIC. */
#include <kgroup.h>

#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { LIBRARY, TIMER, SIGNALS, N_FDS };

static int signal_fd(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int timer_fd(void)
{
	const struct itimerspec every_second = {.it_interval.tv_sec = 1, .it_value.tv_sec = 1};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	timerfd_settime(fd, 0, &every_second, NULL);
	return fd;
}

static void print_event(const struct kg_event *e, struct kg_consumer *c)
{
	const char *text;

	switch (e->type) {
	case KG_EVENT_STATE:
		kg_consumer_state(c, &text);
		fprintf(stderr, "state: %s\n", text);
		break;
	case KG_EVENT_ASSIGNED:
		fprintf(stderr, "assigned: %s/%d\n", e->topic, (int)e->partition);
		break;
	case KG_EVENT_RELEASING:
		fprintf(stderr, "releasing: %s/%d, %u ms to go\n", e->topic, (int)e->partition,
			e->dwell_ms);
		break;
	case KG_EVENT_RELEASED:
		fprintf(stderr, "released: %s/%d\n", e->topic, (int)e->partition);
		break;
	case KG_EVENT_COMMITTED:
	case KG_EVENT_ERROR:
		fprintf(stderr, "%s: %s\n", e->context ? e->context : "library", e->error.text);
		break;
	case KG_EVENT_NOTIFICATION:
		fprintf(stderr, "rebalance: %zu claimed, %zu released, %zu held\n", e->n_claimed,
			e->n_released, e->n_current);
		break;
	}
}

/* All that has come. 0, or below 0 when the consumer has ended. */
static int drain(struct kg_consumer *c, unsigned *n_seen)
{
	struct kg_message m;
	struct kg_event e;
	int r = kg_consumer_process(c);

	while (kg_consumer_next_event(c, &e) > 0)
		print_event(&e, c);
	while (!r && (r = kg_consumer_next(c, &m)) > 0) {
		++*n_seen;
		r = kg_consumer_mark(c, &m, NULL);
	}
	return r;
}

static int run(struct kg_consumer *c, struct pollfd *fds)
{
	unsigned long long ticks;
	unsigned n_seen = 0;

	while (!(fds[SIGNALS].revents & POLLIN)) {
		if (drain(c, &n_seen) < 0)
			return -1;
		if (fds[TIMER].revents & POLLIN && read(fds[TIMER].fd, &ticks, sizeof(ticks)) > 0) {
			fprintf(stderr, "%u messages/s\n", n_seen);
			n_seen = 0;
		}
		fds[LIBRARY].events = kg_consumer_get_events(c);
		poll(fds, N_FDS, kg_consumer_get_timeout_ms(c));
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct pollfd fds[N_FDS] = {
		[TIMER] = {timer_fd(), POLLIN, 0}, [SIGNALS] = {signal_fd(), POLLIN, 0}};
	const char *topics[] = {argc > 2 ? argv[2] : "demo"};
	struct kg_options *options = kg_options_new();
	struct kg_consumer *c = NULL;
	struct kg_error error;
	int r;

	if (kg_options_set(options, "errors", "yes", &error))
		errx(64, "%s", error.text);
	if (kg_consumer_open(&c, argc > 1 ? argv[1] : "demo", topics, 1, options, &error))
		errx(69, "%s\n%s", error.text, error.hint);
	kg_options_free(options);
	fds[LIBRARY].fd = kg_consumer_get_fd(c);
	r = run(c, fds);
	if (r)
		warnx("%s", kg_consumer_error(c)->text);
	r |= kg_consumer_close(c);
	kg_consumer_free(c);
	return r != 0;
}
