/* SPDX-License-Identifier: MIT */
/*
 * MESSAGES, record by record.
 *
 * The one message that is written and read millions of times a second, so it has a writer that
 * reserves once and a reader that looks at each byte once: a frame need not be checked whole before
 * its first record is handed out, each record is checked as it comes. The reader takes and refuses
 * what the codec does, with the same codes (a test compares); the writer means the same but spends
 * four bytes more, for the number of records is known last. Owns nothing: records point into the
 * frame. The writer's caller keeps a frame below its peer's limit, and no value reaches 4 GiB.
 */
#include "proto/batch.h"

#include "proto/frame.h"

#include <assert.h>
#include <endian.h>

enum { HEAD_FIELDS = 5, FIELDS = 6 }; /* of the message with its number; of a record */

/* What may still be opened inside of each, of the KGP_MAX_DEPTH of a frame. */
enum {
	DEPTH_IN_MESSAGE = KGP_MAX_DEPTH - 1,
	DEPTH_IN_RECORD = KGP_MAX_DEPTH - 3,
	DEPTH_IN_HEADER = KGP_MAX_DEPTH - 5,
};

/* ---- writing --------------------------------------------------------------------------------- */

enum { OVERHEAD = 1 + 9 + 9 + 9 + 5 + 5 }; /* most bytes of a record around key, value, headers */

static void put_head(struct kgp_buf *b, const struct kgp_messages *head)
{
	kgp_put_array(b, HEAD_FIELDS);
	kgp_put_uint(b, KGP_T_messages);
	kgp_put_uint(b, head->claim);
	kgp_put_uint(b, head->epoch);
	kgp_put_uint(b, head->taken_us);
}

void kgp_batch_begin(struct kgp_batch *batch, struct kgp_buf *b, const struct kgp_messages *head)
{
	static const uint8_t count[5] = {0xdd};

	*batch = (struct kgp_batch){.b = b, .frame = kgp_frame_begin(b)};
	put_head(b, head);
	batch->count_at = b->len;
	kgp_put_raw(b, count, sizeof(count));
}

/* Writes a type byte and the n low bytes of v; returns the place behind. */
static inline uint8_t *head_at(uint8_t *p, uint8_t type, uint64_t v, unsigned n)
{
	uint64_t be = htobe64(v);

	*p++ = type;
	memcpy(p, (uint8_t *)&be + 8 - n, n);
	return p + n;
}

static inline uint8_t *uint_at(uint8_t *p, uint64_t v)
{
	if (v < 0x80)
		return head_at(p, (uint8_t)v, 0, 0);
	if (v <= UINT8_MAX)
		return head_at(p, 0xcc, v, 1);
	if (v <= UINT16_MAX)
		return head_at(p, 0xcd, v, 2);
	if (v <= UINT32_MAX)
		return head_at(p, 0xce, v, 4);
	return head_at(p, 0xcf, v, 8);
}

static inline uint8_t *int_at(uint8_t *p, int64_t v)
{
	if (v >= 0)
		return uint_at(p, (uint64_t)v);
	return v == -1 ? head_at(p, 0xff, 0, 0) : head_at(p, 0xd3, (uint64_t)v, 8);
}

static inline uint8_t *bin_head_at(uint8_t *p, struct kgp_bytes v)
{
	if (!v.data)
		return head_at(p, 0xc0, 0, 0);
	if (v.size <= UINT8_MAX)
		return head_at(p, 0xc4, v.size, 1);
	if (v.size <= UINT16_MAX)
		return head_at(p, 0xc5, v.size, 2);
	return head_at(p, 0xc6, v.size, 4);
}

static inline uint8_t *bytes_at(uint8_t *p, struct kgp_bytes v)
{
	if (v.size)
		memcpy(p, v.data, v.size);
	return p + v.size;
}

/* Everything before the bytes of the value. */
static inline uint8_t *front_at(uint8_t *p, const struct kgp_record *r)
{
	*p++ = 0x90 | FIELDS;
	p = int_at(p, r->offset);
	p = uint_at(p, r->timestamp_type);
	p = int_at(p, r->timestamp);
	p = bytes_at(bin_head_at(p, r->key), r->key);
	return bin_head_at(p, r->value);
}

void kgp_batch_put(struct kgp_batch *batch, const struct kgp_record *r)
{
	struct kgp_buf *b = batch->b;
	uint8_t *p;

	if (!kgp_buf_reserve(b, OVERHEAD + r->key.size + r->value.size))
		return;
	p = bytes_at(front_at(b->data + b->len, r), r->value);
	b->len = (size_t)(p - b->data);
	kgp_put_array(b, r->headers.n);
	kgp_put_raw(b, r->headers.wire, r->headers.wire_bytes);
	batch->n++;
}

