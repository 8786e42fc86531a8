/* SPDX-License-Identifier: MIT */
/* What a configuration means: values, defaults, inheritance, and every rule that refuses one. */
#include "tests/unit/test_config_fixture.h"

static const char *const kafka_keys[] = {"bootstrap.servers", "fetch.min.bytes", "sasl.password",
					 "fetch.max.bytes", NULL};

/* As librdkafka does: it knows kafka_keys, and repeats a value that it does not like. */
static int check_kafka_key(const char *key, const char *value, char *why, size_t n)
{
	for (size_t i = 0; kafka_keys[i]; i++) {
		if (strcmp(kafka_keys[i], key) != 0)
			continue;
		if (!strstr(value, "bad"))
			return 0;
		snprintf(why, n, "invalid value \"%s\"", value);
		return -EINVAL;
	}
	snprintf(why, n, "no such configuration property");
	return -ENOENT;
}

static void use_kafka_hooks(struct fixture *f)
{
	f->hooks.kafka_key_check = check_kafka_key;
	f->hooks.kafka_keys = kafka_keys;
}

/* ---- values -------------------------------------------------------------------------------- */

static void minimal_file_gives_every_default(void **state)
{
	struct fixture *f = *state;
	const struct config *c;

	assert_loads(f, MINIMAL "allow.dynamic = yes\n");
	c = f->config;
	assert_string_equal(c->file, f->file);
	assert_string_equal(c->name, "kgroupd");
	assert_string_equal(c->socket_path, "/run/kgroupd/kgroupd.sock");
	assert_string_equal(c->socket_group, "");
	assert_int_equal(c->socket_mode, 0660);
	assert_int_equal(c->log_level, 6);
	assert_int_equal(c->log_target, CONFIG_LOG_AUTO);
	assert_int_equal(c->memory_limit_bytes, 512 << 20);
	assert_int_equal(c->output_limit_bytes, 1 << 20);
	assert_int_equal(c->connections_max, 2000);
	assert_int_equal(c->connections_per_user, 500);
	assert_int_equal(c->handshake_timeout_ms, 5000);
	assert_int_equal(c->drain_timeout_ms, 10000);
	assert_int_equal(c->settle_delay_ms, 200);
	assert_int_equal(c->on_stop, CONFIG_ON_STOP_AUTO);
	assert_int_equal(c->n_groups, 0);
	assert_int_equal(c->n_clusters, 1);
	assert_string_equal(c->clusters[0].name, "main");
	assert_true(c->clusters[0].allow_dynamic);
	assert_int_equal(c->clusters[0].access.n_users, 0);
	assert_int_equal(f->errors.n_warnings, 0);
}

static void name_is_that_of_the_environment_unless_the_file_has_one(void **state)
{
	struct fixture *f = *state;
	char host[256] = "", instance_id[300], long_name[66] = "";

	setenv("KGROUPD_NAME", "second", 1);
	assert_loads(f, MINIMAL "[group orders]\n");
	assert_string_equal(f->config->name, "second");
	gethostname(host, sizeof(host) - 1);
	snprintf(instance_id, sizeof(instance_id), "%s-second", host);
	assert_string_equal(f->config->groups[0].instance_id, instance_id);
	assert_loads(f, "[daemon]\nname = two\n" MINIMAL "[group orders]\n");
	assert_string_equal(f->config->name, "two");
	setenv("KGROUPD_NAME", "", 1);
	assert_loads(f, MINIMAL "[group orders]\n");
	assert_string_equal(f->config->name, "kgroupd");
	setenv("KGROUPD_NAME", "a b", 1);
	assert_refuses(f, MINIMAL "[group orders]\n", 0, "not 'a b' of KGROUPD_NAME: write name =");
	memset(long_name, 'x', sizeof(long_name) - 1);
	setenv("KGROUPD_NAME", long_name, 1);
	assert_refuses(f, MINIMAL "[group orders]\n", 0, "of KGROUPD_NAME");
}

