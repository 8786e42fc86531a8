/* SPDX-License-Identifier: MIT */
/* What a QUERY carries besides its word. See arguments.c. */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#include "daemon/kafka.h"

enum argument {
	ARGUMENT_CLUSTER = 1,
	ARGUMENT_GROUP = 2,
	ARGUMENT_TOPIC = 4,
	ARGUMENT_PARTITION = 8,
	ARGUMENT_AT = 16
};

struct arguments {
	unsigned given; /* enum argument */
	char cluster[KGP_MAX_NAME + 1], group[KGP_MAX_NAME + 1], topic[KGP_MAX_NAME + 1];
	int64_t partition;
	int64_t at; /* milliseconds since 1970, or KAFKA_OFFSET_EARLIEST or _LATEST */
};

/* 0, or BAD_QUERY and a text that names the argument and its rule. */
unsigned arguments_read(struct arguments *a, const char *query, unsigned may, unsigned must,
			struct kgp_list pairs, char *why, size_t size);

#endif
