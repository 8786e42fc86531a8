/* SPDX-License-Identifier: MIT */
/* The text of a configuration: a file and its drop-ins as sections of key, value, place. */
#ifndef DAEMON_CONFIG_FILE_H
#define DAEMON_CONFIG_FILE_H

#include "daemon/config.h"

struct config_setting {
	char *key, *value;
	struct config_origin at;
};

struct config_section {
	char *name;
	struct config_origin at; /* its header, in the first file that has it */
	struct config_setting *settings;
	size_t n_settings;
};

/* The file names that every origin points to are the elements of files. */
struct config_source {
	char **files;
	size_t n_files;
	struct config_section *sections;
	size_t n_sections;
};

/* config_source.c: file, then drop-ins, merged. Errors are collected, what could be read is kept.
 */
void config_source_read(struct config_source *source, const char *file,
			struct config_errors *errors);
void config_source_deinit(struct config_source *source);

/* config_file.c: one file through libini_config, appended to sections. file must outlive them. */
void config_file_read(const char *file, struct config_section **sections, size_t *n_sections,
		      struct config_errors *errors);
void config_section_deinit(struct config_section *section);

/* The whole of a file, terminated; NULL and errno (EFBIG above max_bytes). */
char *config_file_slurp(const char *file, size_t max_bytes, size_t *n_bytes);

#endif
