/* SPDX-License-Identifier: MIT */
/* Messages at a steady rate. See mock_traffic.c. */
#ifndef KGROUP_MOCK_TRAFFIC_H
#define KGROUP_MOCK_TRAFFIC_H

#include <stdint.h>

#include "client-lib/ctl/mock/mock_options.h"
#include "client-lib/ctl/mock/mock_producer.h"

struct mock_traffic {
	const struct mock_options *options;
	struct mock_producer *producer;
	char *value; /* options->value_bytes long, or room for the longest text */
	int64_t started_us;
	uint64_t n_sent;
};

int mock_traffic_init(struct mock_traffic *traffic, const struct mock_options *options,
		      struct mock_producer *producer, int64_t now_us);
void mock_traffic_deinit(struct mock_traffic *traffic);

/* Sends what is due at now_us. Never blocks. */
void mock_traffic_on_tick(struct mock_traffic *traffic, int64_t now_us);

#endif
