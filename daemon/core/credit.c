/* SPDX-License-Identifier: MIT */
/*
 * Credit of a consumer, or of a claim in partitions mode.
 *
 * Both sides count totals that never shrink, so a grant that crosses messages on the wire is never
 * wrong. One may send while less was sent than granted, in messages and in bytes; the last message
 * may overshoot the bytes, never the messages: to take more than is left is a defect of the caller.
 * Sums cannot overflow before 2^64 messages. Pure.
 */
#include "daemon/core/credit.h"

#include "proto/errors.h"

#include <assert.h>

int credit_grant(struct credit *c, uint64_t messages, uint64_t bytes)
{
	if (messages < c->messages || bytes < c->bytes)
		return -KGP_E_CREDIT;
	c->messages = messages;
	c->bytes = bytes;
	return 0;
}

bool credit_open(const struct credit *c)
{
	return c->sent_messages < c->messages && c->sent_bytes < c->bytes;
}

uint64_t credit_messages_left(const struct credit *c)
{
	return c->messages - c->sent_messages;
}

uint64_t credit_bytes_left(const struct credit *c)
{
	return c->sent_bytes < c->bytes ? c->bytes - c->sent_bytes : 0;
}

void credit_take(struct credit *c, uint64_t messages, uint64_t bytes)
{
	assert(messages <= credit_messages_left(c));
	c->sent_messages += messages;
	c->sent_bytes += bytes;
}
