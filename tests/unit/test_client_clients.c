/* SPDX-License-Identifier: MIT */
/* Clients: consumers that come and go on one connection, and whose handle lives how long. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/test_client_fake.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const topics[] = {"t"};

static struct kg_options *options_of(struct fake *f)
{
	struct kg_options *o = kg_options_new();

	assert_int_equal(kg_options_set(o, "socket", f->path, NULL), 0);
	assert_int_equal(kg_options_set(o, "request.timeout", "4s", NULL), 0);
	return o;
}

static struct kg_client *open_client(struct fake *f)
{
	struct kg_options *o = options_of(f);
	struct kg_client *k;
	struct kg_error e;

	fake_start(f, fake_take_hello);
	if (kg_client_open(&k, o, &e))
		fail_msg("open: %s", e.text);
	fake_join(f);
	kg_options_free(o);
	return k;
}

/* OPEN without a HELLO before it. */
static void accept_another(struct fake *f)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_open, &b);
	f->open_request = b.open.request;
	fake_take_end(f);
	fake_accept_open(f);
}

static struct kg_consumer *open_consumer(struct fake *f, struct kg_client *k)
{
	struct kg_consumer *c;
	struct kg_error e;

	fake_start(f, accept_another);
	if (kg_client_open_consumer(k, &c, "g", topics, 1, NULL, &e))
		fail_msg("open: %s", e.text);
	fake_join(f);
	return c;
}

static void answer_close(struct fake *f)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_close, &b);
	fake_put_reply(f, b.close.request, 0, NULL);
	fake_send(f);
}

static void close_consumer(struct fake *f, struct kg_consumer *c)
{
	fake_start(f, answer_close);
	assert_int_equal(kg_consumer_close(c), 0);
	fake_join(f);
}

static void give_messages(struct fake *f, struct kg_consumer *c, unsigned claim)
{
	fake_put_assign(f, claim, "t", 0, claim + 6, 100, -1);
	fake_put_messages(f, claim, claim + 6, 100, 10, 8);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
}

/* ---- consumers that come and go -------------------------------------------------------------- */

static void test_a_client_is_a_connection_without_a_consumer(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_client(f);

	assert_true(fake_is_silent(f));
	assert_int_equal(kg_client_close(k), 0);
	fake_expect_eof(f);
	assert_int_equal(kg_client_close(k), 0);
	assert_int_equal(kg_client_refresh(k, NULL), KG_ERR_CLOSED);
	assert_null(kg_client_free(k));
}

static void test_consumers_follow_each_other_on_one_connection(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_client(f);
	struct kg_consumer *first = open_consumer(f, k), *second;
	struct kg_message m, in_hand;

	give_messages(f, first, 1);
	assert_int_equal(kg_consumer_next(first, &in_hand), 1);
	close_consumer(f, first);
	assert_int_equal(kg_consumer_close(first), 0);
	assert_int_equal(kg_consumer_next(first, &m), KG_ERR_CLOSED);
	second = open_consumer(f, k);
	assert_int_equal(kg_consumer_next(second, &m), 0); /* nothing of the first is left */
	give_messages(f, second, 2);
	assert_int_equal(kg_consumer_next(second, &m), 1);
	assert_int_equal(m.offset, 100);
	assert_int_equal(*(const char *)in_hand.value, 100); /* still there */
	kg_consumer_free(first);
	close_consumer(f, second);
	kg_consumer_free(second);
	kg_client_free(k);
	fake_expect_eof(f);
}

static void answer_close_behind_messages(struct fake *f)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_close, &b);
	fake_put_messages(f, 1, 7, 110, 5, 8); /* they crossed it */
	fake_put_reply(f, b.close.request, 0, NULL);
	fake_send(f);
}

/* What the first had not read must not count as credit that the second returns. */
static void test_credit_of_a_consumer_is_its_own(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_client(f);
	struct kg_consumer *c = open_consumer(f, k);
	union kgp_body b = {0};

	give_messages(f, c, 1);
	fake_start(f, answer_close_behind_messages);
	assert_int_equal(kg_consumer_close(c), 0);
	fake_join(f);
	kg_consumer_free(c);
	c = open_consumer(f, k);
	give_messages(f, c, 2);
	while (kg_consumer_next(c, &(struct kg_message){0}) > 0)
		;
	fake_expect(f, KGP_T_credit, &b);
	assert_int_equal(b.credit.messages, 20000 + 10);
	kg_consumer_free(c);
	kg_client_free(k);
}

