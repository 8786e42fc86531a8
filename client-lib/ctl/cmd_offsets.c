/* SPDX-License-Identifier: MIT */
/*
 * kgroupctl offsets: where the logs of a topic begin and end, or where they were at a time.
 *
 * One question for the partitions, then one or two for each of them, all on one connection. The
 * answer is gathered as JSON, whose members are named like the columns of the table. A partition
 * without a leader has no offsets now: it is shown, said, and makes the exit code 75.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "client-lib/ctl/moment.h"
#include "client-lib/ctl/options.h"
#include "client-lib/ctl/scope.h"
#include "client-lib/ctl/show.h"
#include "client-lib/ctl/table.h"
#include "client-lib/ctl/value.h"

enum { KEY_AT = 0x600, ALL = -1 };

struct offsets {
	const struct ctl *ctl;
	struct scope scope;
	struct query query;
	const char *topic;
	const char *at; /* earliest or latest; NULL: at_ms, or both */
	int64_t at_ms;	/* since 1970 */
	bool has_time;
	int32_t partition; /* or ALL */
	unsigned n_without_leader;
};

static const struct table_column columns_of_ends[] = {
	{"topic", 0},
	{"partition", TABLE_RIGHT},
	{"leader", TABLE_RIGHT | TABLE_EXTRA},
	{"earliest", TABLE_RIGHT},
	{"latest", TABLE_RIGHT},
	{"messages", TABLE_RIGHT},
	{NULL, 0},
};

static const struct table_column columns_of_a_time[] = {
	{"topic", 0},
	{"partition", TABLE_RIGHT},
	{"leader", TABLE_RIGHT | TABLE_EXTRA},
	{"offset", TABLE_RIGHT},
	{NULL, 0},
};

static const struct argp_option option_table[] = {
	{"at", KEY_AT, "WHEN", 0,
	 "earliest, latest, or a time: -1h, -2d, '2024-05-01 12:30' (local; with Z behind it UTC), "
	 "or milliseconds since 1970",
	 0},
	{"partition", 'p', "N", 0, "of this partition only", 0},
	SCOPE_OPTIONS,
	{0},
};

static void set_time(struct offsets *o, const char *arg)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (moment_parse(arg, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, &o->at_ms) < 0)
		options_refuse("--at: '%s' is neither earliest or latest nor a time like -1h, "
			       "2024-05-01, '2024-05-01 12:30' or milliseconds since 1970",
			       arg);
	o->has_time = true;
}

static void set_at(struct offsets *o, const char *arg)
{
	o->at = NULL;
	o->has_time = false;
	if (strcmp(arg, "earliest") == 0 || strcmp(arg, "oldest") == 0)
		o->at = "earliest";
	else if (strcmp(arg, "latest") == 0 || strcmp(arg, "newest") == 0)
		o->at = "latest";
	else
		set_time(o, arg);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct offsets *o = state->input;

	switch (key) {
	case KEY_AT:
		set_at(o, arg);
		return 0;
	case 'p':
		o->partition = (int32_t)options_number("--partition", arg, 0, INT32_MAX);
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 0)
			return ARGP_ERR_UNKNOWN;
		o->topic = arg;
		return 0;
	case ARGP_KEY_END:
		if (!o->topic)
			options_refuse("which topic?");
		return 0;
	default:
		return scope_parse(&o->scope, key, arg);
	}
}

static const struct options_spec spec = {
	.name = "offsets",
	.arguments = "TOPIC",
	.summary = "Shows where the log of each partition begins and ends (the offset of the next\n"
		   "message to be written), or the first offset at or after a time.",
	.examples = "  kgroupctl offsets orders\n"
		    "  kgroupctl offsets orders --at -1h         where the last hour begins\n"
		    "  kgroupctl offsets orders -p 3 --at latest -rn -o offset\n"
		    "  kgroupctl offsets orders --json | jq '[.partitions[].messages] | add'",
	.options = option_table,
	.parser = parse,
};

/* ---- questions ----------------------------------------------------------------------------------
 */

static int ask_partitions(struct offsets *o, json_t **answer, struct trouble *t)
{
	struct query_arguments a = {0};
	int r;

	query_put_text(&a, "topic", o->topic);
	scope_put(&o->scope, &a);
	r = query_ask_with(&o->query, "partitions", &a, answer, t);
	if (r < 0 && t->code == KGP_E_UNKNOWN_TOPIC)
		trouble_set_how(t, "mend its name or its ACL; kgroupctl topics lists those that "
				   "may be read");
	return r;
}

/* at NULL: the time. The offset becomes member `name` of the row. */
static int ask_offset(struct offsets *o, json_t *row, const char *name, const char *at,
		      struct trouble *t)
{
	struct query_arguments a = {0};
	json_t *answer = NULL;
	int r;

