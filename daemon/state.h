/* SPDX-License-Identifier: MIT */
/* What a restart needs before the clients are back. See state.c. */
#ifndef STATE_H
#define STATE_H

struct daemon;
struct state_file;

int state_open(struct state_file **out, struct daemon *d);
void state_load(struct daemon *d);		     /* rejoins the groups of the last run */
void state_save(struct daemon *d);		     /* at the end of this turn of the loop */
void state_remove(struct daemon *d);		     /* the groups were left */
struct state_file *state_free(struct state_file *s); /* what is due is dropped */

#endif
