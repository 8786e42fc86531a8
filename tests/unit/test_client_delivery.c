/* SPDX-License-Identifier: MIT */
/* Messages: what they carry, how long they are valid, what credit they return, what is refused. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/test_client_fake.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

static struct fake *fake_of(void **state)
{
	return *state;
}

/* A consumer with claim 1: t/0, epoch 7, from offset 0. */
static struct kg_consumer *open_with_claim(struct fake *f)
{
	struct kg_consumer *c = fake_open(f);

	fake_put_assign(f, 1, "t", 0, 7, 0, -1);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	return c;
}

static bool has_bytes(const struct kg_message *m, int64_t offset, size_t n)
{
	const uint8_t *p = m->value;
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] != (offset & 0x7f))
			return false;
	return m->offset == offset && m->value_bytes == n;
}

/* ---- content --------------------------------------------------------------------------------- */

static void test_messages_come_in_order_with_all_that_they_have(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_claim(f);
	struct kg_message m;
	int64_t i;

	assert_int_equal(kg_consumer_next(c, &m), 0);
	fake_put_messages(f, 1, 7, 10, 3, 5);
	fake_send(f);
	for (i = 10; i < 13; i++) {
		assert_int_equal(fake_receive(c, &m), 1);
		assert_string_equal(m.topic, "t");
		assert_int_equal(m.partition, 0);
		assert_true(has_bytes(&m, i, 5));
		assert_null(m.key);
		assert_int_equal(m.timestamp_type, KG_TIMESTAMP_CREATE);
		assert_int_equal(m.timestamp_ms, 1700000000000);
		assert_int_equal(m.taken_us, 1);
		assert_int_equal(m.n_headers, 0);
	}
	assert_int_equal(kg_consumer_next(c, &m), 0);
	kg_consumer_free(c);
}

static void put_one(struct fake *f, const struct kgp_record *r)
{
	const struct kgp_messages head = {.claim = 1, .epoch = 7};
	struct kgp_batch batch;

	kgp_batch_begin(&batch, &f->out, &head);
	kgp_batch_put(&batch, r);
	kgp_batch_end(&batch);
}

static void test_null_and_empty_stay_different(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_claim(f);
	struct kg_message m;

	put_one(f, &(struct kgp_record){.timestamp = -1});
	put_one(f, &(struct kgp_record){.offset = 1,
					.timestamp = -1,
					.key = kgp_bytes("", 0),
					.value = kgp_bytes("", 0)});
	fake_send(f);
	assert_int_equal(fake_receive(c, &m), 1);
	assert_true(!m.key && !m.value && !m.key_bytes && !m.value_bytes);
	assert_int_equal(m.timestamp_ms, -1);
	assert_int_equal(fake_receive(c, &m), 1);
	assert_true(m.key && m.value && !m.key_bytes && !m.value_bytes);
	kg_consumer_free(c);
}

static void put_header(struct kgp_buf *b, const char *name, struct kgp_bytes value)
{
	kgp_put_array(b, 2);
	kgp_put_str(b, kgp_text(name));
	kgp_put_bin(b, value);
}

static void test_headers_keep_order_duplicates_and_null(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_claim(f);
	struct kgp_buf headers = {0};
	struct kg_header h;
	struct kg_message m;

	put_header(&headers, "a", kgp_text("1"));
	put_header(&headers, "b", kgp_bytes(NULL, 0));
	kgp_put_array(&headers, 3); /* a field of a newer daemon */
	kgp_put_bin(&headers, kgp_text("a"));
	kgp_put_bin(&headers, kgp_text("two"));
	kgp_put_nil(&headers);
	put_one(f, &(struct kgp_record){
			   .headers = {.wire = headers.data, .wire_bytes = headers.len, .n = 3}});
	fake_send(f);
	kgp_buf_deinit(&headers);
	assert_int_equal(fake_receive(c, &m), 1);
	assert_int_equal(m.n_headers, 3);
	assert_int_equal(kg_message_get_header(&m, 0, &h), 0);
	assert_true(h.name_bytes == 1 && *h.name == 'a' && h.value_bytes == 1);
	assert_int_equal(kg_message_get_header(&m, 1, &h), 0);
	assert_null(h.value);
	assert_int_equal(kg_message_get_header(&m, 2, &h), 0);
	assert_memory_equal(h.value, "two", 3);
	assert_int_equal(kg_message_get_header(&m, 3, &h), KG_ERR_ARGUMENT);
	assert_int_equal(kg_message_get_header(NULL, 0, &h), KG_ERR_ARGUMENT);
	assert_int_equal(kg_message_find_header(&m, "a", &h), 1);
	assert_int_equal(h.value_bytes, 3);
	assert_int_equal(kg_message_find_header(&m, "c", &h), 0);
	assert_int_equal(kg_message_find_header(&m, NULL, &h), 0);
	kg_consumer_free(c);
}

