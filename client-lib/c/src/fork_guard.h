/* SPDX-License-Identifier: MIT */
/* Tells a forked child from the process that opened. See fork_guard.c. */
#ifndef KG_FORK_GUARD_H
#define KG_FORK_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

struct fork_guard {
	const volatile uint32_t
		*alive; /* a page that the kernel wipes in a child; NULL: not available */
	pid_t pid;
};

void fork_guard_init(struct fork_guard *g);
void fork_guard_deinit(struct fork_guard *g);

static inline bool fork_guard_forked(const struct fork_guard *g)
{
	return g->alive ? !*g->alive : getpid() != g->pid;
}

#endif
