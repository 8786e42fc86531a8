/* SPDX-License-Identifier: MIT */
/* Parts of the client that its public calls cannot drive into every corner: the index and the
 * receive memory. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/test_core_random.h"

#include "client-lib/c/src/connection.h"
#include "client-lib/c/src/index.h"
#include "proto/frame.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- index: against an array ----------------------------------------------------------------- */

enum { N_KEYS = 64, N_STEPS = 20000 };

static void test_the_index_agrees_with_an_array(void **state)
{
	static int values[N_KEYS];
	bool there[N_KEYS] = {false};
	struct index x = {0};
	uint32_t key;
	int i, k;

	(void)state;
	random_seed(7);
	for (i = 0; i < N_STEPS; i++) {
		k = random_below(N_KEYS);
		key = (uint32_t)(k % 8 * 1024 + k / 8); /* many collide */
		assert_ptr_equal(index_find(&x, key), there[k] ? &values[k] : NULL);
		if (there[k] || random_below(2)) {
			index_remove(&x, key);
		} else {
			assert_int_equal(index_reserve(&x), 0);
			index_add(&x, key, &values[k]);
		}
		there[k] = index_find(&x, key) != NULL;
	}
	for (k = 0; k < N_KEYS; k++)
		assert_ptr_equal(index_find(&x, (uint32_t)(k % 8 * 1024 + k / 8)),
				 there[k] ? &values[k] : NULL);
	index_deinit(&x);
}

/* ---- inbox ----------------------------------------------------------------------------------- */

struct pipe {
	int fds[2];
	struct inbox in;
};

static int open_pipe(void **state)
{
	static struct pipe p;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p.fds), 0);
	inbox_init(&p.in, 4 << 20);
	*state = &p;
	return 0;
}

static int close_pipe(void **state)
{
	struct pipe *p = *state;

	inbox_deinit(&p->in);
	close(p->fds[0]);
	close(p->fds[1]);
	return 0;
}

/* One frame of n bytes through the socket; it is looked at and kept. */
static void pass(struct pipe *p, uint32_t n, uint8_t fill)
{
	static uint8_t frame[KGP_FRAME_HEADER + (1 << 20)];
	size_t at = 0, total = KGP_FRAME_HEADER + n;
	struct frame f;
	ssize_t r;

	kgp_frame_header(frame, n);
	memset(frame + KGP_FRAME_HEADER, fill, n);
	while (!inbox_scan(&p->in, &f)) {
		r = at < total ? write(p->fds[0], frame + at, total - at) : 0;
		at += r > 0 ? (size_t)r : 0;
		assert_true(inbox_receive(&p->in, p->fds[1]) > 0);
	}
	assert_int_equal(at, total);
	inbox_scanned(&p->in, &f, true);
}

static void expect(struct pipe *p, size_t n, uint8_t fill)
{
	struct frame f;

	assert_true(inbox_peek(&p->in, &f));
	assert_int_equal(f.body_bytes, n);
	assert_int_equal(f.body[0], fill);
	assert_int_equal(f.body[n - 1], fill);
	inbox_drop(&p->in, &f);
}

static size_t held_bytes(const struct pipe *p)
{
	const struct block *b;
	size_t n = p->in.spare ? p->in.spare->cap : 0;

	for (b = p->in.head; b; b = b->next)
		n += b->cap;
	return n;
}

static void test_frames_are_read_in_order_over_many_blocks(void **state)
{
	struct pipe *p = *state;
	uint8_t i;

	for (i = 0; i < 20; i++)
		pass(p, 200000, i);
	assert_int_equal(p->in.unread_bytes, 20 * 200005);
	for (i = 0; i < 20; i++)
		expect(p, 200000, i);
	assert_int_equal(p->in.unread_bytes, 0);
	assert_true(held_bytes(p) <= 2 * INBOX_BLOCK_BYTES);
}

static void test_one_block_serves_a_reader_that_keeps_up(void **state)
{
	struct pipe *p = *state;
	uint8_t i;

	for (i = 0; i < 100; i++) {
		pass(p, 100000, i);
		expect(p, 100000, i);
	}
	assert_int_equal(held_bytes(p), INBOX_BLOCK_BYTES);
}

static void test_the_memory_of_a_large_frame_is_given_back(void **state)
{
	struct pipe *p = *state;

	pass(p, 1 << 20, 1);
	assert_true(held_bytes(p) > INBOX_BLOCK_BYTES);
	inbox_trim(&p->in); /* not yet: it is unread */
	expect(p, 1 << 20, 1);
	inbox_trim(&p->in);
	assert_true(held_bytes(p) <= INBOX_BLOCK_BYTES);
	pass(p, 1 << 20, 2);
	pass(p, 10, 3); /* behind it: a new block */
	expect(p, 1 << 20, 2);
	expect(p, 10, 3);
	assert_true(held_bytes(p) <= 2 * INBOX_BLOCK_BYTES);
}

static void test_a_block_in_somebodys_hand_is_not_written_over(void **state)
{
	struct pipe *p = *state;
	struct frame f;
	uint8_t i;

	pass(p, 300000, 1);
	assert_true(inbox_peek(&p->in, &f));
	block_ref(f.block);
	inbox_drop(&p->in, &f);
	for (i = 2; i < 20; i++) {
		pass(p, 300000, i);
		expect(p, 300000, i);
		assert_true(f.body[0] == 1 && f.body[299999] == 1);
	}
	block_unref(f.block);
}

static void test_a_length_above_the_limit_is_told_before_anything_is_made_for_it(void **state)
{
	struct pipe *p = *state;
	struct frame f;

	assert_int_equal(write(p->fds[0], "\xce\x7f\xff\xff\xff", 5), 5);
	assert_int_equal(inbox_receive(&p->in, p->fds[1]), 5);
	assert_int_equal(inbox_scan(&p->in, &f), -EMSGSIZE);
	assert_int_equal(held_bytes(p), INBOX_BLOCK_BYTES);
	inbox_clear(&p->in);
	assert_int_equal(write(p->fds[0], "x", 1), 1);
	assert_int_equal(inbox_receive(&p->in, p->fds[1]), 1);
	assert_int_equal(inbox_scan(&p->in, &f), -EBADMSG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pipe, close_pipe)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_index_agrees_with_an_array),
		TEST(test_frames_are_read_in_order_over_many_blocks),
		TEST(test_one_block_serves_a_reader_that_keeps_up),
		TEST(test_the_memory_of_a_large_frame_is_given_back),
		TEST(test_a_block_in_somebodys_hand_is_not_written_over),
		TEST(test_a_length_above_the_limit_is_told_before_anything_is_made_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
