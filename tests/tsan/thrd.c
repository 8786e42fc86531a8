/* SPDX-License-Identifier: MIT */
/*
 * C11 threads for ThreadSanitizer.
 *
 * librdkafka makes its threads with thrd_create(), which gcc's TSan does not intercept: a thread
 * that it does not know ends the process at its first intercepted call. Preloaded, this makes them
 * with pthread_create(), which it knows. Owns nothing; a thread's argument is freed by the thread.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

struct start {
	thrd_start_t run;
	void *arg;
};

static void *run(void *arg)
{
	struct start start = *(struct start *)arg;

	free(arg);
	return (void *)(intptr_t)start.run(start.arg);
}

int thrd_create(thrd_t *thread, thrd_start_t function, void *arg)
{
	struct start *start = malloc(sizeof(*start));

	if (!start)
		return thrd_nomem;
	*start = (struct start){function, arg};
	if (!pthread_create(thread, NULL, run, start))
		return thrd_success;
	free(start);
	return thrd_error;
}

int thrd_join(thrd_t thread, int *result)
{
	void *returned;

	if (pthread_join(thread, &returned))
		return thrd_error;
	if (result)
		*result = (int)(intptr_t)returned;
	return thrd_success;
}

int thrd_detach(thrd_t thread)
{
	return pthread_detach(thread) ? thrd_error : thrd_success;
}
