/* SPDX-License-Identifier: MIT */
/* librdkafka's own settings, as far as they can be judged without librdkafka. */
#ifndef DAEMON_CONFIG_KAFKA_H
#define DAEMON_CONFIG_KAFKA_H

#include "daemon/config_file.h"

/* Where a setting stands: raw in [kafka] or [cluster NAME], "kafka.<key>" in [group NAME]. */
enum config_kafka_place { CONFIG_KAFKA_CLUSTER, CONFIG_KAFKA_GROUP };

struct config_kafka_context {
	const struct config_hooks *hooks; /* not NULL */
	struct config_errors *errors;
};

/* Checks the setting, resolves its secret and replaces or appends it; errors are added. key is the
 * setting's without "kafka.". */
void config_kafka_add(const struct config_kafka_context *context, enum config_kafka_place place,
		      const char *key, const struct config_setting *setting,
		      struct config_pair **pairs, size_t *n_pairs);
bool config_kafka_is_owned(const char *key); /* set by the daemon, never by the user */
void config_kafka_copy(const struct config_pair *from, size_t n_from, struct config_pair **pairs,
		       size_t *n_pairs);
const struct config_pair *config_kafka_find(const struct config_pair *pairs, size_t n_pairs,
					    const char *key);
void config_kafka_free(struct config_pair *pairs, size_t n_pairs);

#endif
