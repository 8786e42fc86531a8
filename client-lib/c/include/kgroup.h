/* SPDX-License-Identifier: MIT */
/*
 * libkgroup - receive messages of a Kafka consumer group from kgroupd, the daemon of this host.
 *
 * The daemon is the member of the group: a program that starts, stops, crashes or is slow causes no
 * rebalance. A program opens a consumer, takes messages, and marks each when it is done with it.
 * What is not marked comes again, here or at another program of the group.
 *
 *	struct kg_error error;
 *	struct kg_consumer *c;
 *	struct kg_message m;
 *	const char *topics[] = {"orders"};
 *
 *	if (kg_consumer_open(&c, "billing", topics, 1, NULL, &error) < 0)
 *		errx(1, "%s\n%s", error.text, error.hint);
 *	while (kg_consumer_receive(c, &m, -1) > 0) {
 *		handle(m.value, m.value_bytes);
 *		kg_consumer_mark(c, &m, NULL);
 *	}
 *	kg_consumer_close(c);
 *	kg_consumer_free(c);
 *
 * In an event loop of your own:
 *
 *	for (;;) {
 *		struct pollfd p = {kg_consumer_get_fd(c), kg_consumer_get_events(c), 0};
 *		poll(&p, 1, kg_consumer_get_timeout_ms(c));
 *		if (kg_consumer_process(c) < 0)
 *			break;
 *		while (kg_consumer_next(c, &m) > 0)
 *			...
 *	}
 *
 * Threads: the library has none; a consumer is used by one thread at a time. In partitions mode the
 * consumer and each of its partitions may be used by threads of their own, see below.
 * Fork: the consumer stays the parent's. In the child kg_consumer_free() is allowed, and every
 * other call answers KG_ERR_FORKED, or nothing where it has no error to answer.
 * Signals: no handler is installed and SIGPIPE is never raised. A signal ends kg_consumer_receive()
 * with 0 and no other call (in partitions mode it may end a wait, see below).
 * Connection: after a loss the library reconnects by itself, says what was marked, and delivery
 * goes on; what was not marked comes again.
 * Nothing here ever calls abort() or exit().
 *
 * Text is UTF-8 and NUL-terminated unless a size stands beside it. Sizes are in bytes, times in
 * milliseconds, offsets Kafka's own 64-bit numbers. Behaviour on the wire: kgroup-protocol(7).
 * All of it is there since 0.1.0.
 */
#ifndef KGROUP_H
#define KGROUP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KG_API __attribute__((visibility("default")))

struct kg_client;
struct kg_consumer;
struct kg_options;
struct kg_stash;

/* ---- errors ---------------------------------------------------------------------------------- */

/*
 * What calls answer below 0. From -1 to -99 the daemon said it: the number is that of KG-nnnn in
 * the documentation, and the enum names the ones that programs act on. The others come from the
 * library. A handle that is NULL is KG_ERR_ARGUMENT.
 */
enum kg_err {
	KG_OK = 0,
	KG_ERR_UNSUPPORTED = -7,	/* the daemon is too old for this */
	KG_ERR_QUOTA = -8,		/* this user holds as much as one user may */
	KG_ERR_DENIED = -10,		/* this user may not use this group */
	KG_ERR_REPLACED = -12,		/* another connection opened the same consumer id */
	KG_ERR_CONFLICT = -32,		/* the group runs with another value of a setting */
	KG_ERR_NO_CLUSTER = -33,	/* the daemon's file has no such cluster */
	KG_ERR_NO_GROUP = -34,		/* no such group, and clients may open no others */
	KG_ERR_SETTING = -35,		/* a setting is unknown or breaks its rule */
	KG_ERR_BAD_TOPIC = -36,		/* a topic name that Kafka forbids */
	KG_ERR_NO_TOPICS = -37,		/* the consumer names no topic */
	KG_ERR_NO_CLAIM = -38,		/* the partition is not held by this consumer */
	KG_ERR_MESSAGE_TOO_LARGE = -39, /* a message is larger than max.frame */
	KG_ERR_COMMIT = -40,		/* Kafka refused the commit */
	KG_ERR_BROKER = -41,		/* the cluster does not answer */
	KG_ERR_AUTH = -42,		/* the cluster refused the daemon's credentials */
	KG_ERR_UNKNOWN_TOPIC = -43,	/* the cluster has no such topic */
	KG_ERR_OFFSET_RESET = -44,	/* the position was outside the log */
	KG_ERR_GROUP = -45,		/* the group coordinator refused */
	KG_ERR_FENCED = -46,		/* another member has the same group.instance.id */
	KG_ERR_LOST = -47,		/* the group gave the partitions away without waiting */
	KG_ERR_TIMEOUT = -48,		/* no answer came in time */
	KG_ERR_STOPPING = -49,		/* the daemon is stopping */
	KG_ERR_BAD_QUERY = -50,		/* the daemon does not know this query */
	KG_ERR_KAFKA = -52,		/* Kafka answered with an error; the text has its reason */
	KG_ERR_OVERFLOW = -53,		/* more waits than is kept; the text has the count */
	KG_ERR_OFFSET_OUT_OF_RANGE = -54, /* the log does not have that offset */

