/* SPDX-License-Identifier: MIT */
/*
 * kgroupctl version: the four versions that matter when something does not fit together.
 *
 * A daemon that cannot be reached is part of the answer, not an error: the versions of the rest
 * are still what was asked for.
 */
#include <jansson.h>
#include <stdio.h>

#include "client-lib/c/include/kgroup.h"
#include "client-lib/ctl/options.h"
#include "client-lib/ctl/query.h"
#include "client-lib/ctl/show.h"

static const struct options_spec spec = {
	.name = "version",
	.arguments = "",
	.summary = "Names the versions of this tool, of libkgroup, of the protocol and, if it can\n"
		   "be reached, of the daemon.",
	.examples = "  kgroupctl version\n"
		    "  kgroupctl version --json | jq -r .daemon.software",
};

static void print_text(const struct query *q, const struct trouble *t)
{
	printf("kgroupctl  %s\n", CTL_VERSION);
	printf("libkgroup  %s\n", kg_version());
	printf("protocol   %d\n", KGP_VERSION);
	if (q)
		printf("daemon     %s, named %s, speaks protocol %llu\n", q->software,
		       q->daemon_name, (unsigned long long)q->version);
	else
		printf("daemon     unknown: %s\n", t->what);
}

static int print_json(const struct query *q)
{
	json_t *json = json_pack("{s:s, s:s, s:i, s:n}", "kgroupctl", CTL_VERSION, "libkgroup",
				 kg_version(), "protocol", KGP_VERSION, "daemon");
	int r;

	if (q)
		json_object_set_new(json, "daemon",
				    json_pack("{s:s, s:s, s:I}", "name", q->daemon_name, "software",
					      q->software, "protocol", (json_int_t)q->version));
	r = show_json(json, false);
	json_decref(json);
	return r;
}

int cmd_version(struct ctl *ctl, int argc, char **argv)
{
	struct trouble t;
	struct query q;
	bool reached;

	options_parse(ctl, &spec, NULL, argc, argv, false);
	reached = query_open(&q, ctl->socket_path, ctl->timeout_ms, &t) == 0;
	if (ctl->output == CTL_JSON)
		print_json(reached ? &q : NULL);
	else
		print_text(reached ? &q : NULL, &t);
	if (reached)
		query_close(&q);
	return 0;
}
