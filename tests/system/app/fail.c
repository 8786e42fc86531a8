/* SPDX-License-Identifier: MIT */
/*
 * No memory for the daemon: preloaded, the n-th allocation from now on fails.
 *
 * Counted are those of the loop's thread whose caller is the program itself, libevent or msgpack:
 * librdkafka ends the process when it gets none, and libc's are its own affair. The test sets the
 * countdown in a file that is mapped, so nothing is counted between its sessions; the library
 * writes there how often one failed. Owns the mapping.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct shared {
	_Atomic uint32_t countdown; /* 0: none fails */
	_Atomic uint32_t n_failed;
};

struct range {
	uintptr_t from, to;
};

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static struct shared *shared;
static struct range ranges[8];
static unsigned n_ranges;

static bool is_counted(const char *name)
{
	return !*name || strstr(name, "libevent") || strstr(name, "msgpack");
}

static int add_range(struct dl_phdr_info *info, size_t size, void *arg)
{
	const ElfW(Phdr) * p;

	for (p = info->dlpi_phdr; p < info->dlpi_phdr + info->dlpi_phnum; p++)
		if (is_counted(info->dlpi_name) && p->p_type == PT_LOAD && p->p_flags & PF_X &&
		    n_ranges < sizeof(ranges) / sizeof(*ranges))
			ranges[n_ranges++] =
				(struct range){info->dlpi_addr + p->p_vaddr,
					       info->dlpi_addr + p->p_vaddr + p->p_memsz};
	return 0;
}

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("KGROUP_TEST_FAIL");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map;

	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	dl_iterate_phdr(add_range, NULL);
	if (map != MAP_FAILED)
		shared = map;
}

static bool fails(const void *caller)
{
	uintptr_t at = (uintptr_t)caller;
	unsigned i;

	if (!shared || !shared->countdown || gettid() != getpid())
		return false;
	for (i = 0; i < n_ranges && (at < ranges[i].from || at >= ranges[i].to); i++)
		;
	if (i == n_ranges || --shared->countdown)
		return false;
	shared->n_failed++;
	errno = ENOMEM;
	return true;
}

static void *find(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

void *malloc(size_t n)
{
	if (fails(__builtin_return_address(0)))
		return NULL;
	if (!real_malloc)
		*(void **)&real_malloc = find("malloc");
	return real_malloc(n);
}

/* dlsym() itself may ask for memory here: it goes on without. */
void *calloc(size_t n, size_t size)
{
	static __thread bool finding;

	if (fails(__builtin_return_address(0)) || finding)
		return NULL;
	if (!real_calloc) {
		finding = true;
		*(void **)&real_calloc = find("calloc");
		finding = false;
	}
	return real_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	if (fails(__builtin_return_address(0)))
		return NULL;
	if (!real_realloc)
		*(void **)&real_realloc = find("realloc");
	return real_realloc(p, n);
}

char *strndup(const char *text, size_t most)
{
	size_t n = strnlen(text, most);
	char *copy = fails(__builtin_return_address(0)) ? NULL : malloc(n + 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, n);
	copy[n] = '\0';
	return copy;
}

char *strdup(const char *text)
{
	size_t n = strlen(text);
	char *copy = fails(__builtin_return_address(0)) ? NULL : malloc(n + 1);

	return copy ? memcpy(copy, text, n + 1) : NULL;
}
