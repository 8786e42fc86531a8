/* SPDX-License-Identifier: MIT */
/* How file and openers agree on a group's settings. */
#include "daemon/core/agreement.h"
#include "proto/errors.h"

#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

static char why[256];

/* "name=value name=value": what a file or an opener gives. */
static struct kgp_settings settings(const char *text)
{
	struct kgp_settings s;
	const char *equals, *end;

	kgp_settings_init(&s);
	for (; *text; text = *end ? end + 1 : end) {
		equals = strchr(text, '=');
		end = equals + strcspn(equals, " ");
		assert_int_equal(kgp_settings_set(&s, kgp_bytes(text, (size_t)(equals - text)),
						  kgp_bytes(equals + 1, (size_t)(end - equals - 1)),
						  why, sizeof(why)),
				 0);
	}
	return s;
}

static struct agreement with_file(const char *text)
{
	struct kgp_settings file = settings(text);
	struct agreement a;

	agreement_init(&a, &file);
	return a;
}

static int join(struct agreement *a, bool first, const char *text)
{
	struct kgp_settings opener = settings(text);

	why[0] = 0;
	return agreement_join(a, first, &opener, why, sizeof(why));
}

static int64_t in_force(const struct agreement *a, enum kgp_setting setting)
{
	return a->group.value[setting];
}

static void assert_same(const struct kgp_settings *is, const struct kgp_settings *was)
{
	assert_memory_equal(is->value, was->value, sizeof(is->value));
	assert_int_equal(is->given, was->given);
}

static void without_anybody_the_defaults_are_in_force(void **state)
{
	struct agreement a = with_file("");

	assert_int_equal(in_force(&a, KGP_SETTING_STRATEGY), KGP_RANGE);
	assert_int_equal(in_force(&a, KGP_SETTING_SESSION_TIMEOUT), 30000);
	assert_int_equal(join(&a, true, ""), 0);
	assert_int_equal(in_force(&a, KGP_SETTING_SESSION_TIMEOUT), 30000);
}

static void the_first_opener_fixes_what_the_file_leaves_open(void **state)
{
	struct agreement a = with_file("commit.interval=5s");

	assert_int_equal(join(&a, true, "strategy=roundrobin commit.retries=7"), 0);
	assert_int_equal(in_force(&a, KGP_SETTING_STRATEGY), KGP_ROUNDROBIN);
	assert_int_equal(in_force(&a, KGP_SETTING_COMMIT_RETRIES), 7);
	assert_int_equal(in_force(&a, KGP_SETTING_COMMIT_INTERVAL), 5000);
}

static void the_file_wins_over_the_first_opener(void **state)
{
	struct agreement a = with_file("strategy=roundrobin");

	assert_int_equal(join(&a, true, "strategy=range"), -KGP_E_CONFLICT);
	assert_string_equal(why, "strategy is roundrobin (fixed by the daemon's file), this "
				 "consumer wants range");
	assert_int_equal(in_force(&a, KGP_SETTING_STRATEGY), KGP_ROUNDROBIN);
}

static void the_file_wins_over_later_openers_too(void **state)
{
	struct agreement a = with_file("session.timeout=10s");

	assert_int_equal(join(&a, true, ""), 0);
	assert_int_equal(join(&a, false, "session.timeout=20s"), -KGP_E_CONFLICT);
	assert_string_equal(why, "session.timeout is 10s (fixed by the daemon's file), this "
				 "consumer wants 20s");
}

static void a_conflict_names_the_key_and_both_values(void **state)
{
	struct agreement a = with_file("");

	assert_int_equal(join(&a, true, "session.timeout=45s"), 0);
	assert_int_equal(join(&a, false, "session.timeout=10500ms"), -KGP_E_CONFLICT);
	assert_string_equal(why, "session.timeout is 45s (fixed by a consumer that opened the "
				 "group before), this consumer wants 10500ms");
}

static void what_nobody_gave_is_fixed_at_its_default(void **state)
{
	struct agreement a = with_file("");

	assert_int_equal(join(&a, true, ""), 0);
	assert_int_equal(join(&a, false, "initial.offset=earliest"), -KGP_E_CONFLICT);
	assert_string_equal(why, "initial.offset is latest (the default, as nobody gave it when "
				 "the group was opened), this consumer wants earliest");
	assert_int_equal(join(&a, false, "initial.offset=latest"), 0);
}

