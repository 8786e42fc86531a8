/* SPDX-License-Identifier: MIT */
/* Messages as the JSON of proto/vectors, and back. See vectors_json.c. */
#ifndef UNIT_VECTORS_JSON_H
#define UNIT_VECTORS_JSON_H

#include "proto/codec.h"

#include <jansson.h>

/* The fields of a decoded message as the vectors show them. A new reference. */
json_t *fields_to_json(enum kgp_type type, const union kgp_body *body);

/* The structure to encode. What it points to lives as long as the JSON and until fields_release().
 */
void fields_from_json(const char *message, const json_t *fields, enum kgp_type *type,
		      union kgp_body *body);
void fields_release(void);

/* Bytes from hex; *n: how many. free() it. */
uint8_t *bytes_from_hex(const char *hex, size_t *n);

#endif
