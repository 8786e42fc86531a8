/* SPDX-License-Identifier: MIT */
/* A partition under a claim, and what tests of its offsets say again and again. */
#ifndef UNIT_TEST_CORE_OFFSETS_FIXTURE_H
#define UNIT_TEST_CORE_OFFSETS_FIXTURE_H

#include "daemon/core/offsets.h"

#include "tests/unit/cmocka_all.h"

#define NIL	  kgp_text(NULL)
#define NOT_KNOWN INT64_MAX

enum { EPOCH = 1000 };

static inline int setup(void **state)
{
	static struct offsets o;

	offsets_init(&o);
	*state = &o;
	return 0;
}

static inline int teardown(void **state)
{
	offsets_deinit(*state);
	return 0;
}

/* A claim on a partition where Kafka has this committed; -1: nothing, it starts at 0. */
static inline struct offsets *claimed(void **state, int64_t committed)
{
	struct offsets *o = *state;

	assert_int_equal(offsets_load(o, committed, NIL), 0);
	if (committed < 0)
		o->resume = 0;
	offsets_begin(o, EPOCH);
	return o;
}

static inline int mark(struct offsets *o, int64_t offset)
{
	return offsets_mark(o, o->epoch, offset, NIL, NOT_KNOWN);
}

static inline int reset(struct offsets *o, int64_t offset)
{
	return offsets_reset(o, o->epoch, offset, NIL, INT64_MAX);
}

static inline void deliver(struct offsets *o, int64_t offset)
{
	offsets_on_popped(o, offset);
	offsets_on_sent(o, offset);
}

static inline void assert_commits(struct offsets *o, int64_t value, bool ok)
{
	assert_true(offsets_commit_begin(o));
	assert_int_equal(o->committing, value);
	offsets_commit_end(o, ok);
}

static inline void assert_nothing_to_commit(struct offsets *o)
{
	assert_false(offsets_commit_begin(o));
	assert_true(offsets_is_clean(o));
}

static inline void assert_bytes(struct kgp_bytes is, struct kgp_bytes want)
{
	assert_true(!is.data == !want.data);
	assert_int_equal(is.size, want.size);
	if (is.size)
		assert_memory_equal(is.data, want.data, is.size);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
