/* SPDX-License-Identifier: MIT */
/*
 * Command lines.
 *
 * Global options stand before or behind the command's name: each command's parser is an argp with
 * two children, the command's own options and the global ones. -h is short and ends with examples,
 * --help is everything. What is wrong with a command line is said in the style of every other error
 * and ends the process with 64 here, before anything was opened; nothing else in the tool exits.
 */
#include "client-lib/ctl/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client-lib/ctl/trouble.h"

#define DEFAULT_SOCKET "/run/kgroupd/kgroupd.sock"

enum { DEFAULT_TIMEOUT_MS = 10000, MAX_TIMEOUT_MS = 24 * 3600 * 1000 };
/* Of the command line being parsed: argp hands an error nothing that reaches here. */
static const struct options_spec *parsed;
static const struct argp *parsed_root;

enum { KEY_COLOUR = 0x100, KEY_TIMEOUT, KEY_HELP };

static const struct argp_option global_table[] = {
	{NULL, 'h', NULL, 0, "short help with examples", -1},
	{"help", KEY_HELP, NULL, 0, "this help", -1},
	{"version", 'V', NULL, 0, "the version of this tool", -1},
	{"socket", 'S', "PATH", 0, "the daemon's socket ($KGROUP_SOCKET, " DEFAULT_SOCKET ")", 0},
	{"json", 'J', NULL, 0, "JSON", 0},
	{"raw", 'r', NULL, 0, "columns separated by one blank, plain numbers", 0},
	{"pairs", 'P', NULL, 0, "COLUMN=\"value\" pairs", 0},
	{"noheadings", 'n', NULL, 0, "no headings", 0},
	{"columns", 'o', "LIST", 0, "which columns, as in topic,lag; +LIST adds to the usual", 0},
	{"color", KEY_COLOUR, "WHEN", 0, "auto, always or never; $NO_COLOR is never", 0},
	{"timeout", KEY_TIMEOUT, "TIME", 0, "how long to wait for the daemon (10s)", 0},
	{"yes", 'y', NULL, 0, "never ask", 0},
	{"quiet", 'q', NULL, 0, "errors only, no other words on stderr", 0},
	{"verbose", 'v', NULL, 0, "more words", 0},
	{0},
};

void options_refuse(const char *what, ...)
{
	const char *name = parsed->name, *arguments = parsed->arguments;
	struct trouble t;
	char text[sizeof(t.what)];
	va_list ap;

	va_start(ap, what);
	vsnprintf(text, sizeof(text), what, ap);
	va_end(ap);
	trouble_set(&t, TROUBLE_USAGE, "%s", text);
	trouble_set_why(&t, "usage: kgroupctl %s%s%s", name ? name : "[OPTION...]",
			*arguments ? " " : "", arguments);
	trouble_set_how(&t, "kgroupctl %s%s-h shows examples", name ? name : "", name ? " " : "");
	exit(trouble_print(&t));
}

long options_number(const char *what, const char *text, long min, long max)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (errno || end == text || *end || number < min || number > max)
		options_refuse("%s: '%s' is not a number from %ld to %ld", what, text, min, max);
	return number;
}

