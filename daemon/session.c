/* SPDX-License-Identifier: MIT */
/*
 * Sessions: what a client's frames mean, and what is allowed when.
 *
 * Owns no state of its own: it reads the connection's. Every frame was decoded whole before
 * anything is done. Order: HELLO first and once; a consumer between OPEN and the answer to CLOSE;
 * RESUME only before RESUME_END. What breaks the order, names an unknown message or a feature that
 * was not agreed on is told and closed; what merely cannot be done is answered. One table says
 * which message needs what.
 */
#include "daemon/claim.h"
#include "daemon/connection.h"
#include "daemon/consumer.h"
#include "daemon/daemon.h"
#include "daemon/group.h"
#include "daemon/marks.h"
#include "daemon/open.h"
#include "daemon/query.h"
#include "daemon/seek.h"
#include "daemon/turn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEATURES = (1u << KGP_N_FEATURES) - 1, BYTES_PER_REQUEST = 1024 };

static void fatal(struct connection *c, unsigned code, const char *text)
{
	connection_fatal(c, code, "protocol", text ? text : kgp_error_text(code));
}

void session_reply(struct connection *c, uint32_t request, unsigned code, const char *text,
		   const struct kgp_buf *result)
{
	struct kgp_reply reply = {.request = request, .code = code};

	if (code)
		reply.text = kgp_text_for_peer(text ? text : kgp_error_text(code));
	if (result)
		reply.result = (struct kgp_any){result->data, result->len};
	connection_send(c, KGP_T_reply, &reply);
}

/* ---- HELLO ----------------------------------------------------------------------------------- */

static void welcome(struct connection *c)
{
	struct kgp_name features[KGP_N_FEATURES];
	uint32_t n = 0;
	int i;

	for (i = KGP_FEATURE_core + 1; i < KGP_N_FEATURES; i++)
		if (FEATURES & 1u << i)
			features[n++].value = kgp_text(kgp_feature_names[i]);
	connection_send(c, KGP_T_welcome,
			&(struct kgp_welcome){
				.version = KGP_VERSION,
				.features = {.items = features, .n = n},
				.max_frame = KGP_FRAME_MAX_CLIENT,
				.name = kgp_text(c->daemon->config->name),
				.software = kgp_text("kgroupd/" KGROUPD_VERSION),
			});
}

static void read_features(struct connection *c, struct kgp_list features)
{
	struct kgp_name name;
	int i;

	c->features = 1u << KGP_FEATURE_core;
	while (kgp_next_name(&features, &name))
		for (i = 0; i < KGP_N_FEATURES; i++)
			if (kgp_bytes_equal(name.value, kgp_text(kgp_feature_names[i])))
				c->features |= 1u << i;
}

static void on_hello(struct connection *c, union kgp_body *b)
{
	struct kgp_hello *m = &b->hello;
	struct kgp_number version;
	bool common = false;

	if (c->hello) {
		fatal(c, KGP_E_OUT_OF_ORDER, "HELLO comes once");
		return;
	}
	while (kgp_next_number(&m->versions, &version))
		common |= version.value == KGP_VERSION;
	if (!common) {
		fatal(c, KGP_E_VERSION, NULL);
		return;
	}
	if (m->max_frame < KGP_FRAME_MIN_MAX) {
		fatal(c, KGP_E_FIELD, "max_frame of HELLO is below 65536");
		return;
	}
	c->max_frame = (uint32_t)m->max_frame;
	c->name = strndup(m->name.data, m->name.size);
	c->language = strndup(m->language.data, m->language.size);
	read_features(c, m->features);
	c->hello = true;
	event_del(c->timer);
	welcome(c);
}

/* ---- of a consumer --------------------------------------------------------------------------- */

static bool has_nul(struct kgp_bytes text)
{
	return text.data && memchr(text.data, 0, text.size);
}

static void on_resume(struct connection *c, union kgp_body *b)
{
	struct kgp_resume *m = &b->resume;
	struct consumer *consumer = c->consumer;
	char topic[KGP_MAX_TOPIC + 1];

	if (consumer->ready || has_nul(m->topic) || has_nul(m->metadata)) {
		fatal(c, consumer->ready ? KGP_E_OUT_OF_ORDER : KGP_E_FIELD,
		      consumer->ready	  ? "RESUME comes between OPEN and RESUME_END"
		      : has_nul(m->topic) ? "a topic has a NUL in it"
					  : "a metadata text has a NUL in it");
		return;
	}
	snprintf(topic, sizeof(topic), "%.*s", (int)m->topic.size, (const char *)m->topic.data);
	group_add_resume(consumer->group, consumer, topic, (int32_t)m->partition, m->epoch,
			 m->offset, m->committed, m->metadata);
}

