/* SPDX-License-Identifier: MIT */
/*
 * The receive memory.
 *
 * Bytes are received into blocks and never copied again: messages that the application holds point
 * into them. Two places run through the blocks. Scan looks at each frame once, as soon as it is
 * whole, so that a control frame is never stuck behind unread messages; it keeps the frames of
 * messages. Read follows behind and takes the kept ones as the application asks for them. A control
 * frame that was dealt with stays as a gap: its first byte, always 0xce on the wire, becomes GAP.
 *
 * Invariants: a frame lies in one block; scan is in the tail, since a frame that would not fit is
 * moved to a new tail while it is still partial, and nobody can point into a partial frame; a block
 * is overwritten only when it is empty and nobody but the list refers to it. Normally one block is
 * filled, emptied and filled again, warm in the cache; a second one comes into play while a message
 * of the first is in the application's hand. A frame larger than a block gets a block of its own
 * size, which is given back after it.
 *
 * Called by connection.c (receive), session.c (scan) and delivery.c (read). It must never interpret
 * a body.
 */
#include "client-lib/c/src/inbox.h"

#include "proto/errors.h"
#include "proto/frame.h"
#include "proto/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { LEAST_ROOM_BYTES = 64 << 10, GAP = 0 };

/* ---- blocks ---------------------------------------------------------------------------------- */

struct block *block_new(size_t cap)
{
	struct block *b = malloc(sizeof(*b) + cap);

	if (b)
		*b = (struct block){.refs = 1, .cap = cap};
	return b;
}

struct block *block_ref(struct block *b)
{
	b->refs++;
	return b;
}

struct block *block_unref(struct block *b)
{
	if (b && !--b->refs)
		free(b);
	return NULL;
}

/* ---- the list of blocks ---------------------------------------------------------------------- */

void inbox_init(struct inbox *in, uint32_t max_body_bytes)
{
	*in = (struct inbox){.max_body_bytes = max_body_bytes};
}

/* Takes the first block off the list; an ordinary one is kept for the next time. */
static void pop(struct inbox *in)
{
	struct block *b = in->head;

	in->head = b->next;
	if (!in->head)
		in->tail = NULL;
	in->read = 0;
	b->next = NULL;
	if (b->refs == 1 && b->cap == INBOX_BLOCK_BYTES && !in->spare)
		in->spare = b;
	else
		block_unref(b);
}

void inbox_clear(struct inbox *in)
{
	while (in->head)
		pop(in);
	in->scan = 0;
	in->unread_bytes = 0;
}

void inbox_deinit(struct inbox *in)
{
	inbox_clear(in);
	in->spare = block_unref(in->spare);
}

/* Nothing unread lies in the tail and nobody points into it: only a partial frame may be there. */
static bool tail_is_idle(const struct inbox *in)
{
	return in->head == in->tail && in->read == in->scan && in->tail->refs == 1;
}

void inbox_trim(struct inbox *in)
{
	if (!in->tail || in->tail->len != in->scan || !tail_is_idle(in))
		return;
	if (in->tail->cap != INBOX_BLOCK_BYTES)
		inbox_clear(in);
}

/* ---- receiving ------------------------------------------------------------------------------- */

static struct block *take_block(struct inbox *in, size_t need)
{
	struct block *b = in->spare;

	if (!b || b->cap < need)
		return block_new(need > INBOX_BLOCK_BYTES ? need : INBOX_BLOCK_BYTES);
	in->spare = NULL;
	b->len = 0;
	return b;
}

/* Moves the partial frame to a block where it fits, which becomes the tail. */
static int add_tail(struct inbox *in, size_t need)
{
	struct block *b = take_block(in, need), *old = in->tail;

	if (!b)
		return -ENOMEM;
	if (old) {
		b->len = old->len - in->scan;
		memcpy(b->data, old->data + in->scan, b->len);
		old->len = in->scan;
		old->next = b;
	} else {
		in->head = b;
	}
	in->tail = b;
	in->scan = 0;
	if (in->head != b && in->read == in->head->len)
		pop(in);
	return 0;
}

