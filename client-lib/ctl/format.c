/* SPDX-License-Identifier: MIT */
/*
 * Formats, as kcat -f has them, so that scripts move over as they are.
 *
 * Parsed once into parts, because it is walked for every message. Kafka's null has the length -1
 * and prints nothing; a header without value prints as NULL. Payloads are bytes and are written as
 * they are. Pure but for the stream.
 */
#include "client-lib/ctl/format.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS "sSRkKThtpo"

struct parser {
	struct format *format;
	const char *at;
	size_t text_bytes;
	char *why;
	size_t why_bytes;
};

static struct format_part *last_part(struct format *f)
{
	return f->n_parts ? &f->parts[f->n_parts - 1] : NULL;
}

/* There are never more parts than characters. */
static void add_part(struct parser *p, char letter)
{
	p->format->parts[p->format->n_parts++] =
		(struct format_part){.letter = letter, .at = p->text_bytes};
}

static void add_char(struct parser *p, char c)
{
	struct format_part *last = last_part(p->format);

	if (!last || last->letter)
		add_part(p, 0);
	p->format->text[p->text_bytes++] = c;
	last_part(p->format)->n_bytes++;
}

static int parse_percent(struct parser *p)
{
	char letter = p->at[1];

	if (letter && strchr(LETTERS, letter))
		add_part(p, letter);
	else if (letter == '%')
		add_char(p, '%');
	else {
		snprintf(p->why, p->why_bytes,
			 letter ? "%%%c is none of %%s %%S %%R %%k %%K %%T %%h %%t %%p %%o %%%%"
				: "it ends in the middle of a %%",
			 letter);
		return -EINVAL;
	}
	p->at += 2;
	return 0;
}

static int parse_hex(struct parser *p)
{
	char digits[3] = {p->at[2], p->at[2] ? p->at[3] : '\0', '\0'};
	char *end;
	unsigned long c = strtoul(digits, &end, 16);

	if (end == digits || !strchr("0123456789abcdefABCDEF", digits[0])) {
		snprintf(p->why, p->why_bytes, "\\x needs one or two hexadecimal digits");
		return -EINVAL;
	}
	add_char(p, (char)c);
	p->at += 2 + (end - digits);
	return 0;
}

static int parse_backslash(struct parser *p)
{
	static const char from[] = "nrt\\", to[] = "\n\r\t\\";
	char c = p->at[1];

	if (c == 'x')
		return parse_hex(p);
	if (!c || !strchr(from, c)) {
		snprintf(p->why, p->why_bytes,
			 c ? "\\%c is none of \\n \\r \\t \\\\ \\xHH" : "it ends in a backslash%c",
			 c);
		return -EINVAL;
	}
	add_char(p, to[strchr(from, c) - from]);
	p->at += 2;
	return 0;
}

static int parse_one(struct parser *p)
{
	if (*p->at == '%')
		return parse_percent(p);
	if (*p->at == '\\')
		return parse_backslash(p);
	add_char(p, *p->at++);
	return 0;
}

int format_init(struct format *f, const char *source, char *why, size_t why_bytes)
{
	size_t n = strlen(source) + 1;
	struct parser p = {.format = f, .at = source, .why = why, .why_bytes = why_bytes};
	int r = 0;

	*f = (struct format){.parts = calloc(n, sizeof(*f->parts)), .text = malloc(n)};
	if (!f->parts || !f->text)
		r = -ENOMEM;
	while (r == 0 && *p.at)
		r = parse_one(&p);
	if (r < 0)
		format_deinit(f);
	return r;
}

void format_deinit(struct format *f)
{
	free(f->parts);
	free(f->text);
	*f = (struct format){0};
}

static void write_bytes(const void *data, size_t n_bytes, FILE *out)
{
	if (data && n_bytes)
		fwrite(data, 1, n_bytes, out);
}

static void write_length(const void *data, size_t n_bytes, FILE *out)
{
	fprintf(out, "%zd", data ? (ssize_t)n_bytes : -1);
}

static void write_binary_length(const struct kg_message *m, FILE *out)
{
	uint32_t length = htobe32(m->value ? (uint32_t)m->value_bytes : UINT32_MAX);

	fwrite(&length, sizeof(length), 1, out);
}

static void write_headers(const struct kg_message *m, FILE *out)
{
	struct kg_header header;
	size_t i;

	for (i = 0; i < m->n_headers && kg_message_get_header(m, i, &header) == 0; i++) {
		if (i > 0)
			fputc(',', out);
		write_bytes(header.name, header.name_bytes, out);
		fputc('=', out);
		if (header.value)
			write_bytes(header.value, header.value_bytes, out);
		else
			fputs("NULL", out);
	}
}

static void write_letter(char letter, const struct kg_message *m, FILE *out)
{
	switch (letter) {
	case 's':
		write_bytes(m->value, m->value_bytes, out);
		break;
	case 'S':
		write_length(m->value, m->value_bytes, out);
		break;
	case 'R':
		write_binary_length(m, out);
		break;
	case 'k':
		write_bytes(m->key, m->key_bytes, out);
		break;
	case 'K':
		write_length(m->key, m->key_bytes, out);
		break;
	case 'T':
		fprintf(out, "%" PRId64, m->timestamp_ms);
		break;
	case 'h':
		write_headers(m, out);
		break;
	case 't':
		fputs(m->topic, out);
		break;
	case 'p':
		fprintf(out, "%" PRId32, m->partition);
		break;
	case 'o':
		fprintf(out, "%" PRId64, m->offset);
		break;
	}
}

void format_write(const struct format *f, const struct kg_message *m, FILE *out)
{
	size_t i;

	for (i = 0; i < f->n_parts; i++) {
		const struct format_part *part = &f->parts[i];

		if (part->letter)
			write_letter(part->letter, m, out);
		else
			fwrite(f->text + part->at, 1, part->n_bytes, out);
	}
}
