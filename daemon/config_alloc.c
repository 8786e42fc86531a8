/* SPDX-License-Identifier: MIT */
/* See the header: allocations that cannot fail, and lists of strings that their holder owns. */
#include "daemon/config_alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *need(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

void *config_alloc(size_t n_bytes)
{
	return need(calloc(1, n_bytes));
}

void *config_grow(void *items, size_t n_items, size_t n_bytes)
{
	char *grown = need(reallocarray(items, n_items + 1, n_bytes));

	memset(grown + n_items * n_bytes, 0, n_bytes);
	return grown;
}

char *config_strdup(const char *text)
{
	return need(strdup(text));
}

char *config_strndup(const char *text, size_t n_bytes)
{
	return need(strndup(text, n_bytes));
}

char *config_printf(const char *format, ...)
{
	va_list args;
	char *text = NULL;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	return text;
}

void config_strings_add(char ***strings, size_t *n, const char *text, size_t n_bytes)
{
	*strings = config_grow(*strings, *n, sizeof(**strings));
	(*strings)[(*n)++] = config_strndup(text, n_bytes);
}

void config_strings_free(char **strings, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(strings[i]);
	free(strings);
}