static void test_one_consumer_at_a_time(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_client(f);
	struct kg_consumer *c = open_consumer(f, k), *none = NULL;
	struct kg_error e;

	assert_int_equal(kg_client_open_consumer(k, &none, "h", topics, 1, NULL, &e), KG_ERR_BUSY);
	assert_null(none);
	assert_non_null(strstr(e.text, "group g"));
	assert_true(*e.hint);
	assert_true(fake_is_silent(f));
	kg_consumer_free(c);
	kg_client_free(k);
}

static void refuse(struct fake *f)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_open, &b);
	fake_take_end(f);
	fake_put_reply(f, b.open.request, KGP_E_NO_GROUP, "no such group");
	fake_send(f);
}

static void test_a_refused_consumer_leaves_the_connection(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_client(f);
	struct kg_consumer *c = NULL;
	struct kg_error e;

	fake_start(f, refuse);
	assert_int_equal(kg_client_open_consumer(k, &c, "g", topics, 1, NULL, &e), KG_ERR_NO_GROUP);
	assert_string_equal(e.text, "no such group");
	fake_join(f);
	assert_null(c);
	c = open_consumer(f, k);
	kg_consumer_free(c);
	kg_client_free(k);
}

static void greet_again(struct fake *f)
{
	fake_expect_eof(f);
	fake_hang_up(f);
	fake_greet(f);
}

/* The daemon reads the old connection to its end; the client makes another. */
static void test_a_consumer_that_is_only_freed(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_client(f);
	struct kg_consumer *c = open_consumer(f, k);
	struct kg_message m;
	struct kg_error e;

	give_messages(f, c, 1);
	assert_int_equal(kg_consumer_next(c, &m), 1);
	assert_int_equal(kg_consumer_mark(c, &m, NULL), 0);
	kg_consumer_free(c);
	fake_expect(f, KGP_T_mark, NULL);
	fake_start(f, greet_again);
	assert_int_equal(kg_client_open_consumer(k, &c, "g", topics, 1, NULL, &e), 0);
	fake_join(f);
	kg_consumer_free(c);
	kg_client_free(k);
}

/* A daemon that does not answer CLOSE has a consumer on that connection: it is given up. */
static void test_a_close_without_an_answer_gives_up_the_connection(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_client(f);
	struct kg_options *o = options_of(f);
	struct kg_consumer *c;
	struct kg_error e;

	kg_options_set(o, "request.timeout", "1ms", NULL);
	fake_start(f, accept_another);
	assert_int_equal(kg_client_open_consumer(k, &c, "g", topics, 1, o, &e), 0);
	fake_join(f);
	assert_int_equal(kg_consumer_close(c), KG_ERR_TIMEOUT);
	fake_expect(f, KGP_T_close, NULL);
	kg_consumer_free(c);
	fake_start(f, greet_again);
	assert_int_equal(kg_client_open_consumer(k, &c, "g", topics, 1, NULL, &e), 0);
	fake_join(f);
	kg_consumer_free(c);
	kg_client_free(k);
	kg_options_free(o);
}

static void test_a_consumer_that_an_error_ends_makes_room(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_client(f);
	struct kg_consumer *c = open_consumer(f, k), *second;
	struct kgp_error fatal = {.code = KGP_E_DENIED, .fatal = true, .text = kgp_text("no more")};
	struct kg_event e;
	uint32_t request;
	struct kg_error why;

	assert_int_equal(kg_consumer_commit_start(c, &request), 0);
	while (kg_consumer_next_event(c, &e))
		;
	fake_put(f, KGP_T_error, &fatal);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), KG_ERR_DENIED);
	assert_string_equal(kg_consumer_error(c)->text, "no more");
	assert_int_equal(kg_consumer_next_event(c, &e), 1); /* closed */
	assert_int_equal(e.type, KG_EVENT_STATE);
	assert_int_equal(kg_consumer_next_event(c, &e), 1); /* the commit is answered */
	assert_int_equal(e.type, KG_EVENT_COMMITTED);
	assert_int_equal(e.request, request);
	assert_int_equal(e.error.code, KG_ERR_DENIED);
	fake_hang_up(f);
	fake_start(f, fake_greet);
	assert_int_equal(kg_client_open_consumer(k, &second, "g", topics, 1, NULL, &why), 0);
	fake_join(f);
	assert_int_equal(kg_consumer_process(c), KG_ERR_DENIED);
	kg_consumer_free(c);
	assert_int_equal(kg_consumer_process(second), 0); /* it was not disturbed */
	kg_consumer_free(second);
	kg_client_free(k);
}

/* ---- whose handle lives how long ------------------------------------------------------------- */

