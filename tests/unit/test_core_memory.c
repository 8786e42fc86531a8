/* SPDX-License-Identifier: MIT */
/*
 * The core without memory: an error, and nothing has changed. Linked with --wrap, so that the test
 * decides which allocation of the core fails.
 */
#include "daemon/core/filter.h"
#include "daemon/core/offsets.h"
#include "daemon/core/quota.h"

#include "tests/unit/cmocka_all.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>

enum { EPOCH = 1 };

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

static bool no_memory;
static unsigned n_refused;

void *__wrap_malloc(size_t size)
{
	n_refused += no_memory;
	return no_memory ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	n_refused += no_memory;
	return no_memory ? NULL : __real_calloc(n, size);
}

/* What PCRE2 cannot get: it says so by an error, or by NULL. */
static const char *refused;

pcre2_code *__real_pcre2_compile_8(PCRE2_SPTR text, PCRE2_SIZE size, uint32_t options, int *error,
				   PCRE2_SIZE *at, pcre2_compile_context *context);
pcre2_code *__wrap_pcre2_compile_8(PCRE2_SPTR text, PCRE2_SIZE size, uint32_t options, int *error,
				   PCRE2_SIZE *at, pcre2_compile_context *context);
pcre2_match_data *__real_pcre2_match_data_create_8(uint32_t n, pcre2_general_context *context);
pcre2_match_data *__wrap_pcre2_match_data_create_8(uint32_t n, pcre2_general_context *context);
pcre2_match_context *__real_pcre2_match_context_create_8(pcre2_general_context *context);
pcre2_match_context *__wrap_pcre2_match_context_create_8(pcre2_general_context *context);

pcre2_code *__wrap_pcre2_compile_8(PCRE2_SPTR text, PCRE2_SIZE size, uint32_t options, int *error,
				   PCRE2_SIZE *at, pcre2_compile_context *context)
{
	if (!refused || strcmp(refused, (const char *)text) != 0)
		return __real_pcre2_compile_8(text, size, options, error, at, context);
	*error = PCRE2_ERROR_HEAP_FAILED;
	return NULL;
}

pcre2_match_data *__wrap_pcre2_match_data_create_8(uint32_t n, pcre2_general_context *context)
{
	return refused && !strcmp(refused, "data") ? NULL
						   : __real_pcre2_match_data_create_8(n, context);
}

pcre2_match_context *__wrap_pcre2_match_context_create_8(pcre2_general_context *context)
{
	return refused && !strcmp(refused, "context")
		       ? NULL
		       : __real_pcre2_match_context_create_8(context);
}

static void starve(void)
{
	no_memory = true;
	n_refused = 0;
}

/* The one allocation of the call in between was refused. */
static void feed(void)
{
	no_memory = false;
	assert_int_equal(n_refused, 1);
}

static void assert_same(const struct offsets *is, const struct offsets *was)
{
	assert_int_equal(is->mark, was->mark);
	assert_int_equal(is->value, was->value);
	assert_int_equal(is->resume, was->resume);
	assert_int_equal(is->pending, was->pending);
	assert_int_equal(is->committing, was->committing);
	assert_int_equal(is->committed, was->committed);
	assert_int_equal(is->barrier, was->barrier);
	assert_int_equal(is->was_reset, was->was_reset);
	assert_int_equal(is->committing_stale, was->committing_stale);
	assert_ptr_equal(is->metadata, was->metadata);
	assert_ptr_equal(is->committed_metadata, was->committed_metadata);
	assert_ptr_equal(is->replaced_metadata, was->replaced_metadata);
}

static void offsets_are_not_loaded(void **state)
{
	struct offsets o, before;
	int r;

	offsets_init(&o);
	before = o;
	starve();
	r = offsets_load(&o, 5, kgp_text("five"));
	feed();
	assert_int_equal(r, -ENOMEM);
	assert_same(&o, &before);
	assert_int_equal(offsets_load(&o, 5, kgp_text("five")), 0);
	offsets_deinit(&o);
}

static void a_mark_a_reset_and_a_resume_are_not_accepted(void **state)
{
	struct offsets o, before;
	int r[3], i;

	offsets_init(&o);
	offsets_load(&o, 5, kgp_text("five"));
	offsets_begin(&o, EPOCH);
	offsets_mark(&o, EPOCH, 6, kgp_text("six"), INT64_MAX);
	before = o;
	for (i = 0; i < 3; i++) {
		starve();
		if (i == 0)
			r[i] = offsets_mark(&o, EPOCH, 7, kgp_text("seven"), INT64_MAX);
		else if (i == 1)
			r[i] = offsets_reset(&o, EPOCH, 2, kgp_text("two"), INT64_MAX);
		else
			r[i] = offsets_resume(&o, EPOCH, 9, 5, kgp_text("nine"));
		feed();
		assert_int_equal(r[i], -ENOMEM);
		assert_same(&o, &before);
		assert_string_equal(o.metadata, "six");
	}
	assert_int_equal(offsets_mark(&o, EPOCH, 7, kgp_text(NULL), INT64_MAX),
			 KGP_VERDICT_ACCEPTED);
	offsets_deinit(&o);
}

