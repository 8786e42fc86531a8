/* SPDX-License-Identifier: MIT */
/*
 * A client of the conversation, and what it must never see.
 *
 * It cuts and decodes its own bytes as the daemon will, so it knows which requests it made and what
 * it allowed, whatever damage the input did to its frames. Of what it hears: every frame is whole
 * and valid; a request is answered once, and nobody answers what was not asked; messages come only
 * for a claim that is held, of its epoch, after the notice that announced it, and none behind
 * RELEASE; within an epoch they are in order, none is repeated and none of the log is left out; no
 * more of them than were allowed, and bytes are overshot by the last one only; a new claim starts
 * where nothing below is lost; epochs only grow.
 */
#include "tests/fuzz/client.h"

#include "proto/batch.h"
#include "proto/frame.h"
#include "tests/fuzz/fake_kafka.h"
#include "tests/fuzz/fake_socket.h"
#include "tests/fuzz/fuzz.h"

static uint8_t damage_at, damage_bits;

void client_connect(struct fuzz_client *c, int fd)
{
	uint8_t id[KGP_ID_BYTES];
	uint32_t next_request = c->next_request;

	memcpy(id, c->id, sizeof(id));
	client_deinit(c);
	*c = (struct fuzz_client){.fd = fd, .next_request = next_request, .reads = true};
	memcpy(c->id, id, sizeof(id));
}

void client_deinit(struct fuzz_client *c)
{
	kgp_buf_deinit(&c->sent);
	c->fd = -1;
}

/* ---- what it says ---------------------------------------------------------------------------- */

uint32_t client_new_request(struct fuzz_client *c)
{
	return ++c->next_request;
}

static void expect_answer(struct fuzz_client *c, uint64_t request)
{
	unsigned i;

	for (i = 0; i < c->n_requests; i++)
		c->wild |= c->requests[i] == request; /* it uses a number twice */
	if (!request || c->n_requests == MOST_REQUESTS)
		c->wild |= c->n_requests == MOST_REQUESTS;
	else
		c->requests[c->n_requests++] = (uint32_t)request;
}

static struct fuzz_claim *find_claim(struct fuzz_client *c, uint64_t id)
{
	unsigned i;

	for (i = 0; i < c->n_claims; i++)
		if (c->claims[i].id == id)
			return &c->claims[i];
	return NULL;
}

static void note_credit(struct fuzz_client *c, const struct kgp_credit *m)
{
	struct fuzz_claim *claim = find_claim(c, m->claim);

	if (!m->claim) {
		c->granted = m->messages > c->granted ? m->messages : c->granted;
		c->granted_bytes = m->bytes > c->granted_bytes ? m->bytes : c->granted_bytes;
	} else if (claim) {
		claim->granted = m->messages > claim->granted ? m->messages : claim->granted;
		if (m->bytes > claim->granted_bytes)
			claim->granted_bytes = m->bytes;
	} else {
		c->wild = true; /* of a claim that it cannot know yet */
	}
}

static void note(struct fuzz_client *c, const struct kgp_info *info, const union kgp_body *b)
{
	switch (info->type) {
	case KGP_T_open:
		c->wild |= c->open_request != 0; /* whose messages come then is not known here */
		c->open_request = (uint32_t)b->open.request;
		if (!c->member)
			c->granted = c->granted_bytes = 0;
		expect_answer(c, b->open.request);
		break;
	case KGP_T_close:
		c->close_request = (uint32_t)b->close.request;
		expect_answer(c, b->close.request);
		break;
	case KGP_T_commit:
		expect_answer(c, b->commit.request);
		break;
	case KGP_T_pause:
		expect_answer(c, b->pause.request);
		c->paused |= b->pause.paused;
		break;
	case KGP_T_mark:
		expect_answer(c, b->mark.request);
		break;
	case KGP_T_reset:
		expect_answer(c, b->reset.request);
		break;
	case KGP_T_seek:
		expect_answer(c, b->seek.request);
		break;
	case KGP_T_claim_close:
		expect_answer(c, b->claim_close.request);
		break;
	case KGP_T_query:
		c->wild |= !b->query.request;
		expect_answer(c, b->query.request);
		break;
	case KGP_T_credit:
		note_credit(c, &b->credit);
		break;
	default:
		break;
	}
}

