/* SPDX-License-Identifier: MIT */
/*
 * kgroupctl consume: a real consumer of a group, in a shell.
 *
 * It takes partitions from its siblings on this host like any program, marks what it has written,
 * and gives everything back on HUP, INT and TERM with exit code 0; before it is a consumer, signals
 * do what they always do. Brokers are the daemon's business, so there is no option for them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client-lib/ctl/colour.h"
#include "client-lib/ctl/options.h"
#include "client-lib/ctl/query.h"
#include "client-lib/ctl/reach.h"
#include "client-lib/ctl/rebalance.h"
#include "client-lib/ctl/receiver.h"
#include "client-lib/ctl/stop.h"
#include "client-lib/ctl/value.h"

enum {
	KEY_NO_MARK = 0x300,
	KEY_SET,
	KEY_EARLIEST,
	KEY_LATEST,
	KEY_CLUSTER,
	KEY_INCLUDE,
	KEY_EXCLUDE,
	KEY_NOTIFICATIONS
};
enum { SETTLE_MS = 300, IDLE_MS = 1000, NO_CLAIM_MS = 3000, AT_END_TURN_MS = 100 };
enum { OPEN_MS = 300, PATIENCE_MS = 1000, STATE_BYTES = 512 };

struct consume {
	const struct ctl *ctl;
	const char *group;
	char **topics; /* argv's, or of topic_list */
	size_t n_topics;
	json_t *topic_list;	    /* owned: topics that the daemon named */
	struct kg_options *options; /* owned */
	struct receiver receiver;
	struct ends ends;
	bool at_end;		/* -e */
	bool has_pattern;	/* topics.include */
	bool wants_rebalances;	/* in words */
	bool has_notifications; /* the setting was named, one way or the other */
	char said[STATE_BYTES]; /* of the state or the group's last error; "": nothing yet */
	int64_t opened_ms, asked_ms;
	int64_t waits_since_ms; /* for the group to be joined; 0: it is */
};

static const struct argp_option option_table[] = {
	{"count", 'c', "N", 0, "end after N messages", 0},
	{"exit", 'e', NULL, 0, "end at the end that the partitions have at the start", 0},
	{"format", 'f', "FMT", 0,
	 "print as kcat does: %s value, %k key, %t topic, %p partition, %o "
	 "offset, %T timestamp, %h headers, %S %K lengths, \\n \\t",
	 0},
	{"no-mark", KEY_NO_MARK, NULL, 0, "mark nothing: all of it comes again, here or elsewhere",
	 0},
	{"earliest", KEY_EARLIEST, NULL, 0, "initial.offset=earliest (also --oldest)", 0},
	{"oldest", KEY_EARLIEST, NULL, OPTION_ALIAS | OPTION_HIDDEN, NULL, 0},
	{"latest", KEY_LATEST, NULL, 0, "initial.offset=latest (also --newest)", 0},
	{"newest", KEY_LATEST, NULL, OPTION_ALIAS | OPTION_HIDDEN, NULL, 0},
	{"cluster", KEY_CLUSTER, "NAME", 0, "cluster of the daemon's file", 0},
	{"include", KEY_INCLUDE, "PATTERN", 0,
	 "also topics with PATTERN (PCRE2) anywhere in their names, new ones too: "
	 "topics.include=PATTERN",
	 0},
	{"exclude", KEY_EXCLUDE, "PATTERN", 0,
	 "of those none with PATTERN in their names: topics.exclude=PATTERN", 0},
	{"notifications", KEY_NOTIFICATIONS, NULL, 0,
	 "say rebalances, with what came and went: notifications=yes; so does -v", 0},
	{"set", KEY_SET, "NAME=VALUE", 0, "an option of libkgroup(3) or a setting of the group", 0},
	{0},
};

static void set_option(struct consume *consume, const char *name, const char *value)
{
	struct kg_error error;

	if (kg_options_set(consume->options, name, value, &error) < 0)
		options_refuse("%s", error.text);
	if (strcmp(name, "mode") == 0 && strcmp(value, "multiplexed") != 0)
		options_refuse("mode is '%s', but a terminal is one stream: it is multiplexed here",
			       value);
	if (strcmp(name, "topics.include") == 0)
		consume->has_pattern = true;
	if (strcmp(name, "notifications") == 0)
		consume->has_notifications = true;
}

static void set_pair(struct consume *consume, char *pair)
{
	char *equals = strchr(pair, '=');

	if (!equals || equals == pair)
		options_refuse("--set: '%s' is not NAME=VALUE", pair);
	*equals = '\0';
	set_option(consume, pair, equals + 1);
}

