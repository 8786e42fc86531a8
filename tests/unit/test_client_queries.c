/* SPDX-License-Identifier: MIT */
/* What a client asks the daemon, with and without a consumer, and what it makes of the answers. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/test_client_fake.h"
#include "tests/unit/test_core_random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct kg_client *open_with(struct fake *f, const char *name, const char *value)
{
	struct kg_options *o = kg_options_new();
	struct kg_client *k;
	struct kg_error e;

	kg_options_set(o, "socket", f->path, NULL);
	if (name)
		kg_options_set(o, name, value, NULL);
	fake_start(f, fake_take_hello);
	if (kg_client_open(&k, o, &e))
		fail_msg("open: %s", e.text);
	fake_join(f);
	kg_options_free(o);
	return k;
}

/* ---- a daemon that answers what it is told --------------------------------------------------- */

static struct kgp_buf answer; /* to the next questions */
static unsigned code;	      /* or this, if it is not 0 */
static char question[512];    /* what was asked: the word, then name=value */

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void note(const char *format, ...)
{
	size_t n = strlen(question);
	va_list ap;

	va_start(ap, format);
	vsnprintf(question + n, sizeof(question) - n, format, ap);
	va_end(ap);
}

static uint64_t take_question(struct fake *f)
{
	struct kgp_bytes name;
	struct kgp_token t;
	union kgp_body b = {0};

	*question = 0;
	fake_expect(f, KGP_T_query, &b);
	note("%.*s", (int)b.query.what.size, (const char *)b.query.what.data);
	while (kgp_next_pair(&b.query.arguments, &name, &t)) {
		note(" %.*s=", (int)name.size, (const char *)name.data);
		if (t.kind == KGP_KIND_STR)
			note("'%.*s'", (int)t.number, (const char *)t.data);
		else
			note("%lld", (long long)t.number);
	}
	return b.query.request;
}

static void respond(struct fake *f)
{
	uint64_t request = take_question(f);

	if (code)
		fake_put_reply(f, request, code, "because of that");
	else
		fake_put_result(f, request, &answer);
	fake_send(f);
}

static int setup(void **state)
{
	kgp_buf_reset(&answer);
	code = 0;
	return fake_setup(state);
}

static int teardown(void **state)
{
	kgp_buf_deinit(&answer);
	return fake_teardown(state);
}

static void put_key(const char *key)
{
	kgp_put_str(&answer, kgp_text(key));
}

static void put_topic(const char *name, int64_t n)
{
	kgp_put_map(&answer, 3);
	put_key("new");
	kgp_put_array(&answer, 2); /* of a newer daemon */
	kgp_put_nil(&answer);
	kgp_put_uint(&answer, 7);
	put_key("partitions");
	kgp_put_int(&answer, n);
	put_key("name");
	kgp_put_str(&answer, kgp_text(name));
}

static void put_topics(int64_t n_partitions)
{
	kgp_put_map(&answer, 1);
	put_key("topics");
	kgp_put_array(&answer, 2);
	put_topic("a", n_partitions);
	put_topic("long.name", 12);
}

/* ---- questions and answers ------------------------------------------------------------------- */

static void test_topics(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_with(f, NULL, NULL);
	const struct kg_topic *topics;
	size_t n;

	put_topics(3);
	fake_start(f, respond);
	assert_int_equal(kg_client_get_topics(k, NULL, &topics, &n), 0);
	fake_join(f);
	assert_string_equal(question, "topics");
	assert_int_equal(n, 2);
	assert_string_equal(topics[0].name, "a");
	assert_int_equal(topics[0].n_partitions, 3);
	assert_string_equal(topics[1].name, "long.name");
	assert_int_equal(topics[1].n_partitions, 12);

	kgp_buf_reset(&answer);
	kgp_put_map(&answer, 1);
	put_key("topics");
	kgp_put_array(&answer, 0);
	fake_start(f, respond);
	assert_int_equal(kg_client_get_topics(k, "g", &topics, &n), 0);
	fake_join(f);
	assert_string_equal(question, "topics group='g'");
	assert_int_equal(n, 0);
	kg_client_free(k);
}

