/* SPDX-License-Identifier: MIT */
/* Secrets: where they come from, and that they are never shown. */
#include "tests/unit/test_config_fixture.h"

static const char *password_of(struct fixture *f)
{
	return find_pair(f->config->clusters[0].kafka, f->config->clusters[0].n_kafka,
			 "sasl.password");
}

static void assert_masked(struct fixture *f, const char *line)
{
	char *text = print_effective(f->config);

	assert_non_null(strstr(text, line));
	assert_null(strstr(text, "hunter2"));
	free(text);
}

static void keys_that_speak_of_secrets_are_secret(void **state)
{
	static const char *const secret[] = {"sasl.password",
					     "ssl.key.password",
					     "ssl.key.pem",
					     "ssl.keystore.password",
					     "sasl.oauthbearer.client.secret",
					     "sasl.oauthbearer.config",
					     "sasl.pasword",
					     "sasl.oauthbearer.assertion.private.key.passphrase",
					     "sasl.oauthbearer.assertion.private.key.pem",
					     "sasl.jaas.config"};
	static const char *const open[] = {"sasl.username",
					   "ssl.ca.pem",
					   "ssl.certificate.pem",
					   "ssl.key.location",
					   "ssl.keystore.location",
					   "sasl.oauthbearer.assertion.private.key.file",
					   "sasl.oauthbearer.token.endpoint.url"};

	for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
		assert_true(config_key_is_secret(secret[i]));
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		assert_false(config_key_is_secret(open[i]));
}

static void written_out_password_is_used_and_masked(void **state)
{
	struct fixture *f = *state;

	assert_loads(f, MINIMAL
		     "sasl.password = hunter2\n[group a]\nkafka.ssl.key.password = hunter2\n");
	assert_string_equal(password_of(f), "hunter2");
	assert_true(f->config->clusters[0].kafka[1].secret);
	assert_int_equal(f->errors.n_warnings, 0);
	assert_masked(f, "\nsasl.password = ***");
	assert_masked(f, "\nkafka.ssl.key.password = ***");
}

static void written_out_password_in_a_public_file_is_a_warning(void **state)
{
	struct fixture *f = *state;

	write_file(f, "k.conf", MINIMAL "sasl.password = hunter2\n[group a]\n");
	assert_int_equal(chmod(f->file, 0644), 0);
	assert_int_equal(load_again(f), 0);
	assert_int_equal(f->errors.n_warnings, 1);
	assert_warning(f, 3, "everybody on this host may read the value of sasl.password");
	assert_null(strstr(f->errors.warnings[0].text, "hunter2"));
}

static void credential_is_read_without_its_newline(void **state)
{
	struct fixture *f = *state;

	write_file(f, "kafka-password", "hunter2 \n");
	setenv("CREDENTIALS_DIRECTORY", f->directory, 1);
	assert_loads(f, MINIMAL "sasl.password = @credential:kafka-password\n"
				"sasl.username = @credential:kafka-password\n[group a]\n");
	assert_string_equal(password_of(f), "hunter2 ");
	assert_masked(f, "\nsasl.password = ***");
	assert_masked(f, "\nsasl.username = ***");
}

static void credential_that_is_not_there_says_what_to_do(void **state)
{
	struct fixture *f = *state;

	assert_refuses(f, MINIMAL "sasl.password = @credential:pw\n[group a]\n", 3,
		       "LoadCredential=pw:/PATH");
	setenv("CREDENTIALS_DIRECTORY", f->directory, 1);
	assert_refuses(f, MINIMAL "sasl.password = @credential:pw\n[group a]\n", 3,
		       "cannot be read: No such file");
	assert_refuses(f, MINIMAL "sasl.password = @credential:../pw\n[group a]\n", 3,
		       "is no name of a credential");
	assert_refuses(f, MINIMAL "sasl.password = @credential:\n[group a]\n", 3,
		       "is no name of a credential");
}

static void secret_file_is_read_and_a_public_one_warned_of(void **state)
{
	struct fixture *f = *state;
	char text[256];

	write_file(f, "pw", "hunter2\r\n");
	snprintf(text, sizeof(text), MINIMAL "sasl.password = @file:%s/pw\n[group a]\n",
		 f->directory);
	assert_loads(f, text);
	assert_string_equal(password_of(f), "hunter2");
	assert_int_equal(f->errors.n_warnings, 0);
	assert_masked(f, "\nsasl.password = ***");
	assert_int_equal(chmod(path_in(f, "pw"), 0644), 0);
	assert_loads(f, text);
	assert_int_equal(f->errors.n_warnings, 1);
	assert_warning(f, 3, "everybody on this host");
}

