/* SPDX-License-Identifier: MIT */
/*
 * What status and lag do alike: the answer as JSON, and the question whether the group is in it.
 */
#include "client-lib/ctl/show.h"

#include <errno.h>
#include <stdio.h>

#include "proto/errors.h"

int show_json(const json_t *json, bool compact)
{
	size_t form = compact ? JSON_COMPACT : JSON_INDENT(2);
	int r = json_dumpf(json, stdout, form | JSON_ENCODE_ANY);

	return r < 0 || fputc('\n', stdout) == EOF ? -EIO : 0;
}

int show_check_group(const json_t *groups, const char *name, struct trouble *t)
{
	if (!name || json_array_size(groups) > 0)
		return 0;
	trouble_set(t, TROUBLE_NO_SUCH, "the daemon has no group '%s'", name);
	return -ENOENT;
}

int show_fail(const char *name, struct trouble *t)
{
	if (name && t->code == KGP_E_NO_GROUP)
		show_check_group(NULL, name, t);
	return trouble_print(t);
}