static void test_the_client_closes_its_consumer(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_client(f);
	struct kg_consumer *c = open_consumer(f, k);

	fake_start(f, answer_close);
	assert_int_equal(kg_client_close(k), 0);
	fake_join(f);
	fake_expect_eof(f);
	assert_int_equal(kg_consumer_state(c, NULL), KG_STATE_CLOSED);
	assert_int_equal(kg_consumer_close(c), 0);
	kg_client_free(k);
	kg_consumer_free(c);
}

static void test_the_client_may_be_freed_before_its_consumer(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_client(f);
	struct kg_consumer *c = open_consumer(f, k);
	struct kg_message m;

	give_messages(f, c, 1);
	assert_int_equal(kg_consumer_next(c, &m), 1);
	assert_int_equal(kg_consumer_mark(c, &m, NULL), 0);
	kg_client_free(k);
	fake_expect(f, KGP_T_mark, NULL);
	fake_expect_eof(f);
	assert_int_equal(*(const char *)m.value, 100);
	assert_int_equal(kg_consumer_get_fd(c), -1);
	assert_int_equal(kg_consumer_process(c), KG_ERR_CLOSED);
	assert_int_equal(kg_consumer_next(c, &m), KG_ERR_CLOSED);
	assert_int_equal(kg_consumer_close(c), KG_ERR_DISCONNECTED); /* nobody waited for it */
	kg_consumer_free(c);
}

static void test_a_child_may_free_both(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_client(f);
	struct kg_consumer *c = open_consumer(f, k);
	int status;
	pid_t pid = fork();

	if (!pid) {
		status =
			kg_client_refresh(k, NULL) != KG_ERR_FORKED ||
			kg_client_close(k) != KG_ERR_FORKED ||
			kg_client_open_consumer(k, &c, "g", topics, 1, NULL, NULL) != KG_ERR_FORKED;
		kg_client_free(k);
		kg_consumer_free(c);
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(fake_is_silent(f));
	give_messages(f, c, 1); /* the parent's is as before */
	kg_consumer_free(c);
	kg_client_free(k);
}

/* ---- options --------------------------------------------------------------------------------- */

static void test_the_configuration_can_be_read(void **state)
{
	static const struct {
		const char *name, *value;
	} all[] = {
		{"cluster", ""},
		{"open.timeout", "10s"},
		{"request.timeout", "4s"},
		{"credit.messages", "20000"},
		{"credit.bytes", "1048576"},
		{"max.frame", "68157440"},
		{"strategy", NULL}, /* the group's */
		{"session.timeout", NULL},
		{"initial.offset", "earliest"},
		{"commit.retries", NULL},
		{"dwell.time", "1500ms"},
		{"mode", "multiplexed"},
		{"errors", "yes"},
		{"notifications", "no"},
		{"topics.include", "^a"},
		{"topics.exclude", ""},
		{"no.such", NULL},
	};
	struct fake *f = *state;
	struct kg_options *o = options_of(f);
	struct kg_client *k;
	const char *value;
	size_t i;

	kg_options_set(o, "initial.offset", "earliest", NULL);
	kg_options_set(o, "dwell.time", "1500ms", NULL);
	kg_options_set(o, "errors", "yes", NULL);
	kg_options_set(o, "topics.include", "^a", NULL);
	fake_start(f, fake_take_hello);
	assert_int_equal(kg_client_open(&k, o, NULL), 0);
	fake_join(f);
	kg_options_free(o);
	assert_string_equal(kg_client_get_option(k, "socket"), f->path);
	assert_true(*kg_client_get_option(k, "name"));
	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		value = kg_client_get_option(k, all[i].name);
		if (all[i].value)
			assert_string_equal(value, all[i].value);
		else
			assert_null(value);
	}
	assert_null(kg_client_get_option(k, NULL));
	assert_null(kg_client_get_option(NULL, "mode"));
	kg_client_free(k);
}

static void accept_pattern(struct fake *f)
{
	struct kgp_token value;
	struct kgp_bytes name;
	union kgp_body b = {0};

	fake_expect(f, KGP_T_open, &b);
	if (b.open.topics.n || !kgp_next_pair(&b.open.settings, &name, &value) ||
	    !kgp_bytes_equal(name, kgp_text("topics.include")) ||
	    !kgp_bytes_equal(kgp_bytes(value.data, value.number), kgp_text("topic-\\w+")))
		strcpy(f->failure, "OPEN is not what it should be");
	f->open_request = b.open.request;
	fake_take_end(f);
	fake_accept_open(f);
}

static void accept_pattern_again(struct fake *f)
{
	fake_hang_up(f);
	fake_take_hello(f);
	accept_pattern(f);
	fake_put_assign(f, 1, "topic-a", 0, 7, 100, -1);
	fake_put_messages(f, 1, 7, 100, 1, 8);
	fake_send(f);
}

