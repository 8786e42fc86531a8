/* SPDX-License-Identifier: MIT */
/*
 * Whole conversations: several clients of several users, the daemon, a cluster that fails.
 *
 * The daemon is all of its own code but main, the socket that listens and librdkafka: below it are
 * fake_kafka.c, fake_socket.c and fake_loop.c, so a conversation needs no system call but those of
 * the state file, and the same input is the same conversation. The input is a list of steps, each
 * a byte that says what and some that say how: clients connect, say frames that mostly make sense
 * (marks of what they were given, requests of claims that they have), sometimes damaged ones, read
 * or do not, hang up, die; Kafka assigns, takes away, produces, trims, answers late, badly or not;
 * memory runs short; time passes; the daemon stops and comes back.
 *
 * After each step the daemon is asked whether its own books agree, and every client whether what it
 * heard may be (client.c); Kafka asserts what librdkafka asks of its callers and that nothing is
 * committed that nobody marked (fake_kafka.c). And nothing may be stuck: when the loop rests, a
 * claim with credit, room and data has none left. At the end all goes well for a while: then every
 * request was answered once, every message of every partition that is held by a client that keeps
 * to the protocol has come, and what is marked is committed. The daemon is closed: no event,
 * descriptor, handle, message or byte of it is left.
 */
#include "tests/fuzz/fuzz.h"

#include "daemon/claim.h"
#include "daemon/config.h"
#include "daemon/connection.h"
#include "daemon/consumer.h"
#include "daemon/daemon.h"
#include "daemon/group.h"
#include "tests/fuzz/books.h"
#include "tests/fuzz/fake_kafka.h"
#include "tests/fuzz/fake_loop.h"
#include "tests/fuzz/fake_socket.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/speech.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { MOST_STEPS = 400, START_US = 1000000000 };

static const char file_text[] = "[daemon]\n"
				"socket.path = %s/socket\n"
				"memory.limit = 64MiB\n"
				"output.limit = 64KiB\n"
				"connections.per.user = 3\n"
				"drain.timeout = 2s\n"
				"[cluster main]\n"
				"bootstrap.servers = nowhere\n"
				"allow.dynamic = yes\n"
				"allow.users = 0, 1001\n"
				"[group g0]\n"
				"cluster = main\n"
				"leave.delay = 3s\n"
				"[group g1]\n"
				"cluster = main\n"
				"initial.offset = earliest\n"
				"allow.users = 1000, 1001\n"
				"leave.delay = 0s\n"
				"[group g2]\n"
				"cluster = main\n"
				"join = always\n"
				"topics = pay\n"
				"initial.offset = earliest\n"
				"instance.id =\n";

static struct daemon d;
static struct config *config;
static bool is_open;
static char folder[] = "/dev/shm/kgroupd-fuzz-XXXXXX", state_path[80];
static struct fuzz_client clients[MOST_CLIENTS];
struct fuzz_input input;

struct config *__wrap_config_free(struct config *c);
struct config *__real_config_free(struct config *c);

/* One is read at the start and serves all. */
struct config *__wrap_config_free(struct config *c)
{
	return c == config ? NULL : __real_config_free(c);
}

/* ---- steps ---------------------------------------------------------------------------------- */

static void step_connect(struct fuzz_client *c)
{
	static const uid_t uids[] = {1000, 1001, 0, 1000};
	int fd;

	if (c->fd >= 0 || !is_open)
		return;
	fd = fake_socket_open(uids[below(4)]);
	if (fd < 0)
		return;
	client_connect(c, fd);
	if (connection_new(&d, fd))
		c->wild = true; /* at the door */
}

/* Connects, becomes a consumer and allows much: else few inputs would come so far. */
static void step_join(struct fuzz_client *c)
{
	static struct kgp_resume_end end;

	step_connect(c);
	say_hello(c);
	say_open(c);
	client_say(c, KGP_T_resume_end, &end);
	if (!c->partitions)
		say_credit(c, NULL, byte(), byte() * 1000u);
}

