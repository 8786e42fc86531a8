/* SPDX-License-Identifier: MIT */
/* Error codes and verdicts: each has its texts, and a number from the future has some too. */
#include "proto/errors.h"

#include "tests/unit/cmocka_all.h"

#include <stdbool.h>
#include <string.h>

static const struct {
	unsigned number;
	const char *name;
} codes[] = {
#define KGP_ERROR(NAME, number, name, text, hint) {KGP_E_##NAME, name},
#include "proto/errors.def"
#undef KGP_ERROR
};

enum { N_CODES = sizeof(codes) / sizeof(*codes) };

static void every_code_says_what_it_is_and_how_to_mend_it(void **state)
{
	size_t i;

	for (i = 0; i < N_CODES; i++) {
		assert_string_equal(kgp_error_name(codes[i].number), codes[i].name);
		assert_true(strlen(kgp_error_text(codes[i].number)) > 10);
		assert_true(strlen(kgp_error_hint(codes[i].number)) > 10);
	}
}

static void no_two_codes_share_a_number_or_a_name(void **state)
{
	size_t i, j;

	for (i = 0; i < N_CODES; i++)
		for (j = 0; j < i; j++) {
			assert_int_not_equal(codes[i].number, codes[j].number);
			assert_string_not_equal(codes[i].name, codes[j].name);
		}
}

static void zero_is_ok(void **state)
{
	assert_string_equal(kgp_error_name(0), "ok");
	assert_string_equal(kgp_error_text(KGP_E_OK), "done");
	assert_string_equal(kgp_error_hint(KGP_E_OK), "");
}

static void a_code_from_the_future_has_a_text(void **state)
{
	assert_string_equal(kgp_error_name(9999), "unknown error");
	assert_non_null(strstr(kgp_error_text(~0u), "newer"));
	assert_non_null(strstr(kgp_error_hint(9999), "update"));
}

static void verdicts_have_names(void **state)
{
	assert_string_equal(kgp_verdict_name(KGP_VERDICT_ACCEPTED), "accepted");
	assert_string_equal(kgp_verdict_name(KGP_VERDICT_IGNORED), "ignored");
	assert_string_equal(kgp_verdict_name(KGP_VERDICT_STALE), "stale");
	assert_string_equal(kgp_verdict_name(KGP_VERDICT_NOT_OWNED), "not owned");
	assert_string_equal(kgp_verdict_name(KGP_VERDICT_OUT_OF_RANGE), "out of range");
	assert_string_equal(kgp_verdict_name(99), "unknown verdict");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_says_what_it_is_and_how_to_mend_it),
		cmocka_unit_test(no_two_codes_share_a_number_or_a_name),
		cmocka_unit_test(zero_is_ok),
		cmocka_unit_test(a_code_from_the_future_has_a_text),
		cmocka_unit_test(verdicts_have_names),
	};

	return cmocka_run_group_tests_name("proto_errors", tests, NULL, NULL);
}
