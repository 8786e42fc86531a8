/* SPDX-License-Identifier: MIT */
/*
 * kgroupctl topics: which topics there are, as the cluster says now.
 *
 * Only those that the asker may read through the daemon are told. Nothing is opened or joined.
 */
#include "client-lib/ctl/options.h"
#include "client-lib/ctl/scope.h"
#include "client-lib/ctl/show.h"
#include "client-lib/ctl/table.h"
#include "client-lib/ctl/value.h"

static const struct table_column columns[] = {{"topic", 0}, {"partitions", TABLE_RIGHT}, {NULL, 0}};

static const struct argp_option option_table[] = {SCOPE_OPTIONS, {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	return scope_parse(state->input, key, arg);
}

static const struct options_spec spec = {
	.name = "topics",
	.arguments = "",
	.summary = "Lists the topics of the cluster that you may read, and how many partitions\n"
		   "each has.",
	.examples = "  kgroupctl topics                         of the only cluster\n"
		    "  kgroupctl topics --group billing         with the rights of a group\n"
		    "  kgroupctl topics -rn -o topic            names only, for a script\n"
		    "  kgroupctl offsets orders                 the ends of one of them",
	.options = option_table,
	.parser = parse,
};

static int print_table(const struct ctl *ctl, json_t *topics, struct trouble *t)
{
	struct table *table;
	json_t *topic;
	size_t i;
	int r = table_new(&table, ctl, columns, t);

	if (r < 0)
		return r;
	json_array_foreach(topics, i, topic)
	{
		table_add_row(table);
		table_set(table, 0, value_text(topic, "name", ""));
		table_set_number(table, 1, value_number(topic, "partitions", 0));
	}
	if (i == 0 && !ctl->quiet)
		fprintf(stderr, "kgroupctl: the cluster has no topic that you may read\n");
	trouble_set(t, TROUBLE_OUTPUT, "writing to stdout failed");
	r = table_print(table, stdout);
	table_free(table);
	return r;
}

static int print(const struct ctl *ctl, json_t *answer, struct trouble *t)
{
	if (ctl->output != CTL_JSON)
		return print_table(ctl, value_list(answer, "topics"), t);
	trouble_set(t, TROUBLE_OUTPUT, "writing to stdout failed");
	return show_json(answer, false);
}

int cmd_topics(struct ctl *ctl, int argc, char **argv)
{
	struct query_arguments arguments = {0};
	struct scope scope = {0};
	json_t *answer = NULL;
	struct trouble t;
	struct query q;
	int r;

	options_parse(ctl, &spec, &scope, argc, argv, false);
	r = scope_open(&q, ctl, &t);
	if (r < 0)
		return trouble_print(&t);
	scope_put(&scope, &arguments);
	r = query_ask_with(&q, "topics", &arguments, &answer, &t);
	if (r == 0)
		r = print(ctl, answer, &t);
	query_close(&q);
	json_decref(answer);
	return r < 0 ? scope_fail(&scope, &t) : 0;
}
