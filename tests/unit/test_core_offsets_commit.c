/* SPDX-License-Identifier: MIT */
/*
 * What is committed of a partition, one rule a test: the value, the position past control records,
 * commits that fail or overlap with marks, metadata, and when nothing is left to do.
 */
#include "tests/unit/test_core_offsets_fixture.h"

/* ---- position past control records ----------------------------------------------------------- */

static void the_position_past_control_records_is_committed(void **state)
{
	struct offsets *o = claimed(state, 5);

	deliver(o, 9);
	offsets_mark(o, EPOCH, 9, kgp_text("nine"), NOT_KNOWN);
	offsets_on_position(o, 12);
	assert_int_equal(o->resume, 12);
	assert_commits(o, 12, true);
	assert_bytes(offsets_get_committed_metadata(o), kgp_text("nine"));
	offsets_on_position(o, 12);
	assert_nothing_to_commit(o);
}

static void the_position_counts_behind_offset_0_too(void **state)
{
	struct offsets *o = claimed(state, -1);

	offsets_on_position(o, 3);
	assert_nothing_to_commit(o);
	deliver(o, 0);
	mark(o, 0);
	offsets_on_position(o, 3);
	assert_commits(o, 3, true);
}

static void a_position_not_above_the_mark_is_ignored(void **state)
{
	struct offsets *o = claimed(state, 5);

	deliver(o, 9);
	mark(o, 9);
	assert_commits(o, 10, true);
	offsets_on_position(o, 10);
	offsets_on_position(o, 3);
	offsets_on_position(o, -1001);
	assert_nothing_to_commit(o);
}

static void the_position_counts_only_when_all_taken_is_sent_and_marked(void **state)
{
	struct offsets *o = claimed(state, 5);

	offsets_on_position(o, 12); /* nothing taken */
	offsets_on_popped(o, 9);
	offsets_on_position(o, 12); /* not marked */
	mark(o, 9);
	assert_commits(o, 10, true);
	offsets_on_position(o, 12); /* not sent */
	assert_nothing_to_commit(o);
	offsets_on_sent(o, 9);
	offsets_on_popped(o, 10);
	offsets_on_position(o, 13); /* one more was taken */
	assert_nothing_to_commit(o);
	offsets_on_sent(o, 10);
	mark(o, 20);
	assert_commits(o, 21, true);
	offsets_on_position(o, 30); /* the mark is not at what was taken */
	assert_nothing_to_commit(o);
}

static void what_was_taken_in_an_earlier_epoch_does_not_count(void **state)
{
	struct offsets *o = claimed(state, 5);

	deliver(o, 9);
	mark(o, 9);
	assert_commits(o, 10, true);
	offsets_end(o);
	offsets_on_position(o, 12);
	offsets_begin(o, EPOCH + 1);
	offsets_on_position(o, 12);
	assert_nothing_to_commit(o);
	deliver(o, 14);
	mark(o, 14);
	offsets_seek(o, EPOCH + 2, 15);
	offsets_on_position(o, 18);
	assert_commits(o, 15, true);
}

static void the_highest_taken_and_sent_count(void **state)
{
	struct offsets *o = claimed(state, 5);

	deliver(o, 9);
	deliver(o, 6);
	mark(o, 6);
	assert_commits(o, 7, true);
	offsets_on_position(o, 12);
	assert_nothing_to_commit(o);
	assert_false(offsets_is_done(o));
}

static void a_reset_holds_the_position_back_until_it_is_committed(void **state)
{
	struct offsets *o = claimed(state, 5);

	deliver(o, 9);
	mark(o, 9);
	assert_int_equal(offsets_reset(o, EPOCH, 9, kgp_text("new"), INT64_MAX),
			 KGP_VERDICT_ACCEPTED);
	offsets_on_position(o, 12);
	assert_commits(o, 10, false);
	offsets_on_position(o, 12);
	assert_commits(o, 10, true);
	offsets_on_position(o, 12);
	assert_commits(o, 12, true);
	assert_bytes(offsets_get_committed_metadata(o), kgp_text("new"));
}

static void a_reset_below_is_not_overtaken_by_the_position(void **state)
{
	struct offsets *o = claimed(state, 5);

	deliver(o, 9);
	mark(o, 9);
	reset(o, 6);
	assert_commits(o, 7, true);
	offsets_on_position(o, 12);
	assert_nothing_to_commit(o);
	mark(o, 9);
	offsets_on_position(o, 12);
	assert_commits(o, 12, true);
}

