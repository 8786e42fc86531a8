/* SPDX-License-Identifier: MIT */
/* Asking a daemon: what it answers reaches the screen, and what it does wrong is said. */
#include "client-lib/ctl/query.h"
#include "client-lib/ctl/show.h"
#include "client-lib/ctl/value.h"

#include "tests/unit/test_ctl_fake.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Answers with the question, after things that are none of the asker's business. */
static void answer_with_the_question(int fd)
{
	struct kgp_goaway goaway = {.reason = kgp_text("restart"), .back_ms = 1};
	union kgp_body body;
	struct kgp_buf result = {0};
	uint32_t request = take_query(fd, &body);

	kgp_put_map(&result, body.query.arguments.n + 1);
	kgp_put_str(&result, kgp_text("what"));
	kgp_put_str(&result, body.query.what);
	kgp_put_raw(&result, body.query.arguments.wire, body.query.arguments.wire_bytes);
	put_frame(fd, KGP_T_goaway, &goaway);
	reply(fd, request + 1, &result);
	reply(fd, request, &result);
}

static void refuse_group(int fd)
{
	union kgp_body body;
	struct kgp_reply reply = {.request = take_query(fd, &body),
				  .code = KGP_E_NO_GROUP,
				  .text = kgp_text("there is no group x")};

	put_frame(fd, KGP_T_reply, &reply);
}

static void refuse_connection(int fd)
{
	struct kgp_error error = {.code = KGP_E_QUOTA,
				  .fatal = true,
				  .context = kgp_text("protocol"),
				  .partition = -1,
				  .text = kgp_text("500 connections")};

	put_frame(fd, KGP_T_error, &error);
}

static void say_nothing(int fd)
{
	pause();
}

static void hang_up(int fd)
{
}

static void talk_nonsense(int fd)
{
	if (write(fd, "HTTP/1.1 400 Bad Request\r\n", 26) < 0)
		_exit(1);
}

static int ask(script_fn script, const char *group, int timeout_ms, json_t **result,
	       struct trouble *t)
{
	struct fake f;
	struct ctl ctl = {.timeout_ms = timeout_ms};
	int r;

	fake_start(&f, script);
	ctl.socket_path = f.path;
	r = query_once(&ctl, "lag", group, result, t);
	fake_stop(&f);
	return r;
}

static void the_answer_to_the_question_is_the_result(void **state)
{
	json_t *result = NULL;
	struct trouble t;

	assert_int_equal(ask(answer_with_the_question, "billing", TIMEOUT_MS, &result, &t), 0);
	assert_string_equal(value_text(result, "what", ""), "lag");
	assert_string_equal(value_text(result, "group", ""), "billing");
	json_decref(result);
	assert_int_equal(ask(answer_with_the_question, NULL, TIMEOUT_MS, &result, &t), 0);
	assert_int_equal(json_object_size(result), 1);
	json_decref(result);
}

static void expect_failure(script_fn script, int timeout_ms, unsigned code, const char *why)
{
	json_t *result = NULL;
	struct trouble t;

	assert_true(ask(script, "x", timeout_ms, &result, &t) < 0);
	assert_int_equal(t.code, code);
	assert_non_null(strstr(t.why, why));
	assert_null(result);
}

static void a_refusal_has_the_daemons_words(void **state)
{
	expect_failure(refuse_group, TIMEOUT_MS, KGP_E_NO_GROUP, "no group x");
	expect_failure(refuse_connection, TIMEOUT_MS, KGP_E_QUOTA, "500 connections");
}

static void a_silent_daemon_is_waited_for_no_longer_than_said(void **state)
{
	expect_failure(say_nothing, SHORT_MS, KGP_E_TIMEOUT, "said nothing");
}

static void a_lost_connection_and_nonsense_are_told_apart(void **state)
{
	expect_failure(hang_up, TIMEOUT_MS, TROUBLE_DISCONNECTED, "broke");
	expect_failure(talk_nonsense, TIMEOUT_MS, TROUBLE_PROTOCOL, "does not allow");
}

static void no_daemon_is_said_with_the_path(void **state)
{
	struct trouble t;
	struct query q;

	assert_true(query_open(&q, "/nonexistent/s", SHORT_MS, &t) == -ENOENT);
	assert_int_equal(t.exit_code, EX_UNAVAILABLE);
	assert_non_null(strstr(t.what, "/nonexistent/s"));
	assert_true(query_open(&q, "/proc/self/exe", SHORT_MS, &t) == -ECONNREFUSED);
	assert_non_null(strstr(t.why, "no socket"));
}

/* In another user's place; only root can stand there. */
static void a_closed_socket_names_who_may_and_the_cure(void **state)
{
	struct fake f;
	struct trouble t;
	struct query q;
	int status;

	if (geteuid() != 0)
		skip();
	fake_start(&f, hang_up);
	chmod(f.folder, 0755);
	chmod(f.path, 0660);
	if (chown(f.path, 0, 60) < 0)
		fail();
	if (fork() == 0) {
		bool good = setregid(65534, 65534) == 0 && setreuid(65534, 65534) == 0 &&
			    query_open(&q, f.path, SHORT_MS, &t) == -EACCES &&
			    t.exit_code == EX_NOPERM && strstr(t.why, "uid 65534") &&
			    strstr(t.why, "mode 0660") && strstr(t.how, "usermod -aG");
		_exit(!good);
	}
	assert_true(wait(&status) > 0 && status == 0);
	fake_stop(&f);
}

