/* SPDX-License-Identifier: MIT */
/* From received frames to messages in the application's hand. See delivery.c. */
#ifndef KG_DELIVERY_H
#define KG_DELIVERY_H

#include "client-lib/c/src/claim.h"

struct block;
struct kg_consumer;

struct delivery {
	struct kgp_batch_reader reader; /* the rest of the frame that is being handed out */
	struct claim *claim;		/* its claim, while the reader has something left */
	uint64_t epoch, taken_us;
	bool credited;	     /* it was set aside before: its credit has been returned */
	struct block *block; /* holds what was handed out last; one reference, or NULL */
};

/* All answer 0 or KG_ERR_PROTOCOL (which has ended the consumer), the first two also KG_ERR_MEMORY.
 */
int delivery_skim(
	struct kg_consumer *c); /* discards and sets aside until something can be handed out */
int delivery_set_aside(struct kg_consumer *c, struct claim *claim); /* before it is paused */
int delivery_void(struct kg_consumer *c,
		  struct claim *claim);	     /* nothing more of it is handed out */
void delivery_reset(struct kg_consumer *c);  /* the connection is gone */
void delivery_let_go(struct kg_consumer *c); /* of what was handed out last */
bool delivery_is_pending(const struct kg_consumer *c);

static inline void delivery_fill(struct kg_message *m, const struct delivery *d,
				 const struct kgp_record *r)
{
	m->topic = d->claim->public.topic;
	m->partition = d->claim->public.partition;
	m->timestamp_type = (int32_t)r->timestamp_type;
	m->offset = r->offset;
	m->timestamp_ms = r->timestamp_type ? r->timestamp : -1;
	m->key = r->key.data;
	m->key_bytes = r->key.size;
	m->value = r->value.data;
	m->value_bytes = r->value.size;
	m->n_headers = r->headers.n;
	m->taken_us = d->taken_us;
	m->internal.headers = r->headers.wire;
	m->internal.headers_bytes = r->headers.wire_bytes;
	m->internal.epoch = d->epoch;
	m->internal.claim = d->claim->handle;
}

#endif
