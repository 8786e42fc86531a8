/* SPDX-License-Identifier: MIT */
/*
 * From a running configuration to a freshly read one. Keys with CONFIG_RELOAD are taken over, all
 * else that differs is listed as refused and stays as it is: what runs was built from it.
 * Sections that came or went are refused too, since others hold pointers into the arrays. Taking
 * over is a swap, so both configurations stay whole and are freed as usual.
 *
 * Places are renewed also for values that did not change, so that the effective configuration
 * names the lines of today. File names belong to the configuration that names them.
 */
#include "daemon/config.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/config_alloc.h"
#include "daemon/config_kafka.h"
#include "daemon/config_key.h"

struct reload {
	struct config *running;
	struct config_changes *out;
	char *section; /* "[group orders]", of the lines being added */
};

static void add_change(char ***lines, size_t *n_lines, char *line)
{
	config_strings_add(lines, n_lines, line, strlen(line));
	free(line);
}

static void add_applied(struct reload *reload, char *line)
{
	add_change(&reload->out->applied, &reload->out->n_applied, line);
}

static void add_refused(struct reload *reload, char *line)
{
	add_change(&reload->out->refused, &reload->out->n_refused, line);
}

static const char *intern(struct config *config, const char *file)
{
	for (size_t i = 0; i < config->n_files; i++) {
		if (strcmp(config->files[i], file) == 0)
			return config->files[i];
	}
	config_strings_add(&config->files, &config->n_files, file, strlen(file));
	return config->files[config->n_files - 1];
}

static struct config_origin take_origin(struct reload *reload, struct config_origin fresh)
{
	if (fresh.file)
		fresh.file = intern(reload->running, fresh.file);
	return fresh;
}

/* ---- keys of ours -------------------------------------------------------------------------- */

static void reload_key(struct reload *reload, const struct config_key *key, void *running,
		       void *fresh, const char *note_of_origin)
{
	char *before = config_key_format(key, running), *after = config_key_format(key, fresh);
	const char *note = strcmp(before, after) != 0 ? "" : note_of_origin;
	char *line =
		config_printf("%s %s: %s -> %s%s", reload->section, key->name, before, after, note);

	if (key->flags & CONFIG_RELOAD) {
		config_key_swap(key, running, fresh);
		add_applied(reload, line);
	} else {
		add_refused(reload, line);
	}
	free(before);
	free(after);
}

/* An explicit value that equals the default still binds clients, so it is a change. */
static bool is_same(const struct config_key *key, const void *running, const void *fresh,
		    const struct config_origin *was, const struct config_origin *is)
{
	if (!config_key_is_equal(key, running, fresh))
		return false;
	return !(key->flags & ~CONFIG_RELOAD) || !was->file == !is->file;
}

static void reload_keys(struct reload *reload, enum config_scope scope, void *running, void *fresh,
			struct config_origin *running_origins,
			const struct config_origin *fresh_origins)
{
	for (size_t i = 0; i < CONFIG_N_KEYS; i++) {
		const struct config_key *key = &config_keys[i];
		bool same;

		if (key->scope != scope)
			continue;
		same = is_same(key, running, fresh, &running_origins[i], &fresh_origins[i]);
		if (!same)
			reload_key(reload, key, running, fresh,
				   fresh_origins[i].file ? " (now explicit)"
							 : " (now the default)");
		if (same || (key->flags & CONFIG_RELOAD))
			running_origins[i] = take_origin(reload, fresh_origins[i]);
	}
}

/* ---- settings of librdkafka ---------------------------------------------------------------- */

static const char *shown_value(const struct config_pair *pair)
{
	if (!pair)
		return "(unset)";
	return pair->secret ? "***" : pair->value;
}