static void test_partitions(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_with(f, "cluster", "c2");
	const int32_t *partitions;
	unsigned i;
	size_t n;

	kgp_put_map(&answer, 1);
	put_key("partitions");
	kgp_put_array(&answer, 3);
	for (i = 0; i < 3; i++) {
		kgp_put_map(&answer, 2);
		put_key("leader");
		kgp_put_nil(&answer);
		put_key("partition");
		kgp_put_uint(&answer, i * 2);
	}
	fake_start(f, respond);
	assert_int_equal(kg_client_get_partitions(k, "g", "t", &partitions, &n), 0);
	fake_join(f);
	assert_string_equal(question, "partitions group='g' cluster='c2' topic='t'");
	assert_int_equal(n, 3);
	assert_int_equal(partitions[2], 4);
	kg_client_free(k);
}

static void test_offsets(void **state)
{
	static const struct {
		int64_t at;
		const char *asked;
	} all[] = {
		{KG_OFFSET_EARLIEST, "offset topic='t' partition=4 at='earliest'"},
		{KG_OFFSET_LATEST, "offset topic='t' partition=4 at='latest'"},
		{1700000000000, "offset topic='t' partition=4 at=1700000000000"},
	};
	struct fake *f = *state;
	struct kg_client *k = open_with(f, NULL, NULL);
	int64_t offset;
	size_t i;

	kgp_put_map(&answer, 1);
	put_key("offset");
	kgp_put_uint(&answer, 1234567890123);
	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		fake_start(f, respond);
		assert_int_equal(kg_client_get_offset(k, NULL, "t", 4, all[i].at, &offset), 0);
		fake_join(f);
		assert_string_equal(question, all[i].asked);
		assert_int_equal(offset, 1234567890123);
	}
	kg_client_free(k);
}

static void test_refresh_and_validate(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_with(f, "cluster", "c2");
	struct kg_options *o = kg_options_new();

	kgp_put_map(&answer, 0);
	fake_start(f, respond);
	assert_int_equal(kg_client_refresh(k, "g"), 0);
	fake_join(f);
	assert_string_equal(question, "refresh group='g'");

	kg_options_set(o, "topics.include", "[a", NULL);
	kg_options_set(o, "dwell.time", "1s", NULL);
	code = KGP_E_SETTING;
	fake_start(f, respond);
	assert_int_equal(kg_client_validate(k, o), KG_ERR_SETTING);
	fake_join(f);
	assert_string_equal(question, "validate dwell.time=1000 topics.include='[a'");
	assert_string_equal(kg_client_error(k)->text, "because of that");

	kg_options_set(o, "session.timeout", "6s", NULL);
	kg_options_set(o, "heartbeat.interval", "3s", NULL);
	assert_int_equal(kg_client_validate(k, o), KG_ERR_SETTING); /* nobody is asked */
	assert_non_null(strstr(kg_client_error(k)->text, "heartbeat.interval"));
	assert_true(fake_is_silent(f));
	code = 0;
	fake_start(f, respond);
	assert_int_equal(kg_client_validate(k, NULL), 0);
	fake_join(f);
	assert_string_equal(question, "validate");
	kg_options_free(o);
	kg_client_free(k);
}

