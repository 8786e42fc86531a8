/* SPDX-License-Identifier: MIT */
/*
 * Arguments of queries: names and values of a QUERY frame, checked against what the query takes.
 *
 * An argument that a query does not know is an error, as is one that it needs and that is not
 * there: a client that is answered something else than it asked for would not notice. Copies what
 * it reads; knows nothing of what is asked.
 */
#include "daemon/arguments.h"

#include <stdio.h>
#include <string.h>

static bool read_text(char *out, size_t size, const struct kgp_token *v)
{
	if (v->kind != KGP_KIND_STR || v->number >= size || memchr(v->data, 0, v->number))
		return false;
	memcpy(out, v->data, v->number);
	out[v->number] = 0;
	return true;
}

static bool read_partition(struct arguments *a, const struct kgp_token *v)
{
	a->partition = (int64_t)v->number;
	return v->kind == KGP_KIND_UINT && v->number <= INT32_MAX;
}

static bool read_at(struct arguments *a, const struct kgp_token *v)
{
	struct kgp_bytes word = kgp_bytes(v->data, v->number);

	a->at = (int64_t)v->number;
	if (v->kind == KGP_KIND_UINT)
		return v->number <= INT64_MAX;
	if (v->kind != KGP_KIND_STR)
		return false;
	a->at = kgp_bytes_equal(word, kgp_text("earliest")) ? KAFKA_OFFSET_EARLIEST
							    : KAFKA_OFFSET_LATEST;
	return a->at == KAFKA_OFFSET_EARLIEST || kgp_bytes_equal(word, kgp_text("latest"));
}

static bool read_cluster(struct arguments *a, const struct kgp_token *v)
{
	return read_text(a->cluster, sizeof(a->cluster), v);
}

static bool read_group(struct arguments *a, const struct kgp_token *v)
{
	return read_text(a->group, sizeof(a->group), v);
}

static bool read_topic(struct arguments *a, const struct kgp_token *v)
{
	return read_text(a->topic, sizeof(a->topic), v);
}

/* Row i is the argument 1 << i. */
static const struct {
	const char *name, *rule;
	bool (*read)(struct arguments *a, const struct kgp_token *v);
} rows[] = {
	{"cluster", "a text of at most 255 bytes", read_cluster},
	{"group", "a text of at most 255 bytes", read_group},
	{"topic", "a text of at most 255 bytes", read_topic},
	{"partition", "0 to 2147483647", read_partition},
	{"at", "earliest, latest or milliseconds since 1970", read_at},
};

enum { N_ROWS = sizeof(rows) / sizeof(*rows) };

static unsigned find_row(struct kgp_bytes name)
{
	unsigned i;

	for (i = 0; i < N_ROWS; i++)
		if (kgp_bytes_equal(name, kgp_text(rows[i].name)))
			break;
	return i;
}

unsigned arguments_read(struct arguments *a, const char *query, unsigned may, unsigned must,
			struct kgp_list pairs, char *why, size_t size)
{
	struct kgp_token value;
	struct kgp_bytes name;
	unsigned i;

	while (kgp_next_pair(&pairs, &name, &value)) {
		i = find_row(name);
		if (i == N_ROWS || !((may | must) & 1u << i)) {
			snprintf(why, size, "%s has no argument '%.*s'", query, (int)name.size,
				 (const char *)name.data);
			return KGP_E_BAD_QUERY;
		}
		if (!rows[i].read(a, &value)) {
			snprintf(why, size, "%s of %s must be %s", rows[i].name, query,
				 rows[i].rule);
			return KGP_E_BAD_QUERY;
		}
		a->given |= 1u << i;
	}
	for (i = 0; i < N_ROWS; i++)
		if (must & ~a->given & 1u << i) {
			snprintf(why, size, "%s needs the argument %s", query, rows[i].name);
			return KGP_E_BAD_QUERY;
		}
	return 0;
}