/* ---- screens ------------------------------------------------------------------------------------
 */

static void put_partition(struct kgp_buf *b)
{
	kgp_put_map(b, 6);
	put_text(b, "topic", "orders");
	kgp_put_str(b, kgp_text("partition"));
	kgp_put_uint(b, 3);
	kgp_put_str(b, kgp_text("committed"));
	kgp_put_nil(b);
	kgp_put_str(b, kgp_text("behind_s"));
	kgp_put_uint(b, 192);
	put_text(b, "holder_name", NULL);
	put_text(b, "state", "unclaimed");
}

static void put_consumers(struct kgp_buf *b)
{
	kgp_put_str(b, kgp_text("consumers"));
	kgp_put_array(b, 1);
	kgp_put_map(b, 3);
	kgp_put_str(b, kgp_text("topics"));
	kgp_put_array(b, 1);
	kgp_put_str(b, kgp_text("orders"));
	put_text(b, "topics_include", "^shop-");
	put_text(b, "topics_exclude", "-test$");
}

/* Root came up against both of its limits, the other one against none. */
static void put_users(struct kgp_buf *b)
{
	kgp_put_str(b, kgp_text("users"));
	kgp_put_array(b, 2);
	kgp_put_map(b, 6);
	put_number(b, "uid", 0);
	put_number(b, "connections", 3);
	put_number(b, "buffered_bytes", 43 << 20);
	put_number(b, "in_flight", 7);
	put_number(b, "in_flight_waits", 4);
	put_number(b, "requests_waits", 5);
	kgp_put_map(b, 2);
	put_number(b, "uid", 4000000000);
	put_number(b, "connections", 1);
}

static void put_daemon(struct kgp_buf *b)
{
	kgp_put_str(b, kgp_text("daemon"));
	kgp_put_map(b, 2);
	kgp_put_str(b, kgp_text("limits_per_user"));
	kgp_put_map(b, 1);
	put_number(b, "connections", 500);
	put_users(b);
}

/* Good for status and for lag: each takes what it knows. */
static void answer_with_a_group(int fd)
{
	union kgp_body body;
	struct kgp_buf b = {0};
	uint32_t request = take_query(fd, &body);

	kgp_put_map(&b, 2);
	put_daemon(&b);
	kgp_put_str(&b, kgp_text("groups"));
	kgp_put_array(&b, 1);
	kgp_put_map(&b, 9);
	put_text(&b, "name", "billing");
	put_text(&b, "state", "joining");
	put_text(&b, "text", "waits for the coordinator");
	put_text(&b, "last_error", "no such topic");
	put_text(&b, "user_data", "rack=7");
	kgp_put_str(&b, kgp_text("last_error_code"));
	kgp_put_uint(&b, KGP_E_UNKNOWN_TOPIC);
	kgp_put_str(&b, kgp_text("partitions"));
	kgp_put_array(&b, 1);
	put_partition(&b);
	put_consumers(&b);
	kgp_put_str(&b, kgp_text("warnings"));
	kgp_put_array(&b, 1);
	kgp_put_map(&b, 2);
	put_text(&b, "text", "nobody consumes");
	put_text(&b, "command", "kgroupctl consume billing --no-mark");
	reply(fd, request, &b);
}

static void status_says_why_a_group_is_silent_and_what_is_next(void **state)
{
	struct fake f;
	struct ctl ctl = {.timeout_ms = TIMEOUT_MS, .socket_path = f.path, .colour = CTL_NEVER};
	char text[4096];

	fake_start(&f, answer_with_a_group);
	assert_int_equal(run(cmd_status, &ctl, NULL, text, sizeof(text)), 0);
	assert_non_null(strstr(text, "\nbilling: waits for the coordinator\n"));
	assert_non_null(
		strstr(text, "\nbilling: 1 error: no such topic\n    mend: create the topic, "));
	assert_non_null(strstr(text, " (KG-0043)\n    next: journalctl -u kgroupd "
				     "KGROUP_GROUP=billing -n 20\n"));
	assert_non_null(strstr(text, "\nwarning: billing: nobody consumes\n"
				     "    next: kgroupctl consume billing --no-mark\n"));
	assert_non_null(strstr(text, "\nbilling: user data: rack=7\n"));
	assert_non_null(strstr(text,
			       "\nuser root: 3 connections of 500, 43 MiB buffered, 7 in flight, "
			       "held back 4 times at in.flight.per.user, slowed down 5 times "
			       "at requests.per.user\n"));
	assert_null(strstr(text, "user 4000000000"));
	ctl.verbose = true;
	assert_int_equal(run(cmd_status, &ctl, NULL, text, sizeof(text)), 0);
	assert_non_null(strstr(text, "\nuser 4000000000: 1 connection of 500, 0 B buffered, 0 in "
				     "flight\n"));
	ctl.verbose = false;
	assert_int_equal(run(cmd_status, &ctl, "billing", text, sizeof(text)), 0);
	assert_non_null(strstr(text, " orders,/^shop-/,!/-test$/\n"));
	ctl.columns = "group,state,lag,user-data";
	ctl.output = CTL_RAW;
	ctl.noheadings = true;
	assert_int_equal(run(cmd_status, &ctl, NULL, text, sizeof(text)), 0);
	assert_string_equal(text, "billing joining - rack=7\n");
	fake_stop(&f);
}

