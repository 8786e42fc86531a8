/* SPDX-License-Identifier: MIT */
/*
 * JSON by hand: few shapes, no nesting but headers. Binary is hexadecimal, null stays null; a value
 * longer than SHOWN_BYTES is shown by its beginning, its length and a sum over every byte, so that
 * a test can tell that all of it came.
 */
#include "tests/system/app/print.h"

#include <stdio.h>

enum { SHOWN_BYTES = 1024 };

static const char *const state_names[] = {"connecting", "joining", "joined",
					  "leaving",	"failed",  "closed"};
static const char *const event_names[] = {"state",    "assigned",  "releasing",
					  "released", "committed", "error"};

static void put_bytes(const void *data, size_t n_bytes)
{
	const unsigned char *bytes = data;

	if (!data) {
		fputs("null", stdout);
		return;
	}
	putchar('"');
	for (size_t i = 0; i < n_bytes && i < SHOWN_BYTES; i++)
		printf("%02x", bytes[i]);
	putchar('"');
}

static void put_text(const char *text)
{
	if (!text) {
		fputs("null", stdout);
		return;
	}
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else if ((unsigned char)*text < ' ')
			printf("\\u%04x", *text);
		else
			putchar(*text);
	}
	putchar('"');
}

static unsigned long sum_bytes(const void *data, size_t n_bytes)
{
	const unsigned char *bytes = data;
	unsigned long sum = 0;

	for (size_t i = 0; i < n_bytes; i++)
		sum += bytes[i];
	return sum;
}

static void put_headers(const struct kg_message *m)
{
	struct kg_header header;

	putchar('[');
	for (size_t i = 0; i < m->n_headers && kg_message_get_header(m, i, &header) == 0; i++) {
		fputs(i ? ", [" : "[", stdout);
		put_bytes(header.name, header.name_bytes);
		fputs(", ", stdout);
		put_bytes(header.value, header.value_bytes);
		putchar(']');
	}
	putchar(']');
}

void print_message(const struct kg_message *m)
{
	printf("{\"type\": \"message\", \"topic\": ");
	put_text(m->topic);
	printf(", \"partition\": %d, \"offset\": %lld, \"timestamp\": %lld, \"timestamp_type\": %d",
	       m->partition, (long long)m->offset, (long long)m->timestamp_ms, m->timestamp_type);
	printf(", \"key\": ");
	put_bytes(m->key, m->key_bytes);
	printf(", \"value\": ");
	put_bytes(m->value, m->value_bytes);
	printf(", \"value_bytes\": %zu, \"value_sum\": %lu, \"headers\": ", m->value_bytes,
	       sum_bytes(m->value, m->value_bytes));
	put_headers(m);
	puts("}");
}

void print_error(const char *type, const struct kg_error *error)
{
	printf("{\"type\": \"%s\", \"code\": %d, \"name\": ", type, error->code);
	put_text(kg_strerror(error->code));
	printf(", \"text\": ");
	put_text(error->text);
	printf(", \"hint\": ");
	put_text(error->hint);
	puts("}");
}

void print_event(const struct kg_event *event)
{
	printf("{\"type\": \"%s\", \"topic\": ", event_names[event->type]);
	put_text(event->topic);
	printf(", \"partition\": %d, \"request\": %u, \"context\": ", event->partition,
	       event->request);
	put_text(event->context);
	printf(", \"code\": %d, \"text\": ", event->error.code);
	put_text(event->error.text);
	puts("}");
}

void print_state(enum kg_state state, const char *text)
{
	printf("{\"type\": \"state\", \"state\": \"%s\", \"text\": ", state_names[state]);
	put_text(text);
	puts("}");
}

void print_answer(const char *type, int code, int value)
{
	printf("{\"type\": \"%s\", \"code\": %d, \"value\": %d}\n", type, code, value);
}
