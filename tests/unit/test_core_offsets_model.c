/* SPDX-License-Identifier: MIT */
/*
 * Random walks over the offsets of a partition, against a model.
 *
 * The model is a diary: it writes down what happened and computes nothing until it is asked. Every
 * answer comes from reading the diary backward by the rules of the protocol page, so it shares
 * neither state nor short cuts with the code. After each step all that a caller can see is
 * compared.
 */
#include "daemon/core/offsets.h"

#include "tests/unit/cmocka_all.h"
#include "tests/unit/test_core_random.h"

enum { N_STEPS = 200, LOG_END = 40 };

enum event {
	LOADED,	  /* offset: committed, -1: none */
	STARTS,	  /* offset: where, for want of a committed one */
	CLAIMED,  /* epoch */
	ENDED,	  /* the claim */
	SOUGHT,	  /* offset: target, epoch: the new one */
	POPPED,	  /* offset */
	SENT,	  /* offset */
	MARKED,	  /* offset, text: accepted, by MARK or RESUME */
	RESET,	  /* offset, text, epoch */
	PASSED,	  /* offset: position past control records */
	ACCEPTED, /* offset: index of the change that Kafka has now */
};

struct entry {
	enum event event;
	int64_t offset;
	uint64_t epoch;
	struct kgp_bytes text;
};

struct model {
	struct entry diary[2 * N_STEPS];
	int n;
	int in_flight;	 /* index of the change whose value is in flight; -1: none */
	uint64_t epochs; /* given out so far */
};

#define SET(event) (1u << (event))
#define CHANGES	   (SET(MARKED) | SET(RESET) | SET(PASSED)) /* what is to be committed */
#define TEXTS	   (SET(MARKED) | SET(RESET))
#define BASES	   (SET(LOADED) | SET(SOUGHT) | SET(MARKED) | SET(RESET))
#define TURNS	   (SET(CLAIMED) | SET(ENDED) | SET(SOUGHT)) /* before: another epoch */

static void note(struct model *m, enum event event, int64_t offset, uint64_t epoch,
		 struct kgp_bytes text)
{
	assert_true(m->n < 2 * N_STEPS);
	m->diary[m->n++] = (struct entry){event, offset, epoch, text};
}

/* The last entry of these before index, or -1. */
static int last(const struct model *m, unsigned set, int before)
{
	while (before-- > 0)
		if (set & SET(m->diary[before].event))
			return before;
	return -1;
}

static int64_t mark_of(const struct entry *e)
{
	return e->event == LOADED || e->event == SOUGHT ? e->offset - 1 : e->offset;
}

static int64_t value_of(const struct entry *e)
{
	return e->event == PASSED ? e->offset : mark_of(e) + 1;
}

static bool anything_counts(const struct model *m)
{
	int i = last(m, BASES, m->n);

	return i >= 0 && !(m->diary[i].event == LOADED && m->diary[i].offset < 0);
}

static int64_t mark(const struct model *m)
{
	return anything_counts(m) ? mark_of(&m->diary[last(m, BASES, m->n)]) : -1;
}

/* What would be committed if all that counts were; -1: nothing counts. */
static int64_t value(const struct model *m)
{
	return anything_counts(m) ? value_of(&m->diary[last(m, BASES | SET(PASSED), m->n)]) : -1;
}

static int64_t resume(const struct model *m)
{
	int starts = last(m, SET(STARTS), m->n);

	if (anything_counts(m))
		return value(m);
	return starts < 0 ? -1 : m->diary[starts].offset;
}

static uint64_t epoch(const struct model *m)
{
	int turn = last(m, SET(CLAIMED) | SET(ENDED), m->n);

	if (turn < 0 || m->diary[turn].event == ENDED)
		return 0;
	return m->diary[last(m, TURNS, m->n)].epoch;
}

/* The highest of an event in this epoch. */
static int64_t highest(const struct model *m, enum event event)
{
	int64_t most = -1;
	int i;

	for (i = m->n; i-- > 0 && !(TURNS & SET(m->diary[i].event));)
		if (m->diary[i].event == event && m->diary[i].offset > most)
			most = m->diary[i].offset;
	return most;
}

static int accepted(const struct model *m)
{
	int i = last(m, SET(ACCEPTED), m->n);

	return i < 0 ? -1 : (int)m->diary[i].offset;
}

/* The change that Kafka has not accepted, or -1. */
static int pending(const struct model *m)
{
	int change = last(m, CHANGES, m->n);

	return change > accepted(m) ? change : -1;
}

static int64_t committed(const struct model *m)
{
	int i = accepted(m), loaded = last(m, SET(LOADED), m->n);

	if (i >= 0)
		return value_of(&m->diary[i]);
	return loaded < 0 ? -1 : m->diary[loaded].offset;
}

