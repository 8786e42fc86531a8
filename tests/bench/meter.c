/* SPDX-License-Identifier: MIT */
/*
 * What is done with each message, and what is measured meanwhile: the same code for a direct
 * consumer and for an application of the daemon.
 *
 * A run has three parts: the first tenth of the messages, which is not counted (join, first fetch,
 * caches); with --stall a handler that does nothing for so long; the counted rest. The clocks run
 * in the counted part only, from the message that ends the part before to the last one: wall time,
 * CPU time of this process, and CPU time of the watched ones, read at the same two moments from the
 * kernel's clock of each process, which is exact where /proc/PID/stat counts in ticks of 10 ms.
 *
 * The sum of all bytes proves that everything arrived, once: it must be the same for every consumer
 * of a topic. That makes it a part of the result and not only a load.
 */
#include "tests/bench/meter.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { WARM_PER_CENT = 10 };

/* ---- bytes ---------------------------------------------------------------------------------- */

/* Built with -O3: four bytes or sixteen at a time. The blocks keep the narrow sum from overflow. */
uint64_t meter_sum(const void *data, size_t n_bytes)
{
	const uint8_t *p = data;
	uint64_t sum = 0;

	while (n_bytes > 0) {
		size_t n_block = n_bytes < 1 << 24 ? n_bytes : 1 << 24;
		uint32_t block_sum = 0;

		for (size_t i = 0; i < n_block; i++)
			block_sum += p[i];
		sum += block_sum;
		p += n_block;
		n_bytes -= n_block;
	}
	return sum;
}

/* ---- clocks --------------------------------------------------------------------------------- */

static int64_t read_ns(clockid_t id)
{
	struct timespec now;

	if (clock_gettime(id, &now) < 0)
		err(EX_OSERR, "a watched process is gone");
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t meter_now_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

static void add_clock(struct meter *meter, const char *name, clockid_t id)
{
	meter->clocks[meter->n_clocks++] = (struct meter_clock){.name = name, .id = id};
}

static void watch(struct meter *meter, const struct arguments_watched *watched)
{
	clockid_t id;
	int r = clock_getcpuclockid(watched->pid, &id);

	if (r != 0)
		errx(EX_USAGE, "process %d (%s): %s", (int)watched->pid, watched->name,
		     strerror(r));
	add_clock(meter, watched->name, id);
}

static void start_clocks(struct meter *meter)
{
	for (size_t i = 0; i < meter->n_clocks; i++)
		meter->clocks[i].start_ns = read_ns(meter->clocks[i].id);
}

static void stop_clocks(struct meter *meter)
{
	for (size_t i = 0; i < meter->n_clocks; i++)
		meter->clocks[i].used_ns = read_ns(meter->clocks[i].id) - meter->clocks[i].start_ns;
}

/* VmHWM, not ru_maxrss: the latter begins with what the parent had when it started us. */
static uint64_t read_peak_rss_bytes(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t kib = 0;

	while (file && fgets(line, sizeof(line), file) && sscanf(line, "VmHWM: %" SCNu64, &kib) < 1)
		;
	if (file)
		fclose(file);
	return kib * 1024;
}

/* ---- the run -------------------------------------------------------------------------------- */

void meter_init(struct meter *meter, const struct arguments *arguments)
{
	uint64_t n_warm = arguments->n_messages * WARM_PER_CENT / 100;

	*meter = (struct meter){.n_messages = arguments->n_messages,
				.n_warm = n_warm > 0 ? n_warm : 1,
				.stall_s = arguments->stall_s,
				.latency = arguments->latency};
	if (arguments->n_messages < 2)
		errx(EX_USAGE, "--messages: at least 2");
	meter->n_boundary = meter->n_warm;
	add_clock(meter, "wall", CLOCK_MONOTONIC);
	add_clock(meter, "self", CLOCK_PROCESS_CPUTIME_ID);
	for (size_t i = 0; i < arguments->n_watched; i++)
		watch(meter, &arguments->watched[i]);
	if (meter->latency) {
		samples_init(&meter->end_to_end, meter->n_messages);
		samples_init(&meter->hop, meter->n_messages);
	}
}

void meter_deinit(struct meter *meter)
{
	samples_deinit(&meter->end_to_end);
	samples_deinit(&meter->hop);
}

void meter_on_arrival(struct meter *meter, const void *value, size_t value_bytes, uint64_t taken_us)
{
	int64_t now_ns = meter_now_ns();
	int64_t sent_ns;

	if (value_bytes < sizeof(sent_ns))
		errx(EX_DATAERR, "a message without a stamp in the latency topic");
	memcpy(&sent_ns, value, sizeof(sent_ns));
	if (meter->n_done < meter->n_warm)
		return;
	samples_add(&meter->end_to_end, (now_ns - sent_ns) / 1000);
	if (taken_us > 0)
		samples_add(&meter->hop, now_ns / 1000 - (int64_t)taken_us);
}

/* A handler that hangs: this process does nothing at all meanwhile. */
static void stall(unsigned int seconds)
{
	struct timespec left = {.tv_sec = seconds};

	while (nanosleep(&left, &left) < 0)
		;
}

void meter_on_boundary(struct meter *meter)
{
	if (meter->n_done == meter->n_messages) {
		stop_clocks(meter);
		meter->peak_rss_bytes = read_peak_rss_bytes();
		meter->finished = true;
		return;
	}
	if (meter->stall_s > 0)
		stall(meter->stall_s);
	meter->n_boundary = meter->n_messages;
	start_clocks(meter);
}

/* ---- the result ----------------------------------------------------------------------------- */

static void print_clocks(const struct meter *meter)
{
	printf(", \"seconds\": %.6f, \"cpu_seconds\": {", (double)meter->clocks[0].used_ns / 1e9);
	for (size_t i = 1; i < meter->n_clocks; i++)
		printf("%s\"%s\": %.6f", i > 1 ? ", " : "", meter->clocks[i].name,
		       (double)meter->clocks[i].used_ns / 1e9);
	printf("}");
}

static void print_latencies(struct meter *meter)
{
	printf(", \"end_to_end_us\": ");
	samples_print(&meter->end_to_end);
	if (meter->hop.n > 0) {
		printf(", \"hop_us\": ");
		samples_print(&meter->hop);
	}
}

void meter_print(struct meter *meter, const char *librdkafka)
{
	uint64_t n_counted = meter->n_done - meter->n_warm;

	printf("{\"messages\": %" PRIu64 ", \"messages_per_s\": %.0f", n_counted,
	       (double)n_counted * 1e9 / (double)meter->clocks[0].used_ns);
	print_clocks(meter);
	printf(", \"peak_rss_bytes\": %" PRIu64, meter->peak_rss_bytes);
	printf(", \"total_messages\": %" PRIu64 ", \"total_bytes\": %" PRIu64 ", \"sum\": %" PRIu64,
	       meter->n_done, meter->n_bytes, meter->sum);
	if (meter->latency)
		print_latencies(meter);
	if (librdkafka)
		printf(", \"librdkafka\": \"%s\"", librdkafka);
	printf("}\n");
}