/* The daemon will read the same frames. What is no frame is the end of the conversation. */
static void note_sent(struct fuzz_client *c, const void *bytes, size_t n)
{
	const struct kgp_info *info;
	union kgp_body body;
	uint32_t size;
	int r;

	kgp_put_raw(&c->sent, bytes, n);
	while (!c->wild) {
		r = kgp_frame_peek(c->sent.data + c->cut_bytes, c->sent.len - c->cut_bytes,
				   KGP_FRAME_MAX_CLIENT, &size);
		if (r == KGP_FRAME_PARTIAL) { /* what it says next is the rest of this */
			c->wild = c->cut_bytes < c->sent.len;
			return;
		}
		if (r == KGP_FRAME_COMPLETE)
			r = kgp_decode(c->sent.data + c->cut_bytes + KGP_FRAME_HEADER, size,
				       KGP_CLIENT, &info, &body);
		c->wild |= r < 0;
		if (!r)
			note(c, info, &body);
		c->cut_bytes += KGP_FRAME_HEADER + size;
	}
}

void client_say_bytes(struct fuzz_client *c, const void *bytes, size_t n)
{
	struct fake_socket *s;

	if (c->fd < 0 || !n)
		return;
	s = fake_socket_get(c->fd);
	if (!s->open || s->hung_up)
		return;
	kgp_put_raw(&s->to_daemon, bytes, n);
	note_sent(c, bytes, n);
}

void client_damage_next(uint8_t at, uint8_t bits)
{
	damage_at = at;
	damage_bits = bits;
}

void client_say(struct fuzz_client *c, enum kgp_type type, const void *message)
{
	struct kgp_buf frame = {0};

	kgp_encode(&frame, type, message);
	frame.data[damage_at % frame.len] ^= damage_bits;
	damage_bits = 0;
	client_say_bytes(c, frame.data, frame.len);
	kgp_buf_deinit(&frame);
}

/* ---- what it hears --------------------------------------------------------------------------- */

static void on_answer(struct fuzz_client *c, uint64_t request)
{
	unsigned i;

	for (i = 0; i < c->n_requests && c->requests[i] != request; i++)
		;
	if (c->wild)
		return;
	assert(i < c->n_requests); /* answered twice, or never asked */
	c->requests[i] = c->requests[--c->n_requests];
}

static void on_reply(struct fuzz_client *c, const struct kgp_reply *m)
{
	unsigned i;

	on_answer(c, m->request);
	assert(!m->code == !m->text.data);
	if (c->open_request && m->request == c->open_request) {
		c->open_request = 0;
		if (!m->code) {
			c->member = true;
			c->n_claims = 0;
			c->n_received = c->bytes_received = 0;
		}
	}
	if (c->close_request && m->request == c->close_request && c->member) {
		for (i = 0; i < c->n_claims; i++)
			assert(!c->claims[i].live);
		c->member = false;
		c->n_claims = 0;
		c->close_request = 0;
	}
}

/* Everything below where a claim starts was marked, sought over, trimmed, or never there. */
static void check_start(const struct fuzz_client *c, int place, int64_t start)
{
	struct place *p = &cluster.places[place];
	int64_t *justified = &p->justified[c->group], from;

	from = *justified > p->committed[c->group] ? *justified : p->committed[c->group];
	if (p->committed[c->group] >= 0 && from >= p->start && from <= p->end)
		assert(start <= from || start <= place_first_message(place, from));
	*justified = start > *justified ? start : *justified;
}

/* Room for one more: the oldest that has ended goes. */
static void forget_ended(struct fuzz_client *c)
{
	unsigned i;

	if (c->n_claims < MOST_CLAIMS)
		return;
	for (i = 0; c->claims[i].live; i++)
		assert(i < MOST_CLAIMS - 1);
	c->n_claims--;
	memmove(&c->claims[i], &c->claims[i + 1], (c->n_claims - i) * sizeof(*c->claims));
}

static void on_assign(struct fuzz_client *c, const struct kgp_assign *m)
{
	struct fuzz_claim *claim = find_claim(c, m->claim);
	char topic[KGP_MAX_TOPIC + 1];
	int place;

	assert(m->claim && !claim && m->start >= 0);
	snprintf(topic, sizeof(topic), "%.*s", (int)m->topic.size, (const char *)m->topic.data);
	place = place_find(topic, (int32_t)m->partition);
	assert(place >= 0);
	check_start(c, place, m->start);
	forget_ended(c);
	c->claims[c->n_claims++] = (struct fuzz_claim){
		.id = (uint32_t)m->claim,
		.place = place,
		.epoch = m->epoch,
		.next = m->start,
		.live = true,
		.silent = c->notified,
	};
}

