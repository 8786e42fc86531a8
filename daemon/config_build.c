/* SPDX-License-Identifier: MIT */
/*
 * Gives every section its struct and every key its field. Order matters twice: [kafka] is read
 * before the clusters that inherit it, and the array of clusters is complete before a group points
 * into it (config_check.c does that). A section or value with an error leaves defaults behind, so
 * that the rest can still be checked; config_load() then throws the whole away.
 */
#include "daemon/config_build.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/config_alloc.h"
#include "daemon/config_error.h"
#include "daemon/config_kafka.h"
#include "daemon/config_suggest.h"

#define KAFKA_PREFIX	       "kafka."
#define SECTION_NAME_MAX_BYTES 255

enum section_kind {
	SECTION_DAEMON,
	SECTION_KAFKA,
	SECTION_CLUSTER,
	SECTION_GROUP,
	N_SECTION_KINDS
};

static const char *const kind_words[N_SECTION_KINDS] = {"daemon", "kafka", "cluster", "group"};

struct builder {
	struct config *config;
	struct config_kafka_context kafka_context;
	struct config_errors *errors;
	struct config_pair *kafka; /* of [kafka] */
	size_t n_kafka;
};

/* ---- keys of ours -------------------------------------------------------------------------- */

struct config_origin *config_scope_init(enum config_scope scope, void *object)
{
	for (size_t i = 0; i < CONFIG_N_KEYS; i++) {
		if (config_keys[i].scope == scope)
			config_key_set_default(&config_keys[i], object);
	}
	return config_alloc(CONFIG_N_KEYS * sizeof(struct config_origin));
}

void config_scope_deinit(enum config_scope scope, void *object, struct config_origin *origins)
{
	for (size_t i = 0; i < CONFIG_N_KEYS; i++) {
		if (config_keys[i].scope == scope)
			config_key_deinit(&config_keys[i], object);
	}
	free(origins);
}

/* "session.timeout = 30s # half a minute" is read as it stands; say what is meant. */
static const char *comment_hint(const char *value)
{
	if (strstr(value, " #") || strstr(value, " ;"))
		return " (a comment needs a line of its own)";
	return "";
}

static bool is_quoted(const char *value)
{
	size_t n_bytes = strlen(value);

	return n_bytes >= 2 && (value[0] == '"' || value[0] == '\'') &&
	       value[n_bytes - 1] == value[0];
}

/* A refused value leaves a place without a line: config_check.c makes no second error of it. */
static void apply_key(struct builder *builder, const struct config_key *key, void *object,
		      struct config_origin *origins, const struct config_setting *setting)
{
	struct config_origin *origin = &origins[config_key_index(key)];
	char why[CONFIG_KEY_WHY_BYTES];

	if (is_quoted(setting->value))
		config_errors_add(builder->errors, &setting->at,
				  "%s is written without quotes: remove them", key->name);
	else if (config_key_set(key, object, setting->value, why) < 0)
		config_errors_add(builder->errors, &setting->at, "%s %s, not '%s'%s", key->name,
				  why, config_show(setting->value).text,
				  comment_hint(setting->value));
	else
		origin->line = setting->at.line;
	origin->file = setting->at.file;
}

static bool add_misplaced(struct builder *builder, const struct config_setting *setting)
{
	for (size_t i = 0; i < CONFIG_N_KEYS; i++) {
		if (strcmp(config_keys[i].name, setting->key) == 0) {
			config_errors_add(builder->errors, &setting->at,
					  "%s belongs in a section %s", setting->key,
					  config_scope_name(config_keys[i].scope));
			return true;
		}
	}
	return false;
}

static bool is_kafka_key(const struct builder *builder, const char *key)
{
	const char *const *names = builder->kafka_context.hooks->kafka_keys;

	for (; names && *names; names++) {
		if (strcmp(*names, key) == 0)
			return true;
	}
	return false;
}

