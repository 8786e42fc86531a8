/* SPDX-License-Identifier: MIT */
/*
 * Are we still the process that opened the consumer?
 *
 * Asked at every call, so it may not cost a system call, and getpid() is one. A page that is marked
 * MADV_WIPEONFORK reads as zero in every child, however it was made (fork, clone, a fork without
 * handlers), and costs one load to ask. Kernels before 4.14 have no such thing: there getpid() it
 * is. Owns its page. Nothing here can fail in a way that the caller would have to know.
 */
#include "client-lib/c/src/fork_guard.h"

#include <stddef.h>
#include <sys/mman.h>

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

void fork_guard_init(struct fork_guard *g)
{
	void *page = mmap(NULL, page_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	g->pid = getpid();
	g->alive = NULL;
	if (page == MAP_FAILED)
		return;
	if (madvise(page, page_bytes(), MADV_WIPEONFORK)) {
		munmap(page, page_bytes());
		return;
	}
	*(uint32_t *)page = 1;
	g->alive = page;
}

void fork_guard_deinit(struct fork_guard *g)
{
	if (g->alive)
		munmap((void *)(uintptr_t)g->alive, page_bytes());
	g->alive = NULL;
}