	query_put_text(&a, "topic", o->topic);
	query_put_number(&a, "partition", value_number(row, "partition", 0));
	if (at)
		query_put_text(&a, "at", at);
	else
		query_put_number(&a, "at", o->at_ms);
	scope_put(&o->scope, &a);
	r = query_ask_with(&o->query, "offset", &a, &answer, t);
	if (r == 0)
		json_object_set(row, name, json_object_get(answer, "offset"));
	json_decref(answer);
	return r;
}

static int ask_ends(struct offsets *o, json_t *row, struct trouble *t)
{
	int64_t earliest, latest;
	int r = ask_offset(o, row, "earliest", "earliest", t);

	if (r == 0)
		r = ask_offset(o, row, "latest", "latest", t);
	earliest = value_number(row, "earliest", -1);
	latest = value_number(row, "latest", -1);
	if (r == 0 && earliest >= 0 && latest >= earliest)
		json_object_set_new(row, "messages", json_integer(latest - earliest));
	return r;
}

static int complete(struct offsets *o, json_t *row, struct trouble *t)
{
	if (value_is_null(row, "leader")) {
		o->n_without_leader++;
		if (!o->ctl->quiet)
			fprintf(stderr,
				"kgroupctl: %s/%lld has no leader now: its offsets are not known\n",
				o->topic, (long long)value_number(row, "partition", -1));
		return 0;
	}
	if (o->at || o->has_time)
		return ask_offset(o, row, "offset", o->at, t);
	return ask_ends(o, row, t);
}

static int refuse_partition(const struct offsets *o, size_t n, struct trouble *t)
{
	trouble_set(t, KGP_E_UNKNOWN_TOPIC, "topic '%s' has no partition %d", o->topic,
		    o->partition);
	trouble_set_why(t, "it has %zu, numbered from 0", n);
	trouble_set_how(t, "kgroupctl offsets %s", o->topic);
	return -ENOENT;
}

/* What is asked for of the answer's partitions, with their offsets. */
static int gather(struct offsets *o, json_t *partitions, json_t *rows, struct trouble *t)
{
	json_t *row;
	size_t i;
	int r = 0;

	json_array_foreach(partitions, i, row)
	{
		if (o->partition != ALL && value_number(row, "partition", ALL) != o->partition)
			continue;
		json_array_append(rows, row);
		r = complete(o, row, t);
		if (r < 0)
			return r;
	}
	return o->partition != ALL && !json_array_size(rows) ? refuse_partition(o, i, t) : 0;
}

/* ---- output -------------------------------------------------------------------------------------
 */

static void fill(struct table *table, const struct table_column *columns, const json_t *row)
{
	unsigned i;

	for (i = 1; columns[i].name; i++) {
		if (value_is_null(row, columns[i].name))
			table_set_nothing(table, i);
		else
			table_set_number(table, i, value_number(row, columns[i].name, 0));
	}
}

static int print_table(const struct offsets *o, json_t *rows, struct trouble *t)
{
	bool one = o->at || o->has_time;
	const struct table_column *columns = one ? columns_of_a_time : columns_of_ends;
	struct table *table;
	json_t *row;
	size_t i;
	int r = table_new(&table, o->ctl, columns, t);

	if (r < 0)
		return r;
	json_array_foreach(rows, i, row)
	{
		table_add_row(table);
		table_set(table, 0, o->topic);
		fill(table, columns, row);
	}
	trouble_set(t, TROUBLE_OUTPUT, "writing to stdout failed");
	r = table_print(table, stdout);
	table_free(table);
	return r;
}

static int print(const struct offsets *o, json_t *rows, struct trouble *t)
{
	json_t *all;
	int r;

	if (o->ctl->output != CTL_JSON)
		return print_table(o, rows, t);
	all = json_pack("{s:s, s:O}", "topic", o->topic, "partitions", rows);
	if (o->at)
		json_object_set_new(all, "at", json_string(o->at));
	if (o->has_time)
		json_object_set_new(all, "at", json_integer(o->at_ms));
	trouble_set(t, TROUBLE_OUTPUT, "writing to stdout failed");
	r = show_json(all, false);
	json_decref(all);
	return r;
}

static int run(struct offsets *o, struct trouble *t)
{
	json_t *answer = NULL, *rows = json_array();
	int r = ask_partitions(o, &answer, t);

	if (r == 0)
		r = gather(o, value_list(answer, "partitions"), rows, t);
	if (r == 0)
		r = print(o, rows, t);
	json_decref(rows);
	json_decref(answer);
	return r;
}

int cmd_offsets(struct ctl *ctl, int argc, char **argv)
{
	struct offsets o = {.ctl = ctl, .partition = ALL};
	struct trouble t;
	int r;

	options_parse(ctl, &spec, &o, argc, argv, false);
	r = scope_open(&o.query, ctl, &t);
	if (r < 0)
		return trouble_print(&t);
	r = run(&o, &t);
	query_close(&o.query);
	if (r < 0)
		return scope_fail(&o.scope, &t);
	return o.n_without_leader ? EX_TEMPFAIL : 0;
}