static void step_kafka(void)
{
	uint8_t what = byte(), how = byte();
	int place = how % N_PLACES;

	switch (what % 8) {
	case 0:
	case 1:
		cluster_produce(place, what >> 3);
		break;
	case 2:
		cluster_fetch(place, what >> 3);
		break;
	case 3:
	case 4:
		cluster_answer(how >> 4,
			       how % 8 < N_OUTCOMES ? (enum outcome)(how % 8) : ANSWER_OK);
		break;
	case 5:
		cluster.share[what >> 3 & 3] = how * 0x101u;
		cluster_rebalance(what >> 3 & 3);
		break;
	case 6:
		cluster_trim(place, cluster.places[place].start + (what >> 3));
		break;
	default:
		cluster_fail(what >> 3 & 3, how % 9, how & 0x80);
	}
}

static void step_client_fate(struct fuzz_client *c)
{
	struct fake_socket *s;
	uint8_t how = byte();

	if (c->fd < 0)
		return;
	s = fake_socket_get(c->fd);
	if (how % 8 == 0)
		s->hung_up = true;
	else if (how % 8 == 1)
		s->process_gone = true;
	else if (how % 8 == 2)
		s->error = how & 8 ? ECONNRESET : EINTR;
	else if (how % 8 == 3)
		s->room = how * 100u;
	else
		c->reads = how & 8;
	c->wild |= how % 8 <= 2;
}

static void step_cluster_mood(void)
{
	uint8_t how = byte();

	cluster.late = how & 1;
	cluster.never_closes = (how & 6) == 6;
	fake_rss_bytes = how & 8 ? 62u << 20 : how & 16 ? 52u << 20 : 10u << 20;
}

static void step_time(void)
{
	static const uint32_t ms[] = {1,    10,	  60,	120,  250,  600,
				      1000, 1600, 3100, 5200, 8100, 10500};

	fake_loop_advance(ms[below(12)] * 1000ull);
}

static void hang_up_all(void)
{
	int i;

	for (i = 0; i < MOST_CLIENTS; i++)
		if (clients[i].fd >= 0)
			client_deinit(&clients[i]);
}

static void open_daemon(void)
{
	assert(!daemon_open(&d, config));
	is_open = true;
}

static void close_daemon(void)
{
	if (!is_open)
		return;
	is_open = false;
	daemon_close(&d);
	assert(!fake_loop_count_events() && !fake_sockets_count() && !cluster_count_objects());
	hang_up_all();
}

