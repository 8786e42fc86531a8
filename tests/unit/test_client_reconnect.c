/* SPDX-License-Identifier: MIT */
/* A connection that breaks: what is resumed, what survives, what ends the consumer; and forked
 * children. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/test_client_fake.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static struct fake *fake_of(void **state)
{
	return *state;
}

/* Claim 1: t/0 in epoch 7 with messages 100 to 109; claim 2: t/1 in epoch 8, committed 90. */
static struct kg_consumer *open_with_messages(struct fake *f)
{
	struct kg_consumer *c = fake_open(f);

	fake_put_assign(f, 1, "t", 0, 7, 100, -1);
	fake_put_assign(f, 2, "t", 1, 8, 90, 90);
	fake_put_messages(f, 1, 7, 100, 10, 8);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	return c;
}

static void next(struct kg_consumer *c, struct kg_message *m)
{
	assert_int_equal(kg_consumer_next(c, m), 1);
}

/* ---- resuming -------------------------------------------------------------------------------- */

static void test_marks_are_resumed_with_the_same_id(void **state)
{
	struct fake *f = fake_of(state);
	uint8_t id[KGP_ID_BYTES];
	struct kg_consumer *c;
	struct kg_message m[3];
	union kgp_body b = {0};
	int i;

	c = fake_open(f);
	fake_hang_up(f);
	fake_come_back(f, c);
	fake_welcome_back(f, c, &b);
	memcpy(id, b.open.id.data, sizeof(id));
	fake_take_end(f);
	fake_accept_open(f);
	fake_put_assign(f, 1, "t", 0, 7, 100, -1);
	fake_put_assign(f, 2, "t", 1, 8, 90, 90);
	fake_put_messages(f, 1, 7, 100, 10, 8);
	fake_put_messages(f, 2, 8, 90, 1, 8);
	fake_send(f);
	kg_consumer_process(c);
	for (i = 0; i < 3; i++)
		next(c, &m[i]);
	kg_consumer_mark(c, &m[0], "zero");
	kg_consumer_process(c); /* told, perhaps never heard */
	fake_expect(f, KGP_T_mark, NULL);
	kg_consumer_mark_offset(c, "t", 1, 93, NULL, NULL); /* never told */
	fake_hang_up(f);
	kg_consumer_process(c);
	assert_int_equal(kg_consumer_assignment(c, NULL), 0);
	assert_int_equal(kg_consumer_state(c, NULL), KG_STATE_CONNECTING);
	kg_consumer_mark(c, &m[2], "two"); /* while there is no connection */
	kg_consumer_mark(c, &m[1], "one");
	fake_come_back(f, c);
	fake_welcome_back(f, c, &b);
	assert_memory_equal(b.open.id.data, id, sizeof(id));
	fake_expect_resume(f, 0, 7, 102, "two", -1);
	fake_expect_resume(f, 1, 8, 93, NULL, 90);
	fake_take_end(f);
	kg_consumer_mark(c, &m[2], NULL); /* too late for RESUME: stale */
	fake_accept_open(f);
	kg_consumer_process(c);
	assert_true(fake_is_silent(f));
	kg_consumer_free(c);
}

static void test_what_was_not_handed_out_is_dropped_and_credit_starts_anew(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kg_message m;
	union kgp_body b = {0};

	next(c, &m);
	fake_hang_up(f);
	fake_come_back(f, c);
	assert_int_equal(kg_consumer_receive(c, &m, 0), 0);
	fake_welcome_back(f, c, &b);
	fake_expect(f, KGP_T_resume_end, NULL); /* nothing was marked */
	fake_expect(f, KGP_T_credit, &b);
	assert_int_equal(b.credit.messages, 20000);
	assert_int_equal(b.credit.bytes, 1 << 20);
	fake_accept_open(f);
	fake_put_assign(f, 1, "t", 0, 70, 100, -1);
	fake_put_messages(f, 1, 70, 100, 1, 8);
	fake_send(f);
	assert_int_equal(fake_receive(c, &m), 1);
	assert_int_equal(m.offset, 100);
	kg_consumer_free(c);
}