	KG_ERR_ARGUMENT = -100,	    /* an argument is NULL, negative or out of its range */
	KG_ERR_UNREACHABLE = -101,  /* the daemon's socket does not answer; the text says why */
	KG_ERR_PROTOCOL = -102,	    /* the daemon sent what the protocol does not allow */
	KG_ERR_MEMORY = -103,	    /* no memory; nothing is lost, the call may be made again */
	KG_ERR_CLOSED = -104,	    /* the consumer is closed, or an error ended it */
	KG_ERR_FORKED = -105,	    /* the consumer belongs to the parent process */
	KG_ERR_DISCONNECTED = -106, /* there was no connection when the answer was due */
	KG_ERR_BUSY = -107,	    /* the client already has a consumer */
	KG_ERR_RELEASED = -108,	    /* the claim has ended: its stream is complete */
};

struct kg_error {
	int code;	/* KG_OK or one of kg_err */
	char text[512]; /* what happened and why */
	char hint[256]; /* how to mend it; may be empty */
};

/* The name of an error, static, never NULL. Any thread. */
KG_API const char *kg_strerror(int code);

/* The library's version, "0.1.0", static. Any thread. */
KG_API const char *kg_version(void);

/* ---- options --------------------------------------------------------------------------------- */

/*
 * Options of a consumer, by name. Names of the library:
 *	socket		daemon's socket; default $KGROUP_SOCKET, else /run/kgroupd/kgroupd.sock
 *	cluster		cluster of the daemon's file; default: its only one, or the group's
 *	name		this program's name in status and logs; default: the process's name
 *	open.timeout	how long kg_consumer_open() waits; default 10s
 *	request.timeout	how long calls wait that take no timeout; default 30s
 *	credit.messages	messages the library holds ahead at most; default 20000; in partitions mode
 *			for each partition, default 5000
 *	credit.bytes	bytes of them at most, the last may overshoot; default 1048576 (1 MiB); in
 *			partitions mode for each partition, default 262144 (256 KiB)
 *	max.frame	largest message in bytes with its frame; default 68157440 (65 MiB)
 * and the settings of kgroup-protocol(7): of the group (strategy, session.timeout,
 * heartbeat.interval, initial.offset, commit.interval, commit.retries, user.data) and of the
 * consumer (topics.include, topics.exclude, mode, dwell.time, errors, notifications). Durations
 * take ms, s, m, h; a plain number is milliseconds. What is not set is the group's value or the
 * default.
 */

/* New options with nothing set. Owned by the caller. NULL: no memory. */
KG_API struct kg_options *kg_options_new(void);

/* Frees; NULL is fine. Always NULL. */
KG_API struct kg_options *kg_options_free(struct kg_options *o);

/*
 * Sets one option. A later call replaces an earlier one.
 *	name, value	copied
 *	error		out, may be NULL
 * 0, KG_ERR_ARGUMENT, KG_ERR_MEMORY, or KG_ERR_SETTING: the name is unknown or the value breaks a
 * rule, which the error names.
 */
KG_API int kg_options_set(struct kg_options *o, const char *name, const char *value,
			  struct kg_error *error);

/*
 * Checks the rules that several options break together, and names the first that is broken.
 * kg_consumer_open() does this too. Nobody is asked, so patterns are not compiled: see
 * kg_client_validate().
 *	o		may be NULL: the defaults
 *	error		out, may be NULL
 * 0 or KG_ERR_SETTING.
 */
KG_API int kg_options_validate(const struct kg_options *o, struct kg_error *error);

/* ---- opening and closing --------------------------------------------------------------------- */

/*
 * Connects to the daemon and becomes a consumer of a group. Blocks until the group is joined, at
 * most open.timeout. When that passes and the daemon has accepted the consumer, the call succeeds
 * all the same, and kg_consumer_state() says what the group waits for: a broker that is down is a
 * state, no error.
 *	out		the consumer, owned by the caller; untouched on error
 *	group		name in the daemon's file, or group.id; not NULL
 *	topics		n_topics names, copied; at least one, unless topics.include is set
 *	options		copied; may be NULL
 *	error		out, may be NULL
 * 0, KG_ERR_ARGUMENT, KG_ERR_MEMORY, KG_ERR_PROTOCOL, KG_ERR_UNREACHABLE (tried again until
 * open.timeout where that may help), or what the daemon says: KG_ERR_DENIED, _QUOTA, _CONFLICT,
 * _NO_CLUSTER, _NO_GROUP, _SETTING, _BAD_TOPIC, _NO_TOPICS, _STOPPING. On error nothing is left
 * open.
 */
KG_API int kg_consumer_open(struct kg_consumer **out, const char *group, const char *const *topics,
			    size_t n_topics, const struct kg_options *options,
			    struct kg_error *error);