static void group_without_keys_has_every_default(void **state)
{
	struct fixture *f = *state;
	const struct config_group *g;
	char host[256] = "", instance_id[300];

	assert_loads(f, "[daemon]\nname = two\n" MINIMAL "[group orders]\n");
	g = config_find_group(f->config, "orders");
	assert_non_null(g);
	gethostname(host, sizeof(host) - 1);
	snprintf(instance_id, sizeof(instance_id), "%s-two", host);
	assert_string_equal(g->group_id, "orders");
	assert_string_equal(g->instance_id, instance_id);
	assert_ptr_equal(g->cluster, f->config->clusters);
	assert_int_equal(g->set, 0);
	assert_int_equal(g->strategy, CONFIG_STRATEGY_RANGE);
	assert_int_equal(g->session_timeout_ms, 30000);
	assert_int_equal(g->heartbeat_interval_ms, 3000);
	assert_int_equal(g->commit_interval_ms, 1000);
	assert_int_equal(g->commit_retries, 3);
	assert_int_equal(g->leave_delay_ms, 30000);
	assert_int_equal(g->initial_offset, CONFIG_INITIAL_LATEST);
	assert_string_equal(g->user_data, "");
	assert_int_equal(g->join, CONFIG_JOIN_ON_DEMAND);
	assert_int_equal(g->n_topics + g->n_kafka + g->access.n_users + g->access.n_groups, 0);
	assert_null(config_find_group(f->config, "other"));
}

static void every_key_reaches_its_field(void **state)
{
	struct fixture *f = *state;
	const struct config *c;
	const struct config_group *g;

	assert_loads(f,
		     "[daemon]\nname = n-1\nsocket.path = /tmp/s\nsocket.mode = 0600\n"
		     "socket.group = adm\nlog.level = debug\nlog.target = stderr\n"
		     "memory.limit = 64MiB\noutput.limit = 65536\nconnections.max = 10\n"
		     "connections.per.user = 9\nhandshake.timeout = 100ms\ndrain.timeout = 0\n"
		     "settle.delay = 1s\non.stop = leave\n"
		     "[cluster a]\nbootstrap.servers = a\n[cluster b]\nbootstrap.servers = b\n"
		     "allow.dynamic = on\nallow.users = u\nallow.groups = g, h\n"
		     "allow.topics = t*, u\n"
		     "[group x]\ngroup.id = some group\ncluster = b\ninstance.id = i\n"
		     "strategy = cooperative-sticky\nsession.timeout = 6s\n"
		     "heartbeat.interval = 2s\ninitial.offset = fail\ncommit.interval = 10ms\n"
		     "commit.retries = 0\nuser.data = \303\244\nleave.delay = 24h\njoin = always\n"
		     "topics = t1 t2,t3\nallow.users = *\nallow.groups = wheel\n"
		     "allow.units = billing@*.service, a.scope b*\n"
		     "kafka.fetch.min.bytes = 5\n");
	c = f->config;
	g = c->groups;
	assert_string_equal(c->name, "n-1");
	assert_string_equal(c->socket_path, "/tmp/s");
	assert_int_equal(c->socket_mode, 0600);
	assert_string_equal(c->socket_group, "adm");
	assert_int_equal(c->log_level, 7);
	assert_int_equal(c->log_target, CONFIG_LOG_STDERR);
	assert_int_equal(c->memory_limit_bytes, 64 << 20);
	assert_int_equal(c->output_limit_bytes, 65536);
	assert_int_equal(c->connections_max, 10);
	assert_int_equal(c->connections_per_user, 9);
	assert_int_equal(c->handshake_timeout_ms, 100);
	assert_int_equal(c->drain_timeout_ms, 0);
	assert_int_equal(c->settle_delay_ms, 1000);
	assert_int_equal(c->on_stop, CONFIG_ON_STOP_LEAVE);
	assert_int_equal(c->clusters[1].access.n_users, 1);
	assert_int_equal(c->clusters[1].access.n_groups, 2);
	assert_string_equal(c->clusters[1].access.groups[1], "h");
	assert_string_equal(c->clusters[1].access.topics[0], "t*");
	assert_string_equal(g->group_id, "some group");
	assert_ptr_equal(g->cluster, config_find_cluster(c, "b"));
	assert_string_equal(g->instance_id, "i");
	assert_int_equal(g->strategy, CONFIG_STRATEGY_COOPERATIVE_STICKY);
	assert_int_equal(g->session_timeout_ms, 6000);
	assert_int_equal(g->heartbeat_interval_ms, 2000);
	assert_int_equal(g->initial_offset, CONFIG_INITIAL_FAIL);
	assert_int_equal(g->commit_interval_ms, 10);
	assert_int_equal(g->commit_retries, 0);
	assert_string_equal(g->user_data, "\303\244");
	assert_int_equal(g->leave_delay_ms, 24 * 3600 * 1000);
	assert_int_equal(g->join, CONFIG_JOIN_ALWAYS);
	assert_int_equal(g->n_topics, 3);
	assert_string_equal(g->topics[2], "t3");
	assert_string_equal(g->access.users[0], "*");
	assert_string_equal(g->access.groups[0], "wheel");
	assert_int_equal(g->access.n_units, 3);
	assert_string_equal(g->access.units[2], "b*");
	assert_string_equal(g->kafka[0].key, "fetch.min.bytes");
	assert_int_equal(g->set, 0x7f);
}

