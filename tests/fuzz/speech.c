/* SPDX-License-Identifier: MIT */
/*
 * What clients of a conversation say: bytes of the input become frames that mostly make sense.
 *
 * Mostly, because a daemon is only as good as its manners with the rest: claims that are not there,
 * epochs that have ended, offsets of elsewhere, requests out of order.
 */
#include "tests/fuzz/speech.h"

#include "tests/fuzz/fake_kafka.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"

static struct fuzz_claim *any_claim(struct fuzz_client *c)
{
	static struct fuzz_claim nobodys;
	uint8_t which = byte();

	if (!c->n_claims || which > 250) {
		nobodys = (struct fuzz_claim){.id = which % 8u, .epoch = 1};
		return &nobodys;
	}
	return &c->claims[c->n_claims - 1 - which % c->n_claims];
}

void say_hello(struct fuzz_client *c)
{
	static const char *const names[] = {"reset", "seek", "partitions", "query", "notify"};
	static const uint32_t frames[] = {1u << 20, 65u << 20, 65536, 1};
	struct kgp_number version = {1};
	struct kgp_name features[5];
	uint8_t how = byte();
	uint32_t n = 0, i;

	for (i = 0; i < 5; i++)
		if (!(how >> i & 1))
			features[n++].value = kgp_text(names[i]);
	client_say(c, KGP_T_hello,
		   &(struct kgp_hello){
			   .versions = {.items = &version, .n = 1},
			   .features = {.items = features, .n = n},
			   .name = kgp_text("fuzz"),
			   .language = kgp_text("c"),
			   .max_frame = frames[how >> 6],
		   });
}

static uint32_t put_settings(struct kgp_buf *b, struct fuzz_client *c)
{
	static const char *const texts[][2] = {
		{"mode", "partitions"},	      {"strategy", "cooperative-sticky"},
		{"strategy", "roundrobin"},   {"initial.offset", "earliest"},
		{"initial.offset", "fail"},   {"dwell.time", "1ms"},
		{"commit.interval", "100ms"}, {"commit.retries", "0"}};
	struct kgp_settings s;
	uint8_t how = byte();
	char why[256];
	bool partitions;
	uint32_t n;
	int i;

	kgp_settings_init(&s);
	for (i = 0; i < 8; i++)
		if (how >> i & 1)
			kgp_settings_set(&s, kgp_text(texts[i][0]), kgp_text(texts[i][1]), why,
					 sizeof(why));
	how = byte();
	kgp_settings_set_number(&s, KGP_SETTING_ERRORS, how & 1, why, sizeof(why));
	kgp_settings_set_number(&s, KGP_SETTING_NOTIFICATIONS, how >> 1 & 1, why, sizeof(why));
	if (how & 4)
		kgp_settings_set_number(&s, KGP_SETTING_DWELL_TIME, how * 100, why, sizeof(why));
	if (how & 8)
		kgp_settings_set(&s, kgp_text("topics.include"), kgp_text("^[ps]"), why,
				 sizeof(why));
	if (how & 16)
		kgp_settings_set(&s, kgp_text("topics.exclude"), kgp_text("k$|(a+)+$"), why,
				 sizeof(why));
	if (how & 32)
		kgp_settings_set(&s, kgp_text("user.data"), kgp_text(how & 64 ? "" : "rack=7"), why,
				 sizeof(why));
	partitions = s.value[KGP_SETTING_MODE] == KGP_PARTITIONS;
	c->wild |= c->member && partitions != c->partitions; /* the old one is being closed yet */
	c->partitions = partitions;
	kgp_settings_encode(&s, b, &n);
	return n;
}

void say_open(struct fuzz_client *c)
{
	static const char *const groups[] = {"g0", "g1", "g2", "theirs"};
	struct kgp_name topics[N_TOPICS];
	struct kgp_buf settings = {0};
	uint8_t how = byte();
	uint32_t n = 0, n_settings, i;

	if (!c->member)
		c->group = how % 4;
	for (i = 0; i < N_TOPICS; i++)
		if (how >> (4 + i) & 1)
			topics[n++].value = kgp_text(place_topic((int)i * N_PARTITIONS));
	n_settings = put_settings(&settings, c);
	client_say(c, KGP_T_open,
		   &(struct kgp_open){
			   .request = client_new_request(c),
			   .cluster = kgp_text(how & 4 ? "main" : ""),
			   .group = kgp_text(groups[how % 4]),
			   .id = kgp_bytes(c->id, sizeof(c->id)),
			   .topics = {.items = topics, .n = n},
			   .settings = {.wire = settings.data,
					.wire_bytes = settings.len,
					.n = n_settings},
		   });
	kgp_buf_deinit(&settings);
}

static void say_resume(struct fuzz_client *c, uint64_t epoch)
{
	int place = (int)below(N_PLACES);
	uint8_t how = byte();

	client_say(c, KGP_T_resume,
		   &(struct kgp_resume){
			   .topic = kgp_text(place_topic(place)),
			   .partition = (uint64_t)(place % N_PARTITIONS),
			   .epoch = how & 1 ? epoch : epoch - how,
			   .offset = byte() - 1,
			   .committed = how & 2 ? -1 : how >> 2,
			   .metadata = kgp_text(how & 4 ? "resumed" : NULL),
		   });
}

