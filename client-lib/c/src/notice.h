/* SPDX-License-Identifier: MIT */
/* What a notification of a rebalance says. See notice.c. */
#ifndef KG_NOTICE_H
#define KG_NOTICE_H

#include "client-lib/c/include/kgroup.h"
#include "proto/codec.h"

struct claims;

struct notice {
	enum kg_notification kind;
	size_t n_claimed, n_released, n_current;
	struct kg_partition_id ids[]; /* in this order; names are the claims' */
};

/* 0, -ENOMEM, or -EBADMSG: what NOTIFY cannot say. */
int notice_new(struct notice **out, struct claims *cs, const struct kgp_notify *m);
void notice_tell(const struct notice *n, struct kg_event *event);

#endif
