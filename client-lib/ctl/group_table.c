/* SPDX-License-Identifier: MIT */
/*
 * The three tables of status: clusters, groups, consumers.
 *
 * Only the groups' takes -o; it is what scripts read. A cell that the daemon said nothing about is
 * "-". Reads the answer, owns nothing of it.
 */
#include "client-lib/ctl/group_table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client-lib/ctl/human.h"
#include "client-lib/ctl/person.h"
#include "client-lib/ctl/value.h"

enum { LIST_BYTES = 512 };

static const struct table_column cluster_columns[] = {
	{"cluster", 0}, {"state", 0}, {"brokers", TABLE_CUT}, {NULL, 0}};

enum group_column {
	G_GROUP,
	G_GROUP_ID,
	G_CLUSTER,
	G_STATE,
	G_PARTITIONS,
	G_LAG,
	G_IN_FLIGHT,
	G_CONSUMERS,
	G_STRATEGY,
	G_INITIAL,
	G_INSTANCE,
	G_USER_DATA,
	G_ERRORS,
	G_REDELIVERED,
	G_TOPICS,
};

static const struct table_column group_columns[] = {
	[G_GROUP] = {"group", 0},
	[G_GROUP_ID] = {"group-id", TABLE_EXTRA},
	[G_CLUSTER] = {"cluster", 0},
	[G_STATE] = {"state", 0},
	[G_PARTITIONS] = {"partitions", TABLE_RIGHT},
	[G_LAG] = {"lag", TABLE_RIGHT},
	[G_IN_FLIGHT] = {"in-flight", TABLE_RIGHT},
	[G_CONSUMERS] = {"consumers", TABLE_RIGHT},
	[G_STRATEGY] = {"strategy", TABLE_EXTRA},
	[G_INITIAL] = {"initial-offset", TABLE_EXTRA},
	[G_INSTANCE] = {"instance-id", TABLE_EXTRA},
	[G_USER_DATA] = {"user-data", TABLE_EXTRA},
	[G_ERRORS] = {"errors", TABLE_RIGHT | TABLE_EXTRA},
	[G_REDELIVERED] = {"redelivered", TABLE_RIGHT | TABLE_EXTRA},
	[G_TOPICS] = {"topics", TABLE_CUT},
	{NULL, 0},
};

enum consumer_column {
	C_GROUP,
	C_HOLDER,
	C_USER,
	C_LANGUAGE,
	C_CLAIMS,
	C_IN_FLIGHT,
	C_CREDIT,
	C_PAUSED,
	C_CONNECTED,
	C_TOPICS,
};

static const struct table_column consumer_columns[] = {
	[C_GROUP] = {"group", 0},
	[C_HOLDER] = {"holder", 0},
	[C_USER] = {"user", 0},
	[C_LANGUAGE] = {"language", 0},
	[C_CLAIMS] = {"claims", TABLE_RIGHT},
	[C_IN_FLIGHT] = {"in-flight", TABLE_RIGHT},
	[C_CREDIT] = {"credit", TABLE_RIGHT},
	[C_PAUSED] = {"paused", 0},
	[C_CONNECTED] = {"connected", TABLE_RIGHT},
	[C_TOPICS] = {"topics", TABLE_CUT},
	{NULL, 0},
};

static void set_field(struct table *table, unsigned column, const json_t *object, const char *name)
{
	if (json_is_integer(json_object_get(object, name)))
		table_set_number(table, column, value_number(object, name, 0));
	else
		table_set(table, column, value_text(object, name, ""));
}

/* "a,b"; what does not fit is cut. Before, item and after are one. */
static void add_item(char list[LIST_BYTES], const char *before, const char *item, const char *after)
{
	size_t used = strlen(list);

	snprintf(list + used, LIST_BYTES - used, "%s%s%s%s", used ? "," : "", before, item, after);
}

static void add_items(char list[LIST_BYTES], json_t *items)
{
	json_t *item;
	size_t i;

	json_array_foreach(items, i, item)
		add_item(list, "", json_is_string(item) ? json_string_value(item) : "?", "");
}

/* Names, then /what is included/ and !/what is excluded/. */
static void set_wanted_topics(struct table *table, const json_t *consumer)
{
	const char *include = value_text(consumer, "topics_include", "");
	const char *exclude = value_text(consumer, "topics_exclude", "");
	char text[LIST_BYTES] = "";

	add_items(text, value_list(consumer, "topics"));
	if (*include)
		add_item(text, "/", include, "/");
	if (*exclude)
		add_item(text, "!/", exclude, "/");
	table_set(table, C_TOPICS, text);
}

