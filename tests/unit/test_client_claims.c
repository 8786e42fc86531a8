/* SPDX-License-Identifier: MIT */
/* Claims: what is held, pausing, release and done, epochs, events. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/test_client_fake.h"

#include <stdio.h>

static struct fake *fake_of(void **state)
{
	return *state;
}

static struct kg_consumer *open_with_two_claims(struct fake *f)
{
	struct kg_consumer *c = fake_open(f);

	fake_put_assign(f, 1, "t", 1, 7, 100, -1);
	fake_put_assign(f, 2, "t", 0, 8, 100, 90);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	return c;
}

static void put_interleaved(struct fake *f, int64_t first)
{
	int i;

	for (i = 0; i < 3; i++) {
		fake_put_messages(f, 1, 7, first + 2 * i, 2, 8);
		fake_put_messages(f, 2, 8, first + 2 * i, 2, 8);
	}
	fake_send(f);
}

static void expect_message(struct kg_consumer *c, int partition, int64_t offset)
{
	struct kg_message m;

	assert_int_equal(kg_consumer_next(c, &m), 1);
	assert_int_equal(m.partition, partition);
	assert_int_equal(m.offset, offset);
	assert_int_equal(*(const char *)m.value, offset & 0x7f);
}

static void expect_nothing(struct kg_consumer *c)
{
	struct kg_message m;

	assert_int_equal(kg_consumer_next(c, &m), 0);
}

static uint64_t returned_messages(struct fake *f)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_credit, &b);
	return b.credit.messages - 20000;
}

static void expect_done(struct fake *f, unsigned claim)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_done, &b);
	assert_int_equal(b.done.claim, claim);
}

static void expect_event(struct kg_consumer *c, enum kg_event_type type, int partition)
{
	struct kg_event e;

	assert_int_equal(kg_consumer_next_event(c, &e), 1);
	assert_int_equal(e.type, type);
	assert_int_equal(e.partition, partition);
	if (type == KG_EVENT_RELEASING)
		assert_int_equal(e.dwell_ms, 5000);
}

static void drop_events(struct kg_consumer *c)
{
	struct kg_event e;

	while (kg_consumer_next_event(c, &e))
		;
}

/* ---- assignment ------------------------------------------------------------------------------ */

static void test_the_assignment_is_sorted_and_complete(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_two_claims(f);
	const struct kg_claim *claims;

	fake_put_assign(f, 3, "a", 5, 1, -2, -1);
	fake_send(f);
	kg_consumer_process(c);
	assert_int_equal(kg_consumer_assignment(c, &claims), 3);
	assert_string_equal(claims[0].topic, "a");
	assert_int_equal(claims[1].partition, 0);
	assert_int_equal(claims[2].partition, 1);
	assert_int_equal(claims[1].committed, 90);
	assert_memory_equal(claims[1].metadata, "meta", claims[1].metadata_bytes);
	assert_int_equal(claims[1].metadata_bytes, 4);
	assert_null(claims[2].metadata);
	assert_int_equal(claims[2].committed, -1);
	assert_int_equal(claims[1].start, 100);
	assert_int_equal(claims[1].high, 1100);
	assert_int_equal(claims[0].initial, KG_OFFSET_EARLIEST);
	assert_int_equal(claims[0].marked, -1);
	assert_int_equal(kg_consumer_assignment(c, NULL), 3);
	assert_int_equal(kg_consumer_assignment(NULL, &claims), 0);
	kg_consumer_free(c);
}

/* Metadata that somebody else committed may be anything. */
static void test_metadata_that_is_no_text_comes_through(void **state)
{
	static const char bytes[] = "\xff\0\xfe\0";
	struct fake *f = *state;
	struct kg_consumer *c = fake_open(f);
	struct kgp_assign m = {.claim = 1,
			       .topic = kgp_text("t"),
			       .epoch = 1,
			       .committed = 5,
			       .metadata = kgp_bytes(bytes, 4)};
	const struct kg_claim *claims;

	fake_put(f, KGP_T_assign, &m);
	m = (struct kgp_assign){.claim = 2,
				.topic = kgp_text("t"),
				.partition = 1,
				.epoch = 2,
				.committed = 5,
				.metadata = kgp_bytes("", 0)};
	fake_put(f, KGP_T_assign, &m);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	assert_int_equal(kg_consumer_assignment(c, &claims), 2);
	assert_int_equal(claims[0].metadata_bytes, 4);
	assert_memory_equal(claims[0].metadata, bytes, 5); /* and a NUL behind it */
	assert_non_null(claims[1].metadata);		   /* empty is not none */
	assert_int_equal(claims[1].metadata_bytes, 0);
	kg_consumer_free(c);
}

