/* SPDX-License-Identifier: MIT */
/* Whether a consumer has come to the end that its partitions had at the start. See ends.c. */
#ifndef CTL_ENDS_H
#define CTL_ENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ENDS_TOPIC_BYTES = 250 };

struct end {
	char topic[ENDS_TOPIC_BYTES];
	int32_t partition;
	int64_t next; /* offset of the next message */
	int64_t high; /* where to end; -1: not known yet */
};

struct ends {
	struct end *list; /* owned */
	size_t n;
};

/* A claim came. Its end is fixed by the first high that is known. 0 or -ENOMEM. */
int ends_add(struct ends *e, const char *topic, int32_t partition, int64_t next, int64_t high);
void ends_remove(struct ends *e, const char *topic, int32_t partition);

/* A message was taken, or the daemon said that it is past next. */
void ends_advance(struct ends *e, const char *topic, int32_t partition, int64_t next);

/* The daemon said how long the log is; counts where nothing was known. */
void ends_learn(struct ends *e, const char *topic, int32_t partition, int64_t high);

bool ends_are_reached(const struct ends *e); /* true without claims */
void ends_deinit(struct ends *e);

#endif
