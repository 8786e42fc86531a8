/* SPDX-License-Identifier: MIT */
/*
 * A bus with nobody on it but systemd: kgtest-manager SOCKET JOB.
 *
 * Answers, to one client after the other, the two questions that kgroupd asks when it is stopped:
 * which job is queued for a unit, and of which type is it. JOB is the type; "none": no job;
 * "silent": the connection is made and no question answered; "deny": each is answered with an
 * error. Prints a line for each property that it was asked for, with its object.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

static const char *job;

static int answer_get(sd_bus_message *call)
{
	const char *interface, *property;

	if (sd_bus_message_read(call, "ss", &interface, &property) < 0)
		return -EBADMSG;
	printf("%s %s\n", sd_bus_message_get_path(call), property);
	fflush(stdout);
	if (!strcmp(job, "silent"))
		return 1;
	if (!strcmp(job, "deny"))
		return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_ACCESS_DENIED, "no");
	if (!strcmp(property, "JobType"))
		return sd_bus_reply_method_return(call, "v", "s", job);
	if (!strcmp(job, "none"))
		return sd_bus_reply_method_return(call, "v", "(uo)", 0, "/");
	return sd_bus_reply_method_return(call, "v", "(uo)", 7, "/org/freedesktop/systemd1/job/7");
}

static int on_message(sd_bus_message *call, void *arg, sd_bus_error *error)
{
	if (sd_bus_message_is_method_call(call, NULL, "Hello"))
		return sd_bus_reply_method_return(call, "s", ":1.7");
	return sd_bus_message_is_method_call(call, NULL, "Get") ? answer_get(call) : 0;
}

static void serve(int fd)
{
	sd_id128_t id = SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 0);
	sd_bus *bus = NULL;
	int r = sd_bus_new(&bus);

	if (r >= 0)
		r = sd_bus_set_fd(bus, fd, fd);
	if (r >= 0)
		r = sd_bus_set_server(bus, 1, id);
	if (r >= 0)
		r = sd_bus_set_anonymous(bus, 1);
	if (r >= 0)
		r = sd_bus_add_filter(bus, NULL, on_message, NULL);
	if (r >= 0)
		r = sd_bus_start(bus);
	while (r >= 0) {
		r = sd_bus_process(bus, NULL);
		if (!r)
			r = sd_bus_wait(bus, UINT64_MAX);
	}
	sd_bus_unref(bus);
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), client;

	if (argc != 3 || strlen(argv[1]) >= sizeof(address.sun_path))
		return EXIT_FAILURE;
	strcpy(address.sun_path, argv[1]);
	job = argv[2];
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 8))
		return EXIT_FAILURE;
	printf("listening\n");
	fflush(stdout);
	while ((client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		serve(client);
	return EXIT_SUCCESS;
}