static void add_unknown(struct builder *builder, enum config_scope scope,
			const struct config_setting *setting)
{
	struct config_suggest suggest;
	char text[CONFIG_SUGGEST_BYTES];

	if (add_misplaced(builder, setting))
		return;
	if (is_kafka_key(builder, setting->key)) {
		config_errors_add(builder->errors, &setting->at,
				  "%s is a setting of librdkafka: write " KAFKA_PREFIX
				  "%s in [group NAME], or %s in [cluster NAME]",
				  setting->key, setting->key, setting->key);
		return;
	}
	config_suggest_init(&suggest, setting->key);
	for (size_t i = 0; i < CONFIG_N_KEYS; i++) {
		if (config_keys[i].scope == scope)
			config_suggest_offer(&suggest, config_keys[i].name);
	}
	config_suggest_format(&suggest, text, sizeof(text));
	config_errors_add(builder->errors, &setting->at, "unknown key '%s' in %s%s",
			  config_show(setting->key).text, config_scope_name(scope),
			  text[0] ? text : ": see kgroupd.conf(5) for all of them");
}

/* ---- sections ------------------------------------------------------------------------------ */

static void build_daemon(struct builder *builder, const struct config_section *section)
{
	struct config *config = builder->config;

	for (size_t i = 0; i < section->n_settings; i++) {
		const struct config_setting *setting = &section->settings[i];
		const struct config_key *key = config_key_find(CONFIG_SCOPE_daemon, setting->key);

		if (key)
			apply_key(builder, key, config, config->origins, setting);
		else
			add_unknown(builder, CONFIG_SCOPE_daemon, setting);
	}
}

static void build_kafka(struct builder *builder, const struct config_section *section)
{
	for (size_t i = 0; i < section->n_settings; i++)
		config_kafka_add(&builder->kafka_context, CONFIG_KAFKA_CLUSTER,
				 section->settings[i].key, &section->settings[i], &builder->kafka,
				 &builder->n_kafka);
}

static void build_cluster(struct builder *builder, const struct config_section *section,
			  const char *name)
{
	struct config *config = builder->config;
	struct config_cluster *cluster;

	config->clusters = config_grow(config->clusters, config->n_clusters, sizeof(*cluster));
	cluster = &config->clusters[config->n_clusters++];
	cluster->name = config_strdup(name);
	cluster->section = section->at;
	cluster->origins = config_scope_init(CONFIG_SCOPE_cluster, cluster);
	config_kafka_copy(builder->kafka, builder->n_kafka, &cluster->kafka, &cluster->n_kafka);
	for (size_t i = 0; i < section->n_settings; i++) {
		const struct config_setting *setting = &section->settings[i];
		const struct config_key *key = config_key_find(CONFIG_SCOPE_cluster, setting->key);

		if (key)
			apply_key(builder, key, cluster, cluster->origins, setting);
		else
			config_kafka_add(&builder->kafka_context, CONFIG_KAFKA_CLUSTER,
					 setting->key, setting, &cluster->kafka, &cluster->n_kafka);
	}
}

static void build_group_setting(struct builder *builder, struct config_group *group,
				const struct config_setting *setting)
{
	const struct config_key *key = config_key_find(CONFIG_SCOPE_group, setting->key);
	const char *raw = setting->key;
	bool is_raw = strncmp(raw, KAFKA_PREFIX, strlen(KAFKA_PREFIX)) == 0;

	if (is_raw)
		raw += strlen(KAFKA_PREFIX);
	if (key)
		apply_key(builder, key, group, group->origins, setting);
	else if (is_raw || config_kafka_is_owned(raw))
		config_kafka_add(&builder->kafka_context, CONFIG_KAFKA_GROUP, raw, setting,
				 &group->kafka, &group->n_kafka);
	else
		add_unknown(builder, CONFIG_SCOPE_group, setting);
}

static void build_group(struct builder *builder, const struct config_section *section,
			const char *alias)
{
	struct config *config = builder->config;
	struct config_group *group;

	config->groups = config_grow(config->groups, config->n_groups, sizeof(*group));
	group = &config->groups[config->n_groups++];
	group->alias = config_strdup(alias);
	group->section = section->at;
	group->origins = config_scope_init(CONFIG_SCOPE_group, group);
	for (size_t i = 0; i < section->n_settings; i++)
		build_group_setting(builder, group, &section->settings[i]);
}

/* ---- names of sections --------------------------------------------------------------------- */

/* The kind of "[cluster NAME]" and where NAME begins; N_SECTION_KINDS = none of ours. */
static enum section_kind kind_of(const char *section, const char **name)
{
	size_t n_bytes = strcspn(section, " \t");
	int kind = 0;