static void a_mark_of_a_control_record_does_not_move_the_commit_backward(void **state)
{
	struct offsets *o = claimed(state, 5);

	deliver(o, 9);
	mark(o, 9);
	offsets_on_position(o, 15);
	assert_int_equal(mark(o, 11), KGP_VERDICT_IGNORED);
	assert_int_equal(mark(o, 14), KGP_VERDICT_IGNORED);
	assert_commits(o, 15, true);
	assert_int_equal(mark(o, 15), KGP_VERDICT_ACCEPTED);
}

/* ---- commit ---------------------------------------------------------------------------------- */

static void one_commit_is_in_flight_and_a_mark_meanwhile_is_kept_for_the_next(void **state)
{
	struct offsets *o = claimed(state, 5);

	mark(o, 7);
	assert_true(offsets_commit_begin(o));
	mark(o, 9);
	assert_false(offsets_commit_begin(o));
	assert_int_equal(o->committing, 8);
	assert_false(offsets_is_clean(o));
	offsets_commit_end(o, true);
	assert_int_equal(o->committed, 8);
	assert_commits(o, 10, true);
	assert_nothing_to_commit(o);
}

static void new_metadata_in_flight_is_kept_for_the_next_though_the_value_is_the_same(void **state)
{
	struct offsets *o = claimed(state, -1);

	offsets_mark(o, EPOCH, 7, kgp_text("old"), NOT_KNOWN);
	assert_true(offsets_commit_begin(o));
	offsets_reset(o, EPOCH, 7, kgp_text("new"), INT64_MAX);
	assert_bytes(offsets_get_committing_metadata(o), kgp_text("old"));
	offsets_commit_end(o, true);
	assert_bytes(offsets_get_committed_metadata(o), kgp_text("old"));
	assert_commits(o, 8, true);
	assert_bytes(offsets_get_committed_metadata(o), kgp_text("new"));
}

static void a_seek_in_flight_changes_nothing_about_the_commit(void **state)
{
	struct offsets *o = claimed(state, 5);

	mark(o, 7);
	assert_true(offsets_commit_begin(o));
	offsets_seek(o, EPOCH + 1, 2);
	offsets_commit_end(o, true);
	assert_int_equal(o->committed, 8);
	assert_int_equal(o->resume, 2);
	assert_nothing_to_commit(o);
}

static void a_failed_commit_is_tried_again_with_what_is_marked_by_then(void **state)
{
	struct offsets *o = claimed(state, 5);

	mark(o, 7);
	assert_commits(o, 8, false);
	assert_int_equal(o->committed, 5);
	assert_false(offsets_is_clean(o));
	mark(o, 8);
	assert_commits(o, 9, true);
	assert_nothing_to_commit(o);
}

static void committed_offset_and_metadata_stay_a_pair(void **state)
{
	struct offsets *o = *state;

	offsets_load(o, 5, kgp_text("five"));
	offsets_begin(o, EPOCH);
	offsets_mark(o, EPOCH, 7, kgp_text("eight"), NOT_KNOWN);
	assert_true(offsets_commit_begin(o));
	assert_bytes(offsets_get_committing_metadata(o), kgp_text("eight"));
	assert_bytes(offsets_get_committed_metadata(o), kgp_text("five"));
	offsets_commit_end(o, false);
	assert_int_equal(o->committed, 5);
	assert_bytes(offsets_get_committed_metadata(o), kgp_text("five"));
	assert_commits(o, 8, true);
	assert_bytes(offsets_get_committed_metadata(o), kgp_text("eight"));
}

static void nothing_marked_is_nothing_to_commit(void **state)
{
	struct offsets *o = claimed(state, 5);

	deliver(o, 5);
	assert_nothing_to_commit(o);
}

/* ---- metadata -------------------------------------------------------------------------------- */

static void metadata_goes_with_the_winner_byte_for_byte(void **state)
{
	struct offsets *o = claimed(state, -1);
	const struct kgp_bytes texts[] = {kgp_text("a"), NIL, kgp_text(""), kgp_bytes("a\0b\0", 4)};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		offsets_mark(o, EPOCH, (int64_t)i, texts[i], NOT_KNOWN);
		assert_bytes(offsets_get_metadata(o), texts[i]);
		assert_commits(o, (int64_t)i + 1, true);
		assert_bytes(offsets_get_committed_metadata(o), texts[i]);
	}
}

