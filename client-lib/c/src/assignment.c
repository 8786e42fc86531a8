/* SPDX-License-Identifier: MIT */
/*
 * What the application sees of its claims and does with them: list, pause, resume, give back early.
 *
 * A pause takes what has arrived aside before the daemon is told, so that nothing of the partition
 * is handed out after the call. Owns nothing. None of these calls blocks; what they say goes out at
 * once if the socket takes it.
 */
#include "client-lib/c/src/error.h"
#include "client-lib/c/src/partition.h"
#include "client-lib/c/src/session.h"

#include <stdlib.h>
#include <string.h>

static size_t metadata_bytes(const struct kg_claim *view, size_t n)
{
	size_t sum = 0;

	for (; n; n--, view++)
		sum += view->metadata ? view->metadata_bytes + 1 : 0;
	return sum;
}

/* In partitions mode others may end a claim while the caller looks: what is told is a copy. */
static size_t copy_view(struct kg_consumer *c, size_t n)
{
	const struct kg_claim *from = c->claims.view;
	struct kg_claim *view;
	char *at;
	size_t i;

	free(c->partitions->view);
	c->partitions->view = view = malloc(n * sizeof(*view) + metadata_bytes(from, n));
	if (!view) {
		error_set(&c->error, KG_ERR_MEMORY, "no memory for the list of partitions");
		return 0;
	}
	at = (char *)(view + n);
	for (i = 0; i < n; i++) {
		view[i] = from[i];
		if (!from[i].metadata)
			continue;
		view[i].metadata = memcpy(at, from[i].metadata, from[i].metadata_bytes + 1);
		at += from[i].metadata_bytes + 1;
	}
	return n;
}

size_t kg_consumer_assignment(struct kg_consumer *c, const struct kg_claim **claims)
{
	CONSUMER_LOCK(c);
	size_t n = consumer_check(c) ? 0 : claims_view(&c->claims);

	if (n && c->partitions)
		n = copy_view(c, n);
	if (!claims)
		return n;
	*claims = n ? c->claims.view : NULL;
	if (n && c->partitions)
		*claims = c->partitions->view;
	return n;
}

int consumer_not_held(struct kg_consumer *c, const char *topic, int32_t partition)
{
	return error_set(&c->error, KG_ERR_NO_CLAIM, "%.249s/%d is not held by this consumer",
			 topic, (int)partition);
}

/* ---- pause and resume ------------------------------------------------------------------------ */

static int set_aside(struct kg_consumer *c, struct claim *claim)
{
	int r = delivery_set_aside(c, claim);

	if (!r)
		claim->paused = true;
	return r;
}

static int set_free(struct kg_consumer *c, struct claim *claim)
{
	claim->paused = false;
	if (claim->partition)
		partition_resume(claim->partition);
	claims_set_waiting(&c->claims, claim, !STAILQ_EMPTY(&claim->aside));
	return 0;
}

/* The daemon is told of each with the next send, which is tried here. */
static int set_paused(struct kg_consumer *c, const struct claim *only, bool paused)
{
	struct claim *claim;
	size_t i;
	int r = 0;

	for (i = 0; i < c->claims.n && !r; i++) {
		claim = c->claims.all[i];
		if (claim->state != CLAIM_HELD || claim->paused == paused ||
		    (only && claim != only))
			continue;
		r = paused ? set_aside(c, claim) : set_free(c, claim);
		claims_touch(&c->claims, claim);
	}
	session_send(c->client);
	return r;
}

static int check_and_set(struct kg_consumer *c, const char *topic, int32_t partition, bool paused)
{
	CONSUMER_LOCK(c);
	const struct claim *claim;
	int r = consumer_check_open(c);

	if (r)
		return r;
	claim = topic ? claims_find(&c->claims, topic, partition) : NULL;
	if (topic && (!claim || claim->state != CLAIM_HELD))
		return consumer_not_held(c, topic, partition);
	return set_paused(c, claim, paused);
}

int kg_consumer_pause(struct kg_consumer *c, const char *topic, int32_t partition)
{
	return check_and_set(c, topic, partition, true);
}

int kg_consumer_resume(struct kg_consumer *c, const char *topic, int32_t partition)
{
	return check_and_set(c, topic, partition, false);
}

/* ---- done ------------------------------------------------------------------------------------ */

static void set_done(struct kg_consumer *c, struct claim *claim)
{
	if (claim->state != CLAIM_RELEASING)
		return;
	claim->done_due = true;
	claims_touch(&c->claims, claim);
}

int kg_consumer_done(struct kg_consumer *c, const char *topic, int32_t partition)
{
	CONSUMER_LOCK(c);
	struct claim *claim;
	size_t i;
	int r = consumer_check_open(c);

	if (r)
		return r;
	claim = topic ? claims_find(&c->claims, topic, partition) : NULL;
	if (topic && (!claim || claim->state != CLAIM_RELEASING))
		return consumer_not_held(c, topic, partition);
	for (i = 0; i < c->claims.n; i++)
		if (!topic || c->claims.all[i] == claim)
			set_done(c, c->claims.all[i]);
	session_send(c->client);
	return KG_OK;
}
