/* SPDX-License-Identifier: MIT */
/*
 * Filters: topics.include and topics.exclude of a consumer, as one decision about a name.
 *
 * Patterns are the clients', so each costs a bounded amount, whatever it says: PCRE2 calls us at
 * every step, and the steps on one name are counted. PCRE2's own match limit would not do: it
 * starts anew at each position of the name, and (a?){13}[xy] took 49 ms on 249 letters below a
 * limit of 20000; counted it ends after 0.3 ms, and harmless patterns cost the same as before.
 * Without the just-in-time compiler: it needs memory that is writable and executable, which the
 * unit of the service forbids. Names that begin with two underscores are Kafka's own: they are
 * left out unless the pattern itself has two underscores. Pure: no topics, no consumers, no clock.
 */
#include "daemon/core/filter.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Dots and dollars mean the same with DOTALL and DOLLAR_ENDONLY, as no name has a newline, and a
 * leading .* is tried at one position instead of all. \C could cut a character in two. */
#define COMPILE                                                                                    \
	(PCRE2_UTF | PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C |               \
	 PCRE2_AUTO_CALLOUT)

enum { HEAP_KIB = 1024, DEPTH = 1000 };

struct filter {
	pcre2_code *include, *exclude; /* NULL: none */
	pcre2_match_data *data;
	pcre2_match_context *context;
	unsigned n_steps;
	bool internal; /* Kafka's own topics too */
};

static int on_step(pcre2_callout_block *block, void *arg)
{
	struct filter *f = arg;

	(void)block;
	return ++f->n_steps > FILTER_MAX_STEPS ? PCRE2_ERROR_MATCHLIMIT : 0;
}

static int compile(pcre2_code **out, const char *name, struct kgp_bytes text, char *why,
		   size_t why_size)
{
	unsigned char message[128];
	PCRE2_SIZE at = 0;
	int error;

	if (!text.data)
		return 0;
	*out = pcre2_compile(text.data, text.size, COMPILE, &error, &at, NULL);
	if (*out)
		return 0;
	if (error == PCRE2_ERROR_HEAP_FAILED)
		return -ENOMEM;
	pcre2_get_error_message(error, message, sizeof(message));
	snprintf(why, why_size, "%s: %s, at byte %zu of '%.*s'", name, (const char *)message, at,
		 (int)text.size, (const char *)text.data);
	return -EINVAL;
}

static int prepare(struct filter *f)
{
	f->data = pcre2_match_data_create(1, NULL);
	f->context = pcre2_match_context_create(NULL);
	if (!f->data || !f->context)
		return -ENOMEM;
	pcre2_set_callout(f->context, on_step, f);
	pcre2_set_match_limit(f->context, FILTER_MAX_STEPS);
	pcre2_set_depth_limit(f->context, DEPTH);
	pcre2_set_heap_limit(f->context, HEAP_KIB);
	return 0;
}

int filter_new(struct filter **out, struct kgp_bytes include, struct kgp_bytes exclude, char *why,
	       size_t why_size)
{
	struct filter *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	r = compile(&f->include, "topics.include", include, why, why_size);
	if (!r)
		r = compile(&f->exclude, "topics.exclude", exclude, why, why_size);
	if (!r)
		r = prepare(f);
	if (r) {
		filter_free(f);
		return r;
	}
	f->internal = f->include && memmem(include.data, include.size, "__", 2);
	*out = f;
	return 0;
}

struct filter *filter_free(struct filter *f)
{
	if (!f)
		return NULL;
	pcre2_code_free(f->include);
	pcre2_code_free(f->exclude);
	pcre2_match_data_free(f->data);
	pcre2_match_context_free(f->context);
	free(f);
	return NULL;
}

bool filter_has_include(const struct filter *f)
{
	return f->include != NULL;
}

static int match(struct filter *f, const pcre2_code *code, const char *topic)
{
	int r;

	f->n_steps = 0;
	r = pcre2_match(code, (PCRE2_SPTR)topic, strlen(topic), 0, 0, f->data, f->context);
	if (r == PCRE2_ERROR_NOMATCH)
		return 0;
	return r < 0 ? -ELOOP : 1;
}

int filter_match(struct filter *f, const char *topic)
{
	int r;

	if (!f->include || (!strncmp(topic, "__", 2) && !f->internal))
		return 0;
	r = match(f, f->include, topic);
	if (r < 1 || !f->exclude)
		return r;
	r = match(f, f->exclude, topic);
	return r < 0 ? r : !r;
}
