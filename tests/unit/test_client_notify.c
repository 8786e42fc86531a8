/* SPDX-License-Identifier: MIT */
/* Notifications of rebalances, as events in the order of the wire. */
#include "tests/unit/test_client_fake.h"

#include "tests/unit/cmocka_all.h"

static void put_notify(struct fake *f, unsigned kind, const struct kgp_list *claimed,
		       const struct kgp_list *released, const struct kgp_list *current)
{
	fake_put(f, KGP_T_notify,
		 &(struct kgp_notify){.kind = kind,
				      .claimed = *claimed,
				      .released = *released,
				      .current = *current});
}

static const struct kgp_number ids[] = {{0}, {1}, {5}};
static const struct kgp_partitions topics[] = {
	{{"orders", 6}, {.items = ids, .n = 3}},
	{{"returns", 7}, {.items = ids + 1, .n = 1}},
};
static const struct kgp_list none, both_topics = {.items = topics, .n = 2},
				   first_topic = {.items = topics, .n = 1};

/* Processes until an event of that type is there. */
static void wait_event(struct kg_consumer *c, enum kg_event_type type, struct kg_event *e)
{
	int i;

	for (i = 0; i < 1000; i++) {
		while (kg_consumer_next_event(c, e) > 0)
			if (e->type == type)
				return;
		assert_int_equal(kg_consumer_process(c), 0);
	}
	fail_msg("no event %d", (int)type);
}

static void the_lists_come_as_they_are_on_the_wire(void **state)
{
	struct fake *f = *state;
	struct kg_consumer *c = fake_open(f);
	struct kg_event e;

	put_notify(f, KG_NOTIFY_START, &none, &none, &first_topic);
	put_notify(f, KG_NOTIFY_OK, &first_topic, &none, &both_topics);
	fake_send(f);
	wait_event(c, KG_EVENT_NOTIFICATION, &e);
	assert_int_equal(e.notification, KG_NOTIFY_START);
	assert_int_equal(e.n_claimed + e.n_released, 0);
	assert_int_equal(e.n_current, 3);
	wait_event(c, KG_EVENT_NOTIFICATION, &e);
	assert_int_equal(e.notification, KG_NOTIFY_OK);
	assert_int_equal(e.n_claimed, 3);
	assert_int_equal(e.n_released, 0);
	assert_int_equal(e.n_current, 4);
	assert_string_equal(e.claimed[2].topic, "orders");
	assert_int_equal(e.claimed[2].partition, 5);
	assert_string_equal(e.current[3].topic, "returns");
	assert_int_equal(e.current[3].partition, 1);
	kg_consumer_free(c);
}

static void start_comes_before_the_release_and_ok_before_the_messages(void **state)
{
	struct fake *f = *state;
	struct kg_consumer *c = fake_open(f);
	struct kg_message m;
	struct kg_event e;

	fake_put_assign(f, 1, "t", 0, 1, 0, -1);
	put_notify(f, KG_NOTIFY_OK, &first_topic, &none, &first_topic);
	fake_put_messages(f, 1, 1, 0, 1, 10);
	fake_send(f);
	assert_int_equal(fake_receive(c, &m), 1);
	wait_event(c, KG_EVENT_ASSIGNED, &e);
	assert_int_equal(kg_consumer_next_event(c, &e), 1);
	assert_int_equal(e.type, KG_EVENT_NOTIFICATION);
	put_notify(f, KG_NOTIFY_START, &none, &none, &first_topic);
	fake_put_release(f, 1);
	fake_send(f);
	wait_event(c, KG_EVENT_NOTIFICATION, &e);
	assert_int_equal(e.notification, KG_NOTIFY_START);
	wait_event(c, KG_EVENT_RELEASING, &e);
	assert_int_equal(e.n_current, 0);
	kg_consumer_free(c);
}

/* What is not read is bounded, counted, and freed. */
static void unread_notifications_are_counted(void **state)
{
	struct fake *f = *state;
	struct kg_consumer *c = fake_open(f);
	struct kg_event e;
	int i;

	for (i = 0; i < 300; i++)
		put_notify(f, KG_NOTIFY_OK, &both_topics, &none, &both_topics);
	fake_put_assign(f, 1, "t", 0, 1, 0, -1);
	fake_send(f);
	for (i = 0; i < 1000 && !kg_consumer_assignment(c, NULL); i++)
		assert_int_equal(kg_consumer_process(c), 0);
	assert_int_equal(kg_consumer_next_event(c, &e), 1);
	assert_int_equal(e.error.code, KG_ERR_OVERFLOW);
	assert_int_equal(kg_consumer_next_event(c, &e), 1);
	assert_int_equal(e.type, KG_EVENT_NOTIFICATION);
	assert_int_equal(e.n_current, 4);
	kg_consumer_free(c);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_lists_come_as_they_are_on_the_wire),
		TEST(start_comes_before_the_release_and_ok_before_the_messages),
		TEST(unread_notifications_are_counted),
	};

	return cmocka_run_group_tests_name("client notify", tests, NULL, NULL);
}
