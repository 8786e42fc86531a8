/* SPDX-License-Identifier: MIT */
/* Marks and resets that are gathered before they are applied. See stash.c. */
#ifndef KG_STASH_H
#define KG_STASH_H

#include "client-lib/c/include/kgroup.h"

#include <pthread.h>
#include <stdbool.h>

enum { STASH_MAX_HEIGHT = 12 };

struct stash_entry {
	struct kg_stash_entry public; /* its topic is behind the links, its metadata owned */
	bool has_epoch;		      /* it came by message */
	uint64_t epoch;
	unsigned height;
	struct stash_entry *next[]; /* one for each level */
};

struct kg_stash {
	pthread_mutex_t mutex;
	struct stash_entry *first[STASH_MAX_HEIGHT]; /* owned; by topic and partition */
	size_t n;
	uint64_t random;
};

/* Both with the stash locked. */
struct stash_entry *stash_next(const struct kg_stash *s, const struct stash_entry *e);
void stash_drop_first(struct kg_stash *s, size_t n);

#endif