static void on_resume_end(struct connection *c, union kgp_body *b)
{
	if (c->consumer->ready) {
		fatal(c, KGP_E_OUT_OF_ORDER, "RESUME_END comes once after OPEN");
		return;
	}
	c->consumer->ready = true;
	group_distribute(c->consumer->group);
}

/* Of a claim that has ended it crossed RELEASED on the wire. */
static void on_credit_of_claim(struct connection *c, const struct kgp_credit *m)
{
	struct claim *claim = consumer_find_claim(c->consumer, m->claim);

	if (!claim && (!m->claim || m->claim > c->consumer->last_claim))
		fatal(c, KGP_E_FIELD, "in partitions mode CREDIT names a claim");
	else if (claim && credit_grant(&claim->credit, m->messages, m->bytes))
		fatal(c, KGP_E_CREDIT, NULL);
	else if (claim)
		claim_set_runnable(claim);
}

static void on_credit(struct connection *c, union kgp_body *b)
{
	struct kgp_credit *m = &b->credit;

	if (c->consumer->settings.value[KGP_SETTING_MODE] == KGP_PARTITIONS)
		on_credit_of_claim(c, m);
	else if (m->claim)
		fatal(c, KGP_E_FIELD, "CREDIT names a claim in partitions mode only");
	else if (credit_grant(&c->consumer->credit, m->messages, m->bytes))
		fatal(c, KGP_E_CREDIT, NULL);
	else
		consumer_wake(c->consumer);
}

static void on_mark(struct connection *c, union kgp_body *b)
{
	marks_apply(c->consumer, MARKS, (uint32_t)b->mark.request, b->mark.entries);
}

static void on_reset(struct connection *c, union kgp_body *b)
{
	marks_apply(c->consumer, RESETS, (uint32_t)b->reset.request, b->reset.entries);
}

static void on_seek(struct connection *c, union kgp_body *b)
{
	seek_start(c->consumer, &b->seek);
}

static void on_claim_close(struct connection *c, union kgp_body *b)
{
	struct kgp_claim_close *m = &b->claim_close;
	struct consumer *consumer = c->consumer;
	struct group *g = consumer->group;
	struct claim *claim = consumer_find_claim(consumer, m->claim);

	if (!m->request) {
		fatal(c, KGP_E_FIELD, "CLAIM_CLOSE needs a request number");
		return;
	}
	if (!claim || partition_close_by(claim->partition, consumer->id)) {
		session_reply(c, (uint32_t)m->request, claim ? KGP_E_MEMORY : KGP_E_NO_CLAIM, NULL,
			      NULL);
		return;
	}
	session_reply(c, (uint32_t)m->request, 0, NULL, NULL);
	claim_release(claim, (uint32_t)consumer->settings.value[KGP_SETTING_DWELL_TIME], "closed");
	membership_advance(g);
	group_distribute(g);
}

static void on_commit(struct connection *c, union kgp_body *b)
{
	if (!b->commit.request)
		fatal(c, KGP_E_FIELD, "COMMIT needs a request number");
	else if (c->consumer->closing)
		fatal(c, KGP_E_OUT_OF_ORDER, "nothing but QUERY between CLOSE and its REPLY");
	else if (commit_wait(c->consumer->group, c->consumer, (uint32_t)b->commit.request, false))
		fatal(c, KGP_E_QUOTA, "too many commits wait for Kafka's answer");
}

static void on_close(struct connection *c, union kgp_body *b)
{
	struct consumer *consumer = c->consumer;
	struct group *g = consumer->group;
	struct partition *p;

	if (!b->close.request || consumer->closing) {
		fatal(c, b->close.request ? KGP_E_OUT_OF_ORDER : KGP_E_FIELD, NULL);
		return;
	}
	consumer->closing = true;
	TAILQ_FOREACH (p, &g->partitions, link)
		partition_forget_consumer(p, consumer->id);
	while (!TAILQ_EMPTY(&consumer->claims))
		claim_end(TAILQ_FIRST(&consumer->claims), "closed");
	if (commit_wait(g, consumer, (uint32_t)b->close.request, true)) {
		fatal(c, KGP_E_QUOTA, "too many commits wait for Kafka's answer");
		return;
	}
	membership_advance(g);
	group_distribute(g);
	daemon_check_drained(g->daemon);
}

static void on_pause(struct connection *c, union kgp_body *b)
{
	struct kgp_pause *m = &b->pause;
	unsigned code = 0;
	struct kgp_number id;
	struct claim *claim;

	while (kgp_next_number(&m->claims, &id)) {
		claim = consumer_find_claim(c->consumer, id.value);
		if (!claim) {
			code = KGP_E_NO_CLAIM;
			continue;
		}
		claim->paused = m->paused;
		if (m->paused)
			claim_unset_runnable(claim);
		else
			claim_set_runnable(claim);
	}
	if (m->request)
		session_reply(c, (uint32_t)m->request, code, NULL, NULL);
}

