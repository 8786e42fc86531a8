/* SPDX-License-Identifier: MIT */
/*
 * A configuration file with its drop-ins, merged key by key: "<file>.d" + "/" + "*.conf" in byte
 * order of their names, and the later file wins. We merge ourselves because libini_config would do
 * it without regard to case and without keeping where a value came from. Across files as within
 * one, two section names may not differ by case alone.
 */
#include "daemon/config_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config_alloc.h"
#include "daemon/config_error.h"

static void merge_setting(struct config_section *into, struct config_setting *setting)
{
	struct config_setting *kept = NULL;

	for (size_t i = 0; i < into->n_settings && !kept; i++) {
		if (strcmp(into->settings[i].key, setting->key) == 0)
			kept = &into->settings[i];
	}
	if (!kept) {
		into->settings =
			config_grow(into->settings, into->n_settings, sizeof(*into->settings));
		into->settings[into->n_settings++] = *setting;
	} else {
		free(kept->key);
		free(kept->value);
		*kept = *setting;
	}
	*setting = (struct config_setting){0};
}

static struct config_section *find_section(struct config_source *source, const char *name)
{
	for (size_t i = 0; i < source->n_sections; i++) {
		if (strcasecmp(source->sections[i].name, name) == 0)
			return &source->sections[i];
	}
	return NULL;
}

static void merge_section(struct config_source *source, struct config_section *section,
			  struct config_errors *errors)
{
	struct config_section *into = find_section(source, section->name);

	if (!into) {
		source->sections = config_grow(source->sections, source->n_sections,
					       sizeof(*source->sections));
		source->sections[source->n_sections++] = *section;
		*section = (struct config_section){0};
		return;
	}
	if (strcmp(into->name, section->name) != 0) {
		config_errors_add(errors, &section->at,
				  "[%s] differs only by case from [%s] (%s:%u): write it the same, "
				  "or choose another name",
				  config_show(section->name).text, config_show(into->name).text,
				  into->at.file, into->at.line);
		return;
	}
	for (size_t i = 0; i < section->n_settings; i++)
		merge_setting(into, &section->settings[i]);
}

/* Takes over the name. */
static void merge_file(struct config_source *source, char *file, struct config_errors *errors)
{
	struct config_section *sections = NULL;
	size_t n_sections = 0;

	source->files = config_grow(source->files, source->n_files, sizeof(*source->files));
	source->files[source->n_files++] = file;
	config_file_read(file, &sections, &n_sections, errors);
	for (size_t i = 0; i < n_sections; i++) {
		merge_section(source, &sections[i], errors);
		config_section_deinit(&sections[i]);
	}
	free(sections);
}

static int is_drop_in(const struct dirent *entry)
{
	size_t n_bytes = strlen(entry->d_name);

	return entry->d_name[0] != '.' && n_bytes > strlen(".conf") &&
	       strcmp(entry->d_name + n_bytes - strlen(".conf"), ".conf") == 0;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void merge_drop_ins(struct config_source *source, const char *directory,
			   struct config_errors *errors)
{
	struct dirent **entries = NULL;
	int n = scandir(directory, &entries, is_drop_in, compare_names);

	if (n < 0 && errno != ENOENT)
		config_errors_add(errors, &(struct config_origin){.file = directory},
				  "cannot be listed: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		merge_file(source, config_printf("%s/%s", directory, entries[i]->d_name), errors);
		free(entries[i]);
	}
	free(entries);
}

void config_source_read(struct config_source *source, const char *file,
			struct config_errors *errors)
{
	char *directory = config_printf("%s.d", file);

	*source = (struct config_source){0};
	merge_file(source, config_strdup(file), errors);
	merge_drop_ins(source, directory, errors);
	free(directory);
}

void config_source_deinit(struct config_source *source)
{
	for (size_t i = 0; i < source->n_sections; i++)
		config_section_deinit(&source->sections[i]);
	free(source->sections);
	config_strings_free(source->files, source->n_files);
	*source = (struct config_source){0};
}