static void compare_pair(struct reload *reload, struct config_pair *running,
			 const struct config_pair *fresh)
{
	const char *key = running ? running->key : fresh->key;
	struct config_origin at;

	if (running && fresh && strcmp(running->value, fresh->value) == 0) {
		at = take_origin(reload, (struct config_origin){fresh->file, fresh->line});
		running->file = at.file;
		running->line = at.line;
		return;
	}
	add_refused(reload, config_printf("%s %s: %s -> %s", reload->section, key,
					  shown_value(running), shown_value(fresh)));
}

static void compare_kafka(struct reload *reload, struct config_pair *running, size_t n_running,
			  const struct config_pair *fresh, size_t n_fresh)
{
	for (size_t i = 0; i < n_running; i++)
		compare_pair(reload, &running[i],
			     config_kafka_find(fresh, n_fresh, running[i].key));
	for (size_t i = 0; i < n_fresh; i++) {
		if (!config_kafka_find(running, n_running, fresh[i].key))
			compare_pair(reload, NULL, &fresh[i]);
	}
}

/* ---- sections ------------------------------------------------------------------------------ */

static void set_section(struct reload *reload, const char *kind, const char *name)
{
	free(reload->section);
	reload->section = name ? config_printf("[%s %s]", kind, name) : config_printf("[%s]", kind);
}

static void reload_cluster(struct reload *reload, struct config_cluster *running,
			   struct config *fresh_config)
{
	struct config_cluster *fresh =
		(struct config_cluster *)config_find_cluster(fresh_config, running->name);

	set_section(reload, "cluster", running->name);
	if (!fresh) {
		add_refused(reload, config_printf("%s: removed", reload->section));
		return;
	}
	reload_keys(reload, CONFIG_SCOPE_cluster, running, fresh, running->origins, fresh->origins);
	compare_kafka(reload, running->kafka, running->n_kafka, fresh->kafka, fresh->n_kafka);
	running->section = take_origin(reload, fresh->section);
}

static void reload_group(struct reload *reload, struct config_group *running,
			 struct config *fresh_config)
{
	struct config_group *fresh =
		(struct config_group *)config_find_group(fresh_config, running->alias);

	set_section(reload, "group", running->alias);
	if (!fresh) {
		add_refused(reload, config_printf("%s: removed", reload->section));
		return;
	}
	reload_keys(reload, CONFIG_SCOPE_group, running, fresh, running->origins, fresh->origins);
	compare_kafka(reload, running->kafka, running->n_kafka, fresh->kafka, fresh->n_kafka);
	running->section = take_origin(reload, fresh->section);
}

static void add_new_sections(struct reload *reload, const struct config *fresh)
{
	for (size_t i = 0; i < fresh->n_clusters; i++) {
		if (!config_find_cluster(reload->running, fresh->clusters[i].name))
			add_refused(reload,
				    config_printf("[cluster %s]: added", fresh->clusters[i].name));
	}
	for (size_t i = 0; i < fresh->n_groups; i++) {
		if (!config_find_group(reload->running, fresh->groups[i].alias))
			add_refused(reload,
				    config_printf("[group %s]: added", fresh->groups[i].alias));
	}
}

int config_reload(struct config *running, struct config *fresh, struct config_changes *out)
{
	struct reload reload = {.running = running, .out = out};

	*out = (struct config_changes){0};
	set_section(&reload, "daemon", NULL);
	reload_keys(&reload, CONFIG_SCOPE_daemon, running, fresh, running->origins, fresh->origins);
	for (size_t i = 0; i < running->n_clusters; i++)
		reload_cluster(&reload, &running->clusters[i], fresh);
	for (size_t i = 0; i < running->n_groups; i++)
		reload_group(&reload, &running->groups[i], fresh);
	add_new_sections(&reload, fresh);
	free(reload.section);
	return out->n_refused > 0;
}

void config_changes_deinit(struct config_changes *changes)
{
	config_strings_free(changes->applied, changes->n_applied);
	config_strings_free(changes->refused, changes->n_refused);
	*changes = (struct config_changes){0};
}
