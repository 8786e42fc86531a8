/* SPDX-License-Identifier: MIT */
/*
 * Patterns of topics, which clients send and the daemon matches in its only thread.
 *
 * The input is three texts with a newline between them: include, exclude, a topic's name. A pattern
 * that is refused says why; one that is taken answers yes, no or that it took too many steps, each
 * time the same; and exclude never makes a yes of a no.
 */
#include "tests/fuzz/fuzz.h"

#include "daemon/core/filter.h"

#include <errno.h>

static struct kgp_bytes cut(const uint8_t **at, const uint8_t *end)
{
	const uint8_t *start = *at, *stop = start < end ? memchr(start, '\n', end - start) : NULL;

	*at = stop ? stop + 1 : end;
	return start < end ? kgp_bytes(start, (size_t)((stop ? stop : end) - start))
			   : kgp_bytes(NULL, 0);
}

static struct filter *make(struct kgp_bytes include, struct kgp_bytes exclude)
{
	struct filter *f = NULL;
	char why[256] = "";
	int r = filter_new(&f, include, exclude, why, sizeof(why));

	assert(!r == !!f && (!r || r == -EINVAL) && !r == !*why);
	assert(!f || filter_has_include(f) == !!include.data);
	return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_copy(data, size);
	const uint8_t *at = copy, *end = copy + size;
	struct kgp_bytes include = cut(&at, end), exclude = cut(&at, end);
	char *topic = fuzz_text(at, (size_t)(end - at));
	struct filter *both = make(include, exclude), *one = make(include, kgp_bytes(NULL, 0));
	int r;

	if (both) {
		assert(one);
		r = filter_match(both, topic);
		assert(r == 1 || r == 0 || r == -ELOOP);
		assert(filter_match(both, topic) == r);
		assert(r != 1 || filter_match(one, topic) == 1);
	}
	filter_free(both);
	filter_free(one);
	free(topic);
	free(copy);
	return 0;
}
