/* SPDX-License-Identifier: MIT */
/*
 * All topics that match one pattern and not another, new ones too: patterns GROUP INCLUDE EXCLUDE.
 * For example: patterns billing '^orders-' '-(test|old)$'.
 */
#include <kgroup.h>

#include <err.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
	(void)number;
	stopping = 1;
}

static void print_events(struct kg_consumer *c)
{
	struct kg_event e;

	while (kg_consumer_next_event(c, &e) > 0) {
		if (e.type == KG_EVENT_ASSIGNED)
			fprintf(stderr, "assigned: %s/%d\n", e.topic, (int)e.partition);
		else if (e.type == KG_EVENT_ERROR)
			fprintf(stderr, "%s: %s\n", e.context, e.error.text);
	}
}

static int consume(struct kg_consumer *c)
{
	struct kg_message m;
	int r = 0;

	while (!stopping && r >= 0) {
		r = kg_consumer_receive(c, &m, 500);
		print_events(c);
		if (r <= 0)
			continue;
		printf("%s\t%" PRId64 "\t%.*s\n", m.topic, m.offset, (int)m.value_bytes,
		       m.value ? (const char *)m.value : "");
		r = kg_consumer_mark(c, &m, NULL);
	}
	return r < 0 ? r : 0;
}

static void set(struct kg_options *options, const char *name, const char *value)
{
	struct kg_error error;

	if (kg_options_set(options, name, value, &error))
		errx(64, "%s", error.text);
}

int main(int argc, char **argv)
{
	const struct sigaction action = {.sa_handler = on_signal};
	struct kg_options *options = kg_options_new();
	struct kg_consumer *c = NULL;
	struct kg_error error;
	int r;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	set(options, "topics.include", argc > 2 ? argv[2] : "^demo");
	if (argc > 3)
		set(options, "topics.exclude", argv[3]);
	set(options, "errors", "yes");
	if (kg_consumer_open(&c, argc > 1 ? argv[1] : "demo", NULL, 0, options, &error))
		errx(69, "%s\n%s", error.text, error.hint);
	kg_options_free(options);
	r = consume(c);
	if (r)
		warnx("%s", kg_consumer_error(c)->text);
	r |= kg_consumer_close(c);
	kg_consumer_free(c);
	return r != 0;
}
