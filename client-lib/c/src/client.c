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
#include <unistd.h>

/* ---- making and freeing ---------------------------------------------------------------------- */

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

/* A forked child may have what another thread was in the middle of: only descriptors are sure. */
static void abandon(struct kg_client *k)
{
	sharing_abandon(k);
	close(k->connection.fd);
	close(k->connection.epoll_fd);
}

void client_unref(struct kg_client *k)
{
	if (__atomic_sub_fetch(&k->n_refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (client_is_forked(k) && sharing_is_torn(k)) {
		abandon(k);
		return;
	}
	if (client_is_forked(k))
		connection_abandon(&k->connection);
	else
		connection_deinit(&k->connection);
	sharing_deinit(k);
	requests_deinit(&k->requests);
	kg_options_free(k->options);
	free(k->values);
	free(k->answer);
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

/* ---- the application's handle ---------------------------------------------------------------- */

/* The environment may change while the application holds what it was told. */
static int fix_socket(struct kg_client *k)
{
	return kg_options_set(k->options, "socket", options_socket(k->options), &k->error);
}

static struct kg_client *client_new_public(const struct kg_options *options)
{
	struct kg_client *k = client_new(options);

	if (!k)
		return NULL;
	k->values = malloc(sizeof(*k->values));
	if (!k->values) {
		client_unref(k);
		return NULL;
	}
	options_print(k->options, k->values);
	return k;
}

static bool is_ready(const struct kg_client *k)
{
	return k->session >= SESSION_READY;
}

int kg_client_open(struct kg_client **out, const struct kg_options *options, struct kg_error *error)
{
	struct kg_client *k;
	int r;

	if (error)
		error_clear(error);
	if (!out)
		return error_set(error, KG_ERR_ARGUMENT, "the client may not be NULL");
	r = kg_options_validate(options, error);
	if (r)
		return r;
	k = client_new_public(options);
	if (!k)
		return error_set(error, KG_ERR_MEMORY, "no memory for a client");
	r = fix_socket(k);
	if (!r)
		r = client_equip(k);
	if (!r)
		r = client_wait(k, k->options, is_ready);
	if (!r) {
		error_clear(&k->error);
		*out = k;
		return KG_OK;
	}
	if (error)
		*error = k->error;
	client_unref(k);
	return r;
}

const char *kg_client_get_option(const struct kg_client *client, const char *name)
{
	return client && name ? options_get(client->options, client->values, name) : NULL;
}

/* Another thread may write the next one while the caller reads this. */
static const struct kg_error *told_error(const struct kg_client *k)
{
	CLIENT_LOCK(k);

	k->sharing->error = k->error;
	return &k->sharing->error;
}

const struct kg_error *kg_client_error(const struct kg_client *client)
{
	static const struct kg_error none = {.code = KG_ERR_ARGUMENT, .text = "there is no client"};

	if (!client)
		return &none;
	return client->sharing ? told_error(client) : &client->error;
}

int kg_client_close(struct kg_client *client)
{
	CLIENT_LOCK(client);
	int r = client_check(client);

	if (r)
		return r == KG_ERR_CLOSED ? KG_OK : r;
	if (client->consumer)
		r = consumer_close(client->consumer);
	client->closed = true;
	session_drop(client);
	return r;
}

/* The handle goes; a consumer's may stay, but has no connection. */
static void leave(struct kg_client *k)
{
	CLIENT_LOCK(k);

	k->closed = true;
	if (client_is_forked(k)) {
		if (!sharing_is_torn(k))
			connection_abandon(&k->connection);
		return;
	}
	if (k->consumer)
		consumer_give_up(k->consumer);
	connection_deinit(&k->connection);
}

struct kg_client *kg_client_free(struct kg_client *client)
{
	if (!client)
		return NULL;
	leave(client);
	client_unref(client);
	return NULL;
}