enum kg_state {
	KG_STATE_CONNECTING, /* the library looks for the daemon, or the daemon for the cluster */
	KG_STATE_JOINING,    /* the group is being joined, or rebalances */
	KG_STATE_JOINED,     /* messages come when there are any */
	KG_STATE_LEAVING,    /* the daemon stops */
	KG_STATE_FAILED,     /* the cluster or the group refuses; tried again by the daemon */
	KG_STATE_CLOSED,     /* kg_consumer_close() was called, or an error ended the consumer */
};

/*
 * The state. Never blocks.
 *	text		out, may be NULL: what it waits for; valid until the next call
 */
KG_API enum kg_state kg_consumer_state(const struct kg_consumer *c, const char **text);

/*
 * Ends delivery, has what was marked committed, and disconnects. Blocks until the broker has
 * answered, at most request.timeout. Closed in every case. Marked = committed when it answers 0,
 * which it also does when called again.
 * 0, KG_ERR_COMMIT, KG_ERR_TIMEOUT, KG_ERR_DISCONNECTED, KG_ERR_MEMORY, KG_ERR_FORKED, or what
 * ended the consumer meanwhile.
 */
KG_API int kg_consumer_close(struct kg_consumer *c);

/*
 * Frees the consumer and all that belongs to it. Without a close before, marks are sent but nobody
 * waits for their commit. Never blocks. NULL is fine. Always NULL.
 */
KG_API struct kg_consumer *kg_consumer_free(struct kg_consumer *c);

/* The last error of this consumer; code KG_OK: none. Valid until the next call. Never NULL. */
KG_API const struct kg_error *kg_consumer_error(const struct kg_consumer *c);

/* ---- clients --------------------------------------------------------------------------------- */

/*
 * A client is a connection to the daemon whose consumer comes and goes, and which can be asked
 * about the cluster with or without one. kg_consumer_open() is enough for a program that needs
 * neither. A client is used by one thread at a time, together with its consumer.
 *
 * Connects to the daemon. Blocks at most open.timeout.
 *	out		the client, owned by the caller; untouched on error
 *	options		copied; the defaults of its consumers too; may be NULL
 *	error		out, may be NULL
 * 0, KG_ERR_ARGUMENT, _MEMORY, _PROTOCOL, _UNREACHABLE (tried again until open.timeout where that
 * may help), _SETTING, or what the daemon says: KG_ERR_QUOTA, _STOPPING. On error nothing is left
 * open.
 */
KG_API int kg_client_open(struct kg_client **out, const struct kg_options *options,
			  struct kg_error *error);

/*
 * The value of an option as it is in force, as text: what was set, or the default. NULL: no such
 * option, or a setting of the group that was not set, so the group has it. A text without a value
 * is "". Valid until the client is freed. Never blocks.
 */
KG_API const char *kg_client_get_option(const struct kg_client *client, const char *name);

/*
 * As kg_consumer_open(), on the client's connection, which stays when the consumer is closed, or
 * freed: then the client can have another one.
 *	options		copied; in place of the client's, but for socket, name and max.frame, which
 *			are the connection's; NULL: the client's
 * As kg_consumer_open(), and KG_ERR_BUSY: the client has a consumer that is neither closed nor
 * ended by an error; KG_ERR_CLOSED, _FORKED.
 */
KG_API int kg_client_open_consumer(struct kg_client *client, struct kg_consumer **out,
				   const char *group, const char *const *topics, size_t n_topics,
				   const struct kg_options *options, struct kg_error *error);

/*
 * Questions to the cluster. Each blocks until the daemon answers, at most request.timeout, over
 * reconnects too; messages of the client's consumer that come meanwhile are kept for it.
 *	client		not NULL
 *	group		NULL, or the group with whose rights is asked; without one the cluster must
 *			let this user open groups
 * 0, KG_ERR_ARGUMENT, _NO_GROUP, _DENIED, _BROKER, _KAFKA, _UNKNOWN_TOPIC, _UNSUPPORTED,
 * _TIMEOUT, _DISCONNECTED, _UNREACHABLE, _PROTOCOL, _MEMORY, _CLOSED, _FORKED.
 */

struct kg_topic {
	const char *name;
	int32_t n_partitions;
};

/*
 * The topics that the group (or this user) may use, by name.
 *	topics, n	out; owned by the client, valid until the next question
 */
KG_API int kg_client_get_topics(struct kg_client *client, const char *group,
				const struct kg_topic **topics, size_t *n);

/* The partitions of a topic, ascending. As kg_client_get_topics(). */
KG_API int kg_client_get_partitions(struct kg_client *client, const char *group, const char *topic,
				    const int32_t **partitions, size_t *n);

#define KG_OFFSET_EARLIEST (-2)
#define KG_OFFSET_LATEST   (-1)

/*
 * An offset of a partition.
 *	at		KG_OFFSET_EARLIEST: the first that the log has; KG_OFFSET_LATEST: where the
 *			next message will be; from 0 on milliseconds since 1970: the first message
 *			at or after that time, the end of the log if there is none
 *	offset		out
 */
KG_API int kg_client_get_offset(struct kg_client *client, const char *group, const char *topic,
				int32_t partition, int64_t at, int64_t *offset);

