/* SPDX-License-Identifier: MIT */
/* Settings: names, units, ranges, the wording of a refusal, the way over the wire. */
#include "proto/settings.h"

#include "tests/unit/cmocka_all.h"
#include "tests/unit/exact.h"

#include <stdio.h>

static struct kgp_settings s;
static char why[256];

static int setup(void **state)
{
	kgp_settings_init(&s);
	why[0] = 0;
	return 0;
}

static int set(const char *name, const char *text)
{
	return kgp_settings_set(&s, kgp_text(name), kgp_text(text), why, sizeof(why));
}

static void assert_set(enum kgp_setting setting, const char *text, int64_t want)
{
	assert_int_equal(set(kgp_setting_info(setting)->name, text), 0);
	assert_true(s.value[setting] == want);
	assert_true(s.given & 1u << setting);
}

static void assert_refused(const char *name, const char *text, const char *want)
{
	struct kgp_settings before = s;

	assert_int_equal(set(name, text), -KGP_E_SETTING);
	assert_string_equal(why, want);
	assert_memory_equal(&before, &s, sizeof(s));
}

static void the_defaults_are_the_table_s_and_nothing_is_given(void **state)
{
	int i;

	assert_int_equal(s.given, 0);
	for (i = 0; i < KGP_N_SETTINGS; i++)
		assert_true(s.value[i] == kgp_setting_info((enum kgp_setting)i)->def);
	assert_true(s.value[KGP_SETTING_SESSION_TIMEOUT] == 30000);
	assert_int_equal(kgp_settings_check(&s, why, sizeof(why)), 0);
}

static void the_table_s_defaults_are_within_their_ranges(void **state)
{
	const struct kgp_setting_info *info;
	int i;

	for (i = 0; i < KGP_N_SETTINGS; i++) {
		info = kgp_setting_info((enum kgp_setting)i);
		assert_true(info->kind == KGP_SETTING_TEXT || info->min <= info->def);
		assert_true(info->def <= info->max);
		assert_true(info->min >= 0); /* -1 stands for "cannot be read" */
		assert_int_equal(info->kind == KGP_SETTING_CHOICE, info->choices[0] != 0);
	}
}

static void a_setting_is_found_by_its_whole_name(void **state)
{
	assert_int_equal(kgp_setting_find(kgp_text("strategy")), KGP_SETTING_STRATEGY);
	assert_int_equal(kgp_setting_find(kgp_text("notifications")), KGP_SETTING_NOTIFICATIONS);
	assert_int_equal(kgp_setting_find(kgp_bytes("modest", 4)), KGP_SETTING_MODE);
	assert_int_equal(kgp_setting_find(kgp_text("mod")), -1);
	assert_int_equal(kgp_setting_find(kgp_text("")), -1);
	assert_int_equal(kgp_setting_find(kgp_text("Mode")), -1);
}

static void durations_take_units(void **state)
{
	assert_set(KGP_SETTING_SESSION_TIMEOUT, "250", 250);
	assert_set(KGP_SETTING_SESSION_TIMEOUT, "250ms", 250);
	assert_set(KGP_SETTING_SESSION_TIMEOUT, "30s", 30000);
	assert_set(KGP_SETTING_SESSION_TIMEOUT, "5m", 300000);
	assert_set(KGP_SETTING_COMMIT_INTERVAL, "1h", 3600000);
	assert_set(KGP_SETTING_SESSION_TIMEOUT, "1", 1);
	assert_set(KGP_SETTING_SESSION_TIMEOUT, "1800000", 1800000);
}

static void a_duration_that_cannot_be_read_is_refused(void **state)
{
	static const char *const bad[] = {"",
					  "-1s",
					  "+1s",
					  " 1s",
					  "1 s",
					  "1d",
					  "s",
					  "1.5s",
					  "1e3",
					  "0",
					  "31m",
					  "1ss",
					  "99999999999999999999",
					  "9223372036854775807h",
					  "99999999999999999999999999999999"};
	char want[128];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(want, sizeof(want), "session.timeout is '%s', must be from 1ms to 1800s",
			 bad[i]);
		assert_refused("session.timeout", bad[i], want);
	}
}

