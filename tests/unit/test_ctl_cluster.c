/* SPDX-License-Identifier: MIT */
/* Topics and offsets: what the cluster has, and what is said when it cannot be told. */
#include "client-lib/ctl/scope.h"
#include "client-lib/ctl/value.h"

#include "tests/unit/test_ctl_fake.h"

static bool take_argument(const struct kgp_query *query, const char *name, struct kgp_token *value)
{
	struct kgp_list arguments = query->arguments;
	struct kgp_bytes key;

	while (kgp_next_pair(&arguments, &key, value)) {
		if (kgp_bytes_equal(key, kgp_text(name)))
			return true;
	}
	return false;
}

static bool says(const struct kgp_query *query, const char *name, const char *text)
{
	struct kgp_token value;

	return take_argument(query, name, &value) && value.kind == KGP_KIND_STR &&
	       value.number == strlen(text) && memcmp(value.data, text, value.number) == 0;
}

static void put_topics(struct kgp_buf *b)
{
	kgp_put_map(b, 1);
	kgp_put_str(b, kgp_text("topics"));
	kgp_put_array(b, 2);
	kgp_put_map(b, 2);
	put_text(b, "name", "clicks");
	put_number(b, "partitions", 12);
	kgp_put_map(b, 2);
	put_text(b, "name", "orders");
	put_number(b, "partitions", 2);
}

/* Partition 1 has no leader. */
static void put_partitions(struct kgp_buf *b)
{
	kgp_put_map(b, 1);
	kgp_put_str(b, kgp_text("partitions"));
	kgp_put_array(b, 2);
	kgp_put_map(b, 2);
	put_number(b, "partition", 0);
	put_number(b, "leader", 7);
	kgp_put_map(b, 2);
	put_number(b, "partition", 1);
	kgp_put_str(b, kgp_text("leader"));
	kgp_put_nil(b);
}

/* Of partition 0: from 5 to 25; the time is its own offset. */
static void put_offset(struct kgp_buf *b, const struct kgp_query *query)
{
	struct kgp_token partition, at;

	if (!take_argument(query, "partition", &partition) || partition.number != 0 ||
	    !take_argument(query, "at", &at))
		_exit(1);
	kgp_put_map(b, 1);
	if (at.kind == KGP_KIND_UINT)
		put_number(b, "offset", (int64_t)at.number);
	else
		put_number(b, "offset", says(query, "at", "earliest") ? 5 : 25);
}

/* To whom asks with the rights of billing at main. */
static void answer_of_the_cluster(int fd)
{
	union kgp_body body;
	uint32_t request = take_query(fd, &body);

	for (;; request = (uint32_t)body.query.request) {
		struct kgp_buf b = {0};

		if (!says(&body.query, "group", "billing") || !says(&body.query, "cluster", "main"))
			_exit(1);
		if (kgp_bytes_equal(body.query.what, kgp_text("topics")))
			put_topics(&b);
		else if (!says(&body.query, "topic", "orders"))
			_exit(1);
		else if (kgp_bytes_equal(body.query.what, kgp_text("partitions")))
			put_partitions(&b);
		else
			put_offset(&b, &body.query);
		reply(fd, request, &b);
		kgp_buf_deinit(&b);
		if (recv(fd, &b, 1, MSG_PEEK) <= 0)
			return;
		take_frame(fd, &body);
	}
}

static void refuse_topic(int fd)
{
	union kgp_body body;
	struct kgp_reply reply = {.request = take_query(fd, &body),
				  .code = KGP_E_UNKNOWN_TOPIC,
				  .text = kgp_text("there is no topic x")};

	put_frame(fd, KGP_T_reply, &reply);
}

#define OF_BILLING "--group", "billing", "--cluster", "main"

static void topics_are_listed_with_their_partitions(void **state)
{
	static const char *const arguments[] = {OF_BILLING, NULL};
	struct fake f;
	struct ctl ctl = {.timeout_ms = TIMEOUT_MS, .socket_path = f.path, .output = CTL_RAW};
	char text[4096];
	json_t *json;

	fake_start(&f, answer_of_the_cluster);
	assert_int_equal(run_with(cmd_topics, &ctl, arguments, text, sizeof(text)), 0);
	assert_string_equal(text, "TOPIC PARTITIONS\nclicks 12\norders 2\n");
	ctl.output = CTL_JSON;
	assert_int_equal(run_with(cmd_topics, &ctl, arguments, text, sizeof(text)), 0);
	json = json_loads(text, 0, NULL);
	assert_int_equal(json_array_size(value_list(json, "topics")), 2);
	json_decref(json);
	fake_stop(&f);
}

