/* SPDX-License-Identifier: MIT */
/*
 * Partitions mode in several threads: the one that sleeps in poll(2) reads for all.
 *
 * Threads of the test note what they see, and the main thread judges. Which of them leads is up to
 * the scheduler, so what is tested holds whoever it is; the last test makes many turns of it. Built
 * with -Db_sanitize=thread these tests are what finds a data race.
 */
#include "tests/unit/test_client_partition_fixture.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_READERS = 16, PATIENCE_MS = 5000, ENOUGH = 2000 };

/* ---- threads that read ----------------------------------------------------------------------- */

struct reader {
	pthread_t thread;
	struct kg_partition *p;
	int64_t next;	/* offset that it expects */
	atomic_int n;	/* messages it has had */
	int stop_after; /* messages; 0: at the end of the stream */
	int end;	/* what receive answered last */
	bool wrong;	/* a message that is not its own, or out of order */
};

static void look(struct reader *r, const struct kg_message *m)
{
	if (m->partition != kg_partition_get_claim(r->p)->partition || m->offset != r->next ||
	    *(const char *)m->value != (m->offset & 0x7f))
		r->wrong = true;
	r->next = m->offset + 1;
}

static void *read_all(void *arg)
{
	struct reader *r = arg;
	struct kg_message m;

	while ((r->end = kg_partition_receive(r->p, &m, PATIENCE_MS)) > 0) {
		look(r, &m);
		r->wrong |= kg_partition_mark(r->p, m.offset, NULL) < 0;
		if (atomic_fetch_add(&r->n, 1) + 1 == r->stop_after)
			break;
	}
	return NULL;
}

static void start_reader(struct reader *r, struct kg_partition *p, int stop_after)
{
	*r = (struct reader){
		.p = p, .next = kg_partition_get_claim(p)->start, .stop_after = stop_after};
	assert_int_equal(pthread_create(&r->thread, NULL, read_all, r), 0);
}

static void join_reader(struct reader *r, int n, int end)
{
	pthread_join(r->thread, NULL);
	assert_false(r->wrong);
	assert_int_equal(r->n, n);
	assert_int_equal(r->end, end);
}

/* Partitions 0 .. n-1 are claims 1 .. n; all begin at 100. */
static struct kg_consumer *open_with(struct fake *f, struct kg_partition **p, unsigned n)
{
	struct kg_consumer *c = open_partitions(f, NULL, NULL);
	unsigned i;

	for (i = 0; i < n; i++)
		fake_put_assign(f, i + 1, "t", i, 7, 100, -1);
	fake_send(f);
	for (i = 0; i < n; i++)
		assert_int_equal(kg_consumer_wait_partition(c, &p[i], PATIENCE_MS), 1);
	drop_first_credit(f, n);
	return c;
}

/* ---- who waits gets its own ------------------------------------------------------------------ */

static void test_each_thread_gets_its_messages_whoever_reads_the_socket(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *p[MAX_READERS];
	struct kg_consumer *c = open_with(f, p, MAX_READERS);
	struct reader r[MAX_READERS];
	unsigned i, round;

	for (i = 0; i < MAX_READERS; i++)
		start_reader(&r[i], p[i], 300);
	for (round = 0; round < 300; round++) {
		for (i = 0; i < MAX_READERS; i++)
			fake_put_messages(f, (i * 7 + round) % MAX_READERS + 1, 7, 100 + round, 1,
					  round % 100 ? 10 : 20000);
		fake_send(f);
	}
	for (i = 0; i < MAX_READERS; i++)
		join_reader(&r[i], 300, 1);
	kg_consumer_free(c);
}

static void test_when_the_leader_goes_a_follower_reads_on(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *p[3];
	struct kg_consumer *c = open_with(f, p, 3);
	struct reader r[3];
	unsigned i;

	for (i = 0; i < 3; i++)
		start_reader(&r[i], p[i], 1);
	for (i = 0; i < 3; i++) {
		fake_put_messages(f, i + 1, 7, 100, 1, 8);
		fake_send(f);
		join_reader(&r[i], 1, 1); /* it does not come back */
	}
	kg_consumer_free(c);
}

