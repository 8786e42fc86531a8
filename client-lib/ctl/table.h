/* SPDX-License-Identifier: MIT */
/* A table on stdout, with the columns that -o asked for. See table.c. */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include <stdint.h>

#include "client-lib/ctl/colour.h"
#include "client-lib/ctl/trouble.h"

enum table_flag {
	TABLE_RIGHT = 1, /* a number */
	TABLE_EXTRA = 2, /* only when asked for */
	TABLE_CUT = 4,	 /* may lose its end in a narrow terminal */
};

struct table_column {
	const char *name; /* as -o wants it; NULL ends a list of columns */
	unsigned flags;	  /* of enum table_flag */
};

struct table;

/* 0, or -EINVAL (t names the unknown column and the known ones) or -ENOMEM. */
int table_new(struct table **out, const struct ctl *ctl, const struct table_column *columns,
	      struct trouble *t);
struct table *table_free(struct table *table);

bool table_is_plain(const struct table *table); /* numbers without units: --raw, --pairs */

void table_add_row(struct table *table);
/* Into the last row. column counts from 0 in the list of columns; not asked for is fine. */
void table_set(struct table *table, unsigned column, const char *text);
void table_set_number(struct table *table, unsigned column, int64_t number);
void table_set_nothing(struct table *table, unsigned column);
void table_colour(struct table *table, unsigned column, enum colour colour);

/* Prints the rows since the last time. 0 or -errno. */
int table_print(struct table *table, FILE *out);

#endif
