/* SPDX-License-Identifier: MIT */
/* Fills struct kg_error. See error.c. */
#ifndef KG_ERROR_H
#define KG_ERROR_H

#include "client-lib/c/include/kgroup.h"
#include "proto/buf.h"

void error_clear(struct kg_error *e);
int error_set(struct kg_error *e, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void error_hint(struct kg_error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
int error_of_daemon(struct kg_error *e, uint64_t code, struct kgp_bytes text);
int error_code_of_daemon(uint64_t code);
void error_copy_text(char *out, size_t out_bytes, struct kgp_bytes text);

#endif