/* Has the daemon look now for topics that match patterns: of the group, or of all. */
KG_API int kg_client_refresh(struct kg_client *client, const char *group);

/*
 * What the daemon would say of these options when a consumer is opened, as far as that can be said
 * without a group: patterns are compiled.
 *	options		NULL: the client's
 * As above, and KG_ERR_SETTING with the setting and the rule in the error's text.
 */
KG_API int kg_client_validate(struct kg_client *client, const struct kg_options *options);

/* The last error of this client; code KG_OK: none. Valid until the next call. Never NULL. */
KG_API const struct kg_error *kg_client_error(const struct kg_client *client);

/*
 * Closes its consumer, if it has one, as kg_consumer_close() does and with its result, and
 * disconnects. Again: 0. KG_ERR_ARGUMENT, _FORKED.
 */
KG_API int kg_client_close(struct kg_client *client);

/*
 * Frees the client; a consumer of it that is still open ends as by kg_consumer_free(), but its
 * handle stays and is freed on its own, before or after. Never blocks. NULL is fine. Always NULL.
 */
KG_API struct kg_client *kg_client_free(struct kg_client *client);

/* ---- event loops ----------------------------------------------------------------------------- */

/*
 * A descriptor to poll, the same for the consumer's life, not to be read or closed; -1 in a forked
 * child.
 */
KG_API int kg_consumer_get_fd(const struct kg_consumer *c);

/* Events to poll it for, as of poll(2). */
KG_API short kg_consumer_get_events(const struct kg_consumer *c);

/*
 * How long to poll at most, for poll(2). 0: something is buffered, or marked and not sent, or an
 * event came outside of kg_consumer_process(); -1: for ever. It changes with what was done since,
 * so ask before every poll.
 */
KG_API int kg_consumer_get_timeout_ms(const struct kg_consumer *c);

/*
 * Sends what waits, reads what came, reconnects when it is time. Never blocks. Messages that were
 * handed out stay valid.
 * 0; KG_ERR_MEMORY, which may pass; or an error that stays: KG_ERR_CLOSED, _FORKED, _PROTOCOL, or
 * what the daemon ended the consumer with.
 */
KG_API int kg_consumer_process(struct kg_consumer *c);

/* ---- messages -------------------------------------------------------------------------------- */

enum kg_timestamp_type { KG_TIMESTAMP_NONE, KG_TIMESTAMP_CREATE, KG_TIMESTAMP_LOG_APPEND };

/* A message. What it points to is the consumer's, valid as the call says that gave the message. */
struct kg_message {
	const char *topic; /* valid for the consumer's life */
	int32_t partition;
	int32_t timestamp_type; /* enum kg_timestamp_type */
	int64_t offset;
	int64_t timestamp_ms; /* since 1970; -1: none */
	const void *key;      /* NULL is Kafka's null, which is not empty */
	size_t key_bytes;
	const void *value; /* NULL is Kafka's null (a tombstone), which is not empty */
	size_t value_bytes;
	size_t n_headers;
	uint64_t taken_us; /* CLOCK_MONOTONIC when the daemon had it, in microseconds */
	struct {	   /* the library's */
		const void *headers;
		size_t headers_bytes;
		uint64_t epoch;
		uint32_t claim;
	} internal;
};

struct kg_header {
	const char *name; /* name_bytes long, not terminated */
	size_t name_bytes;
	const void *value; /* NULL is Kafka's null */
	size_t value_bytes;
};

/*
 * The next message that has already arrived. Never blocks. While messages are buffered the socket
 *has a turn every 10 ms, so that marks are sent and releases heard of when a handler is slow. Valid
 *until the next call of next, next_batch or receive, over reconnects and close too.
 *	m		out; not NULL
 * 1: there is one; 0: none now; below 0 as kg_consumer_process().
 */
KG_API int kg_consumer_next(struct kg_consumer *c, struct kg_message *m);

/*
 * The same for up to max messages of one partition, in order (so a mark of the last covers all),
 * all valid until the next call. Their number, 0, or below 0 as kg_consumer_process().
 */
KG_API int kg_consumer_next_batch(struct kg_consumer *c, struct kg_message *m, size_t max);

/*
 * Like next, but waits up to timeout_ms (-1: for ever; 0: not) for one. A signal ends the wait with
 * 0.
 */
KG_API int kg_consumer_receive(struct kg_consumer *c, struct kg_message *m, int timeout_ms);

/*
 * Header i of a message, 0 <= i < n_headers, in the producer's order. Valid like the message.
 *	header		out
 * 0 or KG_ERR_ARGUMENT.
 */
KG_API int kg_message_get_header(const struct kg_message *m, size_t i, struct kg_header *header);

/* The last header of that name. 1: found; 0: none. */
KG_API int kg_message_find_header(const struct kg_message *m, const char *name,
				  struct kg_header *header);

/* ---- marks and commits ----------------------------------------------------------------------- */

