/* SPDX-License-Identifier: MIT */
/* Error codes of the tool: one number, one meaning, the library's among them. */
#include "client-lib/c/include/kgroup.h"
#include "client-lib/ctl/trouble.h"
#include "proto/errors.h"

#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void the_librarys_numbers_are_the_tools(void **state)
{
	assert_int_equal(TROUBLE_ARGUMENT, -KG_ERR_ARGUMENT);
	assert_int_equal(TROUBLE_UNREACHABLE, -KG_ERR_UNREACHABLE);
	assert_int_equal(TROUBLE_PROTOCOL, -KG_ERR_PROTOCOL);
	assert_int_equal(TROUBLE_MEMORY, -KG_ERR_MEMORY);
	assert_int_equal(TROUBLE_CLOSED, -KG_ERR_CLOSED);
	assert_int_equal(TROUBLE_FORKED, -KG_ERR_FORKED);
	assert_int_equal(TROUBLE_DISCONNECTED, -KG_ERR_DISCONNECTED);
}

static void every_code_is_listed_once_and_explained(void **state)
{
	unsigned code, last = 0, n = 0;

	for (code = trouble_next(0); code; code = trouble_next(code)) {
		assert_true(code > last);
		assert_true(trouble_is_known(code));
		assert_true(strlen(trouble_text(code)) > 10);
		assert_true(strlen(trouble_hint(code)) > 10);
		assert_in_range(trouble_exit_code(code), 1, 255);
		last = code;
		n++;
	}
	assert_true(n > 40);
	assert_false(trouble_is_known(0) || trouble_is_known(99) || trouble_is_known(9999));
}

static void exit_codes_say_what_to_do(void **state)
{
	assert_int_equal(trouble_exit_code(TROUBLE_USAGE), 64);
	assert_int_equal(trouble_exit_code(TROUBLE_UNREACHABLE), 69);
	assert_int_equal(trouble_exit_code(TROUBLE_PROTOCOL), 70);
	assert_int_equal(trouble_exit_code(TROUBLE_OUTPUT), 74);
	assert_int_equal(trouble_exit_code(KGP_E_TIMEOUT), 75);
	assert_int_equal(trouble_exit_code(TROUBLE_ACCESS), 77);
	assert_int_equal(trouble_exit_code(KGP_E_DENIED), 77);
	assert_int_equal(trouble_exit_code(TROUBLE_NO_SUCH), 1);
	assert_int_equal(trouble_exit_code(9999), 69);
}

static void what_is_said_replaces_the_tables_words(void **state)
{
	struct trouble t;

	trouble_set(&t, KGP_E_DENIED, "no %s for you", "orders");
	assert_string_equal(t.what, "no orders for you");
	assert_string_equal(t.why, kgp_error_text(KGP_E_DENIED));
	trouble_set_why(&t, "because %d", 7);
	trouble_set_how(&t, "%s", "ask");
	assert_string_equal(t.why, "because 7");
	assert_string_equal(t.how, "ask");
}

static void an_error_is_what_why_how_and_code(void **state)
{
	char text[1024] = "";
	struct trouble t;
	int keep = dup(STDERR_FILENO), pipe_fds[2], exit_code;

	trouble_set(&t, TROUBLE_ACCESS, "no");
	trouble_set_why(&t, "line 1\nline 2");
	trouble_set_how(&t, "usermod");
	assert_int_equal(pipe(pipe_fds), 0);
	dup2(pipe_fds[1], STDERR_FILENO);
	exit_code = trouble_print(&t);
	fflush(stderr);
	dup2(keep, STDERR_FILENO);
	assert_true(read(pipe_fds[0], text, sizeof(text) - 1) > 0);
	assert_int_equal(exit_code, 77);
	assert_string_equal(text, "kgroupctl: no\n"
				  "  why:  line 1\n"
				  "        line 2\n"
				  "  mend: usermod\n"
				  "  code: KG-0120 (kgroupctl explain KG-0120)\n");
	close(keep);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_librarys_numbers_are_the_tools),
		cmocka_unit_test(every_code_is_listed_once_and_explained),
		cmocka_unit_test(exit_codes_say_what_to_do),
		cmocka_unit_test(what_is_said_replaces_the_tables_words),
		cmocka_unit_test(an_error_is_what_why_how_and_code),
	};

	return cmocka_run_group_tests_name("ctl_trouble", tests, NULL, NULL);
}