int options_duration_ms(const char *what, const char *text)
{
	static const struct {
		const char *unit;
		double ms;
	} units[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
	char *end;
	double number = strtod(text, &end);
	size_t i;

	for (i = 0; end != text && i < sizeof(units) / sizeof(units[0]); i++) {
		double ms = number * units[i].ms;

		if (strcmp(end, units[i].unit) == 0 && ms >= 1 && ms <= MAX_TIMEOUT_MS)
			return (int)ms;
	}
	options_refuse("%s: '%s' is not a time like 250ms, 5s or 2m", what, text);
}

static enum ctl_when parse_when(const char *arg)
{
	if (strcmp(arg, "auto") == 0)
		return CTL_AUTO;
	if (strcmp(arg, "always") == 0)
		return CTL_ALWAYS;
	if (strcmp(arg, "never") == 0)
		return CTL_NEVER;
	options_refuse("--color: '%s' is none of auto, always and never", arg);
}

static void print_commands(FILE *out)
{
	const struct command *command;

	fprintf(out, "\nCommands:\n");
	for (command = command_table; command->name; command++)
		fprintf(out, "  %-13s %s\n", command->name, command->summary);
}

static void short_help(const struct options_spec *spec)
{
	printf("Usage: kgroupctl %s%s[OPTION...] %s\n%s\n", spec->name ? spec->name : "",
	       spec->name ? " " : "", spec->arguments, spec->summary);
	if (!spec->name)
		print_commands(stdout);
	printf("\nExamples:\n%s\n", spec->examples);
	printf("\n'kgroupctl %s%s--help' lists all options; kgroupctl(1) explains them.\n",
	       spec->name ? spec->name : "", spec->name ? " " : "");
	exit(0);
}

static void long_help(const struct options_spec *spec)
{
	char name[64];

	snprintf(name, sizeof(name), "kgroupctl%s%s", spec->name ? " " : "",
		 spec->name ? spec->name : "");
	argp_help(parsed_root, stdout, ARGP_HELP_STD_HELP, name);
	exit(0);
}

static error_t parse_global(int key, char *arg, struct argp_state *state)
{
	struct ctl *ctl = state->input;

	switch (key) {
	case 'h':
		short_help(parsed);
		return 0;
	case KEY_HELP:
		long_help(parsed);
		return 0;
	case 'V':
		puts("kgroupctl " CTL_VERSION);
		exit(0);
	case 'S':
		ctl->socket_path = arg;
		ctl->socket_origin = "--socket";
		return 0;
	case 'J':
		ctl->output = CTL_JSON;
		return 0;
	case 'r':
		ctl->output = CTL_RAW;
		return 0;
	case 'P':
		ctl->output = CTL_PAIRS;
		return 0;
	case 'n':
		ctl->noheadings = true;
		return 0;
	case 'o':
		ctl->columns = arg;
		return 0;
	case KEY_COLOUR:
		ctl->colour = parse_when(arg);
		return 0;
	case KEY_TIMEOUT:
		ctl->timeout_ms = options_duration_ms("--timeout", arg);
		return 0;
	case 'y': /* nothing asks yet */
		return 0;
	case 'q':
		ctl->quiet = true;
		return 0;
	case 'v':
		ctl->verbose++;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* What the two children know, and what is wrong when neither knows it. */
struct parse {
	struct ctl *ctl;
	void *input;
	int first_argument;
	bool stop_at_first;
};

static error_t parse_nothing(int key, char *arg, struct argp_state *state)
{
	return ARGP_ERR_UNKNOWN;
}

/* getopt has gone past the option unless it stands in a cluster of letters. */
static void refuse_option(struct argp_state *state)
{
	char **at = state->argv + state->next;

	if (state->next > 1 && (state->next >= state->argc || at[-1][0] == '-'))
		at--;
	options_refuse("unknown option, or one without its value: '%s'", *at);
}

static error_t parse_root(int key, char *arg, struct argp_state *state)
{
	struct parse *parse = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = parse->ctl;
		state->child_inputs[1] = parse->input;
		return 0;
	case ARGP_KEY_ARG:
		if (!parse->stop_at_first)
			return ARGP_ERR_UNKNOWN;
		parse->first_argument = state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_ERROR:
		refuse_option(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The options' doc of --help; owned by the caller. */
static char *long_doc(const struct options_spec *spec)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fprintf(out, "%s\n", spec->summary);
	if (!spec->name)
		print_commands(out);
	fprintf(out, "\vExamples:\n%s", spec->examples);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

int options_parse(struct ctl *ctl, const struct options_spec *spec, void *input, int argc,
		  char **argv, bool stop_at_first)
{
	struct argp global = {.options = global_table, .parser = parse_global};
	struct argp own = {.options = spec->options,
			   .parser = spec->parser ? spec->parser : parse_nothing};
	struct argp_child children[] = {{&global, 0, "Everywhere:", 2}, {&own, 0, NULL, 1}, {0}};
	struct parse parse = {
		.ctl = ctl, .input = input, .first_argument = argc, .stop_at_first = stop_at_first};
	unsigned flags = ARGP_NO_ERRS | ARGP_NO_HELP | (stop_at_first ? ARGP_IN_ORDER : 0);
	char *doc = long_doc(spec);
	struct argp root = {.parser = parse_root,
			    .args_doc = spec->arguments,
			    .doc = doc,
			    .children = children};
	int rest = argc;

	parsed = spec;
	parsed_root = &root;
	argp_parse(&root, argc, argv, flags, &rest, &parse);
	free(doc);
	if (rest < argc)
		options_refuse("one argument too many: '%s'", argv[rest]);
	return parse.first_argument;
}

void options_init(struct ctl *ctl, char **argv)
{
	const char *path = getenv("KGROUP_SOCKET");

	*ctl = (struct ctl){.program = argv[0],
			    .socket_path = DEFAULT_SOCKET,
			    .socket_origin = "the default",
			    .timeout_ms = DEFAULT_TIMEOUT_MS};
	if (path && *path) {
		ctl->socket_path = path;
		ctl->socket_origin = "$KGROUP_SOCKET";
	}
}
