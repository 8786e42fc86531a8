/* SPDX-License-Identifier: MIT */
/* The question to the service manager: which job is queued for our unit? See manager.c. */
#ifndef MANAGER_H
#define MANAGER_H

#include "daemon/core/stopping.h"

struct event_base;
struct manager;

typedef void (*manager_answer)(void *arg, const struct stopping_facts *facts);

/*
 * Calls answer once: with what the manager said, with STOPPING_SILENT after a second, or before
 * this returns where there is nobody to ask. NULL then; else to be freed.
 */
struct manager *manager_ask(struct event_base *base, manager_answer answer, void *arg);
struct manager *manager_free(struct manager *m); /* not from within answer */

#endif
