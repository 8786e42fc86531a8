/* SPDX-License-Identifier: MIT */
/* What a consumer is told of rebalances. See notice.c. */
#ifndef NOTICE_H
#define NOTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct consumer;
struct group;
struct place;

/* Open between START and the OK or ERROR that ends it. */
struct notice {
	bool open;
	struct place *before; /* owned: the claims at START, sorted */
	size_t n_before;
};

void notice_deinit(struct notice *n);

/* START, if its claims are about to change and it was not said yet. true: new claims stay silent
 * until notice_settle(). */
bool notice_start(struct consumer *c);
void notice_start_all(struct group *g); /* the group rebalances */
void notice_settle(struct group *g);	/* OK to whose claims are what they shall be */
void notice_fail(struct group *g);	/* ERROR: the membership is gone, and all claims with it */

#endif