static void choices_stand_in_the_order_of_the_enumerators(void **state)
{
	static const struct {
		const char *text;
		int strategy, initial;
	} cases[] = {
		{"strategy = range\ninitial.offset = latest\n", CONFIG_STRATEGY_RANGE,
		 CONFIG_INITIAL_LATEST},
		{"strategy = roundrobin\ninitial.offset = earliest\n", CONFIG_STRATEGY_ROUNDROBIN,
		 CONFIG_INITIAL_EARLIEST},
		{"strategy = cooperative-sticky\ninitial.offset = fail\n",
		 CONFIG_STRATEGY_COOPERATIVE_STICKY, CONFIG_INITIAL_FAIL},
	};
	struct fixture *f = *state;
	char text[256];

	for (size_t i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), MINIMAL "[group a]\n%s", cases[i].text);
		assert_loads(f, text);
		assert_int_equal(f->config->groups[0].strategy, cases[i].strategy);
		assert_int_equal(f->config->groups[0].initial_offset, cases[i].initial);
	}
	assert_loads(f,
		     "[daemon]\nlog.level = emerg\nlog.target = journal\n" MINIMAL "[group a]\n");
	assert_int_equal(f->config->log_level, 0);
	assert_int_equal(f->config->log_target, CONFIG_LOG_JOURNAL);
}

static void explicit_defaults_are_noted_as_set(void **state)
{
	struct fixture *f = *state;

	assert_loads(f, MINIMAL "[group a]\nstrategy = range\nsession.timeout = 30s\n"
				"leave.delay = 5s\ngroup.id = b\n");
	assert_int_equal(f->config->groups[0].set,
			 CONFIG_SET_STRATEGY | CONFIG_SET_SESSION_TIMEOUT);
}

static void heartbeat_default_follows_a_short_session_timeout(void **state)
{
	struct fixture *f = *state;

	assert_loads(f, MINIMAL "[group a]\nsession.timeout = 6s\n");
	assert_int_equal(f->config->groups[0].heartbeat_interval_ms, 2000);
	assert_false(f->config->groups[0].set & CONFIG_SET_HEARTBEAT_INTERVAL);
}

static void bad_values_say_form_range_and_what_was_given(void **state)
{
	static const char *const cases[][2] = {
		{"handshake.timeout = 5",
		 "whole number with a unit (ms, s, m, h) in 100ms..10m, not '5'"},
		{"handshake.timeout = 11m", "100ms..10m, not '11m'"},
		{"memory.limit = 31MiB", "32MiB..1024GiB, not '31MiB'"},
		{"memory.limit = 1G", "(B, KiB, MiB, GiB; none = bytes)"},
		{"socket.mode = 0888", "octal mode in 0000..0777, not '0888'"},
		{"socket.mode = 01777", "octal mode in 0000..0777"},
		{"connections.max = many", "whole number in 1..100000, not 'many'"},
		{"log.level = loud",
		 "one of emerg|alert|crit|err|warning|notice|info|debug, not 'loud'"},
		{"name =", "has 0 bytes and must have 1..64"},
		{"name = a/b", "letters, digits"},
		{"socket.path = run/x", "absolute"},
		{"drain.timeout = 5s # quick", "a comment needs a line of its own"},
		{"drain.timeout = 5s ; quick", "a comment needs a line of its own"},
		{"name = \"x\"", "without quotes"},
	};
	char text[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), MINIMAL "allow.dynamic = yes\n[daemon]\n%s\n",
			 cases[i][0]);
		assert_refuses(*state, text, 5, cases[i][1]);
	}
}

