/* SPDX-License-Identifier: MIT */
/*
 * Messages on a stream: topic/partition/offset and the value, a format of the user's, or a JSON
 * object a line.
 *
 * JSON has offsets as integers, and payloads as text where they are UTF-8 and in base64 under
 * NAME_base64 where they are not: no payload is changed on its way, and nothing is guessed.
 */
#include "client-lib/ctl/printer.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "client-lib/ctl/colour.h"
#include "client-lib/ctl/value.h"

static void write_line(const struct printer *printer, const struct kg_message *m, FILE *out)
{
	fprintf(out, "%s%s/%" PRId32 "/%" PRId64 "%s\t",
		colour_start(printer->colours, COLOUR_FAINT), m->topic, m->partition, m->offset,
		colour_end(printer->colours));
	if (m->value)
		fwrite(m->value, 1, m->value_bytes, out);
	fputc('\n', out);
}

static json_t *header_json(const struct kg_message *m, size_t i)
{
	struct kg_header header;
	json_t *json = json_object();

	if (kg_message_get_header(m, i, &header) == 0 &&
	    value_set_bytes(json, "name", header.name, header.name_bytes) == 0 &&
	    value_set_bytes(json, "value", header.value, header.value_bytes) == 0)
		return json;
	json_decref(json);
	return NULL;
}

static json_t *headers_json(const struct kg_message *m)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < m->n_headers; i++) {
		if (json_array_append_new(list, header_json(m, i)) == 0)
			continue;
		json_decref(list);
		return NULL;
	}
	return list;
}

static const char *timestamp_type(const struct kg_message *m)
{
	switch (m->timestamp_type) {
	case KG_TIMESTAMP_CREATE:
		return "create";
	case KG_TIMESTAMP_LOG_APPEND:
		return "log append";
	default:
		return NULL;
	}
}

static json_t *message_json(const struct kg_message *m)
{
	json_t *json = json_pack("{s:s, s:i, s:I, s:s?}", "topic", m->topic, "partition",
				 (int)m->partition, "offset", (json_int_t)m->offset,
				 "timestamp_type", timestamp_type(m));
	json_t *timestamp = timestamp_type(m) ? json_integer(m->timestamp_ms) : json_null();

	if (json_object_set_new(json, "timestamp_ms", timestamp) == 0 &&
	    value_set_bytes(json, "key", m->key, m->key_bytes) == 0 &&
	    value_set_bytes(json, "value", m->value, m->value_bytes) == 0 &&
	    json_object_set_new(json, "headers", headers_json(m)) == 0)
		return json;
	json_decref(json);
	return NULL;
}

static int write_json(const struct kg_message *m, FILE *out)
{
	json_t *json = message_json(m);

	if (!json)
		return -ENOMEM;
	json_dumpf(json, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(json);
	return 0;
}

int printer_write(const struct printer *printer, const struct kg_message *m, FILE *out)
{
	switch (printer->form) {
	case PRINTER_JSON:
		return write_json(m, out);
	case PRINTER_FORMAT:
		format_write(&printer->format, m, out);
		return 0;
	default:
		write_line(printer, m, out);
		return 0;
	}
}
