/* SPDX-License-Identifier: MIT */
/*
 * What counts as done in a partition, one rule a test: marks, resets, seeks and RESUMEs.
 * test_core_offsets_model.c mixes them.
 */
#include "tests/unit/test_core_offsets_fixture.h"

/* ---- mark ------------------------------------------------------------------------------------ */

static void a_mark_commits_the_offset_behind_it(void **state)
{
	struct offsets *o = claimed(state, 5);

	assert_int_equal(mark(o, 7), KGP_VERDICT_ACCEPTED);
	assert_commits(o, 8, true);
	assert_int_equal(o->committed, 8);
	assert_nothing_to_commit(o);
}

static void offset_0_can_be_marked(void **state)
{
	struct offsets *o = claimed(state, -1);

	assert_int_equal(mark(o, 0), KGP_VERDICT_ACCEPTED);
	assert_commits(o, 1, true);
}

static void a_mark_at_or_below_the_highest_changes_nothing(void **state)
{
	struct offsets *o = claimed(state, -1);

	offsets_mark(o, EPOCH, 7, kgp_text("seven"), NOT_KNOWN);
	assert_int_equal(offsets_mark(o, EPOCH, 7, kgp_text("again"), NOT_KNOWN),
			 KGP_VERDICT_IGNORED);
	assert_int_equal(offsets_mark(o, EPOCH, 3, kgp_text("three"), NOT_KNOWN),
			 KGP_VERDICT_IGNORED);
	assert_bytes(offsets_get_metadata(o), kgp_text("seven"));
	assert_commits(o, 8, true);
}

static void a_mark_below_what_is_committed_changes_nothing(void **state)
{
	struct offsets *o = claimed(state, 5);

	assert_int_equal(mark(o, 4), KGP_VERDICT_IGNORED);
	assert_nothing_to_commit(o);
	assert_int_equal(mark(o, 5), KGP_VERDICT_ACCEPTED);
}

static void a_mark_needs_no_delivery_and_no_neighbour(void **state)
{
	struct offsets *o = claimed(state, 5);

	deliver(o, 6);
	deliver(o, 9);
	assert_int_equal(mark(o, 9), KGP_VERDICT_ACCEPTED);
	assert_int_equal(mark(o, 70), KGP_VERDICT_ACCEPTED);
	assert_commits(o, 71, true);
}

static void a_mark_at_or_beyond_the_end_is_out_of_range(void **state)
{
	struct offsets *o = claimed(state, 5);

	assert_int_equal(offsets_mark(o, EPOCH, 10, NIL, 10), KGP_VERDICT_OUT_OF_RANGE);
	assert_int_equal(offsets_mark(o, EPOCH, 11, NIL, 10), KGP_VERDICT_OUT_OF_RANGE);
	assert_nothing_to_commit(o);
	assert_int_equal(offsets_mark(o, EPOCH, 9, NIL, 10), KGP_VERDICT_ACCEPTED);
}

static void no_offset_is_too_low_or_too_high_to_be_answered(void **state)
{
	struct offsets *o = claimed(state, -1);
	const int64_t bad[] = {-1, INT64_MIN, INT64_MAX};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(mark(o, bad[i]), KGP_VERDICT_OUT_OF_RANGE);
		assert_int_equal(reset(o, bad[i]), KGP_VERDICT_OUT_OF_RANGE);
		assert_int_equal(offsets_resume(o, EPOCH, bad[i], -1, NIL),
				 KGP_VERDICT_OUT_OF_RANGE);
	}
	assert_nothing_to_commit(o);
	assert_int_equal(reset(o, INT64_MAX - 1), KGP_VERDICT_ACCEPTED);
	assert_commits(o, INT64_MAX, true);
}

