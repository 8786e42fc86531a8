/* SPDX-License-Identifier: MIT */
/*
 * kgroupctl status: one screen that answers "why do I receive nothing?".
 *
 * From the outside to the inside: the daemon, its clusters, its groups, then for every group that
 * has something to say the daemon's own sentence, with the error's code and remedy, then warnings
 * with the command to type next. The sentences are the daemon's, the remedies those of `explain`;
 * only order and form are made here.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client-lib/ctl/group_table.h"
#include "client-lib/ctl/human.h"
#include "client-lib/ctl/options.h"
#include "client-lib/ctl/person.h"
#include "client-lib/ctl/query.h"
#include "client-lib/ctl/show.h"
#include "client-lib/ctl/value.h"

struct status {
	const char *group; /* NULL: all */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct status *status = state->input;

	if (key != ARGP_KEY_ARG || state->arg_num > 0)
		return ARGP_ERR_UNKNOWN;
	status->group = arg;
	return 0;
}

static const struct options_spec spec = {
	.name = "status",
	.arguments = "[GROUP]",
	.summary =
		"Says on one screen how the daemon, its clusters and its groups are. With GROUP\n"
		"or -v also their consumers; with --raw, --pairs or -o only the table of\n"
		"groups.",
	.examples = "  kgroupctl                              everything\n"
		    "  kgroupctl status billing               one group and its consumers\n"
		    "  kgroupctl status -rn -o group,lag      for a script\n"
		    "  kgroupctl --json | jq '.groups[].lag'",
	.parser = parse,
};

/* Only while it is so: why partitions deliver nothing though programs have credit. */
static void print_memory(const json_t *daemon)
{
	long long n = value_number(daemon, "n_paused_for_memory", 0);

	if (n)
		printf("memory is short: %lld partition%s not fetched until there is more\n", n,
		       n == 1 ? " is" : "s are");
}

static void print_daemon(const struct ctl *ctl, const json_t *daemon)
{
	bool on = colour_is_on(ctl, stdout);
	char count[HUMAN_BYTES], size[HUMAN_BYTES], limit[HUMAN_BYTES], time[HUMAN_BYTES];
	const char *state = value_text(daemon, "state", "-");

	printf("%s%s%s %s (librdkafka %s), %s%s%s for %s, pid %lld\n",
	       colour_start(on, COLOUR_STRONG), value_text(daemon, "name", "kgroupd"),
	       colour_end(on), value_text(daemon, "software", "-"),
	       value_text(daemon, "librdkafka", "-"), colour_start(on, colour_of_state(state)),
	       state, colour_end(on), human_duration(time, value_number(daemon, "uptime_s", 0)),
	       (long long)value_number(daemon, "pid", 0));
	printf("memory %s of %s, %s, log level %s, %s\n",
	       human_size(size, value_number(daemon, "rss_bytes", 0)),
	       human_size(limit, value_number(daemon, "memory_limit_bytes", 0)),
	       human_count(count, value_number(daemon, "n_connections", 0), "connection"),
	       value_text(daemon, "log_level", "-"), value_text(daemon, "config", "-"));
	print_memory(daemon);
}

/* A user that came up against its limits, with -v every user. */
static void print_user(const struct ctl *ctl, const json_t *user, const json_t *limits)
{
	char person[PERSON_BYTES], count[HUMAN_BYTES], size[HUMAN_BYTES];
	long long n_full = value_number(user, "in_flight_waits", 0);
	long long n_waits = value_number(user, "requests_waits", 0);

	if (!n_full && !n_waits && !ctl->verbose)
		return;
	printf("user %s: %s of %lld, %s buffered, %lld in flight",
	       person_user(person, value_number(user, "uid", -1)),
	       human_count(count, value_number(user, "connections", 0), "connection"),
	       (long long)value_number(limits, "connections", 0),
	       human_size(size, value_number(user, "buffered_bytes", 0)),
	       (long long)value_number(user, "in_flight", 0));
	if (n_full)
		printf(", held back %lld times at in.flight.per.user", n_full);
	if (n_waits)
		printf(", slowed down %lld times at requests.per.user", n_waits);
	printf("\n");
}

static void print_users(const struct ctl *ctl, const json_t *daemon)
{
	const json_t *limits = json_object_get(daemon, "limits_per_user");
	json_t *user;
	size_t i;

	json_array_foreach(value_list(daemon, "users"), i, user) print_user(ctl, user, limits);
}

