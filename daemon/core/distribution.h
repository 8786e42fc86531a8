/* SPDX-License-Identifier: MIT */
/* Which local consumer gets which owned partition. See distribution.c. */
#ifndef DISTRIBUTION_H
#define DISTRIBUTION_H

#include "proto/limits.h"
#include "proto/settings.h"

#include <stddef.h>
#include <stdint.h>

/* A consumer that may be given partitions. The arrays stay the caller's. */
struct dist_consumer {
	const uint8_t *id;	   /* KGP_ID_BYTES */
	const char *const *topics; /* sorted */
	size_t n_topics;
	size_t n_held; /* scratch */
};

/* An owned partition. holder and desired are indices of consumers, -1: nobody. */
struct dist_partition {
	const char *topic;
	int32_t id;
	int holder;	      /* in: who has it now */
	int desired;	      /* out: who should have it */
	const int *closed_by; /* consumers that gave it back: not they */
	size_t n_closed_by;
};

/* Consumers are sorted by id, partitions by topic and id. */
void distribution_compute(enum kgp_strategy strategy, struct dist_consumer *consumers,
			  size_t n_consumers, struct dist_partition *partitions,
			  size_t n_partitions);

#endif