static void test_the_message_in_hand_survives(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kg_message m;

	next(c, &m);
	fake_hang_up(f);
	fake_reopen(f, c);
	fake_put_assign(f, 1, "t", 3, 70, 100, -1); /* the number of another partition now */
	fake_put_messages(f, 1, 70, 500, 10, 8);
	fake_send(f);
	kg_consumer_process(c);
	assert_int_equal(*(const char *)m.value, 100);
	assert_string_equal(m.topic, "t");
	assert_int_equal(kg_consumer_mark(c, &m, NULL), 0);
	kg_consumer_process(c);
	assert_true(fake_is_silent(f));
	kg_consumer_free(c);
}

static void test_a_mark_is_said_again_until_it_is_committed(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kg_message m;
	union kgp_body b = {0};

	next(c, &m);
	kg_consumer_mark(c, &m, "x");
	kg_consumer_process(c);
	fake_hang_up(f);
	fake_come_back(f, c);
	fake_welcome_back(f, c, &b);
	fake_expect_resume(f, 0, 7, 100, "x", -1);
	fake_hang_up(f); /* before it has answered: said again */
	fake_come_back(f, c);
	fake_welcome_back(f, c, &b);
	fake_expect_resume(f, 0, 7, 100, "x", -1);
	fake_take_end(f);
	fake_accept_open(f);
	fake_put_assign(f, 5, "t", 0, 70, 101, -1); /* taken, but not committed yet */
	fake_send(f);
	kg_consumer_process(c);
	fake_hang_up(f);
	fake_come_back(f, c);
	fake_welcome_back(f, c, &b);
	fake_expect_resume(f, 0, 70, 100, "x", -1);
	fake_take_end(f);
	fake_accept_open(f);
	kg_consumer_process(c);
	fake_hang_up(f); /* answered, and the partition went elsewhere: it is theirs now */
	fake_reopen(f, c);
	kg_consumer_free(c);
}

static void test_the_loss_is_told_by_events(void **state)
{
	static const enum kg_event_type types[] = {KG_EVENT_RELEASED, KG_EVENT_RELEASED,
						   KG_EVENT_STATE, KG_EVENT_STATE, KG_EVENT_STATE};
	static const enum kg_state states[] = {KG_STATE_CONNECTING, KG_STATE_JOINING,
					       KG_STATE_JOINED};
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kg_event e;
	size_t i;

	while (kg_consumer_next_event(c, &e))
		;
	fake_hang_up(f);
	fake_reopen(f, c);
	for (i = 0; i < sizeof(types) / sizeof(*types); i++) {
		assert_int_equal(kg_consumer_next_event(c, &e), 1);
		assert_int_equal(e.type, types[i]);
		if (e.type == KG_EVENT_STATE)
			assert_int_equal(e.state, states[i - 2]);
	}
	assert_int_equal(kg_consumer_next_event(c, &e), 0);
	kg_consumer_free(c);
}

static void test_a_goaway_says_when_to_come_back(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kg_message m;
	int ms;

	fake_put(f, KGP_T_goaway,
		 &(struct kgp_goaway){.reason = kgp_text("restart"), .back_ms = 300});
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	assert_int_equal(kg_consumer_state(c, NULL), KG_STATE_LEAVING);
	next(c, &m); /* what is here is still good */
	kg_consumer_mark(c, &m, NULL);
	kg_consumer_process(c);
	fake_expect(f, KGP_T_mark, NULL);
	fake_hang_up(f);
	kg_consumer_process(c);
	ms = kg_consumer_get_timeout_ms(c);
	assert_in_range(ms, 200, 300);
	kg_consumer_free(c);
}

