/* SPDX-License-Identifier: MIT */
/* Partitions mode in one thread: partitions, their messages, credit, marks, errors, an event loop.
 */
#include "tests/unit/test_client_partition_fixture.h"

#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

/* ---- partitions ------------------------------------------------------------------------------ */

static void test_partitions_are_handed_out_and_know_their_claim(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_partitions(f, NULL, NULL);
	struct kg_partition *p = NULL, *q = NULL;
	const struct kg_claim *claim;

	assert_int_equal(kg_consumer_next_partition(c, &p), 0);
	assert_int_equal(kg_consumer_wait_partition(c, &p, 0), 0);
	assert_null(p);
	fake_put_assign(f, 1, "t", 3, 7, -2, -1);
	fake_put_assign(f, 2, "u", 0, 8, 100, 90);
	fake_send(f);
	assert_int_equal(kg_consumer_wait_partition(c, &p, 5000), 1);
	assert_int_equal(kg_consumer_next_partition(c, &q), 1);
	claim = kg_partition_get_claim(p);
	assert_string_equal(claim->topic, "t");
	assert_int_equal(claim->partition, 3);
	assert_int_equal(claim->initial, KG_OFFSET_EARLIEST);
	assert_null(claim->metadata);
	claim = kg_partition_get_claim(q);
	assert_string_equal(claim->topic, "u");
	assert_int_equal(claim->start, 100);
	assert_int_equal(claim->committed, 90);
	assert_string_equal(claim->metadata, "meta");
	assert_int_equal(claim->metadata_bytes, 4);
	assert_int_equal(claim->high, 1100);
	assert_int_equal(kg_consumer_next_partition(c, &p), 0);
	kg_consumer_free(c); /* takes them along */
}