static void damage_state(void)
{
	uint8_t at = byte(), value = byte();
	int fd = open(state_path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	assert(pwrite(fd, &value, 1, at) == 1);
	close(fd);
}

static void step_daemon(void)
{
	uint8_t how = byte();

	if (how % 4 == 0) {
		if (!d.exiting)
			daemon_stop(&d);
		return;
	}
	close_daemon();
	if (how % 4 == 3)
		damage_state();
	open_daemon();
}

static void step(void)
{
	uint8_t what = byte();
	struct fuzz_client *c = &clients[what >> 4 & 7 ? (what >> 4) % MOST_CLIENTS : 0];

	switch (what & 15) {
	case 0:
		step_connect(c);
		break;
	case 1:
	case 2:
		step_join(c);
		break;
	case 3:
		client_damage_next(byte(), byte());
		say_one(c, d.epoch);
		break;
	case 4:
	case 5:
	case 6:
	case 7:
	case 8:
		say_one(c, d.epoch);
		break;
	case 9:
	case 10:
	case 11:
		step_kafka();
		break;
	case 12:
		step_time();
		break;
	case 13:
		step_client_fate(c);
		break;
	case 14:
		step_cluster_mood();
		break;
	default:
		step_daemon();
	}
}

static void clients_read(void)
{
	struct fake_socket *s;
	int i;

	for (i = 0; i < MOST_CLIENTS; i++) {
		if (clients[i].fd < 0)
			continue;
		s = fake_socket_get(clients[i].fd);
		if (clients[i].reads || !s->open)
			client_read(&clients[i]);
		if (!s->open)
			client_deinit(&clients[i]);
	}
}

static void settle(void)
{
	fake_loop_run();
	clients_read();
	fake_loop_run();
	books_check(&d);
	if (d.exiting) {
		close_daemon();
		open_daemon();
	}
}

/* ---- a good end ----------------------------------------------------------------------------- */

static void behave(struct fuzz_client *c)
{
	struct fake_socket *s = fake_socket_get(c->fd);
	struct kgp_number id;
	unsigned i;

	s->room = 1u << 30;
	c->reads = true;
	if (!c->member || c->close_request)
		return;
	if (!c->partitions)
		say_credit(c, NULL, 1000, 10u << 20);
	for (i = 0; i < c->n_claims; i++) {
		if (!c->claims[i].live)
			continue;
		if (c->partitions)
			say_credit(c, &c->claims[i], 1000, 10u << 20);
		id.value = c->claims[i].id;
		client_say(c, KGP_T_pause, &(struct kgp_pause){0, {.items = &id, .n = 1}, false});
		client_say(c, KGP_T_mark,
			   &(struct kgp_mark){
				   .entries = {.items = &(struct kgp_entry){c->claims[i].id,
									    c->claims[i].epoch,
									    c->claims[i].next - 1},
					       .n = 1}});
	}
}

static void go_well(void)
{
	int round, i;

	cluster.never_closes = false;
	client_damage_next(0, 0);
	fake_rss_bytes = 0;
	for (round = 0; round < 10; round++) {
		cluster_go_on();
		for (i = 0; i < MOST_CLIENTS; i++)
			if (clients[i].fd >= 0)
				behave(&clients[i]);
		settle();
		fake_loop_advance(4000000);
		settle();
	}
	cluster_assert_settled();
}

static void check_end(void)
{
	struct fuzz_client *c;

	for (c = clients; c < clients + MOST_CLIENTS; c++) {
		if (c->fd < 0 || c->wild || c->ended)
			continue;
		assert(!c->n_requests); /* each was answered */
	}
}

/* What is left to come, and to be committed, of those who hold a partition and keep to the rules.
 */
static void check_delivered(void)
{
	struct connection *connection;
	struct fuzz_client *c;
	struct fuzz_claim *f;
	struct place *p;
	struct claim *claim;

	TAILQ_FOREACH (connection, &d.connections, link) {
		for (c = clients; c < clients + MOST_CLIENTS && c->fd != connection->fd; c++)
			;
		assert(c < clients + MOST_CLIENTS);
		if (c->wild || c->ended || !connection->consumer || !c->member || c->group > 2)
			continue;
		for (f = c->claims; f < c->claims + c->n_claims; f++) {
			claim = consumer_find_claim(connection->consumer, f->id);
			assert(!claim == !f->live);
			if (!claim || claim->state != CLAIM_LIVE || claim->blocked)
				continue;
			p = &cluster.places[f->place];
			assert(place_first_message(f->place, f->next) == p->end);
			assert(p->committed[c->group] >= f->next ||
			       claim->partition->offsets.was_reset ||
			       claim->partition->offsets.pending < 0);
		}
	}
}

/* ---- entry ---------------------------------------------------------------------------------- */

static void clean_up(void)
{
	char path[96];

	unlink(state_path);
	snprintf(path, sizeof(path), "%s/kgroupd.conf", folder);
	unlink(path);
	rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct config_errors errors = {0};
	char path[96];
	FILE *f;

	is_verbose = getenv("KGROUP_FUZZ_VERBOSE") != NULL;
	assert(mkdtemp(folder) && !setenv("RUNTIME_DIRECTORY", folder, 1));
	snprintf(state_path, sizeof(state_path), "%s/state", folder);
	unsetenv("NOTIFY_SOCKET");
	atexit(clean_up);
	snprintf(path, sizeof(path), "%s/kgroupd.conf", folder);
	f = fopen(path, "we");
	fprintf(f, file_text, folder);
	fclose(f);
	if (config_load(path, NULL, &config, &errors))
		fprintf(stderr, "%s\n", errors.errors[0].text);
	assert(config);
	return 0;
}

static void begin(void)
{
	int i;

	unlink(state_path);
	fake_now_us = START_US;
	fake_rss_bytes = 0;
	client_damage_next(0, 0);
	fake_sockets_reset();
	cluster_reset();
	for (i = 0; i < MOST_CLIENTS; i++) {
		clients[i] = (struct fuzz_client){.fd = -1};
		memset(clients[i].id, i % 5, sizeof(clients[i].id)); /* the last is the first's */
	}
	open_daemon();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int n;

	input.at = data;
	input.end = data + size;
	begin();
	cluster.old_library = byte() & 1;
	for (n = 0; n < MOST_STEPS && input.at < input.end; n++) {
		step();
		settle();
	}
	go_well();
	check_end();
	check_delivered();
	close_daemon();
	fake_sockets_reset();
	return 0;
}