/* The text outlives the options that it was set in. */
static void test_a_pattern_is_enough(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_client(f);
	struct kg_options *o = kg_options_new();
	struct kg_consumer *c;
	struct kg_message m;

	assert_int_equal(kg_client_open_consumer(k, &c, "g", NULL, 0, o, NULL), KG_ERR_NO_TOPICS);
	kg_options_set(o, "topics.include", "x", NULL);
	kg_options_set(o, "topics.include", "topic-\\w+", NULL);
	fake_start(f, accept_pattern);
	assert_int_equal(kg_client_open_consumer(k, &c, "g", NULL, 0, o, NULL), 0);
	kg_options_free(o);
	fake_join(f);
	fake_start(f, accept_pattern_again);
	assert_int_equal(fake_receive(c, &m), 1);
	fake_join(f);
	assert_string_equal(m.topic, "topic-a");
	kg_consumer_free(c);
	kg_client_free(k);
}

static void test_texts_that_cannot_be(void **state)
{
	struct kg_options *o = kg_options_new();
	struct kg_error e;
	char long_text[1026];

	memset(long_text, 'a', 1025);
	long_text[1025] = 0;
	assert_int_equal(kg_options_set(o, "topics.include", long_text, &e), KG_ERR_SETTING);
	assert_int_equal(kg_options_set(o, "topics.include", "", &e), KG_ERR_SETTING);
	assert_int_equal(kg_options_set(o, "topics.include", "\xff", &e), KG_ERR_SETTING);
	assert_non_null(strstr(e.text, "UTF-8"));
	assert_int_equal(kg_options_set(o, "topics.include", "a", &e), 0);
	assert_int_equal(kg_options_set(o, "topics.include", "\xff", &e), KG_ERR_SETTING);
	long_text[1024] = 0;
	assert_int_equal(kg_options_set(o, "topics.exclude", long_text, &e), 0);
	kg_options_free(o);
}

static void test_arguments_that_cannot_be(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_client(f);
	struct kg_consumer *c;
	struct kg_error e;

	assert_int_equal(kg_client_open(NULL, NULL, &e), KG_ERR_ARGUMENT);
	assert_int_equal(kg_client_open_consumer(NULL, &c, "g", topics, 1, NULL, &e),
			 KG_ERR_ARGUMENT);
	assert_int_equal(kg_client_open_consumer(k, NULL, "g", topics, 1, NULL, &e),
			 KG_ERR_ARGUMENT);
	assert_int_equal(kg_client_close(NULL), KG_ERR_ARGUMENT);
	assert_null(kg_client_free(NULL));
	assert_int_equal(kg_client_error(NULL)->code, KG_ERR_ARGUMENT);
	kg_client_free(k);
}

static void refuse_client(struct fake *f)
{
	struct kgp_error fatal = {.code = KGP_E_QUOTA, .fatal = true, .text = kgp_text("enough")};

	fake_accept(f);
	fake_expect(f, KGP_T_hello, NULL);
	fake_put(f, KGP_T_error, &fatal);
	fake_send(f);
}

static void test_a_client_that_is_refused(void **state)
{
	struct fake *f = *state;
	struct kg_options *o = options_of(f);
	struct kg_client *k = NULL;
	struct kg_error e;

	fake_start(f, refuse_client);
	assert_int_equal(kg_client_open(&k, o, &e), KG_ERR_QUOTA);
	assert_string_equal(e.text, "enough");
	fake_join(f);
	fake_expect_eof(f);
	kg_options_set(o, "open.timeout", "1ms", NULL);
	assert_int_equal(kg_client_open(&k, o, &e), KG_ERR_UNREACHABLE);
	kg_options_set(o, "socket", "/no/such/place", NULL);
	assert_int_equal(kg_client_open(&k, o, &e), KG_ERR_UNREACHABLE);
	assert_null(k);
	kg_options_free(o);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_client_is_a_connection_without_a_consumer),
		TEST(test_consumers_follow_each_other_on_one_connection),
		TEST(test_credit_of_a_consumer_is_its_own),
		TEST(test_one_consumer_at_a_time),
		TEST(test_a_refused_consumer_leaves_the_connection),
		TEST(test_a_consumer_that_is_only_freed),
		TEST(test_a_close_without_an_answer_gives_up_the_connection),
		TEST(test_a_consumer_that_an_error_ends_makes_room),
		TEST(test_the_client_closes_its_consumer),
		TEST(test_the_client_may_be_freed_before_its_consumer),
		TEST(test_a_child_may_free_both),
		TEST(test_the_configuration_can_be_read),
		TEST(test_a_pattern_is_enough),
		TEST(test_texts_that_cannot_be),
		TEST(test_arguments_that_cannot_be),
		TEST(test_a_client_that_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
