/* SPDX-License-Identifier: MIT */
/*
 * A consumer group.
 *
 * Owns its handle of librdkafka, its partitions, its subscription, the marks that wait for a
 * partition, and the requests that wait for a commit; consumers belong to their connections and are
 * listed here by id. One message: partition.c takes it, delivery.c sends it, marks.c raises the
 * offset, commit.c commits it. One death: the connection's end frees the consumer, its claims end,
 * group_detach() distributes anew, the sibling's claim starts behind the mark. One rebalance:
 * membership.c. This file holds what they share: look-ups, errors, the state that people and
 * consumers see, and consumers that come and go.
 */
#include "daemon/group.h"

#include "daemon/claim.h"
#include "daemon/cluster.h"
#include "daemon/consumer.h"
#include "daemon/daemon.h"
#include "daemon/listing.h"
#include "daemon/log.h"
#include "daemon/marks.h"
#include "daemon/pattern.h"
#include "daemon/seek.h"
#include "daemon/state.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
	REPEAT_US = 60000000, /* the same error is logged again after so long */
	QUIET_US = 10000000,  /* an error that nothing else heals is over when it came no more */
};

/* ---- birth and death ------------------------------------------------------------------------- */

/* What the file fixes, in the terms of the protocol. */
static void load_settings(struct group *g)
{
	const struct config_group *config = g->config;
	const struct {
		enum kgp_setting setting;
		unsigned set;
		int64_t value;
	} settings[] = {
		{KGP_SETTING_STRATEGY, CONFIG_SET_STRATEGY, config->strategy},
		{KGP_SETTING_SESSION_TIMEOUT, CONFIG_SET_SESSION_TIMEOUT,
		 config->session_timeout_ms},
		{KGP_SETTING_HEARTBEAT_INTERVAL, CONFIG_SET_HEARTBEAT_INTERVAL,
		 config->heartbeat_interval_ms},
		{KGP_SETTING_INITIAL_OFFSET, CONFIG_SET_INITIAL_OFFSET, config->initial_offset},
		{KGP_SETTING_COMMIT_INTERVAL, CONFIG_SET_COMMIT_INTERVAL,
		 config->commit_interval_ms},
		{KGP_SETTING_COMMIT_RETRIES, CONFIG_SET_COMMIT_RETRIES, config->commit_retries},
		{KGP_SETTING_USER_DATA, CONFIG_SET_USER_DATA, (int64_t)strlen(config->user_data)},
	};
	struct kgp_settings file;
	size_t i;

	kgp_settings_init(&file);
	for (i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
		file.value[settings[i].setting] = settings[i].value;
		if (config->set & settings[i].set)
			file.given |= 1u << settings[i].setting;
	}
	file.text[KGP_SETTING_USER_DATA] = kgp_text(config->user_data);
	agreement_init(&g->agreement, &file);
}

static int add_topics_of_file(struct group *g)
{
	size_t i;

	for (i = 0; i < g->config->n_topics; i++)
		if (group_add_interest(g, g->config->topics[i], true))
			return -ENOMEM;
	return 0;
}

int group_open(struct group **out, struct daemon *d, struct cluster *cluster,
	       const struct config_group *config, struct config_group *dynamic)
{
	struct group *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	*g = (struct group){.daemon = d, .cluster = cluster, .config = config};
	TAILQ_INIT(&g->consumers);
	TAILQ_INIT(&g->partitions);
	TAILQ_INIT(&g->interests);
	TAILQ_INIT(&g->resumes);
	TAILQ_INIT(&g->commit.waiters);
	load_settings(g);
	TAILQ_INSERT_TAIL(&d->groups, g, link);
	r = dynamic ? 0 : access_load(&g->access, &config->access);
	if (!r)
		r = membership_open(g);
	if (!r && config->join == CONFIG_JOIN_ALWAYS)
		r = add_topics_of_file(g);
	if (r) {
		group_free(g);
		return r;
	}
	g->dynamic = dynamic;
	*out = g;
	return 0;
}

struct group *group_free(struct group *g)
{
	struct partition *p;
	struct interest *interest;
	struct resume *resume;

