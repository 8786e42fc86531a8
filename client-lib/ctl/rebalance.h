/* SPDX-License-Identifier: MIT */
/* Rebalances in words. See rebalance.c. */
#ifndef CTL_REBALANCE_H
#define CTL_REBALANCE_H

#include <stdio.h>

#include "client-lib/c/include/kgroup.h"

/* One line for a KG_EVENT_NOTIFICATION. */
void rebalance_print(const struct kg_event *event, FILE *out);

#endif