/* Bytes that the frame at scan needs from its start on; a frame of unknown length gets the least.
 */
static size_t needed(const struct inbox *in)
{
	uint32_t body_bytes;
	size_t need;

	kgp_frame_peek(in->tail->data + in->scan, in->tail->len - in->scan, in->max_body_bytes,
		       &body_bytes);
	need = KGP_FRAME_HEADER + (size_t)body_bytes;
	return need > LEAST_ROOM_BYTES ? need : LEAST_ROOM_BYTES;
}

static void move_to_front(struct inbox *in)
{
	struct block *t = in->tail;

	t->len -= in->scan;
	memmove(t->data, t->data + in->scan, t->len);
	in->read = 0;
	in->scan = 0;
}

static int make_room(struct inbox *in)
{
	struct block *t = in->tail;
	size_t need;

	if (!t)
		return add_tail(in, LEAST_ROOM_BYTES);
	need = needed(in);
	if (t->cap == INBOX_BLOCK_BYTES && t->cap >= need && tail_is_idle(in) &&
	    (t->len == in->scan || t->cap - in->scan < need))
		move_to_front(in);
	return t->cap - in->scan >= need ? 0 : add_tail(in, need);
}

int inbox_receive(struct inbox *in, int fd)
{
	ssize_t n;
	int r = make_room(in);

	if (r < 0)
		return r;
	do
		n = recv(fd, in->tail->data + in->tail->len, in->tail->cap - in->tail->len, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	in->tail->len += (size_t)n;
	return (int)n;
}

/* ---- scanning and reading -------------------------------------------------------------------- */

int inbox_scan(struct inbox *in, struct frame *f)
{
	uint32_t body_bytes;
	uint8_t *p;
	int r;

	if (!in->tail)
		return 0;
	p = in->tail->data + in->scan;
	r = kgp_frame_peek(p, in->tail->len - in->scan, in->max_body_bytes, &body_bytes);
	if (r < 0)
		return r == -KGP_E_TOO_LARGE ? -EMSGSIZE : -EBADMSG;
	if (r == KGP_FRAME_PARTIAL)
		return 0;
	*f = (struct frame){in->tail, p + KGP_FRAME_HEADER, body_bytes};
	return 1;
}

void inbox_scanned(struct inbox *in, const struct frame *f, bool keep)
{
	size_t frame_bytes = KGP_FRAME_HEADER + f->body_bytes;

	if (keep)
		in->unread_bytes += frame_bytes;
	else
		f->body[-(int)KGP_FRAME_HEADER] = GAP;
	in->scan += frame_bytes;
}

static size_t frame_bytes_at(const uint8_t *p)
{
	return KGP_FRAME_HEADER +
	       ((size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4]);
}

bool inbox_peek(struct inbox *in, struct frame *f)
{
	uint8_t *p;

	while (in->head) {
		if (in->read == (in->head == in->tail ? in->scan : in->head->len)) {
			if (in->head == in->tail)
				return false;
			pop(in);
			continue;
		}
		p = in->head->data + in->read;
		*f = (struct frame){in->head, p + KGP_FRAME_HEADER,
				    frame_bytes_at(p) - KGP_FRAME_HEADER};
		if (*p != GAP)
			return true;
		in->read += frame_bytes_at(p);
	}
	return false;
}

void inbox_drop(struct inbox *in, const struct frame *f)
{
	in->read += KGP_FRAME_HEADER + f->body_bytes;
	in->unread_bytes -= KGP_FRAME_HEADER + f->body_bytes;
}

void inbox_drop_all(struct inbox *in)
{
	struct frame f;

	while (inbox_peek(in, &f))
		inbox_drop(in, &f);
}