static void set_format(struct consume *consume, const char *source)
{
	struct printer *printer = &consume->receiver.printer;
	char why[256] = "out of memory";

	format_deinit(&printer->format);
	if (format_init(&printer->format, source, why, sizeof(why)) < 0)
		options_refuse("--format: %s", why);
	printer->form = PRINTER_FORMAT;
}

static void check_arguments(struct consume *consume)
{
	struct kg_error error;

	if (!consume->group)
		options_refuse("which group?");
	if (kg_options_validate(consume->options, &error) < 0)
		options_refuse("%s", error.text);
}

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
	struct consume *consume = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		consume->group = arg;
		consume->topics = state->argv + state->next;
		consume->n_topics = (size_t)(state->argc - state->next);
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
	case ARGP_KEY_END:
		check_arguments(consume);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct consume *consume = state->input;

	switch (key) {
	case 'c':
		consume->receiver.n_left = (uint64_t)options_number("--count", arg, 1, INT64_MAX);
		return 0;
	case 'e':
		consume->at_end = true;
		return 0;
	case 'f':
		set_format(consume, arg);
		return 0;
	case KEY_NO_MARK:
		consume->receiver.mark = false;
		return 0;
	case KEY_EARLIEST:
		set_option(consume, "initial.offset", "earliest");
		return 0;
	case KEY_LATEST:
		set_option(consume, "initial.offset", "latest");
		return 0;
	case KEY_CLUSTER:
		set_option(consume, "cluster", arg);
		return 0;
	case KEY_INCLUDE:
		set_option(consume, "topics.include", arg);
		return 0;
	case KEY_EXCLUDE:
		set_option(consume, "topics.exclude", arg);
		return 0;
	case KEY_NOTIFICATIONS:
		consume->wants_rebalances = true;
		set_option(consume, "notifications", "yes");
		return 0;
	case KEY_SET:
		set_pair(consume, arg);
		return 0;
	default:
		return parse_argument(key, arg, state);
	}
}

static const struct options_spec spec = {
	.name = "consume",
	.arguments = "GROUP [TOPIC...]",
	.summary = "Joins the consumers of GROUP, prints the messages of TOPICs and marks each\n"
		   "once it is printed. With neither TOPIC nor --include: those that the group\n"
		   "reads already. Ctrl-C gives everything back.",
	.examples = "  kgroupctl consume billing orders          topic/partition/offset TAB value\n"
		    "  kgroupctl consume billing orders -c 10 --earliest\n"
		    "  kgroupctl consume billing --include '^shop-' --exclude '-test$'\n"
		    "  kgroupctl consume billing orders -e -f '%k: %s\\n'\n"
		    "  kgroupctl consume billing orders --json --no-mark | jq .value",
	.options = option_table,
	.parser = parse,
};

/* ---- words --------------------------------------------------------------------------------------
 */

static void say_claim(const struct kg_event *event, const char *what)
{
	fprintf(stderr, "kgroupctl: %s %s/%d\n", what, event->topic, event->partition);
}

static void say_error(struct consume *consume, const struct kg_event *event)
{
	snprintf(consume->said, sizeof(consume->said), "%s", event->error.text);
	fprintf(stderr, "kgroupctl: %s error", event->context ? event->context : "group");
	if (event->topic)
		fprintf(stderr, " on %s/%d", event->topic, event->partition);
	fprintf(stderr, ": %s", event->error.text);
	if (event->error.code > -100)
		fprintf(stderr, " (KG-%04d)", -event->error.code);
	fputc('\n', stderr);
	if (*event->error.hint)
		fprintf(stderr, "  mend: %s\n", event->error.hint);
}

/* Each text once: the library tells a state again after a claim, and an error has been told. */
static void say_state(struct consume *consume)
{
	const char *text = NULL;

	if (kg_consumer_state(consume->receiver.consumer, &text) == KG_STATE_JOINED)
		text = "joined";
	if (!text || !*text || strncmp(text, consume->said, STATE_BYTES - 1) == 0)
		return;
	snprintf(consume->said, sizeof(consume->said), "%s", text);
	fprintf(stderr, "kgroupctl: %s: %s\n", consume->group, text);
}

