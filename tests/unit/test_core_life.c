/* SPDX-License-Identifier: MIT */
/*
 * The life of partitions in the hands of consumers that come and go: the pure core as a whole.
 *
 * The offsets, the distribution, the credit and the closed partitions are used as the daemon uses
 * them, in random order, over many claims: releases, deaths, reconnects with what was marked,
 * seeks, resets, commits in flight that fail or are answered late, partitions that Kafka takes and
 * gives back. Beside it stands a log that remembers, for each message, whether it was ever handed
 * out and whether somebody said that it was done. What is promised is asked of that log: nothing is
 * committed that nobody marked, nothing is handed out above credit, nothing marked comes again
 * without a reason, and at the end, when everybody marks everything, nothing is missing.
 *
 * KGROUP_TEST_STEPS: how many steps, a million if it is not set.
 */
#include "daemon/core/credit.h"
#include "daemon/core/distribution.h"
#include "daemon/core/offsets.h"

#include "tests/unit/cmocka_all.h"
#include "tests/unit/test_core_random.h"

enum { N_CONSUMERS = 4, N_PARTITIONS = 5, LOG_MOST = 64, STEPS_OF_A_WALK = 400 };

struct member {
	bool here;
	unsigned topics; /* bits; topic 0 has the partitions 0 to 2 */
	struct credit credit;
};

struct part {
	struct offsets offsets;
	int holder; /* -1: nobody */
	bool releasing, owned;
	int64_t next; /* to be handed out in this epoch */
	bool closed_by[N_CONSUMERS];
	/* What must be remembered of it, whatever the code does. */
	int64_t end, kafka;	 /* of the log; committed in Kafka, -1: nothing */
	int64_t mark;		 /* last accepted word + 1: mark, reset, seek, or where it began */
	int64_t highest;	 /* of all that justify a commit */
	bool seen[LOG_MOST + 1]; /* handed out at least once, or skipped on purpose */
	uint64_t void_epoch;	 /* RESUMEs of this and below are void */
	uint64_t old_epoch;	 /* of a claim that has ended */
	int64_t old_mark, old_known; /* what its consumer knew when it went */
};

static struct member members[N_CONSUMERS];
static struct part parts[N_PARTITIONS];
static uint64_t epochs;
static enum kgp_strategy strategy;
static const char *const topic_names[] = {"t0", "t1"};

static int topic_of(int p)
{
	return p >= 3;
}

static struct kgp_bytes no_text(void)
{
	return kgp_bytes(NULL, 0);
}

/* ---- claims ---------------------------------------------------------------------------------- */

static void end_claim(struct part *p)
{
	if (p->holder < 0)
		return;
	p->old_epoch = p->offsets.epoch;
	p->old_mark = p->mark - 1;
	p->old_known = p->kafka;
	offsets_end(&p->offsets);
	p->holder = -1;
	p->releasing = false;
}

static void begin_claim(struct part *p, int holder)
{
	assert_int_equal(p->holder, -1);
	assert_int_equal(p->offsets.resume,
			 p->mark); /* it starts behind what is done, no further */
	offsets_begin(&p->offsets, ++epochs);
	p->holder = holder;
	p->next = p->offsets.resume;
}

static void add_topics(struct dist_consumer *c, const struct member *m, const char **names)
{
	unsigned t;

	*c = (struct dist_consumer){.topics = names};
	for (t = 0; t < 2; t++)
		if (m->topics >> t & 1)
			names[c->n_topics++] = topic_names[t];
}

static void apply_desired(struct part *p, int desired)
{
	if (p->holder >= 0 && p->holder != desired)
		p->releasing = true;
	if (p->holder < 0 && desired >= 0)
		begin_claim(p, desired);
}

static bool somebody_may(int p)
{
	int m;

	for (m = 0; m < N_CONSUMERS; m++)
		if (members[m].here && members[m].topics >> topic_of(p) & 1 &&
		    !parts[p].closed_by[m])
			return true;
	return false;
}