static void test_arguments_that_cannot_be(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_with(f, NULL, NULL);
	const struct kg_topic *topics;
	const int32_t *ids;
	char name[300];
	int64_t offset;
	size_t n;

	memset(name, 'a', 299);
	name[299] = 0;
	assert_int_equal(kg_client_get_topics(NULL, NULL, &topics, &n), KG_ERR_ARGUMENT);
	assert_int_equal(kg_client_get_topics(k, NULL, NULL, &n), KG_ERR_ARGUMENT);
	assert_int_equal(kg_client_get_topics(k, "", &topics, &n), KG_ERR_ARGUMENT);
	assert_int_equal(kg_client_get_topics(k, name, &topics, &n), KG_ERR_ARGUMENT);
	assert_int_equal(kg_client_get_partitions(k, NULL, "t", &ids, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_client_get_partitions(k, NULL, NULL, &ids, &n), KG_ERR_ARGUMENT);
	assert_int_equal(kg_client_get_partitions(k, NULL, "\xff", &ids, &n), KG_ERR_ARGUMENT);
	assert_int_equal(kg_client_get_offset(k, NULL, "t", 0, 0, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_client_get_offset(k, NULL, name, 0, 0, &offset), KG_ERR_ARGUMENT);
	assert_int_equal(kg_client_get_offset(k, NULL, "t", -1, 0, &offset), KG_ERR_ARGUMENT);
	assert_int_equal(kg_client_get_offset(k, NULL, "t", 0, -3, &offset), KG_ERR_ARGUMENT);
	assert_int_equal(kg_client_error(k)->code, KG_ERR_ARGUMENT);
	assert_true(fake_is_silent(f));
	kg_client_free(k);
}

/* ---- answers that are none ------------------------------------------------------------------- */

static void test_a_refusal_is_told_and_ends_nothing(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_with(f, NULL, NULL);
	const int32_t *ids;
	size_t n;

	code = KGP_E_UNKNOWN_TOPIC;
	fake_start(f, respond);
	assert_int_equal(kg_client_get_partitions(k, NULL, "t", &ids, &n), KG_ERR_UNKNOWN_TOPIC);
	fake_join(f);
	assert_string_equal(kg_client_error(k)->text, "because of that");
	assert_true(*kg_client_error(k)->hint);
	code = 0;
	kgp_put_map(&answer, 0);
	fake_start(f, respond);
	assert_int_equal(kg_client_refresh(k, NULL), 0);
	fake_join(f);
	kg_client_free(k);
}

static void put_odd(unsigned i)
{
	kgp_buf_reset(&answer);
	switch (i) {
	case 0:
		kgp_put_nil(&answer);
		return;
	case 1:
		kgp_put_map(&answer, 0);
		return;
	case 2:
		kgp_put_map(&answer, 1);
		put_key("topics");
		kgp_put_uint(&answer, 3);
		return;
	case 3:
		put_topics(-1);
		return;
	case 4:
		put_topics(INT64_C(1) << 31);
		return;
	case 5:
		kgp_put_map(&answer, 2);
		put_key("partitions");
		kgp_put_array(&answer, 1);
		put_topic("a", -1);
		put_key("offset");
		kgp_put_uint(&answer, UINT64_MAX);
		return;
	default:
		kgp_put_map(&answer, 3);
		put_key("offset");
		kgp_put_bool(&answer, true);
		put_key("partitions");
		kgp_put_array(&answer, 1);
		kgp_put_uint(&answer, 1);
		put_key("topics");
		kgp_put_array(&answer, 1);
		kgp_put_map(&answer, 1);
		put_key("name");
		kgp_put_bin(&answer, kgp_text("a"));
	}
}

/* The daemon's bytes are checked, the form of a result is not: whoever reads it does that. */
static void test_odd_answers_are_named(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_with(f, NULL, NULL);
	const struct kg_topic *topics = NULL;
	const int32_t *ids;
	int64_t offset;
	unsigned i;
	size_t n;

	for (i = 0; i < 7; i++) {
		put_odd(i);
		fake_start(f, respond);
		assert_int_equal(kg_client_get_topics(k, NULL, &topics, &n), KG_ERR_PROTOCOL);
		fake_join(f);
		fake_start(f, respond);
		assert_int_equal(kg_client_get_partitions(k, NULL, "t", &ids, &n), KG_ERR_PROTOCOL);
		fake_join(f);
		fake_start(f, respond);
		assert_int_equal(kg_client_get_offset(k, NULL, "t", 0, 0, &offset),
				 KG_ERR_PROTOCOL);
		fake_join(f);
	}
	assert_non_null(strstr(kg_client_error(k)->text, "form"));
	assert_null(topics);
	kg_client_free(k);
}

/* A value of any shape, with keys that mean something. */
static void put_any(unsigned depth)
{
	static const char *const keys[] = {"topics", "partitions", "offset", "name", "partition"};
	int i, n = random_below(4), kind = random_below(depth ? 8 : 6);

	if (kind == 0)
		kgp_put_nil(&answer);
	else if (kind == 1)
		kgp_put_bool(&answer, true);
	else if (kind == 2)
		kgp_put_uint(&answer, random_u64() >> random_below(64));
	else if (kind == 3)
		kgp_put_int(&answer, -random_below(1000));
	else if (kind == 4)
		put_key(keys[random_below(5)]);
	else if (kind == 5)
		kgp_put_bin(&answer, kgp_text("bin"));
	else if (kind == 6)
		kgp_put_array(&answer, (uint32_t)n);
	else
		kgp_put_map(&answer, (uint32_t)n);
	for (i = 0; kind > 5 && i < n; i++) {
		if (kind == 7)
			put_key(keys[(random_below(2) + i * 2) % 5]); /* each key once */
		put_any(depth - 1);
	}
}

static void put_root(const char *key)
{
	int i, n = random_below(3);

	kgp_buf_reset(&answer);
	kgp_put_map(&answer, 1);
	put_key(key);
	kgp_put_array(&answer, (uint32_t)n);
	for (i = 0; i < n; i++)
		put_any(3);
}

static void test_answers_of_any_shape(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_with(f, NULL, NULL);
	const struct kg_topic *topics;
	const int32_t *ids;
	size_t n;
	int r, i;

	random_seed(21);
	for (i = 0; i < 300; i++) {
		put_root("topics");
		fake_start(f, respond);
		r = kg_client_get_topics(k, NULL, &topics, &n);
		fake_join(f);
		assert_true(r == 0 || r == KG_ERR_PROTOCOL);
		put_root("partitions");
		fake_start(f, respond);
		r = kg_client_get_partitions(k, NULL, "t", &ids, &n);
		fake_join(f);
		assert_true(r == 0 || r == KG_ERR_PROTOCOL);
	}
	kg_client_free(k);
}

static void take_and_hang_up(struct fake *f)
{
	take_question(f);
	fake_hang_up(f);
	fake_take_hello(f);
	respond(f);
}

static void test_a_question_outlives_the_connection(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_with(f, NULL, NULL);

	kgp_put_map(&answer, 0);
	fake_start(f, take_and_hang_up);
	assert_int_equal(kg_client_refresh(k, NULL), 0);
	fake_join(f);
	assert_string_equal(question, "refresh");
	kg_client_free(k);
}

static void come_back_without(struct fake *f)
{
	take_question(f);
	fake_hang_up(f);
	f->lacks = 1u << KGP_FEATURE_query;
	fake_take_hello(f);
}

/* Also when it became older while it was away. */
static void test_a_daemon_without_questions_is_too_old(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_with(f, NULL, NULL);

	fake_start(f, come_back_without);
	assert_int_equal(kg_client_refresh(k, NULL), KG_ERR_UNSUPPORTED);
	fake_join(f);
	assert_int_equal(kg_client_refresh(k, NULL), KG_ERR_UNSUPPORTED);
	assert_int_equal(kg_client_error(k)->code, KG_ERR_UNSUPPORTED);
	assert_true(*kg_client_error(k)->text && *kg_client_error(k)->hint);
	assert_true(fake_is_silent(f));
	kg_client_free(k);
}

static void break_the_protocol(struct fake *f)
{
	take_question(f);
	fake_put_raw(f, "nonsense", 8);
	fake_send(f);
	fake_expect_eof(f);
	fake_hang_up(f);
}

static void come_back(struct fake *f)
{
	fake_take_hello(f);
	respond(f);
}

static void test_a_violated_protocol_ends_the_connection_not_the_client(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_with(f, NULL, NULL);

	fake_start(f, break_the_protocol);
	assert_int_equal(kg_client_refresh(k, NULL), KG_ERR_PROTOCOL);
	fake_join(f);
	assert_int_equal(kg_client_error(k)->code, KG_ERR_PROTOCOL);
	kgp_put_map(&answer, 0);
	fake_start(f, come_back);
	assert_int_equal(kg_client_refresh(k, NULL), 0);
	fake_join(f);
	kg_client_free(k);
}

static void test_nobody_answers(void **state)
{
	struct fake *f = *state;
	struct kg_client *k = open_with(f, "request.timeout", "1ms");

	assert_int_equal(kg_client_refresh(k, NULL), KG_ERR_TIMEOUT);
	fake_hang_up(f);
	assert_int_equal(kg_client_refresh(k, NULL), KG_ERR_DISCONNECTED);
	assert_true(*kg_client_error(k)->text);
	kg_client_free(k);
}

/* ---- beside a consumer ----------------------------------------------------------------------- */

static void answer_behind_messages(struct fake *f)
{
	uint64_t request = take_question(f);

	fake_put_messages(f, 1, 7, 110, 10, 8);
	fake_put_release(f, 2);
	fake_put_result(f, request, &answer);
	fake_send(f);
}

static void accept_one(struct fake *f)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_open, &b);
	f->open_request = b.open.request;
	fake_take_end(f);
	fake_accept_open(f);
}