static void a_nul_hides_nothing(void **state)
{
	assert_int_equal(kgp_settings_set(&s, kgp_text("session.timeout"), kgp_bytes("5s\0x", 4),
					  why, sizeof(why)),
			 -KGP_E_SETTING);
	assert_int_equal(
		kgp_settings_set(&s, kgp_text("errors"), kgp_bytes("yes\0", 4), why, sizeof(why)),
		-KGP_E_SETTING);
	assert_int_equal(kgp_settings_set(&s, kgp_text("mode"), kgp_bytes("partitions\0", 11), why,
					  sizeof(why)),
			 -KGP_E_SETTING);
}

static void counts_take_no_unit(void **state)
{
	assert_set(KGP_SETTING_COMMIT_RETRIES, "0", 0);
	assert_set(KGP_SETTING_COMMIT_RETRIES, "100", 100);
	assert_refused("commit.retries", "3s", "commit.retries is '3s', must be from 0 to 100");
	assert_refused("commit.retries", "101", "commit.retries is '101', must be from 0 to 100");
	assert_refused("commit.retries", "-1", "commit.retries is '-1', must be from 0 to 100");
}

static void choices_are_whole_words(void **state)
{
	assert_set(KGP_SETTING_STRATEGY, "range", KGP_RANGE);
	assert_set(KGP_SETTING_STRATEGY, "roundrobin", KGP_ROUNDROBIN);
	assert_set(KGP_SETTING_STRATEGY, "cooperative-sticky", KGP_COOPERATIVE_STICKY);
	assert_set(KGP_SETTING_INITIAL_OFFSET, "latest", KGP_LATEST);
	assert_set(KGP_SETTING_INITIAL_OFFSET, "earliest", KGP_EARLIEST);
	assert_set(KGP_SETTING_INITIAL_OFFSET, "fail", KGP_FAIL);
	assert_set(KGP_SETTING_MODE, "multiplexed", KGP_MULTIPLEXED);
	assert_set(KGP_SETTING_MODE, "partitions", KGP_PARTITIONS);
	assert_refused("mode", "part", "mode is 'part', must be one of multiplexed|partitions");
	assert_refused("mode", "", "mode is '', must be one of multiplexed|partitions");
	assert_refused("mode", "multiplexed|partitions",
		       "mode is 'multiplexed|partitions', must be one of multiplexed|partitions");
}

static void switches_take_six_words(void **state)
{
	assert_set(KGP_SETTING_ERRORS, "yes", 1);
	assert_set(KGP_SETTING_ERRORS, "no", 0);
	assert_set(KGP_SETTING_ERRORS, "true", 1);
	assert_set(KGP_SETTING_ERRORS, "false", 0);
	assert_set(KGP_SETTING_ERRORS, "1", 1);
	assert_set(KGP_SETTING_ERRORS, "0", 0);
	assert_refused("errors", "on", "errors is 'on', must be one of yes|no");
}

static void an_unknown_name_is_refused(void **state)
{
	assert_refused("sesion.timeout", "1s", "no setting is called 'sesion.timeout'");
}

static void numbers_have_ranges(void **state)
{
	assert_int_equal(
		kgp_settings_set_number(&s, KGP_SETTING_DWELL_TIME, 600000, why, sizeof(why)), 0);
	assert_true(s.value[KGP_SETTING_DWELL_TIME] == 600000);
	assert_int_equal(
		kgp_settings_set_number(&s, KGP_SETTING_DWELL_TIME, 600001, why, sizeof(why)),
		-KGP_E_SETTING);
	assert_string_equal(why, "dwell.time is '600001', must be from 1ms to 600s");
	assert_int_equal(kgp_settings_set_number(&s, KGP_SETTING_DWELL_TIME, 0, why, sizeof(why)),
			 -KGP_E_SETTING);
	assert_int_equal(
		kgp_settings_set_number(&s, KGP_SETTING_STRATEGY, INT64_MIN, why, sizeof(why)),
		-KGP_E_SETTING);
}