static void long_bad_values_are_shown_short_and_printable(void **state)
{
	struct fixture *f = *state;
	char text[1024];

	snprintf(text, sizeof(text), MINIMAL "[group a]\nstrategy = \033[31m%0500d\n", 1);
	assert_refuses(f, text, 4, "not '?[31m0000");
	assert_true(strlen(f->errors.errors[0].text) < 300);
}

static void bad_bool_says_yes_or_no(void **state)
{
	assert_refuses(*state, MINIMAL "allow.dynamic = maybe\n[group a]\n", 3,
		       "must be yes or no, not 'maybe'");
}

/* ---- names --------------------------------------------------------------------------------- */

static void unknown_keys_are_answered_with_the_nearest(void **state)
{
	static const char *const cases[][2] = {
		{"[daemon]\nmemory.limt = 1GiB\n", "did you mean 'memory.limit'?"},
		{"[daemon]\nzzzzzzzz = 1\n",
		 "unknown key 'zzzzzzzz' in [daemon]: see kgroupd.conf(5)"},
		{"[group a]\nsession.timout = 1s\n", "did you mean 'session.timeout'?"},
		{"[group a]\nlog.level = info\n", "belongs in a section [daemon]"},
		{"[kafka]\nsession.timeout = 1s\n", "belongs in a section [group NAME]"},
		{"[kafka]\nallow.dynamic = yes\n", "belongs in a section [cluster NAME]"},
		{"[kafka]\nkafka.fetch.min.bytes = 1\n", "'kafka.' is written before"},
		{"[group a]\nfetch.min.bytes = 1\n", "write kafka.fetch.min.bytes in [group NAME]"},
		{"[group a]\nkafka.fetch.min.byte = 1\n", "did you mean 'fetch.min.bytes'?"},
		{"[group a]\nkafka. = 1\n", "unknown setting ''"},
		{"[kafka]\nallow.dynamc = 1\n", "did you mean 'allow.dynamic'?"},
		{"[kafka]\nzzzzzzzz = 1\n", "CONFIGURATION.md"},
	};
	struct fixture *f = *state;
	char text[256];

	use_kafka_hooks(f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), MINIMAL "allow.dynamic = yes\n%s", cases[i][0]);
		assert_refuses(f, text, 5, cases[i][1]);
	}
}

static void bad_sections_say_which_there_are(void **state)
{
	static const char *const cases[][2] = {
		{"[damon]", "did you mean 'daemon'? there are [daemon]"},
		{"[groups x]", "did you mean 'group'?"},
		{"[colour]", "unknown section [colour]: there are [daemon]"},
		{"[default]", "unknown section [default]"},
		{"[daemon x]", "takes no name"},
		{"[kafka x]", "takes no name"},
		{"[cluster]", "needs a name"},
		{"[group]", "needs a name"},
		{"[group a b]", "has a space in its name"},
	};
	char text[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), MINIMAL "allow.dynamic = yes\n%s\n", cases[i][0]);
		assert_refuses(*state, text, 4, cases[i][1]);
	}
}

/* ---- rules --------------------------------------------------------------------------------- */

