/* SPDX-License-Identifier: MIT */
/*
 * Garbage from the daemon: a conversation that is valid but for some bytes.
 *
 * The whole of what a daemon says to a consumer is written before the library connects, with bytes
 * changed, cut out, doubled or put in. The library must come through: it goes on, loses the
 * connection, or ends with KG_ERR_PROTOCOL or what it was told, under the sanitizers and in time.
 * Most rounds leave the handshake alone, so that what comes behind it is reached.
 */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/test_client_fake.h"
#include "tests/unit/test_core_random.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { N_ROUNDS = 600, N_TURNS = 50, LAST_WORDS = 6, FIRST_REQUEST = 1 };

static struct kgp_buf blob;		     /* what the fake writes */
static unsigned n_messages, n_notifications; /* that came through */

/* ---- what is written ------------------------------------------------------------------------- */

static size_t put_handshake(struct fake *f)
{
	fake_put_welcome(f);
	fake_put_reply(f, FIRST_REQUEST, 0, NULL);
	fake_put_state(f, "joined");
	return f->out.len;
}

static void put_rest(struct fake *f)
{
	struct kgp_epoch epoch = {.claim = 1, .epoch = 9, .offset = 5, .reason = kgp_text("seek")};
	struct kgp_error error = {
		.code = 44, .context = kgp_text("partition"), .topic = kgp_text("t")};
	struct kgp_number verdict = {0};
	struct kgp_marked marked = {.request = 2, .verdicts = {.items = &verdict, .n = 1}};
	struct kgp_number ids[] = {{0}, {1}};
	struct kgp_partitions of_t = {.topic = kgp_text("t"), .ids = {.items = ids, .n = 2}};
	struct kgp_list held = {.items = &of_t, .n = 1};
	struct kgp_notify notify = {.kind = 2, .claimed = held, .current = held};

	fake_put_assign(f, 1, "t", 0, 7, 100, 100);
	fake_put_assign(f, 2, "t", 1, 8, 100, -1);
	fake_put(f, KGP_T_notify, &notify);
	fake_put_messages(f, 1, 7, 100, 5, 300);
	fake_put_messages(f, 2, 8, 100, 5, 3);
	fake_put(f, KGP_T_error, &error);
	fake_put(f, KGP_T_epoch, &epoch);
	fake_put_messages(f, 1, 9, 5, 3, 40);
	fake_put(f, KGP_T_marked, &marked);
	fake_put_release(f, 2);
	fake_put_released(f, 2);
	fake_put_state(f, "leaving");
	fake_put(f, KGP_T_goaway, &(struct kgp_goaway){.reason = kgp_text("stop"), .back_ms = 5});
}

static void change(struct kgp_buf *b, size_t from)
{
	size_t at = from + (size_t)random_below((int)(b->len - from)),
	       n = 1 + (size_t)random_below(4);
	uint8_t garbage[8];
	size_t i;

	for (i = 0; i < sizeof(garbage); i++)
		garbage[i] = (uint8_t)random_u64();
	if (at + n > b->len)
		n = b->len - at;
	switch (random_below(4)) {
	case 0:
		memcpy(b->data + at, garbage, n);
		break;
	case 1:
		b->data[at] ^= (uint8_t)(1 << random_below(8));
		break;
	case 2:
		memmove(b->data + at, b->data + at + n, b->len - at - n);
		b->len -= n;
		break;
	default:
		kgp_put_raw(b, garbage, n);
		memmove(b->data + at + n, b->data + at, b->len - at - n);
		break;
	}
}

static void compose(struct fake *f)
{
	size_t handshake = put_handshake(f);
	int n;

	put_rest(f);
	for (n = random_below(4); n; n--)
		change(&f->out, random_below(8) ? handshake : 0);
	kgp_buf_reset(&blob);
	kgp_put_raw(&blob, f->out.data, f->out.len);
}

static void say_all(struct fake *f)
{
	fake_accept(f);
	fake_put_raw(f, blob.data, blob.len);
	fake_send(f);
}

/* ---- what a program does --------------------------------------------------------------------- */

static int use(struct kg_consumer *c, int turn)
{
	struct pollfd p = {kg_consumer_get_fd(c), POLLIN, 0};
	struct kg_message m;
	struct kg_header h;
	struct kg_event e;
	int r;

	poll(&p, 1, kg_consumer_get_timeout_ms(c) ? 1 : 0);
	r = kg_consumer_process(c);
	while (kg_consumer_next_event(c, &e))
		n_notifications += e.n_current == 2;
	if (turn == 2)
		kg_consumer_pause(c, "t", 0);
	if (turn == 4)
		kg_consumer_resume(c, NULL, 0);
	while (!r && (r = kg_consumer_next(c, &m)) > 0) {
		kg_message_find_header(&m, "a", &h);
		r = kg_consumer_mark(c, &m, NULL);
		n_messages++;
	}
	kg_consumer_assignment(c, NULL);
	return r;
}

static bool is_fine(int r)
{
	return r == KG_OK || r == KG_ERR_PROTOCOL || r == KG_ERR_UNREACHABLE || (r < 0 && r > -100);
}

static void run_round(void)
{
	struct kg_consumer *c;
	struct fake f;
	int r, turn;

	fake_init(&f);
	f.forgiving = true;
	compose(&f);
	fake_start(&f, say_all);
	r = fake_try_open(&f, &c, NULL, "open.timeout", "15ms", "request.timeout", "1ms",
			  "notifications", "yes", NULL);
	fake_join(&f);
	assert_true(is_fine(r));
	for (turn = 0; !r && turn < N_TURNS && kg_consumer_state(c, NULL) != KG_STATE_CONNECTING;
	     turn++) {
		if (turn == LAST_WORDS)
			shutdown(f.fd, SHUT_WR);
		r = use(c, turn);
	}
	assert_true(is_fine(r));
	kg_consumer_free(c);
	fake_deinit(&f);
}

static void test_the_library_comes_through(void **state)
{
	int i;

	(void)state;
	random_seed(20);
	for (i = 0; i < N_ROUNDS; i++)
		run_round();
	assert_true(n_messages > N_ROUNDS / 2); /* the changes do not keep it from getting there */
	assert_true(n_notifications > N_ROUNDS / 8);
	kgp_buf_deinit(&blob);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_library_comes_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