/* The text that belongs to a change: its own, or that of the mark before the position. */
static struct kgp_bytes text_of(const struct model *m, int change)
{
	int i = last(m, TEXTS, change + 1);

	return i < 0 ? kgp_text(NULL) : m->diary[i].text;
}

static struct kgp_bytes committed_text(const struct model *m)
{
	int loaded = last(m, SET(LOADED), m->n);

	if (accepted(m) >= 0)
		return text_of(m, accepted(m));
	return loaded < 0 ? kgp_text(NULL) : m->diary[loaded].text;
}

static bool reset_is_pending(const struct model *m)
{
	int i = last(m, BASES, m->n);

	return i >= 0 && m->diary[i].event == RESET && i > accepted(m);
}

/* Did a reset or a seek happen that a client of that epoch cannot have known before its marks? */
static bool is_void(const struct model *m, uint64_t epoch)
{
	int i;

	for (i = 0; i < m->n; i++)
		if ((m->diary[i].event == SOUGHT && m->diary[i].epoch > epoch) ||
		    (m->diary[i].event == RESET && m->diary[i].epoch >= epoch))
			return true;
	return false;
}

/* ---- steps: the same to the code and to the model -------------------------------------------- */

static struct kgp_bytes any_text(void)
{
	static const struct kgp_bytes texts[] = {{NULL, 0}, {"", 0}, {"a", 1}, {"b\0c", 3}};

	return texts[random_below(4)];
}

/* Mostly the current one. */
static uint64_t any_epoch(const struct model *m)
{
	return random_below(8) ? epoch(m) : (uint64_t)random_below((int)m->epochs + 2);
}

static int64_t any_offset(void)
{
	return random_below(LOG_END + 6) - 3;
}

static void step_mark(struct offsets *o, struct model *m)
{
	int64_t offset = any_offset(), end = random_below(4) ? LOG_END : INT64_MAX;
	struct kgp_bytes text = any_text();
	uint64_t of = any_epoch(m);
	int want = KGP_VERDICT_ACCEPTED;

	if (!epoch(m) || of != epoch(m))
		want = KGP_VERDICT_STALE;
	else if (offset < 0 || offset >= end)
		want = KGP_VERDICT_OUT_OF_RANGE;
	else if (offset + 1 <= value(m))
		want = KGP_VERDICT_IGNORED;
	assert_int_equal(offsets_mark(o, of, offset, text, end), want);
	if (want == KGP_VERDICT_ACCEPTED)
		note(m, MARKED, offset, 0, text);
}

static void step_reset(struct offsets *o, struct model *m)
{
	int64_t offset = any_offset();
	struct kgp_bytes text = any_text();
	uint64_t of = any_epoch(m);
	int want = KGP_VERDICT_ACCEPTED;

	if (!epoch(m) || of != epoch(m))
		want = KGP_VERDICT_STALE;
	else if (offset < 0)
		want = KGP_VERDICT_OUT_OF_RANGE;
	else if (anything_counts(m) && offset > mark(m))
		want = KGP_VERDICT_IGNORED;
	assert_int_equal(offsets_reset(o, of, offset, text, INT64_MAX), want);
	if (want == KGP_VERDICT_ACCEPTED)
		note(m, RESET, offset, of, text);
}

static void step_resume(struct offsets *o, struct model *m)
{
	int64_t offset = any_offset(), names = any_offset();
	struct kgp_bytes text = any_text();
	uint64_t of = (uint64_t)random_below((int)m->epochs + 2);
	int want = KGP_VERDICT_ACCEPTED;

	if (names < -1 || !random_below(2))
		names = committed(m);
	if (is_void(m, of) || committed(m) < names)
		want = KGP_VERDICT_STALE;
	else if (offset < 0)
		want = KGP_VERDICT_OUT_OF_RANGE;
	else if (offset + 1 <= value(m))
		want = KGP_VERDICT_IGNORED;
	assert_int_equal(offsets_resume(o, of, offset, names, text), want);
	if (want == KGP_VERDICT_ACCEPTED)
		note(m, MARKED, offset, 0, text);
}

static void step_claim(struct offsets *o, struct model *m)
{
	m->epochs += 1 + (uint64_t)random_below(2);
	offsets_begin(o, m->epochs);
	note(m, CLAIMED, -1, m->epochs, kgp_text(NULL));
}

static void step_end(struct offsets *o, struct model *m)
{
	offsets_end(o);
	note(m, ENDED, -1, 0, kgp_text(NULL));
}

static void step_seek(struct offsets *o, struct model *m)
{
	int64_t target = random_below(LOG_END);

	m->epochs++;
	offsets_seek(o, m->epochs, target);
	note(m, SOUGHT, target, m->epochs, kgp_text(NULL));
}