static void what_is_marked_without_metadata_needs_no_memory(void **state)
{
	struct offsets o;

	offsets_init(&o);
	starve();
	assert_int_equal(offsets_load(&o, 5, kgp_text(NULL)), 0);
	offsets_begin(&o, EPOCH);
	assert_int_equal(offsets_mark(&o, EPOCH, 7, kgp_text(NULL), INT64_MAX),
			 KGP_VERDICT_ACCEPTED);
	assert_true(offsets_commit_begin(&o));
	offsets_commit_end(&o, true);
	no_memory = false;
	assert_int_equal(n_refused, 0);
	offsets_deinit(&o);
}

static void a_commit_waits_for_memory(void **state)
{
	struct offsets o, before;
	bool begun;

	offsets_init(&o);
	offsets_load(&o, 5, kgp_text("five"));
	offsets_begin(&o, EPOCH);
	offsets_mark(&o, EPOCH, 6, kgp_text("six"), INT64_MAX);
	before = o;
	starve();
	begun = offsets_commit_begin(&o);
	feed();
	assert_false(begun);
	assert_same(&o, &before);
	assert_false(offsets_is_clean(&o));
	assert_true(offsets_commit_begin(&o));
	assert_int_equal(o.committing, 7);
	offsets_deinit(&o);
}

static void a_new_user_is_not_charged(void **state)
{
	struct quota_charge charge = {0};
	struct quota q;
	int r;

	quota_init(&q);
	q.limit[QUOTA_CONNECTIONS] = q.limit_per_user[QUOTA_CONNECTIONS] = 9;
	starve();
	r = quota_charge(&charge, &q, 1000, QUOTA_CONNECTIONS, 1);
	feed();
	assert_int_equal(r, -ENOMEM);
	assert_null(charge.user);
	assert_true(LIST_EMPTY(&q.users));
	assert_int_equal(q.used[QUOTA_CONNECTIONS], 0);
	quota_release(&charge);
	quota_deinit(&q);
}

static void a_new_user_opens_no_charge(void **state)
{
	struct quota_charge charge = {0};
	struct quota q;
	int r;

	quota_init(&q);
	starve();
	r = quota_open(&charge, &q, 1000, QUOTA_BUFFERS);
	feed();
	assert_int_equal(r, -ENOMEM);
	assert_null(charge.user);
	quota_deinit(&q);
}

static void a_known_user_needs_no_memory(void **state)
{
	struct quota_charge charges[2] = {{0}};
	struct quota q;

	quota_init(&q);
	q.limit[QUOTA_CONNECTIONS] = q.limit_per_user[QUOTA_CONNECTIONS] = 9;
	assert_int_equal(quota_charge(&charges[0], &q, 1000, QUOTA_CONNECTIONS, 1), 0);
	starve();
	assert_int_equal(quota_charge(&charges[1], &q, 1000, QUOTA_CONNECTIONS, 1), 0);
	no_memory = false;
	quota_release(&charges[0]);
	quota_release(&charges[1]);
	quota_deinit(&q);
}

static void a_filter_is_not_made(void **state)
{
	static const char *const all[] = {"include", "exclude", "data", "context"};
	struct filter *f = NULL;
	char why[64] = "";
	size_t i;
	int r;

	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		refused = all[i];
		r = filter_new(&f, kgp_text("include"), kgp_text("exclude"), why, sizeof(why));
		assert_int_equal(r, -ENOMEM);
		assert_null(f);
		assert_string_equal(why, "");
	}
	refused = NULL;
	starve();
	r = filter_new(&f, kgp_text("include"), kgp_text(NULL), why, sizeof(why));
	feed();
	assert_int_equal(r, -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offsets_are_not_loaded),
		cmocka_unit_test(a_mark_a_reset_and_a_resume_are_not_accepted),
		cmocka_unit_test(what_is_marked_without_metadata_needs_no_memory),
		cmocka_unit_test(a_commit_waits_for_memory),
		cmocka_unit_test(a_new_user_is_not_charged),
		cmocka_unit_test(a_new_user_opens_no_charge),
		cmocka_unit_test(a_known_user_needs_no_memory),
		cmocka_unit_test(a_filter_is_not_made),
	};

	return cmocka_run_group_tests_name("core memory", tests, NULL, NULL);
}
