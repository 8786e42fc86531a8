/* SPDX-License-Identifier: MIT */
/* Notifications: what they say, and where they stand among events and messages. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/test_client_fake.h"

#include <stdio.h>
#include <string.h>

static struct fake *fake_of(void **state)
{
	return *state;
}

static struct kg_consumer *open_notified(struct fake *f)
{
	struct kg_consumer *c;
	struct kg_error e;

	fake_start(f, fake_greet);
	if (fake_try_open(f, &c, &e, "notifications", "yes", NULL))
		fail_msg("open: %s", e.text);
	fake_join(f);
	while (kg_consumer_next_event(c, &(struct kg_event){0}))
		;
	return c;
}

static const struct kgp_number zero_to_two[] = {{0}, {1}, {2}};
static const struct kgp_partitions of_t = {.topic = {"t", 1},
					   .ids = {.items = zero_to_two, .n = 3}};
static const struct kgp_partitions of_two[] = {
	{.topic = {"other", 5}, .ids = {.items = zero_to_two, .n = 1}},
	{.topic = {"t", 1}, .ids = {.items = zero_to_two, .n = 2}},
};

static void put_notify(struct fake *f, unsigned kind, const struct kgp_partitions *claimed,
		       unsigned n_claimed, const struct kgp_partitions *released,
		       unsigned n_released, const struct kgp_partitions *current,
		       unsigned n_current)
{
	struct kgp_notify m = {
		.kind = kind,
		.claimed = {.items = claimed, .n = n_claimed},
		.released = {.items = released, .n = n_released},
		.current = {.items = current, .n = n_current},
	};

	fake_put(f, KGP_T_notify, &m);
}

static void put_list(char *out, const struct kg_partition_id *ids, size_t n)
{
	for (; n; n--, ids++)
		sprintf(out + strlen(out), " %s/%d", ids->topic, ids->partition);
}

/* An event as a text. */
static const char *tell(const struct kg_event *e)
{
	static char text[512];

	*text = 0;
	if (e->type != KG_EVENT_NOTIFICATION) {
		sprintf(text, "%d %s/%d", e->type, e->topic, e->partition);
		return text;
	}
	sprintf(text, "%d", e->notification);
	put_list(text, e->claimed, e->n_claimed);
	strcat(text, " |");
	put_list(text, e->released, e->n_released);
	strcat(text, " |");
	put_list(text, e->current, e->n_current);
	return text;
}

static void expect(struct kg_consumer *c, const char *text)
{
	struct kg_event e;

	assert_int_equal(kg_consumer_next_event(c, &e), 1);
	assert_string_equal(tell(&e), text);
}

static void test_what_they_say(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_notified(f);
	struct kg_event e;

	put_notify(f, 1, NULL, 0, NULL, 0, NULL, 0);
	put_notify(f, 2, of_two, 2, NULL, 0, of_two, 2);
	put_notify(f, 2, &of_t, 1, of_two, 2, &of_t, 1);
	put_notify(f, 3, NULL, 0, &of_t, 1, NULL, 0);
	put_notify(f, 0, NULL, 0, NULL, 0, NULL, 0);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	expect(c, "1 | |");
	expect(c, "2 other/0 t/0 t/1 | | other/0 t/0 t/1");
	expect(c, "2 t/0 t/1 t/2 | other/0 t/0 t/1 | t/0 t/1 t/2");
	expect(c, "3 | t/0 t/1 t/2 |");
	expect(c, "0 | |");
	assert_int_equal(kg_consumer_next_event(c, &e), 0);
	kg_consumer_free(c);
}

/* On the wire: START, RELEASE; then RELEASED, ASSIGN, OK, MESSAGES. */
static void test_their_place_is_that_on_the_wire(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_notified(f);
	struct kg_message m;
	char text[64];

	fake_put_assign(f, 1, "t", 0, 7, 100, -1);
	put_notify(f, 2, &of_t, 1, NULL, 0, &of_t, 1);
	fake_put_messages(f, 1, 7, 100, 2, 8);
	fake_send(f);
	assert_int_equal(fake_receive(c, &m), 1);
	sprintf(text, "%d t/0", KG_EVENT_ASSIGNED);
	expect(c, text);
	expect(c, "2 t/0 t/1 t/2 | | t/0 t/1 t/2"); /* there with the first message */
	put_notify(f, 1, NULL, 0, NULL, 0, &of_t, 1);
	fake_put_release(f, 1);
	fake_put_released(f, 1);
	fake_put_assign(f, 2, "t", 0, 8, 102, -1);
	put_notify(f, 2, of_two, 2, NULL, 0, of_two, 2);
	fake_put_messages(f, 2, 8, 102, 1, 8);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	expect(c, "1 | | t/0 t/1 t/2");
	sprintf(text, "%d t/0", KG_EVENT_RELEASING);
	expect(c, text);
	sprintf(text, "%d t/0", KG_EVENT_RELEASED);
	expect(c, text);
	sprintf(text, "%d t/0", KG_EVENT_ASSIGNED);
	expect(c, text);
	expect(c, "2 other/0 t/0 t/1 | | other/0 t/0 t/1");
	assert_int_equal(kg_consumer_next(c, &m), 1);
	assert_int_equal(m.offset, 102);
	kg_consumer_free(c);
}

