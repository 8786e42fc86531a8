/* SPDX-License-Identifier: MIT */
/* Seeks, and high water marks: what is asked about running claims. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/test_client_fake.h"

#include <string.h>

static struct fake *fake_of(void **state)
{
	return *state;
}

/* Claim 1: t/0 in epoch 7, claim 2: t/1 in epoch 8, each with two frames of 10 from offset 100. */
static struct kg_consumer *open_with_messages(struct fake *f)
{
	struct kg_consumer *c = fake_open(f);

	fake_put_assign(f, 1, "t", 0, 7, 100, -1);
	fake_put_assign(f, 2, "t", 1, 8, 100, 100);
	fake_put_messages(f, 1, 7, 100, 10, 8);
	fake_put_messages(f, 2, 8, 100, 10, 8);
	fake_put_messages(f, 1, 7, 110, 10, 8);
	fake_put_messages(f, 2, 8, 110, 10, 8);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	return c;
}

/* ---- a daemon that seeks --------------------------------------------------------------------- */

static struct kgp_seek asked;
static char whence[32];
static uint32_t claim_asked;

static void put_epoch(struct fake *f, unsigned claim, uint64_t epoch, int64_t offset)
{
	struct kgp_epoch m = {
		.claim = claim, .epoch = epoch, .offset = offset, .reason = kgp_text("seek")};

	fake_put(f, KGP_T_epoch, &m);
}

static void take_seek(struct fake *f)
{
	struct kgp_number id = {0};
	union kgp_body b = {0};

	fake_expect(f, KGP_T_seek, &b);
	asked = b.seek;
	memcpy(whence, b.seek.whence.data, b.seek.whence.size);
	whence[b.seek.whence.size] = 0;
	kgp_next_number(&b.seek.claims, &id);
	claim_asked = (uint32_t)id.value;
}

/* Messages of the old epoch and of the other claim come before EPOCH, new ones before REPLY. */
static void seek_one(struct fake *f)
{
	take_seek(f);
	fake_put_messages(f, 1, 7, 120, 10, 8);
	fake_put_messages(f, 2, 8, 120, 10, 8);
	put_epoch(f, 1, 20, 50);
	fake_put_messages(f, 1, 20, 50, 5, 8);
	fake_put_reply(f, asked.request, 0, NULL);
	fake_send(f);
}

static void seek_all(struct fake *f)
{
	take_seek(f);
	put_epoch(f, 1, 20, 50);
	put_epoch(f, 2, 21, 60);
	fake_put_reply(f, asked.request, 0, NULL);
	fake_put_messages(f, 1, 20, 50, 5, 8);
	fake_send(f);
}

static void expect_range(struct kg_consumer *c, int32_t partition, int64_t first, int64_t last)
{
	struct kg_message m;

	for (; first <= last; first++) {
		assert_int_equal(kg_consumer_next(c, &m), 1);
		assert_int_equal(m.partition, partition);
		assert_int_equal(m.offset, first);
	}
}

static uint64_t last_credit(struct fake *f)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_credit, &b);
	assert_true(fake_is_silent(f));
	return b.credit.messages;
}

/* ---- nothing old is handed out --------------------------------------------------------------- */

static void test_nothing_older_is_handed_out(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kg_message m;

	expect_range(c, 0, 100, 102); /* in the middle of a frame */
	fake_start(f, seek_one);
	assert_int_equal(kg_consumer_seek(c, "t", 0, KG_SEEK_OFFSET, 50, -1), 0);
	fake_join(f);
	assert_int_equal(claim_asked, 1);
	assert_string_equal(whence, "offset");
	assert_int_equal(asked.value, 50);
	expect_range(c, 1, 100, 129); /* the other claim's are all there */
	expect_range(c, 0, 50, 54);
	assert_int_equal(kg_consumer_next(c, &m), 0);
	assert_int_equal(last_credit(f), 20000 + 65); /* of all that came, once */
	kg_consumer_free(c);
}

static void seek_behind_a_mark(struct fake *f)
{
	union kgp_body b = {0};
	struct kgp_entry e = {0};

	fake_expect(f, KGP_T_mark, &b);
	kgp_next_entry(&b.mark.entries, &e);
	if (e.epoch != 7 || e.offset != 101)
		strcpy(f->failure, "the mark before the seek is wrong");
	seek_all(f);
}

