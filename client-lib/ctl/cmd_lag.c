/* SPDX-License-Identifier: MIT */
/*
 * kgroupctl lag: how far behind each partition is, in messages and in seconds, and who holds it.
 *
 * Numbers are the daemon's, of the moment of the question. With -w the question is asked again on
 * the same connection, until a signal ends it; on a terminal the screen is redrawn in place, else
 * one answer follows the other, so that --json -w is a stream of documents, one a line.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client-lib/ctl/human.h"
#include "client-lib/ctl/options.h"
#include "client-lib/ctl/person.h"
#include "client-lib/ctl/query.h"
#include "client-lib/ctl/show.h"
#include "client-lib/ctl/stop.h"
#include "client-lib/ctl/table.h"
#include "client-lib/ctl/value.h"

enum { KEY_INTERVAL = 0x200, DEFAULT_INTERVAL_MS = 2000 };

struct lag {
	const char *group; /* NULL: all */
	bool watch;
	int interval_ms;
};

enum lag_column {
	L_GROUP,
	L_CLUSTER,
	L_TOPIC,
	L_PARTITION,
	L_COMMITTED,
	L_MARKED,
	L_END,
	L_LAG,
	L_BEHIND,
	L_IN_FLIGHT,
	L_HOLDER,
	L_STATE,
	L_VERDICT,
	L_REDELIVERED,
};

static const struct table_column columns[] = {
	[L_GROUP] = {"group", 0},
	[L_CLUSTER] = {"cluster", TABLE_EXTRA},
	[L_TOPIC] = {"topic", 0},
	[L_PARTITION] = {"partition", TABLE_RIGHT},
	[L_COMMITTED] = {"committed", TABLE_RIGHT},
	[L_MARKED] = {"marked", TABLE_RIGHT | TABLE_EXTRA},
	[L_END] = {"end", TABLE_RIGHT},
	[L_LAG] = {"lag", TABLE_RIGHT},
	[L_BEHIND] = {"behind", TABLE_RIGHT},
	[L_IN_FLIGHT] = {"in-flight", TABLE_RIGHT},
	[L_HOLDER] = {"holder", 0},
	[L_STATE] = {"state", 0},
	[L_VERDICT] = {"verdict", 0},
	[L_REDELIVERED] = {"redelivered", TABLE_RIGHT | TABLE_EXTRA},
	{NULL, 0},
};