static void test_a_thread_that_is_slow_holds_up_no_other(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *p[2];
	struct kg_consumer *c = open_with(f, p, 2);
	struct reader r;
	int64_t i;

	start_reader(&r, p[1], 100);
	for (i = 0; i < 100; i++) {
		fake_put_messages(f, 1, 7, 100 + i, 10, 100);
		fake_put_messages(f, 2, 7, 100 + i, 1, 100);
		fake_send(f);
	}
	join_reader(&r, 100, 1);
	expect_next(p[0], 100);
	kg_consumer_free(c);
}

/* ---- what others do is said ------------------------------------------------------------------ */

static void wait_for_frame(struct fake *f, enum kgp_type type)
{
	const struct kgp_info *info;
	union kgp_body b = {0};

	do
		assert_true(fake_next(f, &info, &b));
	while (info->type != type);
}

static void test_a_mark_is_sent_while_all_others_sleep(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *p[2];
	struct kg_consumer *c = open_with(f, p, 2);
	struct reader r;
	int i;

	fake_put_messages(f, 2, 7, 100, 50, 8);
	fake_send(f);
	process(c);
	start_reader(&r, p[0], 51);
	for (i = 0; i < 50; i++) {
		expect_next(p[1], 100 + i);
		assert_int_equal(kg_partition_mark(p[1], 100 + i, NULL), 0);
		wait_for_frame(f, KGP_T_mark); /* we call nothing: the sleeper says it */
		fake_put_messages(f, 1, 7, 100 + i, 1, 8);
		fake_send(f);
		wait_for_frame(f, KGP_T_mark); /* of the reader itself */
	}
	fake_put_messages(f, 1, 7, 150, 1, 8);
	fake_send(f);
	join_reader(&r, 51, 1);
	kg_consumer_free(c);
}

static void serve_requests(struct fake *f)
{
	const struct kgp_info *info;
	union kgp_body b = {0};

	while (fake_next(f, &info, &b)) {
		if (info->type == KGP_T_commit)
			fake_put_reply(f, b.commit.request, 0, NULL);
		else if (info->type == KGP_T_close)
			fake_put_reply(f, b.close.request, 0, NULL);
		fake_send(f);
	}
}

