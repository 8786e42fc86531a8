/* SPDX-License-Identifier: MIT */
/*
 * The list of errors and warnings that config_load() hands back. Nothing here prints: the caller
 * may be the daemon at start, a reload, or a check on behalf of the tool. Values enter a text only
 * through config_show(), and values of secret keys never do.
 */
#include "daemon/config_error.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config_alloc.h"

__attribute__((format(printf, 2, 0))) static char *error_text(const struct config_origin *at,
							      const char *format, va_list args)
{
	char *words = NULL, *text;

	if (vasprintf(&words, format, args) < 0)
		abort();
	if (!at || !at->file)
		return words;
	if (at->line > 0)
		text = config_printf("%s:%u: %s", at->file, at->line, words);
	else
		text = config_printf("%s: %s", at->file, words);
	free(words);
	return text;
}

__attribute__((format(printf, 4, 0))) static void error_list_add(struct config_error **list,
								 size_t *n,
								 const struct config_origin *at,
								 const char *format, va_list args)
{
	struct config_error error = {.text = error_text(at, format, args)};

	if (at) {
		error.file = at->file;
		error.line = at->line;
	}
	*list = config_grow(*list, *n, sizeof(**list));
	(*list)[(*n)++] = error;
}

void config_errors_add(struct config_errors *errors, const struct config_origin *at,
		       const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error_list_add(&errors->errors, &errors->n_errors, at, format, args);
	va_end(args);
}

void config_errors_warn(struct config_errors *errors, const struct config_origin *at,
			const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error_list_add(&errors->warnings, &errors->n_warnings, at, format, args);
	va_end(args);
}

/* ---- order --------------------------------------------------------------------------------- */

struct file_order {
	char *const *files;
	size_t n_files;
};

static size_t rank_of(const struct config_error *error, const struct file_order *order)
{
	size_t rank = 0;

	while (rank < order->n_files && error->file != order->files[rank])
		rank++;
	return rank;
}

static bool is_before(const struct config_error *a, const struct config_error *b,
		      const struct file_order *order)
{
	size_t rank_a = rank_of(a, order), rank_b = rank_of(b, order);

	return rank_a != rank_b ? rank_a < rank_b : a->line < b->line;
}

/* By insertion: stable, and the lists are short. */
static void error_list_sort(struct config_error *list, size_t n, const struct file_order *order)
{
	for (size_t i = 1; i < n; i++) {
		struct config_error moved = list[i];
		size_t to = i;

		for (; to > 0 && is_before(&moved, &list[to - 1], order); to--)
			list[to] = list[to - 1];
		list[to] = moved;
	}
	for (size_t i = 0; i < n; i++)
		list[i].file = NULL;
}

void config_errors_sort(struct config_errors *errors, size_t n_errors, size_t n_warnings,
			char *const *files, size_t n_files)
{
	struct file_order order = {.files = files, .n_files = n_files};

	if (errors->n_errors > n_errors)
		error_list_sort(errors->errors + n_errors, errors->n_errors - n_errors, &order);
	if (errors->n_warnings > n_warnings)
		error_list_sort(errors->warnings + n_warnings, errors->n_warnings - n_warnings,
				&order);
}

static void error_list_free(struct config_error *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i].text);
	free(list);
}

void config_errors_deinit(struct config_errors *errors)
{
	error_list_free(errors->errors, errors->n_errors);
	error_list_free(errors->warnings, errors->n_warnings);
	*errors = (struct config_errors){0};
}

struct config_shown config_show(const char *value)
{
	struct config_shown shown = {.text = ""};
	const size_t max = CONFIG_SHOWN_BYTES - sizeof("...");
	size_t n = strlen(value);

	for (size_t i = 0; i < n && i < max; i++)
		shown.text[i] = isprint((unsigned char)value[i]) ? value[i] : '?';
	if (n > max)
		strcpy(shown.text + max, "...");
	return shown;
}
