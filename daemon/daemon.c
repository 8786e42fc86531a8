/* SPDX-License-Identifier: MIT */
/*
 * The process: one thread, one loop, everything it owns, and the order in which it ends.
 *
 * Owns the clusters, groups, connections, the listening socket, the state file and the pump. The
 * tick, once a second, polls every handle (a member is alive as long as this loop turns), reads our
 * size in memory, looks after slow readers, and feeds the watchdog. Stopping: no new clients,
 * claims are released with drain.timeout to mark, the service manager is asked whether this is a
 * restart, groups commit and close, then the loop ends; a second signal skips what is left. Order
 * of the end: 1 connections (their consumers detach), 2 groups (their handles are gone by then, or
 * are given up), 3 socket and state file, 4 clusters (their helper threads finish, or are left
 * behind), 5 events, 6 the loop.
 */
#include "daemon/daemon.h"

#include "daemon/claim.h"
#include "daemon/cluster.h"
#include "daemon/connection.h"
#include "daemon/consumer.h"
#include "daemon/group.h"
#include "daemon/log.h"
#include "daemon/manager.h"
#include "daemon/memory.h"
#include "daemon/notify.h"
#include "daemon/pattern.h"
#include "daemon/server.h"
#include "daemon/state.h"
#include "daemon/turn.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

enum { TURNS_PER_PUMP = 16, GO_BACK_MS = 200, MOST_DESCRIPTORS = 65536 };

uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Unique over restarts: the start's milliseconds are in the high bits, and fewer than 2^20 are used
 * in one. */
static uint64_t first_epoch(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ((uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000) << 20;
}

uint64_t daemon_next_epoch(struct daemon *d)
{
	return ++d->epoch;
}

/* ---- look-ups -------------------------------------------------------------------------------- */

struct cluster *daemon_find_cluster(struct daemon *d, const char *name)
{
	struct cluster *c, *first = TAILQ_FIRST(&d->clusters);

	if (!*name)
		return first && !TAILQ_NEXT(first, link) ? first : NULL;
	TAILQ_FOREACH (c, &d->clusters, link)
		if (!strcmp(c->config->name, name))
			break;
	return c;
}

struct group *daemon_find_group(struct daemon *d, const char *cluster, const char *name)
{
	struct group *g;

	TAILQ_FOREACH (g, &d->groups, link)
		if ((!*cluster || !strcmp(cluster, g->cluster->config->name)) &&
		    (!strcmp(name, group_get_name(g)) || !strcmp(name, g->config->group_id)))
			return g;
	return NULL;
}

struct consumer *daemon_find_consumer(struct daemon *d, const uint8_t *id)
{
	struct consumer *c = NULL;
	struct group *g;

	TAILQ_FOREACH (g, &d->groups, link)
		if ((c = group_find_consumer(g, id)))
			break;
	return c;
}

/* ---- the pump -------------------------------------------------------------------------------- */

/* A timer of 0 and no activation: libevent calls what activates itself again before it looks at a
 * socket, so that for as long as there is something to send nobody would be read. */
void daemon_pump(struct daemon *d)
{
	static const struct timeval soon = {0, 0};

	if (!evtimer_pending(d->pump_event, NULL))
		evtimer_add(d->pump_event, &soon);
}

/* A few turns, then the sockets have theirs. */
static void on_pump(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	struct consumer *c;
	int i;

	for (i = 0; i < TURNS_PER_PUMP && (c = TAILQ_FIRST(&d->pump)); i++) {
		TAILQ_REMOVE(&d->pump, c, pump_link);
		c->pumped = delivery_turn(c);
		if (c->pumped)
			TAILQ_INSERT_TAIL(&d->pump, c, pump_link);
	}
	if (!TAILQ_EMPTY(&d->pump))
		daemon_pump(d);
}

void daemon_retry_stalled(struct daemon *d)
{
	struct consumer *c;
	struct group *g;

	TAILQ_FOREACH (g, &d->groups, link)
		TAILQ_FOREACH (c, &g->consumers, link)
			if (c->stalled) {
				c->stalled = false;
				consumer_wake(c);
			}
}

/* ---- the tick -------------------------------------------------------------------------------- */

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	struct connection *c;
	struct cluster *cluster;
	struct group *g, *next;

	d->ticks++;
	memory_tick(d);
	quota_tick(&d->quota, now_us());
	daemon_retry_stalled(d);
	TAILQ_FOREACH (c, &d->connections, link)
		connection_tick(c);
	for (g = TAILQ_FIRST(&d->groups); g; g = next) {
		next = TAILQ_NEXT(g, link);
		group_tick(g);
		if (group_is_over(g))
			group_free(g);
	}
	TAILQ_FOREACH (cluster, &d->clusters, link)
		light_tick(cluster);
	server_go_on(d->server);
	service_tick(d);
	daemon_check_drained(d);
}