static void unusable_secret_files_are_errors(void **state)
{
	struct fixture *f = *state;
	char text[256];

	assert_refuses(f, MINIMAL "sasl.password = @file:pw\n[group a]\n", 3, "not absolute");
	assert_refuses(f, MINIMAL "sasl.password = @file:/nowhere/pw\n[group a]\n", 3,
		       "/nowhere/pw cannot be read: No such file");
	snprintf(text, sizeof(text), MINIMAL "sasl.password = @file:%s/pw\n[group a]\n",
		 f->directory);
	write_bytes(f, "pw", "a\0b", 3);
	assert_refuses(f, text, 3, "NUL byte");
	assert_int_equal(truncate(path_in(f, "pw"), (1 << 20) + 1), 0);
	assert_refuses(f, text, 3, "longer than 1 MiB");
}

static void empty_secret_is_an_empty_value(void **state)
{
	struct fixture *f = *state;
	char text[256];

	write_file(f, "pw", "\n");
	snprintf(text, sizeof(text), MINIMAL "sasl.password = @file:%s/pw\n[group a]\n",
		 f->directory);
	assert_loads(f, text);
	assert_string_equal(password_of(f), "");
}

static void pem_on_one_line_gets_its_line_ends(void **state)
{
	struct fixture *f = *state;
	const struct config_cluster *c;
	char *text;

	assert_loads(f, MINIMAL "ssl.key.pem = -----BEGIN-----\\nabc\\n-----END-----\n"
				"ssl.ca.pem = a\\nb\nsasl.username = dom\\name\n[group a]\n");
	c = f->config->clusters;
	assert_string_equal(find_pair(c->kafka, 4, "ssl.key.pem"),
			    "-----BEGIN-----\nabc\n-----END-----");
	assert_string_equal(find_pair(c->kafka, 4, "ssl.ca.pem"), "a\nb");
	assert_string_equal(find_pair(c->kafka, 4, "sasl.username"), "dom\\name");
	text = print_effective(f->config);
	assert_non_null(strstr(text, "\nssl.ca.pem = a\\nb "));
	assert_non_null(strstr(text, "\nssl.key.pem = *** "));
	free(text);
}

static void effective_configuration_says_where_each_value_comes_from(void **state)
{
	struct fixture *f = *state;
	char *text, line[256];

	write_drop_in(f, "x.conf", "[group a]\nsession.timeout = 90s\n");
	assert_loads(f, "[kafka]\nbootstrap.servers = h\n[cluster main]\n[group a]\n"
			"allow.users = x, y\nkafka.fetch.min.bytes = 1\n");
	text = print_effective(f->config);
	assert_non_null(strstr(text, "[daemon]\nname = kgroupd "));
	assert_non_null(strstr(text, "\nsocket.mode = 0660 "));
	assert_non_null(strstr(text, "\nmemory.limit = 512MiB                       # default\n"));
	assert_non_null(strstr(text, "\n[cluster main]\nallow.dynamic = no "));
	assert_non_null(strstr(text, "\ncluster = main "));
	snprintf(line, sizeof(line), "bootstrap.servers = h                       # %s:2\n",
		 f->file);
	assert_non_null(strstr(text, line));
	snprintf(line, sizeof(line),
		 "session.timeout = 90s                       # %s.d/x.conf:2\n", f->file);
	assert_non_null(strstr(text, line));
	snprintf(line, sizeof(line), "allow.users = x, y                          # %s:5\n",
		 f->file);
	assert_non_null(strstr(text, line));
	snprintf(line, sizeof(line), "kafka.fetch.min.bytes = 1                   # %s:6\n",
		 f->file);
	assert_non_null(strstr(text, line));
	free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(keys_that_speak_of_secrets_are_secret),
		TEST(written_out_password_is_used_and_masked),
		TEST(written_out_password_in_a_public_file_is_a_warning),
		TEST(credential_is_read_without_its_newline),
		TEST(credential_that_is_not_there_says_what_to_do),
		TEST(secret_file_is_read_and_a_public_one_warned_of),
		TEST(unusable_secret_files_are_errors),
		TEST(empty_secret_is_an_empty_value),
		TEST(pem_on_one_line_gets_its_line_ends),
		TEST(effective_configuration_says_where_each_value_comes_from),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
