/* SPDX-License-Identifier: MIT */
/*
 * The effective configuration: every key of config_keys.def and every setting of librdkafka that
 * was given, each on one line with the place it comes from, so that grep answers both questions.
 * Values of secrets are "***". The form is for reading: a comment behind a value is not something
 * the parser takes.
 */
#include "daemon/config.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/config_key.h"

#define VALUE_COLUMNS 44

/* Line ends (of PEM texts) as they are written in the file. */
static void print_value(const char *prefix, const char *key, const char *value, FILE *to)
{
	int n = fprintf(to, "%s%s = ", prefix, key);

	for (; *value; value++) {
		if (*value == '\n')
			n += fprintf(to, "\\n");
		else
			n += fputc(*value, to) != EOF;
	}
	fprintf(to, "%*s", n < VALUE_COLUMNS ? VALUE_COLUMNS - n : 1, "");
}

static void print_origin(const char *file, unsigned line, FILE *to)
{
	if (file)
		fprintf(to, "# %s:%u\n", file, line);
	else
		fputs("# default\n", to);
}

static void print_keys(enum config_scope scope, const void *object,
		       const struct config_origin *origins, FILE *to)
{
	for (size_t i = 0; i < CONFIG_N_KEYS; i++) {
		char *value;

		if (config_keys[i].scope != scope)
			continue;
		value = config_key_format(&config_keys[i], object);
		print_value("", config_keys[i].name, value, to);
		print_origin(origins[i].file, origins[i].line, to);
		free(value);
	}
}

static void print_kafka(const char *prefix, const struct config_pair *pairs, size_t n, FILE *to)
{
	for (size_t i = 0; i < n; i++) {
		print_value(prefix, pairs[i].key, pairs[i].secret ? "***" : pairs[i].value, to);
		print_origin(pairs[i].file, pairs[i].line, to);
	}
}

void config_print_effective(const struct config *config, FILE *to)
{
	fputs("[daemon]\n", to);
	print_keys(CONFIG_SCOPE_daemon, config, config->origins, to);
	for (size_t i = 0; i < config->n_clusters; i++) {
		const struct config_cluster *cluster = &config->clusters[i];

		fprintf(to, "\n[cluster %s]\n", cluster->name);
		print_keys(CONFIG_SCOPE_cluster, cluster, cluster->origins, to);
		print_kafka("", cluster->kafka, cluster->n_kafka, to);
	}
	for (size_t i = 0; i < config->n_groups; i++) {
		const struct config_group *group = &config->groups[i];

		fprintf(to, "\n[group %s]\n", group->alias);
		print_keys(CONFIG_SCOPE_group, group, group->origins, to);
		print_kafka("kafka.", group->kafka, group->n_kafka, to);
	}
}
