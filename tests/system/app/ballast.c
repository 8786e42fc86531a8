/* SPDX-License-Identifier: MIT */
/* Preloaded: BALLAST_MIB MiB that are used and never given back, as of fragments. */
#include <stdlib.h>
#include <sys/mman.h>

__attribute__((constructor)) static void hold(void)
{
	const char *mib = getenv("BALLAST_MIB");

	if (mib && mmap(NULL, (size_t)atoi(mib) << 20, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) == MAP_FAILED)
		abort();
}
