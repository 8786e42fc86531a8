/* SPDX-License-Identifier: MIT */
/*
 * Samples for the tests of the protocol.
 *
 * For every message type one value with all its fields filled, numbers of several widths among
 * them, and, where a message has optional parts, one with as little as may be. The meaning beside
 * each was read off the message table by hand, so that the encoder is compared with the table and
 * not with itself.
 */
#include "tests/unit/proto_samples.h"

#include "proto/buf.h"
#include "tests/unit/exact.h"

#include <assert.h>

/* A kgp_bytes, a list of an array, a list of ready bytes; each as an initialiser. */
#define T(text)                                                                                    \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}
#define ITEMS(array)                                                                               \
	{                                                                                          \
		.items = array, .n = sizeof(array) / sizeof(*array)                                \
	}
#define WIRE(bytes, count)                                                                         \
	{                                                                                          \
		.wire = (const uint8_t *)bytes, .wire_bytes = sizeof(bytes) - 1, .n = count        \
	}

static const struct kgp_number versions[] = {{1}, {300}, {70000}};
static const struct kgp_number numbers[] = {{0}, {127}, {128}, {255}, {256}, {65536}};
static const struct kgp_name features[] = {{T("reset")}, {T("seek")}};
static const struct kgp_name topics[] = {{T("orders")},
					 {T("zahl\xc3\xbc"
					    "ge")}};
static const struct kgp_entry entries[] = {
	{.claim = 1, .epoch = UINT64_MAX, .offset = INT64_MAX, .metadata = T("m")},
	{.claim = 4294967295, .epoch = 0, .offset = -1},
	{.claim = 70000, .epoch = 1, .offset = 300, .metadata = T("")},
};
static const struct kgp_header headers[] = {
	{T("trace"), T("\x00\xff")},
	{T("trace"), {NULL, 0}},
	{T("\xff"), T("")},
};
static const struct kgp_record records[] = {
	{.offset = 7, .timestamp = -1},
	{.offset = 1LL << 40,
	 .timestamp_type = 2,
	 .timestamp = 1700000000000,
	 .key = T("k"),
	 .value = T(""),
	 .headers = ITEMS(headers)},
};
static const struct kgp_partitions claimed[] = {{T("orders"), ITEMS(numbers)}, {T("none"), {0}}};

static const struct kgp_hello hello = {.versions = ITEMS(versions),
				       .features = ITEMS(features),
				       .name = T("billing"),
				       .language = T("c/0.1.0"),
				       .max_frame = 68157440};
static const struct kgp_hello hello_bare = {.max_frame = 65536};
static const struct kgp_open open_full = {.request = 1,
					  .cluster = T("main"),
					  .group = T("billing"),
					  .id = T("0123456789abcdef"),
					  .topics = ITEMS(topics),
					  .settings = WIRE("\xa4mode\xa5other\xaa"
							   "dwell.time\xcd\x03\xe8\xa6"
							   "errors\xc3",
							   3)};
static const struct kgp_open open_bare = {.request = 1};
static const struct kgp_resume resume = {.topic = T("orders"),
					 .partition = 2147483647,
					 .epoch = 1ULL << 63,
					 .offset = 41,
					 .metadata = T("state"),
					 .committed = -1};
static const struct kgp_resume resume_bare = {.topic = T("o"), .committed = 40};
static const struct kgp_resume_end resume_end;
static const struct kgp_close close_full = {.request = 2};
static const struct kgp_credit credit = {.claim = 0, .messages = 20000, .bytes = 1ULL << 40};
static const struct kgp_mark mark = {.request = 9, .entries = ITEMS(entries)};
static const struct kgp_mark mark_bare = {0};
static const struct kgp_reset reset = {.request = 10, .entries = ITEMS(entries)};
static const struct kgp_commit commit = {.request = 11};
static const struct kgp_pause pause_full = {
	.request = 12, .claims = ITEMS(numbers), .paused = true};
static const struct kgp_pause pause_bare = {.request = 0};
static const struct kgp_done done = {.claim = 3};
static const struct kgp_seek seek = {
	.request = 13, .claims = ITEMS(numbers), .whence = T("time"), .value = 1700000000000};
static const struct kgp_claim_close claim_close = {.request = 14, .claim = 3};
static const struct kgp_query query = {
	.request = 15, .what = T("partitions"), .arguments = WIRE("\xa5topic\xa6orders", 1)};
static const struct kgp_query query_bare = {.request = 16, .what = T("topics")};

static const struct kgp_welcome welcome = {.version = 1,
					   .features = ITEMS(features),
					   .max_frame = 1048576,
					   .name = T("kgroupd"),
					   .software = T("kgroupd/0.1.0")};
static const uint8_t result[] = {0x92, 0x01, 0x81, 0xa1, 'x', 0xc0};
static const struct kgp_reply reply = {.request = 15,
				       .result = {.wire = result, .wire_bytes = sizeof(result)}};