/* As the daemon does: only with a claim, from where the epoch started, in order, with gaps. */
static void step_deliver(struct offsets *o, struct model *m)
{
	int64_t from = highest(m, POPPED) < 0 ? resume(m) : highest(m, POPPED) + 1;
	int64_t offset = from + random_below(3) / 2;

	if (!epoch(m) || offset >= LOG_END)
		return;
	offsets_on_popped(o, offset);
	note(m, POPPED, offset, 0, kgp_text(NULL));
	if (!random_below(4))
		return;
	offsets_on_sent(o, offset);
	note(m, SENT, offset, 0, kgp_text(NULL));
}

/* The handler catches up: without this the position would hardly ever count. */
static void step_mark_all(struct offsets *o, struct model *m)
{
	int64_t offset = highest(m, SENT);
	struct kgp_bytes text = any_text();

	if (offset < 0 || offset + 1 <= value(m))
		return;
	assert_int_equal(offsets_mark(o, epoch(m), offset, text, LOG_END), KGP_VERDICT_ACCEPTED);
	note(m, MARKED, offset, 0, text);
}

static void step_position(struct offsets *o, struct model *m)
{
	int64_t position = any_offset();
	bool counts = mark(m) >= 0 && mark(m) == highest(m, POPPED) &&
		      mark(m) == highest(m, SENT) && !reset_is_pending(m);

	offsets_on_position(o, position);
	if (counts && position > mark(m) + 1 && position > value(m))
		note(m, PASSED, position, 0, kgp_text(NULL));
}

static void step_commit(struct offsets *o, struct model *m)
{
	bool want = pending(m) >= 0 && m->in_flight < 0;

	assert_int_equal(offsets_commit_begin(o), want);
	if (want)
		m->in_flight = pending(m);
}

static void step_answer(struct offsets *o, struct model *m)
{
	bool ok = random_below(3);

	if (m->in_flight < 0)
		return;
	offsets_commit_end(o, ok);
	if (ok)
		note(m, ACCEPTED, m->in_flight, 0, kgp_text(NULL));
	m->in_flight = -1;
}

/* ---- comparison ------------------------------------------------------------------------------ */

static void assert_text(struct kgp_bytes is, struct kgp_bytes want)
{
	assert_true(!is.data == !want.data && is.size == want.size);
	assert_true(!is.size || !memcmp(is.data, want.data, is.size));
}

static void compare(const struct offsets *o, const struct model *m)
{
	int change = pending(m);

	assert_int_equal(o->epoch, epoch(m));
	assert_int_equal(o->mark, mark(m));
	assert_int_equal(o->resume, resume(m));
	assert_int_equal(o->pending, change < 0 ? -1 : value_of(&m->diary[change]));
	assert_int_equal(o->committed, committed(m));
	assert_text(offsets_get_committed_metadata(o), committed_text(m));
	assert_int_equal(o->committing, m->in_flight < 0 ? -1 : value_of(&m->diary[m->in_flight]));
	if (m->in_flight >= 0)
		assert_text(offsets_get_committing_metadata(o), text_of(m, m->in_flight));
	if (change >= 0)
		assert_text(offsets_get_metadata(o), text_of(m, change));
	assert_int_equal(offsets_is_clean(o), change < 0 && m->in_flight < 0);
	assert_int_equal(offsets_is_done(o), highest(m, SENT) < 0 || mark(m) >= highest(m, SENT));
}

static void begin_walk(struct offsets *o, struct model *m)
{
	int64_t start = random_below(LOG_END / 2), had = random_below(3) ? start : -1;
	struct kgp_bytes text = had < 0 ? kgp_text(NULL) : any_text();

	m->n = 0;
	m->in_flight = -1;
	m->epochs = 0;
	offsets_init(o);
	assert_int_equal(offsets_load(o, had, text), 0);
	note(m, LOADED, had, 0, text);
	if (had >= 0)
		return;
	o->resume = start;
	note(m, STARTS, start, 0, kgp_text(NULL));
}

static void offsets_behave_like_their_diary(void **state)
{
	static void (*const steps[])(struct offsets *, struct model *) = {
		step_mark,     step_mark,    step_mark,	    step_reset,	   step_resume,
		step_claim,    step_claim,   step_end,	    step_seek,	   step_deliver,
		step_deliver,  step_deliver, step_mark_all, step_mark_all, step_position,
		step_position, step_commit,  step_commit,   step_answer,   step_answer,
	};
	static struct model m;
	struct offsets o;
	uint64_t left = random_steps(200000) / N_STEPS + 1;
	int step;

	random_seed(20240229);
	while (left--) {
		begin_walk(&o, &m);
		compare(&o, &m);
		for (step = 0; step < N_STEPS; step++) {
			steps[random_below((int)(sizeof(steps) / sizeof(*steps)))](&o, &m);
			compare(&o, &m);
		}
		offsets_deinit(&o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(offsets_behave_like_their_diary)};

	return cmocka_run_group_tests_name("core offsets model", tests, NULL, NULL);
}