static void test_calls_of_the_other_mode_are_refused(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_partitions(f, NULL, NULL);
	struct kg_partition *p;
	struct kg_message m;
	struct kg_error e;

	assert_int_equal(kg_consumer_next(c, &m), KG_ERR_ARGUMENT);
	assert_non_null(strstr(kg_consumer_error(c)->text, "kg_partition_next"));
	assert_int_equal(kg_consumer_next_batch(c, &m, 0), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_next_batch(c, &m, 1), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_receive(c, &m, -1), KG_ERR_ARGUMENT);
	kg_consumer_free(c);
	fake_hang_up(f);
	c = fake_open(f);
	assert_int_equal(kg_consumer_next_partition(c, &p), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_wait_partition(c, &p, -1), KG_ERR_ARGUMENT);
	assert_non_null(strstr(kg_consumer_error(c)->text, "partitions mode"));
	kg_consumer_free(c);
	assert_int_equal(kg_consumer_next_partition(NULL, &p), KG_ERR_ARGUMENT);
	assert_int_equal(kg_partition_next(NULL, &m), KG_ERR_ARGUMENT);
	assert_int_equal(kg_partition_next_batch(NULL, &m, 1), KG_ERR_ARGUMENT);
	assert_int_equal(kg_partition_receive(NULL, &m, -1), KG_ERR_ARGUMENT);
	assert_int_equal(kg_partition_mark(NULL, 1, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_partition_close(NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_partition_close_start(NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_partition_next_error(NULL, &e), 0);
	assert_int_equal(kg_partition_error(NULL)->code, KG_ERR_ARGUMENT);
	assert_null(kg_partition_get_claim(NULL));
	assert_null(kg_partition_free(NULL));
}

static void test_arguments_that_cannot_be(void **state)
{
	struct kg_partition *one, *zero;
	struct kg_consumer *c = open_with_two(fake_of(state), &one, &zero);
	struct kg_message m;

	assert_int_equal(kg_consumer_next_partition(c, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_partition_next(one, NULL), KG_ERR_ARGUMENT);
	assert_non_null(strstr(kg_partition_error(one)->text, "NULL"));
	assert_int_equal(kg_partition_error(zero)->code, KG_OK);
	assert_int_equal(kg_partition_receive(one, NULL, -1), KG_ERR_ARGUMENT);
	assert_int_equal(kg_partition_next_batch(one, &m, 0), 0);
	assert_int_equal(kg_partition_mark(one, -1, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_partition_mark(one, INT64_MAX, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_partition_mark(one, 1, "\xff"), KG_ERR_ARGUMENT);
	assert_non_null(strstr(kg_partition_error(one)->text, "UTF-8"));
	assert_int_equal(kg_partition_next_error(one, NULL), 0);
	kg_consumer_free(c);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void test_each_partition_has_its_own_messages(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *one, *zero;
	struct kg_consumer *c = open_with_two(f, &one, &zero);
	struct kg_message m[8];

	fake_put_messages(f, 1, 7, 100, 2, 8);
	fake_put_messages(f, 2, 8, 200, 3, 8);
	fake_put_messages(f, 1, 7, 102, 2, 8);
	fake_send(f);
	process(c);
	expect_next(zero, 200);
	expect_next(one, 100);
	assert_int_equal(kg_partition_next_batch(one, m, 8), 1); /* the rest of a frame */
	assert_int_equal(kg_partition_next_batch(one, m, 8), 2);
	assert_int_equal(m[1].offset, 103);
	assert_int_equal(kg_partition_next_batch(one, m, 8), 0);
	expect_next(zero, 201);
	assert_int_equal(kg_partition_receive(zero, m, -1), 1);
	assert_int_equal(m->offset, 202);
	assert_int_equal(kg_partition_receive(zero, m, 0), 0);
	assert_int_equal(kg_partition_receive(zero, m, 1), 0);
	kg_consumer_free(c);
}

/* The frames are large, so they are not copied, and small, so that they are. */
static void check_validity(void **state, size_t value_bytes)
{
	struct fake *f = fake_of(state);
	struct kg_partition *one, *zero;
	struct kg_consumer *c = open_with_two(f, &one, &zero);
	struct kg_message m;
	int64_t i;

	fake_put_messages(f, 1, 7, 100, 1, value_bytes);
	fake_send(f);
	assert_int_equal(kg_partition_receive(one, &m, 5000), 1);
	for (i = 0; i < 12; i++) {
		fake_put_messages(f, 2, 8, i, 1, 200000);
		fake_send(f);
		while (kg_partition_receive(zero, &(struct kg_message){0}, 5000) != 1)
			;
	}
	for (i = 0; i < (int64_t)value_bytes; i++)
		assert_int_equal(((const char *)m.value)[i], 100);
	fake_put_released(f, 1);
	fake_send(f);
	process(c);
	assert_int_equal(((const char *)m.value)[value_bytes - 1], 100);
	expect_none(one, KG_ERR_RELEASED);
	kg_consumer_free(c);
}

static void test_a_message_is_valid_until_the_next_call_on_its_partition(void **state)
{
	check_validity(state, 200000);
	fake_hang_up(fake_of(state));
	check_validity(state, 10);
}

static void test_one_that_nobody_reads_stalls_no_other(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *one, *zero;
	struct kg_consumer *c = open_with_two(f, &one, &zero);
	size_t before = mallinfo2().uordblks;
	struct kg_message m;
	int64_t i;

	/* A small frame of the one in each block that is full of the other. */
	for (i = 0; i < 400; i++) {
		fake_put_messages(f, 1, 7, 100 + i, 1, 20);
		fake_put_messages(f, 2, 8, 100 + i, 1, 180000);
		fake_send(f);
		assert_int_equal(kg_partition_receive(zero, &m, 5000), 1);
		assert_int_equal(m.offset, 100 + i);
	}
	assert_true(mallinfo2().uordblks - before < 4 << 20); /* 70 MB would be pinned */
	for (i = 0; i < 400; i++)
		expect_next(one, 100 + i);
	expect_none(one, 0);
	kg_consumer_free(c);
}

/* ---- credit ---------------------------------------------------------------------------------- */

static void test_each_claim_has_its_own_credit(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_partitions(f, "credit.messages", "10");
	struct kg_partition *one, *two;
	union kgp_body b = {0};
	int64_t i;

	fake_put_assign(f, 1, "t", 1, 7, 100, -1);
	fake_put_assign(f, 2, "t", 2, 8, 100, -1);
	fake_send(f);
	process(c);
	fake_expect(f, KGP_T_credit, &b);
	assert_int_equal(b.credit.claim, 1);
	assert_int_equal(b.credit.messages, 10);
	assert_int_equal(b.credit.bytes, 262144);
	expect_credit(f, 2, 10);
	assert_int_equal(kg_consumer_next_partition(c, &one), 1);
	assert_int_equal(kg_consumer_next_partition(c, &two), 1);
	fake_put_messages(f, 1, 7, 100, 10, 100);
	fake_put_messages(f, 2, 8, 100, 10, 8);
	fake_send(f);
	process(c);
	for (i = 100; i < 105; i++)
		expect_next(two, i);
	process(c);
	assert_true(fake_is_silent(f)); /* half is left */
	expect_next(two, 105);
	process(c);
	expect_credit(f, 2, 16);
	assert_true(fake_is_silent(f)); /* the one has read nothing */
	expect_next(one, 100);
	expect_next(two, 106);
	kg_consumer_free(c);
}

static void test_a_message_larger_than_the_window_returns_its_credit(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_partitions(f, "credit.bytes", "1");
	struct kg_partition *p;
	union kgp_body b = {0};
	int64_t i;

	fake_put_assign(f, 1, "t", 1, 7, 100, -1);
	fake_send(f);
	process(c);
	assert_int_equal(kg_consumer_next_partition(c, &p), 1);
	expect_credit(f, 1, 5000);
	for (i = 1; i < 4; i++) {
		fake_put_messages(f, 1, 7, 99 + i, 1, 1000);
		fake_send(f);
		process(c);
		expect_next(p, 99 + i);
		expect_none(p, 0);
		fake_expect(f, KGP_T_credit, &b);
		assert_int_equal(b.credit.messages, 5000 + i);
		assert_int_equal(b.credit.bytes, 1 + 1000 * i);
	}
	kg_consumer_free(c);
}

static void test_more_messages_than_credit_end_the_consumer(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_partitions(f, "credit.messages", "1");
	struct kg_partition *p;

	fake_put_assign(f, 1, "t", 1, 7, 100, -1);
	fake_send(f);
	process(c);
	assert_int_equal(kg_consumer_next_partition(c, &p), 1);
	fake_put_messages(f, 1, 7, 100, 2, 8);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), KG_ERR_PROTOCOL);
	expect_none(p, KG_ERR_PROTOCOL);
	assert_int_equal(kg_consumer_next_partition(c, &p), KG_ERR_PROTOCOL);
	assert_int_equal(kg_partition_mark(p, 1, NULL), KG_ERR_CLOSED);
	kg_partition_free(p);
	kg_consumer_free(c);
}

/* Only the head of a frame is looked at when it comes. */
static void test_a_malformed_message_ends_the_consumer(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *one, *zero;
	struct kg_consumer *c = open_with_two(f, &one, &zero);

	fake_put_messages(f, 1, 7, 100, 1, 8);
	f->out.data[f->out.len - 12] = 0xc1; /* its value's type, which is none of msgpack's */
	fake_send(f);
	process(c);
	expect_none(one, KG_ERR_PROTOCOL);
	expect_none(zero, KG_ERR_PROTOCOL);
	kg_consumer_free(c);
}

/* ---- marks ----------------------------------------------------------------------------------- */

static void test_marks_by_offset_and_by_message(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *one, *zero;
	struct kg_consumer *c = open_with_two(f, &one, &zero);
	const struct kg_claim *claims;
	struct kg_message m;

	fake_put_messages(f, 1, 7, 100, 3, 8);
	fake_put_messages(f, 2, 8, 100, 1, 8);
	fake_send(f);
	process(c);
	expect_next(one, 100);
	expect_next(one, 101);
	assert_int_equal(kg_partition_mark(one, 100, NULL), 0);
	assert_int_equal(kg_partition_mark(one, 101, "meta"), 0);
	process(c);
	expect_mark(f, 1, 7, 101);
	assert_int_equal(kg_partition_next(zero, &m), 1);
	assert_int_equal(kg_consumer_mark(c, &m, NULL), 0);
	process(c);
	expect_mark(f, 2, 8, 100);
	assert_int_equal(kg_consumer_mark_offset(c, "t", 1, 102, NULL, NULL), 0);
	process(c);
	expect_mark(f, 1, 7, 102);
	assert_int_equal(kg_consumer_assignment(c, &claims), 2);
	assert_int_equal(claims[1].marked, 102);
	assert_string_equal(claims[0].metadata, "meta"); /* a copy of what was committed */
	assert_null(claims[1].metadata);
	assert_int_equal(kg_partition_get_claim(one)->marked, -1);
	kg_consumer_free(c);
}

static void greet_with_reset(struct fake *f)
{
	struct kgp_welcome welcome = {.version = KGP_VERSION, .max_frame = KGP_FRAME_MAX_CLIENT};
	struct kgp_name name = {kgp_text("reset")};
	union kgp_body b = {0};

	welcome.features = (struct kgp_list){.items = &name, .n = 1};
	fake_accept(f);
	fake_expect(f, KGP_T_hello, NULL);
	fake_put(f, KGP_T_welcome, &welcome);
	fake_send(f);
	fake_expect(f, KGP_T_open, &b);
	f->open_request = b.open.request;
	fake_expect(f, KGP_T_resume_end, NULL);
	fake_accept_open(f);
}

static void test_reset_goes_behind_the_marks_and_is_of_what_was_seen(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c;
	struct kg_partition *p;
	union kgp_body b = {0};
	struct kgp_entry e;

	fake_start(f, greet_with_reset);
	assert_int_equal(fake_try_open(f, &c, NULL, "mode", "partitions", NULL), 0);
	fake_join(f);
	fake_put_assign(f, 1, "t", 1, 7, 100, -1);
	fake_send(f);
	process(c);
	assert_int_equal(kg_consumer_next_partition(c, &p), 1);
	expect_credit(f, 1, 5000);
	fake_put_messages(f, 1, 7, 100, 3, 8);
	fake_send(f);
	process(c);
	expect_next(p, 100);
	expect_next(p, 101);
	assert_int_equal(kg_partition_reset(p, -1, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_partition_mark(p, 101, NULL), 0);
	assert_int_equal(kg_partition_reset(p, 100, "again"), 0);
	process(c);
	expect_mark(f, 1, 7, 101);
	fake_expect(f, KGP_T_reset, &b);
	assert_true(kgp_next_entry(&b.reset.entries, &e));
	assert_int_equal(e.offset, 100);
	assert_int_equal(e.epoch, 7);
	put_epoch(f, 1, 70, 50);
	fake_send(f);
	process(c);
	assert_int_equal(kg_partition_reset(p, 99, NULL), 0); /* stale */
	process(c);
	assert_true(fake_is_silent(f));
	assert_int_equal(kg_partition_reset(NULL, 99, NULL), KG_ERR_ARGUMENT);
	kg_consumer_free(c);
}

static void test_a_seek_drops_the_unread_and_makes_marks_stale_until_the_next_call(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *one, *zero;
	struct kg_consumer *c = open_with_two(f, &one, &zero);
	struct kg_message m;

	fake_put_messages(f, 1, 7, 100, 4, 8);
	fake_put_messages(f, 1, 7, 104, 4, 8);
	fake_send(f);
	process(c);
	assert_int_equal(kg_partition_next(one, &m), 1);
	put_epoch(f, 1, 70, 50);
	fake_send(f);
	process(c);
	fake_put_messages(f, 1, 7, 108, 1, 8); /* of the old epoch: it is not in the protocol */
	fake_put_messages(f, 1, 70, 50, 2, 8);
	fake_send(f);
	process(c);
	assert_int_equal(*(const char *)m.value, 100); /* still in hand */
	assert_int_equal(kg_partition_mark(one, 100, NULL), 0);
	assert_int_equal(kg_consumer_mark(c, &m, NULL), 0);
	process(c);
	assert_true(fake_is_silent(f)); /* it would undo the seek */
	expect_next(one, 50);
	assert_int_equal(kg_partition_mark(one, 50, NULL), 0);
	expect_next(one, 51);
	expect_none(one, 0);
	expect_mark(f, 1, 70, 50);
	kg_consumer_free(c);
}

static void test_what_a_seek_voids_returns_its_credit(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_partitions(f, "credit.messages", "8");
	struct kg_partition *p;

	fake_put_assign(f, 1, "t", 1, 7, 100, -1);
	fake_send(f);
	process(c);
	assert_int_equal(kg_consumer_next_partition(c, &p), 1);
	expect_credit(f, 1, 8);
	fake_put_messages(f, 1, 7, 100, 2, 8);
	fake_put_messages(f, 1, 7, 102, 2, 8);
	fake_send(f);
	process(c);
	expect_next(p, 100);
	fake_put_messages(f, 1, 7, 104, 4, 8);
	put_epoch(f, 1, 70, 50);
	fake_send(f);
	process(c);
	expect_credit(f, 1, 16);
	expect_none(p, 0);
	kg_consumer_free(c);
}

static void test_pause_keeps_what_has_come(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *one, *zero;
	struct kg_consumer *c = open_with_two(f, &one, &zero);

	fake_put_messages(f, 1, 7, 100, 3, 8);
	fake_put_messages(f, 2, 8, 100, 1, 8);
	fake_send(f);
	process(c);
	expect_next(one, 100);
	assert_int_equal(kg_consumer_pause(c, "t", 1), 0);
	fake_expect(f, KGP_T_pause, NULL);
	expect_none(one, 0);
	expect_next(zero, 100);
	process(c);
	assert_int_equal(kg_consumer_resume(c, "t", 1), 0);
	fake_expect(f, KGP_T_pause, NULL);
	assert_int_equal(kg_consumer_get_timeout_ms(c), 0);
	expect_next(one, 101);
	expect_next(one, 102);
	kg_consumer_free(c);
}

/* ---- errors ---------------------------------------------------------------------------------- */

static void drop_events(struct kg_consumer *c)
{
	struct kg_event e;

	while (kg_consumer_next_event(c, &e))
		;
}

static void test_errors_go_to_their_partition(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *one, *zero;
	struct kg_consumer *c = open_with_two(f, &one, &zero);
	struct kg_event event;
	struct kg_error e;

	drop_events(c);
	put_error(f, "partition", 1, "gone");
	put_error(f, "group", -1, "all");
	put_error(f, "partition", 9, "not ours");
	fake_send(f);
	process(c);
	assert_int_equal(kg_partition_next_error(zero, &e), 0);
	assert_int_equal(kg_partition_next_error(one, &e), 1);
	assert_int_equal(e.code, KG_ERR_OFFSET_RESET);
	assert_string_equal(e.text, "gone");
	assert_int_equal(kg_partition_next_error(one, &e), 0);
	assert_int_equal(kg_consumer_next_event(c, &event), 1);
	assert_string_equal(event.error.text, "all");
	assert_int_equal(kg_consumer_next_event(c, &event), 1);
	assert_int_equal(event.partition, 9);
	assert_int_equal(kg_consumer_next_event(c, &event), 0);
	kg_consumer_free(c);
}

static void test_errors_that_nobody_reads_are_counted(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *one, *zero;
	struct kg_consumer *c = open_with_two(f, &one, &zero);
	struct kg_error e;
	char text[16];
	int i;

	for (i = 0; i < 50; i++) {
		snprintf(text, sizeof(text), "%d", i);
		put_error(f, "partition", 0, text);
	}
	fake_send(f);
	process(c);
	assert_int_equal(kg_partition_next_error(zero, &e), 1);
	assert_int_equal(e.code, KG_ERR_OVERFLOW);
	assert_non_null(strstr(e.text, "18"));
	for (i = 18; i < 50; i++) {
		snprintf(text, sizeof(text), "%d", i);
		assert_int_equal(kg_partition_next_error(zero, &e), 1);
		assert_string_equal(e.text, text);
	}
	assert_int_equal(kg_partition_next_error(zero, &e), 0);
	kg_consumer_free(c);
}

/* ---- in an event loop ------------------------------------------------------------------------ */

static bool is_readable(struct kg_consumer *c)
{
	struct pollfd p = {kg_consumer_get_fd(c), kg_consumer_get_events(c), 0};

	return poll(&p, 1, 0) == 1;
}

static void expect_sleep(struct kg_consumer *c, bool sleeps)
{
	assert_int_equal(kg_consumer_get_timeout_ms(c), sleeps ? -1 : 0);
}

static void test_the_timeout_is_0_for_who_reads_and_not_for_who_does_not(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_partitions(f, NULL, NULL);
	struct kg_partition *one, *zero;

	process(c);
	drop_events(c);
	expect_sleep(c, true);
	fake_put_assign(f, 1, "t", 1, 7, 100, -1);
	fake_put_assign(f, 2, "t", 0, 8, 100, -1);
	fake_send(f);
	assert_true(is_readable(c));
	process(c);
	fake_put_messages(f, 1, 7, 100, 3, 8);
	fake_put_messages(f, 2, 8, 100, 3, 8);
	fake_send(f);
	process(c);
	drop_events(c);
	expect_sleep(c, true); /* it has been told; one that takes no partition may sleep */
	assert_int_equal(kg_consumer_next_partition(c, &one), 1);
	expect_sleep(c, false); /* it takes them one by one: there is another */
	assert_int_equal(kg_consumer_next_partition(c, &zero), 1);
	expect_sleep(c, false); /* and they have messages */
	process(c);
	expect_sleep(c, true); /* which it does not want */
	expect_next(one, 100);
	expect_sleep(c, false);
	process(c);
	expect_next(one, 101);
	expect_sleep(c, false);
	expect_next(one, 102);
	expect_sleep(c, true); /* zero has some still, and nobody asks for them */
	expect_next(zero, 100);
	expect_sleep(c, false);
	kg_consumer_free(c);
}

/* ---- fork ------------------------------------------------------------------------------------ */

static int use_in_child(struct kg_consumer *c, struct kg_partition *p)
{
	struct kg_partition *q;
	struct kg_message m;
	struct kg_error e;

	if (kg_consumer_get_fd(c) != -1 || kg_partition_next_error(p, &e) ||
	    kg_consumer_next_partition(c, &q) != KG_ERR_FORKED ||
	    kg_consumer_wait_partition(c, &q, -1) != KG_ERR_FORKED ||
	    kg_partition_next(p, &m) != KG_ERR_FORKED ||
	    kg_partition_next_batch(p, &m, 1) != KG_ERR_FORKED ||
	    kg_partition_receive(p, &m, -1) != KG_ERR_FORKED ||
	    kg_partition_mark(p, 100, NULL) != KG_ERR_FORKED ||
	    kg_partition_reset(p, 100, NULL) != KG_ERR_FORKED ||
	    kg_partition_close(p) != KG_ERR_FORKED ||
	    kg_partition_close_start(p) != KG_ERR_FORKED ||
	    kg_consumer_process(c) != KG_ERR_FORKED || kg_consumer_close(c) != KG_ERR_FORKED)
		return 1;
	kg_partition_free(p);
	kg_consumer_free(c);
	return 0;
}

static void test_a_forked_child_may_only_free(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *one, *zero;
	struct kg_consumer *c = open_with_two(f, &one, &zero);
	int status;
	pid_t pid;

	fake_put_messages(f, 1, 7, 100, 3, 8);
	fake_send(f);
	process(c);
	expect_next(one, 100);
	pid = fork();
	if (!pid)
		_exit(use_in_child(c, one));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	expect_next(one, 101);
	kg_partition_mark(one, 101, NULL);
	process(c);
	expect_mark(f, 1, 7, 101);
	assert_true(fake_is_silent(f)); /* the child gave nothing back */
	kg_consumer_free(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_partitions_are_handed_out_and_know_their_claim),
		TEST(test_calls_of_the_other_mode_are_refused),
		TEST(test_arguments_that_cannot_be),
		TEST(test_each_partition_has_its_own_messages),
		TEST(test_a_message_is_valid_until_the_next_call_on_its_partition),
		TEST(test_one_that_nobody_reads_stalls_no_other),
		TEST(test_each_claim_has_its_own_credit),
		TEST(test_a_message_larger_than_the_window_returns_its_credit),
		TEST(test_more_messages_than_credit_end_the_consumer),
		TEST(test_a_malformed_message_ends_the_consumer),
		TEST(test_marks_by_offset_and_by_message),
		TEST(test_reset_goes_behind_the_marks_and_is_of_what_was_seen),
		TEST(test_a_seek_drops_the_unread_and_makes_marks_stale_until_the_next_call),
		TEST(test_what_a_seek_voids_returns_its_credit),
		TEST(test_pause_keeps_what_has_come),
		TEST(test_errors_go_to_their_partition),
		TEST(test_errors_that_nobody_reads_are_counted),
		TEST(test_the_timeout_is_0_for_who_reads_and_not_for_who_does_not),
		TEST(test_a_forked_child_may_only_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
