/* SPDX-License-Identifier: MIT */
/*
 * Levenshtein distance without regard to case: offer every candidate, the nearest one wins, the
 * first of equals. A third of the word may differ (two letters of a short one): further away a
 * suggestion only confuses.
 */
#include "daemon/config_suggest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SUGGEST_MAX_BYTES 64 /* longer words are not names of anything */

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

static size_t distance(const char *a, const char *b)
{
	size_t row[SUGGEST_MAX_BYTES + 1], n_b = strlen(b);

	for (size_t j = 0; j <= n_b; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < n_b; j++) {
			size_t above = row[j + 1];
			int differ = tolower((unsigned char)a[i]) != tolower((unsigned char)b[j]);

			row[j + 1] = min3(above + 1, row[j] + 1, diagonal + differ);
			diagonal = above;
		}
	}
	return row[n_b];
}

void config_suggest_init(struct config_suggest *suggest, const char *word)
{
	size_t third = strlen(word) / 3;

	*suggest = (struct config_suggest){.word = word, .distance = (third < 2 ? 2 : third) + 1};
}

void config_suggest_offer(struct config_suggest *suggest, const char *candidate)
{
	size_t d;

	if (strlen(candidate) > SUGGEST_MAX_BYTES || strlen(suggest->word) > SUGGEST_MAX_BYTES)
		return;
	d = distance(suggest->word, candidate);
	if (d >= suggest->distance)
		return;
	suggest->distance = d;
	suggest->best = candidate;
}

const char *config_suggest_format(const struct config_suggest *suggest, char *text, size_t n_bytes)
{
	text[0] = '\0';
	if (suggest->best)
		snprintf(text, n_bytes, ": did you mean '%s'?", suggest->best);
	return text;
}
