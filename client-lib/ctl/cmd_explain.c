/* SPDX-License-Identifier: MIT */
/*
 * kgroupctl explain: what KG-nnnn means. Needs no daemon: the words are in the tables that the
 * daemon, the library and this tool were built from.
 */
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client-lib/ctl/options.h"
#include "client-lib/ctl/show.h"
#include "client-lib/ctl/trouble.h"

struct explain {
	unsigned code; /* 0: all */
};

static void parse_code(const char *arg, struct explain *explain)
{
	const char *digits = strncasecmp(arg, "KG-", 3) == 0 ? arg + 3 : arg;
	char *end;
	unsigned long code = strtoul(digits, &end, 10);

	if (!isdigit((unsigned char)*digits) || *end || code > 9999)
		options_refuse("'%s' is not a code like KG-0010", arg);
	if (!trouble_is_known((unsigned)code))
		options_refuse("there is no KG-%04lu", code);
	explain->code = (unsigned)code;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	if (key != ARGP_KEY_ARG || state->arg_num > 0)
		return ARGP_ERR_UNKNOWN;
	parse_code(arg, state->input);
	return 0;
}

static const struct options_spec spec = {
	.name = "explain",
	.arguments = "[KG-nnnn]",
	.summary = "Says what an error code means and how to mend it; without one, lists them all.",
	.examples = "  kgroupctl explain KG-0010\n"
		    "  kgroupctl explain",
	.parser = parse,
};

static json_t *code_json(unsigned code)
{
	char name[16];

	snprintf(name, sizeof(name), "KG-%04u", code);
	return json_pack("{s:s, s:s, s:s, s:s}", "code", name, "name", trouble_name(code), "text",
			 trouble_text(code), "hint", trouble_hint(code));
}

static int explain_one(const struct ctl *ctl, unsigned code)
{
	json_t *json;
	int r;

	if (ctl->output != CTL_JSON) {
		printf("KG-%04u %s\n  %s\n  mend: %s\n", code, trouble_name(code),
		       trouble_text(code), trouble_hint(code));
		return 0;
	}
	json = code_json(code);
	r = show_json(json, false);
	json_decref(json);
	return r;
}

static int list_all(const struct ctl *ctl)
{
	json_t *list = json_array();
	unsigned code;
	int r = 0;

	for (code = trouble_next(0); code; code = trouble_next(code)) {
		if (ctl->output == CTL_JSON)
			json_array_append_new(list, code_json(code));
		else
			printf("KG-%04u  %-22s %s\n", code, trouble_name(code), trouble_text(code));
	}
	if (ctl->output == CTL_JSON)
		r = show_json(list, false);
	json_decref(list);
	return r;
}

int cmd_explain(struct ctl *ctl, int argc, char **argv)
{
	struct explain explain = {0};

	options_parse(ctl, &spec, &explain, argc, argv, false);
	return (explain.code ? explain_one(ctl, explain.code) : list_all(ctl)) < 0 ? EX_IOERR : 0;
}