static void test_bytes_may_come_one_at_a_time(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_claim(f);
	struct kg_message m;
	size_t i;

	fake_put_messages(f, 1, 7, 0, 2, 20);
	for (i = 0; i < f->out.len; i++) {
		assert_int_equal(kg_consumer_next(c, &m), 0);
		assert_int_equal(write(f->fd, f->out.data + i, 1), 1);
		assert_int_equal(kg_consumer_process(c), 0);
	}
	assert_int_equal(kg_consumer_next(c, &m), 1);
	assert_int_equal(kg_consumer_next(c, &m), 1);
	assert_true(has_bytes(&m, 1, 20));
	kg_consumer_free(c);
}

/* ---- how long they are valid ----------------------------------------------------------------- */

static void test_a_batch_is_valid_until_the_next_call(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_claim(f);
	struct kg_message m[8], copy;
	int i;

	fake_put_messages(f, 1, 7, 0, 10, 1000);
	fake_put_messages(f, 1, 7, 10, 2, 1000);
	fake_send(f);
	kg_consumer_process(c);
	assert_int_equal(kg_consumer_next_batch(c, m, 8), 8);
	fake_put_messages(f, 1, 7, 12, 200, 1000);
	fake_send(f);
	for (i = 0; i < 5; i++)
		kg_consumer_process(c);
	for (i = 0; i < 8; i++)
		assert_true(has_bytes(&m[i], i, 1000));
	copy = m[7];
	assert_int_equal(kg_consumer_next_batch(c, m, 0), 0);
	assert_int_equal(kg_consumer_next_batch(c, m, 8),
			 2); /* never of two frames: one partition, one block */
	assert_int_equal(kg_consumer_next_batch(c, m, 8), 2);
	assert_true(has_bytes(&m[1], 11, 1000));
	assert_int_equal(kg_consumer_mark(c, &copy, NULL),
			 0); /* its payload is gone, its mark is not */
	kg_consumer_free(c);
}

/* Takes and checks n messages from *next on, holding the one before over each process(). */
static void take(struct kg_consumer *c, struct kg_message *held, int64_t *next, unsigned n,
		 size_t bytes)
{
	for (; n; n--) {
		if (*next)
			assert_true(has_bytes(held, *next - 1, bytes));
		assert_int_equal(fake_receive(c, held), 1);
		assert_true(has_bytes(held, *next, bytes));
		kg_consumer_process(c);
		++*next;
	}
}

static void test_the_message_in_hand_survives_what_comes_behind_it(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_claim(f);
	struct kg_message m;
	int64_t sent = 0, next = 0;
	int i;

	for (i = 0; i < 60; i++) { /* 3 MB through blocks of half a megabyte, 16 KiB ahead */
		fake_put_messages(f, 1, 7, sent, 50, 1000);
		fake_send(f);
		sent += 50;
		take(c, &m, &next, i ? 50 : 34, 1000);
		fake_is_silent(f);
		kgp_buf_reset(&f->in);
	}
	take(c, &m, &next, 16, 1000);
	assert_int_equal(next, 3000);
	kg_consumer_free(c);
}

static void send_large(struct fake *f)
{
	fake_put_messages(f, 1, 7, 0, 1, 8 << 20);
	fake_put_messages(f, 1, 7, 1, 1, 100);
	fake_send(f);
}

static void test_a_message_far_larger_than_the_window(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_claim(f);
	struct kg_message m;

	fake_start(f, send_large);
	assert_int_equal(fake_receive(c, &m), 1);
	assert_true(has_bytes(&m, 0, 8 << 20));
	fake_join(f);
	assert_int_equal(kg_consumer_process(c), 0);
	assert_true(has_bytes(&m, 0, 8 << 20));
	assert_int_equal(fake_receive(c, &m), 1);
	assert_true(has_bytes(&m, 1, 100));
	kg_consumer_free(c);
}

static void test_receive_waits_no_longer_than_it_is_told(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_claim(f);
	struct kg_message m;

	assert_int_equal(kg_consumer_receive(c, &m, 0), 0);
	assert_int_equal(kg_consumer_receive(c, &m, 30), 0);
	assert_int_equal(kg_consumer_next(c, NULL), KG_ERR_ARGUMENT);
	assert_int_equal(kg_consumer_next(NULL, &m), KG_ERR_ARGUMENT);
	kg_consumer_free(c);
}

