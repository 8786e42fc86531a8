/* SPDX-License-Identifier: MIT */
/* Programs that the demo starts: heard, ended, and explained when they end by themselves. */
#include "client-lib/ctl/child.h"

#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

enum { WAIT_MS = 5000 };

static void start(struct child *c, const char *script)
{
	const char *argv[] = {"/bin/sh", "-c", script, NULL};
	const char *environment[] = {"CHILD_TEST=seen", NULL};
	struct trouble t;

	*c = (struct child){.name = "sh"};
	assert_int_equal(child_start(c, argv, environment, &t), 0);
	assert_true(c->pid > 0);
}

/* Looks until it has ended or said a line that begins so. */
static int look(struct child *c, const char *prefix, struct trouble *t)
{
	for (;;) {
		struct pollfd p = {.fd = c->fd, .events = POLLIN};

		assert_true(poll(&p, 1, WAIT_MS) > 0);
		int r = child_look(c, t);

		if (r < 0 || child_find_line(c, prefix))
			return r;
	}
}

static void its_lines_are_heard_from_both_streams(void **state)
{
	struct trouble t;
	struct child c;

	start(&c, "echo \"bootstrap $CHILD_TEST\"; echo error >&2; exec sleep 60");
	assert_int_equal(look(&c, "error", &t), 0);
	assert_string_equal(child_find_line(&c, "bootstrap "), "bootstrap seen");
	assert_null(child_find_line(&c, "other"));
	child_stop(&c, WAIT_MS);
	assert_int_equal(c.pid, 0);
}

static void an_end_by_itself_is_explained_with_its_last_words(void **state)
{
	struct trouble t;
	struct child c;

	start(&c, "for i in 1 2 3 4 5 6 7 8 9 10; do echo line $i; done; printf half; exit 78");
	assert_int_equal(look(&c, "never", &t), -ECHILD);
	assert_non_null(strstr(t.what, "sh ended by itself with exit code 78"));
	assert_null(strstr(t.why, "line 3\n"));
	assert_non_null(strstr(t.why, "line 4\n"));
	assert_non_null(strstr(t.why, "line 10\nhalf"));
	assert_int_equal(t.exit_code, EX_UNAVAILABLE);
	assert_int_equal(c.pid, 0);
	assert_int_equal(child_look(&c, &t), 0); /* told once */
}

static void a_program_that_is_not_there_is_explained(void **state)
{
	const char *argv[] = {"/nonexistent/kgroupd", NULL}, *environment[] = {NULL};
	struct child c = {.name = "kgroupd"};
	struct trouble t;

	assert_int_equal(child_start(&c, argv, environment, &t), 0);
	assert_int_equal(look(&c, "never", &t), -ECHILD);
	assert_non_null(strstr(t.why, "No such file"));
}

static void a_signal_is_named(void **state)
{
	struct trouble t;
	struct child c;

	start(&c, "kill -9 $$");
	assert_int_equal(look(&c, "never", &t), -ECHILD);
	assert_non_null(strstr(t.what, "signal 9"));
}

static void one_that_does_not_want_to_end_is_killed(void **state)
{
	struct trouble t;
	struct child c;

	start(&c, "trap '' TERM; echo ready; exec sleep 60");
	assert_int_equal(look(&c, "ready", &t), 0);
	child_stop(&c, 50);
	assert_int_equal(c.pid, 0);
	assert_int_equal(WTERMSIG(c.status), SIGKILL);
}

static void a_line_that_is_too_long_is_cut(void **state)
{
	struct trouble t;
	struct child c;

	start(&c, "printf 'x%01000d\\n' 0; echo end; exec sleep 60");
	assert_int_equal(look(&c, "end", &t), 0);
	assert_int_equal(strlen(child_find_line(&c, "x0")), CHILD_LINE_BYTES - 1);
	child_stop(&c, WAIT_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_lines_are_heard_from_both_streams),
		cmocka_unit_test(an_end_by_itself_is_explained_with_its_last_words),
		cmocka_unit_test(a_program_that_is_not_there_is_explained),
		cmocka_unit_test(a_signal_is_named),
		cmocka_unit_test(one_that_does_not_want_to_end_is_killed),
		cmocka_unit_test(a_line_that_is_too_long_is_cut),
	};

	return cmocka_run_group_tests_name("ctl_child", tests, NULL, NULL);
}
