/* SPDX-License-Identifier: MIT */
/*
 * Tables.
 *
 * A command declares its columns once; -o picks and orders them, --raw, --pairs and --noheadings
 * change the form, and only a terminal cuts long cells. libsmartcols does the printing. What is
 * unknown is "-", never an empty cell, so that columns can be counted by awk.
 */
#include "client-lib/ctl/table.h"

#include <ctype.h>
#include <errno.h>
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_COLUMNS = 32, MAX_NAME = 32 };

struct table {
	struct libscols_table *smart;
	struct libscols_line *row;		      /* the last one; of smart */
	struct libscols_column *columns[MAX_COLUMNS]; /* NULL: not asked for */
	bool plain, has_colours;
};

static int find_column(const struct table_column *columns, const char *name, size_t n)
{
	int i;

	for (i = 0; columns[i].name; i++) {
		if (strlen(columns[i].name) == n && strncasecmp(columns[i].name, name, n) == 0)
			return i;
	}
	return -1;
}

static int refuse_column(const struct table_column *columns, const char *name, size_t n,
			 struct trouble *t)
{
	char names[sizeof(t->why) / 2] = "";
	size_t used = 0;

	for (; columns->name; columns++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
					 used ? ", " : "", columns->name);
	trouble_set(t, TROUBLE_USAGE, "there is no column '%.*s'", (int)n, name);
	trouble_set_why(t, "the columns are %s", names);
	trouble_set_how(t, "-o LIST, or -o +LIST to add to the usual ones");
	return -EINVAL;
}

static int add_column(struct table *table, const struct table_column *columns, int i)
{
	int flags = 0;
	char heading[MAX_NAME];
	size_t n;

	if (table->columns[i])
		return 0;
	for (n = 0; columns[i].name[n] && n < sizeof(heading) - 1; n++)
		heading[n] = (char)toupper((unsigned char)columns[i].name[n]);
	heading[n] = '\0';
	flags |= columns[i].flags & TABLE_RIGHT ? SCOLS_FL_RIGHT : 0;
	flags |= columns[i].flags & TABLE_CUT ? SCOLS_FL_TRUNC : 0;
	table->columns[i] = scols_table_new_column(table->smart, heading, 0, flags);
	return table->columns[i] ? 0 : -ENOMEM;
}

static int add_usual(struct table *table, const struct table_column *columns)
{
	int i, r = 0;

	for (i = 0; r == 0 && columns[i].name; i++) {
		if (!(columns[i].flags & TABLE_EXTRA))
			r = add_column(table, columns, i);
	}
	return r;
}

static int add_asked(struct table *table, const struct table_column *columns, const char *list,
		     struct trouble *t)
{
	int r = 0;

	if (*list == '+') {
		r = add_usual(table, columns);
		list++;
	}
	while (r == 0 && *list) {
		size_t n = strcspn(list, ",");
		int i = find_column(columns, list, n);

		if (i < 0)
			return refuse_column(columns, list, n, t);
		r = add_column(table, columns, i);
		list += n + (list[n] == ',');
	}
	return r;
}

static void set_form(struct libscols_table *smart, const struct ctl *ctl, bool colours)
{
	scols_table_enable_noheadings(smart, ctl->noheadings);
	scols_table_enable_colors(smart, colours);
	scols_table_enable_raw(smart, ctl->output == CTL_RAW);
	scols_table_enable_export(smart, ctl->output == CTL_PAIRS);
	scols_table_enable_shellvar(smart, ctl->output == CTL_PAIRS);
}

int table_new(struct table **out, const struct ctl *ctl, const struct table_column *columns,
	      struct trouble *t)
{
	struct table *table = calloc(1, sizeof(*table));
	int r = -ENOMEM;

	trouble_set(t, TROUBLE_MEMORY, "out of memory");
	if (table)
		table->smart = scols_new_table();
	if (table && table->smart) {
		table->plain = ctl->output == CTL_RAW || ctl->output == CTL_PAIRS;
		table->has_colours = !table->plain && colour_is_on(ctl, stdout);
		set_form(table->smart, ctl, table->has_colours);
		r = ctl->columns ? add_asked(table, columns, ctl->columns, t)
				 : add_usual(table, columns);
	}
	if (r < 0)
		table_free(table);
	else
		*out = table;
	return r;
}

struct table *table_free(struct table *table)
{
	if (table)
		scols_unref_table(table->smart);
	free(table);
	return NULL;
}

bool table_is_plain(const struct table *table)
{
	return table->plain;
}

void table_add_row(struct table *table)
{
	table->row = scols_table_new_line(table->smart, NULL);
}

void table_set(struct table *table, unsigned column, const char *text)
{
	if (table->row && table->columns[column])
		scols_line_set_column_data(table->row, table->columns[column],
					   text && *text ? text : "-");
}

void table_set_number(struct table *table, unsigned column, int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)number);
	table_set(table, column, text);
}

void table_set_nothing(struct table *table, unsigned column)
{
	table_set(table, column, "-");
}

void table_colour(struct table *table, unsigned column, enum colour colour)
{
	if (colour != COLOUR_PLAIN && table->row && table->columns[column])
		scols_cell_set_color(scols_line_get_column_cell(table->row, table->columns[column]),
				     colour_start(table->has_colours, colour));
}

int table_print(struct table *table, FILE *out)
{
	int r;

	if (scols_table_get_nlines(table->smart) == 0)
		return 0;
	scols_table_set_stream(table->smart, out);
	r = scols_print_table(table->smart);
	scols_table_remove_lines(table->smart);
	table->row = NULL;
	return r < 0 ? -EIO : 0;
}
