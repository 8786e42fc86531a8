/* SPDX-License-Identifier: MIT */
/*
 * Prints the messages of a topic, one after the other, until Ctrl-C: consume GROUP TOPIC [INITIAL].
 * A signal in the instant before the wait is seen after the next message; poll.c shows how to have
 * none of that.
 */
#include <kgroup.h>

#include <err.h>
#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
	stopping = number;
}

int main(int argc, char **argv)
{
	const struct sigaction ends_the_wait = {.sa_handler = on_signal};
	struct kg_options *options = kg_options_new();
	const char *topics[] = {argc > 2 ? argv[2] : "demo"};
	struct kg_consumer *c = NULL;
	struct kg_error error;
	struct kg_message m;
	int r = 0;

	if (argc > 3 && kg_options_set(options, "initial.offset", argv[3], &error))
		errx(64, "%s", error.text);
	if (kg_consumer_open(&c, argc > 1 ? argv[1] : "demo", topics, 1, options, &error))
		errx(69, "%s\n%s", error.text, error.hint);
	kg_options_free(options);
	sigaction(SIGINT, &ends_the_wait, NULL);
	sigaction(SIGTERM, &ends_the_wait, NULL);
	while (!stopping && (r = kg_consumer_receive(c, &m, -1)) > 0) {
		printf("%s/%d/%lld\t", m.topic, (int)m.partition, (long long)m.offset);
		printf("%.*s\n", (int)m.value_bytes, m.value ? (const char *)m.value : "");
		fflush(stdout);
		kg_consumer_mark(c, &m, NULL);
	}
	if (kg_consumer_close(c) || r < 0)
		warnx("%s", kg_consumer_error(c)->text);
	kg_consumer_free(c);
	return r < 0;
}
