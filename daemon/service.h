/* SPDX-License-Identifier: MIT */
/* What the service manager hears of the daemon. See service.c. */
#ifndef SERVICE_H
#define SERVICE_H

#include <stdbool.h>

struct daemon;

struct service {
	char status[512];  /* as last told */
	char trouble[192]; /* of the last reload; "": it went well */
	bool owes_ready;   /* READY=1 was lost, or is waited for */
};

void service_ready(struct daemon *d);
void service_reloading(struct daemon *d);
void service_reloaded(struct daemon *d, const char *trouble); /* NULL: all went well */
void service_stopping(struct daemon *d);
void service_tick(struct daemon *d);
void service_alive(void); /* feeds the watchdog */

#endif
