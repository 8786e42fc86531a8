/* SPDX-License-Identifier: MIT */
/*
 * Partitions as streams of their own in one thread, next to signals: partitions_poll GROUP TOPIC.
 * Each partition has its turn, a batch at a time; one that must wait could be left out of it, and
 * stalls no other.
 */
#include <kgroup.h>

#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>

enum { BATCH = 100 };

struct stream {
	struct stream *next;
	struct kg_partition *p;
	unsigned long n_seen;
};

static struct stream *streams;

static int signal_fd(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void add_stream(struct kg_partition *p)
{
	const struct kg_claim *claim = kg_partition_get_claim(p);
	struct stream *s = calloc(1, sizeof(*s));

	if (!s) {
		kg_partition_free(p); /* to somebody who has memory */
		return;
	}
	fprintf(stderr, "begins: %s/%d at %lld\n", claim->topic, (int)claim->partition,
		(long long)claim->start);
	*s = (struct stream){.next = streams, .p = p};
	streams = s;
}

static struct stream *free_stream(struct stream *s, const char *why)
{
	const struct kg_claim *claim = kg_partition_get_claim(s->p);
	struct stream *next = s->next;

	fprintf(stderr, "ends: %s/%d after %lu messages: %s\n", claim->topic, (int)claim->partition,
		s->n_seen, why);
	kg_partition_free(s->p);
	free(s);
	return next;
}

/* A batch, and one mark for all of it. 1: there may be more; 0: not now; below 0: it has ended. */
static int take_turn(struct stream *s)
{
	struct kg_message m[BATCH];
	int i, n = kg_partition_next_batch(s->p, m, BATCH);

	for (i = 0; i < n; i++)
		printf("%d\t%.*s\n", (int)m[i].partition, (int)m[i].value_bytes,
		       m[i].value ? (const char *)m[i].value : "");
	if (n <= 0)
		return n;
	s->n_seen += (unsigned)n;
	kg_partition_mark(s->p, m[n - 1].offset, NULL);
	return 1;
}

/* All have a turn until nobody has more. */
static void serve(void)
{
	struct stream **at;
	int r, more;

	do {
		more = 0;
		for (at = &streams; *at;) {
			r = take_turn(*at);
			more |= r > 0;
			if (r < 0)
				*at = free_stream(*at, kg_strerror(r));
			else
				at = &(*at)->next;
		}
	} while (more);
}

static int run(struct kg_consumer *c, int signals)
{
	struct pollfd fds[] = {{kg_consumer_get_fd(c), POLLIN, 0}, {signals, POLLIN, 0}};
	struct kg_partition *p;
	int r = 0;

	while (!r && !fds[1].revents) {
		poll(fds, 2, kg_consumer_get_timeout_ms(c));
		r = kg_consumer_process(c);
		while (!r && kg_consumer_next_partition(c, &p) > 0)
			add_stream(p);
		serve();
	}
	return r;
}

int main(int argc, char **argv)
{
	const char *topics[] = {argc > 2 ? argv[2] : "demo"};
	struct kg_options *options = kg_options_new();
	struct kg_consumer *c = NULL;
	struct kg_error error;
	int r, signals = signal_fd();

	if (kg_options_set(options, "mode", "partitions", &error))
		errx(64, "%s", error.text);
	if (kg_consumer_open(&c, argc > 1 ? argv[1] : "demo", topics, 1, options, &error))
		errx(69, "%s\n%s", error.text, error.hint);
	kg_options_free(options);
	r = run(c, signals);
	if (r)
		warnx("%s", kg_consumer_error(c)->text);
	r |= kg_consumer_close(c);
	while (streams)
		streams = free_stream(streams, "the end");
	kg_consumer_free(c);
	return r != 0;
}
