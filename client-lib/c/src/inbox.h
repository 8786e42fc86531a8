/* SPDX-License-Identifier: MIT */
/* Received bytes, cut into frames that stay where they were received. See inbox.c. */
#ifndef KG_INBOX_H
#define KG_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INBOX_BLOCK_BYTES ((size_t)512 << 10)

/* Memory that messages point into: freed with its last reference, never moved before. */
struct block {
	struct block *next;
	uint32_t refs;
	size_t cap, len;
	uint8_t data[];
};

struct block *block_new(size_t cap); /* one reference, or NULL */
struct block *block_ref(struct block *b);
struct block *block_unref(struct block *b); /* takes NULL; always NULL */

struct frame {
	struct block *block; /* not owned: valid until the frame is dropped */
	uint8_t *body;
	size_t body_bytes;
};

struct inbox {
	struct block *head, *tail; /* owned, from the oldest; one reference each */
	struct block *spare;	   /* owned, or NULL */
	size_t read;		   /* in head: where inbox_peek() looks */
	size_t scan;		   /* in tail: where inbox_scan() looks */
	size_t unread_bytes;	   /* of the frames that were kept */
	uint32_t max_body_bytes;
};

void inbox_init(struct inbox *in, uint32_t max_body_bytes);
void inbox_deinit(struct inbox *in);
void inbox_clear(struct inbox *in); /* forgets everything received */
void inbox_trim(struct inbox *in);  /* gives back memory that only a large frame needed */

/* One recv(2): > 0 bytes came, 0 the end, or -errno; -ENOMEM before anything was received. */
int inbox_receive(struct inbox *in, int fd);

/* The next frame that nobody has looked at: 1, 0 it is not complete, -EBADMSG, -EMSGSIZE. */
int inbox_scan(struct inbox *in, struct frame *f);
void inbox_scanned(struct inbox *in, const struct frame *f, bool keep);

/* The oldest frame that was kept, until it is dropped. */
bool inbox_peek(struct inbox *in, struct frame *f);
void inbox_drop(struct inbox *in, const struct frame *f);
void inbox_drop_all(struct inbox *in);

#endif
