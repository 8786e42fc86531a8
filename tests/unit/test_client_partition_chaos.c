/* SPDX-License-Identifier: MIT */
/*
 * Partitions mode with everything at once: threads that come and go while partitions do.
 *
 * The fake daemon hands out four partitions, feeds them within their credit, releases one now and
 * then, tells errors, and breaks the connection; a thread works on each partition, as in
 * examples/partitions_threads.c, and gives up now and then; the main thread commits and looks. What
 * it does is from a fixed seed, who is when is the scheduler's. Nothing may be handed out of
 * credit, crash, hang or leak, and with -Db_sanitize=thread nothing may race.
 */
#include "tests/unit/test_client_partition_fixture.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { PATIENCE_MS = 5000, ENOUGH = 2000 };

static atomic_int n_handled, n_workers;

/* As the example does it: read and mark until it ends, give up now and then. */
static void *work(void *arg)
{
	struct kg_partition *p = arg;
	struct kg_message m[10];
	struct kg_error e;
	int n, left = 40;

	while ((n = kg_partition_receive(p, m, PATIENCE_MS)) > 0 && left-- > 0) {
		atomic_fetch_add(&n_handled, n);
		kg_partition_mark(p, m[n - 1].offset, left % 3 ? NULL : "metadata");
		n = kg_partition_next_batch(p, m, 10);
		if (n > 0)
			kg_partition_mark(p, m[n - 1].offset, NULL);
		kg_partition_next_error(p, &e);
	}
	if (n > 0)
		kg_partition_close(p);
	kg_partition_free(p);
	atomic_fetch_sub(&n_workers, 1);
	return NULL;
}

static void *hire(void *arg)
{
	struct kg_partition *p;
	struct kg_consumer *c = arg;
	pthread_attr_t detached;
	pthread_t thread;

	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	while (kg_consumer_wait_partition(c, &p, PATIENCE_MS) > 0) {
		atomic_fetch_add(&n_workers, 1);
		pthread_create(&thread, &detached, work, p);
	}
	pthread_attr_destroy(&detached);
	return NULL;
}

/* A daemon with four partitions that come, go, seek and break. */
struct chaos {
	unsigned last_claim, claim[4];
	uint64_t epoch, credit[4], sent[4];
	bool releasing[4];
	int64_t next;
};

static unsigned place_of(const struct chaos *x, uint64_t claim)
{
	unsigned i;

	for (i = 0; i < 4 && x->claim[i] != claim; i++)
		;
	return i;
}

static void give(struct fake *f, struct chaos *x, unsigned i)
{
	x->claim[i] = ++x->last_claim;
	x->credit[i] = x->sent[i] = 0;
	x->releasing[i] = false;
	fake_put_assign(f, x->claim[i], "t", i, ++x->epoch, x->next, -1);
}

static void end(struct fake *f, struct chaos *x, uint64_t claim)
{
	unsigned i = place_of(x, claim);

	if (i == 4)
		return;
	fake_put_released(f, x->claim[i]);
	give(f, x, i);
}

static void on_frame(struct fake *f, struct chaos *x, const struct kgp_info *info,
		     const union kgp_body *b)
{
	unsigned i;

	if (info->type == KGP_T_done) {
		end(f, x, b->done.claim);
	} else if (info->type == KGP_T_claim_close) {
		fake_put_reply(f, b->claim_close.request, 0, NULL);
		end(f, x, b->claim_close.claim);
	} else if (info->type == KGP_T_commit) {
		fake_put_reply(f, b->commit.request, 0, NULL);
	} else if (info->type == KGP_T_credit) {
		i = place_of(x, b->credit.claim);
		if (i < 4)
			x->credit[i] = b->credit.messages;
	}
}

static void feed(struct fake *f, struct chaos *x)
{
	unsigned i, n;

	for (i = 0; i < 4; i++) {
		n = 1 + (unsigned)rand() % 30;
		if (x->releasing[i] || x->sent[i] + n > x->credit[i])
			continue;
		fake_put_messages(f, x->claim[i], x->epoch, x->next, n,
				  rand() % 20 ? 30 : 150000 / n);
		x->next += n;
		x->sent[i] += n;
	}
}

static void upset(struct fake *f, struct chaos *x)
{
	unsigned i = (unsigned)rand() % 4;

	if (x->releasing[i])
		return;
	if (rand() % 3) {
		x->releasing[i] = true;
		fake_put_release(f, x->claim[i]);
	} else {
		put_error(f, "partition", (int)i, "so so");
	}
}

static bool has_input(struct fake *f)
{
	struct pollfd p = {f->fd, POLLIN, 0};

	return f->in.len || poll(&p, 1, 0) == 1;
}

/* One connection: until the library closes it, or now and then an end without a word. */
static bool serve_connection(struct fake *f, struct chaos *x, int rounds)
{
	const struct kgp_info *info;
	union kgp_body b = {0};
	unsigned i;

	for (i = 0; i < 4; i++)
		give(f, x, i);
	for (; rounds; rounds--) {
		feed(f, x);
		if (!(rounds % 10))
			upset(f, x);
		fake_send(f);
		while (has_input(f)) {
			if (!fake_next(f, &info, &b))
				return false;
			if (info->type == KGP_T_close) {
				fake_put_reply(f, b.close.request, 0, NULL);
				fake_send(f);
				return false;
			}
			on_frame(f, x, info, &b);
		}
	}
	return true;
}

static void serve_chaos(struct fake *f)
{
	struct chaos x = {.next = 100};
	const struct kgp_info *info;
	union kgp_body b = {0};

	srand(1);
	while (serve_connection(f, &x, 400)) {
		fake_hang_up(f);
		x = (struct chaos){.next = x.next, .epoch = x.epoch};
		fake_take_open(f);
		do
			if (!fake_next(f, &info, &b))
				return;
		while (info->type != KGP_T_resume_end);
		fake_put_reply(f, f->open_request, 0, NULL);
		fake_put_state(f, "joined");
	}
	fake_hang_up(f);
}

static void wait_for_workers(void)
{
	int ms;

	for (ms = 0; atomic_load(&n_workers) && ms < PATIENCE_MS; ms++)
		poll(NULL, 0, 1);
	assert_int_equal(atomic_load(&n_workers), 0);
}

static void test_threads_come_and_go_while_partitions_do(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_partitions(f, NULL, NULL);
	const struct kg_claim *claims;
	struct kg_event e;
	pthread_t hirer;
	int r, spins;

	atomic_store(&n_handled, 0);
	f->forgiving = true;
	fake_start(f, serve_chaos);
	assert_int_equal(pthread_create(&hirer, NULL, hire, c), 0);
	for (spins = 0; atomic_load(&n_handled) < ENOUGH && spins < 10000; spins++) {
		r = kg_consumer_commit(c, 1000);
		assert_true(r == 0 || r == KG_ERR_TIMEOUT || r == KG_ERR_DISCONNECTED);
		kg_consumer_assignment(c, &claims);
		kg_consumer_state(c, NULL);
		while (kg_consumer_next_event(c, &e))
			;
	}
	assert_true(atomic_load(&n_handled) >= ENOUGH);
	kg_consumer_close(c);
	pthread_join(hirer, NULL);
	wait_for_workers();
	fake_join(f);
	kg_consumer_free(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_threads_come_and_go_while_partitions_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