static void test_many_claims_come_and_go(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = fake_open(f);
	const struct kg_claim *claims;
	char topic[16];
	unsigned i;

	for (i = 0; i < 1000; i++) {
		snprintf(topic, sizeof(topic), "t%u", i % 7);
		fake_put_assign(f, i * 3 + 1, topic, i, i + 1, 0, -1);
	}
	fake_send(f);
	for (i = 0; i < 4; i++)
		kg_consumer_process(c);
	assert_int_equal(kg_consumer_assignment(c, &claims), 1000);
	assert_true(!strcmp(claims[0].topic, "t0") && !strcmp(claims[999].topic, "t6"));
	for (i = 0; i < 1000; i += 2)
		fake_put_released(f, i * 3 + 1);
	fake_send(f);
	for (i = 0; i < 4; i++)
		kg_consumer_process(c);
	assert_int_equal(kg_consumer_assignment(c, &claims), 500);
	for (i = 0; i < 500; i++)
		assert_int_equal(claims[i].partition % 2, 1);
	kg_consumer_free(c);
}

/* ---- pause ----------------------------------------------------------------------------------- */

static void expect_pause(struct fake *f, unsigned claim, bool paused)
{
	union kgp_body b = {0};
	struct kgp_number id;

	fake_expect(f, KGP_T_pause, &b);
	assert_int_equal(b.pause.request, 0);
	assert_int_equal(b.pause.paused, paused);
	assert_true(kgp_next_number(&b.pause.claims, &id));
	assert_int_equal(id.value, claim);
}

static void test_what_a_paused_claim_has_here_is_set_aside_and_comes_first(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_two_claims(f);
	const struct kg_claim *claims;

	put_interleaved(f, 100);
	kg_consumer_process(c);
	expect_message(c, 1, 100);
	assert_int_equal(kg_consumer_pause(c, "t", 1), 0);
	expect_pause(f, 1, true);
	kg_consumer_assignment(c, &claims);
	assert_int_equal(claims[1].paused, 1);
	expect_message(c, 0, 100);
	expect_message(c, 0, 101);
	expect_message(c, 0, 102);
	expect_message(c, 0, 103);
	expect_message(c, 0, 104);
	expect_message(c, 0, 105);
	expect_nothing(c);
	assert_int_equal(returned_messages(f), 12); /* what is set aside too */
	fake_put_messages(f, 1, 7, 106, 1, 8);	    /* it was on its way */
	fake_send(f);
	kg_consumer_process(c);
	assert_int_equal(returned_messages(f), 13);
	expect_nothing(c);
	assert_int_equal(kg_consumer_resume(c, "t", 1), 0);
	expect_pause(f, 1, false);
	fake_put_messages(f, 2, 8, 106, 1, 8);
	fake_send(f);
	assert_int_equal(kg_consumer_get_timeout_ms(c), 0);
	kg_consumer_process(c);
	expect_message(c, 1, 101);
	expect_message(c, 1, 102);
	expect_message(c, 1, 103);
	expect_message(c, 1, 104);
	expect_message(c, 1, 105);
	expect_message(c, 1, 106);
	expect_message(c, 0, 106);
	expect_nothing(c);
	assert_int_equal(returned_messages(f), 14); /* once for each */
	kg_consumer_free(c);
}

static void test_a_claim_may_be_paused_in_the_middle_of_its_set_aside(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_two_claims(f);
	int64_t i;

	fake_put_messages(f, 1, 7, 100, 3, 8);
	fake_put_messages(f, 1, 7, 103, 3, 8);
	fake_send(f);
	kg_consumer_process(c);
	for (i = 100; i < 106; i++) {
		expect_message(c, 1, i);
		kg_consumer_pause(c, NULL, 0);
		kg_consumer_pause(c, "t", 1);
		expect_nothing(c);
		kg_consumer_resume(c, NULL, 0);
	}
	expect_nothing(c);
	kg_consumer_free(c);
}

static void test_what_is_set_aside_is_dropped_with_the_claim(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_two_claims(f);

	put_interleaved(f, 100);
	kg_consumer_process(c);
	assert_int_equal(kg_consumer_pause(c, NULL, 0), 0);
	expect_nothing(c);
	fake_put_released(f, 1);
	fake_send(f);
	kg_consumer_process(c);
	assert_int_equal(kg_consumer_pause(c, "t", 1), KG_ERR_NO_CLAIM);
	assert_int_equal(kg_consumer_resume(c, "t", 7), KG_ERR_NO_CLAIM);
	assert_int_equal(kg_consumer_resume(c, NULL, 0), 0);
	expect_message(c, 0, 100);
	kg_consumer_free(c); /* with the rest set aside */
}