static void on_done(struct connection *c, union kgp_body *b)
{
	struct claim *claim = consumer_find_claim(c->consumer, b->done.claim);
	struct group *g = c->consumer->group;

	if (!claim || claim->state != CLAIM_RELEASING)
		return; /* it crossed the end of the claim on the wire */
	claim_end(claim, claim->reason);
	membership_advance(g);
	group_distribute(g);
	daemon_check_drained(g->daemon);
}

/* ---- dispatch -------------------------------------------------------------------------------- */

enum needs { NEEDS_NOTHING, NEEDS_NO_CONSUMER, NEEDS_CONSUMER };

static const struct action {
	enum kgp_type type;
	enum needs needs;
	bool pipelined; /* may stand behind an OPEN that turns out to be refused */
	bool cheap;	/* counts by its entries, everything else by the time it takes */
	void (*run)(struct connection *c, union kgp_body *b);
} actions[] = {
	{KGP_T_hello, NEEDS_NOTHING, false, false, on_hello},
	{KGP_T_open, NEEDS_NO_CONSUMER, false, false, open_consumer},
	{KGP_T_resume, NEEDS_CONSUMER, true, false, on_resume},
	{KGP_T_resume_end, NEEDS_CONSUMER, true, false, on_resume_end},
	{KGP_T_close, NEEDS_CONSUMER, false, false, on_close},
	{KGP_T_credit, NEEDS_CONSUMER, true, true, on_credit},
	{KGP_T_mark, NEEDS_CONSUMER, false, true, on_mark},
	{KGP_T_reset, NEEDS_CONSUMER, false, true, on_reset},
	{KGP_T_commit, NEEDS_CONSUMER, false, false, on_commit},
	{KGP_T_pause, NEEDS_CONSUMER, false, true, on_pause},
	{KGP_T_done, NEEDS_CONSUMER, false, false, on_done},
	{KGP_T_seek, NEEDS_CONSUMER, false, false, on_seek},
	{KGP_T_claim_close, NEEDS_CONSUMER, false, false, on_claim_close},
	{KGP_T_query, NEEDS_NOTHING, false, false, query_start},
};

static const struct action *find_action(enum kgp_type type)
{
	size_t i;

	for (i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		if (actions[i].type == type)
			return &actions[i];
	return NULL;
}

static void run(struct connection *c, const struct action *a, union kgp_body *b)
{
	if (!c->hello && a->type != KGP_T_hello)
		fatal(c, KGP_E_OUT_OF_ORDER, "HELLO comes first");
	else if (a->needs == NEEDS_NO_CONSUMER && c->consumer)
		fatal(c, KGP_E_OUT_OF_ORDER,
		      "one OPEN at a time: this connection already is a consumer");
	else if (a->needs == NEEDS_CONSUMER && !c->consumer && a->pipelined && c->refused)
		return;
	else if (a->needs == NEEDS_CONSUMER && !c->consumer)
		fatal(c, KGP_E_OUT_OF_ORDER, "this connection is no consumer: OPEN comes first");
	else
		a->run(c, b);
}

static uint64_t count_entries(enum kgp_type type, const union kgp_body *b)
{
	switch (type) {
	case KGP_T_mark:
		return b->mark.entries.n;
	case KGP_T_reset:
		return b->reset.entries.n;
	case KGP_T_pause:
		return b->pause.claims.n;
	default:
		return 0;
	}
}

/*
 * What a frame counts for, measured: a mark 0.15 us of the loop's time in a row and 1 us alone, an
 * entry of a long one 0.08 us. The rest is as dear as what it meets, so its time is taken.
 */
static void run_and_count(struct connection *c, const struct action *a, union kgp_body *b)
{
	uint64_t n = count_entries(a->type, b), start_us = a->cheap ? 0 : turn_clock_us();

	run(c, a, b);
	if (!a->cheap)
		n = turn_clock_us() - start_us;
	c->asked += n > 1 ? n : 1;
}

void session_on_frame(struct connection *c, const uint8_t *body, size_t size)
{
	const struct kgp_info *info;
	const struct action *a;
	union kgp_body b;
	int r = kgp_decode(body, size, KGP_CLIENT, &info, &b);

	c->asked += size / BYTES_PER_REQUEST;
	if (r == KGP_IGNORE)
		return;
	if (r < 0) {
		fatal(c, (unsigned)-r, NULL);
		return;
	}
	a = find_action(info->type);
	if (c->hello && (!a || !(c->features & 1u << info->feature)))
		fatal(c, KGP_E_UNSUPPORTED, NULL);
	else if (!a)
		fatal(c, KGP_E_OUT_OF_ORDER, "HELLO comes first");
	else if (a->type != KGP_T_query ||
		 !(c->last_words || c->mute)) /* nobody hears the answer */
		run_and_count(c, a, &b);
}