static void equal_values_agree_and_unset_takes_the_groups(void **state)
{
	struct agreement a = with_file("strategy=roundrobin");

	assert_int_equal(join(&a, true, "session.timeout=45s strategy=roundrobin"), 0);
	assert_int_equal(join(&a, false, "session.timeout=45s"), 0);
	assert_int_equal(join(&a, false, ""), 0);
	assert_int_equal(in_force(&a, KGP_SETTING_SESSION_TIMEOUT), 45000);
	assert_int_equal(in_force(&a, KGP_SETTING_STRATEGY), KGP_ROUNDROBIN);
}

static void the_next_first_opener_is_free_of_the_last_ones_values(void **state)
{
	struct agreement a = with_file("commit.retries=7");

	assert_int_equal(join(&a, true, "session.timeout=45s"), 0);
	assert_int_equal(join(&a, true, "strategy=roundrobin"), 0);
	assert_int_equal(in_force(&a, KGP_SETTING_SESSION_TIMEOUT), 30000);
	assert_int_equal(in_force(&a, KGP_SETTING_STRATEGY), KGP_ROUNDROBIN);
	assert_int_equal(in_force(&a, KGP_SETTING_COMMIT_RETRIES), 7);
}

static void consumer_settings_are_nobody_elses(void **state)
{
	struct agreement a = with_file("");

	assert_int_equal(join(&a, true, "mode=partitions dwell.time=1s errors=yes"), 0);
	assert_int_equal(join(&a, false, "mode=multiplexed dwell.time=2s notifications=yes"), 0);
	assert_int_equal(in_force(&a, KGP_SETTING_MODE), KGP_MULTIPLEXED);
	assert_int_equal(in_force(&a, KGP_SETTING_DWELL_TIME), 5000);
	assert_int_equal(a.group.given, 0);
}

static void user_data_is_copied_and_agreed_on(void **state)
{
	char frame[] = "user.data=rack=7";
	struct kgp_settings opener = settings(frame), got;
	struct agreement a = with_file("");

	assert_string_equal(a.user_data, "");
	assert_int_equal(agreement_join(&a, true, &opener, why, sizeof(why)), 0);
	memset(frame, 'x', sizeof(frame)); /* the frame is gone, and its text */
	assert_string_equal(a.user_data, "rack=7");
	assert_null(a.group.text[KGP_SETTING_USER_DATA].data);
	got = agreement_get(&a);
	assert_true(kgp_bytes_equal(got.text[KGP_SETTING_USER_DATA], kgp_text("rack=7")));
	assert_int_equal(got.value[KGP_SETTING_USER_DATA], 6);
	assert_int_equal(join(&a, false, "user.data=rack=7"), 0);
	assert_int_equal(join(&a, false, "strategy=range"), 0);
	assert_string_equal(a.user_data, "rack=7");
	assert_int_equal(join(&a, false, "user.data=rack=8"), -KGP_E_CONFLICT);
	assert_string_equal(why, "user.data is 'rack=7' (fixed by a consumer that opened the group "
				 "before), this consumer wants 'rack=8'");
	assert_int_equal(join(&a, false, "user.data="), -KGP_E_CONFLICT);
	assert_int_equal(join(&a, true, ""), 0);
	assert_string_equal(a.user_data, "");
}

static void user_data_of_the_file_wins(void **state)
{
	struct agreement a = with_file("user.data=dc1");

	assert_string_equal(a.user_data, "dc1");
	assert_int_equal(join(&a, true, "user.data=dc2"), -KGP_E_CONFLICT);
	assert_int_equal(join(&a, true, "user.data=dc1"), 0);
	assert_int_equal(join(&a, true, ""), 0);
	assert_string_equal(a.user_data, "dc1");
	a = with_file("user.data="); /* none, and nobody may say any */
	assert_int_equal(join(&a, true, "user.data=dc2"), -KGP_E_CONFLICT);
	assert_string_equal(why, "user.data is '' (fixed by the daemon's file), this consumer "
				 "wants 'dc2'");
}

