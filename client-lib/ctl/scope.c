/* SPDX-License-Identifier: MIT */
/*
 * Questions about the cluster itself: topics, partitions, offsets.
 *
 * The daemon answers them for a group that the asker may use, or where the cluster lets its user
 * open groups; so both commands that ask take --group and --cluster, and say alike what is to be
 * done when neither was enough.
 */
#include "client-lib/ctl/scope.h"

#include "client-lib/ctl/show.h"

/* How long the daemon waits for a cluster, and what its own words about that may take. */
enum { CLUSTER_MS = 10000, GRACE_MS = 2000 };

error_t scope_parse(struct scope *scope, int key, char *arg)
{
	switch (key) {
	case SCOPE_KEY_GROUP:
		scope->group = arg;
		return 0;
	case SCOPE_KEY_CLUSTER:
		scope->cluster = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int scope_open(struct query *q, const struct ctl *ctl, struct trouble *t)
{
	int timeout_ms = ctl->timeout_ms;

	if (timeout_ms >= CLUSTER_MS)
		timeout_ms += GRACE_MS;
	return query_open(q, ctl->socket_path, timeout_ms, t);
}

void scope_put(const struct scope *scope, struct query_arguments *a)
{
	query_put_text(a, "group", scope->group);
	query_put_text(a, "cluster", scope->cluster);
}

int scope_fail(const struct scope *scope, struct trouble *t)
{
	switch (t->code) {
	case KGP_E_NO_GROUP:
		if (!scope->group)
			trouble_set_how(t, "ask with the rights of a group that you may use: "
					   "--group NAME;\nkgroupctl status lists them");
		break;
	case KGP_E_TIMEOUT:
		trouble_set_how(t, "is the cluster there? kgroupctl status; journalctl -u kgroupd "
				   "-n 50; or a longer --timeout");
		break;
	case KGP_E_UNKNOWN_TOPIC:
		t->exit_code = CTL_EXIT_NO;
		break;
	case KGP_E_BAD_QUERY:
		trouble_set_how(t, "the daemon is older than this kgroupctl: update it");
		break;
	default:
		break;
	}
	return show_fail(scope->group, t);
}
