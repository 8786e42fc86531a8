/* SPDX-License-Identifier: MIT */
/* A daemon that follows a script, and the tool's commands run against it. */
#ifndef TEST_CTL_FAKE_H
#define TEST_CTL_FAKE_H

#include "client-lib/ctl/ctl.h"
#include "proto/codec.h"
#include "proto/frame.h"

#include "tests/unit/cmocka_all.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TIMEOUT_MS = 5000, SHORT_MS = 100, MAX_ARGUMENTS = 8 };

/* A daemon in a process of its own that serves one connection after the other. */
struct fake {
	char folder[32], path[64];
	pid_t pid;
};

/* What it does once a connection has sent its HELLO; the connection closes after that. */
typedef void (*script_fn)(int fd);

static inline void put_frame(int fd, enum kgp_type type, const void *message)
{
	struct kgp_buf b = {0};

	kgp_encode(&b, type, message);
	if (write(fd, b.data, b.len) != (ssize_t)b.len)
		_exit(1);
	kgp_buf_deinit(&b);
}

/* Reads one frame; the body stays in the buffer. */
static inline const struct kgp_info *take_frame(int fd, union kgp_body *body)
{
	static uint8_t frame[4096];
	const struct kgp_info *info;
	uint32_t n;

	if (recv(fd, frame, KGP_FRAME_HEADER, MSG_WAITALL) != KGP_FRAME_HEADER ||
	    kgp_frame_peek(frame, KGP_FRAME_HEADER, sizeof(frame) - 5, &n) < 0 ||
	    recv(fd, frame + KGP_FRAME_HEADER, n, MSG_WAITALL) != (ssize_t)n ||
	    kgp_decode(frame + KGP_FRAME_HEADER, n, KGP_CLIENT, &info, body) != 0)
		_exit(1);
	return info;
}

static inline void serve(int listen_fd, script_fn script)
{
	union kgp_body body;

	alarm(30);
	for (;;) {
		int fd = accept(listen_fd, NULL, NULL);

		if (fd < 0 || take_frame(fd, &body)->type != KGP_T_hello)
			_exit(1);
		script(fd);
		close(fd);
	}
}

static inline void fake_start(struct fake *f, script_fn script)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(f->folder, "/tmp/ctl-query.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->path, sizeof(f->path), "%s/s", f->folder);
	strcpy(address.sun_path, f->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 4), 0);
	f->pid = fork();
	if (f->pid == 0)
		serve(fd, script);
	close(fd);
}

static inline void fake_stop(struct fake *f)
{
	kill(f->pid, SIGKILL);
	waitpid(f->pid, NULL, 0);
	unlink(f->path);
	rmdir(f->folder);
}

static inline void welcome(int fd)
{
	static const struct kgp_name features[] = {{{"seek", 4}}, {{"query", 5}}};
	struct kgp_welcome welcome = {.version = 1,
				      .features = {.items = features, .n = 2},
				      .max_frame = KGP_FRAME_MAX_CLIENT,
				      .name = kgp_text("fake"),
				      .software = kgp_text("kgroupd/9.9.9")};

	put_frame(fd, KGP_T_welcome, &welcome);
}

static inline uint32_t take_query(int fd, union kgp_body *body)
{
	welcome(fd);
	if (take_frame(fd, body)->type != KGP_T_query)
		_exit(1);
	return (uint32_t)body->query.request;
}

static inline void reply(int fd, uint32_t request, const struct kgp_buf *result)
{
	struct kgp_reply reply = {.request = request,
				  .result = {.wire = result->data, .wire_bytes = result->len}};

	put_frame(fd, KGP_T_reply, &reply);
}

static inline void put_text(struct kgp_buf *b, const char *key, const char *text)
{
	kgp_put_str(b, kgp_text(key));
	kgp_put_str(b, kgp_text(text));
}

static inline void put_number(struct kgp_buf *b, const char *key, int64_t number)
{
	kgp_put_str(b, kgp_text(key));
	kgp_put_int(b, number);
}

typedef int (*command_fn)(struct ctl *, int, char **);

/* The command in a process of its own; its stdout, and its exit code. argv: without its name. */
static inline int run_with(command_fn command, struct ctl *ctl, const char *const *arguments,
			   char *out, size_t out_bytes)
{
	const char *argv[MAX_ARGUMENTS + 2] = {"kgroupctl"};
	FILE *file = tmpfile();
	int status, n = 0;
	pid_t pid;

	for (; arguments[n]; n++)
		argv[n + 1] = arguments[n];
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		dup2(fileno(file), STDOUT_FILENO);
		status = command(ctl, n + 1, (char **)argv);
		fflush(stdout);
		_exit(status);
	}
	assert_true(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	rewind(file);
	out[fread(out, 1, out_bytes - 1, file)] = '\0';
	fclose(file);
	return WEXITSTATUS(status);
}

static inline int run(command_fn command, struct ctl *ctl, const char *argument, char *out,
		      size_t out_bytes)
{
	const char *arguments[] = {argument, NULL};

	return run_with(command, ctl, arguments, out, out_bytes);
}

#endif
