/* SPDX-License-Identifier: MIT */
/* A reload: what is taken over, what waits for a restart, and that both configurations stay whole.
 */
#include "tests/unit/test_config_fixture.h"

#define OLD                                                                                        \
	"[daemon]\nlog.level = info\nname = one\n"                                                 \
	"[cluster main]\nbootstrap.servers = h\nsasl.password = old\nfetch.min.bytes = 1\n"        \
	"[group a]\nallow.users = x\nleave.delay = 10s\n"

/* Loads text beside the running configuration and reloads from it, which then is gone. */
static int reload(struct fixture *f, const char *text, struct config_changes *changes)
{
	struct config *fresh = NULL;
	int r;

	write_file(f, "k.conf", text);
	assert_int_equal(config_load(f->file, NULL, &fresh, &f->errors), 0);
	r = config_reload(f->config, fresh, changes);
	config_free(fresh);
	return r;
}

static bool has_line(char **lines, size_t n, const char *line)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(lines[i], line) == 0)
			return true;
	}
	return false;
}

static void assert_applied(const struct config_changes *changes, const char *line)
{
	if (!has_line(changes->applied, changes->n_applied, line))
		fail_msg("not applied: %s", line);
}

static void assert_refused(const struct config_changes *changes, const char *line)
{
	if (!has_line(changes->refused, changes->n_refused, line))
		fail_msg("not refused: %s", line);
}

static void same_file_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct config_changes changes;

	assert_loads(f, OLD);
	assert_int_equal(reload(f, OLD, &changes), 0);
	assert_int_equal(changes.n_applied, 0);
	assert_int_equal(changes.n_refused, 0);
	config_changes_deinit(&changes);
}

static void reloadable_keys_are_taken_over(void **state)
{
	struct fixture *f = *state;
	struct config_changes changes;
	const struct config_group *g;

	assert_loads(f, OLD);
	g = f->config->groups;
	assert_int_equal(reload(f,
				"[daemon]\nname = one\nlog.level = debug\nmemory.limit = 1GiB\n"
				"output.limit = 2MiB\nconnections.max = 7\ndrain.timeout = 1s\n"
				"[cluster main]\nbootstrap.servers = h\nsasl.password = old\n"
				"fetch.min.bytes = 1\nallow.dynamic = yes\nallow.topics = t\n"
				"[group a]\nallow.users = x, y\nallow.groups = g\n",
				&changes),
			 0);
	assert_int_equal(changes.n_refused, 0);
	assert_int_equal(changes.n_applied, 10);
	assert_applied(&changes, "[daemon] log.level: info -> debug");
	assert_applied(&changes, "[daemon] memory.limit: 512MiB -> 1GiB");
	assert_applied(&changes, "[daemon] connections.max: 2000 -> 7");
	assert_applied(&changes, "[cluster main] allow.dynamic: no -> yes");
	assert_applied(&changes, "[cluster main] allow.topics:  -> t");
	assert_applied(&changes, "[group a] leave.delay: 10s -> 30s");
	assert_applied(&changes, "[group a] allow.users: x -> x, y");
	config_changes_deinit(&changes);
	assert_int_equal(f->config->log_level, 7);
	assert_int_equal(f->config->memory_limit_bytes, 1 << 30);
	assert_int_equal(f->config->output_limit_bytes, 2 << 20);
	assert_int_equal(f->config->drain_timeout_ms, 1000);
	assert_true(f->config->clusters[0].allow_dynamic);
	assert_ptr_equal(g, f->config->groups);
	assert_int_equal(g->leave_delay_ms, 30000);
	assert_int_equal(g->access.n_users, 2);
	assert_string_equal(g->access.users[1], "y");
	assert_string_equal(g->access.groups[0], "g");
}

