/* SPDX-License-Identifier: MIT */
/* The text of the configuration: syntax errors with their lines, drop-ins, traps of the parser. */
#include "tests/unit/test_config_fixture.h"

static void missing_file_says_how_to_write_one(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load_again(f), -EINVAL);
	assert_int_equal(f->errors.n_errors, 1);
	assert_error(f, 0, "no such file");
	assert_error(f, 0, "[cluster main]\n    bootstrap.servers = ");
}

static void directory_in_place_of_the_file_is_an_error(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir(f->file, 0700), 0);
	assert_int_equal(load_again(f), -EINVAL);
	assert_error(f, 0, "cannot be read: Is a directory");
}

static void empty_file_lacks_a_cluster(void **state)
{
	assert_refuses(*state, "", 0, "no cluster");
	assert_refuses(*state, "# nothing\n\n", 0, "no cluster");
}

static void every_syntax_error_is_reported_with_its_line(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load_text(f, "orphan = 1\n"	     /* 1 */
				      "[daemon]\n"	     /* 2 */
				      "no equal sign\n"	     /* 3 */
				      "= no key\n"	     /* 4 */
				      "name = a\n"	     /* 5 */
				      "name = b\n"	     /* 6 */
				      "N\303\244me = x\n"    /* 7 */
				      "n!me = x\n"	     /* 8 */
				      "[]\n"		     /* 9 */
				      "lost = 1\n"	     /* 10 */
				      "[cluster main\n"	     /* 11 */
				      "[cluster main] # x\n" /* 12 */
				      "[group a]\n"	     /* 13 */
				      "[daemon]\n"	     /* 14 */
				      "name = c\n"	     /* 15 */
				      "  # indented\n"	     /* 16 */
				      "  [indented]\n"	     /* 17 */
				      "[group \303\244]\n"), /* 18 */
			 -EINVAL);
	assert_error(f, 1, "stands before the first section");
	assert_error(f, 3, "no '='");
	assert_error(f, 4, "nothing before the '='");
	assert_error(f, 6, "already given");
	assert_error(f, 7, "printable ASCII");
	assert_error(f, 8, "without '!'");
	assert_error(f, 9, "without a name");
	assert_error(f, 11, "without a ']'");
	assert_error(f, 12, "without a ']'");
	assert_error(f, 14, "already in this file");
	assert_error(f, 18, "printable ASCII");
	assert_error(f, 16, "a comment starts in the first column");
	assert_error(f, 17, "a section starts in the first column");
	assert_int_equal(f->errors.n_errors, 13);
}

static void errors_of_syntax_and_of_meaning_come_together_in_order(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load_text(f, "[daemon]\n"
				      "memory.limit = 1MiB\n"
				      "garbage\n"
				      "colour = red\n"
				      "[cluster main]\n"
				      "[group a]\n"
				      "join = always\n"),
			 -EINVAL);
	assert_int_equal(f->errors.n_errors, 5);
	for (size_t i = 0; i < 5; i++) {
		static const unsigned lines[] = {2, 3, 4, 5, 7};
		unsigned line;

		assert_int_equal(sscanf(f->errors.errors[i].text + strlen(f->file), ":%u:", &line),
				 1);
		assert_int_equal(line, lines[i]);
	}
}

static void duplicates_differ_by_case_only_and_are_still_found(void **state)
{
	assert_refuses(*state, MINIMAL "allow.dynamic = yes\nAllow.Dynamic = no\n", 4,
		       "already given");
	assert_refuses(*state, MINIMAL "[group orders]\n[daemon]\n[group Orders]\n", 5,
		       "already in this file");
	assert_refuses(*state, MINIMAL "[group orders]\n[daemon]\n[group  orders]\n", 5,
		       "is there already");
}

static int know_no_key(const char *key, const char *value, char *why, size_t n)
{
	return strcmp(key, "bootstrap.servers") == 0 ? 0 : -ENOENT;
}

static void keys_are_matched_with_case(void **state)
{
	struct fixture *f = *state;

	f->hooks.kafka_key_check = know_no_key;
	assert_refuses(f, MINIMAL "Allow.Dynamic = yes\n[group a]\n", 3,
		       "did you mean 'allow.dynamic'?");
	assert_refuses(f, MINIMAL "[group a]\nStrategy = range\n", 4, "did you mean 'strategy'?");
}

