/* SPDX-License-Identifier: MIT */
/* Prints the messages of a topic, one after the other: consume GROUP TOPIC [INITIAL]. */
#include <kgroup.h>

#include <err.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	struct kg_options *options = kg_options_new();
	const char *topics[] = {argc > 2 ? argv[2] : "demo"};
	struct kg_consumer *c = NULL;
	struct kg_error error;
	struct kg_message m;
	int r;

	if (argc > 3 && kg_options_set(options, "initial.offset", argv[3], &error))
		errx(64, "%s", error.text);
	if (kg_consumer_open(&c, argc > 1 ? argv[1] : "demo", topics, 1, options, &error))
		errx(69, "%s\n%s", error.text, error.hint);
	kg_options_free(options);
	while ((r = kg_consumer_receive(c, &m, -1)) >
	       0) { /* a signal such as Ctrl-C ends it with 0 */
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
