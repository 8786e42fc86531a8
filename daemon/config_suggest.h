/* SPDX-License-Identifier: MIT */
/* The nearest known word to a misspelt one. */
#ifndef DAEMON_CONFIG_SUGGEST_H
#define DAEMON_CONFIG_SUGGEST_H

#include <stddef.h>

struct config_suggest {
	const char *word, *best;
	size_t distance;
};

void config_suggest_init(struct config_suggest *suggest, const char *word);
void config_suggest_offer(struct config_suggest *suggest, const char *candidate);

#define CONFIG_SUGGEST_BYTES 128
/* ": did you mean 'best'?" or "", into text. */
const char *config_suggest_format(const struct config_suggest *suggest, char *text, size_t n_bytes);

#endif