static const struct kgp_reply reply_error = {.request = 1, .code = 34, .text = T("no such group")};
static const struct kgp_marked marked = {.request = 9, .verdicts = ITEMS(numbers)};
static const struct kgp_state state = {.state = T("joining"), .text = T("waits for the broker")};
static const struct kgp_assign assign = {.claim = 1,
					 .topic = T("orders"),
					 .partition = 5,
					 .epoch = (1700000000ULL << 32) + 1,
					 .initial = -2,
					 .start = 42,
					 .committed = 42,
					 .metadata = T("\xfe\xff"),
					 .high = 100000};
static const struct kgp_assign assign_bare = {
	.claim = 1, .topic = T("t"), .initial = -1, .committed = -1, .high = -1};
static const struct kgp_messages messages = {
	.claim = 1, .epoch = 5, .taken_us = 1ULL << 33, .records = ITEMS(records)};
static const struct kgp_messages messages_bare = {.claim = 1};
static const struct kgp_epoch epoch = {.claim = 1, .epoch = 6, .offset = 0, .reason = T("seek")};
static const struct kgp_release release = {.claim = 1, .dwell_ms = 5000, .reason = T("rebalance")};
static const struct kgp_released released = {.claim = 1, .reason = T("lost")};
static const struct kgp_notify notify = {
	.kind = 2, .claimed = ITEMS(claimed), .current = ITEMS(claimed)};
static const struct kgp_error error = {.code = 44,
				       .fatal = false,
				       .context = T("partition"),
				       .topic = T("orders"),
				       .partition = 5,
				       .text = T("offset 7 is gone")};
static const struct kgp_error error_bare = {
	.code = 1, .fatal = true, .context = T("protocol"), .partition = -1};
static const struct kgp_goaway goaway = {.reason = T("restart"), .back_ms = 100};

#define CLIENT(type, value, meaning)                                                               \
	{                                                                                          \
#value, KGP_T_##type, KGP_CLIENT, &value, meaning                                  \
	}
#define DAEMON(type, value, meaning)                                                               \
	{                                                                                          \
#value, KGP_T_##type, KGP_DAEMON, &value, meaning                                  \
	}

/* As numbers[], entries[] and claimed[] print. */
#define NUMBERS "[0, 127, 128, 255, 256, 65536]"
#define ENTRIES                                                                                    \
	"[[1, 18446744073709551615, 9223372036854775807, \"m\"], [4294967295, 0, -1, nil], "       \
	"[70000, 1, 300, \"\"]]"
#define CLAIMED "[[\"orders\", " NUMBERS "], [\"none\", []]]"

const struct sample samples[] = {
	CLIENT(hello, hello,
	       "[1, [1, 300, 70000], [\"reset\", \"seek\"], \"billing\", \"c/0.1.0\", 68157440]"),
	CLIENT(hello, hello_bare, "[1, [], [], \"\", \"\", 65536]"),
	CLIENT(open, open_full,
	       "[2, 1, \"main\", \"billing\", h'30313233343536373839616263646566', [\"orders\", "
	       "\"zahl\xc3\xbcge\"], "
	       "{\"mode\"=>\"other\", \"dwell.time\"=>1000, \"errors\"=>true}]"),
	CLIENT(open, open_bare, "[2, 1, \"\", \"\", h'', [], {}]"),
	CLIENT(resume, resume,
	       "[3, \"orders\", 2147483647, 9223372036854775808, 41, \"state\", -1]"),
	CLIENT(resume, resume_bare, "[3, \"o\", 0, 0, 0, nil, 40]"),
	CLIENT(resume_end, resume_end, "[4]"),
	CLIENT(close, close_full, "[5, 2]"),
	CLIENT(credit, credit, "[6, 0, 20000, 1099511627776]"),
	CLIENT(mark, mark, "[7, 9, " ENTRIES "]"),
	CLIENT(mark, mark_bare, "[7, 0, []]"),
	CLIENT(reset, reset, "[8, 10, " ENTRIES "]"),
	CLIENT(commit, commit, "[9, 11]"),
	CLIENT(pause, pause_full, "[10, 12, " NUMBERS ", true]"),
	CLIENT(pause, pause_bare, "[10, 0, [], false]"),
	CLIENT(done, done, "[11, 3]"),
	CLIENT(seek, seek, "[12, 13, " NUMBERS ", \"time\", 1700000000000]"),
	CLIENT(claim_close, claim_close, "[13, 14, 3]"),
	CLIENT(query, query, "[14, 15, \"partitions\", {\"topic\"=>\"orders\"}]"),
	CLIENT(query, query_bare, "[14, 16, \"topics\", {}]"),

	DAEMON(welcome, welcome,
	       "[64, 1, [\"reset\", \"seek\"], 1048576, \"kgroupd\", \"kgroupd/0.1.0\"]"),
	DAEMON(reply, reply, "[65, 15, 0, nil, [1, {\"x\"=>nil}]]"),
	DAEMON(reply, reply_error, "[65, 1, 34, \"no such group\", nil]"),
	DAEMON(marked, marked, "[66, 9, " NUMBERS "]"),
	DAEMON(state, state, "[67, \"joining\", \"waits for the broker\"]"),
	DAEMON(assign, assign,
	       "[68, 1, \"orders\", 5, 7301444403200000001, -2, 42, 42, h'feff', 100000]"),
	DAEMON(assign, assign_bare, "[68, 1, \"t\", 0, 0, -1, 0, -1, nil, -1]"),
	DAEMON(messages, messages,
	       "[69, 1, 5, 8589934592, [[7, 0, -1, nil, nil, []], "
	       "[1099511627776, 2, 1700000000000, h'6b', h'', [[\"trace\", h'00ff'], "
	       "[\"trace\", nil], [h'ff', h'']]]]]"),
	DAEMON(messages, messages_bare, "[69, 1, 0, 0, []]"),
	DAEMON(epoch, epoch, "[70, 1, 6, 0, \"seek\"]"),
	DAEMON(release, release, "[71, 1, 5000, \"rebalance\"]"),
	DAEMON(released, released, "[72, 1, \"lost\"]"),
	DAEMON(notify, notify, "[73, 2, " CLAIMED ", [], " CLAIMED "]"),
	DAEMON(error, error, "[74, 44, false, \"partition\", \"orders\", 5, \"offset 7 is gone\"]"),
	DAEMON(error, error_bare, "[74, 1, true, \"protocol\", nil, -1, \"\"]"),
	DAEMON(goaway, goaway, "[75, \"restart\", 100]"),
};
const size_t n_samples = sizeof(samples) / sizeof(*samples);