static void on_epoch(struct fuzz_client *c, const struct kgp_epoch *m)
{
	struct fuzz_claim *claim = find_claim(c, m->claim);
	struct place *p;

	assert(claim && claim->live && m->epoch > claim->epoch && m->offset >= 0);
	p = &cluster.places[claim->place];
	claim->epoch = m->epoch;
	claim->next = m->offset;
	if (m->offset > p->justified[c->group])
		p->justified[c->group] = m->offset;
}

static void check_record(struct fuzz_claim *claim, const struct kgp_record *r)
{
	const struct place *p = &cluster.places[claim->place];
	char key[32];
	int64_t at;

	snprintf(key, sizeof(key), "%d:%lld", claim->place, (long long)r->offset);
	assert(kgp_bytes_equal(r->key, kgp_text(key)));
	assert(r->offset >= claim->next && r->offset < p->end);
	for (at = claim->next; at < r->offset; at++)
		assert(at < p->start || !place_has_message(claim->place, at)); /* left out */
	claim->next = r->offset + 1;
}

/* Not more than was allowed; the last one may overshoot the bytes. */
static void charge(struct fuzz_client *c, struct fuzz_claim *claim, const struct kgp_record *r)
{
	uint64_t *n = c->partitions ? &claim->n_received : &c->n_received;
	uint64_t *bytes = c->partitions ? &claim->bytes_received : &c->bytes_received;

	assert(*n < (c->partitions ? claim->granted : c->granted));
	assert(*bytes < (c->partitions ? claim->granted_bytes : c->granted_bytes));
	++*n;
	*bytes += kgp_record_credit(r);
}

static void on_messages(struct fuzz_client *c, struct kgp_messages *m)
{
	struct fuzz_claim *claim = find_claim(c, m->claim);
	struct kgp_record r;

	assert(claim && claim->live && !claim->releasing && !claim->silent);
	assert(m->epoch == claim->epoch && m->records.n);
	while (kgp_next_record(&m->records, &r)) {
		check_record(claim, &r);
		if (!c->wild)
			charge(c, claim, &r);
	}
}

static void on_release(struct fuzz_client *c, uint64_t id)
{
	struct fuzz_claim *claim = find_claim(c, id);

	assert(claim && claim->live && !claim->releasing);
	claim->releasing = true;
}

static void on_released(struct fuzz_client *c, uint64_t id)
{
	struct fuzz_claim *claim = find_claim(c, id);

	assert(claim && claim->live);
	claim->live = false;
}

static void on_notify(struct fuzz_client *c, uint64_t kind)
{
	unsigned i;

	assert(c->notified == (kind != 1)); /* START and its end take turns */
	c->notified = kind == 1;
	for (i = 0; i < c->n_claims; i++)
		c->claims[i].silent &= c->notified;
}

static void hear(struct fuzz_client *c, const struct kgp_info *info, union kgp_body *b)
{
	assert(!c->ended);
	switch (info->type) {
	case KGP_T_reply:
		on_reply(c, &b->reply);
		break;
	case KGP_T_marked:
		on_answer(c, b->marked.request);
		break;
	case KGP_T_assign:
		on_assign(c, &b->assign);
		break;
	case KGP_T_epoch:
		on_epoch(c, &b->epoch);
		break;
	case KGP_T_messages:
		on_messages(c, &b->messages);
		break;
	case KGP_T_release:
		on_release(c, b->release.claim);
		break;
	case KGP_T_released:
		on_released(c, b->released.claim);
		break;
	case KGP_T_notify:
		on_notify(c, b->notify.kind);
		break;
	case KGP_T_error:
		c->ended = b->error.fatal;
		break;
	default:
		break;
	}
}

void client_read(struct fuzz_client *c)
{
	struct kgp_buf *in = &fake_socket_get(c->fd)->to_client;
	const struct kgp_info *info;
	union kgp_body body;
	size_t at = 0;
	uint32_t size;

	if (!in->len)
		return;
	while (at < in->len && kgp_frame_peek(in->data + at, in->len - at, KGP_FRAME_MAX_DAEMON,
					      &size) == KGP_FRAME_COMPLETE) {
		at += KGP_FRAME_HEADER;
		assert(!kgp_decode(in->data + at, size, KGP_DAEMON, &info, &body));
		hear(c, info, &body);
		at += size;
	}
	assert(in->len == at || kgp_frame_peek(in->data + at, in->len - at, KGP_FRAME_MAX_DAEMON,
					       &size) == KGP_FRAME_PARTIAL);
	memmove(in->data, in->data + at, in->len - at);
	in->len -= at;
}