static void step_distribute(void)
{
	struct dist_consumer consumers[N_CONSUMERS];
	struct dist_partition list[N_PARTITIONS];
	const char *names[N_CONSUMERS][2];
	int member_of[N_CONSUMERS], index_of[N_CONSUMERS], closed[N_PARTITIONS][N_CONSUMERS];
	int owned[N_PARTITIONS], n = 0, n_owned = 0, m, p, d;

	for (m = 0; m < N_CONSUMERS; m++) {
		index_of[m] = members[m].here ? n : -1;
		if (!members[m].here)
			continue;
		member_of[n] = m;
		add_topics(&consumers[n], &members[m], names[n]);
		n++;
	}
	for (p = 0; p < N_PARTITIONS; p++) {
		if (!parts[p].owned)
			continue;
		owned[n_owned] = p;
		list[n_owned] = (struct dist_partition){
			.topic = topic_names[topic_of(p)],
			.id = p,
			.holder = parts[p].holder < 0 ? -1 : index_of[parts[p].holder],
			.closed_by = closed[p],
		};
		for (m = 0; m < N_CONSUMERS; m++)
			if (members[m].here && parts[p].closed_by[m])
				closed[p][list[n_owned].n_closed_by++] = index_of[m];
		n_owned++;
	}
	distribution_compute(strategy, consumers, (size_t)n, list, (size_t)n_owned);
	for (p = 0; p < n_owned; p++) {
		d = list[p].desired < 0 ? -1 : member_of[list[p].desired];
		assert_true(d < 0 || (members[d].topics >> topic_of(owned[p]) & 1 &&
				      !parts[owned[p]].closed_by[d]));
		assert_int_equal(d >= 0, somebody_may(owned[p]));
		apply_desired(&parts[owned[p]], d);
	}
}

static struct part *any_part(void)
{
	return &parts[random_below(N_PARTITIONS)];
}

static void step_end_release(void)
{
	struct part *p = any_part();

	if (p->holder >= 0 && (p->releasing || !random_below(8)))
		end_claim(p);
}

static void step_come_or_go(void)
{
	struct member *m = &members[random_below(N_CONSUMERS)];
	int i, self = (int)(m - members);

	m->here = !m->here;
	m->topics = 1u + (unsigned)random_below(3);
	m->credit = (struct credit){0};
	for (i = 0; i < N_PARTITIONS; i++) {
		if (parts[i].holder == self)
			end_claim(&parts[i]);
		if (random_below(2))
			parts[i].closed_by[self] = false;
	}
}

static void step_close(void)
{
	struct part *p = any_part();

	if (p->holder < 0)
		return;
	p->closed_by[p->holder] = true;
	p->releasing = true;
}

/* ---- delivery, marks ------------------------------------------------------------------------- */

static void step_credit(void)
{
	struct credit *c = &members[random_below(N_CONSUMERS)].credit;
	uint64_t messages = c->messages, bytes = c->bytes;

	if (!random_below(8) && messages) { /* less than before is refused and changes nothing */
		assert_true(credit_grant(c, messages - 1, bytes) < 0);
		assert_int_equal(c->messages, messages);
		return;
	}
	assert_int_equal(credit_grant(c, messages + (uint64_t)random_below(12),
				      bytes + (uint64_t)random_below(200)),
			 0);
}

/* One message, if it may be: the last one overshoots the bytes, none the messages. */
static bool deliver(struct part *p)
{
	struct credit *c;

	if (p->holder < 0 || p->releasing || p->next >= p->end)
		return false;
	c = &members[p->holder].credit;
	assert_int_equal(credit_open(c), credit_messages_left(c) > 0 && credit_bytes_left(c) > 0);
	if (!credit_open(c))
		return false;
	assert_true(p->next >= p->mark || p->offsets.was_reset || p->mark <= p->highest);
	offsets_on_popped(&p->offsets, p->next);
	offsets_on_sent(&p->offsets, p->next);
	credit_take(c, 1, 30);
	assert_true(c->sent_messages <= c->messages && c->sent_bytes < c->bytes + 30);
	p->seen[p->next++] = true;
	return true;
}

