/* SPDX-License-Identifier: MIT */
/* The topics of a cluster as a group's credentials see them, looked at again and again. See
 * listing.c. */
#ifndef LISTING_H
#define LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct group;
struct listing;

/* Names of topics, sorted; never changed, shared, gone with its last reference. */
struct names {
	unsigned n_refs;
	size_t n;
	const char *name[];
};

struct names *listing_guess_names(const struct group *g); /* of its subscription; NULL: no memory */
struct names *names_ref(struct names *n);
struct names *names_unref(struct names *n);
bool names_have(const struct names *n, const char *topic);

/* code: 0, or why the topics could not be listed, with a text. */
typedef void listing_done_fn(void *owner, unsigned code, const char *why);

struct listing *listing_free(struct listing *l);
int listing_look(struct group *g);  /* a consumer has a pattern: lists now; 0, -ENOMEM */
void listing_tick(struct group *g); /* lists when it is time */
struct names *listing_get_names(const struct group *g); /* borrowed; NULL: not known yet */
void listing_on_matched(struct group *g);		/* every pattern has been matched */

/* Lists now; done is called once what is new is subscribed to. 0, -ENOMEM. */
int listing_refresh(struct group *g, listing_done_fn *done, void *owner);
void listing_forget(struct group *g, void *owner);

#endif
