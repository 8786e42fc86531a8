/* SPDX-License-Identifier: MIT */
/*
 * Ending on a signal.
 *
 * The signals stay blocked but while the program waits, so none comes between a look at the flag
 * and the wait (the reason for ppoll), and none interrupts a write half-way. Before stop_init()
 * they do what they always do.
 */
#include "client-lib/ctl/stop.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

static const int numbers[] = {SIGHUP, SIGINT, SIGTERM};
static volatile sig_atomic_t came;
static sigset_t while_asleep;

static void on_signal(int number)
{
	if (!came)
		came = number;
}

void stop_init(void)
{
	struct sigaction action = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
	sigset_t blocked;
	size_t i;

	sigemptyset(&blocked);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(&blocked, numbers[i]);
	sigprocmask(SIG_BLOCK, &blocked, &while_asleep);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		sigdelset(&while_asleep, numbers[i]);
		sigaction(numbers[i], &action, NULL);
	}
	sigaction(SIGPIPE, &ignore, NULL);
}

void stop_restore(void)
{
	struct sigaction usual = {.sa_handler = SIG_DFL};
	sigset_t none;
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &usual, NULL);
	sigaction(SIGPIPE, &usual, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

int stop_signal(void)
{
	return came;
}

int stop_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	struct timespec timeout = {.tv_sec = timeout_ms / 1000,
				   .tv_nsec = (long)(timeout_ms % 1000) * 1000000};
	int ready = ppoll(fds, n, timeout_ms < 0 ? NULL : &timeout, &while_asleep);

	if (ready < 0)
		return errno == EINTR ? 0 : -errno;
	return ready;
}
