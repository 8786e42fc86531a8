/* SPDX-License-Identifier: MIT */
/* What the tests of partitions mode share. See test_client_partition_fixture.c. */
#ifndef TEST_CLIENT_PARTITION_FIXTURE_H
#define TEST_CLIENT_PARTITION_FIXTURE_H

#include "tests/unit/cmocka_all.h"
#include "tests/unit/test_client_fake.h"

struct fake *fake_of(void **state);

/* A consumer in partitions mode; options as of fake_try_open(), at most one pair. */
void greet_partitions(struct fake *f);
struct kg_consumer *open_partitions(struct fake *f, const char *option, const char *value);

/* Partition 1 is claim 1 with epoch 7, partition 0 is claim 2 with epoch 8; both begin at 100. */
struct kg_consumer *open_with_two(struct fake *f, struct kg_partition **one,
				  struct kg_partition **zero);
void drop_first_credit(struct fake *f, unsigned n); /* CREDIT of claims 1 .. n */

void expect_next(struct kg_partition *p, int64_t offset);
void expect_none(struct kg_partition *p, int r); /* next answers r: 0 or an error */
void expect_mark(struct fake *f, unsigned claim, uint64_t epoch, int64_t offset);
void expect_done(struct fake *f, unsigned claim);
uint32_t expect_claim_close(struct fake *f, unsigned claim); /* its request */
void expect_credit(struct fake *f, unsigned claim, uint64_t messages);
void process(struct kg_consumer *c);
void put_epoch(struct fake *f, unsigned claim, uint64_t epoch, int64_t offset);
void put_error(struct fake *f, const char *context, int partition, const char *text);

#endif