static void rules_between_settings_name_the_line_to_mend(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
		const char *words;
	} cases[] = {
		{"[cluster a]\nallow.dynamic = yes\n", 1, "no bootstrap.servers"},
		{"[cluster a]\nallow.dynamic = yes\nbootstrap.servers =\n", 1,
		 "no bootstrap.servers"},
		{"[daemon]\nname = x\n", 0, "no cluster: write a section [cluster main]"},
		{MINIMAL, 0, "nothing that clients may open"},
		{MINIMAL "[group a]\nheartbeat.interval = 11s\n", 4,
		 "above a third of session.timeout (30000 ms): lower it to 10000 ms"},
		{MINIMAL "[group a]\nsession.timeout = 10m\n", 4,
		 "write kafka.max.poll.interval.ms = 600000"},
		{MINIMAL "max.poll.interval.ms = 20000\n[group a]\n", 3,
		 "is below session.timeout (30000 ms) of [group a]"},
		{MINIMAL "[group a]\njoin = always\n", 4, "no topics: write topics ="},
		{MINIMAL "[group a]\njoin = always\ntopics = x/y\n", 5,
		 "'x/y' is no name of a topic"},
		{MINIMAL "[group a]\njoin = always\ntopics = ..\n", 5,
		 "'..' is no name of a topic"},
		{MINIMAL "[group a]\njoin = always\ntopics = x, y, x\n", 5, "names 'x' twice"},
		{MINIMAL "allow.dynamic = yes\nallow.topics = ok*, *bad\n", 4, "'*bad' is no name"},
		{MINIMAL "[group a]\ninstance.id = a b\n", 4, "instance.id 'a b' must be"},
		{MINIMAL "[group a]\ncluster = mian\n", 4, "did you mean 'main'?"},
		{MINIMAL "[group a]\ncluster = elsewhere\n", 4,
		 "no section [cluster elsewhere]: write"},
		{MINIMAL "[cluster b]\nbootstrap.servers = x\n[group a]\n", 5,
		 "which of the 2 clusters"},
		{MINIMAL "[group a]\n[group b]\ngroup.id = a\n", 5,
		 "[group a] and [group b] are the same group 'a'"},
		{MINIMAL "client.id = x\n[group a]\nuser.data = y\n", 5, "remove one of the two"},
		{MINIMAL "[group a]\nkafka.group.protocol = consumer\nsession.timeout = 9s\n", 5,
		 "broker's choice with group.protocol = consumer"},
		{MINIMAL "[group a]\n[daemon]\nconnections.max = 5\nconnections.per.user = 6\n", 6,
		 "above connections.max (5)"},
		{MINIMAL "[group a]\n[daemon]\nmemory.limit = 32MiB\noutput.limit = 17MiB\n", 6,
		 "half of memory.limit"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refuses(*state, cases[i].text, cases[i].line, cases[i].words);
}

static void settings_at_the_edge_of_a_rule_are_taken(void **state)
{
	struct fixture *f = *state;

	assert_loads(f, MINIMAL "[group a]\nheartbeat.interval = 10s\n");
	assert_loads(f, MINIMAL "[group a]\nsession.timeout = 10m\n"
				"kafka.max.poll.interval.ms = 600000\n");
	assert_loads(f, MINIMAL "[group a]\nkafka.group.protocol = consumer\nstrategy = range\n");
	assert_loads(f,
		     MINIMAL "[group a]\nsession.timeout = 9s\nkafka.group.protocol = classic\n");
	assert_loads(f, "[kafka]\nbootstrap.servers = x\n[cluster a]\nallow.dynamic = yes\n");
	assert_loads(f, "[cluster a]\nallow.dynamic = yes\ntest.mock.num.brokers = 3\n");
	assert_loads(f, "[cluster a]\nallow.dynamic = yes\nmetadata.broker.list = x\n");
	assert_loads(f, "[daemon]\nconnections.max = 5\n" MINIMAL "[group a]\n");
	assert_loads(f,
		     MINIMAL "[cluster b]\nbootstrap.servers = x\n"
			     "[group a]\ncluster = main\n[group c]\ncluster = b\ngroup.id = a\n");
}

static void a_unit_needs_its_whole_name(void **state)
{
	assert_refuses(*state, MINIMAL "[group a]\nallow.units = a.service billing\n", 4,
		       "'billing' in allow.units matches no unit: write its whole name, as "
		       "billing.service");
	assert_refuses(*state, MINIMAL "[group a]\nallow.units = bill/ing.service\n", 4,
		       "in allow.units matches no unit");
	assert_refuses(*state, MINIMAL "allow.dynamic = yes\nallow.units = a.target\n", 4,
		       "in allow.units matches no unit");
}

static void settings_without_effect_are_warnings(void **state)
{
	struct fixture *f = *state;

	assert_loads(f, MINIMAL "allow.users = x\n[group a]\ntopics = t\n");
	assert_int_equal(f->errors.n_warnings, 2);
	assert_warning(f, 1, "do nothing without allow.dynamic = yes");
	assert_warning(f, 5, "does nothing without join = always");
}

static void refused_value_is_one_error_and_no_more(void **state)
{
	assert_refuses(*state,
		       MINIMAL "[group a]\nsession.timeout = 0s\nheartbeat.interval = 15s\n", 4,
		       "1s..1h");
	assert_refuses(*state, MINIMAL "[group a]\njoin = always\ntopics = a a\n", 5, "twice");
	assert_refuses(*state, MINIMAL "[group a]\ncluster =\n[cluster b]\nbootstrap.servers = x\n",
		       4, "1..255");
	assert_refuses(*state, MINIMAL "[group a]\ngroup.id =\n", 4, "1..255");
}

/* ---- settings of librdkafka ---------------------------------------------------------------- */

static void kafka_settings_are_inherited_and_overridden(void **state)
{
	struct fixture *f = *state;
	const struct config_cluster *c;
	const struct config_group *g;

	assert_loads(f, "[group x]\ncluster = b\nkafka.c = group\n"
			"[cluster a]\nb = a\n"
			"[cluster b]\nb = b\n"
			"[kafka]\nbootstrap.servers = h\na = kafka\nb = kafka\nc = kafka\n");
	c = config_find_cluster(f->config, "b");
	assert_int_equal(c->n_kafka, 4);
	assert_string_equal(find_pair(c->kafka, 4, "a"), "kafka");
	assert_string_equal(find_pair(c->kafka, 4, "b"), "b");
	assert_string_equal(find_pair(config_find_cluster(f->config, "a")->kafka, 4, "b"), "a");
	g = f->config->groups;
	assert_int_equal(g->n_kafka, 1);
	assert_string_equal(config_group_find_kafka(g, "c")->value, "group");
	assert_string_equal(config_group_find_kafka(g, "a")->value, "kafka");
	assert_int_equal(config_group_find_kafka(g, "a")->line, 10);
	assert_string_equal(config_group_find_kafka(g, "a")->file, f->file);
	assert_null(config_group_find_kafka(g, "d"));
}

static void keys_of_the_daemon_name_the_key_to_use(void **state)
{
	static const char *const cases[][2] = {
		{"group.instance.id", "write instance.id in [group NAME]"},
		{"session.timeout.ms", "write session.timeout in [group NAME]"},
		{"heartbeat.interval.ms", "write heartbeat.interval in [group NAME]"},
		{"partition.assignment.strategy", "write strategy in [group NAME]"},
		{"auto.offset.reset", "write initial.offset in [group NAME]"},
		{"auto.commit.interval.ms", "write commit.interval in [group NAME]"},
		{"enable.auto.commit", "every commit.interval"},
		{"enable.auto.offset.store", "clients mark"},
		{"topic.blacklist", "remove it"},
		{"enable.partition.eof", "remove it"},
		{"log.queue", "log.level"},
		{"log_level", "log.level"},
		{"statistics.interval.ms", "remove it"},
		{"queue.buffering.max.ms", "producers"},
		{"queue.buffering.max.messages", "producers"},
	};
	struct fixture *f = *state;
	char text[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), MINIMAL "%s = 1\n[group a]\n", cases[i][0]);
		assert_refuses(f, text, 3, cases[i][1]);
		snprintf(text, sizeof(text), MINIMAL "[group a]\nkafka.%s = 1\n", cases[i][0]);
		assert_refuses(f, text, 4, cases[i][1]);
		snprintf(text, sizeof(text), MINIMAL "[group a]\n%s = 1\n", cases[i][0]);
		assert_refuses(f, text, 4, cases[i][1]);
	}
	assert_refuses(f, MINIMAL "group.id = 1\n[group a]\n", 3, "write group.id in");
	assert_refuses(f, MINIMAL "[group a]\nkafka.group.id = 1\n", 4, "write group.id in");
	assert_loads(f, MINIMAL "group.protocol = consumer\n[group a]\n");
	assert_refuses(f, MINIMAL "group.protocol = consumer\n[group a]\nsession.timeout = 9s\n", 5,
		       "broker's choice with group.protocol = consumer");
	assert_refuses(f, MINIMAL "group.remote.assignor = range\n[group a]\n", 3,
		       "write strategy in [group NAME]");
	assert_loads(f, MINIMAL "client.id = me\nqueued.min.messages = 5\n[group a]\n");
}