static void a_heartbeat_is_at_most_a_third_of_the_session(void **state)
{
	s.value[KGP_SETTING_SESSION_TIMEOUT] = 9000;
	s.value[KGP_SETTING_HEARTBEAT_INTERVAL] = 3000;
	s.given = 1u << KGP_SETTING_HEARTBEAT_INTERVAL;
	assert_int_equal(kgp_settings_check(&s, why, sizeof(why)), 0);
	s.value[KGP_SETTING_HEARTBEAT_INTERVAL] = 3001;
	assert_int_equal(kgp_settings_check(&s, why, sizeof(why)), -KGP_E_SETTING);
	assert_string_equal(why, "heartbeat.interval is 3001ms, must be at most a third of "
				 "session.timeout, which is 9000ms");
}

static void a_heartbeat_that_is_not_given_fits_into_the_session(void **state)
{
	s.value[KGP_SETTING_SESSION_TIMEOUT] = 6000;
	assert_int_equal(kgp_settings_check(&s, why, sizeof(why)), 0);
	kgp_settings_derive(&s);
	assert_int_equal(s.value[KGP_SETTING_HEARTBEAT_INTERVAL], 2000);
	s.value[KGP_SETTING_SESSION_TIMEOUT] = 2;
	kgp_settings_derive(&s);
	assert_int_equal(s.value[KGP_SETTING_HEARTBEAT_INTERVAL], 1);
	s.value[KGP_SETTING_SESSION_TIMEOUT] = 60000;
	kgp_settings_derive(&s);
	assert_int_equal(s.value[KGP_SETTING_HEARTBEAT_INTERVAL], 1);
	s.value[KGP_SETTING_HEARTBEAT_INTERVAL] = 30000;
	s.given = 1u << KGP_SETTING_HEARTBEAT_INTERVAL;
	kgp_settings_derive(&s);
	assert_int_equal(s.value[KGP_SETTING_HEARTBEAT_INTERVAL], 30000);
}

static void a_refusal_that_does_not_fit_ends_at_a_whole_character(void **state)
{
	static const char name[] = "ab\xc3\xbc\xf0\x9f\x98\x80";
	uint8_t *out;
	size_t size;

	for (size = 1; size < 64; size++) {
		out = exact_copy(why, size);
		assert_int_equal(
			kgp_settings_set(&s, kgp_text(name), kgp_text("1"), (char *)out, size),
			-KGP_E_SETTING);
		assert_non_null(memchr(out, 0, size));
		assert_true(kgp_is_utf8(out, strlen((char *)out)));
		free(out);
	}
	assert_int_equal(kgp_settings_set(&s, kgp_text(name), kgp_text("1"), NULL, 0),
			 -KGP_E_SETTING);
}

/* ---- over the wire --------------------------------------------------------------------------- */

/* Decodes n ready pairs as OPEN carries them. */
static int decode(const char *pairs, size_t n_bytes, uint32_t n)
{
	uint8_t *wire = exact_copy(pairs, n_bytes);
	struct kgp_list list = {.wire = wire, .wire_bytes = n_bytes, .n = n};
	int r = kgp_settings_decode(&s, list, why, sizeof(why));

	free(wire);
	return r;
}

#define DECODE(pairs, n) decode(pairs, sizeof(pairs) - 1, n)