static void test_tries_become_rarer(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct pollfd p = {kg_consumer_get_fd(c), POLLIN, 0};
	int ms = 0, i;

	close(f->listen_fd);
	f->listen_fd = -1;
	fake_hang_up(f);
	for (i = 0; i < 5; i++) {
		assert_int_equal(kg_consumer_process(c), 0);
		ms = kg_consumer_get_timeout_ms(c);
		poll(&p, 1, ms);
	}
	assert_in_range(ms, 100,
			400); /* 0, 0, 50, 100, 200 less a quarter at most, minus what has passed */
	kg_consumer_free(c);
}

/* ---- requests over a reconnect --------------------------------------------------------------- */

static void break_a_commit(struct fake *f)
{
	union kgp_body b = {0};
	uint64_t request;

	fake_expect(f, KGP_T_mark, NULL);
	fake_expect(f, KGP_T_commit, &b);
	request = b.commit.request;
	fake_hang_up(f);
	fake_take_open(f);
	fake_expect(f, KGP_T_resume, NULL);
	fake_take_end(f);
	fake_accept_open(f);
	fake_expect(f, KGP_T_commit, &b);
	if (b.commit.request != request)
		snprintf(f->failure, sizeof(f->failure), "another commit");
	fake_put_reply(f, request, 0, NULL);
	fake_send(f);
}

static void test_a_commit_waits_over_a_reconnect(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kg_message m;

	next(c, &m);
	kg_consumer_mark(c, &m, NULL);
	fake_start(f, break_a_commit);
	assert_int_equal(kg_consumer_commit(c, -1), 0);
	fake_join(f);
	kg_consumer_free(c);
}

static void break_a_close(struct fake *f)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_mark, NULL);
	fake_expect(f, KGP_T_close, NULL);
	fake_hang_up(f);
	fake_take_open(f);
	fake_expect(f, KGP_T_resume, NULL);
	fake_expect(f, KGP_T_resume_end, NULL); /* and no credit */
	fake_accept_open(f);
	fake_expect(f, KGP_T_close, &b);
	fake_put_reply(f, b.close.request, 0, NULL);
	fake_send(f);
	fake_expect_eof(f);
}

static void test_a_close_brings_the_marks_over_a_reconnect(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kg_message m;

	next(c, &m);
	kg_consumer_mark(c, &m, NULL);
	fake_start(f, break_a_close);
	assert_int_equal(kg_consumer_close(c), 0);
	fake_join(f);
	kg_consumer_free(c);
}

static struct kg_consumer *open_impatient(struct fake *f)
{
	struct kg_consumer *c;

	fake_start(f, fake_greet);
	assert_int_equal(fake_try_open(f, &c, NULL, "request.timeout", "60ms", NULL), 0);
	fake_join(f);
	fake_put_assign(f, 1, "t", 0, 7, 100, -1);
	fake_put_messages(f, 1, 7, 100, 10, 8);
	fake_send(f);
	kg_consumer_process(c);
	return c;
}

static void test_close_without_a_daemon(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_impatient(f), *unmarked;
	struct kg_message m;

	next(c, &m);
	kg_consumer_mark(c, &m, NULL);
	fake_hang_up(f);
	assert_int_equal(kg_consumer_commit(c, -1), KG_ERR_DISCONNECTED);
	assert_int_equal(kg_consumer_close(c), KG_ERR_DISCONNECTED);
	assert_int_equal(kg_consumer_close(c), 0);
	kg_consumer_free(c);
	fake_accept(f); /* the tries of the first */
	fake_hang_up(f);
	unmarked = open_impatient(f);
	fake_hang_up(f);
	kg_consumer_process(unmarked);
	assert_int_equal(kg_consumer_close(unmarked), 0); /* nothing to lose, nothing to wait for */
	kg_consumer_free(unmarked);
}

static void break_a_verdict(struct fake *f)
{
	fake_expect(f, KGP_T_mark, NULL);
	fake_hang_up(f);
}

