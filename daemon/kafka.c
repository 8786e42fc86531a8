/* SPDX-License-Identifier: MIT */
/*
 * One consumer handle of librdkafka: the only place, besides kafka_query.c, that knows its types.
 *
 * Owns the rd_kafka_t, its consumer queue, an eventfd that both kinds of queues write, and the list
 * of partition queues that became non-empty. librdkafka's threads touch only that list and the
 * eventfd; all else runs on the loop's thread. Events only: no callback of librdkafka ever runs our
 * code, except the one that pushes a queue on the list. Only rd_kafka_queue_poll() touches the
 * consumer queue, because any other call would answer a rebalance by itself. Commits are explicit
 * lists, offsets are absolute, the offset store is unused. Versions with defects that cannot be
 * worked around are refused. A handle of no group is a light one, for the questions of
 * kafka_query.c only. Called by group.c and its parts, by partition.c and by query.c.
 */
#include "daemon/kafka.h"

#include <librdkafka/rdkafka.h>

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct kafka_queue {
	struct kafka *k;
	rd_kafka_queue_t *rkqu;
	void *owner;
	char *topic;
	int32_t partition;
	atomic_bool listed;	  /* on k->ready */
	struct kafka_queue *next; /* of k->ready */
};

struct kafka {
	rd_kafka_t *rk;
	rd_kafka_queue_t *consumer_queue;
	const struct kafka_handler *handler;
	void *owner;
	int event_fd;
	bool light; /* of no group: its queue is the handle's main one */
	bool closing, closed;
	uint64_t full_messages, full_bytes; /* a queue with so much is not filled any further */
	_Atomic(struct kafka_queue *)
		ready; /* pushed by librdkafka's threads, taken whole by ours */
};

enum { UNRELEASED_INSTANCE_ID = 111 }; /* of KIP-848: no name before librdkafka 2.4 */

enum {
	VERSION_BACKOFF = 0x02020000,  /* has fetch.queue.backoff.ms */
	VERSION_PROTOCOL = 0x020c0000, /* has group.protocol = consumer (KIP-848) for production */
	VERSION_COOPERATIVE = 0x020a0100, /* a commit in a cooperative rebalance loses nothing */
};

/* ---- versions and settings ------------------------------------------------------------------- */

static uint32_t version(void)
{
	return (uint32_t)rd_kafka_version() & 0xffffff00u;
}

const char *kafka_library_version(void)
{
	return rd_kafka_version_str();
}