static void what_was_given_comes_over_the_wire(void **state)
{
	struct kgp_settings got;
	struct kgp_buf b = {0};
	uint32_t n;
	int i;

	assert_int_equal(set("topics.include", "^orders-"), 0);
	assert_int_equal(set("topics.exclude", "\\.dead$"), 0);
	assert_int_equal(set("user.data", ""), 0);
	for (i = 0; i < KGP_N_SETTINGS; i++)
		if (i != KGP_SETTING_COMMIT_RETRIES &&
		    kgp_setting_info((enum kgp_setting)i)->kind != KGP_SETTING_TEXT)
			assert_int_equal(
				kgp_settings_set_number(&s, (enum kgp_setting)i,
							kgp_setting_info((enum kgp_setting)i)->max,
							why, sizeof(why)),
				0);
	kgp_settings_encode(&s, &b, &n);
	assert_int_equal(n, KGP_N_SETTINGS - 1);
	kgp_settings_init(&got);
	assert_int_equal(
		kgp_settings_decode(&got,
				    (struct kgp_list){.wire = b.data, .wire_bytes = b.len, .n = n},
				    why, sizeof(why)),
		0);
	assert_int_equal(got.given, s.given);
	for (i = 0; i < KGP_N_SETTINGS; i++)
		assert_true(got.value[i] == s.value[i]);
	assert_true(kgp_bytes_equal(got.text[KGP_SETTING_TOPICS_INCLUDE], kgp_text("^orders-")));
	assert_true(kgp_bytes_equal(got.text[KGP_SETTING_TOPICS_EXCLUDE], kgp_text("\\.dead$")));
	kgp_buf_deinit(&b);
}

static void a_text_is_bounded_utf8_without_nul(void **state)
{
	char longest[1025] = "";

	memset(longest, 'x', 1024);
	assert_int_equal(set("topics.include", longest), 0);
	assert_int_equal(s.value[KGP_SETTING_TOPICS_INCLUDE], 1024);
	assert_int_equal(set("topics.include", ""), -KGP_E_SETTING);
	assert_string_equal(
		why, "topics.include has 0 bytes, must have from 1 to 1024, UTF-8 without NUL");
	assert_int_equal(kgp_settings_set(&s, kgp_text("topics.include"), kgp_bytes("a\0b", 3), why,
					  sizeof(why)),
			 -KGP_E_SETTING);
	assert_int_equal(set("topics.include", "caf\xe9"), -KGP_E_SETTING);
	assert_int_equal(set("topics.include", "caf\xc3\xa9"), 0);
	assert_int_equal(DECODE("\xae"
				"topics.include\x05",
				1),
			 -KGP_E_SETTING);
}

static void each_kind_has_its_form_on_the_wire(void **state)
{
	assert_int_equal(DECODE("\xa4mode\xaapartitions", 1), 0);
	assert_int_equal(s.value[KGP_SETTING_MODE], KGP_PARTITIONS);
	assert_int_equal(DECODE("\xa6"
				"errors\xc3",
				1),
			 0);
	assert_int_equal(s.value[KGP_SETTING_ERRORS], 1);
	assert_int_equal(DECODE("\xaa"
				"dwell.time\xcd\x03\xe8",
				1),
			 0);
	assert_int_equal(s.value[KGP_SETTING_DWELL_TIME], 1000);
	assert_int_equal(DECODE("\xaa"
				"dwell.time\xa2"
				"2s",
				1),
			 0);
	assert_int_equal(s.value[KGP_SETTING_DWELL_TIME], 2000);
	assert_int_equal(DECODE("\xae"
				"commit.retries\x05\xa6"
				"errors\xc2",
				2),
			 0);
	assert_int_equal(s.value[KGP_SETTING_COMMIT_RETRIES], 5);
	assert_int_equal(s.value[KGP_SETTING_ERRORS], 0);
}

static void the_wrong_type_is_refused(void **state)
{
	assert_int_equal(DECODE("\xa4mode\x01", 1), -KGP_E_SETTING);
	assert_string_equal(why, "mode has a value of the wrong type");
	assert_int_equal(DECODE("\xa6"
				"errors\x01",
				1),
			 -KGP_E_SETTING);
	assert_int_equal(DECODE("\xae"
				"commit.retries\xc3",
				1),
			 -KGP_E_SETTING);
	assert_int_equal(DECODE("\xae"
				"commit.retries\xff",
				1),
			 -KGP_E_SETTING);
	assert_int_equal(DECODE("\xae"
				"commit.retries\xc4\x01"
				"5",
				1),
			 -KGP_E_SETTING);
	assert_int_equal(DECODE("\xaa"
				"dwell.time\xc0",
				1),
			 -KGP_E_SETTING);
}

