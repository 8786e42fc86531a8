/* SPDX-License-Identifier: MIT */
/*
 * Programs that the demo starts, and what becomes of them.
 *
 * fork() and not posix_spawn(), for one reason: the child must be told to end with its parent, even
 * if that is killed (PR_SET_PDEATHSIG has no attribute in posix_spawn). This process has one
 * thread, so that is safe. Each child leads a process group of its own: Ctrl-C is for us, and we
 * end them in order. stdout and stderr come through one pipe; its end is how their end is noticed.
 * Children are ended by their pid and by nothing else.
 */
#include "client-lib/ctl/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client-lib/ctl/stop.h"

enum { EXEC_FAILED = 127, KILL_WAIT_MS = 5000 };

/* In the child. What systemd tells our own service is not for it. */
static void become(const char *const argv[], const char *const environment[], int fd, pid_t parent)
{
	static const char *const ours[] = {"NOTIFY_SOCKET", "LISTEN_FDS",   "LISTEN_PID",
					   "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM"};
	size_t i;

	stop_restore();
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(0);
	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		unsetenv(ours[i]);
	for (; *environment; environment++)
		putenv((char *)*environment);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	execv(argv[0], (char *const *)argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(EXEC_FAILED);
}

int child_start(struct child *c, const char *const argv[], const char *const environment[],
		struct trouble *t)
{
	pid_t parent = getpid();
	int fds[2];

	c->fd = -1;
	fflush(NULL);
	if (pipe2(fds, O_CLOEXEC) < 0) {
		trouble_set(t, TROUBLE_SYSTEM, "%s: no pipe: %s", c->name, strerror(errno));
		return -EIO;
	}
	c->pid = fork();
	if (c->pid == 0)
		become(argv, environment, fds[1], parent);
	close(fds[1]);
	if (c->pid < 0) {
		trouble_set(t, TROUBLE_SYSTEM, "%s: no process: %s", c->name, strerror(errno));
		close(fds[0]);
		c->pid = 0;
		return -EIO;
	}
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	c->fd = fds[0];
	return 0;
}

static void end_line(struct child *c)
{
	char *line = c->lines[c->n_lines++ % CHILD_LINES];

	memcpy(line, c->partial, c->n_partial);
	line[c->n_partial] = '\0';
	c->n_partial = 0;
	if (c->echo)
		fprintf(stderr, "[%s] %s\n", c->name, line);
}

static void add_text(struct child *c, const char *text, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (text[i] == '\n')
			end_line(c);
		else if (c->n_partial < CHILD_LINE_BYTES - 1)
			c->partial[c->n_partial++] = text[i];
	}
}

/* 0: it may say more; -ECHILD: it has closed its end. */
static int read_words(struct child *c)
{
	char text[4096];

	for (;;) {
		ssize_t n = read(c->fd, text, sizeof(text));

		if (n > 0)
			add_text(c, text, (size_t)n);
		else if (n < 0 && errno == EINTR)
			continue;
		else
			return n < 0 && errno == EAGAIN ? 0 : -ECHILD;
	}
}

static void reap(struct child *c)
{
	while (waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR)
		;
	if (c->n_partial)
		end_line(c);
	close(c->fd);
	c->fd = -1;
	c->pid = 0;
}

static void last_words(const struct child *c, char *out, size_t out_bytes)
{
	unsigned first = c->n_lines > CHILD_LINES ? c->n_lines - CHILD_LINES : 0;
	size_t used = 0;
	unsigned i;

	*out = '\0';
	for (i = first; i < c->n_lines && used < out_bytes; i++)
		used += (size_t)snprintf(out + used, out_bytes - used, "%s%s", used ? "\n" : "",
					 c->lines[i % CHILD_LINES]);
}

static void explain_end(const struct child *c, struct trouble *t)
{
	char words[sizeof(t->why)];

	if (WIFSIGNALED(c->status))
		trouble_set(t, TROUBLE_CHILD, "%s was ended by signal %d (%s)", c->name,
			    WTERMSIG(c->status), strsignal(WTERMSIG(c->status)));
	else
		trouble_set(t, TROUBLE_CHILD, "%s ended by itself with exit code %d", c->name,
			    WEXITSTATUS(c->status));
	last_words(c, words, sizeof(words));
	trouble_set_why(t, "its last words were:\n%s", *words ? words : "(none)");
	trouble_set_how(t, "'kgroupctl demo -v' shows everything that it says");
}

/* An end of the pipe without an end of the process: it has nothing more to say to us either. */
int child_look(struct child *c, struct trouble *t)
{
	if (c->pid == 0 || read_words(c) == 0)
		return 0;
	kill(c->pid, SIGTERM);
	reap(c);
	explain_end(c, t);
	return -ECHILD;
}

const char *child_find_line(const struct child *c, const char *prefix)
{
	unsigned i, n = c->n_lines < CHILD_LINES ? c->n_lines : CHILD_LINES;

	for (i = 0; i < n; i++) {
		const char *line = c->lines[(c->n_lines - 1 - i) % CHILD_LINES];

		if (strncmp(line, prefix, strlen(prefix)) == 0)
			return line;
	}
	return NULL;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Whether it has ended in time. Our own signals do not shorten this. */
static bool wait_for_end(struct child *c, int timeout_ms)
{
	int64_t deadline_ms = now_ms() + timeout_ms;
	struct pollfd p = {.fd = c->fd, .events = POLLIN};

	while (read_words(c) == 0) {
		int64_t left_ms = deadline_ms - now_ms();

		if (left_ms <= 0)
			return false;
		poll(&p, 1, (int)left_ms);
	}
	return true;
}

void child_stop(struct child *c, int timeout_ms)
{
	if (c->pid == 0)
		return;
	kill(c->pid, SIGTERM);
	if (!wait_for_end(c, timeout_ms)) {
		kill(c->pid, SIGKILL);
		wait_for_end(c, KILL_WAIT_MS);
	}
	reap(c);
}
