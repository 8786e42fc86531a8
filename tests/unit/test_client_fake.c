/* SPDX-License-Identifier: MIT */
/*
 * The fake daemon of the client library's tests.
 *
 * It listens on a socket of its own in a temporary directory and speaks through the codec, from the
 * daemon's side. Beside a blocking call it runs as a script in a thread; else the test drives it
 * and the library in turn, in one thread, so that nothing depends on time. A script may not use the
 * asserts of cmocka (they jump), so what goes wrong here is noted and fails the test at the next
 * join or expect of the main thread. Every wait is bounded by 5 seconds.
 */
#include "tests/unit/test_client_fake.h"

#include "tests/unit/cmocka_all.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE_MS = 5000 };

static void fail_with(struct fake *f, const char *what)
{
	if (!f->failure[0])
		snprintf(f->failure, sizeof(f->failure), "%s", what);
	if (!f->script)
		fail_msg("fake daemon: %s", f->failure);
}

/* ---- life ------------------------------------------------------------------------------------ */

void fake_init(struct fake *f)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	*f = (struct fake){.fd = -1};
	strcpy(f->dir, "/tmp/kgroup-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/sock", f->dir);
	strcpy(a.sun_path, f->path);
	f->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(f->listen_fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(f->listen_fd, 4), 0);
}

void fake_deinit(struct fake *f)
{
	fake_hang_up(f);
	if (f->listen_fd >= 0)
		close(f->listen_fd);
	unlink(f->path);
	rmdir(f->dir);
	kgp_buf_deinit(&f->out);
	kgp_buf_deinit(&f->in);
	kgp_buf_deinit(&f->frame);
}

static unsigned count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

int fake_setup(void **state)
{
	struct fake *f = malloc(sizeof(*f));
	unsigned n_fds = count_fds();

	fake_init(f);
	f->n_fds = n_fds;
	*state = f;
	return 0;
}

int fake_teardown(void **state)
{
	struct fake *f = *state;
	unsigned n_fds = f->n_fds;

	fake_deinit(f);
	free(f);
	return count_fds() != n_fds;
}

static void *run(void *arg)
{
	struct fake *f = arg;

	f->script(f);
	return NULL;
}

void fake_start(struct fake *f, void (*script)(struct fake *f))
{
	f->script = script;
	assert_int_equal(pthread_create(&f->thread, NULL, run, f), 0);
}

