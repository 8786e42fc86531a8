/* SPDX-License-Identifier: MIT */
/*
 * Seeks.
 *
 * SEEK waits like a commit until the marks before it are said, and ends with the connection, as its
 * claims do. The daemon answers with EPOCH for each claim and then with REPLY; frames.c acts upon
 * EPOCH when it is read (what is unread or set aside is dropped, its credit returned, marks begin
 * anew), so when the answer is there nothing old is left to be handed out. Owns nothing.
 */
#include "client-lib/c/src/error.h"
#include "client-lib/c/src/session.h"

static const char *const names[] = {
	[KG_SEEK_OFFSET] = "offset", [KG_SEEK_TIME] = "time", [KG_SEEK_EARLIEST] = "earliest",
	[KG_SEEK_LATEST] = "latest", [KG_SEEK_BACK] = "back",
};

static int check_target(struct kg_consumer *c, enum kg_whence whence, int64_t value)
{
	if ((unsigned)whence > KG_SEEK_BACK)
		return error_set(&c->error, KG_ERR_ARGUMENT, "whence is %d, no enum kg_whence",
				 (int)whence);
	if (value < 0 && whence != KG_SEEK_EARLIEST && whence != KG_SEEK_LATEST)
		return error_set(&c->error, KG_ERR_ARGUMENT, "a seek to %s %lld: it is below 0",
				 names[whence], (long long)value);
	return 0;
}

static int seek(struct kg_consumer *c, const struct claim *claim, enum kg_whence whence,
		int64_t value, int timeout_ms)
{
	struct kgp_number id = {claim ? claim->id : 0};
	struct kgp_seek frame = {
		.claims = {.items = &id, .n = claim ? 1 : 0},
		.whence = kgp_text(names[whence]),
		.value = whence == KG_SEEK_EARLIEST || whence == KG_SEEK_LATEST ? 0 : value,
	};
	struct request q = {
		.kind = REQUEST_SEEK,
		.id = requests_next_id(&c->requests),
		.bound = true,
		.deadline_us = session_deadline_of(c, timeout_ms),
		.seek = &frame,
	};

	return session_wait_of(c, &q);
}

int kg_consumer_seek(struct kg_consumer *c, const char *topic, int32_t partition,
		     enum kg_whence whence, int64_t value, int timeout_ms)
{
	CONSUMER_LOCK(c);
	const struct claim *claim;
	int r = consumer_check_open(c);

	if (!r)
		r = check_target(c, whence, value);
	if (!r)
		r = session_check_claims(c, KGP_FEATURE_seek, &c->error);
	if (r)
		return r;
	claim = topic ? claims_find(&c->claims, topic, partition) : NULL;
	if (topic && (!claim || claim->state != CLAIM_HELD))
		return consumer_not_held(c, topic, partition);
	return seek(c, claim, whence, value, timeout_ms);
}