static void indented_key_is_a_key_of_its_own(void **state)
{
	struct fixture *f = *state;

	assert_loads(f, MINIMAL "[group a]\n"
				"group.id = x\n"
				"  strategy = roundrobin\n"
				"\tinstance.id =\n");
	assert_string_equal(f->config->groups[0].group_id, "x");
	assert_int_equal(f->config->groups[0].strategy, CONFIG_STRATEGY_ROUNDROBIN);
	assert_string_equal(f->config->groups[0].instance_id, "");
}

static void line_ends_and_byte_order_mark_of_other_systems_do_no_harm(void **state)
{
	struct fixture *f = *state;

	assert_loads(f,
		     "\xef\xbb\xbf[cluster main]\r\nbootstrap.servers = h:1\r\n\r\n[group a]\r\n");
	assert_string_equal(f->config->groups[0].alias, "a");
	assert_string_equal(find_pair(f->config->clusters[0].kafka, 1, "bootstrap.servers"), "h:1");
	assert_int_equal(f->config->clusters[0].kafka[0].line, 2);
}

static void value_may_hold_equal_signs_and_comment_signs(void **state)
{
	struct fixture *f = *state;

	assert_loads(f, MINIMAL "sasl.username = a=b; #c\n[group a]");
	assert_string_equal(find_pair(f->config->clusters[0].kafka, 2, "sasl.username"), "a=b; #c");
}

static void bytes_that_are_no_text_are_refused_with_their_line(void **state)
{
	static const char with_nul[] = "[daemon]\nname = a\0b\n";
	struct fixture *f = *state;

	write_bytes(f, "k.conf", with_nul, sizeof(with_nul) - 1);
	assert_int_equal(load_again(f), -EINVAL);
	assert_error(f, 2, "NUL");
	assert_refuses(f, MINIMAL "client.id = \xff\n", 3, "not UTF-8");
}

static void long_values_survive(void **state)
{
	struct fixture *f = *state;
	enum { N_BYTES = 300000 };
	char *text = malloc(N_BYTES + 200), *end;
	const char *value;

	end = stpcpy(text, MINIMAL "ssl.ca.pem = ");
	memset(end, 'x', N_BYTES);
	strcpy(end + N_BYTES, "\n[group a]\n");
	assert_loads(f, text);
	value = find_pair(f->config->clusters[0].kafka, 2, "ssl.ca.pem");
	assert_non_null(value);
	assert_int_equal(strlen(value), N_BYTES);
	assert_int_equal(strspn(value, "x"), N_BYTES);
	free(text);
}

static void binary_file_does_not_fill_the_terminal(void **state)
{
	struct fixture *f = *state;
	char *text = malloc(4000 * 2 + 100), *end = stpcpy(text, "[daemon]\n");

	for (int i = 0; i < 4000; i++)
		end = stpcpy(end, "x\n");
	assert_int_equal(load_text(f, text), -EINVAL);
	assert_true(f->errors.n_errors <= 52);
	assert_error(f, 0, "too many errors");
	free(text);
}

static void huge_file_is_refused(void **state)
{
	struct fixture *f = *state;

	write_file(f, "k.conf", MINIMAL);
	assert_int_equal(truncate(f->file, 5 << 20), 0);
	assert_int_equal(load_again(f), -EINVAL);
	assert_error(f, 0, "longer than 4 MiB");
}

static void too_long_names_are_refused(void **state)
{
	struct fixture *f = *state;
	char name[2001], text[4400];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(text, sizeof(text), MINIMAL "[%s]\n[group a]\n%s = 1\n", name, name);
	assert_int_equal(load_text(f, text), -EINVAL);
	assert_error(f, 3, "longer than 1023");
	assert_error(f, 5, "longer than 1023");
	name[300] = '\0';
	snprintf(text, sizeof(text), MINIMAL "[group %s]\n[group b]\n", name);
	assert_refuses(f, text, 3, "longer than 255 bytes");
}

/* ---- drop-ins ------------------------------------------------------------------------------ */

static void drop_ins_win_in_byte_order_of_their_names(void **state)
{
	struct fixture *f = *state;

	write_drop_in(f, "9.conf", "[daemon]\nname = nine\n");
	write_drop_in(f, "10.conf", "[daemon]\nname = ten\ndrain.timeout = 7s\n");
	write_drop_in(f, "Z.conf", "[daemon]\non.stop = leave\n[group extra]\n");
	write_drop_in(f, "a.conf.bak", "[daemon]\nname = never\n");
	write_drop_in(f, ".hidden.conf", "[daemon]\nname = never\n");
	assert_loads(f, "[daemon]\nname = main\ndrain.timeout = 1s\n" MINIMAL);
	assert_string_equal(f->config->name, "nine");
	assert_int_equal(f->config->drain_timeout_ms, 7000);
	assert_int_equal(f->config->on_stop, CONFIG_ON_STOP_LEAVE);
	assert_non_null(config_find_group(f->config, "extra"));
	assert_int_equal(f->config->n_files, 4);
}