static void test_a_mark_before_counts_and_one_of_before_does_not(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	const struct kg_claim *claims;
	struct kg_message batch[5], m;
	union kgp_body b = {0};
	struct kgp_entry e;

	assert_int_equal(kg_consumer_next_batch(c, batch, 5), 5);
	assert_int_equal(kg_consumer_mark(c, &batch[1], NULL), 0);
	fake_start(f, seek_behind_a_mark);
	assert_int_equal(kg_consumer_seek(c, NULL, 0, KG_SEEK_BACK, 3, -1), 0);
	fake_join(f);
	assert_int_equal(asked.claims.n, 0); /* all */
	assert_string_equal(whence, "back");
	assert_int_equal(asked.value, 3);
	assert_int_equal(*(const char *)batch[4].value, 104); /* still in hand */
	assert_int_equal(kg_consumer_mark(c, &batch[4], NULL), 0);
	assert_int_equal(kg_consumer_reset(c, &batch[0], NULL), 0);
	assert_int_equal(kg_consumer_assignment(c, &claims), 2);
	assert_int_equal(claims[0].marked, -1);
	assert_int_equal(fake_receive(c, &m), 1);
	assert_int_equal(m.offset, 50);
	assert_int_equal(kg_consumer_mark(c, &m, NULL), 0); /* lower, and counts */
	assert_int_equal(kg_consumer_process(c), 0);
	fake_expect(f, KGP_T_mark, &b);
	assert_int_equal(b.mark.entries.n, 1);
	kgp_next_entry(&b.mark.entries, &e);
	assert_int_equal(e.epoch, 20);
	assert_int_equal(e.offset, 50);
	kg_consumer_free(c);
}

static void test_what_a_pause_set_aside_is_dropped(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kg_message m;

	expect_range(c, 0, 100, 102);
	assert_int_equal(kg_consumer_pause(c, "t", 0), 0);
	expect_range(c, 1, 100, 119); /* what is unread of t/0 is aside now */
	fake_expect(f, KGP_T_pause, NULL);
	fake_start(f, seek_one);
	assert_int_equal(kg_consumer_seek(c, "t", 0, KG_SEEK_TIME, 1700000000000, -1), 0);
	fake_join(f);
	assert_string_equal(whence, "time");
	assert_int_equal(asked.value, 1700000000000);
	expect_range(c, 1, 120, 129);
	assert_int_equal(kg_consumer_next(c, &m), 0);
	assert_int_equal(kg_consumer_resume(c, "t", 0), 0);
	expect_range(c, 0, 50, 54);
	assert_int_equal(kg_consumer_next(c, &m), 0);
	kg_consumer_free(c);
}

/* After a seek of a claim that is lost, no mark of before is said again. */
static void test_nothing_of_before_is_resumed(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kg_message m;

	assert_int_equal(kg_consumer_next(c, &m), 1);
	assert_int_equal(kg_consumer_mark_offset(c, "t", 0, 101, NULL, NULL), 0);
	assert_int_equal(kg_consumer_process(c), 0);
	fake_expect(f, KGP_T_mark, NULL);
	fake_start(f, seek_all);
	assert_int_equal(kg_consumer_seek(c, NULL, 0, KG_SEEK_EARLIEST, 77, -1), 0);
	fake_join(f);
	assert_string_equal(whence, "earliest");
	assert_int_equal(asked.value, 0);
	fake_hang_up(f);
	fake_reopen(f, c); /* with nothing to resume */
	kg_consumer_free(c);
}

/* ---- seeks that are none --------------------------------------------------------------------- */

static void test_arguments_that_cannot_be(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);

	assert_int_equal(kg_consumer_seek(NULL, "t", 0, KG_SEEK_OFFSET, 0, -1), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_seek(c, "t", 0, (enum kg_whence)5, 0, -1), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_seek(c, "t", 0, (enum kg_whence) - 1, 0, -1), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_seek(c, "t", 0, KG_SEEK_OFFSET, -1, -1), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_seek(c, "t", 0, KG_SEEK_TIME, -1, -1), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_seek(c, "t", 0, KG_SEEK_BACK, -1, -1), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_seek(c, "t", 2, KG_SEEK_OFFSET, 0, -1), KG_ERR_NO_CLAIM);
	assert_int_equal(kg_consumer_seek(c, "u", 0, KG_SEEK_LATEST, -1, -1), KG_ERR_NO_CLAIM);
	fake_put_release(f, 2);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	assert_int_equal(kg_consumer_seek(c, "t", 1, KG_SEEK_LATEST, -1, -1), KG_ERR_NO_CLAIM);
	fake_expect(f, KGP_T_done, NULL);
	assert_true(fake_is_silent(f));
	kg_consumer_free(c);
}