enum kg_verdict {
	KG_ACCEPTED,	 /* it counts */
	KG_IGNORED,	 /* not above what is marked already */
	KG_STALE,	 /* the partition was released, or rewound, since */
	KG_NOT_OWNED,	 /* this consumer does not hold the partition */
	KG_OUT_OF_RANGE, /* below 0, or at or beyond the end of the log */
};

/*
 * Marks a message as done, and all below it in its partition. Never blocks: the daemon hears of it
 * with the next call that talks to it, and commits it within commit.interval.
 *	m		may be a copy whose payload is gone
 *	metadata	committed with it, at most 32767 bytes (brokers take 4096 by default); may
 *			be NULL. Without it nothing is allocated.
 * 0, also when the claim is gone by now: then the mark does not count. KG_ERR_ARGUMENT, _MEMORY,
 * _CLOSED, _FORKED.
 */
KG_API int kg_consumer_mark(struct kg_consumer *c, const struct kg_message *m,
			    const char *metadata);

/*
 * The same by topic, partition and offset; the message need not have been delivered here.
 *	verdict		NULL: never blocks. Else out: one of kg_verdict; waits for the daemon's
 *			answer, at most request.timeout.
 * As kg_consumer_mark(), and with a verdict KG_ERR_TIMEOUT, KG_ERR_DISCONNECTED (the mark is kept
 * and said again when the daemon is back), or what ended the consumer meanwhile. Without a verdict
 * an offset below 0 is KG_ERR_ARGUMENT, and a partition that is not held is 0.
 */
KG_API int kg_consumer_mark_offset(struct kg_consumer *c, const char *topic, int32_t partition,
				   int64_t offset, const char *metadata, int *verdict);

/*
 * Moves what will be committed back to a message: it and all below it are done, nothing above.
 * Equal to the highest mark changes the metadata; above it a reset changes nothing, unless the
 * group has never committed here. The running delivery goes on, and a later mark moves forward
 * again: a reset takes effect where a program starts next. To go back at once, see
 * kg_consumer_seek(). Never blocks; the daemon hears of it with the next call that talks to it.
 *	m, metadata	as of kg_consumer_mark()
 * 0, also when the claim is gone by now: then nothing was reset. KG_ERR_DISCONNECTED: there is no
 * connection, and a reset is not kept for the next one. KG_ERR_OVERFLOW: the daemon does not take
 * what was said before, so nothing was reset. KG_ERR_ARGUMENT, _UNSUPPORTED, _MEMORY, _CLOSED,
 * _FORKED. A connection that breaks may take a reset with it: kg_consumer_commit() tells.
 */
KG_API int kg_consumer_reset(struct kg_consumer *c, const struct kg_message *m,
			     const char *metadata);

/*
 * The same by topic, partition and offset.
 *	verdict		as of kg_consumer_mark_offset(); KG_IGNORED: above the highest mark
 * As kg_consumer_reset(), and with a verdict KG_ERR_TIMEOUT, KG_ERR_DISCONNECTED (it may or may not
 * have happened), or what ended the consumer meanwhile. Without a verdict an offset below 0 is
 * KG_ERR_ARGUMENT, and a partition that is not held is 0.
 */
KG_API int kg_consumer_reset_offset(struct kg_consumer *c, const char *topic, int32_t partition,
				    int64_t offset, const char *metadata, int *verdict);

/*
 * Commits what is marked, and waits for the broker's answer, at most timeout_ms (-1:
 * request.timeout), over reconnects too.
 * 0, KG_ERR_COMMIT (the error's text has Kafka's name of it), _TIMEOUT, _DISCONNECTED (also, once:
 * what is marked is committed, but a reset before it may have been lost with a connection),
 * _MEMORY, _CLOSED, _FORKED, or what ended the consumer meanwhile.
 */
KG_API int kg_consumer_commit(struct kg_consumer *c, int timeout_ms);

/*
 * The same without waiting: the answer is a KG_EVENT_COMMITTED with this request number, after
 * request.timeout at the latest.
 *	request		out, may be NULL
 * 0, KG_ERR_OVERFLOW when 256 wait already, _MEMORY, _CLOSED, _FORKED.
 */
KG_API int kg_consumer_commit_start(struct kg_consumer *c, uint32_t *request);

/* ---- claims ---------------------------------------------------------------------------------- */

/* A partition held by this consumer. */
struct kg_claim {
	const char *topic;
	int32_t partition;
	int paused;	      /* 1: kg_consumer_pause() holds it */
	int64_t initial;      /* where it began: an offset, or KG_OFFSET_EARLIEST or _LATEST */
	int64_t start;	      /* offset of its first message at that time */
	int64_t committed;    /* committed offset when it was handed to us; -1: none */
	const char *metadata; /* committed with it, metadata_bytes long; NULL: none */
	size_t metadata_bytes;
	int64_t high;	/* high water mark when it was handed to us; -1: unknown */
	int64_t marked; /* highest mark here; -1: none */
};

/*
 * The claims, sorted by topic and partition, without those that are being released. Empty after
 * close and while there is no connection. Never blocks.
 *	claims		out, may be NULL; valid until the next call
 * Their number.
 */
KG_API size_t kg_consumer_assignment(struct kg_consumer *c, const struct kg_claim **claims);