	if (!g)
		return NULL;
	assert(!g->kafka && TAILQ_EMPTY(&g->consumers) && TAILQ_EMPTY(&g->commit.waiters));
	g->listing = listing_free(g->listing);
	while ((p = TAILQ_FIRST(&g->partitions)))
		group_remove_partition(g, p);
	while ((interest = TAILQ_FIRST(&g->interests)))
		group_drop_interest(g, interest);
	while ((resume = TAILQ_FIRST(&g->resumes)))
		group_drop_resume(g, resume);
	membership_close(g);
	access_deinit(&g->access);
	free(g->settling);
	TAILQ_REMOVE(&g->daemon->groups, g, link);
	config_group_free(g->dynamic);
	free(g);
	return NULL;
}

bool group_is_over(const struct group *g)
{
	return g->dynamic && !g->n_consumers && g->state == GROUP_IDLE &&
	       TAILQ_EMPTY(&g->interests);
}

/* ---- look-ups -------------------------------------------------------------------------------- */

const char *group_get_name(const struct group *g)
{
	return g->config->alias;
}

static bool is_before(const struct partition *a, const struct partition *b)
{
	int order = strcmp(a->topic, b->topic);

	return order < 0 || (!order && a->id < b->id);
}

/* From the end: Kafka names them in order, and there may be thousands. */
void group_add_partition(struct group *g, struct partition *p)
{
	size_t size = strlen(p->topic) + offsetof(struct partition_key, topic);
	struct partition *other;

	other = TAILQ_LAST(&g->partitions, partitions);
	while (other && !is_before(other, p))
		other = TAILQ_PREV(other, partitions, link);
	if (other)
		TAILQ_INSERT_AFTER(&g->partitions, other, p, link);
	else
		TAILQ_INSERT_HEAD(&g->partitions, p, link);
	HASH_ADD_KEYPTR(hh, g->partition_table, &p->key, size, p);
	if (!p->hh.tbl)
		abort(); /* no memory: an assign that is taken in part wedges the group, the
			    supervisor restarts us */
	g->n_partitions++;
}

void group_remove_partition(struct group *g, struct partition *p)
{
	HASH_DEL(g->partition_table, p);
	TAILQ_REMOVE(&g->partitions, p, link);
	g->n_partitions--;
	partition_free(p);
}

struct partition *group_find_partition(const struct group *g, const char *topic, int32_t id)
{
	struct partition *p = NULL;
	struct partition_key key;
	size_t size = partition_key_init(&key, topic, id);

	if (size)
		HASH_FIND(hh, g->partition_table, &key, size, p);
	return p;
}

struct consumer *group_find_consumer(const struct group *g, const uint8_t *id)
{
	struct consumer *c;

	TAILQ_FOREACH (c, &g->consumers, link)
		if (!memcmp(c->id, id, sizeof(c->id)))
			return c;
	return NULL;
}

/* ---- state and errors ------------------------------------------------------------------------ */

static const char *failed_text(const struct group *g)
{
	return *g->error ? g->error : "it failed and is tried again by itself";
}

static const char *joining_text(const struct group *g)
{
	if (g->state == GROUP_RESOLVING)
		return "waiting for committed offsets and log ends";
	return TAILQ_EMPTY(&g->interests)
		       ? "no topic matches topics.include yet"
		       : "waiting for the group coordinator to assign partitions";
}

const char *group_get_state(const struct group *g, const char **text)
{
	bool has_error = g->error_code && g->error_code != KGP_E_COMMIT &&
			 g->error_code != KGP_E_OFFSET_RESET;

	*text = has_error ? g->error : "";
	switch (g->state) {
	case GROUP_IDLE:
		*text = "no program of this host uses it";
		return "idle";
	case GROUP_JOINING:
	case GROUP_RESOLVING:
		if (g->error_code == KGP_E_AUTH || g->error_code == KGP_E_GROUP)
			return "failed";
		if (g->error_code == KGP_E_BROKER)
			return "connecting";
		if (!has_error)
			*text = joining_text(g);
		return "joining";
	case GROUP_JOINED:
		return "joined";
	case GROUP_REVOKING:
		*text = "the group rebalances: waiting for released messages to be marked";
		return "joining";
	case GROUP_BACKOFF:
		*text = failed_text(g);
		return "failed";
	default:
		*text = g->leaving ? "leaving the group" : failed_text(g);
		return g->leaving ? "leaving" : "failed";
	}
}

static void tell_state(struct group *g)
{
	struct consumer *c;

	TAILQ_FOREACH (c, &g->consumers, link)
		consumer_send_state(c);
}

void group_set_state(struct group *g, enum group_state state)
{
	const char *text, *name;

	if (g->state == state)
		return;
	g->state = state;
	name = group_get_state(g, &text);
	log_write(LOG_DEBUG, LOG_ABOUT(.group = group_get_name(g)), "state %s %s", name, text);
	tell_state(g);
}

