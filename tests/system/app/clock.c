/* SPDX-License-Identifier: MIT */
/*
 * A library to preload into the daemon: the clock of the day is set while it runs.
 *
 * CLOCK_OFFSET names a file of 8 bytes, an int64_t in the host's order: so many seconds are added
 * to the time of day from the next look on. Who waits until a time of day waits as long as with a
 * clock that was set: a step back makes it longer. The monotonic clock is left alone.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

enum { SLICE_NS = 20000000, SECOND_NS = 1000000000 };

static const volatile int64_t *offset_s;

__attribute__((constructor)) static void open_offset(void)
{
	static const int64_t none;
	const char *path = getenv("CLOCK_OFFSET");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *page = MAP_FAILED;

	if (fd >= 0) {
		page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
		close(fd);
	}
	offset_s = page != MAP_FAILED ? page : &none;
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
	static int (*next)(clockid_t, struct timespec *);
	int r;

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, __func__);
	r = next(clock, t);
	if (!r && offset_s && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		t->tv_sec += *offset_s;
	return r;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	struct timespec t;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &t);
	*out = (struct timeval){t.tv_sec, t.tv_nsec / 1000};
	return 0;
}

int timespec_get(struct timespec *t, int base)
{
	return base == TIME_UTC && !clock_gettime(CLOCK_REALTIME, t) ? base : 0;
}

/* True if it is over; else *slice is a time of the real clock that comes soon. */
static int is_over(const struct timespec *deadline, struct timespec *slice)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec > deadline->tv_sec ||
	    (now.tv_sec == deadline->tv_sec && now.tv_nsec >= deadline->tv_nsec))
		return 1;
	*slice = (struct timespec){now.tv_sec - *offset_s, now.tv_nsec + SLICE_NS};
	if (slice->tv_nsec >= SECOND_NS)
		*slice = (struct timespec){slice->tv_sec + 1, slice->tv_nsec - SECOND_NS};
	return 0;
}

int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex,
		  const struct timespec *restrict deadline)
{
	static int (*next)(cnd_t *, mtx_t *, const struct timespec *);
	struct timespec slice;
	int r = thrd_timedout;

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, __func__);
	while (r == thrd_timedout && !is_over(deadline, &slice))
		r = next(cond, mutex, &slice);
	return r;
}

int pthread_timedjoin_np(pthread_t thread, void **result, const struct timespec *deadline)
{
	static int (*next)(pthread_t, void **, const struct timespec *);
	struct timespec slice;
	int r = ETIMEDOUT;

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, __func__);
	while (r == ETIMEDOUT && !is_over(deadline, &slice))
		r = next(thread, result, &slice);
	return r;
}