/* ---- release --------------------------------------------------------------------------------- */

static void test_release_discards_the_unread_and_done_follows_the_last_mark(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_two_claims(f);
	const struct kg_claim *claims;
	struct kg_message m;
	struct kgp_entry e;
	union kgp_body b = {0};

	drop_events(c);
	put_interleaved(f, 100);
	kg_consumer_process(c);
	assert_int_equal(kg_consumer_next(c, &m), 1);
	fake_put_release(f, 1);
	fake_send(f);
	kg_consumer_process(c);
	expect_event(c, KG_EVENT_RELEASING, 1);
	assert_int_equal(kg_consumer_assignment(c, &claims), 1);
	assert_int_equal(claims[0].partition, 0);
	assert_true(fake_is_silent(f)); /* 100 is in hand */
	assert_int_equal(*(const char *)m.value, 100);
	assert_int_equal(kg_consumer_mark(c, &m, NULL), 0);
	expect_message(c, 0, 100);
	kg_consumer_process(c);
	fake_expect(f, KGP_T_mark, &b);
	assert_true(kgp_next_entry(&b.mark.entries, &e) && e.claim == 1 && e.offset == 100);
	expect_done(f, 1);
	while (kg_consumer_next(c, &m) > 0)
		assert_int_equal(m.partition, 0);
	assert_int_equal(returned_messages(f), 12);
	fake_put_released(f, 1);
	fake_send(f);
	kg_consumer_process(c);
	expect_event(c, KG_EVENT_RELEASED, 1);
	kg_consumer_free(c);
}

static void test_done_is_said_at_once_when_nothing_is_in_hand(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_two_claims(f);

	put_interleaved(f, 100);
	kg_consumer_process(c);
	fake_put_release(f, 1);
	fake_send(f);
	kg_consumer_process(c);
	expect_done(f, 1);
	kg_consumer_free(c);
}

static void test_done_by_the_application(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_two_claims(f);
	struct kg_message m;

	put_interleaved(f, 100);
	kg_consumer_process(c);
	kg_consumer_next(c, &m);
	assert_int_equal(kg_consumer_done(c, "t", 1), KG_ERR_NO_CLAIM);
	fake_put_release(f, 1);
	fake_send(f);
	kg_consumer_process(c);
	assert_true(fake_is_silent(f));
	assert_int_equal(kg_consumer_done(c, "t", 1), 0);
	expect_done(f, 1);
	assert_int_equal(kg_consumer_done(c, NULL, 0), 0);
	kg_consumer_process(c);
	assert_true(fake_is_silent(f));
	kg_consumer_free(c);
}

static void test_a_mark_after_the_end_is_stale_and_silent(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_two_claims(f);
	struct kg_message m;
	int verdict;

	put_interleaved(f, 100);
	kg_consumer_process(c);
	kg_consumer_next(c, &m);
	fake_put_released(f, 1); /* lost: without a RELEASE */
	fake_put_assign(f, 3, "t", 1, 9, 100, -1);
	fake_send(f);
	kg_consumer_process(c);
	assert_int_equal(*(const char *)m.value, 100);
	assert_int_equal(kg_consumer_mark(c, &m, NULL), 0);
	kg_consumer_process(c);
	assert_true(fake_is_silent(f));
	fake_put_released(f, 3);
	fake_send(f);
	kg_consumer_process(c);
	assert_int_equal(kg_consumer_mark_offset(c, "t", 1, 100, NULL, &verdict), 0);
	assert_int_equal(verdict, KG_NOT_OWNED);
	kg_consumer_free(c);
}

/* ---- epochs ---------------------------------------------------------------------------------- */

