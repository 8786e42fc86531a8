/* SPDX-License-Identifier: MIT */
/* Opening a consumer: what is asked, what is refused, and what is said when there is no daemon. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/test_client_fake.h"

#include "proto/settings.h"

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const topics[] = {"t", "u.v_w-x"};

/* ---- arguments and options ------------------------------------------------------------------- */

static void test_arguments_that_cannot_be(void **state)
{
	const char *const bad[] = {"a b"};
	const char *const dot[] = {".."};
	const char *const null[] = {NULL};
	struct kg_consumer *c = NULL;
	char long_name[300];
	struct kg_error e;

	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = 0;
	assert_int_equal(kg_consumer_open(NULL, "g", topics, 1, NULL, &e), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_open(&c, NULL, topics, 1, NULL, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_open(&c, "", topics, 1, NULL, &e), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_open(&c, long_name, topics, 1, NULL, &e), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_open(&c, "\xff", topics, 1, NULL, &e), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_open(&c, "g", NULL, 1, NULL, &e), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_open(&c, "g", topics, 2000, NULL, &e), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_open(&c, "g", topics, 0, NULL, &e), KG_ERR_NO_TOPICS);
	assert_int_equal(kg_consumer_open(&c, "g", bad, 1, NULL, &e), KG_ERR_BAD_TOPIC);
	assert_non_null(strstr(e.text, "a b"));
	assert_int_equal(kg_consumer_open(&c, "g", dot, 1, NULL, &e), KG_ERR_BAD_TOPIC);
	assert_int_equal(kg_consumer_open(&c, "g", null, 1, NULL, &e), KG_ERR_BAD_TOPIC);
	assert_null(c);
}

static void test_options_name_the_rule_that_is_broken(void **state)
{
	static const struct {
		const char *name, *value, *says;
	} bad[] = {
		{"no.such", "1", "no.such"},
		{"open.timeout", "soon", "open.timeout"},
		{"open.timeout", "-1", "3600000ms"},
		{"credit.messages", "0", "from 1"},
		{"credit.messages", "10s", "credit.messages"},
		{"max.frame", "10", "65536"},
		{"name", "", "from 1"},
		{"name", "\xff", "UTF-8"},
		{"socket", "", "socket"},
		{"heartbeat.interval", "0", "heartbeat.interval"},
		{"initial.offset", "first", "earliest"},
		{"commit.retries", "-1", "commit.retries"},
		{"dwell.time", "11m", "dwell.time"},
	};
	struct kg_options *o = kg_options_new();
	struct kg_error e;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(kg_options_set(o, bad[i].name, bad[i].value, &e), KG_ERR_SETTING);
		assert_non_null(strstr(e.text, bad[i].says));
	}
	assert_int_equal(kg_options_set(o, "name", NULL, &e), KG_ERR_ARGUMENT);
	assert_int_equal(kg_options_set(NULL, "name", "x", NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_options_set(o, "open.timeout", "1m", &e), 0);
	assert_int_equal(kg_options_set(o, "name", "x", NULL), 0);
	assert_int_equal(kg_options_set(o, "name", "y", NULL), 0);
	assert_null(kg_options_free(o));
	assert_null(kg_options_free(NULL));
}

static void test_validate_looks_at_several_options(void **state)
{
	struct kg_options *o = kg_options_new();
	struct kg_error e;

	assert_int_equal(kg_options_validate(NULL, &e), 0);
	assert_int_equal(kg_options_validate(o, &e), 0);
	kg_options_set(o, "session.timeout", "6s", NULL); /* heartbeat.interval is the group's */
	assert_int_equal(kg_options_validate(o, &e), 0);
	kg_options_set(o, "heartbeat.interval", "3s", NULL);
	assert_int_equal(kg_options_validate(o, &e), KG_ERR_SETTING);
	assert_non_null(strstr(e.text, "heartbeat.interval"));
	assert_non_null(strstr(e.text, "session.timeout"));
	kg_options_set(o, "heartbeat.interval", "2s", NULL);
	assert_int_equal(kg_options_validate(o, NULL), 0);
	kg_options_set(o, "mode", "partitions", NULL);
	assert_int_equal(kg_options_validate(o, &e), 0);
	kg_options_set(o, "notifications", "yes", NULL);
	assert_int_equal(kg_options_validate(o, &e), 0);
	kg_options_free(o);
}

/* ---- what the daemon is told ----------------------------------------------------------------- */

static bool has_feature(struct kgp_list features, const char *name)
{
	struct kgp_name feature;

	while (kgp_next_name(&features, &feature))
		if (kgp_bytes_equal(feature.value, kgp_text(name)))
			return true;
	return false;
}

static void check_hello(struct fake *f)
{
	struct kgp_welcome welcome = {.version = KGP_VERSION, .max_frame = KGP_FRAME_MAX_CLIENT};
	union kgp_body b = {0};

	fake_accept(f);
	fake_expect(f, KGP_T_hello, &b);
	if (!kgp_bytes_equal(b.hello.name, kgp_text("prog")) || b.hello.max_frame != 1 << 20 ||
	    b.hello.versions.n != 1 || !has_feature(b.hello.features, "partitions"))
		snprintf(f->failure, sizeof(f->failure), "HELLO says something else");
	fake_put(f, KGP_T_welcome, &welcome);
	fake_send(f);
	fake_expect(f, KGP_T_open, &b);
	f->open_request = b.open.request;
	fake_take_end(f);
	fake_accept_open(f);
}

static void test_hello_says_what_the_options_say(void **state)
{
	struct fake *f = *state;
	struct kg_consumer *c;
	struct kg_error e;

	fake_start(f, check_hello);
	assert_int_equal(fake_try_open(f, &c, &e, "name", "prog", "max.frame", "1048576", NULL), 0);
	fake_join(f);
	assert_int_equal(kg_consumer_state(c, NULL), KG_STATE_JOINED);
	assert_int_equal(kg_consumer_error(c)->code, 0);
	kg_consumer_free(c);
}

static bool open_is_right(const struct kgp_open *o)
{
	struct kgp_list names = o->topics, pairs = o->settings;
	struct kgp_settings s;
	struct kgp_name name;
	char why[256];

	kgp_settings_init(&s);
	return kgp_bytes_equal(o->cluster, kgp_text("c")) &&
	       kgp_bytes_equal(o->group, kgp_text("g")) && o->id.size == KGP_ID_BYTES &&
	       o->topics.n == 1 && kgp_next_name(&names, &name) &&
	       kgp_bytes_equal(name.value, kgp_text("t")) && o->settings.n == 2 &&
	       !kgp_settings_decode(&s, pairs, why, sizeof(why)) &&
	       s.value[KGP_SETTING_INITIAL_OFFSET] == KGP_EARLIEST &&
	       s.value[KGP_SETTING_ERRORS] == 1;
}

static void take_settings(struct fake *f)
{
	struct kgp_welcome welcome = {.version = KGP_VERSION, .max_frame = KGP_FRAME_MAX_CLIENT};
	union kgp_body b = {0};

	fake_accept(f);
	fake_expect(f, KGP_T_hello, NULL);
	fake_put(f, KGP_T_welcome, &welcome);
	fake_send(f);
	fake_expect(f, KGP_T_open, &b);
	f->open_request = b.open.request;
	if (!open_is_right(&b.open))
		snprintf(f->failure, sizeof(f->failure), "OPEN says something else");
	fake_expect(f, KGP_T_resume_end, NULL);
	fake_expect(f, KGP_T_credit, &b);
	if (b.credit.messages != 5 || b.credit.bytes != 1000)
		snprintf(f->failure, sizeof(f->failure), "the first CREDIT is not the window");
	fake_accept_open(f);
}

static void test_only_explicit_settings_travel(void **state)
{
	struct fake *f = *state;
	struct kg_consumer *c;
	struct kg_error e;

	fake_start(f, take_settings);
	assert_int_equal(fake_try_open(f, &c, &e, "cluster", "c", "initial.offset", "earliest",
				       "errors", "yes", "credit.messages", "5", "credit.bytes",
				       "1000", NULL),
			 0);
	fake_join(f);
	kg_consumer_free(c);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void refuse_conflict(struct fake *f)
{
	fake_take_open(f);
	fake_put_reply(f, f->open_request, KGP_E_CONFLICT,
		       "strategy is range, the group has roundrobin");
	fake_send(f);
	fake_take_end(f);
	fake_expect_eof(f);
}

static void test_a_refusal_is_told_at_once_and_leaves_nothing_open(void **state)
{
	struct fake *f = *state;
	struct kg_consumer *c;
	struct kg_error e;

	fake_start(f, refuse_conflict);
	assert_int_equal(fake_try_open(f, &c, &e, NULL), KG_ERR_CONFLICT);
	fake_join(f);
	assert_null(c);
	assert_int_equal(e.code, KG_ERR_CONFLICT);
	assert_string_equal(e.text, "strategy is range, the group has roundrobin");
	assert_true(e.hint[0]);
}

static void refuse_user(struct fake *f)
{
	struct kgp_error m = {.code = KGP_E_QUOTA,
			      .fatal = true,
			      .context = kgp_text("protocol"),
			      .partition = -1};

	fake_accept(f);
	fake_expect(f, KGP_T_hello, NULL);
	fake_put(f, KGP_T_error, &m);
	fake_send(f);
	fake_hang_up(f);
}

static void test_a_fatal_error_before_welcome(void **state)
{
	struct fake *f = *state;
	struct kg_consumer *c;
	struct kg_error e;

	fake_start(f, refuse_user);
	assert_int_equal(fake_try_open(f, &c, &e, NULL), KG_ERR_QUOTA);
	fake_join(f);
	assert_string_equal(e.text, kgp_error_text(KGP_E_QUOTA));
}

static void stop_then_come_back(struct fake *f)
{
	fake_take_open(f);
	fake_put_reply(f, f->open_request, KGP_E_STOPPING, NULL);
	fake_send(f);
	fake_hang_up(f);
	fake_accept(f); /* it says HELLO and sees us go without a word */
	fake_hang_up(f);
	fake_greet(f);
}

static void test_a_stopping_daemon_is_tried_again(void **state)
{
	struct fake *f = *state;
	struct kg_consumer *c;

	fake_start(f, stop_then_come_back);
	assert_int_equal(fake_try_open(f, &c, NULL, NULL), 0);
	fake_join(f);
	kg_consumer_free(c);
}

static void always_stop(struct fake *f)
{
	fake_take_open(f);
	fake_put_reply(f, f->open_request, KGP_E_STOPPING, NULL);
	fake_send(f);
	fake_hang_up(f);
}

static void test_a_daemon_that_goes_on_stopping_is_told(void **state)
{
	struct fake *f = *state;
	struct kg_consumer *c;
	struct kg_error e;

	fake_start(f, always_stop);
	assert_int_equal(fake_try_open(f, &c, &e, "open.timeout", "200ms", NULL), KG_ERR_STOPPING);
	fake_join(f);
	assert_int_equal(e.code, KG_ERR_STOPPING);
}

static void accept_without_joining(struct fake *f)
{
	fake_take_open(f);
	fake_take_end(f);
	fake_put_reply(f, f->open_request, 0, NULL);
	fake_put_state(f, "failed");
	fake_send(f);
}

static void test_a_broker_that_is_down_is_a_state(void **state)
{
	struct fake *f = *state;
	struct kg_consumer *c;
	struct kg_error e;
	const char *text;

	fake_start(f, accept_without_joining);
	assert_int_equal(fake_try_open(f, &c, &e, "open.timeout", "100ms", NULL), 0);
	fake_join(f);
	assert_int_equal(kg_consumer_state(c, &text), KG_STATE_FAILED);
	assert_string_equal(text, "so it is");
	kg_consumer_free(c);
}

/* ---- no daemon ------------------------------------------------------------------------------- */

static void test_a_silent_daemon_is_unreachable(void **state)
{
	struct fake *f = *state;
	struct kg_consumer *c;
	struct kg_error e;

	assert_int_equal(fake_try_open(f, &c, &e, "open.timeout", "50ms", NULL),
			 KG_ERR_UNREACHABLE);
	assert_non_null(strstr(e.text, "did not answer"));
}

static void test_nobody_listens(void **state)
{
	struct fake *f = *state;
	struct kg_consumer *c;
	struct kg_error e;

	close(f->listen_fd);
	f->listen_fd = -1;
	assert_int_equal(fake_try_open(f, &c, &e, "open.timeout", "50ms", NULL),
			 KG_ERR_UNREACHABLE);
	assert_non_null(strstr(e.text, "not running"));
	assert_non_null(strstr(e.hint, "systemctl start"));
	unlink(f->path);
	assert_int_equal(fake_try_open(f, &c, &e, "open.timeout", "0", NULL), KG_ERR_UNREACHABLE);
	assert_non_null(strstr(e.text, f->path));
}

/* As somebody else, with this group on the socket: 0, or what was not as it should be. */
static int open_as_nobody(struct fake *f, const char *socket_group, const char *hint)
{
	struct kg_consumer *c;
	struct kg_error e;

	if (setgroups(0, NULL) || setgid(65534) || setuid(65534))
		return 1;
	if (fake_try_open(f, &c, &e, NULL) !=
	    KG_ERR_UNREACHABLE) /* at once: open.timeout is 10 s */
		return 2;
	if (!strstr(e.text, "nobody") || !strstr(e.text, socket_group) || !strstr(e.text, "0660"))
		return 3;
	return strstr(e.hint, hint) ? 0 : 4;
}

static int open_in_a_child(struct fake *f, const char *socket_group, const char *hint)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		_exit(open_as_nobody(f, socket_group, hint));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void test_permission_denied_names_user_socket_and_remedy(void **state)
{
	struct fake *f = *state;

	if (geteuid())
		skip();
	chmod(f->dir, 0755);
	chmod(f->path, 0660);
	assert_int_equal(chown(f->path, 0, getgrnam("games")->gr_gid), 0);
	assert_int_equal(open_in_a_child(f, "root:games", "usermod -aG games nobody"), 0);
}

/* Membership of root is no remedy. */
static void test_permission_denied_by_the_group_root_names_the_setting(void **state)
{
	struct fake *f = *state;

	if (geteuid())
		skip();
	chmod(f->dir, 0755);
	chmod(f->path, 0660);
	assert_int_equal(open_in_a_child(f, "root:root", "socket.group = GROUP"), 0);
	assert_int_equal(open_in_a_child(f, "root:root", "usermod -aG GROUP nobody"), 0);
}

static void test_a_path_that_is_too_long(void **state)
{
	struct kg_options *o = kg_options_new();
	struct kg_consumer *c;
	struct kg_error e;
	char path[200];

	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = 0;
	assert_int_equal(kg_options_set(o, "socket", path, &e), KG_ERR_SETTING);
	setenv("KGROUP_SOCKET", path, 1);
	assert_int_equal(kg_consumer_open(&c, "g", topics, 2, o, &e), KG_ERR_UNREACHABLE);
	unsetenv("KGROUP_SOCKET");
	kg_options_free(o);
}

static void test_every_error_has_a_name(void **state)
{
	static const int codes[] = {KG_OK,
				    KG_ERR_UNSUPPORTED,
				    KG_ERR_DENIED,
				    KG_ERR_OVERFLOW,
				    KG_ERR_BAD_QUERY,
				    KG_ERR_KAFKA,
				    KG_ERR_OFFSET_OUT_OF_RANGE,
				    KG_ERR_ARGUMENT,
				    KG_ERR_UNREACHABLE,
				    KG_ERR_PROTOCOL,
				    KG_ERR_MEMORY,
				    KG_ERR_CLOSED,
				    KG_ERR_FORKED,
				    KG_ERR_DISCONNECTED,
				    KG_ERR_BUSY,
				    KG_ERR_RELEASED};
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		assert_null(strstr(kg_strerror(codes[i]), "unknown"));
	assert_non_null(strstr(kg_strerror(1), "unknown"));
	assert_non_null(strstr(kg_strerror(-1000), "unknown"));
	assert_non_null(strstr(kg_strerror(INT32_MIN), "unknown"));
	assert_string_equal(kg_version(), "0.1.0");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_arguments_that_cannot_be),
		TEST(test_options_name_the_rule_that_is_broken),
		TEST(test_validate_looks_at_several_options),
		TEST(test_hello_says_what_the_options_say),
		TEST(test_only_explicit_settings_travel),
		TEST(test_a_refusal_is_told_at_once_and_leaves_nothing_open),
		TEST(test_a_fatal_error_before_welcome),
		TEST(test_a_stopping_daemon_is_tried_again),
		TEST(test_a_daemon_that_goes_on_stopping_is_told),
		TEST(test_a_broker_that_is_down_is_a_state),
		TEST(test_a_silent_daemon_is_unreachable),
		TEST(test_nobody_listens),
		TEST(test_permission_denied_names_user_socket_and_remedy),
		TEST(test_permission_denied_by_the_group_root_names_the_setting),
		TEST(test_a_path_that_is_too_long),
		TEST(test_every_error_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