/* The loop turns: that is all it says, and all that WatchdogSec= asks. */
static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	service_alive();
}

/* ---- reload ---------------------------------------------------------------------------------- */

static void set_limits(struct daemon *d)
{
	const struct config *config = d->config;

	log_set_level(config->log_level);
	d->quota.limit[QUOTA_CONNECTIONS] = config->connections_max;
	d->quota.limit_per_user[QUOTA_CONNECTIONS] = config->connections_per_user;
	d->quota.limit[QUOTA_BUFFERS] = UINT64_MAX; /* else one user's could be another's refusal */
	d->quota.limit[QUOTA_QUERIES] = UINT64_MAX;
	d->quota.limit_per_user[QUOTA_QUERIES] = QUERIES_OF_USER;
	d->quota.limit[QUOTA_IN_FLIGHT] = UINT64_MAX;
	d->quota.limit_per_user[QUOTA_IN_FLIGHT] =
		config->in_flight_per_user ? config->in_flight_per_user : UINT64_MAX;
	d->quota.requests_per_s = config->requests_per_user;
}

static void reload_access(struct daemon *d)
{
	struct access_rule rule;
	struct cluster *c;
	struct group *g;

	TAILQ_FOREACH (c, &d->clusters, link)
		if (!access_load(&rule, &c->config->access)) {
			access_deinit(&c->access);
			c->access = rule;
		}
	TAILQ_FOREACH (g, &d->groups, link)
		if (!g->dynamic && !access_load(&rule, &g->config->access)) {
			access_deinit(&g->access);
			g->access = rule;
		}
}

static const struct config_hooks hooks = {.kafka_key_check = kafka_setting_check};

static void log_changes(const struct config_changes *changes)
{
	size_t i;

	for (i = 0; i < changes->n_applied; i++)
		log_write(LOG_NOTICE, NULL, "reload: %s", changes->applied[i]);
	for (i = 0; i < changes->n_refused; i++)
		log_write(LOG_WARNING, NULL, "reload: %s: not changed, needs a restart",
			  changes->refused[i]);
	if (!changes->n_applied && !changes->n_refused)
		log_write(LOG_NOTICE, NULL, "reload: nothing changed");
}

static void reload(struct daemon *d)
{
	struct config_hooks with_names = hooks;
	struct config_changes changes = {0};
	struct config_errors errors = {0};
	struct config *fresh = NULL;
	size_t i;

	with_names.kafka_keys = kafka_setting_names();
	service_reloading(d);
	if (config_load(d->config->file, &with_names, &fresh, &errors)) {
		for (i = 0; i < errors.n_errors; i++)
			log_write(LOG_ERR, NULL, "%s", errors.errors[i].text);
		log_write(LOG_ERR, NULL, "reload: the file has errors; everything stays as it is");
	} else {
		config_reload(d->config, fresh, &changes);
		set_limits(d);
		memory_set_budget(d);
		reload_access(d);
		log_changes(&changes);
	}
	service_reloaded(d, errors.n_errors ? errors.errors[0].text : NULL);
	config_free(fresh);
	config_changes_deinit(&changes);
	config_errors_deinit(&errors);
}

/* ---- stopping -------------------------------------------------------------------------------- */

static void exit_loop(struct daemon *d)
{
	d->exiting = true;
	event_base_loopbreak(d->base);
}

