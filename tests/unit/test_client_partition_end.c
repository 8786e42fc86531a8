/* SPDX-License-Identifier: MIT */
/* Partitions mode: how a partition ends, by release, loss, close, free, and the consumer's close.
 */
#include "tests/unit/test_client_partition_fixture.h"

/* ---- release --------------------------------------------------------------------------------- */

static void test_release_drops_the_unread_and_marks_count_until_the_end(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *one, *zero;
	struct kg_consumer *c = open_with_two(f, &one, &zero);
	struct kg_message m;
	int64_t high;

	fake_put_messages(f, 1, 7, 100, 3, 8);
	fake_put_messages(f, 2, 8, 100, 2, 8);
	fake_send(f);
	process(c);
	assert_int_equal(kg_partition_next(one, &m), 1);
	fake_put_messages(f, 1, 7, 103, 3, 8); /* unread, in the same read as its end */
	fake_put_release(f, 1);
	fake_send(f);
	process(c);
	assert_int_equal(*(const char *)m.value, 100); /* still in hand */
	expect_none(one, KG_ERR_RELEASED);
	assert_int_equal(kg_partition_get_high_water_mark(one, &high, 0), KG_ERR_RELEASED);
	assert_int_equal(kg_partition_get_high_water_mark(zero, NULL, 0), KG_ERR_ARGUMENT);
	assert_true(fake_is_silent(f)); /* 100 is not marked */
	assert_int_equal(kg_partition_mark(one, 100, NULL), 0);
	process(c);
	expect_mark(f, 1, 7, 100);
	expect_done(f, 1);
	expect_next(zero, 100);
	fake_put_released(f, 1);
	fake_send(f);
	process(c);
	expect_none(one, KG_ERR_RELEASED);
	assert_int_equal(kg_partition_mark(one, 101, NULL), 0); /* stale */
	kg_partition_free(one);
	process(c);
	assert_true(fake_is_silent(f));
	expect_next(zero, 101);
	kg_consumer_free(c);
}

static void test_free_says_done_of_what_is_being_released(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *one, *zero;
	struct kg_consumer *c = open_with_two(f, &one, &zero);

	fake_put_messages(f, 1, 7, 100, 3, 8);
	fake_send(f);
	process(c);
	expect_next(one, 100);
	fake_put_release(f, 1);
	fake_send(f);
	process(c);
	assert_true(fake_is_silent(f));
	assert_null(kg_partition_free(one));
	expect_done(f, 1);
	fake_put_released(f, 1);
	fake_send(f);
	process(c);
	kg_consumer_free(c);
}

static void test_a_partition_that_nobody_took_ends_by_itself(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_partitions(f, NULL, NULL);
	struct kg_partition *p;

	fake_put_assign(f, 1, "t", 1, 7, 100, -1);
	fake_put_assign(f, 2, "t", 2, 7, 100, -1);
	fake_put_assign(f, 3, "t", 3, 7, 100, -1);
	fake_send(f);
	process(c);
	drop_first_credit(f, 3);
	fake_put_messages(f, 1, 7, 100, 3, 8);
	fake_put_messages(f, 3, 7, 100, 3, 8);
	fake_put_release(f, 1);
	fake_put_released(f, 2);
	fake_send(f);
	process(c);
	expect_done(f, 1);
	assert_int_equal(kg_consumer_next_partition(c, &p), 1);
	assert_int_equal(kg_partition_get_claim(p)->partition, 3);
	expect_next(p, 100);
	assert_int_equal(kg_consumer_next_partition(c, &p), 0);
	kg_consumer_free(c);
}

static void test_the_same_partition_comes_again_as_a_new_one(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *one, *zero, *again;
	struct kg_consumer *c = open_with_two(f, &one, &zero);

	fake_put_released(f, 1);
	fake_put_assign(f, 3, "t", 1, 9, 100, -1);
	fake_send(f);
	process(c);
	expect_credit(f, 3, 5000);
	fake_put_messages(f, 3, 9, 100, 1, 8);
	fake_send(f);
	process(c);
	assert_int_equal(kg_consumer_next_partition(c, &again), 1);
	expect_none(one, KG_ERR_RELEASED);
	expect_next(again, 100);
	assert_int_equal(kg_partition_mark(one, 100, NULL), 0); /* of an ended claim */
	process(c);
	assert_true(fake_is_silent(f));
	assert_int_equal(kg_partition_mark(again, 100, NULL), 0);
	process(c);
	expect_mark(f, 3, 9, 100);
	kg_consumer_free(c);
}

/* ---- lost connection ------------------------------------------------------------------------- */

static void expect_resume(struct fake *f, unsigned partition, int64_t offset)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_resume, &b);
	if (b.resume.partition != partition || b.resume.offset != offset)
		strcpy(f->failure, "RESUME says something else");
}

static void greet_again(struct fake *f)
{
	fake_take_open(f);
	expect_resume(f, 0, 105);
	expect_resume(f, 1, 100);
	fake_expect(f, KGP_T_resume_end, NULL);
	fake_put_reply(f, f->open_request, 0, NULL);
	fake_put_state(f, "joined");
	fake_put_assign(f, 1, "t", 1, 70, 101, -1);
	fake_send(f);
	fake_expect(f, KGP_T_credit, NULL);
	fake_put_messages(f, 1, 70, 101, 1, 8);
	fake_send(f);
}

