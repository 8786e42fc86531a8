/* SPDX-License-Identifier: MIT */
/* Memory pressure, told through the protocol of the service manager or read from a file. */
#include "daemon/pressure.h"

#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define WATCH "MEMORY_PRESSURE_WATCH"
#define WRITE "MEMORY_PRESSURE_WRITE"

static char folder[] = "/tmp/kgu-pressure-XXXXXX";
static char path[64], file[64];
static struct event_base *base;
static struct cgroup cgroup;
static unsigned n_told;

static void on_pressure(void *arg)
{
	assert_ptr_equal(arg, &n_told);
	n_told++;
}

static int remove_one(const char *name, const struct stat *st, int kind, struct FTW *at)
{
	return remove(name);
}

static int set_up(void **state)
{
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/watch", folder);
	snprintf(file, sizeof(file), "%s/memory.pressure", folder);
	strcpy(cgroup.path, folder);
	chmod(folder, 0755);
	unsetenv(WATCH);
	unsetenv(WRITE);
	n_told = 0;
	base = event_base_new();
	return base ? 0 : -1;
}

static int tear_down(void **state)
{
	event_base_free(base);
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct pressure *start(void)
{
	return pressure_open(base, &cgroup, on_pressure, &n_told);
}

static void turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static void fifo_tells(void **state)
{
	struct pressure *p;
	int fd;

	assert_int_equal(mkfifo(path, 0600), 0);
	setenv(WATCH, path, 1);
	setenv(WRITE, "eA==", 1); /* nothing of it goes into a FIFO */
	p = start();
	assert_string_equal(pressure_get_source(p), "told");
	turn();
	assert_int_equal(n_told, 0);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(write(fd, "xx", 2), 2);
	turn();
	turn();
	assert_int_equal(n_told, 1);
	close(fd);
	turn();
	assert_int_equal(n_told, 1);
	pressure_free(p);
}

static int listen_on(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, name);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void a_socket_gets_what_is_to_be_written_and_tells(void **state)
{
	int listener = listen_on(path), peer;
	char text[64] = "";
	struct pressure *p;

	setenv(WATCH, path, 1);
	setenv(WRITE, "c29tZSAyMDAwMDAgMjAwMDAwMAA=", 1);
	p = start();
	assert_string_equal(pressure_get_source(p), "told");
	peer = accept(listener, NULL, NULL);
	assert_int_equal(read(peer, text, sizeof(text)), 20);
	assert_string_equal(text, "some 200000 2000000");
	assert_int_equal(write(peer, "x", 1), 1);
	turn();
	assert_int_equal(n_told, 1);
	close(peer); /* and no busy loop */
	turn();
	turn();
	assert_int_equal(n_told, 1);
	assert_string_equal(pressure_get_source(p), "none");
	pressure_tick(p);
	close(listener);
	pressure_free(p);
}

static void it_may_be_unwanted(void **state)
{
	setenv(WATCH, "/dev/null", 1);
	assert_null(start());
	assert_string_equal(pressure_get_source(NULL), "none");
	pressure_tick(NULL);
}

static void put_stall(unsigned ms)
{
	FILE *f;

	f = fopen(file, "we");
	assert_non_null(f);
	fprintf(f, "some avg10=0.00 avg60=0.00 avg300=0.00 total=%u\n", ms * 1000);
	fclose(f);
}

/* As a service without rights at its cgroup. */
static struct pressure *start_without_rights(void)
{
	struct pressure *p;

	assert_int_equal(chmod(file, 0444), 0);
	assert_int_equal(seteuid(65534), 0);
	p = start();
	assert_int_equal(seteuid(0), 0);
	return p;
}

static void a_file_that_may_only_be_read_is_read(void **state)
{
	struct pressure *p;

	if (geteuid() != 0)
		skip();
	put_stall(5000);
	p = start_without_rights();
	assert_string_equal(pressure_get_source(p), "read");
	pressure_tick(p);
	pressure_tick(p);
	assert_int_equal(n_told, 0);
	put_stall(5149);
	pressure_tick(p);
	pressure_tick(p);
	assert_int_equal(n_told, 0);
	put_stall(5299);
	pressure_tick(p);
	assert_int_equal(n_told, 0); /* the window is two seconds */
	pressure_tick(p);
	assert_int_equal(n_told, 1);
	pressure_tick(p);
	pressure_tick(p);
	assert_int_equal(n_told, 1);
	pressure_free(p);
}

static void bad_values_of_the_environment_leave_the_own_cgroup(void **state)
{
	struct pressure *p;

	if (geteuid() != 0)
		skip();
	put_stall(0);
	setenv(WATCH, path, 1); /* there is no such file */
	p = start_without_rights();
	assert_string_equal(pressure_get_source(p), "read");
	pressure_free(p);
	assert_int_equal(mkfifo(path, 0666), 0);
	setenv(WRITE, "not base64", 1);
	p = start_without_rights();
	assert_string_equal(pressure_get_source(p), "read");
	pressure_free(p);
}

static void without_a_file_nobody_tells(void **state)
{
	assert_null(start());
	cgroup.path[0] = 0;
	assert_null(start());
}

static void a_file_that_is_none_of_the_kernels_says_nothing(void **state)
{
	FILE *f = fopen(file, "we");

	fclose(f);
	assert_null(start());
}

/* A trigger of our own, where this test may make one. */
static void the_kernel_takes_the_trigger(void **state)
{
	static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	struct pressure *p;
	char name[64];
	size_t i;

	for (i = 0; i < sizeof(roots) / sizeof(*roots); i++) {
		snprintf(name, sizeof(name), "%s/memory.pressure", roots[i]);
		if (access(name, W_OK))
			continue;
		strcpy(cgroup.path, roots[i]);
		p = start();
		assert_string_equal(pressure_get_source(p), "told");
		turn();
		assert_int_equal(n_told, 0);
		pressure_free(p);
		return;
	}
	skip();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(fifo_tells),
		TEST(a_socket_gets_what_is_to_be_written_and_tells),
		TEST(it_may_be_unwanted),
		TEST(a_file_that_may_only_be_read_is_read),
		TEST(bad_values_of_the_environment_leave_the_own_cgroup),
		TEST(without_a_file_nobody_tells),
		TEST(a_file_that_is_none_of_the_kernels_says_nothing),
		TEST(the_kernel_takes_the_trigger),
	};

	return cmocka_run_group_tests_name("pressure", tests, NULL, NULL);
}