static void test_the_descriptor_wakes_a_loop_and_the_timeout_says_when_not_to_sleep(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_claim(f);
	struct pollfd p = {kg_consumer_get_fd(c), kg_consumer_get_events(c), 0};
	struct kg_message m;
	struct kg_event e;

	while (kg_consumer_next_event(c, &e))
		;
	assert_int_equal(kg_consumer_next(c, &m), 0);
	assert_int_equal(kg_consumer_get_timeout_ms(c), -1);
	assert_int_equal(poll(&p, 1, 0), 0);
	fake_put_messages(f, 1, 7, 0, 2, 10);
	fake_send(f);
	assert_int_equal(poll(&p, 1, 5000), 1);
	assert_int_equal(kg_consumer_process(c), 0);
	assert_int_equal(kg_consumer_get_timeout_ms(c), 0);
	assert_int_equal(kg_consumer_next(c, &m), 1);
	assert_int_equal(kg_consumer_next(c, &m), 1);
	assert_int_equal(kg_consumer_next(c, &m), 0);
	assert_int_equal(kg_consumer_get_timeout_ms(c), -1);
	kg_consumer_mark(c, &m, NULL);
	assert_int_equal(kg_consumer_get_timeout_ms(c), 0); /* the mark must not sleep with us */
	assert_int_equal(kg_consumer_process(c), 0);
	assert_int_equal(kg_consumer_get_timeout_ms(c), -1);
	kg_consumer_free(c);
}

/* ---- credit ---------------------------------------------------------------------------------- */

static struct kg_consumer *open_with_window(struct fake *f, const char *messages, const char *bytes)
{
	struct kg_consumer *c;

	fake_start(f, fake_greet);
	assert_int_equal(fake_try_open(f, &c, NULL, "credit.messages", messages, "credit.bytes",
				       bytes, NULL),
			 0);
	fake_join(f);
	fake_put_assign(f, 1, "t", 0, 7, 0, -1);
	fake_send(f);
	kg_consumer_process(c);
	return c;
}

static void expect_credit(struct fake *f, uint64_t messages, uint64_t bytes)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_credit, &b);
	assert_int_equal(b.credit.claim, 0);
	assert_int_equal(b.credit.messages, messages);
	assert_int_equal(b.credit.bytes, bytes);
}

static void test_credit_comes_back_by_half_windows_and_when_nothing_is_left(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_window(f, "10", "100000");
	struct kg_message m;
	int i;

	fake_put_messages(f, 1, 7, 0, 10, 8);
	fake_send(f);
	kg_consumer_process(c);
	for (i = 0; i < 5; i++)
		kg_consumer_next(c, &m);
	kg_consumer_process(c);
	assert_true(fake_is_silent(f));
	kg_consumer_next(c, &m);
	kg_consumer_process(c);
	expect_credit(f, 16, 100048);
	for (i = 0; i < 4; i++)
		kg_consumer_next(c, &m);
	assert_int_equal(kg_consumer_next(c, &m), 0);
	expect_credit(f, 20, 100080);
	kg_consumer_process(c);
	assert_true(fake_is_silent(f));
	kg_consumer_free(c);
}

static void test_credit_counts_keys_values_and_headers(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_window(f, "100", "1000");
	struct kgp_record r = {.key = kgp_text("four"), .value = kgp_text("seven77")};
	struct kgp_buf headers = {0};
	struct kg_message m;

	put_header(&headers, "ab", kgp_text("xyz"));
	put_header(&headers, "ab", kgp_bytes(NULL, 0));
	r.headers = (struct kgp_list){.wire = headers.data, .wire_bytes = headers.len, .n = 2};
	put_one(f, &r);
	fake_send(f);
	kgp_buf_deinit(&headers);
	assert_int_equal(fake_receive(c, &m), 1);
	assert_int_equal(kg_consumer_next(c, &m), 0);
	expect_credit(f, 101, 1000 + 4 + 7 + 2 + 3 + 2);
	kg_consumer_free(c);
}

static void test_more_than_the_credit_ends_the_consumer(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_window(f, "10", "100000");
	struct kg_message m;

	fake_put_messages(f, 1, 7, 0, 11, 8);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), KG_ERR_PROTOCOL);
	assert_int_equal(kg_consumer_next(c, &m), KG_ERR_PROTOCOL);
	assert_int_equal(kg_consumer_state(c, NULL), KG_STATE_CLOSED);
	assert_int_equal(kg_consumer_get_timeout_ms(c), 0);
	fake_expect_eof(f);
	kg_consumer_free(c);
}

/* ---- what the protocol does not allow -------------------------------------------------------- */

static void expect_end(struct fake *f, struct kg_consumer *c)
{
	struct kg_message m;
	int r;

	fake_send(f);
	r = kg_consumer_process(c);
	if (!r)
		r = kg_consumer_next(c, &m);
	assert_int_equal(r, KG_ERR_PROTOCOL);
	assert_int_equal(kg_consumer_process(c), KG_ERR_PROTOCOL);
	assert_int_equal(kg_consumer_commit(c, 0), KG_ERR_CLOSED);
	assert_true(kg_consumer_error(c)->text[0]);
	fake_expect_eof(f);
	assert_int_equal(kg_consumer_close(c), 0); /* nothing was marked, so nothing is lost */
	kg_consumer_free(c);
}

