/* SPDX-License-Identifier: MIT */
/* The systemd units that a process belongs to, by the name of its cgroup. See unit.c. */
#ifndef UNIT_H
#define UNIT_H

enum { UNIT_BYTES = 256 }; /* the longest name has 255 */

/* "": none. Only the names of the system's manager can be relied upon. */
struct unit {
	char system[UNIT_BYTES]; /* of the system's manager; user@1000.service for all of a user's
				  */
	char user[UNIT_BYTES];	 /* of the user's manager, below that: the user says what it is */
};

/* text is that of /proc/PID/cgroup. */
void unit_parse(struct unit *unit, const char *text);

#endif