static void test_a_lost_connection_ends_all_and_keeps_marks(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *one, *zero, *again;
	struct kg_consumer *c = open_with_two(f, &one, &zero);
	struct kg_message m;

	fake_put_messages(f, 1, 7, 100, 3, 8);
	fake_put_messages(f, 2, 8, 105, 3, 8);
	fake_send(f);
	process(c);
	assert_int_equal(kg_partition_next(one, &m), 1);
	expect_next(zero, 105);
	fake_hang_up(f);
	process(c);
	expect_none(zero, KG_ERR_RELEASED);
	assert_int_equal(*(const char *)m.value, 100);
	assert_int_equal(kg_partition_mark(one, 100, NULL), 0);
	assert_int_equal(kg_partition_mark(zero, 105, NULL), 0);
	assert_int_equal(kg_consumer_assignment(c, NULL), 0);
	kg_partition_free(zero);
	fake_start(f, greet_again);
	assert_int_equal(kg_consumer_wait_partition(c, &again, 5000), 1);
	assert_int_equal(kg_partition_receive(again, &m, 5000), 1);
	fake_join(f);
	assert_int_equal(m.offset, 101);
	expect_none(one, KG_ERR_RELEASED);
	assert_int_equal(kg_partition_close(one), 0);
	kg_partition_free(one);
	assert_true(fake_is_silent(f));
	kg_consumer_free(c);
}

/* ---- giving back ----------------------------------------------------------------------------- */

static void serve_close(struct fake *f)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_mark, &b);
	fake_expect(f, KGP_T_claim_close, &b);
	fake_put_reply(f, b.claim_close.request, 0, NULL);
	fake_put_release(f, (unsigned)b.claim_close.claim);
	fake_send(f);
	fake_expect(f, KGP_T_done, &b);
	fake_put_released(f, (unsigned)b.done.claim);
	fake_put_messages(f, 2, 8, 100, 1, 8);
	fake_send(f);
}

static void test_close_waits_until_it_has_ended_with_its_marks_before(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *one, *zero;
	struct kg_consumer *c = open_with_two(f, &one, &zero);
	struct kg_message m;

	fake_put_messages(f, 1, 7, 100, 3, 8);
	fake_send(f);
	process(c);
	expect_next(one, 100);
	expect_next(one, 101); /* will not be marked: close waits for no dwell time */
	assert_int_equal(kg_partition_mark(one, 100, NULL), 0);
	fake_start(f, serve_close);
	assert_int_equal(kg_partition_close(one), 0);
	assert_int_equal(kg_partition_receive(zero, &m, 5000), 1);
	fake_join(f);
	expect_none(one, KG_ERR_RELEASED);
	assert_int_equal(kg_partition_close(one), 0);
	assert_int_equal(kg_partition_close_start(one), 0);
	kg_partition_free(one);
	assert_true(fake_is_silent(f));
	kg_consumer_free(c);
}

static void test_close_start_does_not_wait_and_marks_count(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *one, *zero;
	struct kg_consumer *c = open_with_two(f, &one, &zero);
	uint32_t request;

	fake_put_messages(f, 1, 7, 100, 3, 8);
	fake_send(f);
	process(c);
	expect_next(one, 100);
	assert_int_equal(kg_partition_close_start(one), 0);
	assert_int_equal(kg_partition_close_start(one), 0);
	request = expect_claim_close(f, 1);
	expect_none(one, 0);		       /* what is unread is for another */
	fake_put_messages(f, 1, 7, 103, 1, 8); /* it was on its way */
	fake_put_reply(f, request, 0, NULL);
	fake_put_release(f, 1);
	fake_send(f);
	process(c);
	expect_none(one, KG_ERR_RELEASED);
	assert_true(fake_is_silent(f));
	assert_int_equal(kg_partition_mark(one, 100, NULL), 0);
	process(c);
	expect_mark(f, 1, 7, 100);
	expect_done(f, 1);
	kg_partition_free(one);
	kg_consumer_free(c);
}

static void test_free_gives_back_what_is_held(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *one, *zero;
	struct kg_consumer *c = open_with_two(f, &one, &zero);
	uint32_t request;

	fake_put_messages(f, 1, 7, 100, 3, 8);
	fake_send(f);
	process(c);
	expect_next(one, 100);
	assert_int_equal(kg_partition_mark(one, 100, NULL), 0);
	kg_partition_free(one);
	expect_mark(f, 1, 7, 100);
	request = expect_claim_close(f, 1);
	fake_put_messages(f, 1, 7, 103, 5000, 8); /* they were on their way */
	put_error(f, "partition", 1, "nobody hears it there");
	fake_put_reply(f, request, 0, NULL);
	fake_put_release(f, 1);
	fake_send(f);
	process(c);
	expect_done(f, 1);
	fake_put_released(f, 1);
	fake_send(f);
	process(c);
	assert_true(fake_is_silent(f));
	kg_consumer_free(c);
}