void kgp_batch_end(struct kgp_batch *batch)
{
	uint32_t be = htobe32(batch->n);

	if (!batch->b->failed)
		memcpy(batch->b->data + batch->count_at + 1, &be, sizeof(be));
	kgp_frame_end(batch->b, batch->frame);
}

void kgp_batch_single(struct kgp_buf *before, struct kgp_buf *after,
		      const struct kgp_messages *head, const struct kgp_record *r)
{
	size_t frame = kgp_frame_begin(before), tail = after->len, body_bytes;

	assert(r->value.data);
	put_head(before, head);
	kgp_put_array(before, 1);
	kgp_put_array(after, r->headers.n);
	kgp_put_raw(after, r->headers.wire, r->headers.wire_bytes);
	if (after->failed || !kgp_buf_reserve(before, OVERHEAD + r->key.size)) {
		before->failed = true;
		return;
	}
	before->len = (size_t)(front_at(before->data + before->len, r) - before->data);
	body_bytes = before->len - frame - KGP_FRAME_HEADER + r->value.size + after->len - tail;
	kgp_frame_header(before->data + frame, (uint32_t)body_bytes);
}

size_t kgp_record_credit(const struct kgp_record *r)
{
	struct kgp_list headers = r->headers;
	size_t bytes = r->key.size + r->value.size;
	struct kgp_header h;

	while (kgp_next_header(&headers, &h))
		bytes += h.name.size + h.value.size;
	return bytes;
}

/* ---- reading --------------------------------------------------------------------------------- */

static inline uint64_t be_at(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	memcpy((uint8_t *)&v + 8 - n, p, n);
	return be64toh(v);
}

static int read_number_slowly(struct kgp_cursor *c, int64_t *out)
{
	struct kgp_token t;

	if (kgp_read(c, &t))
		return -KGP_E_MALFORMED;
	if (t.kind != KGP_KIND_NEGINT && (t.kind != KGP_KIND_UINT || t.number > INT64_MAX))
		return -KGP_E_FIELD;
	*out = (int64_t)t.number;
	return 0;
}

/* Numbers as the writer makes them most; every other form takes the slow way. */
static inline int read_number(struct kgp_cursor *c, int64_t *out)
{
	size_t left = (size_t)(c->end - c->at);

	if (left && c->at[0] < 0x80) {
		*out = *c->at++;
		return 0;
	}
	if (left >= 5 && c->at[0] == 0xce) {
		*out = (int64_t)be_at(c->at + 1, 4);
		c->at += 5;
		return 0;
	}
	if (left >= 9 && c->at[0] == 0xcf && c->at[1] < 0x80) {
		*out = (int64_t)be_at(c->at + 1, 8);
		c->at += 9;
		return 0;
	}
	return read_number_slowly(c, out);
}

static int read_bytes_slowly(struct kgp_cursor *c, struct kgp_bytes *out)
{
	struct kgp_token t;

	if (kgp_read(c, &t))
		return -KGP_E_MALFORMED;
	*out = kgp_bytes(NULL, 0);
	if (t.kind == KGP_KIND_NIL)
		return 0;
	if (t.kind != KGP_KIND_BIN)
		return -KGP_E_FIELD;
	*out = kgp_bytes(t.data, t.number);
	return 0;
}

static inline int read_bytes(struct kgp_cursor *c, struct kgp_bytes *out)
{
	size_t left = (size_t)(c->end - c->at);

	if (left >= 2 && c->at[0] == 0xc4 && left - 2 >= c->at[1]) {
		*out = kgp_bytes(c->at + 2, c->at[1]);
		c->at += 2 + out->size;
		return 0;
	}
	return read_bytes_slowly(c, out);
}

static int skip_values(struct kgp_cursor *c, uint64_t n, unsigned depth)
{
	for (; n; n--)
		if (kgp_skip(c, depth))
			return -KGP_E_MALFORMED;
	return 0;
}

static bool is_header_name(const struct kgp_token *t)
{
	return t->kind == KGP_KIND_BIN ||
	       (t->kind == KGP_KIND_STR && kgp_is_utf8(t->data, t->number));
}

static int read_header(struct kgp_cursor *c)
{
	struct kgp_token t, name;
	struct kgp_bytes value;
	int r;

	if (kgp_read(c, &t))
		return -KGP_E_MALFORMED;
	if (t.kind != KGP_KIND_ARRAY || t.number < 2)
		return -KGP_E_FIELD;
	if (kgp_read(c, &name))
		return -KGP_E_MALFORMED;
	if (!is_header_name(&name))
		return -KGP_E_FIELD;
	r = read_bytes(c, &value);
	return r ? r : skip_values(c, t.number - 2, DEPTH_IN_HEADER);
}

