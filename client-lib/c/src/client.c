/* SPDX-License-Identifier: MIT */
/*
 * The client: a connection to the daemon that outlives its consumer.
 *
 * Owns the connection, the turns' state, the client's own requests, and the options that it was
 * opened with. It is counted: the application's handle is one reference, each of its consumers'
 * handles another, so either may be freed first. A consumer that was opened without a client has a
 * private one. At most one consumer is attached at a time; one that has ended is not. In a forked
 * child the descriptors are closed and nothing that is shared with the parent is touched.
 */
#include "client-lib/c/src/client.h"

#include "client-lib/c/src/clock.h"
#include "client-lib/c/src/dial.h"
#include "client-lib/c/src/error.h"
#include "client-lib/c/src/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- making and freeing ---------------------------------------------------------------------- */

bool client_is_forked(const struct kg_client *k)
{
	return fork_guard_forked(&k->guard);
}

struct kg_client *client_new(const struct kg_options *options)
{
	struct kg_client *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->n_refs = 1;
	k->connection.fd = k->connection.epoll_fd = -1;
	requests_init(&k->requests, &k->last_request);
	fork_guard_init(&k->guard);
	k->options = options_copy(options);
	if (k->options)
		return k;
	client_unref(k);
	return NULL;
}

int client_equip(struct kg_client *k)
{
	int r = connection_init(&k->connection,
				(uint32_t)k->options->number[OPTION_MAX_FRAME_BYTES]);

	if (r == -ENOMEM)
		return error_set(&k->error, KG_ERR_MEMORY, "no memory for an epoll descriptor");
	if (r)
		return error_set(&k->error, KG_ERR_UNREACHABLE,
				 "the system refuses descriptors: %s", strerror(-r));
	return 0;
}

void client_unref(struct kg_client *k)
{
	if (--k->n_refs)
		return;
	if (client_is_forked(k))
		connection_abandon(&k->connection);
	else
		connection_deinit(&k->connection);
	requests_deinit(&k->requests);
	kg_options_free(k->options);
	fork_guard_deinit(&k->guard);
	free(k);
}

/* ---- waiting for the daemon ------------------------------------------------------------------ */

static int too_late(struct kg_client *k, const struct kg_options *o)
{
	if (k->dial_errno)
		return dial_explain(&k->error, options_socket(k->options), k->dial_errno);
	if (k->error.code)
		return k->error.code;
	return error_set(&k->error, KG_ERR_UNREACHABLE,
			 "the daemon at %s did not answer within %lld ms",
			 options_socket(k->options), (long long)o->number[OPTION_OPEN_TIMEOUT_MS]);
}

int client_wait(struct kg_client *k, const struct kg_options *o,
		bool (*is_there)(const struct kg_client *k))
{
	uint64_t deadline_us = clock_now_us() + (uint64_t)o->number[OPTION_OPEN_TIMEOUT_MS] * 1000;
	int r;

	error_clear(&k->error);
	for (;;) {
		r = session_turn(k, true);
		if (r || is_there(k))
			return r;
		if (clock_now_us() >= deadline_us ||
		    (k->dial_errno && !dial_may_heal(k->dial_errno)))
			return k->session == SESSION_OPEN ? KG_OK : too_late(k, o);
		session_sleep(k, deadline_us);
	}
}
