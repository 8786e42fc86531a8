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

void config_errors_add(struct config_errors *errors, const struct config_origin *at,
		       const char *format, ...)
{
	va_list args;

	errors->errors = config_grow(errors->errors, errors->n_errors, sizeof(*errors->errors));
	va_start(args, format);
	errors->errors[errors->n_errors++].text = error_text(at, format, args);
	va_end(args);
}

void config_errors_warn(struct config_errors *errors, const struct config_origin *at,
			const char *format, ...)
{
	va_list args;

	errors->warnings =
		config_grow(errors->warnings, errors->n_warnings, sizeof(*errors->warnings));
	va_start(args, format);
	errors->warnings[errors->n_warnings++].text = error_text(at, format, args);
	va_end(args);
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