static void test_an_epoch_drops_what_is_unread_and_makes_older_marks_stale(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_two_claims(f);
	struct kgp_epoch epoch = {
		.claim = 1, .epoch = 70, .offset = 50, .reason = kgp_text("seek")};
	struct kg_message old;
	struct kgp_entry e;
	union kgp_body b = {0};

	fake_put_messages(f, 1, 7, 100, 4, 8);
	fake_put_messages(f, 1, 7, 104, 4, 8);
	fake_put(f, KGP_T_epoch, &epoch);
	fake_put_messages(f, 1, 70, 50, 2, 8);
	fake_send(f);
	kg_consumer_process(c);
	expect_message(c, 1, 50);
	fake_put(f, KGP_T_epoch, &(struct kgp_epoch){.claim = 1, .epoch = 71, .offset = 10});
	fake_put_messages(f, 1, 71, 10, 1, 8);
	fake_send(f);
	old = (struct kg_message){.offset = 50, .internal = {.epoch = 70, .claim = 1}};
	kg_consumer_process(c);
	assert_int_equal(kg_consumer_mark(c, &old, NULL), 0);
	kg_consumer_process(c);
	assert_true(fake_is_silent(f));
	assert_int_equal(kg_consumer_next(c, &old), 1);
	assert_int_equal(old.offset, 10);
	kg_consumer_mark(c, &old, NULL);
	expect_nothing(c);
	fake_expect(f, KGP_T_mark, &b);
	assert_true(kgp_next_entry(&b.mark.entries, &e) && e.epoch == 71 && e.offset == 10);
	assert_int_equal(returned_messages(f), 11);
	kg_consumer_free(c);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void put_error(struct fake *f, const char *context, int partition, const char *text)
{
	struct kgp_error m = {
		.code = KGP_E_OFFSET_RESET,
		.context = kgp_text(context),
		.topic = kgp_text(partition >= 0 ? "t" : NULL),
		.partition = partition,
		.text = kgp_text(text),
	};

	fake_put(f, KGP_T_error, &m);
}

static void test_errors_have_a_context_and_do_not_stop_anything(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_two_claims(f);
	char text[1000];
	struct kg_event e;

	drop_events(c);
	memset(text, 'a', sizeof(text));
	memcpy(text + 510, "\xc3\xa9", 3); /* a character across the field's end */
	put_error(f, "partition", 1, "gone");
	put_error(f, "new one", -1, text);
	fake_send(f);
	kg_consumer_process(c);
	assert_int_equal(kg_consumer_next_event(c, &e), 1);
	assert_int_equal(e.type, KG_EVENT_ERROR);
	assert_int_equal(e.error.code, KG_ERR_OFFSET_RESET);
	assert_string_equal(e.error.text, "gone");
	assert_true(e.error.hint[0]);
	assert_string_equal(e.context, "partition");
	assert_string_equal(e.topic, "t");
	assert_int_equal(e.partition, 1);
	assert_int_equal(kg_consumer_next_event(c, &e), 1);
	assert_null(e.topic);
	assert_string_equal(e.context, "other");
	assert_int_equal(strlen(e.error.text), 510);
	put_interleaved(f, 100);
	kg_consumer_process(c);
	expect_message(c, 1, 100);
	assert_int_equal(kg_consumer_next_event(c, NULL), 0);
	kg_consumer_free(c);
}

static void test_events_that_nobody_reads_are_counted(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_two_claims(f);
	struct kg_event e;
	char text[16];
	int i;

	drop_events(c);
	for (i = 0; i < 300; i++) {
		snprintf(text, sizeof(text), "%d", i);
		put_error(f, "group", -1, text);
	}
	fake_send(f);
	kg_consumer_process(c);
	assert_int_equal(kg_consumer_next_event(c, &e), 1);
	assert_int_equal(e.error.code, KG_ERR_OVERFLOW);
	assert_string_equal(e.context, "group");
	assert_non_null(strstr(e.error.text, "38")); /* 256 are kept and 3 for each claim */
	for (i = 38; i < 300; i++) {
		snprintf(text, sizeof(text), "%d", i);
		assert_int_equal(kg_consumer_next_event(c, &e), 1);
		assert_string_equal(e.error.text, text);
	}
	assert_int_equal(kg_consumer_next_event(c, &e), 0);
	kg_consumer_free(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_assignment_is_sorted_and_complete),
		TEST(test_metadata_that_is_no_text_comes_through),
		TEST(test_many_claims_come_and_go),
		TEST(test_what_a_paused_claim_has_here_is_set_aside_and_comes_first),
		TEST(test_a_claim_may_be_paused_in_the_middle_of_its_set_aside),
		TEST(test_what_is_set_aside_is_dropped_with_the_claim),
		TEST(test_release_discards_the_unread_and_done_follows_the_last_mark),
		TEST(test_done_is_said_at_once_when_nothing_is_in_hand),
		TEST(test_done_by_the_application),
		TEST(test_a_mark_after_the_end_is_stale_and_silent),
		TEST(test_an_epoch_drops_what_is_unread_and_makes_older_marks_stale),
		TEST(test_errors_have_a_context_and_do_not_stop_anything),
		TEST(test_events_that_nobody_reads_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
