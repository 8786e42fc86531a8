/* SPDX-License-Identifier: MIT */
/*
 * What the daemon says, frame by frame.
 *
 * Every frame but MESSAGES is decoded and acted upon as soon as it is whole, whatever is still
 * unread before it; of MESSAGES only the head is looked at, and the frame is kept for delivery.c. A
 * handler does all or nothing: one that finds no memory answers KG_ERR_MEMORY and sees the same
 * frame again. What the protocol does not allow ends the consumer: a daemon that is so wrong is not
 * to be trusted with offsets. Called by session.c only.
 */
#include "client-lib/c/src/error.h"
#include "client-lib/c/src/mark.h"
#include "client-lib/c/src/notice.h"
#include "client-lib/c/src/partition.h"
#include "client-lib/c/src/reset.h"
#include "client-lib/c/src/session.h"

#include "proto/frame.h"

#include <errno.h>

#define N_ELEMENTS(a) (sizeof(a) / sizeof(*(a)))

static int no_memory(struct kg_client *k)
{
	return error_set(&k->error, KG_ERR_MEMORY, "no memory for what the daemon says");
}

static int violated(struct kg_client *k, const char *what)
{
	return error_set(&k->error, KG_ERR_PROTOCOL, "the daemon sent %s", what);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* What the library understands. */
static const enum kgp_feature features[] = {KGP_FEATURE_reset, KGP_FEATURE_seek,
					    KGP_FEATURE_partitions, KGP_FEATURE_query,
					    KGP_FEATURE_notify};
enum { N_FEATURES = N_ELEMENTS(features) };

int frames_put_hello(struct kg_client *k)
{
	static const struct kgp_number version = {KGP_VERSION};
	struct kgp_name names[N_FEATURES];
	struct kgp_hello hello = {
		.versions = {.items = &version, .n = 1},
		.features = {.items = names, .n = N_FEATURES},
		.name = kgp_text(options_name(k->options)),
		.language = kgp_text("c/" KG_VERSION),
		.max_frame = k->connection.in.max_body_bytes,
	};
	size_t i;

	for (i = 0; i < N_FEATURES; i++)
		names[i].value = kgp_text(kgp_feature_names[features[i]]);
	return connection_put(&k->connection, KGP_T_hello, &hello);
}

static int put_open(struct kg_consumer *c)
{
	const char *cluster = c->options->text[OPTION_CLUSTER];
	struct kgp_buf settings = {0};
	struct kgp_open open = {
		.request = c->open_request,
		.cluster = kgp_text(cluster ? cluster : ""),
		.group = kgp_text(c->group),
		.id = kgp_bytes(c->id, sizeof(c->id)),
		.topics = {.items = c->topics, .n = c->n_topics},
	};
	int r = -ENOMEM;

	kgp_settings_encode(&c->options->settings, &settings, &open.settings.n);
	open.settings.wire = settings.data;
	open.settings.wire_bytes = settings.len;
	if (!settings.failed)
		r = connection_put(&c->client->connection, KGP_T_open, &open);
	kgp_buf_deinit(&settings);
	return r;
}

static int put_first_credit(struct kg_consumer *c)
{
	struct kgp_credit credit;

	if (c->closing || c->partitions)
		return 0;
	credit_grant(&c->credit);
	credit = (struct kgp_credit){.messages = c->credit.granted_messages,
				     .bytes = c->credit.granted_bytes};
	return connection_put(&c->client->connection, KGP_T_credit, &credit);
}

/* OPEN, what is to be resumed, and the first credit go out together: one round trip. */
int frames_put_open(struct kg_consumer *c)
{
	static const struct kgp_resume_end end;
	struct connection *connection = &c->client->connection;
	size_t unsent = connection_unsent_bytes(connection);

	c->open_request = requests_next_id(&c->requests);
	if (put_open(c) || marks_put_resume(c) ||
	    connection_put(connection, KGP_T_resume_end, &end) || put_first_credit(c)) {
		connection->out.len = connection->sent_bytes + unsent;
		return -ENOMEM;
	}
	marks_resumed(c);
	c->client->session = SESSION_OPENING;
	return 0;
}

static void read_features(struct kg_client *k, struct kgp_list names)
{
	struct kgp_name name;
	size_t i;

	k->features = 0;
	while (kgp_next_name(&names, &name))
		for (i = 0; i < N_FEATURES; i++)
			if (kgp_bytes_equal(name.value, kgp_text(kgp_feature_names[features[i]])))
				k->features |= 1u << features[i];
}

static int on_welcome(struct kg_client *k, const struct kgp_welcome *m)
{
	if (m->version != KGP_VERSION)
		return violated(k, "a protocol version that was not offered");
	k->session = SESSION_READY;
	if (k->consumer && frames_put_open(k->consumer)) {
		k->session = SESSION_GREETING;
		return no_memory(k);
	}
	k->welcomed = true;
	read_features(k, m->features);
	if (!k->consumer)
		k->connection.n_failures = 0;
	return 0;
}

/* Refusals that another try would only repeat. */
static bool is_final(uint64_t code)
{
	switch (code) {
	case KGP_E_MALFORMED:
	case KGP_E_TOO_LARGE:
	case KGP_E_FIELD:
	case KGP_E_UNKNOWN_MESSAGE:
	case KGP_E_OUT_OF_ORDER:
	case KGP_E_VERSION:
	case KGP_E_UNSUPPORTED:
	case KGP_E_DENIED:
	case KGP_E_REPLACED:
	case KGP_E_CREDIT:
	case KGP_E_CONFLICT:
	case KGP_E_NO_CLUSTER:
	case KGP_E_NO_GROUP:
	case KGP_E_SETTING:
	case KGP_E_BAD_TOPIC:
	case KGP_E_NO_TOPICS:
		return true;
	default:
		return false;
	}
}

/* At the first open the caller waits for a verdict, so only what passes by itself is tried again.
 */
static bool is_passing(uint64_t code)
{
	return code == KGP_E_STOPPING || code == KGP_E_HANDSHAKE || code == KGP_E_SLOW_READER;
}

static bool is_accepted(const struct kg_client *k)
{
	return k->consumer ? k->consumer->accepted : k->welcomed;
}

/* The daemon closes the connection with these words. */
static int refused(struct kg_client *k, uint64_t code, struct kgp_bytes text)
{
	int r = error_of_daemon(&k->error, code, text);
	struct kg_error why = k->error;

	if (is_final(code) || (!is_accepted(k) && !is_passing(code)))
		return r;
	session_lose(k, why.text);
	return SESSION_LOST;
}

/* ---- answers --------------------------------------------------------------------------------- */

/* A refused consumer leaves a connection that is as good as before. */
static int on_refused_open(struct kg_consumer *c, uint64_t code, struct kgp_bytes text)
{
	if (!is_final(code) && (c->accepted || is_passing(code)))
		return refused(c->client, code, text);
	error_of_daemon(&c->error, code, text);
	consumer_detach(c);
	consumer_end(c, c->error.code);
	return 0;
}

static int on_open_reply(struct kg_consumer *c, const struct kgp_reply *m)
{
	if (m->code)
		return on_refused_open(c, m->code, m->text);
	c->client->session = SESSION_OPEN;
	c->accepted = true;
	c->client->connection.n_failures = 0;
	if (c->state == KG_STATE_CONNECTING)
		consumer_set_state(c, KG_STATE_JOINING, kgp_text("the group is being joined"));
	return 0;
}

/* false: there is no memory to keep the result. */
static bool keep_result(struct request *q, const struct kgp_reply *m)
{
	if (!q->result || !m->result.wire)
		return true;
	kgp_buf_reset(q->result);
	kgp_put_raw(q->result, m->result.wire, m->result.wire_bytes);
	return !q->result->failed;
}

static void answer(struct requests *rs, struct events *es, struct request *q,
		   const struct kgp_reply *m)
{
	if (m->code && q->error)
		error_of_daemon(q->error, m->code, m->text);
	requests_answer(rs, es, q, error_code_of_daemon(m->code), m->text);
}

/* What was marked and reset is committed, or it is not known of a reset. */
static void on_committed(struct kg_consumer *c, struct request *q, const struct kgp_reply *m)
{
	static const char lost[] = "what is marked is committed, but a reset may have been lost "
				   "with the connection";

	if (m->code || !resets_settle(c, q->n_resets)) {
		answer(&c->requests, &c->events, q, m);
		return;
	}
	error_set(q->error, KG_ERR_DISCONNECTED, "%s", lost);
	requests_answer(&c->requests, &c->events, q, KG_ERR_DISCONNECTED, kgp_text(lost));
}

static int on_answer(struct kg_consumer *c, struct request *q, const struct kgp_reply *m)
{
	bool closed = q->kind == REQUEST_CLOSE;

	if (!keep_result(q, m))
		return no_memory(c->client);
	if (closed || q->kind == REQUEST_COMMIT)
		on_committed(c, q, m);
	else
		answer(&c->requests, &c->events, q, m);
	if (closed)
		consumer_detach(c);
	return 0;
}

/* An answer that nobody waits for any more came too late and is dropped. */
static int on_reply(struct kg_client *k, const struct kgp_reply *m)
{
	struct kg_consumer *c = k->consumer;
	struct request *q;

	if (k->session == SESSION_OPENING && m->request == c->open_request)
		return on_open_reply(c, m);
	q = c ? requests_find(&c->requests, m->request) : NULL;
	if (q)
		return on_answer(c, q, m);
	q = requests_find(&k->requests, m->request);
	if (q && !keep_result(q, m))
		return no_memory(k);
	if (q)
		answer(&k->requests, NULL, q, m);
	else if (c && c->partitions)
		partitions_answer(c, m);
	return 0;
}

static int on_marked(struct kg_consumer *c, const struct kgp_marked *m)
{
	struct request *q = requests_find(&c->requests, m->request);
	struct kgp_list verdicts = m->verdicts;
	struct kgp_number verdict;

	if (!q)
		return 0;
	if (q->kind != REQUEST_MARK || !kgp_next_number(&verdicts, &verdict))
		return violated(c->client, "MARKED that does not fit its MARK");
	q->verdict = verdict.value;
	requests_answer(&c->requests, &c->events, q, KG_OK, kgp_bytes(NULL, 0));
	return 0;
}

/* ---- claims ---------------------------------------------------------------------------------- */

static void tell(struct kg_consumer *c, enum kg_event_type type, const struct claim *claim,
		 uint64_t dwell_ms)
{
	struct event e = {
		.type = type,
		.topic = claim->public.topic,
		.partition = claim->public.partition,
		.dwell_ms = (uint32_t)dwell_ms,
	};

	events_push(&c->events, &e, kgp_bytes(NULL, 0));
}

static int add_claim(struct kg_consumer *c, const struct kgp_assign *m, struct claim **claim)
{
	struct kg_partition *p = c->partitions ? partition_new(c, m) : NULL;
	int r;

	if (c->partitions && !p)
		return -ENOMEM;
	r = claims_add(&c->claims, m, claim);
	if (p && r)
		partition_free(p);
	else if (p)
		partition_begin(p, *claim);
	return r;
}

static int on_assign(struct kg_consumer *c, const struct kgp_assign *m)
{
	struct claim *claim;
	int r;

	if (!m->claim || memchr(m->topic.data, 0, m->topic.size))
		return violated(c->client, "ASSIGN with a number or topic that cannot be");
	r = add_claim(c, m, &claim);
	if (r == -ENOMEM)
		return no_memory(c->client);
	if (r)
		return violated(c->client, "ASSIGN of what is assigned already");
	events_expect_claims(&c->events, c->claims.n);
	tell(c, KG_EVENT_ASSIGNED, claim, 0);
	return 0;
}

static int on_epoch(struct kg_consumer *c, struct claim *claim, const struct kgp_epoch *m)
{
	int r = delivery_void(c, claim);

	if (r)
		return r;
	if (claim->sure.dirty || claim->far.dirty)
		c->n_stale++;
	claim->epoch = m->epoch;
	marks_restart(claim);
	return 0;
}

/* What is unread is dropped; DONE follows at once if nothing is left to be marked. */
static int on_release(struct kg_consumer *c, struct claim *claim, const struct kgp_release *m)
{
	int r = delivery_void(c, claim);

	if (r)
		return r;
	claim->state = CLAIM_RELEASING;
	claims_touch(&c->claims, claim);
	if (claim->partition)
		partition_complete(claim->partition, KG_ERR_RELEASED);
	tell(c, KG_EVENT_RELEASING, claim, m->dwell_ms);
	return 0;
}

static int on_released(struct kg_consumer *c, struct claim *claim)
{
	int r = delivery_void(c, claim);

	if (r)
		return r;
	if (claim->sure.dirty || claim->far.dirty)
		c->n_stale++;
	tell(c, KG_EVENT_RELEASED, claim, 0);
	partition_detach(claim);
	claims_remove(&c->claims, claim);
	return 0;
}

/* Each claim has its own in partitions mode; what comes for a freed handle is not counted. */
static bool has_credit(struct kg_consumer *c, const struct claim *claim, uint64_t n_messages)
{
	if (!c->partitions)
		return credit_receive(&c->credit, n_messages);
	return !claim->partition || partition_receive_credit(claim->partition, n_messages);
}

/* Only the head: each message is looked at when it is handed out. */
static int on_messages(struct kg_consumer *c, const struct frame *f, bool *keep)
{
	struct kgp_batch_reader reader;
	struct kgp_messages head;
	struct kgp_record none;
	struct claim *claim;

	if (kgp_batch_open(&reader, f->body, f->body_bytes, &head))
		return violated(c->client, "a malformed MESSAGES frame");
	claim = index_find(&c->claims.by_id, (uint32_t)head.claim);
	if (!claim)
		return violated(c->client, "messages of a claim that it did not assign");
	if (!has_credit(c, claim, reader.left))
		return violated(c->client, "more messages than there was credit for");
	*keep = reader.left > 0;
	return *keep || !kgp_batch_next(&reader, &none)
		       ? 0
		       : violated(c->client, "a malformed MESSAGES frame");
}

/* ---- state and errors ------------------------------------------------------------------------ */

static int on_state(struct kg_consumer *c, const struct kgp_state *m)
{
	static const struct {
		const char *name;
		enum kg_state state;
	} states[] = {
		{"connecting", KG_STATE_CONNECTING}, {"joining", KG_STATE_JOINING},
		{"joined", KG_STATE_JOINED},	     {"leaving", KG_STATE_LEAVING},
		{"failed", KG_STATE_FAILED},
	};
	size_t i;

	for (i = 0; i < N_ELEMENTS(states); i++)
		if (kgp_bytes_equal(kgp_text(states[i].name), m->state))
			consumer_set_state(c, states[i].state, m->text);
	return 0;
}

static const char *context_of(struct kgp_bytes name)
{
	static const char *const names[] = {"protocol", "group",     "heartbeat", "topics",
					    "commit",	"rebalance", "partition"};
	size_t i;

	for (i = 0; i < N_ELEMENTS(names); i++)
		if (kgp_bytes_equal(kgp_text(names[i]), name))
			return names[i];
	return "other";
}

/* Where the application looks for it: at its partition, if that is there. */
static void push_error(struct kg_consumer *c, const struct event *e, struct kgp_bytes text)
{
	struct claim *claim =
		c->partitions && e->topic ? claims_find(&c->claims, e->topic, e->partition) : NULL;

	if (claim && claim->partition)
		partition_push_error(claim->partition, e, text);
	else
		events_push(&c->events, e, text);
}

static int on_event(struct kg_consumer *c, const struct kgp_error *m)
{
	struct event e = {.type = KG_EVENT_ERROR, .partition = (int32_t)m->partition};

	if (m->topic.data && !(e.topic = claims_topic(&c->claims, m->topic)))
		return no_memory(c->client);
	e.context = context_of(m->context);
	e.code = error_code_of_daemon(m->code);
	push_error(c, &e, m->text);
	return 0;
}

static int on_notify(struct kg_consumer *c, const struct kgp_notify *m)
{
	struct event e = {.type = KG_EVENT_NOTIFICATION, .partition = -1};
	int r;

	if (!c->options->settings.value[KGP_SETTING_NOTIFICATIONS])
		return violated(c->client, "NOTIFY that was not asked for");
	r = notice_new(&e.notice, &c->claims, m);
	if (r == -ENOMEM)
		return no_memory(c->client);
	if (r)
		return violated(c->client, "NOTIFY of a partition that cannot be");
	events_push(&c->events, &e, kgp_bytes(NULL, 0));
	return 0;
}

static int on_error(struct kg_client *k, const struct kgp_error *m)
{
	if (m->fatal)
		return refused(k, m->code, m->text);
	return k->consumer ? on_event(k->consumer, m) : 0;
}

static int on_goaway(struct kg_client *k, const struct kgp_goaway *m)
{
	k->back_ms = (uint32_t)m->back_ms;
	if (k->consumer)
		consumer_set_state(k->consumer, KG_STATE_LEAVING, m->reason);
	return 0;
}

/* ---- which it is ----------------------------------------------------------------------------- */

static bool is_messages(const struct frame *f)
{
	struct kgp_cursor at = {f->body, f->body + f->body_bytes};
	struct kgp_token shape, type;

	return !kgp_read(&at, &shape) && shape.kind == KGP_KIND_ARRAY && shape.number &&
	       !kgp_read(&at, &type) && type.kind == KGP_KIND_UINT && type.number == KGP_T_messages;
}

static int on_claim_frame(struct kg_consumer *c, enum kgp_type type, const union kgp_body *b)
{
	uint64_t id = type == KGP_T_epoch     ? b->epoch.claim
		      : type == KGP_T_release ? b->release.claim
					      : b->released.claim;
	struct claim *claim = index_find(&c->claims.by_id, (uint32_t)id);

	if (!claim)
		return violated(c->client, "a claim's number that it did not assign");
	if (type == KGP_T_epoch)
		return on_epoch(c, claim, &b->epoch);
	return type == KGP_T_release ? on_release(c, claim, &b->release) : on_released(c, claim);
}

static int on_message_for(struct kg_consumer *c, enum kgp_type type, const union kgp_body *b)
{
	switch (type) {
	case KGP_T_marked:
		return on_marked(c, &b->marked);
	case KGP_T_state:
		return on_state(c, &b->state);
	case KGP_T_assign:
		return on_assign(c, &b->assign);
	case KGP_T_epoch:
	case KGP_T_release:
	case KGP_T_released:
		return on_claim_frame(c, type, b);
	case KGP_T_notify:
		return on_notify(c, &b->notify);
	default:
		return violated(c->client, "a message of a feature that was not asked for");
	}
}

static int on_message(struct kg_client *k, enum kgp_type type, const union kgp_body *b)
{
	switch (type) {
	case KGP_T_reply:
		return on_reply(k, &b->reply);
	case KGP_T_error:
		return on_error(k, &b->error);
	case KGP_T_goaway:
		return on_goaway(k, &b->goaway);
	default:
		if (k->session >= SESSION_OPENING)
			return on_message_for(k->consumer, type, b);
		return violated(k, "a message for a consumer, and there is none");
	}
}

int frames_on_frame(struct kg_client *k, const struct frame *f, bool *keep)
{
	bool greeting = k->session == SESSION_GREETING;
	const struct kgp_info *info;
	union kgp_body body;
	int r;

	if (is_messages(f) && k->session >= SESSION_OPENING)
		return on_messages(k->consumer, f, keep);
	if (k->sharing)
		sharing_wake(k, NULL); /* who waits for an answer looks whether it is this */
	r = kgp_decode(f->body, f->body_bytes, KGP_DAEMON, &info, &body);
	if (r == KGP_IGNORE)
		return 0;
	if (r < 0)
		return error_set(&k->error, KG_ERR_PROTOCOL,
				 "the daemon sent a frame that is refused: %s",
				 kgp_error_text((unsigned)-r));
	if (info->type == KGP_T_welcome && greeting)
		return on_welcome(k, &body.welcome);
	if (info->type == KGP_T_welcome ||
	    (greeting && info->type != KGP_T_error && info->type != KGP_T_goaway))
		return violated(k, "a message that is out of order");
	return on_message(k, info->type, &body);
}