static void set_list(struct table *table, unsigned column, json_t *list)
{
	char text[LIST_BYTES] = "";

	add_items(text, list);
	table_set(table, column, text);
}

static void set_state(struct table *table, unsigned column, const json_t *object)
{
	const char *state = value_text(object, "state", "-");

	table_set(table, column, state);
	table_colour(table, column, colour_of_state(state));
}

/* Fills one row from one element. */
typedef void (*row_fn)(struct table *table, json_t *element);

static int print_rows(struct table *table, json_t *elements, row_fn fill)
{
	json_t *element;
	size_t i;

	json_array_foreach(elements, i, element)
	{
		table_add_row(table);
		fill(table, element);
	}
	return table_print(table, stdout);
}

static void fill_cluster(struct table *table, json_t *cluster)
{
	set_field(table, 0, cluster, "name");
	set_state(table, 1, cluster);
	set_field(table, 2, cluster, "bootstrap");
}

static void fill_group(struct table *table, json_t *group)
{
	set_field(table, G_GROUP, group, "name");
	set_field(table, G_GROUP_ID, group, "group_id");
	set_field(table, G_CLUSTER, group, "cluster");
	set_state(table, G_STATE, group);
	set_field(table, G_PARTITIONS, group, "n_partitions");
	set_field(table, G_LAG, group, "lag");
	set_field(table, G_IN_FLIGHT, group, "in_flight");
	set_field(table, G_CONSUMERS, group, "n_consumers");
	set_field(table, G_STRATEGY, group, "strategy");
	set_field(table, G_INITIAL, group, "initial_offset");
	set_field(table, G_INSTANCE, group, "instance_id");
	set_field(table, G_USER_DATA, group, "user_data");
	set_field(table, G_ERRORS, group, "errors");
	set_field(table, G_REDELIVERED, group, "n_redelivered");
	set_list(table, G_TOPICS, value_list(group, "topics"));
}

/* paused: how many claims, or whether at all. */
static void set_paused(struct table *table, json_t *consumer)
{
	const json_t *paused = json_object_get(consumer, "paused");

	if (json_is_boolean(paused))
		table_set(table, C_PAUSED, json_is_true(paused) ? "yes" : "-");
	else
		set_field(table, C_PAUSED, consumer, "paused");
}

static void fill_consumer(struct table *table, json_t *consumer)
{
	char who[PERSON_BYTES], since[HUMAN_BYTES];

	table_set(table, C_HOLDER,
		  person_holder(who, value_number(consumer, "pid", 0),
				value_text(consumer, "unit", ""),
				value_text(consumer, "name", "")));
	table_set(table, C_USER, person_user(who, value_number(consumer, "uid", -1)));
	set_field(table, C_LANGUAGE, consumer, "language");
	set_field(table, C_CLAIMS, consumer, "n_claims");
	set_field(table, C_IN_FLIGHT, consumer, "in_flight");
	set_field(table, C_CREDIT, consumer, "credit_messages");
	set_paused(table, consumer);
	if (value_is_null(consumer, "connected_s"))
		table_set_nothing(table, C_CONNECTED);
	else
		table_set(table, C_CONNECTED,
			  human_duration(since, value_number(consumer, "connected_s", 0)));
	set_wanted_topics(table, consumer);
}

static int told(int r, struct trouble *t)
{
	if (r == -EIO)
		trouble_set(t, TROUBLE_OUTPUT, "writing to stdout failed");
	return r;
}

int cluster_table_print(const struct ctl *ctl, json_t *clusters, struct trouble *t)
{
	struct table *table;
	int r = table_new(&table, ctl, cluster_columns, t);

	if (r < 0)
		return r;
	r = told(print_rows(table, clusters, fill_cluster), t);
	table_free(table);
	return r;
}

int group_table_print(const struct ctl *ctl, json_t *groups, struct trouble *t)
{
	struct table *table;
	int r = table_new(&table, ctl, group_columns, t);

	if (r < 0)
		return r;
	r = told(print_rows(table, groups, fill_group), t);
	table_free(table);
	return r;
}

static void add_consumers(struct table *table, json_t *group)
{
	json_t *consumer;
	size_t i;

	json_array_foreach(value_list(group, "consumers"), i, consumer)
	{
		table_add_row(table);
		set_field(table, C_GROUP, group, "name");
		fill_consumer(table, consumer);
	}
}

int consumer_table_print(const struct ctl *ctl, json_t *groups, struct trouble *t)
{
	struct table *table;
	json_t *group;
	size_t i;
	int r = table_new(&table, ctl, consumer_columns, t);

	if (r < 0)
		return r;
	json_array_foreach(groups, i, group) add_consumers(table, group);
	r = told(table_print(table, stdout), t);
	table_free(table);
	return r;
}
