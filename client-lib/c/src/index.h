/* SPDX-License-Identifier: MIT */
/* Finds pointers by 32-bit numbers. See index.c. */
#ifndef KG_INDEX_H
#define KG_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct index_slot {
	uint32_t key;
	void *value; /* not owned; NULL: free */
};

struct index {
	struct index_slot *slots; /* owned */
	uint32_t n, cap;	  /* cap: a power of two, or 0 */
};

void index_deinit(struct index *x);
int index_reserve(struct index *x); /* makes the next index_add() possible: 0 or -ENOMEM */
void index_add(struct index *x, uint32_t key, void *value);
void index_remove(struct index *x, uint32_t key);

static inline void *index_find(const struct index *x, uint32_t key)
{
	uint32_t i;

	if (!x->cap)
		return NULL;
	for (i = key & (x->cap - 1); x->slots[i].value; i = (i + 1) & (x->cap - 1))
		if (x->slots[i].key == key)
			return x->slots[i].value;
	return NULL;
}

#endif
