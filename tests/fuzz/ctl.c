/* SPDX-License-Identifier: MIT */
/*
 * What kgroupctl reads from people and from the daemon: formats of consume -f, points of time,
 * results of queries.
 *
 * First byte: 0, the rest is a format; 1, a point of time; else a result as a REPLY carries it. A
 * format that is refused says why, one that is taken prints a message; a point of time that counts
 * back lies before now; a result that the codec's scanner takes becomes JSON that can be printed.
 */
#include "tests/fuzz/fuzz.h"

#include "client-lib/ctl/format.h"
#include "client-lib/ctl/moment.h"
#include "client-lib/ctl/value.h"

#include <errno.h>

static FILE *sink;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	sink = fopen("/dev/null", "we");
	assert(sink);
	return 0;
}

static void try_format(const char *source)
{
	static const struct kg_message message = {
		.topic = "orders",
		.partition = 3,
		.offset = 41,
		.timestamp_ms = 1700000000000,
		.key = "k",
		.key_bytes = 1,
	};
	struct format f;
	char why[256] = "";
	int r = format_init(&f, source, why, sizeof(why));

	assert(!r || (r == -EINVAL && *why));
	if (r)
		return;
	format_write(&f, &message, sink);
	format_deinit(&f);
}

static void try_moment(const char *text)
{
	static const int64_t now_ms = 1700000000000;
	int64_t ms;
	int r = moment_parse(text, now_ms, &ms);

	assert(!r || r == -EINVAL);
	text += *text == '@';
	assert(r || *text != '-' || ms <= now_ms);
}

static void try_result(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_copy(data, size);
	struct kgp_cursor c = {copy, copy + size};
	struct kgp_any any = {copy, size};
	json_t *json = NULL;
	int r = value_from_wire(&any, &json);

	assert(!r || r == -EBADMSG);
	assert(r || (!kgp_skip(&c, KGP_MAX_DEPTH + 1) && c.at == c.end));
	if (!r) {
		json_dumpf(json, sink, JSON_ENCODE_ANY | JSON_COMPACT);
		json_decref(json);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (!size)
		return 0;
	if (data[0] > 1) {
		try_result(data + 1, size - 1);
		return 0;
	}
	text = fuzz_text(data + 1, size - 1);
	if (data[0])
		try_moment(text);
	else
		try_format(text);
	free(text);
	return 0;
}