	while (kind < N_SECTION_KINDS && (strlen(kind_words[kind]) != n_bytes ||
					  strncmp(kind_words[kind], section, n_bytes) != 0))
		kind++;
	*name = section + n_bytes + strspn(section + n_bytes, " \t");
	return kind;
}

static void add_unknown_section(struct builder *builder, const struct config_section *section)
{
	char *word = config_strndup(section->name, strcspn(section->name, " \t"));
	struct config_suggest suggest;

	config_suggest_init(&suggest, word);
	for (int kind = 0; kind < N_SECTION_KINDS; kind++)
		config_suggest_offer(&suggest, kind_words[kind]);
	config_errors_add(builder->errors, &section->at,
			  "unknown section [%s]%s%s%s there are [daemon], [kafka], [cluster NAME], "
			  "[group NAME]",
			  config_show(section->name).text, suggest.best ? ": did you mean '" : "",
			  suggest.best ? suggest.best : "", suggest.best ? "'?" : ":");
	free(word);
}

static bool has_namesake(const struct config *config, enum section_kind kind, const char *name)
{
	if (kind == SECTION_CLUSTER) {
		for (size_t i = 0; i < config->n_clusters; i++) {
			if (strcasecmp(config->clusters[i].name, name) == 0)
				return true;
		}
		return false;
	}
	for (size_t i = 0; i < config->n_groups; i++) {
		if (strcasecmp(config->groups[i].alias, name) == 0)
			return true;
	}
	return false;
}

/* What is wrong with the name, NULL = nothing. */
static const char *find_name_fault(const struct config *config, enum section_kind kind,
				   const char *name)
{
	if (kind == SECTION_DAEMON || kind == SECTION_KAFKA)
		return name[0] ? "takes no name: remove it" : NULL;
	if (!name[0])
		return "needs a name: write [cluster NAME], [group NAME]";
	if (strpbrk(name, " \t"))
		return "has a space in its name: use one word";
	if (strlen(name) > SECTION_NAME_MAX_BYTES)
		return "has a name longer than 255 bytes: use a shorter one";
	if (has_namesake(config, kind, name))
		return "is there already (names differ by more than case and spaces): remove one";
	return NULL;
}

static bool check_name(struct builder *builder, const struct config_section *section,
		       enum section_kind kind, const char *name)
{
	const char *fault = find_name_fault(builder->config, kind, name);

	if (fault)
		config_errors_add(builder->errors, &section->at, "section [%s] %s",
				  config_show(section->name).text, fault);
	return !fault;
}

static void build_section(struct builder *builder, const struct config_section *section,
			  enum section_kind wanted)
{
	const char *name;
	enum section_kind kind = kind_of(section->name, &name);

	if (kind != wanted)
		return;
	if (kind == N_SECTION_KINDS) {
		add_unknown_section(builder, section);
		return;
	}
	if (!check_name(builder, section, kind, name))
		return;
	switch (kind) {
	case SECTION_DAEMON:
		build_daemon(builder, section);
		break;
	case SECTION_KAFKA:
		build_kafka(builder, section);
		break;
	case SECTION_CLUSTER:
		build_cluster(builder, section, name);
		break;
	case SECTION_GROUP:
		build_group(builder, section, name);
		break;
	case N_SECTION_KINDS:
		break;
	}
}

void config_build(struct config *config, struct config_source *source,
		  const struct config_hooks *hooks, struct config_errors *errors)
{
	static const struct config_hooks no_hooks;
	struct builder builder = {.config = config, .errors = errors};

	builder.kafka_context = (struct config_kafka_context){
		.hooks = hooks ? hooks : &no_hooks,
		.errors = errors,
	};
	config->files = source->files;
	config->n_files = source->n_files;
	source->files = NULL;
	source->n_files = 0;
	config->origins = config_scope_init(CONFIG_SCOPE_daemon, config);
	for (int kind = 0; kind <= N_SECTION_KINDS; kind++) {
		for (size_t i = 0; i < source->n_sections; i++)
			build_section(&builder, &source->sections[i], kind);
	}
	config_kafka_free(builder.kafka, builder.n_kafka);
}