static void marks_and_resets_of_another_epoch_are_stale(void **state)
{
	struct offsets *o = claimed(state, 5);

	assert_int_equal(offsets_mark(o, EPOCH - 1, 7, NIL, NOT_KNOWN), KGP_VERDICT_STALE);
	assert_int_equal(offsets_mark(o, EPOCH + 1, 7, NIL, NOT_KNOWN), KGP_VERDICT_STALE);
	assert_int_equal(offsets_reset(o, EPOCH - 1, 3, NIL, INT64_MAX), KGP_VERDICT_STALE);
	assert_nothing_to_commit(o);
}

static void without_a_claim_marks_and_resets_are_stale(void **state)
{
	struct offsets *o = claimed(state, 5);

	offsets_end(o);
	assert_int_equal(offsets_mark(o, EPOCH, 7, NIL, NOT_KNOWN), KGP_VERDICT_STALE);
	assert_int_equal(offsets_mark(o, 0, 7, NIL, NOT_KNOWN), KGP_VERDICT_STALE);
	assert_int_equal(offsets_reset(o, 0, 3, NIL, INT64_MAX), KGP_VERDICT_STALE);
	assert_nothing_to_commit(o);
}

static void the_next_claim_starts_behind_the_last_mark(void **state)
{
	struct offsets *o = claimed(state, 5);

	assert_int_equal(o->resume, 5);
	mark(o, 7);
	offsets_end(o);
	offsets_begin(o, EPOCH + 1);
	assert_int_equal(o->resume, 8);
	assert_int_equal(offsets_mark(o, EPOCH, 9, NIL, NOT_KNOWN), KGP_VERDICT_STALE);
	assert_int_equal(mark(o, 8), KGP_VERDICT_ACCEPTED);
}

/* ---- reset ----------------------------------------------------------------------------------- */

static void a_reset_moves_backward_and_a_mark_forward_again(void **state)
{
	struct offsets *o = claimed(state, 5);

	mark(o, 9);
	assert_int_equal(reset(o, 2), KGP_VERDICT_ACCEPTED);
	assert_int_equal(o->resume, 3);
	assert_commits(o, 3, true);
	assert_int_equal(mark(o, 4), KGP_VERDICT_ACCEPTED);
	assert_commits(o, 5, true);
}

static void a_reset_above_what_counts_changes_nothing(void **state)
{
	struct offsets *o = claimed(state, 5);

	assert_int_equal(reset(o, 5), KGP_VERDICT_IGNORED);
	mark(o, 9);
	assert_int_equal(reset(o, 10), KGP_VERDICT_IGNORED);
	assert_commits(o, 10, true);
}

static void an_equal_reset_changes_the_metadata(void **state)
{
	struct offsets *o = claimed(state, -1);

	offsets_mark(o, EPOCH, 9, kgp_text("old"), NOT_KNOWN);
	assert_commits(o, 10, true);
	assert_int_equal(offsets_reset(o, EPOCH, 9, kgp_text("new"), INT64_MAX),
			 KGP_VERDICT_ACCEPTED);
	assert_commits(o, 10, true);
	assert_bytes(offsets_get_committed_metadata(o), kgp_text("new"));
	assert_nothing_to_commit(o);
}

static void with_nothing_committed_a_reset_stays_below_the_end_of_the_log(void **state)
{
	struct offsets *o = claimed(state, -1);

	assert_int_equal(offsets_reset(o, EPOCH, 5, NIL, 5), KGP_VERDICT_OUT_OF_RANGE);
	assert_nothing_to_commit(o);
	assert_int_equal(offsets_reset(o, EPOCH, 4, NIL, 5), KGP_VERDICT_ACCEPTED);
	assert_commits(o, 5, true);
}

static void with_nothing_committed_a_reset_sets_the_position_all_the_same(void **state)
{
	struct offsets *o = claimed(state, -1);

	assert_int_equal(reset(o, 40), KGP_VERDICT_ACCEPTED);
	assert_commits(o, 41, true);
	assert_int_equal(reset(o, 41), KGP_VERDICT_IGNORED);
}

/* Offset 0 committed is not "nothing committed", though no message is done. */
static void with_0_committed_every_reset_is_forward(void **state)
{
	struct offsets *o = claimed(state, 0);

	assert_int_equal(reset(o, 0), KGP_VERDICT_IGNORED);
	assert_int_equal(reset(o, 40), KGP_VERDICT_IGNORED);
	assert_nothing_to_commit(o);
}

