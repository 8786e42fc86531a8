/* SPDX-License-Identifier: MIT */
/*
 * librdkafka's settings pass through as they are. What this file knows about them is only which
 * ones the daemon sets itself, with the key of ours that does it. Whether the rest exist and are
 * valid says the hook of the caller, who has librdkafka.
 *
 * The value of a secret never enters an error, also not inside the words of the hook.
 */
#include "daemon/config_kafka.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config_alloc.h"
#include "daemon/config_error.h"
#include "daemon/config_key.h"
#include "daemon/config_secret.h"
#include "daemon/config_suggest.h"

#define HOOK_TEXT_BYTES 512

/* ---- keys that are the daemon's ------------------------------------------------------------ */

struct owned_key {
	const char *key; /* one that ends in '.' owns all that begin so */
	const char *instead;
};

static const struct owned_key owned_keys[] = {
	{"group.id", "write group.id in [group NAME]"},
	{"group.instance.id", "write instance.id in [group NAME]"},
	{"session.timeout.ms", "write session.timeout in [group NAME]"},
	{"heartbeat.interval.ms", "write heartbeat.interval in [group NAME]"},
	{"partition.assignment.strategy", "write strategy in [group NAME]"},
	{"group.remote.assignor", "write strategy in [group NAME]"},
	{"group.protocol.type", "remove it"},
	{"auto.offset.reset", "write initial.offset in [group NAME]"},
	{"auto.commit.interval.ms", "write commit.interval in [group NAME]"},
	{"enable.auto.commit", "marked offsets are committed every commit.interval, remove it"},
	{"auto.commit.enable", "marked offsets are committed every commit.interval, remove it"},
	{"enable.auto.offset.store", "clients mark what they have done, remove it"},
	{"offset.store.method", "offsets are kept in Kafka, remove it"},
	{"topic.blacklist", "clients name a pattern of topics to leave out, remove it"},
	{"enable.partition.eof", "remove it"},
	{"log.queue", "write log.level and log.target in [daemon]"},
	{"log_level", "write log.level in [daemon]"},
	{"statistics.interval.ms", "remove it"},
	{"enabled_events", "remove it"},
	{"queue.buffering.", "it is for producers and the daemon only consumes, remove it"},
};

static const char *find_owned(const char *key)
{
	for (size_t i = 0; i < sizeof(owned_keys) / sizeof(owned_keys[0]); i++) {
		const char *owned = owned_keys[i].key;
		size_t n_bytes = strlen(owned);

		if (strcmp(key, owned) == 0 ||
		    (owned[n_bytes - 1] == '.' && strncmp(key, owned, n_bytes) == 0))
			return owned_keys[i].instead;
	}
	return NULL;
}

/* ---- the judgement of librdkafka ----------------------------------------------------------- */

static void add_unknown(const struct config_kafka_context *context, enum config_kafka_place place,
			const char *key, const struct config_origin *at)
{
	const char *const *names = context->hooks->kafka_keys;
	struct config_suggest suggest;
	char text[CONFIG_SUGGEST_BYTES];

	config_suggest_init(&suggest, key);
	for (; names && *names; names++)
		config_suggest_offer(&suggest, *names);
	for (size_t i = 0; i < CONFIG_N_KEYS; i++) {
		if (place == CONFIG_KAFKA_CLUSTER && config_keys[i].scope == CONFIG_SCOPE_cluster)
			config_suggest_offer(&suggest, config_keys[i].name);
	}
	config_suggest_format(&suggest, text, sizeof(text));
	config_errors_add(context->errors, at, "unknown setting '%s'%s", config_show(key).text,
			  text[0] ? text : ": see CONFIGURATION.md of librdkafka for all of them");
}

/* True if librdkafka takes it, or nobody is there to ask. */
static bool check_with_hook(const struct config_kafka_context *context,
			    enum config_kafka_place place, const struct config_pair *pair)
{
	struct config_origin at = {.file = pair->file, .line = pair->line};
	char why[HOOK_TEXT_BYTES] = "";
	int r = 0;

