/* SPDX-License-Identifier: MIT */
/* The demo's temporary folder. See demo_home.c. */
#ifndef CTL_DEMO_HOME_H
#define CTL_DEMO_HOME_H

#include "client-lib/ctl/trouble.h"

enum { DEMO_HOME_BYTES = 80, DEMO_PATH_BYTES = 108 };

struct demo_home {
	char folder[DEMO_HOME_BYTES]; /* "": none */
	char socket_path[DEMO_PATH_BYTES];
	char config_path[DEMO_PATH_BYTES];
	char runtime_variable[DEMO_PATH_BYTES]; /* RUNTIME_DIRECTORY=folder */
};

/* Makes the folder, mode 0700. 0, or -errno and t. */
int demo_home_open(struct demo_home *home, struct trouble *t);

/* Writes the daemon's configuration. 0, or -errno and t. */
int demo_home_write_config(const struct demo_home *home, const char *bootstrap, struct trouble *t);

/* Removes the folder and all in it. Fine if there is none. */
void demo_home_close(struct demo_home *home);

#endif