static void after_a_seek_to_0_every_reset_is_forward(void **state)
{
	struct offsets *o = claimed(state, 100);

	offsets_seek(o, EPOCH + 1, 0);
	assert_int_equal(reset(o, 50), KGP_VERDICT_IGNORED);
	assert_nothing_to_commit(o);
}

/* ---- seek ------------------------------------------------------------------------------------ */

static void a_seek_commits_nothing_by_itself(void **state)
{
	struct offsets *o = claimed(state, 50);

	offsets_seek(o, EPOCH + 1, 10);
	assert_int_equal(o->resume, 10);
	assert_nothing_to_commit(o);
	offsets_end(o);
	offsets_begin(o, EPOCH + 2);
	assert_int_equal(o->resume, 10);
	assert_nothing_to_commit(o);
}

static void marks_before_a_seek_are_still_committed(void **state)
{
	struct offsets *o = claimed(state, 50);

	mark(o, 60);
	offsets_seek(o, EPOCH + 1, 10);
	assert_commits(o, 61, true);
	assert_nothing_to_commit(o);
	assert_int_equal(o->resume, 10);
}

static void from_the_first_mark_after_a_seek_that_counts(void **state)
{
	struct offsets *o = claimed(state, 50);

	mark(o, 60);
	offsets_seek(o, EPOCH + 1, 10);
	assert_int_equal(offsets_mark(o, EPOCH, 70, NIL, NOT_KNOWN), KGP_VERDICT_STALE);
	assert_int_equal(mark(o, 9), KGP_VERDICT_IGNORED);
	assert_int_equal(mark(o, 10), KGP_VERDICT_ACCEPTED);
	assert_commits(o, 11, true);
}

static void a_seek_forward_skips(void **state)
{
	struct offsets *o = claimed(state, 50);

	offsets_seek(o, EPOCH + 1, 500);
	assert_int_equal(mark(o, 60), KGP_VERDICT_IGNORED);
	assert_int_equal(mark(o, 500), KGP_VERDICT_ACCEPTED);
	assert_commits(o, 501, true);
}

static void a_seek_without_a_claim_lets_nobody_mark(void **state)
{
	struct offsets *o = claimed(state, 50);

	offsets_end(o);
	offsets_seek(o, EPOCH + 1, 10);
	assert_int_equal(offsets_mark(o, EPOCH + 1, 20, NIL, NOT_KNOWN), KGP_VERDICT_STALE);
	offsets_begin(o, EPOCH + 2);
	assert_int_equal(o->resume, 10);
	assert_int_equal(mark(o, 10), KGP_VERDICT_ACCEPTED);
}

/* ---- RESUME ---------------------------------------------------------------------------------- */

static void a_resume_moves_forward_only(void **state)
{
	struct offsets *o = *state;

	offsets_load(o, 5, NIL);
	assert_int_equal(offsets_resume(o, EPOCH, 4, 5, NIL), KGP_VERDICT_IGNORED);
	assert_nothing_to_commit(o);
	assert_int_equal(offsets_resume(o, EPOCH, 9, 5, kgp_text("nine")), KGP_VERDICT_ACCEPTED);
	assert_int_equal(o->resume, 10);
	assert_bytes(offsets_get_metadata(o), kgp_text("nine"));
	assert_int_equal(offsets_resume(o, EPOCH, 9, 5, NIL), KGP_VERDICT_IGNORED);
	assert_commits(o, 10, true);
}

static void a_resume_counts_with_and_without_a_claim(void **state)
{
	struct offsets *o = claimed(state, 5);

	assert_int_equal(offsets_resume(o, EPOCH - 1, 9, 5, NIL), KGP_VERDICT_ACCEPTED);
	offsets_end(o);
	assert_int_equal(offsets_resume(o, EPOCH, 10, 5, NIL), KGP_VERDICT_ACCEPTED);
	assert_commits(o, 11, true);
}