static int read_headers(struct kgp_cursor *c, struct kgp_list *out)
{
	struct kgp_token t;
	uint64_t i;
	int r = 0;

	if (c->at != c->end && *c->at == 0x90) {
		*out = (struct kgp_list){.wire = ++c->at};
		return 0;
	}
	if (kgp_read(c, &t))
		return -KGP_E_MALFORMED;
	if (t.kind != KGP_KIND_ARRAY || t.number > KGP_MAX_HEADERS)
		return -KGP_E_FIELD;
	*out = (struct kgp_list){.wire = c->at, .n = (uint32_t)t.number};
	for (i = 0; i < t.number && !r; i++)
		r = read_header(c);
	out->wire_bytes = (size_t)(c->at - out->wire);
	return r;
}

/* The record's head; n_extra: fields that a newer daemon added to it. */
static int read_shape(struct kgp_cursor *c, uint64_t *n_extra)
{
	struct kgp_token t;

	*n_extra = 0;
	if (c->end - c->at > FIELDS && *c->at == (0x90 | FIELDS)) {
		c->at++;
		return 0;
	}
	if (kgp_read(c, &t))
		return -KGP_E_MALFORMED;
	if (t.kind != KGP_KIND_ARRAY || t.number < FIELDS)
		return -KGP_E_FIELD;
	*n_extra = t.number - FIELDS;
	return 0;
}

static inline int read_timestamp_type(struct kgp_cursor *c, uint64_t *out)
{
	int64_t v;
	int r = read_number(c, &v);

	if (r)
		return r;
	*out = (uint64_t)v;
	return *out <= 2 ? 0 : -KGP_E_FIELD;
}

/* Nothing may stand behind the records but fields that a newer daemon added. */
static int read_end(struct kgp_batch_reader *reader)
{
	uint64_t n_extra = reader->n_extra;

	reader->n_extra = 0;
	if (skip_values(&reader->c, n_extra, DEPTH_IN_MESSAGE))
		return -KGP_E_MALFORMED;
	return reader->c.at == reader->c.end ? 0 : -KGP_E_MALFORMED;
}

int kgp_batch_next(struct kgp_batch_reader *reader, struct kgp_record *out)
{
	struct kgp_cursor *c = &reader->c;
	uint64_t n_extra;
	int r;

	if (!reader->left)
		return read_end(reader);
	if ((r = read_shape(c, &n_extra)) || (r = read_number(c, &out->offset)) ||
	    (r = read_timestamp_type(c, &out->timestamp_type)) ||
	    (r = read_number(c, &out->timestamp)) || (r = read_bytes(c, &out->key)) ||
	    (r = read_bytes(c, &out->value)) || (r = read_headers(c, &out->headers)) ||
	    (r = skip_values(c, n_extra, DEPTH_IN_RECORD)))
		return r;
	reader->left--;
	return 1;
}

/* A number, or the count of a list, up to max. */
static int read_limited(struct kgp_cursor *c, enum kgp_kind kind, uint64_t max, uint64_t *out)
{
	struct kgp_token t;

	if (kgp_read(c, &t))
		return -KGP_E_MALFORMED;
	*out = t.number;
	return t.kind == kind && t.number <= max ? 0 : -KGP_E_FIELD;
}

int kgp_batch_open(struct kgp_batch_reader *reader, const uint8_t *p, size_t n,
		   struct kgp_messages *head)
{
	struct kgp_cursor *c = &reader->c;
	uint64_t n_fields, type, n_records;
	int r;

	*c = (struct kgp_cursor){p, p + n};
	*head = (struct kgp_messages){0};
	if ((r = read_limited(c, KGP_KIND_ARRAY, UINT32_MAX, &n_fields)) ||
	    (r = read_limited(c, KGP_KIND_UINT, UINT64_MAX, &type)))
		return r;
	if (type != KGP_T_messages || n_fields < HEAD_FIELDS)
		return -KGP_E_FIELD;
	if ((r = read_limited(c, KGP_KIND_UINT, UINT32_MAX, &head->claim)) ||
	    (r = read_limited(c, KGP_KIND_UINT, UINT64_MAX, &head->epoch)) ||
	    (r = read_limited(c, KGP_KIND_UINT, UINT64_MAX, &head->taken_us)) ||
	    (r = read_limited(c, KGP_KIND_ARRAY, KGP_MAX_BATCH, &n_records)))
		return r;
	reader->left = (uint32_t)n_records;
	reader->n_extra = (uint32_t)(n_fields - HEAD_FIELDS);
	return 0;
}