static void offsets_of_a_partition_without_leader_are_unknown_and_75(void **state)
{
	static const char *const arguments[] = {"orders", OF_BILLING, NULL};
	struct fake f;
	struct ctl ctl = {.timeout_ms = TIMEOUT_MS, .socket_path = f.path, .output = CTL_RAW};
	char text[4096];

	fake_start(&f, answer_of_the_cluster);
	ctl.columns = "+leader";
	assert_int_equal(run_with(cmd_offsets, &ctl, arguments, text, sizeof(text)), 75);
	assert_string_equal(text, "TOPIC PARTITION EARLIEST LATEST MESSAGES LEADER\n"
				  "orders 0 5 25 20 7\n"
				  "orders 1 - - - -\n");
	fake_stop(&f);
}

static void offsets_at_a_time_are_of_that_time(void **state)
{
	static const char *const at_time[] = {"orders", OF_BILLING, "-p0", "--at", "4711", NULL};
	static const char *const at_end[] = {"orders", OF_BILLING, "-p0", "--at=newest", NULL};
	struct fake f;
	struct ctl ctl = {.timeout_ms = TIMEOUT_MS, .socket_path = f.path, .output = CTL_RAW};
	char text[4096];
	json_t *json, *row;

	fake_start(&f, answer_of_the_cluster);
	assert_int_equal(run_with(cmd_offsets, &ctl, at_time, text, sizeof(text)), 0);
	assert_string_equal(text, "TOPIC PARTITION OFFSET\norders 0 4711\n");
	ctl.output = CTL_JSON;
	assert_int_equal(run_with(cmd_offsets, &ctl, at_end, text, sizeof(text)), 0);
	json = json_loads(text, 0, NULL);
	assert_string_equal(value_text(json, "at", ""), "latest");
	row = json_array_get(value_list(json, "partitions"), 0);
	assert_int_equal(value_number(row, "offset", -1), 25);
	json_decref(json);
	fake_stop(&f);
}

static void a_topic_or_partition_that_is_not_there_is_a_no(void **state)
{
	static const char *const partition[] = {"orders", OF_BILLING, "--partition", "2", NULL};
	struct fake f;
	struct ctl ctl = {.timeout_ms = TIMEOUT_MS, .socket_path = f.path};
	char text[64];

	fake_start(&f, answer_of_the_cluster);
	assert_int_equal(run_with(cmd_offsets, &ctl, partition, text, sizeof(text)), 1);
	assert_string_equal(text, "");
	fake_stop(&f);
	fake_start(&f, refuse_topic);
	assert_int_equal(run(cmd_offsets, &ctl, "x", text, sizeof(text)), 1);
	assert_string_equal(text, "");
	fake_stop(&f);
}

/* Who asks without a group is told to name one; the words of the daemon are about opening. */
static void no_rights_without_a_group_say_how_to_name_one(void **state)
{
	struct scope scope = {0};
	struct trouble t;

	trouble_set(&t, KGP_E_NO_GROUP, "the daemon did not answer the question");
	assert_int_equal(scope_fail(&scope, &t), 1);
	assert_non_null(strstr(t.how, "--group NAME"));
	scope.group = "x";
	assert_int_equal(scope_fail(&scope, &t), 1);
	assert_non_null(strstr(t.what, "no group 'x'"));
}

static void a_wrong_command_line_is_64(void **state)
{
	struct ctl ctl = {.timeout_ms = SHORT_MS, .socket_path = "/nonexistent/s"};
	char text[64];

	assert_int_equal(run(cmd_topics, &ctl, "extra", text, sizeof(text)), 64);
	assert_int_equal(run(cmd_offsets, &ctl, NULL, text, sizeof(text)), 64);
	assert_int_equal(run(cmd_offsets, &ctl, "--at=soon", text, sizeof(text)), 64);
	assert_int_equal(run(cmd_offsets, &ctl, "--partition=-1", text, sizeof(text)), 64);
	assert_int_equal(run(cmd_offsets, &ctl, "orders", text, sizeof(text)), 69);
	assert_int_equal(run(cmd_topics, &ctl, NULL, text, sizeof(text)), 69);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(topics_are_listed_with_their_partitions),
		cmocka_unit_test(offsets_of_a_partition_without_leader_are_unknown_and_75),
		cmocka_unit_test(offsets_at_a_time_are_of_that_time),
		cmocka_unit_test(a_topic_or_partition_that_is_not_there_is_a_no),
		cmocka_unit_test(no_rights_without_a_group_say_how_to_name_one),
		cmocka_unit_test(a_wrong_command_line_is_64),
	};

	return cmocka_run_group_tests_name("ctl_cluster", tests, NULL, NULL);
}