static void test_bytes_that_are_no_frame(void **state)
{
	struct kg_consumer *c = open_with_claim(fake_of(state));

	fake_put_raw(fake_of(state), "HTTP/1.1 400 Bad Request\r\n", 26);
	expect_end(fake_of(state), c);
}

static void test_a_frame_above_the_limit(void **state)
{
	struct kg_consumer *c = open_with_claim(fake_of(state));

	fake_put_raw(fake_of(state), "\xce\xff\xff\xff\xff", 5);
	expect_end(fake_of(state), c);
}

static void test_a_malformed_message_in_a_batch(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_claim(f);

	fake_put_messages(f, 1, 7, 0, 1, 3);
	f->out.data[f->out.len - 1] = 0xc1;
	expect_end(f, c);
}

static void test_messages_of_nobody(void **state)
{
	struct kg_consumer *c = open_with_claim(fake_of(state));

	fake_put_messages(fake_of(state), 2, 7, 0, 1, 3);
	expect_end(fake_of(state), c);
}

static void test_an_empty_batch_is_fine_but_not_with_a_tail(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_claim(f);
	struct kg_message m;

	fake_put_messages(f, 1, 7, 0, 0, 0);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	assert_int_equal(kg_consumer_next(c, &m), 0);
	fake_put_messages(f, 1, 7, 0, 0, 0);
	kgp_put_nil(&f->out);
	f->out.data[4]++; /* the length of the body */
	expect_end(f, c);
}

static void test_a_message_that_only_clients_send(void **state)
{
	struct kg_consumer *c = open_with_claim(fake_of(state));

	fake_put(fake_of(state), KGP_T_commit, &(struct kgp_commit){1});
	expect_end(fake_of(state), c);
}

static void test_a_notification_that_was_not_asked_for(void **state)
{
	struct kg_consumer *c = open_with_claim(fake_of(state));

	fake_put(fake_of(state), KGP_T_notify, &(struct kgp_notify){.kind = 1});
	expect_end(fake_of(state), c);
}

static void test_a_second_welcome(void **state)
{
	struct kg_consumer *c = open_with_claim(fake_of(state));

	fake_put(fake_of(state), KGP_T_welcome, &(struct kgp_welcome){.version = 1});
	expect_end(fake_of(state), c);
}

static void test_a_claim_that_exists(void **state)
{
	struct kg_consumer *c = open_with_claim(fake_of(state));

	fake_put_assign(fake_of(state), 2, "t", 0, 8, 0, -1);
	expect_end(fake_of(state), c);
}

static void test_a_release_of_nothing(void **state)
{
	struct kg_consumer *c = open_with_claim(fake_of(state));

	fake_put_release(fake_of(state), 9);
	expect_end(fake_of(state), c);
}

static void test_unknown_advisory_messages_are_ignored(void **state)
{
	struct fake *f = fake_of(state);
	struct kg_consumer *c = open_with_claim(f);
	struct kg_message m;

	fake_put_raw(f, "\xce\0\0\0\x04\x92\xcc\xc8\xc0", 9);
	fake_put_messages(f, 1, 7, 0, 1, 3);
	fake_send(f);
	assert_int_equal(fake_receive(c, &m), 1);
	kg_consumer_free(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_messages_come_in_order_with_all_that_they_have),
		TEST(test_null_and_empty_stay_different),
		TEST(test_headers_keep_order_duplicates_and_null),
		TEST(test_bytes_may_come_one_at_a_time),
		TEST(test_a_batch_is_valid_until_the_next_call),
		TEST(test_the_message_in_hand_survives_what_comes_behind_it),
		TEST(test_a_message_far_larger_than_the_window),
		TEST(test_receive_waits_no_longer_than_it_is_told),
		TEST(test_the_descriptor_wakes_a_loop_and_the_timeout_says_when_not_to_sleep),
		TEST(test_credit_comes_back_by_half_windows_and_when_nothing_is_left),
		TEST(test_credit_counts_keys_values_and_headers),
		TEST(test_more_than_the_credit_ends_the_consumer),
		TEST(test_bytes_that_are_no_frame),
		TEST(test_a_frame_above_the_limit),
		TEST(test_a_malformed_message_in_a_batch),
		TEST(test_messages_of_nobody),
		TEST(test_an_empty_batch_is_fine_but_not_with_a_tail),
		TEST(test_a_message_that_only_clients_send),
		TEST(test_a_notification_that_was_not_asked_for),
		TEST(test_a_second_welcome),
		TEST(test_a_claim_that_exists),
		TEST(test_a_release_of_nothing),
		TEST(test_unknown_advisory_messages_are_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