/*
 * Stops or resumes sending of a claim. Messages that have arrived are set aside and come first
 * after resume. A pause is gone with its claim. Never blocks.
 *	topic		NULL: all claims
 * 0, KG_ERR_NO_CLAIM, _MEMORY, _CLOSED, _FORKED.
 */
KG_API int kg_consumer_pause(struct kg_consumer *c, const char *topic, int32_t partition);
KG_API int kg_consumer_resume(struct kg_consumer *c, const char *topic, int32_t partition);

/*
 * Says that nothing more will be marked of a claim that is being released, so that the rebalance
 * need not wait for dwell.time. Done by itself when the last message handed out is marked. Never
 * blocks.
 *	topic		NULL: all that are being released
 * 0, KG_ERR_NO_CLAIM, _CLOSED, _FORKED.
 */
KG_API int kg_consumer_done(struct kg_consumer *c, const char *topic, int32_t partition);

/* ---- stashes --------------------------------------------------------------------------------- */

/*
 * A stash gathers marks and resets, one entry for each partition, to be applied together. It
 * belongs to no consumer and may be used by several threads at once. A mark keeps the highest
 * offset, a reset the lowest (the first one is kept as it is), and the metadata goes with the
 * winner; of equals the later one wins.
 */

/* A new one, empty. Owned by the caller. NULL: no memory. */
KG_API struct kg_stash *kg_stash_new(void);

/* Frees it with what is in it; no thread may be using it. NULL is fine. Always NULL. */
KG_API struct kg_stash *kg_stash_free(struct kg_stash *s);

/*
 * Puts a mark or a reset in. Never blocks but for other threads' calls of the same stash.
 *	m		may be a copy whose payload is gone; its entry counts for the claim that
 *			the message came by, and no other
 *	topic		of 1 to 249 bytes, copied
 *	partition	not below 0
 *	offset		not below 0; its entry counts for the claim that is held when it is applied
 *	metadata	as of kg_consumer_mark(); copied; may be NULL
 * 0, KG_ERR_ARGUMENT, KG_ERR_MEMORY.
 */
KG_API int kg_stash_mark(struct kg_stash *s, const struct kg_message *m, const char *metadata);
KG_API int kg_stash_mark_offset(struct kg_stash *s, const char *topic, int32_t partition,
				int64_t offset, const char *metadata);
KG_API int kg_stash_reset(struct kg_stash *s, const struct kg_message *m, const char *metadata);
KG_API int kg_stash_reset_offset(struct kg_stash *s, const char *topic, int32_t partition,
				 int64_t offset, const char *metadata);

struct kg_stash_entry {
	const char *topic;
	int32_t partition;
	int64_t offset;
	const char *metadata; /* NULL: none */
};

/*
 * Calls a function for each entry, by topic and partition, with the stash locked: it may not use
 * this stash.
 *	fn		not NULL; an answer other than 0 ends it
 *	arg		handed to fn
 * The last answer of fn; 0 for an empty stash; KG_ERR_ARGUMENT.
 */
KG_API int kg_stash_for_each(struct kg_stash *s,
			     int (*fn)(void *arg, const struct kg_stash_entry *e), void *arg);

/* The number of entries; of NULL 0. */
KG_API size_t kg_stash_count(struct kg_stash *s);

/*
 * Applies all entries as kg_consumer_mark_offset() or kg_consumer_reset_offset() would without a
 * verdict, and empties the stash. An entry whose partition is not held, or that came by a message
 * of an ended claim, does not count. Does not wait. On an error what was applied has left the
 * stash and the rest is still there, so the call can be made again.
 * 0, KG_ERR_ARGUMENT, _MEMORY, _CLOSED, _FORKED; of resets also KG_ERR_DISCONNECTED, _UNSUPPORTED,
 * _OVERFLOW, as of kg_consumer_reset().
 */
KG_API int kg_consumer_mark_stash(struct kg_consumer *c, struct kg_stash *s);
KG_API int kg_consumer_reset_stash(struct kg_consumer *c, struct kg_stash *s);

/* ---- moving, looking ahead ------------------------------------------------------------------- */

enum kg_whence {
	KG_SEEK_OFFSET,	  /* value: an offset of the log, or its end */
	KG_SEEK_TIME,	  /* value: milliseconds since 1970; the first message at or after it */
	KG_SEEK_EARLIEST, /* the first that the log has; value does not matter */
	KG_SEEK_LATEST,	  /* the end of the log; value does not matter */
	KG_SEEK_BACK,	  /* value: so many offsets back from the highest mark */
};

/*
 * Goes on elsewhere, at once: rewinds or skips running claims, all that are meant or none. When it
 * answers 0, no message from before the seek is handed out any more, those set aside by a pause
 * included, and marks of such messages are stale. A seek commits nothing by itself; what was marked
 * before is committed, then what is marked after, even if that is lower. Blocks for the daemon's
 * answer.
 *	topic		NULL: all claims
 *	whence, value	where; value is not below 0
 *	timeout_ms	-1: request.timeout
 * 0, KG_ERR_NO_CLAIM, _OFFSET_OUT_OF_RANGE (the text has the log's ends), _BROKER, _UNSUPPORTED,
 * _TIMEOUT (it may happen yet), _DISCONNECTED (it may or may not have happened), _ARGUMENT,
 * _MEMORY, _CLOSED, _FORKED, or what ended the consumer meanwhile.
 */