/* Who sees no messages wants to know why, soon and without -v; a join takes moments only. */
static void follow_state(struct consume *consume)
{
	enum kg_state state = kg_consumer_state(consume->receiver.consumer, NULL);
	int64_t now_ms = receiver_now_ms();

	if (state == KG_STATE_JOINED) {
		if (consume->waits_since_ms && !consume->ctl->quiet)
			say_state(consume);
		consume->waits_since_ms = 0;
		return;
	}
	if (!consume->waits_since_ms)
		consume->waits_since_ms = now_ms;
	if (!consume->ctl->quiet && now_ms - consume->waits_since_ms >= PATIENCE_MS)
		say_state(consume);
}

/* How long a turn may last before follow_state() or is_at_end() are due; -1: for ever. */
static int turn_ms(const struct consume *consume)
{
	int64_t left_ms = consume->waits_since_ms + PATIENCE_MS - receiver_now_ms();

	if (consume->at_end)
		return AT_END_TURN_MS;
	return consume->waits_since_ms && left_ms > 0 ? (int)left_ms : -1;
}

static void on_event(void *context, const struct kg_event *event)
{
	struct consume *consume = context;

	if (event->type == KG_EVENT_ERROR && !consume->ctl->quiet)
		say_error(consume, event);
	if (event->type == KG_EVENT_NOTIFICATION && consume->wants_rebalances)
		rebalance_print(event, stderr);
	if (!consume->ctl->verbose)
		return;
	switch (event->type) {
	case KG_EVENT_STATE:
		say_state(consume);
		break;
	case KG_EVENT_ASSIGNED:
		say_claim(event, "claimed");
		break;
	case KG_EVENT_RELEASING:
		say_claim(event, "releasing");
		break;
	case KG_EVENT_RELEASED:
		say_claim(event, "released");
		break;
	default:
		break;
	}
}

/* ---- the end of -e ------------------------------------------------------------------------------
 */

static void learn_partition(struct consume *consume, const json_t *partition)
{
	const char *topic = value_text(partition, "topic", "");
	int32_t number = (int32_t)value_number(partition, "partition", -1);

	ends_learn(&consume->ends, topic, number, value_number(partition, "end", -1));
	if (consume->receiver.mark)
		ends_advance(&consume->ends, topic, number,
			     value_number(partition, "committed", -1));
}

/* Where the last offsets hold no message, the daemon's committed position passes them. */
static void ask_for_ends(struct consume *consume)
{
	json_t *answer = NULL, *group, *partition;
	struct trouble unused;
	size_t i, j;

	consume->asked_ms = receiver_now_ms();
	if (query_once(consume->ctl, "lag", consume->group, &answer, &unused) < 0)
		return;
	json_array_foreach(value_list(answer, "groups"), i, group)
	{
		json_array_foreach(value_list(group, "partitions"), j, partition)
			learn_partition(consume, partition);
	}
	json_decref(answer);
}

/* Claims come one by one: the end is looked for once none has come for a while. */
static bool is_at_end(struct consume *consume)
{
	int64_t now_ms = receiver_now_ms(), since_ms = consume->receiver.claims_changed_ms;
	const char *text;

	if (!consume->at_end)
		return false;
	if (since_ms == 0) {
		if (kg_consumer_state(consume->receiver.consumer, &text) != KG_STATE_JOINED)
			consume->opened_ms = now_ms;
		return now_ms - consume->opened_ms > NO_CLAIM_MS;
	}
	if (now_ms - since_ms < SETTLE_MS)
		return false;
	if (!ends_are_reached(&consume->ends) && now_ms - consume->asked_ms > IDLE_MS)
		ask_for_ends(consume);
	return ends_are_reached(&consume->ends);
}

/* ---- running ------------------------------------------------------------------------------------
 */

/*
 * The library waits in silence until the group is joined. So it is given moments, and receive()
 * says what the group waits for; only a daemon that does not answer gets a longer try, up to
 * --timeout.
 */
static int try_to_open(struct consume *consume, struct kg_error *error)
{
	int64_t start_ms = receiver_now_ms(), end_ms = start_ms + consume->ctl->timeout_ms;
	int64_t try_ms = OPEN_MS, now_ms = start_ms;
	char timeout[32];
	int r;

	do {
		start_ms = now_ms;
		try_ms = try_ms < end_ms - now_ms ? try_ms : end_ms - now_ms;
		snprintf(timeout, sizeof(timeout), "%lldms", (long long)try_ms);
		kg_options_set(consume->options, "open.timeout", timeout, NULL);
		r = kg_consumer_open(&consume->receiver.consumer, consume->group,
				     (const char *const *)consume->topics, consume->n_topics,
				     consume->options, error);
		now_ms = receiver_now_ms();
		if (r == 0 || now_ms - start_ms < try_ms) /* or refused, which stays so */
			break;
		try_ms *= 2;
	} while (now_ms < end_ms);
	return r;
}

