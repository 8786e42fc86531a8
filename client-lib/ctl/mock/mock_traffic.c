/* SPDX-License-Identifier: MIT */
/*
 * The demo's traffic: orders of a shop, as many a second as asked for, for ever.
 *
 * The stream is a function of the message's number alone, so two runs show the same. The key is
 * the city, hence the orders of one city stay in order and one can see it; a header says how the
 * order came in. What the producer cannot take now is sent at a later tick with the same number:
 * there is no gap in the numbers, and after a broker was away at most a second's worth is made up.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client-lib/ctl/mock/mock_traffic.h"

enum { TEXT_BYTES = 128 };

static const char *const goods[] = {"tea",   "coffee", "bread", "olives", "cheese", "pears",
				    "honey", "rice",   "soap",	"paper",  "thread"};
static const char *const cities[] = {"Lisbon",	"Porto", "Oslo", "Kyoto",  "Quito",
				     "Accra",	"Tunis", "Lviv", "Galway", "Bergen",
				     "Nairobi", "Turin", "Cusco"};
static const char *const ways[] = {"web", "counter", "phone"};

#define PICK(table, number) ((table)[(number) % (sizeof(table) / sizeof((table)[0]))])

int mock_traffic_init(struct mock_traffic *traffic, const struct mock_options *options,
		      struct mock_producer *producer, int64_t now_us)
{
	size_t room = (size_t)options->value_bytes + TEXT_BYTES;

	*traffic = (struct mock_traffic){.options = options,
					 .producer = producer,
					 .started_us = now_us,
					 .value = malloc(room)};
	return traffic->value ? 0 : -ENOMEM;
}

void mock_traffic_deinit(struct mock_traffic *traffic)
{
	free(traffic->value);
	*traffic = (struct mock_traffic){0};
}

/* Spreads consecutive numbers, so that the orders do not walk through the tables in step. */
static uint64_t mix(uint64_t number)
{
	number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9ULL;
	number = (number ^ (number >> 27)) * 0x94d049bb133111ebULL;
	return number ^ (number >> 31);
}

static size_t write_order(const struct mock_traffic *traffic, uint64_t number, const char *city)
{
	size_t wanted = (size_t)traffic->options->value_bytes;
	uint64_t dice = mix(number);
	int text_bytes = snprintf(traffic->value, TEXT_BYTES, "order %llu: %d x %s, %s",
				  (unsigned long long)number, (int)(dice >> 8 & 7) + 1,
				  PICK(goods, dice >> 16), city);

	if (!wanted)
		return (size_t)text_bytes;
	if ((size_t)text_bytes < wanted)
		memset(traffic->value + text_bytes, '.', wanted - (size_t)text_bytes);
	return wanted;
}

static int send_order(struct mock_traffic *traffic)
{
	const struct mock_options *options = traffic->options;
	uint64_t number = traffic->n_sent + 1;
	const char *city = PICK(cities, mix(number) >> 32);
	struct mock_message message = {
		.topic = options->topics[number % (uint64_t)options->n_topics].name,
		.partition = RD_KAFKA_PARTITION_UA,
		.key = city,
		.header_name = "way",
		.header_value = PICK(ways, mix(number) >> 48),
		.value = traffic->value,
		.value_bytes = write_order(traffic, number, city),
	};

	return mock_producer_send(traffic->producer, &message, NULL);
}

void mock_traffic_on_tick(struct mock_traffic *traffic, int64_t now_us)
{
	uint64_t rate = (uint64_t)traffic->options->rate_per_s;
	uint64_t due = (uint64_t)(now_us - traffic->started_us) * rate / 1000000;

	if (due > traffic->n_sent + rate + 1) { /* forget what is older than a second */
		traffic->started_us = now_us - (int64_t)((traffic->n_sent + rate) * 1000000 / rate);
		due = traffic->n_sent + rate;
	}
	while (traffic->n_sent < due && send_order(traffic) == 0)
		traffic->n_sent++;
	mock_producer_poll(traffic->producer, 0);
}