KG_API int kg_consumer_seek(struct kg_consumer *c, const char *topic, int32_t partition,
			    enum kg_whence whence, int64_t value, int timeout_ms);

/* Where the log of a claim ends. */
struct kg_high {
	const char *topic; /* valid for the consumer's life */
	int32_t partition;
	int64_t high; /* offset of the next message that will be written; -1: not known */
};

/*
 * The high water marks of all claims, not older than a second, for stalled and paused claims too.
 * Blocks for the daemon's answer.
 *	marks, n	out; sorted by topic and partition; valid until the next call of this
 *	timeout_ms	-1: request.timeout
 * 0, KG_ERR_BROKER, _UNSUPPORTED, _TIMEOUT, _DISCONNECTED, _PROTOCOL, _ARGUMENT, _MEMORY, _CLOSED,
 * _FORKED, or what ended the consumer meanwhile.
 */
KG_API int kg_consumer_get_high_water_marks(struct kg_consumer *c, const struct kg_high **marks,
					    size_t *n, int timeout_ms);

/* ---- events ---------------------------------------------------------------------------------- */

enum kg_event_type {
	KG_EVENT_STATE,	       /* state: what kg_consumer_state() became then */
	KG_EVENT_ASSIGNED,     /* topic, partition: a claim came */
	KG_EVENT_RELEASING,    /* topic, partition: it will end; dwell_ms is left to mark */
	KG_EVENT_RELEASED,     /* topic, partition: it has ended */
	KG_EVENT_COMMITTED,    /* request, error: answer to kg_consumer_commit_start() */
	KG_EVENT_ERROR,	       /* error, context, and topic and partition if it belongs to one; with
				  errors = yes */
	KG_EVENT_NOTIFICATION, /* of a rebalance: notification and its lists; with notifications =
				  yes */
};

/* What became of a rebalance. START comes before anything is taken away, so marks still count; OK
 * or ERROR ends it. OK is there before a message of the new claims can be taken. */
enum kg_notification {
	KG_NOTIFY_UNKNOWN,
	KG_NOTIFY_START, /* current: what is held before */
	KG_NOTIFY_OK,	 /* claimed and released since START, and current */
	KG_NOTIFY_ERROR, /* the daemon lost its membership: everything is released */
};

struct kg_partition_id {
	const char *topic; /* valid for the consumer's life */
	int32_t partition;
};

struct kg_event {
	enum kg_event_type type;
	const char *topic; /* or NULL; valid for the consumer's life */
	int32_t partition; /* or -1 */
	uint32_t request;
	uint32_t dwell_ms;
	const char *context; /* of KG_EVENT_ERROR, never NULL there: partition; topics; commit;
				rebalance, while the group is being joined or moved; heartbeat,
				while it is joined; group with KG_ERR_OVERFLOW; or other; static */
	struct kg_error error;
	enum kg_notification notification;
	/* By topic and partition; valid until the next call of kg_consumer_next_event(). */
	const struct kg_partition_id *claimed, *released, *current;
	size_t n_claimed, n_released, n_current;
	enum kg_state state;
};

/*
 * The next event, in the daemon's order: what RELEASING announces comes behind its START, and when
 * a message of a new claim can be taken, its OK is there. Never blocks. Not reading them blocks
 * nothing: the library keeps the last 256, with room for three more for each claim, and counts the
 * rest, which is told first as KG_ERR_OVERFLOW.
 *	event		out; not NULL
 * 1: there is one; 0: none.
 */
KG_API int kg_consumer_next_event(struct kg_consumer *c, struct kg_event *event);

/* ---- partitions mode ------------------------------------------------------------------------- */

/*
 * With the option mode = partitions each claim is a stream of its own: a partition, from the moment
 * it is taken here until kg_partition_free(). One that nobody reads stalls no other.
 *
 *	while (kg_consumer_wait_partition(c, &p, -1) > 0)
 *		start a thread with p:
 *			while (kg_partition_receive(p, &m, -1) > 0) {
 *				handle(&m);
 *				kg_partition_mark(p, m.offset, NULL);
 *			}
 *			kg_partition_free(p);
 *
 * In an event loop: kg_consumer_process(), then kg_consumer_next_partition() until it answers 0,
 * then kg_partition_next() on those that are there.
 *
 * Threads: the consumer and each of its partitions may be used at the same time, each handle by one
 * thread at a time. kg_consumer_close() may also be called while another thread waits in a call of
 * the consumer; all that wait are woken. The library has no thread: of those that wait, one reads
 * the socket for all. A signal that this one gets ends its wait with 0, so it may end a wait and
 * need not: threads that are to end are woken by kg_consumer_close().
 *
 * kg_consumer_next(), _next_batch() and _receive() answer KG_ERR_ARGUMENT in this mode, and the
 * calls that are below answer it in the other. kg_consumer_assignment() gives a copy here, and the
 * number 0 also when there is no memory for it.
 */