static void judgement_of_librdkafka_is_passed_on(void **state)
{
	struct fixture *f = *state;

	use_kafka_hooks(f);
	assert_loads(f, MINIMAL "fetch.min.bytes = 1\n[group a]\nkafka.fetch.max.bytes = 2\n");
	assert_refuses(f, MINIMAL "fetch.min.bytes = bad\n[group a]\n", 3,
		       "fetch.min.bytes: invalid value \"bad\"");
	assert_refuses(f, MINIMAL "[group a]\nkafka.fetch.min.bytes = bad\n", 4,
		       "fetch.min.bytes: invalid value \"bad\"");
}

static void refused_secrets_are_not_repeated(void **state)
{
	struct fixture *f = *state;

	use_kafka_hooks(f);
	assert_refuses(f, MINIMAL "sasl.password = bad-hunter2\n[group a]\n", 3,
		       "librdkafka refuses its (secret) value");
	assert_null(strstr(f->errors.errors[0].text, "hunter2"));
	assert_refuses(f, MINIMAL "sasl.pasword = hunter2\n[group a]\n", 3,
		       "did you mean 'sasl.password'?");
	assert_null(strstr(f->errors.errors[0].text, "hunter2"));
	assert_refuses(f, MINIMAL "[group a]\nsasl.password = hunter2\n", 4, "kafka.sasl.password");
	assert_null(strstr(f->errors.errors[0].text, "hunter2"));
}

