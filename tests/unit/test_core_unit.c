/* SPDX-License-Identifier: MIT */
/* Units by the path of a cgroup. */
#include "daemon/core/unit.h"

#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

static void expect(const char *text, const char *system, const char *user)
{
	struct unit unit;

	memset(&unit, 'x', sizeof(unit));
	unit_parse(&unit, text);
	assert_string_equal(unit.system, system);
	assert_string_equal(unit.user, user);
}

static void a_service_is_named_whatever_is_below_it(void **state)
{
	expect("0::/system.slice/billing@1.service\n", "billing@1.service", "");
	expect("0::/system.slice/billing@1.service", "billing@1.service", "");
	expect("0::/system.slice/system-billing.slice/billing@1.service/a/b.service\n",
	       "billing@1.service", "");
	expect("0::/init.scope\n", "init.scope", "");
}

static void the_line_of_version_2_is_read_among_others(void **state)
{
	expect("9:name=systemd:/system.slice/a.service\n0::/system.slice/b.service\n", "b.service",
	       "");
	expect("12:pids:/x\n10::/system.slice/a.service\n", "", "");
	expect("9:name=systemd:/0::/system.slice/a.service\n", "", "");
	expect("", "", "");
}

static void a_user_has_units_of_its_own(void **state)
{
	expect("0::/user.slice/user-7.slice/user@7.service/app.slice/app-x.slice/web.service\n",
	       "user@7.service", "web.service");
	expect("0::/user.slice/user-7.slice/session-3.scope\n", "session-3.scope", "");
	expect("0::/user.slice/user-7.slice/user@7.service\n", "user@7.service", "");
}

/* Whoever may make cgroups below a unit gives them any name. */
static void a_unit_cannot_pass_for_another(void **state)
{
	expect("0::/system.slice/evil.service/system.slice/billing@1.service\n", "evil.service",
	       "");
	expect("0::/user.slice/user-7.slice/user@7.service/billing@1.service\n", "user@7.service",
	       "billing@1.service");
	expect("0::/not-a-unit/billing@1.service\n", "", "");
	expect("0::/../../system.slice/billing@1.service\n", "", "");
	expect("0::/.slice/billing@1.service\n", "", "");
}

static void what_is_no_unit_has_no_name(void **state)
{
	expect("0::/\n", "", "");
	expect("0::\n", "", "");
	expect("0::/system.slice\n", "", "");
	expect("0::/system.slice/\n", "", "");
	expect("0::/system.slice/a.service (deleted)\n", "", "");
	expect("0::/system.slice/.service\n", "", "");
	expect("0::/system.slice/a.target\n", "", "");
	expect("0::/docker/4ac1\n", "", "");
	expect("0::/_\n", "", "");
}

static void names_that_the_kernel_has_for_itself_are_unescaped(void **state)
{
	expect("0::/system.slice/_cgroup.service\n", "cgroup.service", "");
	expect("0::/system.slice/__x.service\n", "_x.service", "");
}

static void a_name_is_as_long_as_units_may_be(void **state)
{
	char name[UNIT_BYTES + 1], text[UNIT_BYTES + 32];

	memset(name, 'a', sizeof(name));
	strcpy(name + UNIT_BYTES - 1 - 8, ".service");
	snprintf(text, sizeof(text), "0::/system.slice/%s\n", name);
	expect(text, name, "");
	snprintf(text, sizeof(text), "0::/system.slice/a%s\n", name);
	expect(text, "", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_is_named_whatever_is_below_it),
		cmocka_unit_test(the_line_of_version_2_is_read_among_others),
		cmocka_unit_test(a_user_has_units_of_its_own),
		cmocka_unit_test(a_unit_cannot_pass_for_another),
		cmocka_unit_test(what_is_no_unit_has_no_name),
		cmocka_unit_test(names_that_the_kernel_has_for_itself_are_unescaped),
		cmocka_unit_test(a_name_is_as_long_as_units_may_be),
	};

	return cmocka_run_group_tests_name("core unit", tests, NULL, NULL);
}
