/* SPDX-License-Identifier: MIT */
/* The hot path: MESSAGES frames written and read message by message. See batch.c. */
#ifndef KGP_BATCH_H
#define KGP_BATCH_H

#include "proto/codec.h"

/* Writer: begin, any number of puts, end. headers.wire holds ready elements, as kgp_put_* wrote
 * them. */
struct kgp_batch {
	struct kgp_buf *b; /* not owned */
	size_t frame, count_at;
	uint32_t n;
};

void kgp_batch_begin(struct kgp_batch *batch, struct kgp_buf *b, const struct kgp_messages *head);
void kgp_batch_put(struct kgp_batch *batch, const struct kgp_record *record);
void kgp_batch_end(struct kgp_batch *batch);

/*
 * A frame of one record whose value is not copied: on the wire come the bytes added to before, the
 * value, the bytes added to after. The value is not nil.
 */
void kgp_batch_single(struct kgp_buf *before, struct kgp_buf *after,
		      const struct kgp_messages *head, const struct kgp_record *record);

/* Reader: open checks the head, next checks each record as it comes. */
struct kgp_batch_reader {
	struct kgp_cursor c;
	uint32_t left, n_extra; /* records; fields of a newer daemon behind them */
};

int kgp_batch_open(struct kgp_batch_reader *r, const uint8_t *p, size_t n,
		   struct kgp_messages *head);
int kgp_batch_next(struct kgp_batch_reader *r,
		   struct kgp_record *record); /* 1, 0 at the end, -KGP_E_* */

/* Bytes that a record costs of the credit. */
size_t kgp_record_credit(const struct kgp_record *record);

#endif
