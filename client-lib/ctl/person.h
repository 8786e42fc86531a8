/* SPDX-License-Identifier: MIT */
/* Who a process is: its user, its unit. See person.c. */
#ifndef CTL_PERSON_H
#define CTL_PERSON_H

#include <stdbool.h>
#include <stdint.h>

enum { PERSON_BYTES = 300 };

/* The user's name, else the number; "-" below 0. */
const char *person_user(char out[PERSON_BYTES], int64_t uid);

/* "billing.service:4242", else "name:4242"; "-" without a pid. unit: what the daemon sees, or "".
 */
const char *person_holder(char out[PERSON_BYTES], int64_t pid, const char *unit, const char *name);

#endif
