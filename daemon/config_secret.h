/* SPDX-License-Identifier: MIT */
/* Values that are kept outside the file, and values that are never shown. */
#ifndef DAEMON_CONFIG_SECRET_H
#define DAEMON_CONFIG_SECRET_H

#include "daemon/config.h"

/*
 * The value behind "@credential:NAME" or "@file:PATH", else a copy of text; NULL = an error was
 * added. *secret says whether the result may be shown; a secret that everybody on the host may
 * read is a warning.
 */
char *config_secret_resolve(const char *key, const char *text, const struct config_origin *at,
			    bool *secret, struct config_errors *errors);

#endif
