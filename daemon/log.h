/* SPDX-License-Identifier: MIT */
/* The daemon's log: the journal with fields, or lines on stderr. See log.c. */
#ifndef LOG_H
#define LOG_H

#include "daemon/config.h"
#include "daemon/core/access.h"

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

/* What a line is about; absent members are NULL or 0. Becomes fields of the journal. */
struct log_about {
	const char *cluster, *group, *topic;
	int32_t partition; /* of topic; -1: none */
	const struct peer *peer;
	unsigned code; /* enum kgp_error_code */
};

/* MESSAGE_ID of lines with a code; the code's four hexadecimal digits follow. systemd/gen-catalog
 * reads it here. */
#define LOG_MESSAGE_ID "1b25ba669dab4c04a4f7e9a9b2da"

/* The end of a noun behind its number. */
#define PLURAL(n) ((n) == 1 ? "" : "s")

#define LOG_ABOUT(...) (&(struct log_about){__VA_ARGS__})

void log_open(enum config_log_target target);
void log_set_level(int level); /* LOG_ERR .. LOG_DEBUG: what is less urgent is dropped */
int log_get_level(void);
bool log_is_journal(void);
void log_write(int level, const struct log_about *about, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