static void refuse_seek(struct fake *f)
{
	take_seek(f);
	fake_put_reply(f, asked.request, KGP_E_OFFSET_OUT_OF_RANGE, "the log has 10 to 20");
	fake_send(f);
}

static void test_a_refusal_changes_nothing(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);

	expect_range(c, 0, 100, 102);
	fake_start(f, refuse_seek);
	assert_int_equal(kg_consumer_seek(c, "t", 0, KG_SEEK_OFFSET, 5, -1),
			 KG_ERR_OFFSET_OUT_OF_RANGE);
	fake_join(f);
	assert_string_equal(kg_consumer_error(c)->text, "the log has 10 to 20");
	assert_true(*kg_consumer_error(c)->hint);
	expect_range(c, 0, 103, 109);
	kg_consumer_free(c);
}

static void take_and_hang_up(struct fake *f)
{
	take_seek(f);
	fake_hang_up(f);
}

/* Its claims are gone, so it is not said again. */
static void test_a_seek_ends_with_the_connection(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);

	fake_start(f, take_and_hang_up);
	assert_int_equal(kg_consumer_seek(c, NULL, 0, KG_SEEK_LATEST, 0, -1), KG_ERR_DISCONNECTED);
	fake_join(f);
	assert_non_null(strstr(kg_consumer_error(c)->text, "before the answer"));
	assert_int_equal(kg_consumer_seek(c, NULL, 0, KG_SEEK_LATEST, 0, -1), KG_ERR_DISCONNECTED);
	assert_non_null(strstr(kg_consumer_error(c)->text, "no connection"));
	fake_reopen(f, c);
	assert_int_equal(kg_consumer_seek(c, NULL, 0, KG_SEEK_LATEST, 0, 1), KG_ERR_TIMEOUT);
	take_seek(f);
	assert_string_equal(whence, "latest");
	assert_true(fake_is_silent(f));
	kg_consumer_free(c);
}

static void test_a_late_answer_is_no_harm(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	struct kg_message m;

	assert_int_equal(kg_consumer_seek(c, NULL, 0, KG_SEEK_OFFSET, 50, 0), KG_ERR_TIMEOUT);
	seek_all(f); /* it happens yet */
	assert_int_equal(kg_consumer_process(c), 0);
	assert_int_equal(kg_consumer_next(c, &m), 1);
	assert_int_equal(m.offset, 50);
	kg_consumer_free(c);
}

static void test_a_daemon_without_seeks_is_too_old(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c;

	f->lacks = 1u << KGP_FEATURE_seek;
	c = open_with_messages(f);
	assert_int_equal(kg_consumer_seek(c, NULL, 0, KG_SEEK_LATEST, 0, -1), KG_ERR_UNSUPPORTED);
	assert_true(fake_is_silent(f));
	kg_consumer_free(c);
}

/* ---- high water marks ------------------------------------------------------------------------ */

static void put_mark(struct kgp_buf *b, const char *topic, unsigned partition, int64_t high)
{
	kgp_put_map(b, 3);
	kgp_put_str(b, kgp_text("topic"));
	kgp_put_str(b, kgp_text(topic));
	kgp_put_str(b, kgp_text("high"));
	if (high < 0)
		kgp_put_nil(b);
	else
		kgp_put_int(b, high);
	kgp_put_str(b, kgp_text("partition"));
	kgp_put_uint(b, partition);
}

static struct kgp_buf result;

static void begin_result(const char *key, unsigned n)
{
	kgp_buf_reset(&result);
	kgp_put_map(&result, 1);
	kgp_put_str(&result, kgp_text(key));
	kgp_put_array(&result, n);
}

