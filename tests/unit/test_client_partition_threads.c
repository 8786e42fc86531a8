/* SPDX-License-Identifier: MIT */
/*
 * Partitions mode in several threads: the one that sleeps in poll(2) reads for all.
 *
 * Threads of the test note what they see, and the main thread judges. Which of them leads is up to
 * the scheduler, so what is tested holds whoever it is; test_client_partition_chaos.c makes many
 * turns of it. Built with -Db_sanitize=thread these tests are what finds a data race.
 */
#include "tests/unit/test_client_partition_fixture.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_READERS = 16, PATIENCE_MS = 5000 };

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

/* The answer comes when the other thread has gone, and not before. */
static atomic_bool has_gone;

static void *wait_and_go(void *arg)
{
	void *end = wait_for_partition(arg);

	atomic_store(&has_gone, true);
	return end;
}

static void serve_a_late_close(struct fake *f)
{
	union kgp_body b = {0};
	int ms;

	fake_expect(f, KGP_T_close, &b);
	for (ms = 0; !atomic_load(&has_gone) && ms < PATIENCE_MS / 2; ms++)
		poll(NULL, 0, 1);
	fake_put_reply(f, b.close.request, 0, NULL);
	fake_send(f);
	if (!atomic_load(&has_gone))
		strcpy(f->failure, "it waits on until the daemon answers");
}

static void test_close_wakes_all_before_the_daemon_answers(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with(f, NULL, 0);
	pthread_t thread;
	void *end;

	atomic_store(&has_gone, false);
	assert_int_equal(pthread_create(&thread, NULL, wait_and_go, c), 0);
	fake_put_assign(f, 1, "t", 1, 7, 100, -1);
	fake_send(f);
	wait_for_frame(f, KGP_T_claim_close); /* it has had one, and waits for the next */
	fake_start(f, serve_a_late_close);
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

static void expect_readable(struct kg_consumer *c, bool readable)
{
	struct pollfd fd = {kg_consumer_get_fd(c), kg_consumer_get_events(c), 0};

	assert_int_equal(poll(&fd, 1, 0), readable);
}

/* What came between the loop's look and its sleep: the socket is empty when it polls. */
static void test_news_that_a_thread_has_read_make_the_descriptor_readable(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *p[2];
	struct kg_consumer *c = open_with(f, p, 2);
	struct kg_message m;
	struct kg_event e;
	struct reader r;

	process(c);
	while (kg_consumer_next_event(c, &e))
		;
	assert_int_equal(kg_consumer_get_timeout_ms(c), -1);
	start_reader(&r, p[0], 1);
	fake_put_messages(f, 2, 7, 100, 1, 8);
	fake_put_messages(f, 1, 7, 100, 1, 8);
	fake_send(f);
	join_reader(&r, 1, 1);
	expect_readable(c, true);
	process(c);
	expect_readable(c, false);
	assert_int_equal(kg_partition_next(p[1], &m), 1);
	kg_consumer_free(c);
}

/* ---- beside a client's own calls ------------------------------------------------------------- */

static void serve_queries(struct fake *f)
{
	struct kgp_buf empty = {0};
	struct kgp_reply reply = {.request = 0};
	const struct kgp_info *info;
	union kgp_body b = {0};

	kgp_put_map(&empty, 0);
	while (fake_next(f, &info, &b)) {
		if (info->type == KGP_T_query) {
			reply.request = b.query.request;
			reply.result = (struct kgp_any){empty.data, empty.len};
			fake_put(f, KGP_T_reply, &reply);
		} else if (info->type == KGP_T_close) {
			fake_put_reply(f, b.close.request, 0, NULL);
		}
		fake_send(f);
	}
	kgp_buf_deinit(&empty);
}

static void greet_client(struct fake *f)
{
	struct kgp_welcome welcome = {.version = KGP_VERSION, .max_frame = KGP_FRAME_MAX_CLIENT};
	struct kgp_name query = {kgp_text("query")};

	welcome.features = (struct kgp_list){.items = &query, .n = 1};
	fake_accept(f);
	fake_expect(f, KGP_T_hello, NULL);
	fake_put(f, KGP_T_welcome, &welcome);
	fake_send(f);
}

static void greet_consumer(struct fake *f)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_open, &b);
	f->open_request = b.open.request;
	fake_expect(f, KGP_T_resume_end, NULL);
	fake_accept_open(f);
	fake_put_assign(f, 1, "t", 0, 7, 100, -1);
	fake_send(f);
	fake_expect(f, KGP_T_credit, NULL);
}

static struct kg_client *open_client(struct fake *f, struct kg_consumer **c)
{
	static const char *const topics[] = {"t"};
	struct kg_options *o = kg_options_new();
	struct kg_client *k;

	assert_int_equal(kg_options_set(o, "socket", f->path, NULL), 0);
	assert_int_equal(kg_options_set(o, "mode", "partitions", NULL), 0);
	fake_start(f, greet_client);
	assert_int_equal(kg_client_open(&k, o, NULL), 0);
	fake_join(f);
	kg_options_free(o);
	fake_start(f, greet_consumer);
	assert_int_equal(kg_client_open_consumer(k, c, "g", topics, 1, NULL, NULL), 0);
	return k;
}

static void test_a_client_asks_while_threads_read(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *p;
	struct kg_consumer *c;
	struct kg_client *k = open_client(f, &c);
	struct reader r;
	int i;

	assert_int_equal(kg_consumer_wait_partition(c, &p, PATIENCE_MS), 1);
	fake_join(f);
	start_reader(&r, p, 0);
	fake_start(f, serve_queries);
	for (i = 0; i < 100; i++)
		assert_int_equal(kg_client_refresh(k, NULL), 0);
	assert_int_equal(kg_client_get_offset(k, NULL, "t", -1, 0, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_client_error(k)->code, KG_ERR_ARGUMENT);
	assert_int_equal(kg_client_close(k), 0);
	fake_join(f);
	join_reader(&r, 0, KG_ERR_CLOSED);
	kg_client_free(k);
	kg_partition_free(p);
	kg_consumer_free(c);
}

/* ---- fork ------------------------------------------------------------------------------------ */

/* Is inside of the library most of the time. */
static void *hurry(void *arg)
{
	struct kg_message m;

	while (!atomic_load(&has_gone))
		kg_partition_next(arg, &m);
	return NULL;
}

static void test_a_child_forked_beside_busy_threads_may_free(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_partition *p[2];
	struct kg_consumer *c = open_with(f, p, 2);
	pthread_t busy;
	struct reader r;
	int status, i;
	pid_t pid;

	atomic_store(&has_gone, false);
	assert_int_equal(pthread_create(&busy, NULL, hurry, p[1]), 0);
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
	atomic_store(&has_gone, true);
	pthread_join(busy, NULL);
	fake_put_messages(f, 1, 7, 300, 1, 8);
	fake_send(f);
	join_reader(&r, 201, 1);
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
		TEST(test_close_wakes_all_before_the_daemon_answers),
		TEST(test_one_is_closed_while_others_read),
		TEST(test_a_loop_hears_what_threads_have_read_for_it),
		TEST(test_news_that_a_thread_has_read_make_the_descriptor_readable),
		TEST(test_a_client_asks_while_threads_read),
		TEST(test_a_child_forked_beside_busy_threads_may_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