static void test_messages_are_kept_for_the_consumer(void **state)
{
	static const char *const topics[] = {"t"};
	struct fake *f = *state;
	struct kg_client *k = open_with(f, NULL, NULL);
	struct kg_consumer *c;
	struct kg_message m;
	int64_t i;

	fake_start(f, accept_one);
	assert_int_equal(kg_client_open_consumer(k, &c, "g", topics, 1, NULL, NULL), 0);
	fake_join(f);
	fake_put_assign(f, 1, "t", 0, 7, 100, -1);
	fake_put_assign(f, 2, "t", 1, 8, 100, -1);
	fake_put_messages(f, 1, 7, 100, 10, 8);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	assert_int_equal(kg_consumer_next(c, &m), 1);
	kgp_put_map(&answer, 0);
	fake_start(f, answer_behind_messages);
	assert_int_equal(kg_client_refresh(k, NULL), 0);
	fake_join(f);
	assert_int_equal(m.offset, 100);
	assert_int_equal(*(const char *)m.value, 100);
	assert_int_equal(kg_consumer_assignment(c, NULL), 1); /* what came beside it was heard */
	assert_int_equal(kg_consumer_get_timeout_ms(c), 0);
	for (i = 101; i < 120; i++) {
		assert_int_equal(kg_consumer_next(c, &m), 1);
		assert_int_equal(m.offset, i);
	}
	assert_int_equal(kg_consumer_next(c, &m), 0);
	kg_consumer_free(c);
	kg_client_free(k);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_topics),
		TEST(test_partitions),
		TEST(test_offsets),
		TEST(test_refresh_and_validate),
		TEST(test_arguments_that_cannot_be),
		TEST(test_a_refusal_is_told_and_ends_nothing),
		TEST(test_odd_answers_are_named),
		TEST(test_answers_of_any_shape),
		TEST(test_a_question_outlives_the_connection),
		TEST(test_a_daemon_without_questions_is_too_old),
		TEST(test_a_violated_protocol_ends_the_connection_not_the_client),
		TEST(test_nobody_answers),
		TEST(test_messages_are_kept_for_the_consumer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
