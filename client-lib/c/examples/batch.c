/* SPDX-License-Identifier: MIT */
/* The fast way: batches, one mark and one commit for each partition and batch: batch GROUP TOPIC
 * COUNT. */
#include <kgroup.h>

#include <err.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 500 };

static int wait_for_more(struct kg_consumer *c)
{
	struct pollfd p = {kg_consumer_get_fd(c), kg_consumer_get_events(c), 0};

	poll(&p, 1, kg_consumer_get_timeout_ms(c));
	return kg_consumer_process(c);
}

/* A batch is messages of one partition in order, so the last one's mark covers all. */
static int consume(struct kg_consumer *c, uint64_t count)
{
	static struct kg_message m[BATCH];
	uint64_t n = 0, n_bytes = 0;
	int i, r = 0;

	while (n < count && r >= 0) {
		r = kg_consumer_next_batch(c, m, BATCH);
		if (!r)
			r = wait_for_more(c);
		for (i = 0; i < r; i++)
			n_bytes += m[i].key_bytes + m[i].value_bytes;
		if (r <= 0)
			continue;
		n += (uint64_t)r;
		r = kg_consumer_mark(c, &m[r - 1], NULL);
	}
	printf("%" PRIu64 " messages, %" PRIu64 " bytes\n", n, n_bytes);
	return r < 0 ? r : kg_consumer_commit(c, -1);
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 3 ? strtoull(argv[3], NULL, 10) : UINT64_MAX;
	const char *topics[] = {argc > 2 ? argv[2] : "demo"};
	struct kg_options *options = kg_options_new();
	struct kg_consumer *c = NULL;
	struct kg_error error;
	int r;

	if (kg_options_set(options, "initial.offset", "earliest", &error))
		errx(64, "%s", error.text);
	if (kg_consumer_open(&c, argc > 1 ? argv[1] : "demo", topics, 1, options, &error))
		errx(69, "%s\n%s", error.text, error.hint);
	kg_options_free(options);
	r = consume(c, count);
	if (r)
		warnx("%s", kg_consumer_error(c)->text);
	r |= kg_consumer_close(c);
	kg_consumer_free(c);
	return r != 0;
}