void say_credit(struct fuzz_client *c, struct fuzz_claim *claim, unsigned n, unsigned bytes)
{
	client_say(
		c, KGP_T_credit,
		&(struct kgp_credit){
			.claim = c->partitions ? claim->id : 0,
			.messages = (c->partitions ? claim->granted : c->granted) + n,
			.bytes = (c->partitions ? claim->granted_bytes : c->granted_bytes) + bytes,
		});
}

/* Mostly of the claim's epoch and of what was received; else a guess. */
static void say_marks(struct fuzz_client *c, enum kgp_type type)
{
	static const char *const texts[] = {NULL, "", "state", "other"};
	struct kgp_entry entries[4];
	struct fuzz_claim *claim;
	struct kgp_mark m = {.entries = {.items = entries}};
	uint8_t how = byte();
	uint32_t i;

	m.request = how & 4 ? client_new_request(c) : 0;
	m.entries.n = 1 + (how & 3);
	for (i = 0; i < m.entries.n; i++) {
		claim = any_claim(c);
		how = byte();
		entries[i] = (struct kgp_entry){
			.claim = claim->id,
			.epoch = how % 16 == 8 ? claim->epoch - 1 : claim->epoch,
			.offset = how & 32 ? (how & 31) * 4 - 1 : claim->next - 1 - (how & 7),
			.metadata = kgp_text(texts[how >> 6]),
		};
	}
	client_say(c, type, &m);
}

static void say_seek(struct fuzz_client *c)
{
	static const char *const whences[] = {"offset", "earliest", "latest", "back",
					      "time",	"offset",   "offset", "nowhere"};
	struct kgp_number ids[3];
	uint8_t how = byte();
	uint32_t n = how >> 6, i;

	for (i = 0; i < n; i++)
		ids[i].value = any_claim(c)->id;
	client_say(c, KGP_T_seek,
		   &(struct kgp_seek){
			   .request = client_new_request(c),
			   .claims = {.items = ids, .n = n},
			   .whence = kgp_text(whences[how & 7]),
			   .value = (how >> 3 & 7) == 7
					    ? INT64_MIN
					    : (int64_t)byte() * ((how & 7) == 4 ? 1000 : 1),
		   });
}

static void say_pause(struct fuzz_client *c)
{
	struct kgp_number ids[2] = {{any_claim(c)->id}, {any_claim(c)->id}};
	uint8_t how = byte();

	client_say(c, KGP_T_pause,
		   &(struct kgp_pause){
			   .request = how & 2 ? client_new_request(c) : 0,
			   .claims = {.items = ids, .n = 2},
			   .paused = how & 1,
		   });
}

static void put_argument(struct kgp_buf *b, uint32_t *n, const char *name, const char *text)
{
	kgp_put_str(b, kgp_text(name));
	kgp_put_str(b, kgp_text(text));
	++*n;
}

static void say_query(struct fuzz_client *c)
{
	static const char *const whats[] = {"status", "lag",	 "topics",	     "partitions",
					    "offset", "refresh", "high.water.marks", "nothing"};
	struct kgp_buf b = {0};
	uint8_t how = byte();
	uint32_t n = 0;

	if (how & 8)
		put_argument(&b, &n, "group", how & 16 ? "g1" : "g9");
	if (how & 32)
		put_argument(&b, &n, "topic", how & 16 ? "pay" : "none");
	if (how & 64)
		put_argument(&b, &n, "at", how & 16 ? "earliest" : "latest");
	if (how & 128) {
		kgp_put_str(&b, kgp_text("partition"));
		kgp_put_uint(&b, how & 16 ? 1 : 77);
		n++;
	}
	client_say(c, KGP_T_query,
		   &(struct kgp_query){
			   .request = client_new_request(c),
			   .what = kgp_text(whats[how & 7]),
			   .arguments = {.wire = b.data, .wire_bytes = b.len, .n = n},
		   });
	kgp_buf_deinit(&b);
}

void say_one(struct fuzz_client *c, uint64_t epoch)
{
	static struct kgp_resume_end end;

	switch (below(16)) {
	case 0:
		say_hello(c);
		break;
	case 1:
		say_open(c);
		break;
	case 2:
		say_resume(c, epoch);
		break;
	case 3:
		client_say(c, KGP_T_resume_end, &end);
		break;
	case 4:
		say_credit(c, any_claim(c), below(64), byte() * 300u);
		break;
	case 5:
	case 6:
		say_marks(c, KGP_T_mark);
		break;
	case 7:
		say_marks(c, KGP_T_reset);
		break;
	case 8:
		client_say(c, KGP_T_commit, &(struct kgp_commit){client_new_request(c)});
		break;
	case 9:
		say_pause(c);
		break;
	case 10:
		client_say(c, KGP_T_done, &(struct kgp_done){any_claim(c)->id});
		break;
	case 11:
		say_seek(c);
		break;
	case 12:
		client_say(c, KGP_T_claim_close,
			   &(struct kgp_claim_close){client_new_request(c), any_claim(c)->id});
		break;
	case 13:
		say_query(c);
		break;
	case 14:
		client_say(c, KGP_T_close, &(struct kgp_close){client_new_request(c)});
		break;
	default:
		client_say_bytes(c, input.at, below(16) < input.end - input.at ? 1 : 0);
	}
}