static const struct argp_option option_table[] = {
	{"watch", 'w', NULL, 0, "again and again, until Ctrl-C", 0},
	{"interval", KEY_INTERVAL, "TIME", 0, "time between two looks (2s); implies -w", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct lag *lag = state->input;

	switch (key) {
	case 'w':
		lag->watch = true;
		return 0;
	case KEY_INTERVAL:
		lag->watch = true;
		lag->interval_ms = options_duration_ms("--interval", arg);
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 0)
			return ARGP_ERR_UNKNOWN;
		lag->group = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct options_spec spec = {
	.name = "lag",
	.arguments = "[GROUP]",
	.summary = "Shows for each partition how many messages are not committed yet, how old the\n"
		   "oldest unmarked one is, and which process holds it.",
	.examples = "  kgroupctl lag                            all groups\n"
		    "  kgroupctl lag billing -w                 one, followed\n"
		    "  kgroupctl lag -rn -o topic,partition,lag for a script\n"
		    "  kgroupctl lag --json | jq '[.groups[].partitions[].lag] | add'",
	.options = option_table,
	.parser = parse,
};

static void set_number(struct table *table, unsigned column, const json_t *object, const char *name)
{
	if (value_is_null(object, name))
		table_set_nothing(table, column);
	else
		table_set_number(table, column, value_number(object, name, 0));
}

static void set_behind(struct table *table, const json_t *partition)
{
	char text[HUMAN_BYTES];

	if (table_is_plain(table) || value_is_null(partition, "behind_s"))
		set_number(table, L_BEHIND, partition, "behind_s");
	else
		table_set(table, L_BEHIND,
			  human_duration(text, value_number(partition, "behind_s", 0)));
}

static void add_partition(struct table *table, const json_t *group, const json_t *partition)
{
	char holder[PERSON_BYTES];

	table_add_row(table);
	table_set(table, L_GROUP, value_text(group, "name", ""));
	table_set(table, L_CLUSTER, value_text(group, "cluster", ""));
	table_set(table, L_TOPIC, value_text(partition, "topic", ""));
	set_number(table, L_PARTITION, partition, "partition");
	set_number(table, L_COMMITTED, partition, "committed");
	set_number(table, L_MARKED, partition, "marked");
	set_number(table, L_END, partition, "end");
	set_number(table, L_LAG, partition, "lag");
	set_behind(table, partition);
	set_number(table, L_IN_FLIGHT, partition, "in_flight");
	table_set(table, L_HOLDER,
		  person_holder(holder, value_number(partition, "holder_pid", 0),
				value_text(partition, "holder_unit", ""),
				value_text(partition, "holder_name", "")));
	table_set(table, L_STATE, value_text(partition, "state", ""));
	set_number(table, L_REDELIVERED, partition, "redelivered");
	table_set(table, L_VERDICT, value_text(partition, "progress", ""));
}

static void add_group(struct table *table, const json_t *group)
{
	json_t *partition;
	size_t i;

	json_array_foreach(value_list(group, "partitions"), i, partition)
		add_partition(table, group, partition);
}

static int print_table(const struct ctl *ctl, json_t *groups, struct trouble *t)
{
	struct table *table;
	json_t *group;
	size_t i, n = 0;
	int r = table_new(&table, ctl, columns, t);

	if (r < 0)
		return r;
	json_array_foreach(groups, i, group)
	{
		add_group(table, group);
		n += json_array_size(value_list(group, "partitions"));
	}
	if (n == 0 && !ctl->quiet)
		fprintf(stderr, "kgroupctl: no partition is held here now; kgroupctl status "
				"says why\n");
	r = table_print(table, stdout);
	table_free(table);
	return r;
}

static int print(const struct ctl *ctl, const struct lag *lag, json_t *answer, struct trouble *t)
{
	json_t *groups = value_list(answer, "groups");
	int r = show_check_group(groups, lag->group, t);

	if (r < 0)
		return r;
	if (ctl->output == CTL_JSON)
		return show_json(answer, lag->watch);
	if (lag->watch && ctl->output == CTL_TABLE && isatty(STDOUT_FILENO))
		printf("\033[H\033[J");
	return print_table(ctl, groups, t);
}

static int ask_and_print(const struct ctl *ctl, const struct lag *lag, struct query *q,
			 struct trouble *t)
{
	json_t *answer = NULL;
	int r = query_ask(q, "lag", lag->group, &answer, t);

	if (r < 0)
		return r;
	trouble_set(t, TROUBLE_OUTPUT, "writing to stdout failed");
	r = print(ctl, lag, answer, t);
	if (r == 0 && fflush(stdout) != 0)
		r = -errno;
	json_decref(answer);
	return r;
}

int cmd_lag(struct ctl *ctl, int argc, char **argv)
{
	struct lag lag = {.interval_ms = DEFAULT_INTERVAL_MS};
	struct trouble t;
	struct query q;
	int r;

	options_parse(ctl, &spec, &lag, argc, argv, false);
	r = query_open(&q, ctl->socket_path, ctl->timeout_ms, &t);
	if (r < 0)
		return trouble_print(&t);
	if (lag.watch)
		stop_init();
	r = ask_and_print(ctl, &lag, &q, &t);
	while (r == 0 && lag.watch && stop_poll(NULL, 0, lag.interval_ms) == 0 && !stop_signal())
		r = ask_and_print(ctl, &lag, &q, &t);
	query_close(&q);
	return r < 0 ? show_fail(lag.group, &t) : 0;
}