static void test_a_verdict_that_breaks_is_kept_as_a_mark(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	union kgp_body b = {0};
	int verdict = -1;

	fake_start(f, break_a_verdict);
	assert_int_equal(kg_consumer_mark_offset(c, "t", 1, 95, "m", &verdict),
			 KG_ERR_DISCONNECTED);
	fake_join(f);
	assert_int_equal(verdict, -1);
	assert_int_equal(kg_consumer_mark_offset(c, "t", 0, 100, NULL, &verdict),
			 KG_ERR_DISCONNECTED);
	fake_come_back(f, c);
	fake_welcome_back(f, c, &b);
	fake_expect_resume(f, 0, 7, 100, NULL, -1);
	fake_expect_resume(f, 1, 8, 95, "m", 90);
	kg_consumer_free(c);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void refuse(struct fake *f, unsigned code)
{
	fake_put(f, KGP_T_error,
		 &(struct kgp_error){.code = code,
				     .fatal = true,
				     .context = kgp_text("protocol"),
				     .partition = -1});
	fake_send(f);
}

static void test_another_connection_took_our_place(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kg_message m;
	const char *text;

	next(c, &m);
	kg_consumer_mark(c, &m, NULL);
	refuse(f, KGP_E_REPLACED);
	assert_int_equal(kg_consumer_process(c), KG_ERR_REPLACED);
	assert_int_equal(*(const char *)m.value, 100);
	assert_int_equal(kg_consumer_next(c, &m), KG_ERR_REPLACED);
	assert_int_equal(kg_consumer_receive(c, &m, -1), KG_ERR_REPLACED);
	assert_int_equal(kg_consumer_mark(c, &m, NULL), KG_ERR_CLOSED);
	assert_int_equal(kg_consumer_state(c, &text), KG_STATE_CLOSED);
	assert_string_equal(text, kgp_error_text(KGP_E_REPLACED));
	assert_int_equal(kg_consumer_close(c), KG_ERR_DISCONNECTED); /* the mark may be lost */
	assert_int_equal(kg_consumer_close(c), 0);
	kg_consumer_free(c);
}

static void test_a_refusal_on_the_way_back_ends_or_is_tried_again(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	union kgp_body b = {0};
	struct kg_event e;

	fake_hang_up(f);
	fake_come_back(f, c);
	refuse(f, KGP_E_QUOTA); /* passes */
	fake_hang_up(f);
	fake_come_back(f, c);
	fake_welcome_back(f, c, &b);
	fake_put_reply(f, f->open_request, KGP_E_STOPPING, "later");
	fake_send(f);
	kg_consumer_process(c);
	fake_hang_up(f);
	fake_come_back(f, c);
	fake_welcome_back(f, c, &b);
	fake_put_reply(f, f->open_request, KGP_E_NO_GROUP, "not any more");
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), KG_ERR_NO_GROUP);
	assert_string_equal(kg_consumer_error(c)->text, "not any more");
	while (kg_consumer_next_event(c, &e))
		;
	kg_consumer_free(c);
}

/* ---- forked children ------------------------------------------------------------------------- */

static int try_everything_in_a_child(struct kg_consumer *c, struct kg_message *m)
{
	struct kg_event e;
	uint32_t request;
	int v;

	if (kg_consumer_next(c, m) != KG_ERR_FORKED ||
	    kg_consumer_next_batch(c, m, 1) != KG_ERR_FORKED ||
	    kg_consumer_receive(c, m, -1) != KG_ERR_FORKED ||
	    kg_consumer_process(c) != KG_ERR_FORKED)
		return 1;
	if (kg_consumer_mark(c, m, NULL) != KG_ERR_FORKED ||
	    kg_consumer_commit(c, -1) != KG_ERR_FORKED ||
	    kg_consumer_mark_offset(c, "t", 0, 1, NULL, &v) != KG_ERR_FORKED ||
	    kg_consumer_commit_start(c, &request) != KG_ERR_FORKED)
		return 2;
	if (kg_consumer_pause(c, NULL, 0) != KG_ERR_FORKED ||
	    kg_consumer_resume(c, NULL, 0) != KG_ERR_FORKED ||
	    kg_consumer_done(c, NULL, 0) != KG_ERR_FORKED || kg_consumer_close(c) != KG_ERR_FORKED)
		return 3;
	if (kg_consumer_get_fd(c) != -1 || kg_consumer_get_timeout_ms(c) != 0 ||
	    kg_consumer_assignment(c, NULL) || kg_consumer_next_event(c, &e))
		return 4;
	kg_consumer_free(c);
	return 0;
}

