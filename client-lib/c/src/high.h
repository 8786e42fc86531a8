/* SPDX-License-Identifier: MIT */
/* High water marks of claims. See high.c. */
#ifndef KG_HIGH_H
#define KG_HIGH_H

#include "client-lib/c/src/consumer.h"

/* Of one claim, under the lock: 0 or as kg_consumer_get_high_water_marks(); *high -1: not known. */
int high_of(struct kg_consumer *c, const char *topic, int32_t partition, int64_t *high,
	    int timeout_ms, struct kg_error *error);

#endif
