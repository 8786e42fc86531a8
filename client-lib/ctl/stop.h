/* SPDX-License-Identifier: MIT */
/* HUP, INT and TERM as a wish to end. See stop.c. */
#ifndef CTL_STOP_H
#define CTL_STOP_H

#include <poll.h>

/* From here on the three only end a stop_poll(), and a write to a closed pipe is an error. */
void stop_init(void);

/* Back to how programs start, for a child before exec(). */
void stop_restore(void);

/* The first that came, or 0. */
int stop_signal(void);

/* As poll(2), but ended by the three: the number of ready ones, 0 (also by a signal), or -errno. */
int stop_poll(struct pollfd *fds, nfds_t n, int timeout_ms);

#endif
