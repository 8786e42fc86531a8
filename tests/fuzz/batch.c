/* SPDX-License-Identifier: MIT */
/*
 * MESSAGES as libkgroup reads them: record by record, without a look ahead.
 *
 * The batch reader takes exactly what the codec takes and refuses the rest with the same code; what
 * it reads is what the codec reads; and the records, written by the batch writer and by the writer
 * of one large record, read as the same again.
 */
#include "tests/fuzz/fuzz.h"

#include "proto/batch.h"
#include "proto/frame.h"

static void assert_same_bytes(struct kgp_bytes a, struct kgp_bytes b)
{
	assert(!a.data == !b.data && a.size == b.size);
	assert(!a.size || !memcmp(a.data, b.data, a.size));
}

static void assert_same_record(const struct kgp_record *a, const struct kgp_record *b)
{
	struct kgp_list x = a->headers, y = b->headers;
	struct kgp_header p, q;

	assert(a->offset == b->offset && a->timestamp == b->timestamp);
	assert(a->timestamp_type == b->timestamp_type && x.n == y.n);
	assert_same_bytes(a->key, b->key);
	assert_same_bytes(a->value, b->value);
	assert(kgp_record_credit(a) == kgp_record_credit(b));
	while (kgp_next_header(&x, &p)) {
		assert(kgp_next_header(&y, &q));
		assert_same_bytes(p.name, q.name);
		assert_same_bytes(p.value, q.value);
	}
}

/* All of it, and the code where it ends. */
static int read_all(const uint8_t *p, size_t n)
{
	struct kgp_batch_reader r;
	struct kgp_messages head;
	struct kgp_record record;
	int v = kgp_batch_open(&r, p, n, &head);

	if (v)
		return v;
	while ((v = kgp_batch_next(&r, &record)) == 1)
		kgp_record_credit(&record);
	assert(v || !kgp_batch_next(&r, &record)); /* the end stays the end */
	return v;
}

static void write_alone(const struct kgp_messages *head, const struct kgp_record *record)
{
	struct kgp_buf before = {0}, after = {0};
	struct kgp_batch_reader r;
	struct kgp_messages again;
	struct kgp_record read;

	if (!record->value.data)
		return;
	kgp_batch_single(&before, &after, head, record);
	kgp_put_raw(&before, record->value.data, record->value.size);
	kgp_put_raw(&before, after.data, after.len);
	assert(!before.failed);
	assert(!kgp_batch_open(&r, before.data + KGP_FRAME_HEADER, before.len - KGP_FRAME_HEADER,
			       &again));
	assert(kgp_batch_next(&r, &read) == 1);
	assert_same_record(record, &read);
	assert(!kgp_batch_next(&r, &read));
	kgp_buf_deinit(&before);
	kgp_buf_deinit(&after);
}

/* headers.wire_bytes of a read record tells nothing: they are written one by one. */
static void put_headers(struct kgp_buf *b, struct kgp_list headers)
{
	struct kgp_header h;

	while (kgp_next_header(&headers, &h)) {
		kgp_put_array(b, 2);
		if (kgp_is_utf8(h.name.data, h.name.size))
			kgp_put_str(b, h.name);
		else
			kgp_put_bin(b, h.name);
		kgp_put_bin(b, h.value);
	}
}

static void write_again(const struct kgp_messages *m)
{
	struct kgp_list records = m->records;
	struct kgp_batch_reader r;
	struct kgp_messages head;
	struct kgp_record record, again;
	struct kgp_batch batch;
	struct kgp_buf b = {0}, headers = {0};

	kgp_batch_begin(&batch, &b, m);
	while (kgp_next_record(&records, &record)) {
		kgp_buf_reset(&headers);
		put_headers(&headers, record.headers);
		record.headers.wire = headers.data;
		record.headers.wire_bytes = headers.len;
		kgp_batch_put(&batch, &record);
		write_alone(m, &record);
	}
	kgp_batch_end(&batch);
	assert(!b.failed);
	assert(!kgp_batch_open(&r, b.data + KGP_FRAME_HEADER, b.len - KGP_FRAME_HEADER, &head));
	assert(head.claim == m->claim && head.epoch == m->epoch && head.taken_us == m->taken_us);
	for (records = m->records; kgp_next_record(&records, &record);) {
		assert(kgp_batch_next(&r, &again) == 1);
		assert_same_record(&record, &again);
	}
	assert(!kgp_batch_next(&r, &again));
	kgp_buf_deinit(&headers);
	kgp_buf_deinit(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct kgp_info *info = NULL;
	uint8_t *copy = fuzz_copy(data, size);
	union kgp_body body;
	int r = kgp_decode(copy, size, KGP_DAEMON, &info, &body), v = read_all(copy, size);

	if (info && info->type == KGP_T_messages)
		assert(v == r);
	else
		assert(v < 0);
	if (!v)
		write_again(&body.messages);
	free(copy);
	return 0;
}