void group_clear_error(struct group *g)
{
	if (!g->error_code)
		return;
	g->error_code = 0;
	log_write(LOG_NOTICE, LOG_ABOUT(.group = group_get_name(g)), "healed: %s", g->error);
	tell_state(g);
}

/* The group's domain: decides that it is worth telling, logs it once, tells who asked. */
void group_on_error(struct group *g, unsigned code, const char *context, const char *topic,
		    int32_t partition, const char *format, ...)
{
	struct interest *interest = topic ? group_find_interest(g, topic) : NULL;
	bool repeated, hidden;
	struct consumer *c;
	char text[sizeof(g->error)];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	repeated = g->error_code == code && !strcmp(text, g->error) &&
		   now_us() - g->error_us < REPEAT_US;
	/* Refused credentials, or a broker by name, say more than "all brokers are down" behind
	 * them. */
	hidden = code == KGP_E_BROKER &&
		 (g->error_code == KGP_E_AUTH ||
		  (g->error_code == code && !topic && !strncmp(text, "_ALL_BROKERS_DOWN", 17)));
	if (interest && code == KGP_E_UNKNOWN_TOPIC) { /* several take turns: each once a while */
		repeated = interest->error_us && now_us() - interest->error_us < REPEAT_US;
		interest->error_us = repeated ? interest->error_us : now_us();
	}
	g->n_errors++;
	if (!hidden)
		g->error_seen_us = now_us();
	if (repeated || hidden)
		return;
	g->error_us = now_us();
	g->error_code = code;
	memcpy(g->error, text, sizeof(text));
	snprintf(g->error_topic, sizeof(g->error_topic), "%s", topic ? topic : "");
	log_write(LOG_WARNING,
		  LOG_ABOUT(.cluster = g->cluster->config->name, .group = group_get_name(g),
			    .topic = topic, .partition = partition, .code = code),
		  "KG-%04u %s: %s (%s)", code, kgp_error_name(code), text, kgp_error_hint(code));
	TAILQ_FOREACH (c, &g->consumers, link)
		if (!topic || consumer_subscribes(c, topic))
			consumer_send_error(c, code, context, topic, partition, text);
	if (g->state != GROUP_JOINED)
		tell_state(g);
}

/* One of Kafka's own that is none of ours to heal: it lasts as long as it comes. */
static void heal_when_quiet(struct group *g)
{
	if (g->error_code == KGP_E_KAFKA && g->state == GROUP_JOINED &&
	    now_us() - g->error_seen_us > QUIET_US)
		group_clear_error(g);
}

/* ---- consumers ------------------------------------------------------------------------------- */

static void insert_by_id(struct group *g, struct consumer *c)
{
	struct consumer *other;

	TAILQ_FOREACH (other, &g->consumers, link)
		if (memcmp(other->id, c->id, sizeof(c->id)) > 0)
			break;
	if (other)
		TAILQ_INSERT_BEFORE(other, c, link);
	else
		TAILQ_INSERT_TAIL(&g->consumers, c, link);
	g->n_consumers++;
}

void group_attach(struct group *g, struct consumer *c)
{
	insert_by_id(g, c);
	log_write(LOG_INFO, LOG_ABOUT(.group = group_get_name(g)), "consumer opened, %u now",
		  g->n_consumers);
	group_on_settled(g, c);
	group_note_wanted(g);
	group_update_interests(g);
	membership_want(g);
	if (c->pattern)
		pattern_start(c);
	state_save(g->daemon);
}

void group_detach(struct group *g, struct consumer *c)
{
	TAILQ_REMOVE(&g->consumers, c, link);
	g->n_consumers--;
	commit_forget(g, c);
	marks_forget(c);
	seek_forget(c);
	group_forget_resumes(g, c);
	group_note_wanted(g);
	log_write(LOG_INFO, LOG_ABOUT(.group = group_get_name(g)), "consumer closed, %u left",
		  g->n_consumers);
	group_update_interests(g);
	membership_advance(g);
	group_distribute(g);
	state_save(g->daemon);
	daemon_check_drained(g->daemon);
}

void group_tick(struct group *g)
{
	if (group_is_wanted(g))
		membership_want(g);
	group_update_interests(g);
	membership_tick(g);
	group_heal_stalls(g);
	listing_tick(g);
	commit_tick(g);
	heal_when_quiet(g);
}
