/* SPDX-License-Identifier: MIT */
/* Colours that say how things are. See colour.c. */
#ifndef CTL_COLOUR_H
#define CTL_COLOUR_H

#include <stdio.h>

#include "client-lib/ctl/ctl.h"

enum colour { COLOUR_PLAIN, COLOUR_GOOD, COLOUR_WAIT, COLOUR_BAD, COLOUR_STRONG, COLOUR_FAINT };

/* Whether this stream gets colours: --color, $NO_COLOR, $TERM, and whether it is a terminal. */
bool colour_is_on(const struct ctl *ctl, FILE *stream);

const char *colour_start(bool on, enum colour colour); /* "" when off */
const char *colour_end(bool on);

/* How a state of a group, a cluster or the daemon looks. */
enum colour colour_of_state(const char *state);

#endif
