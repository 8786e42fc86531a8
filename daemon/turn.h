/* SPDX-License-Identifier: MIT */
/* Turns: when a connection is read, and what its requests count for. See turn.c. */
#ifndef TURN_H
#define TURN_H

#include <stdbool.h>
#include <stdint.h>

struct connection;
struct daemon;

int turn_open(struct daemon *d);
void turn_close(struct daemon *d);

bool turn_begin(struct connection *c);	 /* false: its user waits, and it is parked */
bool turn_is_over(struct connection *c); /* it has asked for enough */
void turn_end(struct connection *c);	 /* charges what was asked for */
void turn_park(struct connection *c);	 /* not read, until its next turn */
void turn_forget(struct connection *c);

uint64_t turn_clock_us(void); /* processor time of this thread */

#endif
