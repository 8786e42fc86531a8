/* SPDX-License-Identifier: MIT */
/*
 * The application of the daemon that is measured: what direct.c does, through libkgroup.
 *
 *   --mode batch	kg_consumer_next_batch() and poll(2): the fastest way
 *   --mode single	kg_consumer_receive(): what people write
 *
 * Each message is read whole and then marked; the daemon commits the marks every second and at the
 * close. While --stall lasts nothing of the library is called, so its credit runs out.
 *
 * With --latency a line "ready" tells that partitions were handed over, so that producing can
 * begin; the result then has the hop too, from librdkafka in the daemon to this handler.
 */
#include <err.h>
#include <inttypes.h>
#include <kgroup.h>
#include <stdio.h>
#include <sysexits.h>

#include "tests/bench/consumer.h"
#include "tests/bench/meter.h"

enum { BATCH = 1000, WAIT_MS = 100, SILENCE_LIMIT_MS = 30000 };

struct app {
	struct arguments arguments;
	struct meter meter;
	struct kg_consumer *consumer;
	uint64_t n_seen;    /* messages at the time of silence_ns */
	int64_t silence_ns; /* when nothing was there for the first time after them */
	bool ready;
};

/* ---- the handler ---------------------------------------------------------------------------- */

static void handle_message(struct app *app, const struct kg_message *message)
{
	if (app->meter.latency)
		meter_on_arrival(&app->meter, message->value, message->value_bytes,
				 message->taken_us);
	meter_add(&app->meter, message->key, message->key_bytes, message->value,
		  message->value_bytes);
	consumer_require(app->consumer, kg_consumer_mark(app->consumer, message, NULL), "mark");
}

/* ---- two ways to get messages --------------------------------------------------------------- */

/* Both answer how many messages there were. */
static size_t read_single(struct app *app)
{
	struct kg_message message;
	int r = kg_consumer_receive(app->consumer, &message, WAIT_MS);

	consumer_require(app->consumer, r, "receive");
	if (r > 0)
		handle_message(app, &message);
	return (size_t)r;
}

static size_t read_batch(struct app *app)
{
	static struct kg_message messages[BATCH];
	int n = kg_consumer_next_batch(app->consumer, messages, BATCH);

	consumer_require(app->consumer, n, "next");
	for (int i = 0; i < n; i++)
		handle_message(app, &messages[i]);
	if (n == 0)
		consumer_wait(app->consumer, WAIT_MS);
	return (size_t)n;
}

/* ---- the run -------------------------------------------------------------------------------- */

static void announce_ready(struct app *app)
{
	app->ready = true;
	puts("ready");
	fflush(stdout);
}

static void on_silence(struct app *app)
{
	int64_t now_ns = meter_now_ns();

	if (app->n_seen != app->meter.n_done || app->silence_ns == 0) {
		app->n_seen = app->meter.n_done;
		app->silence_ns = now_ns;
	}
	if (now_ns - app->silence_ns > SILENCE_LIMIT_MS * 1000000LL)
		errx(EX_UNAVAILABLE, "no message for %d ms after %" PRIu64 ": %s", SILENCE_LIMIT_MS,
		     app->n_seen, consumer_state_text(app->consumer));
	if (app->meter.latency && !app->ready && kg_consumer_assignment(app->consumer, NULL) > 0)
		announce_ready(app);
}

static void run(struct app *app)
{
	bool single = app->arguments.mode == ARGUMENTS_SINGLE;

	while (!app->meter.finished) {
		if ((single ? read_single(app) : read_batch(app)) == 0)
			on_silence(app);
	}
}

int main(int argc, char **argv)
{
	static struct app app;

	arguments_parse(&app.arguments, argc, argv);
	meter_init(&app.meter, &app.arguments);
	app.consumer = consumer_open(&app.arguments);
	run(&app);
	meter_print(&app.meter, NULL);
	consumer_require(app.consumer, kg_consumer_close(app.consumer), "close");
	kg_consumer_free(app.consumer);
	meter_deinit(&app.meter);
	return 0;
}