static void the_longest_user_data_fits(void **state)
{
	char text[sizeof("user.data=") + USER_DATA_MAX_BYTES] = "user.data=";
	struct agreement a = with_file("");

	memset(text + strlen(text), 'x', USER_DATA_MAX_BYTES);
	assert_int_equal(join(&a, true, text), 0);
	assert_int_equal(strlen(a.user_data), USER_DATA_MAX_BYTES);
	assert_int_equal(kgp_setting_info(KGP_SETTING_USER_DATA)->max, USER_DATA_MAX_BYTES);
}

static void the_heartbeat_rule_holds_across_file_and_opener(void **state)
{
	struct agreement a = with_file("session.timeout=12s");

	assert_int_equal(join(&a, true, "heartbeat.interval=4001ms"), -KGP_E_SETTING);
	assert_non_null(strstr(why, "heartbeat.interval is 4001ms"));
	assert_non_null(strstr(why, "12000ms"));
	assert_int_equal(in_force(&a, KGP_SETTING_HEARTBEAT_INTERVAL), 3000);
	assert_int_equal(join(&a, true, "heartbeat.interval=4s"), 0);
	a = with_file("heartbeat.interval=4s");
	assert_int_equal(join(&a, true, "session.timeout=11999ms"), -KGP_E_SETTING);
	assert_int_equal(join(&a, true, "session.timeout=12s"), 0);
}

static void nothing_changes_on_an_error(void **state)
{
	struct agreement a = with_file("session.timeout=12s"), before;

	assert_int_equal(join(&a, true, "commit.retries=7"), 0);
	before = a;
	assert_int_equal(join(&a, false, "commit.retries=7 strategy=roundrobin"), -KGP_E_CONFLICT);
	assert_same(&a.group, &before.group);
	assert_int_equal(join(&a, true, "strategy=roundrobin heartbeat.interval=5s"),
			 -KGP_E_SETTING);
	assert_same(&a.group, &before.group);
}

static void every_group_setting_can_conflict_and_no_consumer_setting_can(void **state)
{
	struct agreement a = with_file(""), b;
	const struct kgp_setting_info *info;
	struct kgp_settings opener;
	int i;

	for (i = 0; i < KGP_N_SETTINGS; i++) {
		info = kgp_setting_info((enum kgp_setting)i);
		b = a;
		kgp_settings_init(&opener);
		opener.value[i] = info->def == info->max ? info->min : info->max;
		opener.given = 1u << i;
		why[0] = 0;
		if (info->level == KGP_SETTING_CONSUMER) {
			assert_int_equal(agreement_join(&b, false, &opener, why, sizeof(why)), 0);
			continue;
		}
		assert_int_equal(agreement_join(&b, false, &opener, why, sizeof(why)),
				 -KGP_E_CONFLICT);
		assert_int_equal(strncmp(why, info->name, strlen(info->name)), 0);
	}
}

static void a_short_buffer_cuts_the_text_only(void **state)
{
	struct kgp_settings opener = settings("strategy=range");
	struct agreement a = with_file("strategy=roundrobin");
	char text[12];

	assert_int_equal(agreement_join(&a, true, &opener, text, sizeof(text)), -KGP_E_CONFLICT);
	assert_string_equal(text, "strategy is");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_anybody_the_defaults_are_in_force),
		cmocka_unit_test(the_first_opener_fixes_what_the_file_leaves_open),
		cmocka_unit_test(the_file_wins_over_the_first_opener),
		cmocka_unit_test(the_file_wins_over_later_openers_too),
		cmocka_unit_test(a_conflict_names_the_key_and_both_values),
		cmocka_unit_test(what_nobody_gave_is_fixed_at_its_default),
		cmocka_unit_test(equal_values_agree_and_unset_takes_the_groups),
		cmocka_unit_test(the_next_first_opener_is_free_of_the_last_ones_values),
		cmocka_unit_test(consumer_settings_are_nobody_elses),
		cmocka_unit_test(user_data_is_copied_and_agreed_on),
		cmocka_unit_test(user_data_of_the_file_wins),
		cmocka_unit_test(the_longest_user_data_fits),
		cmocka_unit_test(the_heartbeat_rule_holds_across_file_and_opener),
		cmocka_unit_test(nothing_changes_on_an_error),
		cmocka_unit_test(every_group_setting_can_conflict_and_no_consumer_setting_can),
		cmocka_unit_test(a_short_buffer_cuts_the_text_only),
	};

	return cmocka_run_group_tests_name("core agreement", tests, NULL, NULL);
}
