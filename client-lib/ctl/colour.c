/* SPDX-License-Identifier: MIT */
/*
 * Colours.
 *
 * A colour repeats what a word says and never says anything alone. Green runs, yellow waits, red
 * needs somebody. Five of the eight colours that every terminal has, so that themes work.
 */
#include "client-lib/ctl/colour.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const sequences[] = {
	[COLOUR_PLAIN] = "",	     [COLOUR_GOOD] = "\033[32m",  [COLOUR_WAIT] = "\033[33m",
	[COLOUR_BAD] = "\033[1;31m", [COLOUR_STRONG] = "\033[1m", [COLOUR_FAINT] = "\033[2m",
};

bool colour_is_on(const struct ctl *ctl, FILE *stream)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (ctl->colour != CTL_AUTO)
		return ctl->colour == CTL_ALWAYS;
	if ((no_color && *no_color) || !term || !*term || strcmp(term, "dumb") == 0)
		return false;
	return isatty(fileno(stream));
}

const char *colour_start(bool on, enum colour colour)
{
	return on ? sequences[colour] : "";
}

const char *colour_end(bool on)
{
	return on ? "\033[0m" : "";
}

enum colour colour_of_state(const char *state)
{
	static const struct {
		const char *state;
		enum colour colour;
	} table[] = {
		{"joined", COLOUR_GOOD},     {"up", COLOUR_GOOD},      {"running", COLOUR_GOOD},
		{"connecting", COLOUR_WAIT}, {"joining", COLOUR_WAIT}, {"leaving", COLOUR_WAIT},
		{"draining", COLOUR_WAIT},   {"failed", COLOUR_BAD},   {"down", COLOUR_BAD},
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(state, table[i].state) == 0)
			return table[i].colour;
	}
	return COLOUR_PLAIN;
}