/* ---- groups that are not in the file ------------------------------------------------------- */

static void dynamic_group_has_defaults_and_the_access_of_its_cluster(void **state)
{
	struct fixture *f = *state;
	struct config_group *g;

	assert_loads(f, MINIMAL "allow.dynamic = yes\nallow.users = a, b\nallow.topics = t*\n");
	g = config_group_new_dynamic(f->config, f->config->clusters, "adhoc");
	assert_string_equal(g->alias, "adhoc");
	assert_string_equal(g->group_id, "adhoc");
	assert_ptr_equal(g->cluster, f->config->clusters);
	assert_int_equal(g->set, 0);
	assert_int_equal(g->session_timeout_ms, 30000);
	assert_int_equal(g->heartbeat_interval_ms, 3000);
	assert_int_equal(g->access.n_users, 2);
	assert_string_equal(g->access.users[1], "b");
	assert_string_equal(g->access.topics[0], "t*");
	assert_string_equal(config_group_find_kafka(g, "bootstrap.servers")->value,
			    "localhost:9092");
	assert_null(config_group_free(g));
}

static void nothing_is_freed_without_complaint(void **state)
{
	struct config_errors errors = {0};
	struct config_changes changes = {0};

	assert_null(config_free(NULL));
	assert_null(config_group_free(NULL));
	config_errors_deinit(&errors);
	config_changes_deinit(&changes);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(minimal_file_gives_every_default),
		TEST(name_is_that_of_the_environment_unless_the_file_has_one),
		TEST(group_without_keys_has_every_default),
		TEST(every_key_reaches_its_field),
		TEST(choices_stand_in_the_order_of_the_enumerators),
		TEST(explicit_defaults_are_noted_as_set),
		TEST(heartbeat_default_follows_a_short_session_timeout),
		TEST(bad_values_say_form_range_and_what_was_given),
		TEST(long_bad_values_are_shown_short_and_printable),
		TEST(bad_bool_says_yes_or_no),
		TEST(unknown_keys_are_answered_with_the_nearest),
		TEST(bad_sections_say_which_there_are),
		TEST(rules_between_settings_name_the_line_to_mend),
		TEST(refused_value_is_one_error_and_no_more),
		TEST(settings_at_the_edge_of_a_rule_are_taken),
		TEST(a_unit_needs_its_whole_name),
		TEST(settings_without_effect_are_warnings),
		TEST(kafka_settings_are_inherited_and_overridden),
		TEST(keys_of_the_daemon_name_the_key_to_use),
		TEST(judgement_of_librdkafka_is_passed_on),
		TEST(refused_secrets_are_not_repeated),
		TEST(dynamic_group_has_defaults_and_the_access_of_its_cluster),
		TEST(nothing_is_freed_without_complaint),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