static void a_resume_is_stale_when_kafka_has_less_than_it_names(void **state)
{
	struct offsets *o = *state;

	offsets_load(o, 5, NIL);
	assert_int_equal(offsets_resume(o, EPOCH, 9, 6, NIL), KGP_VERDICT_STALE);
	assert_int_equal(offsets_resume(o, EPOCH, 9, 5, NIL), KGP_VERDICT_ACCEPTED);
	assert_int_equal(offsets_resume(o, EPOCH, 10, 4, NIL), KGP_VERDICT_ACCEPTED);
}

static void a_resume_that_names_nothing_committed_counts(void **state)
{
	struct offsets *o = *state;

	assert_int_equal(offsets_resume(o, EPOCH, 9, -1, NIL), KGP_VERDICT_ACCEPTED);
	assert_int_equal(offsets_resume(o, EPOCH, 10, 0, NIL), KGP_VERDICT_STALE);
}

static void a_resume_from_before_a_seek_is_stale_from_after_it_counts(void **state)
{
	struct offsets *o = claimed(state, 50);

	offsets_seek(o, EPOCH + 1, 10);
	offsets_end(o);
	assert_int_equal(offsets_resume(o, EPOCH, 60, 50, NIL), KGP_VERDICT_STALE);
	assert_int_equal(offsets_resume(o, EPOCH + 1, 12, 50, NIL), KGP_VERDICT_ACCEPTED);
}

/* A reset has no epoch of its own: the mark that the RESUME names may be from before it. */
static void a_resume_of_the_epoch_of_a_reset_is_stale_of_a_later_one_counts(void **state)
{
	struct offsets *o = claimed(state, 50);

	mark(o, 60);
	reset(o, 20);
	offsets_end(o);
	assert_int_equal(offsets_resume(o, EPOCH, 60, 50, NIL), KGP_VERDICT_STALE);
	offsets_begin(o, EPOCH + 1);
	offsets_end(o);
	assert_int_equal(offsets_resume(o, EPOCH + 1, 30, 50, NIL), KGP_VERDICT_ACCEPTED);
}

static void a_resume_does_not_move_behind_the_position_past_control_records(void **state)
{
	struct offsets *o = claimed(state, 5);

	deliver(o, 9);
	mark(o, 9);
	offsets_on_position(o, 15);
	assert_int_equal(offsets_resume(o, EPOCH, 12, 5, NIL), KGP_VERDICT_IGNORED);
	assert_commits(o, 15, true);
}

/* ---- in flight ------------------------------------------------------------------------------- */

static void what_was_sent_is_in_flight_until_it_is_marked(void **state)
{
	struct offsets *o = claimed(state, 10);
	int i;

	for (i = 10; i < 20; i++)
		deliver(o, i);
	assert_int_equal(offsets_get_in_flight(o), 10);
	mark(o, 12);
	assert_int_equal(offsets_get_in_flight(o), 7);
	mark(o, 18);
	assert_int_equal(offsets_get_in_flight(o), 1);
	mark(o, 19);
	assert_int_equal(offsets_get_in_flight(o), 0);
}

static void over_gaps_it_is_shared_out_and_never_0_too_early(void **state)
{
	struct offsets *o = claimed(state, 0);

	deliver(o, 99);
	deliver(o, 199);
	deliver(o, 999);
	assert_int_equal(offsets_get_in_flight(o), 3);
	mark(o, 199);
	assert_in_range(offsets_get_in_flight(o), 1, 3);
	mark(o, 998);
	assert_int_equal(offsets_get_in_flight(o), 1);
	mark(o, 999);
	assert_int_equal(offsets_get_in_flight(o), 0);
	deliver(o, 1500);
	assert_int_equal(offsets_get_in_flight(o), 1);
}

