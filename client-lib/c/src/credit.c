/* SPDX-License-Identifier: MIT */
/*
 * Credit: the arithmetic of flow control.
 *
 * Pure. The daemon may have sent window + returned messages and bytes in all; the library says so
 * in totals. A new total is due when half a window came back, which keeps the daemon sending while
 * the application works, or when there is nothing left to hand out and anything came back. Marks
 * have no part in it: a slow committer is not a slow reader.
 */
#include "client-lib/c/src/credit.h"

void credit_reset(struct credit *c)
{
	*c = (struct credit){.window_messages = c->window_messages,
			     .window_bytes = c->window_bytes};
}

bool credit_due(const struct credit *c, bool idle)
{
	uint64_t messages = c->window_messages + c->returned_messages - c->granted_messages;
	uint64_t bytes = c->window_bytes + c->returned_bytes - c->granted_bytes;

	if (idle)
		return messages || bytes;
	return messages > c->window_messages / 2 || bytes > c->window_bytes / 2;
}

void credit_grant(struct credit *c)
{
	c->granted_messages = c->window_messages + c->returned_messages;
	c->granted_bytes = c->window_bytes + c->returned_bytes;
}

bool credit_receive(struct credit *c, uint64_t n_messages)
{
	c->received_messages += n_messages;
	return c->received_messages <= c->granted_messages;
}
