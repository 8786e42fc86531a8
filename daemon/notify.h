/* SPDX-License-Identifier: MIT */
/* Words to the service manager. See notify.c. */
#ifndef NOTIFY_H
#define NOTIFY_H

void notify_open(void);
void notify_close(void);
int notify_send(const char *format, ...)
	__attribute__((format(printf, 1, 2))); /* 0, -errno if it is lost */

#endif