static bool has_claims(const struct daemon *d)
{
	struct partition *p;
	struct group *g;

	TAILQ_FOREACH (g, &d->groups, link)
		TAILQ_FOREACH (p, &g->partitions, link)
			if (p->claim)
				return true;
	return false;
}

static void say_goodbye(struct daemon *d)
{
	struct connection *c;

	TAILQ_FOREACH (c, &d->connections, link)
		connection_send(c, KGP_T_goaway,
				&(struct kgp_goaway){kgp_text("stop"), GO_BACK_MS});
}

/* Goes on with stopping when the claims, and then the groups, are done. */
void daemon_check_drained(struct daemon *d)
{
	struct group *g;

	if (!d->draining || !d->is_told || d->exiting || has_claims(d))
		return;
	if (!d->left) {
		d->left = true;
		if (d->leaves)
			state_remove(d);
		TAILQ_FOREACH (g, &d->groups, link)
			membership_leave(g, d->leaves);
	}
	TAILQ_FOREACH (g, &d->groups, link)
		if (!membership_is_over(g))
			return;
	say_goodbye(d);
	exit_loop(d);
}

static void on_drain_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;

	log_write(LOG_WARNING, NULL,
		  "not drained and left in time: stops now; what is not committed comes again");
	exit_loop(d);
}

static void release_all(struct daemon *d)
{
	struct claim *claim, *next;
	struct consumer *c;
	struct group *g;

	TAILQ_FOREACH (g, &d->groups, link)
		TAILQ_FOREACH (c, &g->consumers, link)
			for (claim = TAILQ_FIRST(&c->claims); claim; claim = next) {
				next = TAILQ_NEXT(claim, link);
				claim_release(claim, d->config->drain_timeout_ms, "stop");
			}
}

static void on_told(void *arg, const struct stopping_facts *facts)
{
	struct daemon *d = arg;
	const char *why;

	d->is_told = true;
	d->leaves = stopping_leaves((enum stopping_policy)d->config->on_stop, facts, &why);
	log_write(LOG_NOTICE, NULL, "the place in each group is %s: %s",
		  d->leaves ? "given to other hosts" : "kept", why);
	daemon_check_drained(d);
}

/* Asked at once: the answer is there long before the last mark. */
static void ask_why(struct daemon *d)
{
	if (d->config->on_stop == CONFIG_ON_STOP_AUTO)
		d->manager = manager_ask(d->base, on_told, d);
	else
		on_told(d, NULL);
}

void daemon_stop(struct daemon *d)
{
	struct timeval tv = {d->config->drain_timeout_ms / 1000 + 10, 0};

	if (d->draining) {
		log_write(LOG_WARNING, NULL, "stops now");
		exit_loop(d);
		return;
	}
	log_write(LOG_NOTICE, NULL, "stopping: waits up to %u ms for consumers to mark",
		  d->config->drain_timeout_ms);
	d->draining = true;
	service_stopping(d);
	server_stop(d->server);
	evtimer_add(d->drain_timer, &tv);
	release_all(d);
	ask_why(d);
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	if (sig == SIGHUP)
		reload(arg);
	else
		daemon_stop(arg);
}

/* ---- birth and death ------------------------------------------------------------------------- */

static int add_events(struct daemon *d)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	struct timeval second = {1, 0};
	size_t i;

	d->tick = event_new(d->base, -1, EV_PERSIST, on_tick, d);
	d->drain_timer = evtimer_new(d->base, on_drain_timeout, d);
	d->pump_event = evtimer_new(d->base, on_pump, d);
	if (!d->tick || !d->drain_timer || !d->pump_event || event_add(d->tick, &second))
		return -ENOMEM;
	for (i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		d->signals[i] = evsignal_new(d->base, signals[i], on_signal, d);
		if (!d->signals[i] || event_add(d->signals[i], NULL))
			return -ENOMEM;
	}
	return 0;
}

/* Twice in the time that the unit allows, as sd_watchdog_enabled(3) advises. */
static int add_watchdog(struct daemon *d)
{
	struct timeval half;
	uint64_t usec;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return 0;
	half = (struct timeval){(time_t)(usec / 2000000), (suseconds_t)(usec / 2 % 1000000)};
	d->watchdog = event_new(d->base, -1, EV_PERSIST, on_watchdog, d);
	return d->watchdog && !event_add(d->watchdog, &half) ? 0 : -ENOMEM;
}