	if (context->hooks->kafka_key_check)
		r = context->hooks->kafka_key_check(pair->key, pair->value, why, sizeof(why));
	if (r == 0)
		return true;
	if (r == -ENOENT) {
		add_unknown(context, place, pair->key, &at);
		return false;
	}
	if (pair->secret)
		snprintf(why, sizeof(why), "librdkafka refuses its (secret) value");
	config_errors_add(context->errors, &at, "%s: %s", config_show(pair->key).text,
			  why[0] ? why : "librdkafka refuses its value");
	return false;
}

/* ---- lists of settings --------------------------------------------------------------------- */

static void pair_deinit(struct config_pair *pair)
{
	free(pair->key);
	free(pair->value);
}

/* Takes over what the pair holds. */
static void put_pair(struct config_pair **pairs, size_t *n_pairs, struct config_pair pair)
{
	for (size_t i = 0; i < *n_pairs; i++) {
		if (strcmp((*pairs)[i].key, pair.key) == 0) {
			pair_deinit(&(*pairs)[i]);
			(*pairs)[i] = pair;
			return;
		}
	}
	*pairs = config_grow(*pairs, *n_pairs, sizeof(**pairs));
	(*pairs)[(*n_pairs)++] = pair;
}

static const struct config_key *find_ours(const char *key)
{
	const struct config_key *ours = NULL;

	for (int scope = CONFIG_SCOPE_daemon; scope <= CONFIG_SCOPE_group && !ours; scope++)
		ours = config_key_find(scope, key);
	return ours;
}

bool config_kafka_is_owned(const char *key)
{
	return find_owned(key) != NULL;
}

/* True if the key is one that librdkafka gets from the user, at this place. */
static bool check_place(const struct config_kafka_context *context, enum config_kafka_place place,
			const char *key, const struct config_origin *at)
{
	const char *instead = find_owned(key);
	const struct config_key *ours = find_ours(key);

	if (instead)
		config_errors_add(context->errors, at,
				  "%s cannot be set here, kgroupd sets it itself: %s",
				  config_show(key).text, instead);
	else if (ours)
		config_errors_add(context->errors, at, "%s belongs in a section %s", key,
				  config_scope_name(ours->scope));
	else if (strncmp(key, "kafka.", strlen("kafka.")) == 0)
		config_errors_add(context->errors, at,
				  "%s: 'kafka.' is written before keys of librdkafka in "
				  "[group NAME] only, and once: remove it",
				  config_show(key).text);
	else
		return true;
	return false;
}

void config_kafka_add(const struct config_kafka_context *context, enum config_kafka_place place,
		      const char *key, const struct config_setting *setting,
		      struct config_pair **pairs, size_t *n_pairs)
{
	struct config_pair pair = {.file = setting->at.file, .line = setting->at.line};

	if (!check_place(context, place, key, &setting->at))
		return;
	pair.value = config_secret_resolve(key, setting->value, &setting->at, &pair.secret,
					   context->errors);
	if (!pair.value)
		return;
	pair.key = config_strdup(key);
	if (check_with_hook(context, place, &pair))
		put_pair(pairs, n_pairs, pair);
	else
		pair_deinit(&pair);
}

void config_kafka_copy(const struct config_pair *from, size_t n_from, struct config_pair **pairs,
		       size_t *n_pairs)
{
	for (size_t i = 0; i < n_from; i++) {
		struct config_pair pair = from[i];

		pair.key = config_strdup(from[i].key);
		pair.value = config_strdup(from[i].value);
		put_pair(pairs, n_pairs, pair);
	}
}

const struct config_pair *config_kafka_find(const struct config_pair *pairs, size_t n_pairs,
					    const char *key)
{
	for (size_t i = 0; i < n_pairs; i++) {
		if (strcmp(pairs[i].key, key) == 0)
			return &pairs[i];
	}
	return NULL;
}

void config_kafka_free(struct config_pair *pairs, size_t n_pairs)
{
	for (size_t i = 0; i < n_pairs; i++)
		pair_deinit(&pairs[i]);
	free(pairs);
}