static void lag_prints_what_is_unknown_as_such(void **state)
{
	struct fake f;
	struct ctl ctl = {.timeout_ms = TIMEOUT_MS, .socket_path = f.path, .output = CTL_RAW};
	char text[4096];

	fake_start(&f, answer_with_a_group);
	ctl.columns = "group,partition,committed,behind,holder,state";
	ctl.noheadings = true;
	assert_int_equal(run(cmd_lag, &ctl, NULL, text, sizeof(text)), 0);
	assert_string_equal(text, "billing 3 - 192 - unclaimed\n");
	ctl.output = CTL_TABLE;
	ctl.columns = "state,behind";
	assert_int_equal(run(cmd_lag, &ctl, NULL, text, sizeof(text)), 0);
	assert_string_equal(text, "unclaimed  3m12s\n");
	fake_stop(&f);
}

static void json_is_the_whole_answer(void **state)
{
	struct fake f;
	struct ctl ctl = {.timeout_ms = TIMEOUT_MS, .socket_path = f.path, .output = CTL_JSON};
	char text[4096];
	json_t *json, *group;

	fake_start(&f, answer_with_a_group);
	assert_int_equal(run(cmd_lag, &ctl, "billing", text, sizeof(text)), 0);
	json = json_loads(text, 0, NULL);
	group = json_array_get(value_list(json, "groups"), 0);
	assert_string_equal(value_text(group, "text", ""), "waits for the coordinator");
	json_decref(json);
	fake_stop(&f);
}

static void an_unknown_group_is_a_no(void **state)
{
	struct fake f;
	struct ctl ctl = {.timeout_ms = TIMEOUT_MS, .socket_path = f.path};
	char text[64];

	fake_start(&f, refuse_group);
	assert_int_equal(run(cmd_lag, &ctl, "x", text, sizeof(text)), 1);
	assert_string_equal(text, "");
	fake_stop(&f);
}

/* Who only asks wants no group opened. */
static void an_unknown_group_is_no_reason_to_allow_dynamic_ones(void **state)
{
	struct trouble t;

	trouble_set(&t, KGP_E_NO_GROUP, "the daemon did not answer the question");
	assert_non_null(strstr(t.how, "allow.dynamic"));
	assert_int_equal(show_fail("x", &t), 1);
	assert_null(strstr(t.why, "allow.dynamic"));
	assert_null(strstr(t.how, "allow.dynamic"));
}

static void a_wrong_command_line_is_64(void **state)
{
	char mode[] = "mode=partitions";
	const char *const streams[] = {"g", "t", "--set", mode, NULL};
	struct ctl ctl = {.timeout_ms = SHORT_MS, .socket_path = "/nonexistent/s"};
	char text[64];

	assert_int_equal(run(cmd_lag, &ctl, "--no-such-option", text, sizeof(text)), 64);
	assert_int_equal(run(cmd_consume, &ctl, NULL, text, sizeof(text)), 64);
	assert_int_equal(run_with(cmd_consume, &ctl, streams, text, sizeof(text)), 64);
	assert_int_equal(run(cmd_explain, &ctl, "KG-9999", text, sizeof(text)), 64);
	assert_int_equal(run(cmd_demo, &ctl, "extra", text, sizeof(text)), 64);
	assert_int_equal(run(cmd_status, &ctl, NULL, text, sizeof(text)), 69);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_answer_to_the_question_is_the_result),
		cmocka_unit_test(a_refusal_has_the_daemons_words),
		cmocka_unit_test(a_silent_daemon_is_waited_for_no_longer_than_said),
		cmocka_unit_test(a_lost_connection_and_nonsense_are_told_apart),
		cmocka_unit_test(no_daemon_is_said_with_the_path),
		cmocka_unit_test(a_closed_socket_names_who_may_and_the_cure),
		cmocka_unit_test(status_says_why_a_group_is_silent_and_what_is_next),
		cmocka_unit_test(lag_prints_what_is_unknown_as_such),
		cmocka_unit_test(json_is_the_whole_answer),
		cmocka_unit_test(an_unknown_group_is_a_no),
		cmocka_unit_test(an_unknown_group_is_no_reason_to_allow_dynamic_ones),
		cmocka_unit_test(a_wrong_command_line_is_64),
	};

	return cmocka_run_group_tests_name("ctl_query", tests, NULL, NULL);
}
