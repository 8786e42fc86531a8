/* SPDX-License-Identifier: MIT */
/* The result of a query as JSON. See value.c. */
#ifndef CTL_VALUE_H
#define CTL_VALUE_H

#include <jansson.h>
#include <stdint.h>

#include "proto/codec.h"

/* 0, -EBADMSG or -ENOMEM; *out is the caller's. */
int value_from_wire(const struct kgp_any *any, json_t **out);

/* Bytes as JSON: under name if they are text, under name_base64 if not, null if NULL. */
int value_set_bytes(json_t *object, const char *name, const void *data, size_t n_bytes);

/* What is there, or the second. */
const char *value_text(const json_t *object, const char *name, const char *otherwise);
int64_t value_number(const json_t *object, const char *name, int64_t otherwise);
bool value_is_null(const json_t *object, const char *name);
json_t *value_list(const json_t *object, const char *name); /* borrowed; NULL is an empty one */

#endif
