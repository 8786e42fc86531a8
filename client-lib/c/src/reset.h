/* SPDX-License-Identifier: MIT */
/* Resets on their way to the daemon. See reset.c. */
#ifndef KG_RESET_H
#define KG_RESET_H

#include "client-lib/c/src/consumer.h"

struct reset {
	struct claim *claim; /* held or being released */
	int64_t offset;
	const char *metadata; /* the caller's, checked; or NULL */
	char *kept;	      /* owned: a copy for the claim */
};

/* Whether resets can be said now: 0, KG_ERR_DISCONNECTED, KG_ERR_UNSUPPORTED, KG_ERR_OVERFLOW. */
int resets_check(struct kg_consumer *c);

/*
 * Says up to CLAIMS_PER_FRAME resets of different claims, the marks before them first: 0 or
 * KG_ERR_MEMORY with nothing done. request: 0, or that of the answer that is wanted.
 */
int resets_put(struct kg_consumer *c, struct reset *resets, unsigned n, uint32_t request);

/* One, of a claim that is not settled: as resets_check() and _put(), KG_ERR_ARGUMENT. */
int reset_claim(struct kg_consumer *c, struct claim *claim, int64_t offset, const char *metadata);

void resets_lose(struct kg_consumer *c); /* the connection is gone */
bool resets_are_unsure(const struct kg_consumer *c);
/* So many are committed. true: others were lost before, which is told by this. */
bool resets_settle(struct kg_consumer *c, uint64_t n);

#endif
