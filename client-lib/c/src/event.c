/* SPDX-License-Identifier: MIT */
/*
 * The queue of events.
 *
 * Owns up to 256 of them and three more for each claim (a partition's errors: 32), each as small
 * as its text; the oldest goes when one more comes, and so does one that finds no memory. What went
 * is counted and told first, as KG_ERR_OVERFLOW. A claim comes, is to go and goes, so a program
 * that reads its events at each turn of its loop loses none, however many claims it holds. Nothing
 * waits for an event to be read. Called by whoever has something to say; it must never fail.
 */
#include "client-lib/c/src/event.h"

#include "client-lib/c/src/consumer.h"
#include "client-lib/c/src/error.h"
#include "client-lib/c/src/notice.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	MAX_EVENTS = 256,
	EVENTS_OF_CLAIM = 3,
	MAX_TEXT_BYTES = sizeof(((struct kg_error *)0)->text)
};

void events_init(struct events *es)
{
	*es = (struct events){.max = MAX_EVENTS};
	STAILQ_INIT(&es->queue);
}

static void drop_first(struct events *es)
{
	struct event *e = STAILQ_FIRST(&es->queue);

	STAILQ_REMOVE_HEAD(&es->queue, link);
	es->n--;
	free(e->notice);
	free(e);
}

static void forget_told(struct events *es)
{
	free(es->told);
	es->told = NULL;
}

void events_deinit(struct events *es)
{
	while (es->n)
		drop_first(es);
	forget_told(es);
}

void events_expect_claims(struct events *es, size_t n_claims)
{
	size_t max = MAX_EVENTS + EVENTS_OF_CLAIM * n_claims;

	if (max > es->max)
		es->max = (unsigned)max;
}

void events_push(struct events *es, const struct event *e, struct kgp_bytes text)
{
	size_t text_bytes = text.size < MAX_TEXT_BYTES ? text.size + 1 : MAX_TEXT_BYTES;
	struct event *copy = malloc(sizeof(*copy) + text_bytes);

	es->fresh = true;
	if (!copy) {
		free(e->notice);
		es->n_lost++;
		return;
	}
	*copy = *e;
	error_copy_text(copy->text, text_bytes, text);
	STAILQ_INSERT_TAIL(&es->queue, copy, link);
	if (++es->n <= es->max)
		return;
	drop_first(es);
	es->n_lost++;
}

static void tell_loss(struct events *es, struct kg_event *event)
{
	*event = (struct kg_event){.type = KG_EVENT_ERROR, .partition = -1, .context = "group"};
	error_set(&event->error, KG_ERR_OVERFLOW,
		  "%" PRIu64 " events were dropped because they were not read in time", es->n_lost);
	es->n_lost = 0;
}

static void tell(const struct event *e, struct kg_event *event)
{
	*event = (struct kg_event){
		.type = e->type,
		.topic = e->topic,
		.partition = e->partition,
		.request = e->request,
		.dwell_ms = e->dwell_ms,
		.context = e->context,
		.state = e->state,
	};
	if (e->notice)
		notice_tell(e->notice, event);
	if (e->code == KG_OK)
		return;
	error_set(&event->error, e->code, "%s", e->text[0] ? e->text : kg_strerror(e->code));
}

int events_next(struct events *es, struct kg_event *event)
{
	forget_told(es);
	if (es->n_lost) {
		tell_loss(es, event);
		return 1;
	}
	if (!es->n) {
		es->fresh = false;
		return 0;
	}
	tell(STAILQ_FIRST(&es->queue), event);
	es->told = STAILQ_FIRST(&es->queue)->notice;
	STAILQ_FIRST(&es->queue)->notice = NULL;
	drop_first(es);
	return 1;
}

int kg_consumer_next_event(struct kg_consumer *c, struct kg_event *event)
{
	CONSUMER_LOCK(c);

	if (!c || !event || consumer_is_forked(c))
		return 0;
	return events_next(&c->events, event);
}
