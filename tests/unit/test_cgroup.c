/* SPDX-License-Identifier: MIT */
/* Where our cgroup is, and what it leaves us, in a folder that looks like a hierarchy. */
#include "daemon/cgroup.h"

#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NO BUDGET_UNLIMITED

static char folder[] = "/tmp/kgu-cgroup-XXXXXX";
static char self[64], mount[64];

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* A cgroup below the mount; max and high NULL: no such file, as in the root. */
static void make(const char *path, const char *max, const char *high)
{
	char at[256];

	snprintf(at, sizeof(at), "%s%s", mount, path);
	mkdir(at, 0700);
	snprintf(at, sizeof(at), "%s%s/cgroup.controllers", mount, path);
	write_file(at, "memory\n");
	snprintf(at, sizeof(at), "%s%s/memory.max", mount, path);
	if (max)
		write_file(at, max);
	snprintf(at, sizeof(at), "%s%s/memory.high", mount, path);
	if (high)
		write_file(at, high);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	return remove(path);
}

static int set_up(void **state)
{
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(self, sizeof(self), "%s/self", folder);
	snprintf(mount, sizeof(mount), "%s/fs", folder);
	make("", NULL, NULL);
	make("/system.slice", "max\n", "max\n");
	make("/system.slice/k.service", "838860800\n", "max\n");
	write_file(self, "1:name=systemd:/x\n0::/system.slice/k.service\n");
	return 0;
}

static int tear_down(void **state)
{
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void expect(uint64_t own, uint64_t all)
{
	struct budget_room room;
	struct cgroup c;

	cgroup_find(&c, self, mount);
	cgroup_read_room(&c, &room);
	assert_int_equal(room.own_bytes, own);
	assert_int_equal(room.all_bytes, all);
}

static void the_own_limit_is_read(void **state)
{
	expect(734003200, 734003200);
}

static void limits_above_are_read_and_do_not_hide_the_own(void **state)
{
	make("/system.slice", "max\n", "104857600\n");
	expect(734003200, 104857600);
	make("/system.slice", "8388608000\n", "max\n");
	expect(734003200, 734003200);
}

static void a_change_is_seen(void **state)
{
	struct budget_room room;
	struct cgroup c;

	cgroup_find(&c, self, mount);
	make("/system.slice/k.service", "max\n", "52428800\n");
	cgroup_read_room(&c, &room);
	assert_int_equal(room.own_bytes, 52428800);
	make("/system.slice/k.service", "max\n", "max\n");
	cgroup_read_room(&c, &room);
	assert_int_equal(room.own_bytes, NO);
}

static void in_a_container_the_mount_is_the_own_cgroup(void **state)
{
	make("", "104857600\n", "max\n");
	write_file(self, "0::/\n");
	expect(91750400, 91750400);
}

static void what_is_not_there_is_no_limit(void **state)
{
	char path[PATH_MAX];
	struct cgroup c;

	write_file(self, "4:memory:/k\n");
	expect(NO, NO);
	write_file(self, "0::/system.slice/gone.service\n");
	expect(NO, NO);
	write_file(self, "0::/../other.service\n");
	expect(NO, NO);
	write_file(self, "");
	expect(NO, NO);
	assert_int_equal(remove(self), 0);
	expect(NO, NO);
	cgroup_find(&c, self, mount);
	assert_int_equal(cgroup_get_path(&c, "memory.pressure", path), -ENOENT);
}

static void a_file_of_it_has_its_path(void **state)
{
	char path[PATH_MAX], wanted[PATH_MAX];
	struct cgroup c;

	cgroup_find(&c, self, mount);
	snprintf(wanted, sizeof(wanted), "%s/system.slice/k.service/memory.pressure", mount);
	assert_int_equal(cgroup_get_path(&c, "memory.pressure", path), 0);
	assert_string_equal(path, wanted);
}

static void a_path_that_is_too_long_is_no_cgroup(void **state)
{
	char text[PATH_MAX + 64] = "0::/";

	memset(text + 4, 'a', PATH_MAX);
	write_file(self, text);
	expect(NO, NO);
}

static void the_real_one_can_be_asked(void **state)
{
	struct budget_room room;
	struct cgroup c;

	cgroup_find(&c, "/proc/self/cgroup", "/sys/fs/cgroup");
	cgroup_read_room(&c, &room);
	assert_true(room.all_bytes <= room.own_bytes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_own_limit_is_read),
		TEST(limits_above_are_read_and_do_not_hide_the_own),
		TEST(a_change_is_seen),
		TEST(in_a_container_the_mount_is_the_own_cgroup),
		TEST(what_is_not_there_is_no_limit),
		TEST(a_file_of_it_has_its_path),
		TEST(a_path_that_is_too_long_is_no_cgroup),
		TEST(the_real_one_can_be_asked),
	};

	return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
