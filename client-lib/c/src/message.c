/* SPDX-License-Identifier: MIT */
/*
 * Headers of a message.
 *
 * They stay as they came and are read when somebody asks, since most programs never do. Their form
 * was checked when the message was handed out; a message that is no longer valid may make these
 * functions answer nonsense, but not leave the bytes that it names. Pure.
 */
#include "client-lib/c/include/kgroup.h"
#include "proto/scan.h"

#include <string.h>

enum { MAX_DEPTH = 8 };

/* The header at the cursor, which goes on behind it: 0 or -1. */
static int read_header(struct kgp_cursor *c, struct kg_header *h)
{
	struct kgp_token shape, name, value;

	if (kgp_read(c, &shape) || shape.kind != KGP_KIND_ARRAY || shape.number < 2)
		return -1;
	if (kgp_read(c, &name) || (name.kind != KGP_KIND_STR && name.kind != KGP_KIND_BIN))
		return -1;
	if (kgp_read(c, &value) || (value.kind != KGP_KIND_NIL && value.kind != KGP_KIND_BIN))
		return -1;
	for (; shape.number > 2; shape.number--)
		if (kgp_skip(c, MAX_DEPTH))
			return -1;
	*h = (struct kg_header){.name = (const char *)name.data, .name_bytes = name.number};
	if (value.kind == KGP_KIND_BIN) {
		h->value = value.data;
		h->value_bytes = value.number;
	}
	return 0;
}

static struct kgp_cursor headers_of(const struct kg_message *m)
{
	const uint8_t *p = m->internal.headers;

	return (struct kgp_cursor){p, p ? p + m->internal.headers_bytes : p};
}

int kg_message_get_header(const struct kg_message *m, size_t i, struct kg_header *header)
{
	struct kgp_cursor c;

	if (!m || !header || i >= m->n_headers)
		return KG_ERR_ARGUMENT;
	c = headers_of(m);
	do
		if (read_header(&c, header))
			return KG_ERR_ARGUMENT;
	while (i--);
	return KG_OK;
}

int kg_message_find_header(const struct kg_message *m, const char *name, struct kg_header *header)
{
	struct kgp_cursor c;
	struct kg_header h;
	size_t i, name_bytes;
	int found = 0;

	if (!m || !name || !header)
		return 0;
	c = headers_of(m);
	name_bytes = strlen(name);
	for (i = 0; i < m->n_headers && !read_header(&c, &h); i++) {
		if (h.name_bytes != name_bytes || memcmp(h.name, name, name_bytes))
			continue;
		*header = h;
		found = 1;
	}
	return found;
}