/* Also when RELEASE was read with START. */
static void test_a_mark_on_start_counts(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_notified(f);
	struct kg_message m;
	struct kg_event e;
	union kgp_body b = {0};

	fake_put_assign(f, 1, "t", 0, 7, 100, -1);
	fake_put_messages(f, 1, 7, 100, 2, 8);
	put_notify(f, 1, NULL, 0, NULL, 0, &of_t, 1);
	fake_put_release(f, 1);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	assert_int_equal(kg_consumer_next(c, &m), 0); /* RELEASE voided the unread */
	do
		assert_int_equal(kg_consumer_next_event(c, &e), 1);
	while (e.type != KG_EVENT_NOTIFICATION);
	assert_int_equal(kg_consumer_mark_offset(c, "t", 0, 100, NULL, NULL), 0);
	assert_int_equal(kg_consumer_process(c), 0);
	fake_expect(f, KGP_T_done, NULL); /* nothing was in hand */
	fake_expect(f, KGP_T_credit, NULL);
	fake_expect(f, KGP_T_mark, &b);
	kg_consumer_free(c);
}

static void test_they_wake_a_loop(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_notified(f);
	struct kg_message m;

	assert_int_equal(kg_consumer_process(c), 0);
	put_notify(f, 1, NULL, 0, NULL, 0, NULL, 0);
	fake_send(f);
	assert_int_equal(kg_consumer_receive(c, &m, 0), 0);
	assert_int_equal(kg_consumer_get_timeout_ms(c), 0); /* it came outside of process() */
	expect(c, "1 | |");
	assert_int_equal(kg_consumer_next_event(c, &(struct kg_event){0}), 0);
	assert_int_equal(kg_consumer_get_timeout_ms(c), -1);
	kg_consumer_free(c);
}

enum { MANY = 1000 };

/* The answer is behind all that was put before. */
static void send_and_take_query(struct fake *f)
{
	struct kgp_buf result = {0};
	union kgp_body b = {0};

	fake_send(f);
	while (!b.query.request && !f->failure[0]) {
		const struct kgp_info *info;
		union kgp_body any = {0};

		if (fake_next(f, &info, &any) && info->type == KGP_T_query)
			b = any;
	}
	kgp_put_map(&result, 1);
	kgp_put_str(&result, kgp_text("partitions"));
	kgp_put_array(&result, 0);
	fake_put_result(f, b.query.request, &result);
	fake_send(f);
	kgp_buf_deinit(&result);
}

/* All claims come, are to go and go before the program looks. */
static void test_many_claims_push_out_nothing(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_notified(f);
	const struct kg_high *marks;
	struct kg_event e;
	unsigned i, n = 0;
	size_t n_marks;

	put_notify(f, 1, NULL, 0, NULL, 0, NULL, 0);
	for (i = 1; i <= MANY; i++)
		fake_put_assign(f, i, "t", i, i, 100, -1);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	for (i = 1; i <= MANY; i++)
		fake_put_release(f, i);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	for (i = 1; i <= MANY; i++) {
		fake_put_released(f, i);
		fake_expect(f, KGP_T_done, NULL);
	}
	put_notify(f, 2, NULL, 0, &of_t, 1, NULL, 0);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	expect(c, "1 | |");
	while (kg_consumer_next_event(c, &e) && e.type != KG_EVENT_NOTIFICATION)
		n++;
	assert_int_equal(n, 3 * MANY);
	assert_string_equal(tell(&e), "2 | t/0 t/1 t/2 |");
	for (i = 0; i < 256 + 3 * MANY + 5; i++)
		put_notify(f, i & 1, NULL, 0, NULL, 0, &of_t, 1);
	fake_start(f, send_and_take_query);
	assert_int_equal(kg_consumer_get_high_water_marks(c, &marks, &n_marks, -1), 0);
	fake_join(f);
	assert_int_equal(kg_consumer_next_event(c, &e), 1); /* what is not read is counted */
	assert_int_equal(e.error.code, KG_ERR_OVERFLOW);
	assert_non_null(strstr(e.error.text, "5 events"));
	kg_consumer_free(c);
}

static void test_a_partition_that_cannot_be(void **state)
{
	static const struct kgp_number large = {1u << 31};
	static const struct kgp_partitions bad[] = {
		{.topic = {"t", 1}, .ids = {.items = &large, .n = 1}},
		{.topic = {"a\0b", 3}, .ids = {.items = zero_to_two, .n = 1}},
		{.topic = {"", 0}, .ids = {.items = zero_to_two, .n = 1}},
	};
	struct fake *f = fake_of(state);
	struct kg_consumer *c;
	unsigned i;

	for (i = 0; i < 3; i++) {
		c = open_notified(f);
		put_notify(f, 1, NULL, 0, NULL, 0, &bad[i], 1);
		fake_send(f);
		assert_int_equal(kg_consumer_process(c), KG_ERR_PROTOCOL);
		assert_non_null(strstr(kg_consumer_error(c)->text, "NOTIFY"));
		kg_consumer_free(c);
		fake_hang_up(f);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_they_say),
		TEST(test_their_place_is_that_on_the_wire),
		TEST(test_a_mark_on_start_counts),
		TEST(test_they_wake_a_loop),
		TEST(test_many_claims_push_out_nothing),
		TEST(test_a_partition_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