static void a_reset_gives_nothing_back_and_a_mark_ahead_counts(void **state)
{
	struct offsets *o = claimed(state, 10);

	deliver(o, 10);
	deliver(o, 11);
	mark(o, 11);
	reset(o, 10);
	assert_int_equal(offsets_get_in_flight(o), 0);
	mark(o, 11);
	deliver(o, 12);
	deliver(o, 13);
	reset(o, 10);
	assert_int_equal(offsets_get_in_flight(o), 2);
	mark(o, 11); /* what the reset took back: held before, and let go */
	assert_int_equal(offsets_get_in_flight(o), 2);
	mark(o, 20);
	assert_int_equal(offsets_get_in_flight(o), 0);
	deliver(o, 14);
	assert_int_equal(offsets_get_in_flight(o), 0);
	deliver(o, 21);
	assert_int_equal(offsets_get_in_flight(o), 1);
}

static void what_is_void_after_a_reset_stays_so(void **state)
{
	struct offsets *o = claimed(state, 10);

	deliver(o, 10);
	deliver(o, 11);
	deliver(o, 12);
	mark(o, 12);
	reset(o, 5);
	mark(o, 8);
	assert_int_equal(offsets_get_in_flight(o), 0);
}

static void a_new_epoch_holds_nothing(void **state)
{
	struct offsets *o = claimed(state, 10);

	deliver(o, 10);
	offsets_seek(o, EPOCH + 1, 5);
	assert_int_equal(offsets_get_in_flight(o), 0);
	deliver(o, 5);
	assert_int_equal(offsets_get_in_flight(o), 1);
	offsets_end(o);
	assert_int_equal(offsets_get_in_flight(o), 0);
	offsets_begin(o, EPOCH + 2);
	assert_int_equal(offsets_get_in_flight(o), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_mark_commits_the_offset_behind_it),
		TEST(offset_0_can_be_marked),
		TEST(a_mark_at_or_below_the_highest_changes_nothing),
		TEST(a_mark_below_what_is_committed_changes_nothing),
		TEST(a_mark_needs_no_delivery_and_no_neighbour),
		TEST(a_mark_at_or_beyond_the_end_is_out_of_range),
		TEST(no_offset_is_too_low_or_too_high_to_be_answered),
		TEST(marks_and_resets_of_another_epoch_are_stale),
		TEST(without_a_claim_marks_and_resets_are_stale),
		TEST(the_next_claim_starts_behind_the_last_mark),
		TEST(a_reset_moves_backward_and_a_mark_forward_again),
		TEST(a_reset_above_what_counts_changes_nothing),
		TEST(an_equal_reset_changes_the_metadata),
		TEST(with_nothing_committed_a_reset_stays_below_the_end_of_the_log),
		TEST(with_nothing_committed_a_reset_sets_the_position_all_the_same),
		TEST(with_0_committed_every_reset_is_forward),
		TEST(after_a_seek_to_0_every_reset_is_forward),
		TEST(a_seek_commits_nothing_by_itself),
		TEST(marks_before_a_seek_are_still_committed),
		TEST(from_the_first_mark_after_a_seek_that_counts),
		TEST(a_seek_forward_skips),
		TEST(a_seek_without_a_claim_lets_nobody_mark),
		TEST(a_resume_moves_forward_only),
		TEST(a_resume_counts_with_and_without_a_claim),
		TEST(a_resume_is_stale_when_kafka_has_less_than_it_names),
		TEST(a_resume_that_names_nothing_committed_counts),
		TEST(a_resume_from_before_a_seek_is_stale_from_after_it_counts),
		TEST(a_resume_of_the_epoch_of_a_reset_is_stale_of_a_later_one_counts),
		TEST(a_resume_does_not_move_behind_the_position_past_control_records),
		TEST(what_was_sent_is_in_flight_until_it_is_marked),
		TEST(over_gaps_it_is_shared_out_and_never_0_too_early),
		TEST(a_reset_gives_nothing_back_and_a_mark_ahead_counts),
		TEST(what_is_void_after_a_reset_stays_so),
		TEST(a_new_epoch_holds_nothing),
	};

	return cmocka_run_group_tests_name("core offsets", tests, NULL, NULL);
}
