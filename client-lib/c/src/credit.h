/* SPDX-License-Identifier: MIT */
/* How much the daemon may send ahead. See credit.c. */
#ifndef KG_CREDIT_H
#define KG_CREDIT_H

#include <stdbool.h>
#include <stdint.h>

/* All are totals since OPEN; they never shrink before the next OPEN. */
struct credit {
	uint64_t window_messages, window_bytes;	    /* what may be ahead of the application */
	uint64_t returned_messages, returned_bytes; /* handed out, set aside or discarded */
	uint64_t granted_messages, granted_bytes;   /* what the daemon was told last */
	uint64_t received_messages;
};

void credit_reset(struct credit *c);
bool credit_due(const struct credit *c, bool idle);
void credit_grant(struct credit *c); /* the totals to send are in granted_* then */
bool credit_receive(struct credit *c, uint64_t n_messages); /* false: more than was granted */

static inline void credit_return(struct credit *c, uint64_t n_messages, uint64_t n_bytes)
{
	c->returned_messages += n_messages;
	c->returned_bytes += n_bytes;
}

#endif
