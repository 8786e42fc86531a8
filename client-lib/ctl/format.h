/* SPDX-License-Identifier: MIT */
/* A format of consume -f, with kcat's letters. See format.c. */
#ifndef CTL_FORMAT_H
#define CTL_FORMAT_H

#include <stddef.h>
#include <stdio.h>

#include "client-lib/c/include/kgroup.h"

struct format_part {
	char letter;	    /* 0: plain text */
	size_t at, n_bytes; /* the text, in format.text */
};

struct format {
	struct format_part *parts; /* owned */
	size_t n_parts;
	char *text; /* owned: all plain text, escapes resolved */
};

/* 0, -EINVAL with a sentence in why, or -ENOMEM. */
int format_init(struct format *f, const char *source, char *why, size_t why_bytes);
void format_deinit(struct format *f);

/* Errors of out stay with out. */
void format_write(const struct format *f, const struct kg_message *m, FILE *out);

#endif