static void step_deliver(void)
{
	struct part *p = any_part();
	int n = random_below(6);

	while (n-- && deliver(p))
		;
}

static void accepted(struct part *p, int64_t offset)
{
	int64_t o;

	for (o = p->mark < 0 ? 0 : p->mark; o <= offset && o < LOG_MOST; o++)
		p->seen[o] = true; /* a mark of what did not come yet is a word too */
	p->mark = offset + 1;
	if (offset + 1 > p->highest)
		p->highest = offset + 1;
}

static void step_mark(void)
{
	struct part *p = any_part();
	int64_t offset =
		random_below(3) ? p->next - 1 - random_below(3) : (int64_t)random_below(LOG_MOST);
	uint64_t epoch = random_below(6) ? p->offsets.epoch : p->old_epoch;
	bool current = p->holder >= 0 && epoch == p->offsets.epoch;
	int v = offsets_mark(&p->offsets, epoch, offset, no_text(), p->end);

	if (!current)
		assert_int_equal(v, KGP_VERDICT_STALE);
	else if (offset < 0 || offset >= p->end)
		assert_int_equal(v, KGP_VERDICT_OUT_OF_RANGE);
	else
		assert_int_equal(v, offset < p->mark ? KGP_VERDICT_IGNORED : KGP_VERDICT_ACCEPTED);
	if (v == KGP_VERDICT_ACCEPTED)
		accepted(p, offset);
}

static void step_reset(void)
{
	struct part *p = any_part();
	int64_t offset = p->mark - 1 - random_below(4);

	if (p->holder < 0 || offsets_reset(&p->offsets, p->offsets.epoch, offset, no_text(),
					   p->end) != KGP_VERDICT_ACCEPTED)
		return;
	assert_true(offset >= 0);
	p->mark = offset + 1;
	if (p->mark > p->highest) /* nothing was committed yet: it sets the position all the same */
		p->highest = p->mark;
	p->void_epoch = p->offsets.epoch;
}

static void step_seek(void)
{
	struct part *p = any_part();
	int64_t target = random_below((int)p->end + 1), o;

	if (!p->owned)
		return;
	offsets_seek(&p->offsets, ++epochs, target);
	for (o = p->mark; o < target; o++)
		p->seen[o] = true; /* skipped on purpose */
	p->mark = p->next = target;
	if (target > p->highest)
		p->highest = target;
	p->void_epoch = epochs - 1;
}

/* A consumer is back and says what it had marked. */
static void step_resume(void)
{
	struct part *p = any_part();
	int64_t offset = p->old_mark + random_below(3);
	bool is_void = p->old_epoch <= p->void_epoch;
	int v;

	if (!p->owned || !p->old_epoch || offset >= p->end)
		return;
	v = offsets_resume(&p->offsets, p->old_epoch, offset, p->old_known, no_text());
	assert_true(!is_void || v == KGP_VERDICT_STALE);
	assert_true(v != KGP_VERDICT_ACCEPTED || offset >= p->mark);
	if (v == KGP_VERDICT_ACCEPTED)
		accepted(p, offset);
}

/* ---- Kafka ----------------------------------------------------------------------------------- */

static void step_commit(void)
{
	struct part *p = any_part();
	bool busy = p->offsets.committing >= 0;
	bool begun = p->owned && offsets_commit_begin(&p->offsets);

	assert_false(begun && busy);
	if (begun)
		assert_true(p->offsets.committing <= p->highest);
}

static void step_answer(void)
{
	struct part *p = any_part();
	bool ok = random_below(3);

	if (p->offsets.committing < 0)
		return;
	if (ok)
		p->kafka = p->offsets.committing;
	offsets_commit_end(&p->offsets, ok);
	assert_int_equal(p->offsets.committed, p->kafka);
}

static void step_produce(void)
{
	struct part *p = any_part();

	if (p->end < LOG_MOST)
		p->end += random_below(3);
	if (p->end > LOG_MOST)
		p->end = LOG_MOST;
}

