/* SPDX-License-Identifier: MIT */
/* Which topics a consumer's patterns choose. See filter.c. */
#ifndef FILTER_H
#define FILTER_H

#include "proto/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum { FILTER_MAX_STEPS = 20000 }; /* of matching one pattern against one name */

struct filter;

/* include or exclude may have no data. 0, -ENOMEM, or -EINVAL and a text in why: which one, what
 * PCRE2 says, where. */
int filter_new(struct filter **out, struct kgp_bytes include, struct kgp_bytes exclude, char *why,
	       size_t why_size);
struct filter *filter_free(struct filter *f);

bool filter_has_include(const struct filter *f);

/* 1: include chooses it, and exclude does not; 0: not; -ELOOP: it took too many steps to tell, or
 * too much memory, so not. */
int filter_match(struct filter *f, const char *topic);

#endif
