/* SPDX-License-Identifier: MIT */
/*
 * For the tests of the configuration: a directory of its own for each test, files in it, one load,
 * and looks at what came of it. Everything goes with the fixture; a file descriptor that stays open
 * fails the test.
 */
#ifndef TESTS_UNIT_TEST_CONFIG_FIXTURE_H
#define TESTS_UNIT_TEST_CONFIG_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config.h"

struct fixture {
	char directory[64];
	char file[128];
	int n_fds;
	struct config *config;
	struct config_errors errors;
	struct config_hooks hooks;
};

static int count_fds(void)
{
	DIR *fds = opendir("/proc/self/fd");
	int n = 0;

	while (fds && readdir(fds))
		n++;
	closedir(fds);
	return n;
}

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	unsetenv("CREDENTIALS_DIRECTORY");
	unsetenv("KGROUPD_NAME");
	strcpy(f->directory, "/tmp/kgroupd-config-XXXXXX");
	if (!mkdtemp(f->directory))
		return -1;
	snprintf(f->file, sizeof(f->file), "%s/k.conf", f->directory);
	f->n_fds = count_fds();
	alarm(20);
	*state = f;
	return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;
	int n_fds = count_fds();

	config_free(f->config);
	config_errors_deinit(&f->errors);
	nftw(f->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	n_fds -= f->n_fds;
	free(f);
	return n_fds;
}

/* ---- files --------------------------------------------------------------------------------- */

static inline const char *path_in(struct fixture *f, const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", f->directory, name);
	return path;
}

static inline void write_bytes(struct fixture *f, const char *name, const char *bytes, size_t n)
{
	FILE *file = fopen(path_in(f, name), "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path_in(f, name), 0640), 0);
}

static inline void write_file(struct fixture *f, const char *name, const char *text)
{
	write_bytes(f, name, text, strlen(text));
}

static inline void write_drop_in(struct fixture *f, const char *name, const char *text)
{
	char path[256];

	mkdir(path_in(f, "k.conf.d"), 0750);
	snprintf(path, sizeof(path), "k.conf.d/%s", name);
	write_file(f, path, text);
}

/* ---- loads --------------------------------------------------------------------------------- */

static inline int load_again(struct fixture *f)
{
	config_errors_deinit(&f->errors);
	config_free(f->config);
	return config_load(f->file, &f->hooks, &f->config, &f->errors);
}

static inline int load_text(struct fixture *f, const char *text)
{
	write_file(f, "k.conf", text);
	return load_again(f);
}

static inline void print_errors(const struct fixture *f)
{
	for (size_t i = 0; i < f->errors.n_errors; i++)
		print_message("# error: %s\n", f->errors.errors[i].text);
	for (size_t i = 0; i < f->errors.n_warnings; i++)
		print_message("# warning: %s\n", f->errors.warnings[i].text);
}

static inline void assert_loads(struct fixture *f, const char *text)
{
	int r = load_text(f, text);

	if (r != 0)
		print_errors(f);
	assert_int_equal(r, 0);
	assert_int_equal(f->errors.n_errors, 0);
	assert_non_null(f->config);
}

static bool has_text(const struct config_error *list, size_t n, const char *place,
		     const char *words)
{
	for (size_t i = 0; i < n; i++) {
		if (strncmp(list[i].text, place, strlen(place)) == 0 &&
		    strstr(list[i].text + strlen(place), words))
			return true;
	}
	return false;
}

/* An error at "<name>:<line>: " with these words in it; line 0 = of the file as a whole. */
static inline void assert_error_in(struct fixture *f, const char *name, unsigned line,
				   const char *words)
{
	char place[PATH_MAX];

	if (line > 0)
		snprintf(place, sizeof(place), "%s/%s:%u: ", f->directory, name, line);
	else
		snprintf(place, sizeof(place), "%s/%s: ", f->directory, name);
	if (has_text(f->errors.errors, f->errors.n_errors, place, words))
		return;
	print_errors(f);
	fail_msg("no error at %s:%u with '%s'", name, line, words);
}

static inline void assert_error(struct fixture *f, unsigned line, const char *words)
{
	assert_error_in(f, "k.conf", line, words);
}

static inline void assert_warning(struct fixture *f, unsigned line, const char *words)
{
	char place[PATH_MAX];

	snprintf(place, sizeof(place), "%s:%u: ", f->file, line);
	if (has_text(f->errors.warnings, f->errors.n_warnings, place, words))
		return;
	print_errors(f);
	fail_msg("no warning at line %u with '%s'", line, words);
}

/* Exactly one error: there, saying this. */
static inline void assert_refuses(struct fixture *f, const char *text, unsigned line,
				  const char *words)
{
	assert_int_equal(load_text(f, text), -EINVAL);
	assert_null(f->config);
	assert_error(f, line, words);
	if (f->errors.n_errors != 1)
		print_errors(f);
	assert_int_equal(f->errors.n_errors, 1);
}

static inline const char *find_pair(const struct config_pair *pairs, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(pairs[i].key, key) == 0)
			return pairs[i].value;
	}
	return NULL;
}

/* What config_print_effective() writes; to be freed. */
static inline char *print_effective(const struct config *config)
{
	char *text = NULL;
	size_t n_bytes = 0;
	FILE *to = open_memstream(&text, &n_bytes);

	assert_non_null(to);
	config_print_effective(config, to);
	fclose(to);
	return text;
}

#define MINIMAL	   "[cluster main]\nbootstrap.servers = localhost:9092\n"
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
