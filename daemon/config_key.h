/* SPDX-License-Identifier: MIT */
/* config_keys.def as a table, and what can be done with the value of any key. */
#ifndef DAEMON_CONFIG_KEY_H
#define DAEMON_CONFIG_KEY_H

#include "daemon/config.h"

enum config_scope { CONFIG_SCOPE_daemon, CONFIG_SCOPE_cluster, CONFIG_SCOPE_group };

enum config_type {
	CONFIG_TYPE_STRING,
	CONFIG_TYPE_ENUM,
	CONFIG_TYPE_BOOL,
	CONFIG_TYPE_INT,
	CONFIG_TYPE_DURATION,
	CONFIG_TYPE_SIZE,
	CONFIG_TYPE_MODE,
	CONFIG_TYPE_LIST,
};

/* Flags: one of these, or CONFIG_SET_*. */
#define CONFIG_FIXED  0u
#define CONFIG_RELOAD (1u << 31)

#define KEY(scope, id, type, name, field, dflt, range, flags, help) CONFIG_KEY_##scope##_##id,
enum config_key_id {
#include "daemon/config_keys.def"
	CONFIG_N_KEYS
};

/* An object is the struct of the scope: config, config_cluster, config_group. */
struct config_key {
	enum config_scope scope;
	enum config_type type;
	const char *name, *dflt, *range, *help;
	size_t offset, count_offset;
	unsigned flags;
};

extern const struct config_key config_keys[CONFIG_N_KEYS];

#define CONFIG_KEY_WHY_BYTES 512

const char *config_scope_name(enum config_scope scope); /* as people write it: "[group NAME]" */
const struct config_key *config_key_find(enum config_scope scope, const char *name);
size_t config_key_index(const struct config_key *key);
bool config_key_default_is_words(const struct config_key *key);

/* 0, or -EINVAL and why: what the value must look like. Replaces an earlier value. */
int config_key_set(const struct config_key *key, void *object, const char *text,
		   char why[CONFIG_KEY_WHY_BYTES]);
void config_key_set_default(const struct config_key *key, void *object);
char *config_key_format(const struct config_key *key, const void *object);
bool config_key_is_equal(const struct config_key *key, const void *a, const void *b);
void config_key_swap(const struct config_key *key, void *a, void *b);
void config_key_deinit(const struct config_key *key, void *object);

#endif