struct kg_partition;

/*
 * The next new partition. Never blocks.
 *	out		the partition, owned by the caller; untouched without one
 * 1: there is one; 0: none now; below 0 as kg_consumer_process(), or KG_ERR_ARGUMENT.
 */
KG_API int kg_consumer_next_partition(struct kg_consumer *c, struct kg_partition **out);

/* The same, but waits up to timeout_ms (-1: for ever; 0: not) for one. */
KG_API int kg_consumer_wait_partition(struct kg_consumer *c, struct kg_partition **out,
				      int timeout_ms);

/* The claim as it was handed to us, so marked is -1. Valid for p's life. Never blocks. p NULL:
 * NULL. */
KG_API const struct kg_claim *kg_partition_get_claim(const struct kg_partition *p);

/*
 * The next message of the partition that has already arrived. Never blocks. Valid until the next
 * call of next, next_batch or receive on p, over reconnects, the partition's end and
 * kg_consumer_close() too.
 *	m		out; not NULL
 * 1: there is one; 0: none now. KG_ERR_RELEASED: the stream is complete (it is released or given
 * back, or the connection is lost): mark what is done, which counts until the release is over, then
 * free p; if the partition is still ours it comes again as a new one. Else below 0 as
 * kg_consumer_process().
 */
KG_API int kg_partition_next(struct kg_partition *p, struct kg_message *m);

/*
 * The same for up to max messages, in order, with one lock for all: the fast way. Their number, 0,
 * or below 0 as kg_partition_next().
 */
KG_API int kg_partition_next_batch(struct kg_partition *p, struct kg_message *m, size_t max);

/* Like next, but waits up to timeout_ms (-1: for ever; 0: not) for one. */
KG_API int kg_partition_receive(struct kg_partition *p, struct kg_message *m, int timeout_ms);

/*
 * The next error of this partition, with errors = yes. Never blocks. Not reading them blocks
 * nothing: the last 32 are kept and the rest is counted, which is told first as KG_ERR_OVERFLOW.
 *	error		out; not NULL
 * 1: there is one; 0: none.
 */
KG_API int kg_partition_next_error(struct kg_partition *p, struct kg_error *error);

/*
 * Marks a message of the partition as done, and all below it. Never blocks, and counts as
 * kg_consumer_mark() does. It means what was handed out here last: after a seek by another thread,
 * marks are stale until the next call of next, next_batch or receive on p.
 *	offset		of the message, which need not have been delivered here
 *	metadata	as of kg_consumer_mark()
 * 0, also when the claim is gone by now. KG_ERR_ARGUMENT, _MEMORY, _CLOSED, _FORKED.
 */
KG_API int kg_partition_mark(struct kg_partition *p, int64_t offset, const char *metadata);

/*
 * Moves what will be committed of the partition back, as kg_consumer_reset() does, and means what
 * was handed out here last. Never blocks. As kg_consumer_reset(), and KG_ERR_ARGUMENT for an offset
 * below 0.
 */
KG_API int kg_partition_reset(struct kg_partition *p, int64_t offset, const char *metadata);

/*
 * The end of the partition's log, not older than 1 s. Blocks for the answer, at most timeout_ms
 * (-1: request.timeout).
 *	high		out; -1: not known
 * 0, KG_ERR_RELEASED when p has ended, or as kg_consumer_get_high_water_marks().
 */
KG_API int kg_partition_get_high_water_mark(struct kg_partition *p, int64_t *high, int timeout_ms);

/*
 * Gives the partition back: the daemon hands it to another consumer of the group on this host, or
 * to none while there is none, and not to this one again while it has it and the consumer is open.
 * What is marked is said first, what is unread is dropped, and nothing is marked afterwards. Blocks
 * until it has ended, at most request.timeout.
 * 0, also when it had ended before; KG_ERR_TIMEOUT, _MEMORY, _FORKED, or what ended the consumer.
 */
KG_API int kg_partition_close(struct kg_partition *p);

/*
 * The same without waiting: it has ended when kg_partition_next() answers KG_ERR_RELEASED, and
 * marks count as in any release. 0, KG_ERR_PROTOCOL, _FORKED.
 */
KG_API int kg_partition_close_start(struct kg_partition *p);

/*
 * Frees the handle, and its last message. Before the consumer is freed, which would take it along.
 * If the partition is still held it is given back, and if it is being released the daemon hears
 * that nothing more will be marked. Never blocks. NULL is fine. Always NULL.
 */
KG_API struct kg_partition *kg_partition_free(struct kg_partition *p);

/*
 * The error of the last call on p that failed; code KG_OK: none. Valid until the next call on p.
 * Never NULL. kg_consumer_error() has the last of any thread.
 */
KG_API const struct kg_error *kg_partition_error(const struct kg_partition *p);

#ifdef __cplusplus
}
#endif

#endif
