/* SPDX-License-Identifier: MIT */
/* How much may still be sent: cumulative totals. See credit.c. */
#ifndef CREDIT_H
#define CREDIT_H

#include <stdbool.h>
#include <stdint.h>

struct credit {
	uint64_t messages, bytes;	    /* totals granted */
	uint64_t sent_messages, sent_bytes; /* totals sent */
};

int credit_grant(struct credit *c, uint64_t messages, uint64_t bytes); /* 0, -KGP_E_CREDIT */
bool credit_open(const struct credit *c);
uint64_t credit_messages_left(const struct credit *c);
uint64_t credit_bytes_left(const struct credit *c);
void credit_take(struct credit *c, uint64_t messages, uint64_t bytes);

#endif