uint8_t *sample_frame(const struct sample *s, size_t *n)
{
	struct kgp_buf b = {0};
	uint8_t *frame;

	kgp_encode(&b, s->type, s->message);
	assert(!b.failed);
	frame = exact_copy(b.data, b.len);
	*n = b.len;
	kgp_buf_deinit(&b);
	return frame;
}

/* ---- walking --------------------------------------------------------------------------------- */

static void walk_numbers(struct kgp_list l)
{
	struct kgp_number number;

	while (kgp_next_number(&l, &number))
		assert(number.value <= UINT32_MAX);
}

static void walk_names(struct kgp_list l)
{
	struct kgp_name name;

	while (kgp_next_name(&l, &name))
		assert(name.value.size <= KGP_MAX_NAME);
}

static void walk_entries(struct kgp_list l)
{
	struct kgp_entry entry;

	while (kgp_next_entry(&l, &entry))
		assert(entry.claim <= UINT32_MAX && entry.metadata.size <= KGP_MAX_METADATA);
}

static void walk_pairs(struct kgp_list l)
{
	struct kgp_token value;
	struct kgp_bytes key;

	while (kgp_next_pair(&l, &key, &value))
		assert(key.data && value.kind < KGP_KIND_ARRAY);
}

static void walk_partitions(struct kgp_list l)
{
	struct kgp_partitions partitions;

	while (kgp_next_partitions(&l, &partitions))
		walk_numbers(partitions.ids);
}

static void walk_records(struct kgp_list l)
{
	struct kgp_record record;
	struct kgp_header header;

	while (kgp_next_record(&l, &record))
		while (kgp_next_header(&record.headers, &header))
			assert(header.name.data);
}

void sample_walk(const struct kgp_info *info, const union kgp_body *body)
{
	switch (info->type) {
	case KGP_T_hello:
		walk_numbers(body->hello.versions);
		walk_names(body->hello.features);
		break;
	case KGP_T_open:
		walk_names(body->open.topics);
		walk_pairs(body->open.settings);
		break;
	case KGP_T_mark:
		walk_entries(body->mark.entries);
		break;
	case KGP_T_reset:
		walk_entries(body->reset.entries);
		break;
	case KGP_T_pause:
		walk_numbers(body->pause.claims);
		break;
	case KGP_T_seek:
		walk_numbers(body->seek.claims);
		break;
	case KGP_T_query:
		walk_pairs(body->query.arguments);
		break;
	case KGP_T_welcome:
		walk_names(body->welcome.features);
		break;
	case KGP_T_marked:
		walk_numbers(body->marked.verdicts);
		break;
	case KGP_T_messages:
		walk_records(body->messages.records);
		break;
	case KGP_T_notify:
		walk_partitions(body->notify.claimed);
		walk_partitions(body->notify.released);
		walk_partitions(body->notify.current);
		break;
	default:
		break; /* no lists */
	}
}