static void test_a_child_may_only_free_and_the_parent_goes_on(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct pollfd p = {kg_consumer_get_fd(c), POLLIN, 0};
	struct kg_message m;
	int status;
	pid_t pid;

	next(c, &m);
	kg_consumer_mark(c, &m, NULL);
	pid = fork();
	if (!pid)
		_exit(try_everything_in_a_child(c, &m));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(fake_is_silent(f));
	kg_consumer_process(c);
	fake_expect(f, KGP_T_mark, NULL);
	while (kg_consumer_next(c, &m) > 0)
		;
	fake_put_messages(f, 1, 7, 110, 1, 8);
	fake_send(f);
	assert_int_equal(poll(&p, 1, 5000),
			 1); /* the child did not take the socket out of the set */
	assert_int_equal(fake_receive(c, &m), 1);
	kg_consumer_free(c);
}

static void test_a_child_that_keeps_the_socket_open_does_not_wake_the_parent(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct pollfd p = {kg_consumer_get_fd(c), POLLIN, 0};
	struct kg_message m;
	pid_t pid = fork();

	if (!pid) {
		alarm(20); /* should the test fail before the kill */
		for (;;)
			pause();
	}
	shutdown(f->fd, SHUT_RDWR); /* the child has the fake's end too */
	fake_hang_up(f);
	fake_reopen(f, c);
	while (kg_consumer_next(c, &m) > 0)
		;
	assert_int_equal(poll(&p, 1, 0), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	kg_consumer_free(c);
}

/* ---- signals --------------------------------------------------------------------------------- */

static void on_alarm(int number)
{
	(void)number;
}

static void test_a_signal_ends_receive_but_not_commit(void **state)
{
	const struct itimerval soon = {.it_value.tv_usec = 20000};
	struct sigaction action = {.sa_handler = on_alarm}, before;
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_impatient(f);
	struct kg_message m;

	while (kg_consumer_next(c, &m) > 0)
		;
	sigaction(SIGALRM, &action, &before);
	setitimer(ITIMER_REAL, &soon, NULL);
	assert_int_equal(kg_consumer_receive(c, &m, 5000), 0);
	setitimer(ITIMER_REAL, &soon, NULL);
	assert_int_equal(kg_consumer_commit(c, 50), KG_ERR_TIMEOUT);
	sigaction(SIGALRM, &before, NULL);
	kg_consumer_free(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_marks_are_resumed_with_the_same_id),
		TEST(test_what_was_not_handed_out_is_dropped_and_credit_starts_anew),
		TEST(test_the_message_in_hand_survives),
		TEST(test_a_mark_is_said_again_until_it_is_committed),
		TEST(test_the_loss_is_told_by_events),
		TEST(test_a_goaway_says_when_to_come_back),
		TEST(test_tries_become_rarer),
		TEST(test_a_commit_waits_over_a_reconnect),
		TEST(test_a_close_brings_the_marks_over_a_reconnect),
		TEST(test_close_without_a_daemon),
		TEST(test_a_verdict_that_breaks_is_kept_as_a_mark),
		TEST(test_another_connection_took_our_place),
		TEST(test_a_refusal_on_the_way_back_ends_or_is_tried_again),
		TEST(test_a_child_may_only_free_and_the_parent_goes_on),
		TEST(test_a_child_that_keeps_the_socket_open_does_not_wake_the_parent),
		TEST(test_a_signal_ends_receive_but_not_commit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