static void answer_high(struct fake *f)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_query, &b);
	if (!kgp_bytes_equal(b.query.what, kgp_text("high.water.marks")) || b.query.arguments.n)
		strcpy(f->failure, "the question is wrong");
	fake_put_result(f, b.query.request, &result);
	fake_send(f);
}

static void test_high_water_marks_are_sorted(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	const struct kg_high *marks;
	size_t n;

	begin_result("partitions", 4);
	put_mark(&result, "u", 0, 7);
	put_mark(&result, "t", 10, 12345678901);
	put_mark(&result, "t", 9, -1);
	put_mark(&result, "t", 0, 0);
	fake_start(f, answer_high);
	assert_int_equal(kg_consumer_get_high_water_marks(c, &marks, &n, -1), 0);
	fake_join(f);
	assert_int_equal(n, 4);
	assert_string_equal(marks[0].topic, "t");
	assert_int_equal(marks[0].high, 0);
	assert_int_equal(marks[1].partition, 9);
	assert_int_equal(marks[1].high, -1);
	assert_int_equal(marks[2].high, 12345678901);
	assert_string_equal(marks[3].topic, "u");
	begin_result("partitions", 0);
	fake_start(f, answer_high);
	assert_int_equal(kg_consumer_get_high_water_marks(c, &marks, &n, -1), 0);
	fake_join(f);
	assert_int_equal(n, 0);
	expect_range(c, 0, 100, 109); /* messages were kept meanwhile */
	kgp_buf_deinit(&result);
	kg_consumer_free(c);
}

static void put_odd(unsigned i)
{
	begin_result(i ? "partitions" : "marks", i ? 1 : 0);
	if (i == 1)
		kgp_put_uint(&result, 5);
	else if (i == 2)
		put_mark(&result, "", 0, 1);
	else if (i == 3)
		put_mark(&result, "t", 1u << 31, 1);
}

static void test_odd_answers_are_named(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	const struct kg_high *marks = NULL;
	unsigned i;
	size_t n;

	for (i = 0; i < 4; i++) {
		put_odd(i);
		fake_start(f, answer_high);
		assert_int_equal(kg_consumer_get_high_water_marks(c, &marks, &n, -1),
				 KG_ERR_PROTOCOL);
		fake_join(f);
	}
	assert_null(marks);
	expect_range(c, 0, 100, 109); /* it ends nothing */
	kgp_buf_deinit(&result);
	kg_consumer_free(c);
}

static void hang_up_at_the_question(struct fake *f)
{
	fake_expect(f, KGP_T_query, NULL);
	fake_hang_up(f);
}

static void test_high_water_marks_that_cannot_be_had(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_messages(f);
	const struct kg_high *marks;
	size_t n;

	assert_int_equal(kg_consumer_get_high_water_marks(NULL, &marks, &n, -1), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_get_high_water_marks(c, NULL, &n, -1), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_get_high_water_marks(c, &marks, NULL, -1), KG_ERR_ARGUMENT);
	assert_true(fake_is_silent(f));
	fake_start(f, hang_up_at_the_question);
	assert_int_equal(kg_consumer_get_high_water_marks(c, &marks, &n, -1), KG_ERR_DISCONNECTED);
	fake_join(f);
	assert_int_equal(kg_consumer_get_high_water_marks(c, &marks, &n, -1), KG_ERR_DISCONNECTED);
	fake_come_back(f, c);
	kg_consumer_free(c);
	fake_hang_up(f);
	f->lacks = 1u << KGP_FEATURE_query;
	c = open_with_messages(f);
	assert_int_equal(kg_consumer_get_high_water_marks(c, &marks, &n, -1), KG_ERR_UNSUPPORTED);
	kg_consumer_free(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_older_is_handed_out),
		TEST(test_a_mark_before_counts_and_one_of_before_does_not),
		TEST(test_what_a_pause_set_aside_is_dropped),
		TEST(test_nothing_of_before_is_resumed),
		TEST(test_arguments_that_cannot_be),
		TEST(test_a_refusal_changes_nothing),
		TEST(test_a_seek_ends_with_the_connection),
		TEST(test_a_late_answer_is_no_harm),
		TEST(test_a_daemon_without_seeks_is_too_old),
		TEST(test_high_water_marks_are_sorted),
		TEST(test_odd_answers_are_named),
		TEST(test_high_water_marks_that_cannot_be_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
