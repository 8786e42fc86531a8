/* SPDX-License-Identifier: MIT */
/* How a message is written. See printer.c. */
#ifndef CTL_PRINTER_H
#define CTL_PRINTER_H

#include <stdbool.h>

#include "client-lib/ctl/format.h"

enum printer_form { PRINTER_LINES, PRINTER_FORMAT, PRINTER_JSON };

struct printer {
	enum printer_form form;
	bool colours;
	struct format format; /* of PRINTER_FORMAT; zero else */
};

/* 0 or -ENOMEM; errors of out stay with out. */
int printer_write(const struct printer *printer, const struct kg_message *m, FILE *out);

#endif