static void test_an_answer_that_another_thread_reads_reaches_who_waits(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *p[2];
	struct kg_consumer *c = open_with(f, p, 2);
	struct reader r[2];
	int i;

	start_reader(&r[0], p[0], 0);
	start_reader(&r[1], p[1], 0);
	fake_start(f, serve_requests);
	for (i = 0; i < 200; i++)
		assert_int_equal(kg_consumer_commit(c, PATIENCE_MS), 0);
	assert_int_equal(kg_consumer_close(c), 0);
	fake_join(f);
	join_reader(&r[0], 0, KG_ERR_CLOSED);
	join_reader(&r[1], 0, KG_ERR_CLOSED);
	kg_partition_free(p[0]);
	kg_partition_free(p[1]);
	kg_consumer_free(c);
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void test_release_and_loss_wake_who_waits(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *p[3];
	struct kg_consumer *c = open_with(f, p, 3);
	struct reader r[3];
	unsigned i;

	for (i = 0; i < 3; i++)
		start_reader(&r[i], p[i], 0);
	fake_put_release(f, 1);
	fake_send(f);
	join_reader(&r[0], 0, KG_ERR_RELEASED);
	fake_put_released(f, 2);
	fake_send(f);
	join_reader(&r[1], 0, KG_ERR_RELEASED);
	fake_hang_up(f);
	join_reader(&r[2], 0, KG_ERR_RELEASED);
	kg_consumer_free(c);
}

static void *wait_for_partition(void *arg)
{
	struct kg_partition *p;
	struct kg_consumer *c = arg;
	int r;

	while ((r = kg_consumer_wait_partition(c, &p, PATIENCE_MS)) > 0)
		kg_partition_free(p);
	return (void *)(intptr_t)r;
}

static void test_close_wakes_who_waits_for_a_partition(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with(f, NULL, 0);
	pthread_t thread;
	void *end;

	assert_int_equal(pthread_create(&thread, NULL, wait_for_partition, c), 0);
	fake_put_assign(f, 1, "t", 1, 7, 100, -1);
	fake_send(f);
	expect_credit(f, 1, 5000);
	expect_claim_close(f, 1); /* it took and freed it */
	fake_start(f, serve_requests);
	assert_int_equal(kg_consumer_close(c), 0);
	fake_join(f);
	pthread_join(thread, &end);
	assert_int_equal((intptr_t)end, KG_ERR_CLOSED);
	kg_consumer_free(c);
}

static void serve_one_close(struct fake *f)
{
	const struct kgp_info *info;
	union kgp_body b = {0};

	do
		if (!fake_next(f, &info, &b))
			return;
	while (info->type != KGP_T_claim_close);
	fake_put_reply(f, b.claim_close.request, 0, NULL);
	fake_put_released(f, (unsigned)b.claim_close.claim);
	fake_send(f);
}

static void test_one_is_closed_while_others_read(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *p[3];
	struct kg_consumer *c = open_with(f, p, 3);
	struct reader r[2];

	start_reader(&r[0], p[0], 1);
	start_reader(&r[1], p[1], 1);
	fake_start(f, serve_one_close);
	assert_int_equal(kg_partition_close(p[2]), 0);
	fake_join(f);
	expect_none(p[2], KG_ERR_RELEASED);
	fake_put_messages(f, 1, 7, 100, 1, 8);
	fake_put_messages(f, 2, 7, 100, 1, 8);
	fake_send(f);
	join_reader(&r[0], 1, 1);
	join_reader(&r[1], 1, 1);
	kg_consumer_free(c);
}

/* ---- a loop beside the threads --------------------------------------------------------------- */

static void sleep_in_loop(struct kg_consumer *c)
{
	struct pollfd fd = {kg_consumer_get_fd(c), kg_consumer_get_events(c), 0};
	int ms = kg_consumer_get_timeout_ms(c);

	assert_true(poll(&fd, 1, ms < 0 ? PATIENCE_MS : ms) == 1 || !ms);
}

static void test_a_loop_hears_what_threads_have_read_for_it(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *p[2], *new;
	struct kg_consumer *c = open_with(f, p, 2);
	struct reader r;
	struct kg_message m;
	unsigned i;

	process(c);
	start_reader(&r, p[0], 100);
	for (i = 0; i < 100; i++) {
		fake_put_messages(f, 1, 7, 100 + i, 1, 8);
		fake_put_messages(f, 2, 7, 100 + i, 1, 8);
		fake_put_assign(f, 10 + i, "t", 10 + i, 7, 0, -1);
		fake_send(f);
		while (!kg_consumer_next_partition(c, &new)) {
			sleep_in_loop(c);
			process(c);
		}
		while (!kg_partition_next(p[1], &m)) {
			sleep_in_loop(c);
			process(c);
		}
		assert_int_equal(m.offset, 100 + i);
	}
	join_reader(&r, 100, 1);
	kg_consumer_free(c);
}

/* ---- fork ------------------------------------------------------------------------------------ */

static void test_a_child_forked_beside_busy_threads_may_free(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *p[2];
	struct kg_consumer *c = open_with(f, p, 2);
	struct reader r;
	int status, i;
	pid_t pid;

	start_reader(&r, p[0], 201); /* it is there until the last child has gone */
	for (i = 0; i < 20; i++) {
		fake_put_messages(f, 1, 7, 100 + i * 10, 10, 8);
		fake_send(f);
		pid = fork();
		if (!pid) {
			alarm(5);
			if (kg_consumer_commit(c, -1) != KG_ERR_FORKED)
				_exit(1);
			kg_partition_free(p[1]);
			kg_consumer_free(c);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	fake_put_messages(f, 1, 7, 300, 1, 8);
	fake_send(f);
	join_reader(&r, 201, 1);
	kg_consumer_free(c);
}

/* ---- all at once ----------------------------------------------------------------------------- */

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
		TEST(test_each_thread_gets_its_messages_whoever_reads_the_socket),
		TEST(test_when_the_leader_goes_a_follower_reads_on),
		TEST(test_a_thread_that_is_slow_holds_up_no_other),
		TEST(test_a_mark_is_sent_while_all_others_sleep),
		TEST(test_an_answer_that_another_thread_reads_reaches_who_waits),
		TEST(test_release_and_loss_wake_who_waits),
		TEST(test_close_wakes_who_waits_for_a_partition),
		TEST(test_one_is_closed_while_others_read),
		TEST(test_a_loop_hears_what_threads_have_read_for_it),
		TEST(test_a_child_forked_beside_busy_threads_may_free),
		TEST(test_threads_come_and_go_while_partitions_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