void fake_join(struct fake *f)
{
	pthread_join(f->thread, NULL);
	f->script = NULL;
	if (f->failure[0])
		fail_msg("fake daemon: %s", f->failure);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static bool wait_for(struct fake *f, int fd, short events, const char *what)
{
	struct pollfd p = {fd, events, 0};

	if (fd >= 0 && poll(&p, 1, PATIENCE_MS) == 1)
		return true;
	fail_with(f, what);
	return false;
}

void fake_accept(struct fake *f)
{
	if (!wait_for(f, f->listen_fd, POLLIN, "nobody connects"))
		return;
	f->fd = accept4(f->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	kgp_buf_reset(&f->in);
	kgp_buf_reset(&f->out);
}

void fake_hang_up(struct fake *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

void fake_put(struct fake *f, enum kgp_type type, const void *message)
{
	kgp_encode(&f->out, type, message);
}

void fake_put_raw(struct fake *f, const void *data, size_t size)
{
	kgp_put_raw(&f->out, data, size);
}

void fake_send(struct fake *f)
{
	size_t at = 0, n;
	ssize_t r;

	while (at < f->out.len) {
		n = f->out.len - at;
		if (f->piece_bytes && n > f->piece_bytes)
			n = f->piece_bytes;
		if (!wait_for(f, f->fd, POLLOUT, "the library does not read"))
			return;
		r = send(f->fd, f->out.data + at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (r < 0 && errno != EAGAIN) {
			if (!f->forgiving)
				fail_with(f, "the library has hung up");
			break;
		}
		at += r > 0 ? (size_t)r : 0;
	}
	kgp_buf_reset(&f->out);
}

/* More bytes: false at the end of the stream or when none come. */
static bool receive(struct fake *f, int flags)
{
	ssize_t n;

	kgp_buf_reserve(&f->in, 65536);
	n = recv(f->fd, f->in.data + f->in.len, 65536, flags);
	if (n <= 0)
		return false;
	f->in.len += (size_t)n;
	return true;
}

/* The next body in f->frame, if it is whole. */
static bool cut(struct fake *f)
{
	uint32_t n;

	if (kgp_frame_peek(f->in.data, f->in.len, KGP_FRAME_MAX_CLIENT, &n) != KGP_FRAME_COMPLETE)
		return false;
	kgp_buf_reset(&f->frame);
	kgp_put_raw(&f->frame, f->in.data + KGP_FRAME_HEADER, n);
	f->in.len -= KGP_FRAME_HEADER + n;
	memmove(f->in.data, f->in.data + KGP_FRAME_HEADER + n, f->in.len);
	return true;
}

bool fake_next(struct fake *f, const struct kgp_info **info, union kgp_body *body)
{
	while (!cut(f)) {
		if (!wait_for(f, f->fd, POLLIN, "nothing more comes"))
			return false;
		if (!receive(f, 0))
			return false;
	}
	if (!kgp_decode(f->frame.data, f->frame.len, KGP_CLIENT, info, body))
		return true;
	fail_with(f, "a bad frame came");
	return false;
}

void fake_expect(struct fake *f, enum kgp_type type, union kgp_body *body)
{
	const struct kgp_info *info;
	union kgp_body unused;
	bool came = fake_next(f, &info, body ? body : &unused);
	char what[128];

	if (came && info->type == type)
		return;
	snprintf(what, sizeof(what), "expected message %d, got %s", (int)type,
		 came ? info->name : "none");
	fail_with(f, what);
}

void fake_expect_eof(struct fake *f)
{
	if (wait_for(f, f->fd, POLLIN, "the library does not hang up") && receive(f, 0))
		fail_with(f, "expected the end, got more");
}

bool fake_is_silent(struct fake *f)
{
	while (receive(f, MSG_DONTWAIT))
		;
	return !f->in.len;
}

/* ---- parts of the conversation --------------------------------------------------------------- */

void fake_put_welcome(struct fake *f)
{
	struct kgp_name features[KGP_N_FEATURES];
	struct kgp_welcome welcome = {
		.version = KGP_VERSION,
		.features = {.items = features},
		.max_frame = KGP_FRAME_MAX_CLIENT,
		.name = kgp_text("fake"),
		.software = kgp_text("fake/1"),
	};
	int i;

	for (i = KGP_FEATURE_core + 1; i < KGP_N_FEATURES; i++)
		if (!(f->lacks & 1u << i))
			features[welcome.features.n++].value = kgp_text(kgp_feature_names[i]);
	fake_put(f, KGP_T_welcome, &welcome);
}

void fake_take_hello(struct fake *f)
{
	fake_accept(f);
	fake_expect(f, KGP_T_hello, NULL);
	fake_put_welcome(f);
	fake_send(f);
}

void fake_take_open(struct fake *f)
{
	union kgp_body b = {0};

	fake_take_hello(f);
	fake_expect(f, KGP_T_open, &b);
	f->open_request = b.open.request;
}

void fake_take_end(struct fake *f)
{
	fake_expect(f, KGP_T_resume_end, NULL);
	fake_expect(f, KGP_T_credit, NULL);
}

void fake_accept_open(struct fake *f)
{
	fake_put_reply(f, f->open_request, 0, NULL);
	fake_put_state(f, "joined");
	fake_send(f);
}

void fake_greet(struct fake *f)
{
	fake_take_open(f);
	fake_take_end(f);
	fake_accept_open(f);
}

void fake_put_reply(struct fake *f, uint64_t request, unsigned code, const char *text)
{
	struct kgp_reply reply = {.request = request, .code = code, .text = kgp_text(text)};

	fake_put(f, KGP_T_reply, &reply);
}

void fake_put_result(struct fake *f, uint64_t request, const struct kgp_buf *result)
{
	struct kgp_reply reply = {.request = request, .result = {result->data, result->len}};

	fake_put(f, KGP_T_reply, &reply);
}

void fake_put_state(struct fake *f, const char *state)
{
	struct kgp_state m = {kgp_text(state), kgp_text("so it is")};

	fake_put(f, KGP_T_state, &m);
}

void fake_put_assign(struct fake *f, unsigned claim, const char *topic, unsigned partition,
		     uint64_t epoch, int64_t start, int64_t committed)
{
	struct kgp_assign m = {
		.claim = claim,
		.topic = kgp_text(topic),
		.partition = partition,
		.epoch = epoch,
		.initial = start,
		.start = start,
		.committed = committed,
		.metadata = kgp_text(committed >= 0 ? "meta" : NULL),
		.high = start + 1000,
	};

	fake_put(f, KGP_T_assign, &m);
}

void fake_put_messages(struct fake *f, unsigned claim, uint64_t epoch, int64_t first, unsigned n,
		       size_t value_bytes)
{
	struct kgp_messages head = {.claim = claim, .epoch = epoch, .taken_us = 1};
	struct kgp_record r = {.timestamp_type = 1, .timestamp = 1700000000000};
	char *value = calloc(1, value_bytes + 1);
	struct kgp_batch batch;

	kgp_batch_begin(&batch, &f->out, &head);
	for (; n; n--, first++) {
		memset(value, (int)(first & 0x7f), value_bytes);
		r.offset = first;
		r.value = kgp_bytes(value, value_bytes);
		kgp_batch_put(&batch, &r);
	}
	kgp_batch_end(&batch);
	free(value);
}

void fake_put_release(struct fake *f, unsigned claim)
{
	struct kgp_release m = {.claim = claim, .dwell_ms = 5000, .reason = kgp_text("rebalance")};

	fake_put(f, KGP_T_release, &m);
}

void fake_put_released(struct fake *f, unsigned claim)
{
	struct kgp_released m = {.claim = claim, .reason = kgp_text("rebalance")};

	fake_put(f, KGP_T_released, &m);
}

/* ---- the library's side ---------------------------------------------------------------------- */

int fake_try_open(struct fake *f, struct kg_consumer **c, struct kg_error *error, ...)
{
	static const char *const topics[] = {"t"};
	struct kg_options *o = kg_options_new();
	const char *name;
	va_list ap;
	int r;

	assert_int_equal(kg_options_set(o, "socket", f->path, NULL), 0);
	va_start(ap, error);
	while ((name = va_arg(ap, const char *)))
		assert_int_equal(kg_options_set(o, name, va_arg(ap, const char *), NULL), 0);
	va_end(ap);
	*c = NULL;
	r = kg_consumer_open(c, "g", topics, 1, o, error);
	kg_options_free(o);
	return r;
}

struct kg_consumer *fake_open(struct fake *f)
{
	struct kg_consumer *c;
	struct kg_error e;

	fake_start(f, fake_greet);
	if (fake_try_open(f, &c, &e, NULL))
		fail_msg("open: %s", e.text);
	fake_join(f);
	return c;
}

int fake_receive(struct kg_consumer *c, struct kg_message *m)
{
	return kg_consumer_receive(c, m, PATIENCE_MS);
}

/* ---- reconnecting ---------------------------------------------------------------------------- */

/* Sleeps as a program would and takes turns until the library has said its HELLO. */
void fake_come_back(struct fake *f, struct kg_consumer *c)
{
	struct pollfd p[2] = {{kg_consumer_get_fd(c), POLLIN, 0}, {f->listen_fd, POLLIN, 0}};
	int i;

	for (i = 0; i < 100 && !(p[1].revents & POLLIN); i++) {
		assert_int_equal(kg_consumer_process(c), 0);
		poll(p, 2, kg_consumer_get_timeout_ms(c));
	}
	fake_accept(f);
	fake_expect(f, KGP_T_hello, NULL);
}

void fake_welcome_back(struct fake *f, struct kg_consumer *c, union kgp_body *open)
{
	fake_put_welcome(f);
	fake_send(f);
	assert_int_equal(kg_consumer_process(c), 0);
	fake_expect(f, KGP_T_open, open);
	f->open_request = open->open.request;
}

void fake_expect_resume(struct fake *f, int partition, uint64_t epoch, int64_t offset,
			const char *metadata, int64_t committed)
{
	union kgp_body b = {0};

	fake_expect(f, KGP_T_resume, &b);
	assert_true(kgp_bytes_equal(b.resume.topic, kgp_text("t")));
	assert_int_equal(b.resume.partition, partition);
	assert_int_equal(b.resume.epoch, epoch);
	assert_int_equal(b.resume.offset, offset);
	assert_true(kgp_bytes_equal(b.resume.metadata, kgp_text(metadata)));
	assert_int_equal(b.resume.committed, committed);
}

void fake_reopen(struct fake *f, struct kg_consumer *c)
{
	union kgp_body b = {0};

	fake_come_back(f, c);
	fake_welcome_back(f, c, &b);
	fake_take_end(f);
	fake_accept_open(f);
	assert_int_equal(kg_consumer_process(c), 0);
}
