/* SPDX-License-Identifier: MIT */
/*
 * What the tests of partitions mode share: two claims, and what the daemon then hears of them. All
 * of it for the main thread, which drives the fake daemon and the library in turn.
 */
#include "tests/unit/test_client_partition_fixture.h"

struct fake *fake_of(void **state)
{
	return *state;
}

void greet_partitions(struct fake *f)
{
	fake_take_open(f);
	fake_expect(f, KGP_T_resume_end, NULL); /* and no CREDIT: there is none for the consumer */
	fake_accept_open(f);
}

struct kg_consumer *open_partitions(struct fake *f, const char *option, const char *value)
{
	struct kg_consumer *c;
	struct kg_error e;

	fake_start(f, greet_partitions);
	if (fake_try_open(f, &c, &e, "mode", "partitions", option, value, NULL))
		fail_msg("open: %s", e.text);
	fake_join(f);
	return c;
}

void drop_first_credit(struct fake *f, unsigned n)
{
	unsigned claim;

	for (claim = 1; claim <= n; claim++)
		expect_credit(f, claim, 5000);
}

struct kg_consumer *open_with_two(struct fake *f, struct kg_partition **one,
				  struct kg_partition **zero)
{
	struct kg_consumer *c = open_partitions(f, NULL, NULL);

	fake_put_assign(f, 1, "t", 1, 7, 100, -1);
	fake_put_assign(f, 2, "t", 0, 8, 100, 90);
	fake_send(f);
	process(c);
	assert_int_equal(kg_consumer_next_partition(c, one), 1);
	assert_int_equal(kg_consumer_next_partition(c, zero), 1);
	drop_first_credit(f, 2);
	return c;
}

void process(struct kg_consumer *c)
{
	assert_int_equal(kg_consumer_process(c), 0);
}

void expect_next(struct kg_partition *p, int64_t offset)
{
	struct kg_message m;

	assert_int_equal(kg_partition_next(p, &m), 1);
	assert_string_equal(m.topic, kg_partition_get_claim(p)->topic);
	assert_int_equal(m.partition, kg_partition_get_claim(p)->partition);
	assert_int_equal(m.offset, offset);
	assert_int_equal(*(const char *)m.value, offset & 0x7f);
}

void expect_none(struct kg_partition *p, int r)
{
	struct kg_message m;

	assert_int_equal(kg_partition_next(p, &m), r);
	if (r)
		assert_int_equal(kg_partition_error(p)->code, r);
}

void expect_mark(struct fake *f, unsigned claim, uint64_t epoch, int64_t offset)
{
	union kgp_body b = {0};
	struct kgp_entry e;

	fake_expect(f, KGP_T_mark, &b);
	assert_true(kgp_next_entry(&b.mark.entries, &e));
	assert_int_equal(e.claim, claim);
	assert_int_equal(e.epoch, epoch);
	assert_int_equal(e.offset, offset);
	assert_false(kgp_next_entry(&b.mark.entries, &e));
}

void expect_done(struct fake *f, unsigned claim)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_done, &b);
	assert_int_equal(b.done.claim, claim);
}

uint32_t expect_claim_close(struct fake *f, unsigned claim)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_claim_close, &b);
	assert_int_equal(b.claim_close.claim, claim);
	assert_int_not_equal(b.claim_close.request, 0);
	return (uint32_t)b.claim_close.request;
}

void expect_credit(struct fake *f, unsigned claim, uint64_t messages)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_credit, &b);
	assert_int_equal(b.credit.claim, claim);
	assert_int_equal(b.credit.messages, messages);
}

void put_epoch(struct fake *f, unsigned claim, uint64_t epoch, int64_t offset)
{
	struct kgp_epoch m = {
		.claim = claim, .epoch = epoch, .offset = offset, .reason = kgp_text("seek")};

	fake_put(f, KGP_T_epoch, &m);
}

void put_error(struct fake *f, const char *context, int partition, const char *text)
{
	struct kgp_error m = {
		.code = KGP_E_OFFSET_RESET,
		.context = kgp_text(context),
		.topic = kgp_text(partition >= 0 ? "t" : NULL),
		.partition = partition,
		.text = kgp_text(text),
	};

	fake_put(f, KGP_T_error, &m);
}