static int open_clusters_and_groups(struct daemon *d)
{
	struct cluster *c;
	struct group *g;
	size_t i;
	int r = 0;

	for (i = 0; i < d->config->n_clusters && !r; i++)
		r = cluster_open(&c, d, &d->config->clusters[i]);
	for (i = 0; i < d->config->n_groups && !r; i++) {
		TAILQ_FOREACH (c, &d->clusters, link)
			if (c->config == d->config->groups[i].cluster)
				break;
		r = group_open(&g, d, c, &d->config->groups[i], NULL);
	}
	return r;
}

static void join_groups(struct daemon *d)
{
	struct group *g;

	state_load(d);
	TAILQ_FOREACH (g, &d->groups, link)
		if (group_is_wanted(g))
			membership_want(g);
}

/* A connection takes two, and a shell's soft limit is 1024. What the administrator made hard stays.
 */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= MOST_DESCRIPTORS)
		return;
	limit.rlim_cur = limit.rlim_max < MOST_DESCRIPTORS ? limit.rlim_max : MOST_DESCRIPTORS;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int daemon_open(struct daemon *d, struct config *config)
{
	int r;

	*d = (struct daemon){.config = config, .epoch = first_epoch(), .start_us = now_us()};
	TAILQ_INIT(&d->clusters);
	TAILQ_INIT(&d->groups);
	TAILQ_INIT(&d->connections);
	TAILQ_INIT(&d->pump);
	quota_init(&d->quota);
	set_limits(d);
	signal(SIGPIPE, SIG_IGN);
	raise_descriptor_limit();
	notify_open();
	d->base = event_base_new();
	if (!d->base)
		return -ENOMEM;
	memory_open(d);
	r = add_events(d);
	if (!r)
		r = add_watchdog(d);
	if (!r)
		r = turn_open(d);
	if (!r)
		r = pattern_open(d);
	if (!r)
		r = state_open(&d->state, d);
	if (!r)
		r = open_clusters_and_groups(d);
	if (!r)
		r = server_open(&d->server, d);
	if (!r)
		join_groups(d);
	return r;
}

int daemon_run(struct daemon *d)
{
	size_t n_clusters = d->config->n_clusters, n_groups = d->config->n_groups;
	char address[128];

	server_get_address(d->server, address, sizeof(address));
	log_write(LOG_NOTICE, NULL,
		  "kgroupd %s with librdkafka %s listens on %s: %zu cluster%s, %zu group%s",
		  KGROUPD_VERSION, kafka_library_version(), address, n_clusters, PLURAL(n_clusters),
		  n_groups, PLURAL(n_groups));
	service_ready(d);
	event_base_dispatch(d->base);
	return d->exit_status;
}

static void close_groups(struct daemon *d)
{
	struct group *g;

	TAILQ_FOREACH (g, &d->groups, link)
		membership_abandon(g);
	while ((g = TAILQ_FIRST(&d->groups)))
		group_free(g);
}

void daemon_close(struct daemon *d)
{
	struct connection *c;
	size_t i;

	d->draining = true;
	while ((c = TAILQ_FIRST(&d->connections)))
		connection_free(c);
	close_groups(d);
	server_free(d->server);
	state_free(d->state);
	while (!TAILQ_EMPTY(&d->clusters))
		cluster_free(TAILQ_FIRST(&d->clusters));
	for (i = 0; i < sizeof(d->signals) / sizeof(*d->signals); i++)
		if (d->signals[i])
			event_free(d->signals[i]);
	if (d->tick)
		event_free(d->tick);
	if (d->watchdog)
		event_free(d->watchdog);
	if (d->drain_timer)
		event_free(d->drain_timer);
	if (d->pump_event)
		event_free(d->pump_event);
	pattern_close(d);
	memory_close(d);
	d->manager = manager_free(d->manager);
	turn_close(d);
	if (d->base)
		event_base_free(d->base);
	notify_close();
	quota_deinit(&d->quota);
	config_free(d->config);
}
