/* SPDX-License-Identifier: MIT */
/*
 * Notifications of rebalances.
 *
 * A notification is one block: three lists of partitions, one behind the other, as the daemon
 * named them. It is an event among the others, so it stands where it stood on the wire: START
 * before the releases that it announces, OK before whatever comes of the new claims, since messages
 * are handed out only after all frames before them were looked at. Made by frames.c, owned by the
 * queue of events, and when it was told, until the next one is.
 */
#include "client-lib/c/src/notice.h"

#include "client-lib/c/src/claim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t count(struct kgp_list topics)
{
	struct kgp_partitions p;
	size_t n = 0;

	while (kgp_next_partitions(&topics, &p))
		n += p.ids.n;
	return n;
}

/* Appends the partitions of one list. */
static int read_list(struct claims *cs, struct kgp_list topics, struct kg_partition_id **at)
{
	struct kgp_partitions p;
	struct kgp_number id;
	const char *topic;

	while (kgp_next_partitions(&topics, &p)) {
		if (!p.topic.size || memchr(p.topic.data, 0, p.topic.size))
			return -EBADMSG;
		topic = claims_topic(cs, p.topic);
		if (!topic)
			return -ENOMEM;
		while (kgp_next_number(&p.ids, &id)) {
			if (id.value > INT32_MAX)
				return -EBADMSG;
			*(*at)++ = (struct kg_partition_id){topic, (int32_t)id.value};
		}
	}
	return 0;
}

int notice_new(struct notice **out, struct claims *cs, const struct kgp_notify *m)
{
	struct kg_partition_id *at;
	struct notice *n;
	size_t n_claimed = count(m->claimed), n_released = count(m->released),
	       n_current = count(m->current);
	int r;

	n = malloc(sizeof(*n) + (n_claimed + n_released + n_current) * sizeof(*n->ids));
	if (!n)
		return -ENOMEM;
	*n = (struct notice){(enum kg_notification)m->kind, n_claimed, n_released, n_current};
	at = n->ids;
	r = read_list(cs, m->claimed, &at);
	if (!r)
		r = read_list(cs, m->released, &at);
	if (!r)
		r = read_list(cs, m->current, &at);
	if (r)
		free(n);
	else
		*out = n;
	return r;
}

void notice_tell(const struct notice *n, struct kg_event *event)
{
	event->notification = n->kind;
	event->claimed = n->ids;
	event->n_claimed = n->n_claimed;
	event->released = n->ids + n->n_claimed;
	event->n_released = n->n_released;
	event->current = n->ids + n->n_claimed + n->n_released;
	event->n_current = n->n_current;
}