static void fixed_keys_stay_and_are_named(void **state)
{
	struct fixture *f = *state;
	struct config_changes changes;

	assert_loads(f, OLD);
	assert_int_equal(reload(f,
				"[daemon]\nname = two\nsocket.mode = 0600\nlog.level = info\n"
				"[cluster main]\nbootstrap.servers = i\nsasl.password = new\n"
				"client.rack = r\n"
				"[group a]\nallow.users = x\nleave.delay = 10s\n"
				"session.timeout = 45s\ninstance.id = i\ngroup.id = b\n"
				"kafka.fetch.min.bytes = 9\n",
				&changes),
			 1);
	assert_int_equal(changes.n_applied, 0);
	assert_refused(&changes, "[daemon] name: one -> two");
	assert_refused(&changes, "[daemon] socket.mode: 0660 -> 0600");
	assert_refused(&changes, "[cluster main] bootstrap.servers: h -> i");
	assert_refused(&changes, "[cluster main] sasl.password: *** -> ***");
	assert_refused(&changes, "[cluster main] fetch.min.bytes: 1 -> (unset)");
	assert_refused(&changes, "[cluster main] client.rack: (unset) -> r");
	assert_refused(&changes, "[group a] session.timeout: 30s -> 45s");
	assert_refused(&changes, "[group a] group.id: a -> b");
	assert_refused(&changes, "[group a] fetch.min.bytes: (unset) -> 9");
	assert_int_equal(changes.n_refused, 10);
	config_changes_deinit(&changes);
	assert_string_equal(f->config->name, "one");
	assert_int_equal(f->config->groups[0].session_timeout_ms, 30000);
	assert_string_equal(find_pair(f->config->clusters[0].kafka, 3, "sasl.password"), "old");
}

static void default_made_explicit_is_a_change_for_group_settings(void **state)
{
	struct fixture *f = *state;
	struct config_changes changes;

	assert_loads(f, OLD);
	assert_int_equal(reload(f, OLD "strategy = range\n", &changes), 1);
	assert_refused(&changes, "[group a] strategy: range -> range (now explicit)");
	assert_int_equal(changes.n_refused, 1);
	config_changes_deinit(&changes);
	assert_int_equal(f->config->groups[0].set, 0);
}

static void default_made_explicit_is_none_for_other_keys(void **state)
{
	struct fixture *f = *state;
	struct config_changes changes;

	assert_loads(f, OLD);
	assert_int_equal(reload(f, OLD "join = on-demand\ngroup.id = a\n", &changes), 0);
	assert_int_equal(changes.n_applied + changes.n_refused, 0);
	config_changes_deinit(&changes);
}

static void added_and_removed_sections_wait_for_a_restart(void **state)
{
	struct fixture *f = *state;
	struct config_changes changes;

	assert_loads(f, OLD);
	assert_int_equal(reload(f,
				"[daemon]\nname = one\n[cluster other]\nbootstrap.servers = h\n"
				"[group b]\n",
				&changes),
			 1);
	assert_int_equal(changes.n_refused, 4);
	assert_refused(&changes, "[cluster main]: removed");
	assert_refused(&changes, "[group a]: removed");
	assert_refused(&changes, "[cluster other]: added");
	assert_refused(&changes, "[group b]: added");
	config_changes_deinit(&changes);
	assert_string_equal(f->config->groups[0].alias, "a");
	assert_string_equal(f->config->clusters[0].name, "main");
}

static void places_are_those_of_the_new_files(void **state)
{
	struct fixture *f = *state;
	struct config_changes changes;
	char line[256], *text;

	assert_loads(f, OLD);
	write_drop_in(f, "x.conf", "[daemon]\nlog.level = debug\n");
	assert_int_equal(reload(f, "# moved\n" OLD, &changes), 0);
	config_changes_deinit(&changes);
	text = print_effective(f->config);
	snprintf(line, sizeof(line), "# %s.d/x.conf:2\n", f->file);
	assert_non_null(strstr(text, line));
	snprintf(line, sizeof(line), "sasl.password = ***                         # %s:7\n",
		 f->file);
	assert_non_null(strstr(text, line));
	snprintf(line, sizeof(line), "leave.delay = 10s                           # %s:11\n",
		 f->file);
	assert_non_null(strstr(text, line));
	free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(same_file_changes_nothing),
		TEST(reloadable_keys_are_taken_over),
		TEST(fixed_keys_stay_and_are_named),
		TEST(default_made_explicit_is_a_change_for_group_settings),
		TEST(default_made_explicit_is_none_for_other_keys),
		TEST(added_and_removed_sections_wait_for_a_restart),
		TEST(places_are_those_of_the_new_files),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