int kafka_library_check(char *why, size_t size)
{
	static const struct {
		uint32_t version;
		const char *why;
	} refused[] = {
		{0x02010000, "it evicts members that poll their queues (fixed in 2.1.1)"},
		{0x02050000, "it asserts in its telemetry (fixed in 2.5.3)"},
		{0x020a0000, "it corrupts memory in metadata updates (fixed in 2.10.1)"},
	};
	size_t i;

	if (version() < 0x02000200) {
		snprintf(why, size, "librdkafka %s is too old, 2.0.2 is the least",
			 rd_kafka_version_str());
		return -ENOTSUP;
	}
	for (i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		if (version() == refused[i].version) {
			snprintf(why, size, "librdkafka %s cannot be used: %s",
				 rd_kafka_version_str(), refused[i].why);
			return -ENOTSUP;
		}
	return 0;
}

int kafka_strategy_check(enum kgp_strategy strategy, char *why, size_t size)
{
	if (strategy != KGP_COOPERATIVE_STICKY || version() >= VERSION_COOPERATIVE)
		return 0;
	snprintf(why, size,
		 "strategy = cooperative-sticky needs librdkafka 2.10.1, this is %s: before, a "
		 "commit during a rebalance "
		 "loses the assignment",
		 rd_kafka_version_str());
	return -ENOTSUP;
}

bool kafka_needs_kick(const struct kafka *k, uint64_t n_messages, uint64_t n_bytes)
{
	return version() < VERSION_BACKOFF &&
	       (n_messages >= k->full_messages || n_bytes >= k->full_bytes);
}

int kafka_setting_check(const char *key, const char *value, char *why, size_t size)
{
	rd_kafka_conf_t *conf;
	rd_kafka_conf_res_t r;

	if (!strcmp(key, "group.protocol") && version() < VERSION_PROTOCOL) {
		snprintf(why, size,
			 "needs librdkafka 2.12.0, this is %s: before, KIP-848 is not there or "
			 "not for production",
			 rd_kafka_version_str());
		return -EINVAL;
	}
	conf = rd_kafka_conf_new();
	r = rd_kafka_conf_set(conf, key, value, why, size);
	rd_kafka_conf_destroy(conf);
	return r == RD_KAFKA_CONF_OK ? 0 : r == RD_KAFKA_CONF_UNKNOWN ? -ENOENT : -EINVAL;
}

const char *const *kafka_setting_names(void)
{
	static const char **names;
	rd_kafka_conf_t *conf;
	const char **dump;
	size_t n, i;

	if (names)
		return names;
	conf = rd_kafka_conf_new();
	dump = rd_kafka_conf_dump(conf, &n);
	names = calloc(n / 2 + 1, sizeof(*names));
	for (i = 0; names && i < n / 2; i++)
		names[i] = strdup(dump[2 * i]);
	rd_kafka_conf_dump_free(dump, n);
	rd_kafka_conf_destroy(conf);
	return names;
}

/* Not KIP-848, whose brokers decide what the classic protocol leaves to members. */
static bool is_classic(const rd_kafka_conf_t *conf)
{
	char protocol[32] = "";
	size_t n = sizeof(protocol);

	return rd_kafka_conf_get(conf, "group.protocol", protocol, &n) != RD_KAFKA_CONF_OK ||
	       strcmp(protocol, "consumer") != 0;
}

/* What the daemon needs whatever the file says; the file may not name these. */
static int set_fixed(rd_kafka_conf_t *conf, const struct kafka_options *o, char *why, size_t size)
{
	static const char *const strategies[] = {"range", "roundrobin", "cooperative-sticky"};
	static const char *const assignors[] = {"range", "uniform", "uniform"}; /* of brokers */
	char session[32], heartbeat[32];
	bool classic = is_classic(conf);
	const struct {
		const char *key, *value;
		bool wanted;
	} pairs[] = {
		{"group.id", o->group_id, o->group_id != NULL},
		{"enable.auto.commit", "false", true},
		{"enable.auto.offset.store", "false", true},
		{"auto.offset.reset", "error", true},
		{"enable.partition.eof", "false", true},
		{"log.queue", "true", o->group_id != NULL},
		{"group.instance.id", o->instance_id, o->instance_id && *o->instance_id},
		{"partition.assignment.strategy", strategies[o->strategy], classic},
		{"group.remote.assignor", assignors[o->strategy], !classic},
		{"session.timeout.ms", session, classic},
		{"heartbeat.interval.ms", heartbeat, classic},
	};
	size_t i;

	snprintf(session, sizeof(session), "%lld", (long long)o->session_timeout_ms);
	snprintf(heartbeat, sizeof(heartbeat), "%lld", (long long)o->heartbeat_interval_ms);
	for (i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		if (pairs[i].wanted && rd_kafka_conf_set(conf, pairs[i].key, pairs[i].value, why,
							 size) != RD_KAFKA_CONF_OK)
			return -EINVAL;
	return 0;
}

/*
 * Our defaults, under what the file says. fetch.wait.max.ms bounds the time to the first message
 * after a seek; the queue and fetch sizes bound what a partition that nobody reads may hold.
 */
static void set_defaults(rd_kafka_conf_t *conf, const struct kafka_options *o)
{
	static const char *const pairs[][2] = {
		{"fetch.wait.max.ms", "50"},
		{"queued.min.messages", "2000"},
		{"queued.max.messages.kbytes", "8192"},
		{"fetch.max.bytes", "4194304"},
		{"max.partition.fetch.bytes", "262144"},
		{"topic.metadata.refresh.interval.ms", "30000"},
		{"socket.keepalive.enable", "true"},
		{"fetch.queue.backoff.ms", "10"}, /* from 2.2.0, unknown before */
		{"enable.metrics.push", "false"}, /* from 2.5.0 */
	};
	char text[32], ignored[256];
	int64_t max_poll = o->session_timeout_ms > 60000 ? o->session_timeout_ms : 60000;
	size_t i;

	for (i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		rd_kafka_conf_set(conf, pairs[i][0], pairs[i][1], ignored, sizeof(ignored));
	snprintf(text, sizeof(text), "%lld", (long long)max_poll);
	rd_kafka_conf_set(conf, "max.poll.interval.ms", text, ignored, sizeof(ignored));
	rd_kafka_conf_set(conf, "client.id", o->client_id, ignored, sizeof(ignored));
}

/* A light handle is served by its questions only: its log would wait for ever. */
static void set_events(rd_kafka_conf_t *conf, bool light)
{
	rd_kafka_conf_set_events(conf, light ? RD_KAFKA_EVENT_ERROR
					     : RD_KAFKA_EVENT_REBALANCE |
						       RD_KAFKA_EVENT_OFFSET_COMMIT |
						       RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
	if (light)
		rd_kafka_conf_set_log_cb(conf, NULL);
}

static rd_kafka_conf_t *make_conf(const struct kafka_options *o, char *why, size_t size)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	size_t i;

	set_defaults(conf, o);
	for (i = 0; i < o->n_settings; i++)
		if (rd_kafka_conf_set(conf, o->settings[i]->key, o->settings[i]->value, why,
				      size) != RD_KAFKA_CONF_OK)
			goto fail;
	if (set_fixed(conf, o, why, size))
		goto fail;
	set_events(conf, !o->group_id);
	return conf;
fail:
	rd_kafka_conf_destroy(conf);
	return NULL;
}

/* ---- the handle ------------------------------------------------------------------------------ */

static uint64_t read_setting(const struct kafka *k, const char *name)
{
	char value[32] = "";
	size_t size = sizeof(value);

	if (rd_kafka_conf_get(rd_kafka_conf(k->rk), name, value, &size) != RD_KAFKA_CONF_OK)
		abort(); /* every version has it, and as a number */
	return strtoull(value, NULL, 10);
}

int kafka_open(const struct kafka_options *options, const struct kafka_handler *handler,
	       void *owner, struct kafka **out, char *why, size_t size)
{
	static const uint64_t one = 1;
	rd_kafka_conf_t *conf = make_conf(options, why, size);
	struct kafka *k;

	if (!conf)
		return -EINVAL;
	k = calloc(1, sizeof(*k));
	if (!k)
		goto fail;
	*k = (struct kafka){.handler = handler, .owner = owner, .light = !options->group_id};
	k->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (k->event_fd < 0)
		goto fail;
	k->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, size);
	if (!k->rk)
		goto fail;
	*out = k;
	k->full_messages = read_setting(k, "queued.min.messages");
	k->full_bytes = read_setting(k, "queued.max.messages.kbytes") * 1024;
	if (k->light) {
		k->consumer_queue = rd_kafka_queue_get_main(k->rk);
		return 0;
	}
	rd_kafka_set_log_queue(k->rk, NULL);
	rd_kafka_poll_set_consumer(k->rk);
	k->consumer_queue = rd_kafka_queue_get_consumer(k->rk);
	rd_kafka_queue_io_event_enable(k->consumer_queue, k->event_fd, &one, sizeof(one));
	return 0;
fail:
	rd_kafka_conf_destroy(conf);
	if (k && k->event_fd >= 0)
		close(k->event_fd);
	free(k);
	return -EINVAL;
}

void kafka_free_blocking(struct kafka *k, bool closed)
{
	assert(!atomic_load(&k->ready));
	rd_kafka_queue_destroy(k->consumer_queue);
	if (closed)
		rd_kafka_destroy(k->rk);
	else
		rd_kafka_destroy_flags(k->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	close(k->event_fd);
	free(k);
}

struct rd_kafka_s *kafka_get_handle(const struct kafka *k)
{
	return k->rk;
}

struct rd_kafka_queue_s *kafka_get_light_queue(const struct kafka *k)
{
	return k->light ? k->consumer_queue : NULL;
}

int kafka_get_fd(const struct kafka *k)
{
	return k->event_fd;
}

bool kafka_is_cooperative(const struct kafka *k)
{
	const char *protocol = rd_kafka_rebalance_protocol(k->rk);

	return protocol && !strcmp(protocol, "COOPERATIVE");
}

/* ---- lists ----------------------------------------------------------------------------------- */

static rd_kafka_topic_partition_list_t *to_list(const struct kafka_tp *tp, size_t n)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
	rd_kafka_topic_partition_t *p;
	size_t i;

	for (i = 0; i < n; i++) {
		p = rd_kafka_topic_partition_list_add(list, tp[i].topic, tp[i].partition);
		p->offset = tp[i].offset;
		if (!tp[i].metadata.data)
			continue;
		p->metadata = strndup(tp[i].metadata.data, tp[i].metadata.size);
		p->metadata_size = p->metadata ? strlen(p->metadata) : 0;
	}
	return list;
}

/* Points into the list. NULL: empty, or no memory (*n tells). */
static struct kafka_tp *from_list(const rd_kafka_topic_partition_list_t *list, size_t *n)
{
	struct kafka_tp *tp;
	int i;

	*n = list ? (size_t)list->cnt : 0;
	tp = *n ? calloc(*n, sizeof(*tp)) : NULL;
	for (i = 0; tp && i < list->cnt; i++) {
		const rd_kafka_topic_partition_t *p = &list->elems[i];

		tp[i] = (struct kafka_tp){
			.topic = p->topic,
			.partition = p->partition,
			.offset = p->offset,
			.error = p->err ? rd_kafka_err2name(p->err) : NULL,
		};
	}
	return tp;
}

/* ---- errors ---------------------------------------------------------------------------------- */

enum kafka_error_class kafka_classify(int err)
{
	switch (err) {
	case RD_KAFKA_RESP_ERR__TRANSPORT:
	case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
	case RD_KAFKA_RESP_ERR__RESOLVE:
	case RD_KAFKA_RESP_ERR__TIMED_OUT:
	case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
		return KAFKA_ERROR_BROKER;
	case RD_KAFKA_RESP_ERR__AUTHENTICATION:
	case RD_KAFKA_RESP_ERR__SSL:
	case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		return KAFKA_ERROR_AUTH;
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		return KAFKA_ERROR_TOPIC;
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_INVALID_GROUP_ID:
	case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
	case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
	case RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED:
		return KAFKA_ERROR_GROUP;
	case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
	case UNRELEASED_INSTANCE_ID:
		return KAFKA_ERROR_FENCED;
	case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
		return KAFKA_ERROR_REBALANCE;
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
	case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
		return KAFKA_ERROR_RANGE;
	default:
		return KAFKA_ERROR_OTHER;
	}
}

/* The topic of a subscription error stands in its text only. NULL: it is of none. */
static const char *find_topic(const char *text, char topic[KGP_MAX_TOPIC + 1])
{
	return sscanf(text, "Subscribed topic not available: %249[^:]:", topic) == 1 ? topic : NULL;
}

static void on_error_event(struct kafka *k, rd_kafka_event_t *ev)
{
	char topic[KGP_MAX_TOPIC + 1];
	rd_kafka_resp_err_t err = rd_kafka_event_error(ev);
	enum kafka_error_class class = kafka_classify(err);
	char text[512];

	snprintf(text, sizeof(text), "%s", rd_kafka_event_error_string(ev));
	if (rd_kafka_event_error_is_fatal(ev)) {
		err = rd_kafka_fatal_error(k->rk, text, sizeof(text));
		class = kafka_classify(err) == KAFKA_ERROR_FENCED ? KAFKA_ERROR_FENCED
								  : KAFKA_ERROR_FATAL;
	}
	k->handler->on_error(k->owner, class, rd_kafka_err2name(err), find_topic(text, topic),
			     text);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void on_rebalance_event(struct kafka *k, rd_kafka_event_t *ev)
{
	struct kafka_tp *tp;
	size_t n;

	tp = from_list(rd_kafka_event_topic_partition_list(ev), &n);
	if (n && !tp)
		abort(); /* no memory: an event that is answered in part wedges the group, the
			    supervisor restarts us */
	if (rd_kafka_event_error(ev) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
		k->handler->on_assign(k->owner, tp, n);
	else
		k->handler->on_revoke(k->owner, tp, n, rd_kafka_assignment_lost(k->rk));
	free(tp);
}

static void on_commit_event(struct kafka *k, rd_kafka_event_t *ev)
{
	const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(ev);
	rd_kafka_resp_err_t err = rd_kafka_event_error(ev);
	struct kafka_tp *tp;
	size_t n;
	int i;

	for (i = 0; list && !err && i < list->cnt; i++)
		err = list->elems[i].err;
	if (err == RD_KAFKA_RESP_ERR__NO_OFFSET)
		err = RD_KAFKA_RESP_ERR_NO_ERROR;
	tp = from_list(list, &n);
	if (n && !tp) { /* no memory: how it went is not known, which costs a commit */
		err = RD_KAFKA_RESP_ERR__FAIL;
		n = 0;
	}
	k->handler->on_commit(k->owner, err ? rd_kafka_err2name(err) : NULL, kafka_classify(err),
			      tp, n, (uint64_t)(uintptr_t)rd_kafka_event_opaque(ev));
	free(tp);
}

static void on_log_event(struct kafka *k, rd_kafka_event_t *ev)
{
	const char *facility, *text;
	int level;

	if (!rd_kafka_event_log(ev, &facility, &text, &level))
		k->handler->on_log(k->owner, level, facility, text);
}

static void on_event(struct kafka *k, rd_kafka_event_t *ev)
{
	switch (rd_kafka_event_type(ev)) {
	case RD_KAFKA_EVENT_REBALANCE:
		on_rebalance_event(k, ev);
		break;
	case RD_KAFKA_EVENT_OFFSET_COMMIT:
		on_commit_event(k, ev);
		break;
	case RD_KAFKA_EVENT_ERROR:
		on_error_event(k, ev);
		break;
	case RD_KAFKA_EVENT_LOG:
		on_log_event(k, ev);
		break;
	default: /* a message here would be one that leaked past its queue: it is fetched again
		    after a seek */
		break;
	}
	rd_kafka_event_destroy(ev);
}

/* Runs in librdkafka's threads, under the queue's lock. */
static void on_not_empty(rd_kafka_t *rk, void *opaque)
{
	static const uint64_t one = 1;
	struct kafka_queue *q = opaque, *head;
	ssize_t ignored;

	if (atomic_exchange(&q->listed, true))
		return;
	head = atomic_load(&q->k->ready);
	do
		q->next = head;
	while (!atomic_compare_exchange_weak(&q->k->ready, &head, q));
	if (!head) {
		ignored = write(q->k->event_fd, &one, sizeof(one));
		(void)ignored;
	}
}

static void take_ready(struct kafka *k)
{
	struct kafka_queue *q = atomic_exchange(&k->ready, NULL), *next;

	for (; q; q = next) {
		next = q->next;
		atomic_store(&q->listed,
			     false); /* before the queue is looked at, so that nothing is missed */
		k->handler->on_ready(k->owner, q->owner);
	}
}

void kafka_dispatch(struct kafka *k)
{
	rd_kafka_event_t *ev;
	uint64_t count;
	ssize_t ignored;

	ignored = read(k->event_fd, &count, sizeof(count));
	(void)ignored;
	take_ready(k);
	while ((ev = rd_kafka_queue_poll(k->consumer_queue, 0)))
		on_event(k, ev);
	if (k->closing && !k->closed && rd_kafka_consumer_closed(k->rk)) {
		k->closed = true;
		k->handler->on_closed(k->owner);
	}
}

/* ---- requests -------------------------------------------------------------------------------- */

static int report(struct kafka *k, const char *what, rd_kafka_resp_err_t err)
{
	if (!err)
		return 0;
	k->handler->on_error(k->owner, kafka_classify(err), rd_kafka_err2name(err), NULL, what);
	return -EIO;
}

static int report_error(struct kafka *k, const char *what, rd_kafka_error_t *error)
{
	int r = report(k, what, error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR);

	if (error)
		rd_kafka_error_destroy(error);
	return r;
}

int kafka_subscribe(struct kafka *k, const char *const *topics, size_t n)
{
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_resp_err_t err;
	size_t i;

	if (!n)
		return report(k, "unsubscribe", rd_kafka_unsubscribe(k->rk));
	list = rd_kafka_topic_partition_list_new((int)n);
	for (i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(list, topics[i], RD_KAFKA_PARTITION_UA);
	err = rd_kafka_subscribe(k->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	return report(k, "subscribe", err);
}

int kafka_assign(struct kafka *k, const struct kafka_tp *tp, size_t n, bool incremental)
{
	rd_kafka_topic_partition_list_t *list = to_list(tp, n);
	int r;

	if (incremental)
		r = report_error(k, "incremental assign", rd_kafka_incremental_assign(k->rk, list));
	else
		r = report(k, "assign", rd_kafka_assign(k->rk, list));
	rd_kafka_topic_partition_list_destroy(list);
	return r;
}

int kafka_unassign(struct kafka *k, const struct kafka_tp *tp, size_t n, bool incremental)
{
	rd_kafka_topic_partition_list_t *list;
	int r;

	if (!incremental)
		return report(k, "unassign", rd_kafka_assign(k->rk, NULL));
	list = to_list(tp, n);
	r = report_error(k, "incremental unassign", rd_kafka_incremental_unassign(k->rk, list));
	rd_kafka_topic_partition_list_destroy(list);
	return r;
}

int kafka_commit(struct kafka *k, const struct kafka_tp *tp, size_t n, uint64_t number)
{
	rd_kafka_topic_partition_list_t *list = to_list(tp, n);
	rd_kafka_resp_err_t err = rd_kafka_commit_queue(k->rk, list, k->consumer_queue, NULL,
							(void *)(uintptr_t)number);

	rd_kafka_topic_partition_list_destroy(list);
	return report(k, "commit", err);
}

int kafka_pause(struct kafka *k, const char *topic, int32_t partition, bool pause)
{
	const struct kafka_tp tp = {
		.topic = topic, .partition = partition, .offset = RD_KAFKA_OFFSET_INVALID};
	rd_kafka_topic_partition_list_t *list = to_list(&tp, 1);
	rd_kafka_resp_err_t err;

	err = pause ? rd_kafka_pause_partitions(k->rk, list)
		    : rd_kafka_resume_partitions(k->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	return report(k, pause ? "pause" : "resume", err);
}

void kafka_start_close(struct kafka *k)
{
	rd_kafka_error_t *error = rd_kafka_consumer_close_queue(k->rk, k->consumer_queue);

	k->closing = true;
	if (error)
		rd_kafka_error_destroy(
			error); /* fatal before: there is nothing to leave, closed all the same */
}

/* ---- partition queues ------------------------------------------------------------------------ */

/*
 * Before the assign that starts its fetcher: forwarding nowhere keeps its messages out of the
 * consumer queue. What it already holds makes no event: the owner takes it as ready.
 */
struct kafka_queue *kafka_queue_open(struct kafka *k, const char *topic, int32_t partition,
				     void *owner)
{
	struct kafka_queue *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	*q = (struct kafka_queue){
		.k = k, .owner = owner, .partition = partition, .topic = strdup(topic)};
	q->rkqu = q->topic ? rd_kafka_queue_get_partition(k->rk, topic, partition) : NULL;
	if (!q->rkqu) {
		free(q->topic);
		free(q);
		return NULL;
	}
	rd_kafka_queue_forward(q->rkqu, NULL);
	rd_kafka_queue_cb_event_enable(q->rkqu, on_not_empty, q);
	return q;
}

void kafka_queue_close(struct kafka_queue *q)
{
	if (!q)
		return;
	rd_kafka_queue_cb_event_enable(q->rkqu, NULL, NULL);
	take_ready(q->k); /* so that it is not on the list; its owner is still there */
	rd_kafka_queue_destroy(q->rkqu);
	free(q->topic);
	free(q);
}

static void describe(struct kafka_message *out, rd_kafka_message_t *m)
{
	rd_kafka_timestamp_type_t type;
	int64_t timestamp = rd_kafka_message_timestamp(m, &type);

	*out = (struct kafka_message){
		.record =
			{
				.offset = m->offset,
				.timestamp_type = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? 0
						  : type == RD_KAFKA_TIMESTAMP_CREATE_TIME ? 1
											   : 2,
				.timestamp =
					type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp,
				.key = {m->key, m->key_len},
				.value = {m->payload, m->len},
			},
		.handle = m,
	};
	if (!m->err)
		return;
	out->error = rd_kafka_err2name(m->err);
	out->error_class = kafka_classify(m->err);
}

/*
 * Before 2.1.0 a batch throws away what it holds when it meets the barrier of a seek, a pause or a
 * rebalance, and the library goes on behind it. Here nothing depends on where the library goes on:
 * after each of the three the partition is told an absolute offset, the one behind the last message
 * that came out of this function.
 */
size_t kafka_queue_take(struct kafka_queue *q, struct kafka_message *out, size_t max)
{
	rd_kafka_message_t *messages[512];
	ssize_t n;
	size_t i;

	if (max > sizeof(messages) / sizeof(*messages))
		max = sizeof(messages) / sizeof(*messages);
	n = rd_kafka_consume_batch_queue(q->rkqu, 0, messages, max);
	for (i = 0; n > 0 && i < (size_t)n; i++)
		describe(&out[i], messages[i]);
	return n > 0 ? (size_t)n : 0;
}

int kafka_queue_seek(struct kafka_queue *q, int64_t offset)
{
	const struct kafka_tp tp = {.topic = q->topic, .partition = q->partition, .offset = offset};
	rd_kafka_topic_partition_list_t *list = to_list(&tp, 1);
	int r = report_error(q->k, "seek", rd_kafka_seek_partitions(q->k->rk, list, 0));

	rd_kafka_topic_partition_list_destroy(list);
	return r;
}

size_t kafka_queue_length(struct kafka_queue *q)
{
	return rd_kafka_queue_length(q->rkqu);
}

int64_t kafka_queue_position(struct kafka_queue *q)
{
	const struct kafka_tp tp = {
		.topic = q->topic, .partition = q->partition, .offset = RD_KAFKA_OFFSET_INVALID};
	rd_kafka_topic_partition_list_t *list = to_list(&tp, 1);
	int64_t position = -1;

	if (!rd_kafka_position(q->k->rk, list) && !list->elems[0].err && list->elems[0].offset >= 0)
		position = list->elems[0].offset;
	rd_kafka_topic_partition_list_destroy(list);
	return position;
}

int64_t kafka_queue_high(struct kafka_queue *q)
{
	int64_t low, high;

	if (rd_kafka_get_watermark_offsets(q->k->rk, q->topic, q->partition, &low, &high))
		return -1;
	return high >= 0 ? high : -1;
}

/* ---- messages -------------------------------------------------------------------------------- */

uint32_t kafka_message_put_headers(const struct kafka_message *m, struct kgp_buf *out,
				   uint64_t *bytes)
{
	rd_kafka_headers_t *headers;
	const char *name;
	const void *value;
	size_t size, i;

	if (rd_kafka_message_headers(m->handle, &headers))
		return 0;
	for (i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &size); i++) {
		struct kgp_bytes n = kgp_text(name);

		kgp_put_array(out, 2);
		if (kgp_is_utf8(n.data, n.size))
			kgp_put_str(out, n);
		else
			kgp_put_bin(out, n);
		kgp_put_bin(out, kgp_bytes(value, size));
		*bytes += n.size + size;
	}
	return (uint32_t)i;
}

void kafka_message_deinit(struct kafka_message *m)
{
	if (m->handle)
		rd_kafka_message_destroy(m->handle);
	m->handle = NULL;
}