static void give_back(struct part *p)
{
	end_claim(p);
	if (p->offsets.committing >= 0)
		offsets_commit_end(&p->offsets, false);
	offsets_deinit(&p->offsets);
	p->owned = false;
}

/* What was not committed comes again; without anything committed it begins at the start. */
static void take(struct part *p)
{
	offsets_init(&p->offsets);
	assert_int_equal(offsets_load(&p->offsets, p->kafka, no_text()), 0);
	if (p->kafka < 0)
		p->offsets.resume = 0;
	p->offsets.last_epoch = epochs;
	p->mark = p->kafka < 0 ? 0 : p->kafka;
	p->old_epoch = 0;
	p->void_epoch = 0;
	p->owned = true;
	memset(p->closed_by, 0, sizeof(p->closed_by));
}

static void step_rebalance(void)
{
	struct part *p = any_part();

	if (random_below(4))
		return;
	if (p->owned)
		give_back(p);
	else
		take(p);
}

/* ---- the walk -------------------------------------------------------------------------------- */

static void check(void)
{
	const struct part *p;

	for (p = parts; p < parts + N_PARTITIONS; p++) {
		assert_true(p->holder < 0 || (p->owned && members[p->holder].here));
		assert_int_equal(p->offsets.epoch != 0 && p->owned, p->holder >= 0);
		if (!p->owned)
			continue;
		assert_int_equal(p->offsets.committed, p->kafka);
		assert_int_equal(p->offsets.resume, p->mark);
		assert_true(p->kafka <= p->highest);
	}
}

/* Everybody reads and marks: nothing is missing, and Kafka has it. */
static void finish(struct part *p)
{
	struct member *m = &members[0];
	int64_t o;

	if (!p->owned)
		take(p);
	end_claim(p);
	*m = (struct member){.here = true, .topics = 3};
	credit_grant(&m->credit, UINT32_MAX, UINT32_MAX);
	p->end++; /* a seek to the end has nothing to commit before there is more */
	begin_claim(p, 0);
	while (deliver(p))
		;
	for (o = 0; o < p->end; o++)
		assert_true(p->seen[o]);
	offsets_mark(&p->offsets, p->offsets.epoch, p->end - 1, no_text(), p->end);
	if (p->offsets.committing >= 0)
		offsets_commit_end(&p->offsets, true);
	if (offsets_commit_begin(&p->offsets))
		offsets_commit_end(&p->offsets, true);
	assert_int_equal(p->offsets.committed, p->end);
	offsets_deinit(&p->offsets);
}

static void walk(void)
{
	static void (*const steps[])(void) = {
		step_distribute, step_distribute, step_end_release, step_end_release,
		step_come_or_go, step_close,	  step_credit,	    step_credit,
		step_deliver,	 step_deliver,	  step_deliver,	    step_deliver,
		step_mark,	 step_mark,	  step_mark,	    step_mark,
		step_reset,	 step_seek,	  step_resume,	    step_commit,
		step_commit,	 step_answer,	  step_answer,	    step_produce,
		step_rebalance,
	};
	int i;

	memset(members, 0, sizeof(members));
	memset(parts, 0, sizeof(parts));
	epochs = 0;
	strategy = (enum kgp_strategy)random_below(3);
	for (i = 0; i < N_PARTITIONS; i++) {
		parts[i].holder = parts[i].kafka = -1;
		take(&parts[i]);
	}
	for (i = 0; i < STEPS_OF_A_WALK; i++) {
		steps[random_below((int)(sizeof(steps) / sizeof(*steps)))]();
		check();
	}
	for (i = 0; i < N_PARTITIONS; i++)
		finish(&parts[i]);
}

static void what_is_promised_holds_over_many_claims(void **state)
{
	uint64_t left = random_steps(1000000) / STEPS_OF_A_WALK + 1;

	random_seed(20261122);
	while (left--)
		walk();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_promised_holds_over_many_claims)};

	return cmocka_run_group_tests_name("core life", tests, NULL, NULL);
}