static int open_consumer(struct consume *consume, struct trouble *t)
{
	const char *socket_path = consume->ctl->socket_path;
	struct kg_error error;
	char what[300];

	snprintf(what, sizeof(what), "cannot consume '%s'", consume->group);
	kg_options_set(consume->options, "socket", socket_path, NULL);
	kg_options_set(consume->options, "errors", "yes", NULL);
	if (consume->ctl->verbose && !consume->has_notifications) {
		consume->wants_rebalances = true;
		kg_options_set(consume->options, "notifications", "yes", NULL);
	}
	if (reach_check(socket_path, t) < 0)
		return -1;
	consume->waits_since_ms = receiver_now_ms();
	if (try_to_open(consume, &error) < 0)
		return receiver_explain(&error, what, socket_path, t);
	consume->opened_ms = receiver_now_ms();
	return 0;
}

static int ask_for_topics(const struct consume *consume, struct trouble *t)
{
	trouble_set(t, KGP_E_NO_TOPICS, "which topics of '%s'?", consume->group);
	trouble_set_why(t, "none is named, and the group reads none now");
	trouble_set_how(t, "kgroupctl consume %s TOPIC", consume->group);
	t->exit_code = EX_USAGE;
	return -EINVAL;
}

/* What the group reads already, so that a look at a running group needs no topic. */
static int find_topics(struct consume *consume, struct trouble *t)
{
	json_t *answer = NULL, *list;
	size_t i;
	int r = query_once(consume->ctl, "status", consume->group, &answer, t);

	if (r < 0)
		return t->code == KGP_E_NO_GROUP ? ask_for_topics(consume, t) : r;
	list = value_list(json_array_get(value_list(answer, "groups"), 0), "topics");
	consume->topic_list = json_incref(list);
	consume->topics = calloc(json_array_size(list) + 1, sizeof(*consume->topics));
	for (i = 0; consume->topics && i < json_array_size(list); i++)
		consume->topics[consume->n_topics++] =
			(char *)json_string_value(json_array_get(list, i));
	json_decref(answer);
	return consume->n_topics ? 0 : ask_for_topics(consume, t);
}

static int receive(struct consume *consume, struct trouble *t)
{
	int r = 0;

	while (r == 0 && !stop_signal() && consume->receiver.n_left > 0 && !is_at_end(consume)) {
		follow_state(consume);
		r = receiver_turn(&consume->receiver, NULL, 0, turn_ms(consume), t);
	}
	return r;
}

/* An error that came first is the one to tell, and a message not marked comes again anyway. */
static int run(struct consume *consume)
{
	struct trouble t = {0}, at_close;
	int r = consume->n_topics || consume->has_pattern ? 0 : find_topics(consume, &t);

	if (r == 0)
		r = open_consumer(consume, &t);
	if (r < 0) {
		t.exit_code = t.exit_code == CTL_EXIT_NO ? EX_UNAVAILABLE : t.exit_code;
		return trouble_print(&t);
	}
	stop_init();
	r = receive(consume, &t);
	if (receiver_close(&consume->receiver, &at_close) < 0 && r == 0) {
		r = -1;
		t = at_close;
	}
	if (r < 0)
		return t.code ? trouble_print(&t) : t.exit_code;
	return 0;
}

int cmd_consume(struct ctl *ctl, int argc, char **argv)
{
	struct consume consume = {.ctl = ctl, .options = kg_options_new()};
	int exit_code;

	consume.receiver = (struct receiver){.out = stdout,
					     .mark = true,
					     .n_left = UINT64_MAX,
					     .on_event = on_event,
					     .context = &consume};
	options_parse(ctl, &spec, &consume, argc, argv, false);
	if (ctl->output == CTL_JSON)
		consume.receiver.printer.form = PRINTER_JSON;
	consume.receiver.printer.colours = colour_is_on(ctl, stdout);
	consume.receiver.ends = consume.at_end ? &consume.ends : NULL;
	exit_code = run(&consume);
	if (consume.topic_list)
		free(consume.topics);
	json_decref(consume.topic_list);
	ends_deinit(&consume.ends);
	format_deinit(&consume.receiver.printer.format);
	kg_options_free(consume.options);
	return exit_code;
}
