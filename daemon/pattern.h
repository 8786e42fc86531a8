/* SPDX-License-Identifier: MIT */
/* A consumer's patterns, and the topics that they add to those it names. See pattern.c. */
#ifndef PATTERN_H
#define PATTERN_H

#include "proto/settings.h"

#include <stddef.h>
#include <stdint.h>

struct consumer;
struct daemon;
struct group;
struct pattern;

/* Whether the settings' patterns can be used at all: 0, or an error code and a text. */
unsigned pattern_check(const struct kgp_settings *s, char *why, size_t size);

/* Takes over the topics that c names, if its settings have a pattern. 0, -ENOMEM. */
int pattern_attach(struct consumer *c);
void pattern_detach(struct consumer *c);
void pattern_start(struct consumer *c);	 /* its group has it now */
void pattern_match_all(struct group *g); /* the cluster's topics are news */

/* For status. NULL: none. */
const char *pattern_get_include(const struct pattern *p);
const char *pattern_get_exclude(const struct pattern *p);
size_t pattern_get_n_slow(const struct pattern *p); /* names that took too long, last time */

int pattern_open(struct daemon *d); /* what all patterns share */
void pattern_close(struct daemon *d);

#endif