static void drop_in_overrides_single_keys_of_a_section(void **state)
{
	struct fixture *f = *state;
	const struct config_cluster *cluster;

	write_drop_in(f, "a.conf", "[cluster main]\nfetch.min.bytes = 2\nclient.rack = r\n");
	assert_loads(f, MINIMAL "fetch.min.bytes = 1\n[group a]\n");
	cluster = f->config->clusters;
	assert_int_equal(f->config->n_clusters, 1);
	assert_int_equal(cluster->n_kafka, 3);
	assert_string_equal(find_pair(cluster->kafka, 3, "fetch.min.bytes"), "2");
	assert_string_equal(find_pair(cluster->kafka, 3, "client.rack"), "r");
	assert_string_equal(find_pair(cluster->kafka, 3, "bootstrap.servers"), "localhost:9092");
}

static void error_in_a_drop_in_names_the_drop_in(void **state)
{
	struct fixture *f = *state;

	write_drop_in(f, "a.conf", "[daemon]\n\nname =\ncolour = red\nx\n");
	assert_int_equal(load_text(f, MINIMAL "[group a]\n"), -EINVAL);
	assert_error_in(f, "k.conf.d/a.conf", 3, "1..64");
	assert_error_in(f, "k.conf.d/a.conf", 4, "colour");
	assert_error_in(f, "k.conf.d/a.conf", 5, "no '='");
	assert_int_equal(f->errors.n_errors, 3);
}

static void section_of_another_case_in_a_drop_in_is_an_error(void **state)
{
	struct fixture *f = *state;

	write_drop_in(f, "a.conf", "[group ORDERS]\nstrategy = range\n");
	assert_int_equal(load_text(f, MINIMAL "[group orders]\n"), -EINVAL);
	assert_error_in(f, "k.conf.d/a.conf", 1, "differs only by case from [group orders]");
	assert_int_equal(f->errors.n_errors, 1);
}

static void link_to_dev_null_masks_a_drop_in(void **state)
{
	struct fixture *f = *state;

	write_drop_in(f, "b.conf", "[daemon]\nname = b\n");
	assert_int_equal(symlink("/dev/null", path_in(f, "k.conf.d/a.conf")), 0);
	assert_loads(f, MINIMAL "[group a]\n");
	assert_string_equal(f->config->name, "b");
}

static void unreadable_drop_ins_are_errors(void **state)
{
	struct fixture *f = *state;

	write_file(f, "k.conf.d", "a file");
	assert_int_equal(load_text(f, MINIMAL "[group a]\n"), -EINVAL);
	assert_error_in(f, "k.conf.d", 0, "cannot be listed");
	assert_int_equal(unlink(path_in(f, "k.conf.d")), 0);
	assert_int_equal(mkdir(path_in(f, "k.conf.d"), 0700), 0);
	assert_int_equal(symlink("nowhere", path_in(f, "k.conf.d/a.conf")), 0);
	assert_int_equal(load_again(f), -EINVAL);
	assert_error_in(f, "k.conf.d/a.conf", 0, "no such file");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(missing_file_says_how_to_write_one),
		TEST(directory_in_place_of_the_file_is_an_error),
		TEST(empty_file_lacks_a_cluster),
		TEST(every_syntax_error_is_reported_with_its_line),
		TEST(errors_of_syntax_and_of_meaning_come_together_in_order),
		TEST(duplicates_differ_by_case_only_and_are_still_found),
		TEST(keys_are_matched_with_case),
		TEST(indented_key_is_a_key_of_its_own),
		TEST(line_ends_and_byte_order_mark_of_other_systems_do_no_harm),
		TEST(value_may_hold_equal_signs_and_comment_signs),
		TEST(bytes_that_are_no_text_are_refused_with_their_line),
		TEST(long_values_survive),
		TEST(binary_file_does_not_fill_the_terminal),
		TEST(huge_file_is_refused),
		TEST(too_long_names_are_refused),
		TEST(drop_ins_win_in_byte_order_of_their_names),
		TEST(drop_in_overrides_single_keys_of_a_section),
		TEST(error_in_a_drop_in_names_the_drop_in),
		TEST(section_of_another_case_in_a_drop_in_is_an_error),
		TEST(link_to_dev_null_masks_a_drop_in),
		TEST(unreadable_drop_ins_are_errors),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
