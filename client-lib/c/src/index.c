/* SPDX-License-Identifier: MIT */
/*
 * An open-addressing table from numbers to pointers.
 *
 * Claims are found by it: once per frame by the number that the daemon gave, once per mark by ours.
 * Both kinds of number are handed out in sequence, so the number itself is the hash and the first
 * look hits nearly always. At most half full; a removal closes the gap that it makes, so there are
 * no tombstones. Owns its slots, not what they point to. Growing is split from adding, so that a
 * caller can have all its memory before it changes anything.
 */
#include "client-lib/c/src/index.h"

#include <errno.h>
#include <stdlib.h>

enum { FIRST_CAP = 16 };

void index_deinit(struct index *x)
{
	free(x->slots);
	*x = (struct index){0};
}

static void put(struct index *x, uint32_t key, void *value)
{
	uint32_t i = key & (x->cap - 1);

	while (x->slots[i].value)
		i = (i + 1) & (x->cap - 1);
	x->slots[i] = (struct index_slot){key, value};
}

int index_reserve(struct index *x)
{
	struct index grown = {.n = x->n, .cap = x->cap ? x->cap * 2 : FIRST_CAP};
	uint32_t i;

	if ((x->n + 1) * 2 <= x->cap)
		return 0;
	grown.slots = calloc(grown.cap, sizeof(*grown.slots));
	if (!grown.slots)
		return -ENOMEM;
	for (i = 0; i < x->cap; i++)
		if (x->slots[i].value)
			put(&grown, x->slots[i].key, x->slots[i].value);
	free(x->slots);
	*x = grown;
	return 0;
}

void index_add(struct index *x, uint32_t key, void *value)
{
	put(x, key, value);
	x->n++;
}

void index_remove(struct index *x, uint32_t key)
{
	uint32_t mask = x->cap - 1, hole, i;

	if (!index_find(x, key))
		return;
	for (hole = key & mask; x->slots[hole].key != key || !x->slots[hole].value;)
		hole = (hole + 1) & mask;
	/* A later one moves into the hole unless its own place lies behind the hole. */
	for (i = (hole + 1) & mask; x->slots[i].value; i = (i + 1) & mask) {
		if (((i - x->slots[i].key) & mask) < ((i - hole) & mask))
			continue;
		x->slots[hole] = x->slots[i];
		hole = i;
	}
	x->slots[hole].value = NULL;
	x->n--;
}