static void metadata_is_copied(void **state)
{
	struct offsets *o = claimed(state, -1);
	char text[] = "mine";

	offsets_mark(o, EPOCH, 1, kgp_text(text), NOT_KNOWN);
	text[0] = 'y';
	assert_bytes(offsets_get_metadata(o), kgp_text("mine"));
}

static void what_kafka_has_is_loaded_with_its_metadata(void **state)
{
	struct offsets *o = *state;

	assert_int_equal(offsets_load(o, 5, kgp_bytes("x\0y", 3)), 0);
	assert_int_equal(o->committed, 5);
	assert_int_equal(o->mark, 4);
	assert_int_equal(o->resume, 5);
	assert_bytes(offsets_get_committed_metadata(o), kgp_bytes("x\0y", 3));
	assert_nothing_to_commit(o);
}

/* librdkafka says -1001, Kafka -1, and an empty text comes with both. */
static void nothing_committed_has_one_form(void **state)
{
	struct offsets *o = *state;

	assert_int_equal(offsets_load(o, -1001, kgp_text("")), 0);
	assert_int_equal(o->committed, -1);
	assert_int_equal(o->resume, -1);
	assert_bytes(offsets_get_committed_metadata(o), NIL);
	assert_int_equal(offsets_resume(o, 1, 7, -1, NIL), KGP_VERDICT_ACCEPTED);
}

/* ---- done ------------------------------------------------------------------------------------ */

static void a_claim_is_done_when_what_was_sent_is_marked(void **state)
{
	struct offsets *o = claimed(state, 5);

	assert_true(offsets_is_done(o));
	offsets_on_popped(o, 9);
	assert_true(offsets_is_done(o));
	offsets_on_sent(o, 9);
	assert_false(offsets_is_done(o));
	mark(o, 8);
	assert_false(offsets_is_done(o));
	mark(o, 9);
	assert_true(offsets_is_done(o));
	offsets_on_sent(o, 10);
	offsets_end(o);
	assert_true(offsets_is_done(o));
}

static void deinit_accepts_nothing_and_what_was_never_used(void **state)
{
	struct offsets *o = *state;

	offsets_deinit(NULL);
	offsets_deinit(o);
	offsets_deinit(o);
	assert_true(offsets_is_clean(o));
}

static void deinit_frees_with_a_commit_in_flight(void **state)
{
	struct offsets *o = *state;

	offsets_load(o, 5, kgp_text("five"));
	offsets_begin(o, EPOCH);
	offsets_mark(o, EPOCH, 7, kgp_text("seven"), NOT_KNOWN);
	assert_true(offsets_commit_begin(o));
	offsets_deinit(o);
	offsets_deinit(o);
	assert_int_equal(o->committed, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_position_past_control_records_is_committed),
		TEST(the_position_counts_behind_offset_0_too),
		TEST(a_position_not_above_the_mark_is_ignored),
		TEST(the_position_counts_only_when_all_taken_is_sent_and_marked),
		TEST(what_was_taken_in_an_earlier_epoch_does_not_count),
		TEST(the_highest_taken_and_sent_count),
		TEST(a_reset_holds_the_position_back_until_it_is_committed),
		TEST(a_reset_below_is_not_overtaken_by_the_position),
		TEST(a_mark_of_a_control_record_does_not_move_the_commit_backward),
		TEST(one_commit_is_in_flight_and_a_mark_meanwhile_is_kept_for_the_next),
		TEST(new_metadata_in_flight_is_kept_for_the_next_though_the_value_is_the_same),
		TEST(a_seek_in_flight_changes_nothing_about_the_commit),
		TEST(a_failed_commit_is_tried_again_with_what_is_marked_by_then),
		TEST(committed_offset_and_metadata_stay_a_pair),
		TEST(nothing_marked_is_nothing_to_commit),
		TEST(metadata_goes_with_the_winner_byte_for_byte),
		TEST(metadata_is_copied),
		TEST(what_kafka_has_is_loaded_with_its_metadata),
		TEST(nothing_committed_has_one_form),
		TEST(a_claim_is_done_when_what_was_sent_is_marked),
		TEST(deinit_accepts_nothing_and_what_was_never_used),
		TEST(deinit_frees_with_a_commit_in_flight),
	};

	return cmocka_run_group_tests_name("core offsets commit", tests, NULL, NULL);
}