/* What the error that lasts means for the reader: its code, how to mend it, where more stands. */
static void print_remedy(const struct ctl *ctl, const json_t *group)
{
	bool on = colour_is_on(ctl, stdout);
	unsigned code = (unsigned)value_number(group, "last_error_code", 0);

	if (!code)
		return;
	printf("    mend: %s (KG-%04u)\n", trouble_hint(code), code);
	printf("    next: %sjournalctl -u kgroupd KGROUP_GROUP=%s -n 20%s\n",
	       colour_start(on, COLOUR_STRONG), value_text(group, "name", ""), colour_end(on));
}

static void print_last_error(const json_t *group, const char *text)
{
	const char *name = value_text(group, "name", "-");
	const char *error = value_text(group, "last_error", "");
	long long n = value_number(group, "errors", 1);

	if (*error && strcmp(error, text) != 0)
		printf(n > 1 ? "%s: last of %lld errors: %s\n" : "%s: %lld error: %s\n", name, n,
		       error);
}

/* "name: text" for each element that has one; below it what a group's error asks for. */
static void print_texts(const struct ctl *ctl, json_t *elements)
{
	json_t *element;
	size_t i;

	json_array_foreach(elements, i, element)
	{
		const char *text = value_text(element, "text", "");
		const char *why = value_text(element, "not_ready", "");

		if (*text)
			printf("%s: %s\n", value_text(element, "name", "-"), text);
		else if (*why)
			printf("%s: not ready: %s\n", value_text(element, "name", "-"), why);
		print_last_error(element, text);
		print_remedy(ctl, element);
	}
}

/* What all members of the group, and who describes it, can read of this host. */
static void print_user_data(json_t *groups)
{
	json_t *group;
	size_t i;

	json_array_foreach(groups, i, group)
	{
		const char *data = value_text(group, "user_data", "");

		if (*data)
			printf("%s: user data: %s\n", value_text(group, "name", "-"), data);
	}
}

static void print_warning(const struct ctl *ctl, const json_t *group, const json_t *warning)
{
	bool on = colour_is_on(ctl, stdout);
	const char *command = value_text(warning, "command", "");

	printf("%swarning:%s %s: %s\n", colour_start(on, COLOUR_WAIT), colour_end(on),
	       value_text(group, "name", "-"), value_text(warning, "text", "-"));
	if (*command)
		printf("    next: %s%s%s\n", colour_start(on, COLOUR_STRONG), command,
		       colour_end(on));
}

static void print_warnings(const struct ctl *ctl, json_t *groups)
{
	json_t *group, *warning;
	size_t i, j;
	bool first = true;

	json_array_foreach(groups, i, group)
	{
		json_array_foreach(value_list(group, "warnings"), j, warning)
		{
			if (first)
				printf("\n");
			first = false;
			print_warning(ctl, group, warning);
		}
	}
}

static void print_no_groups(const struct status *status)
{
	if (!status->group)
		printf("No group is open. A program opens one, or by hand:\n"
		       "    kgroupctl consume GROUP TOPIC\n");
}

static int print_screen(const struct ctl *ctl, const struct status *status, json_t *answer,
			struct trouble *t)
{
	json_t *clusters = value_list(answer, "clusters"), *groups = value_list(answer, "groups");
	int r;

	print_daemon(ctl, json_object_get(answer, "daemon"));
	print_users(ctl, json_object_get(answer, "daemon"));
	printf("\n");
	r = cluster_table_print(ctl, clusters, t);
	print_texts(ctl, clusters);
	printf("\n");
	if (json_array_size(groups) == 0)
		print_no_groups(status);
	if (r == 0)
		r = group_table_print(ctl, groups, t);
	print_texts(ctl, groups);
	print_user_data(groups);
	if (r == 0 && (status->group || ctl->verbose)) {
		printf("\n");
		r = consumer_table_print(ctl, groups, t);
	}
	print_warnings(ctl, groups);
	return r;
}

static int print(const struct ctl *ctl, const struct status *status, json_t *answer,
		 struct trouble *t)
{
	json_t *groups = value_list(answer, "groups");
	int r = show_check_group(groups, status->group, t);

	if (r < 0)
		return r;
	if (ctl->output == CTL_JSON)
		return show_json(answer, false);
	if (ctl->output != CTL_TABLE || ctl->columns)
		return group_table_print(ctl, groups, t);
	return print_screen(ctl, status, answer, t);
}

int cmd_status(struct ctl *ctl, int argc, char **argv)
{
	struct status status = {0};
	struct trouble t;
	json_t *answer = NULL;
	int r;

	options_parse(ctl, &spec, &status, argc, argv, false);
	trouble_set(&t, TROUBLE_OUTPUT, "writing to stdout failed");
	r = query_once(ctl, "status", status.group, &answer, &t);
	if (r == 0)
		r = print(ctl, &status, answer, &t);
	json_decref(answer);
	return r < 0 ? show_fail(status.group, &t) : 0;
}