static void the_first_bad_setting_is_named(void **state)
{
	assert_int_equal(DECODE("\xae"
				"commit.retries\x05\xa1x\x01\xa1y\x01",
				3),
			 -KGP_E_SETTING);
	assert_string_equal(why, "no setting is called 'x'");
	assert_int_equal(DECODE("\xae"
				"commit.retries\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
				1),
			 -KGP_E_SETTING);
	assert_string_equal(why, "commit.retries is '9223372036854775807', must be from 0 to 100");
	assert_int_equal(DECODE("\xa1x\xa1y", 1), -KGP_E_SETTING);
	assert_string_equal(why, "no setting is called 'x'");
}

/* ---- printing -------------------------------------------------------------------------------- */

static void assert_prints(enum kgp_setting setting, int64_t v, const char *want)
{
	char text[32];

	kgp_setting_print(setting, v, text, sizeof(text));
	assert_string_equal(text, want);
}

static void values_print_as_a_person_writes_them(void **state)
{
	assert_prints(KGP_SETTING_SESSION_TIMEOUT, 30000, "30s");
	assert_prints(KGP_SETTING_SESSION_TIMEOUT, 30001, "30001ms");
	assert_prints(KGP_SETTING_COMMIT_RETRIES, 3, "3");
	assert_prints(KGP_SETTING_STRATEGY, KGP_RANGE, "range");
	assert_prints(KGP_SETTING_STRATEGY, KGP_ROUNDROBIN, "roundrobin");
	assert_prints(KGP_SETTING_STRATEGY, KGP_COOPERATIVE_STICKY, "cooperative-sticky");
	assert_prints(KGP_SETTING_ERRORS, 0, "no");
	assert_prints(KGP_SETTING_ERRORS, 1, "yes");
}

static void what_is_printed_can_be_set(void **state)
{
	const struct kgp_setting_info *info;
	char text[32];
	int i;

	for (i = 0; i < KGP_N_SETTINGS; i++) {
		info = kgp_setting_info((enum kgp_setting)i);
		if (info->kind == KGP_SETTING_TEXT)
			continue;
		kgp_setting_print((enum kgp_setting)i, info->max, text, sizeof(text));
		assert_set((enum kgp_setting)i, text, info->max);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		TEST(the_defaults_are_the_table_s_and_nothing_is_given),
		TEST(the_table_s_defaults_are_within_their_ranges),
		TEST(a_setting_is_found_by_its_whole_name),
		TEST(durations_take_units),
		TEST(a_duration_that_cannot_be_read_is_refused),
		TEST(a_nul_hides_nothing),
		TEST(counts_take_no_unit),
		TEST(choices_are_whole_words),
		TEST(switches_take_six_words),
		TEST(an_unknown_name_is_refused),
		TEST(numbers_have_ranges),
		TEST(a_heartbeat_is_at_most_a_third_of_the_session),
		TEST(a_heartbeat_that_is_not_given_fits_into_the_session),
		TEST(a_refusal_that_does_not_fit_ends_at_a_whole_character),
		TEST(what_was_given_comes_over_the_wire),
		TEST(a_text_is_bounded_utf8_without_nul),
		TEST(each_kind_has_its_form_on_the_wire),
		TEST(the_wrong_type_is_refused),
		TEST(the_first_bad_setting_is_named),
		TEST(values_print_as_a_person_writes_them),
		TEST(what_is_printed_can_be_set),
	};

	return cmocka_run_group_tests_name("proto_settings", tests, NULL, NULL);
}
