/* SPDX-License-Identifier: MIT */
/* What kgtest says: one JSON object a line, on a buffered stdout. */
#ifndef TESTS_SYSTEM_APP_PRINT_H
#define TESTS_SYSTEM_APP_PRINT_H

#include <kgroup.h>

void print_message(const struct kg_message *m);
void print_event(const struct kg_event *event);
void print_state(enum kg_state state, const char *text);
void print_error(const char *type, const struct kg_error *error);
void print_answer(const char *type, int code, int value);

#endif