static void test_a_free_without_anything_taken(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *one, *zero;
	struct kg_consumer *c = open_with_two(f, &one, &zero);

	assert_int_equal(kg_partition_close_start(one), 0);
	expect_claim_close(f, 1);
	kg_partition_free(one); /* it is on its way already: not twice */
	put_epoch(f, 1, 70, 50);
	fake_put_messages(f, 1, 70, 50, 1, 8);
	fake_send(f);
	process(c);
	assert_true(fake_is_silent(f));
	fake_put_released(f, 1);
	fake_send(f);
	process(c);
	kg_consumer_free(c);
}

static void refuse_close(struct fake *f)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_claim_close, &b);
	fake_put_reply(f, b.claim_close.request, KGP_E_MEMORY, "no room");
	fake_send(f);
}

static void test_close_tells_that_it_was_refused_and_can_be_called_again(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *one, *zero;
	struct kg_consumer *c = open_with_two(f, &one, &zero);
	int i;

	for (i = 0; i < 2; i++) {
		fake_start(f, refuse_close);
		assert_int_equal(kg_partition_close(one), -KGP_E_MEMORY);
		fake_join(f);
		assert_string_equal(kg_partition_error(one)->text, "no room");
	}
	expect_none(one, 0);
	fake_put_messages(f, 1, 7, 100, 1, 8);
	fake_send(f);
	process(c);
	expect_next(one, 100); /* it is held as before */
	kg_consumer_free(c);
}

static void test_close_has_its_time(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_partitions(f, "request.timeout", "20ms");
	struct kg_partition *p;

	fake_put_assign(f, 1, "t", 1, 7, 100, -1);
	fake_send(f);
	assert_int_equal(kg_consumer_wait_partition(c, &p, 5000), 1);
	assert_int_equal(kg_partition_close(p), KG_ERR_TIMEOUT);
	assert_int_equal(kg_partition_close(p), KG_ERR_TIMEOUT); /* said once, waited for again */
	expect_credit(f, 1, 5000);
	fake_put_reply(f, expect_claim_close(f, 1), KGP_E_NO_CLAIM, "it has ended");
	fake_put_released(f, 1);
	fake_send(f);
	process(c);
	assert_int_equal(kg_partition_close(p), 0);
	assert_true(fake_is_silent(f));
	kg_consumer_free(c);
}

/* ---- the consumer's close -------------------------------------------------------------------- */

static void serve_consumer_close(struct fake *f)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_mark, &b);
	fake_expect(f, KGP_T_close, &b);
	fake_put_assign(f, 9, "t", 9, 9, 0, -1); /* it was on its way */
	fake_put_released(f, 1);
	fake_put_released(f, 2);
	fake_put_released(f, 9);
	fake_put_reply(f, b.close.request, 0, NULL);
	fake_send(f);
	fake_expect_eof(f);
}

static void test_the_consumers_close_ends_all_and_handles_outlive_it(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *one, *zero, *none;
	struct kg_consumer *c = open_with_two(f, &one, &zero);
	struct kg_message m;
	int64_t high;

	fake_put_messages(f, 1, 7, 100, 3, 8);
	fake_send(f);
	process(c);
	assert_int_equal(kg_partition_next(one, &m), 1);
	assert_int_equal(kg_partition_mark(one, 100, NULL), 0);
	fake_start(f, serve_consumer_close);
	assert_int_equal(kg_consumer_close(c), 0);
	fake_join(f);
	assert_int_equal(*(const char *)m.value, 100);
	assert_int_equal(kg_partition_mark(one, 101, NULL), KG_ERR_CLOSED);
	expect_none(one, KG_ERR_CLOSED);
	expect_none(zero, KG_ERR_CLOSED);
	assert_int_equal(kg_partition_get_high_water_mark(zero, &high, 0), KG_ERR_CLOSED);
	assert_int_equal(kg_partition_close(one), 0);
	assert_int_equal(kg_consumer_next_partition(c, &none), KG_ERR_CLOSED);
	assert_int_equal(kg_consumer_close(c), 0);
	assert_string_equal(kg_partition_get_claim(zero)->topic, "t");
	kg_partition_free(one);
	kg_partition_free(zero);
	kg_consumer_free(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_release_drops_the_unread_and_marks_count_until_the_end),
		TEST(test_free_says_done_of_what_is_being_released),
		TEST(test_a_partition_that_nobody_took_ends_by_itself),
		TEST(test_the_same_partition_comes_again_as_a_new_one),
		TEST(test_a_lost_connection_ends_all_and_keeps_marks),
		TEST(test_close_waits_until_it_has_ended_with_its_marks_before),
		TEST(test_close_start_does_not_wait_and_marks_count),
		TEST(test_free_gives_back_what_is_held),
		TEST(test_a_free_without_anything_taken),
		TEST(test_close_tells_that_it_was_refused_and_can_be_called_again),
		TEST(test_close_has_its_time),
		TEST(test_the_consumers_close_ends_all_and_handles_outlive_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
