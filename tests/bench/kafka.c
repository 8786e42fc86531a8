/* SPDX-License-Identifier: MIT */
/*
 * Handles of librdkafka for the programs of the benchmark that talk to Kafka themselves. A
 * benchmark whose broker or settings are wrong has nothing to measure, so every failure is the end.
 */
#include "tests/bench/kafka.h"

#include <err.h>
#include <sysexits.h>

enum { TEXT_BYTES = 512 };

static void set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
	char text[TEXT_BYTES];

	if (rd_kafka_conf_set(conf, key, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
		errx(EX_USAGE, "%s", text);
}

rd_kafka_t *kafka_new(rd_kafka_type_t type, const struct arguments *arguments,
		      const struct kafka_setting *own, kafka_delivery_cb *on_delivery)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[TEXT_BYTES];
	rd_kafka_t *handle;

	arguments_require(arguments->bootstrap, "--bootstrap");
	set(conf, "bootstrap.servers", arguments->bootstrap);
	for (size_t i = 0; i < arguments->n_settings; i++)
		set(conf, arguments->settings[i].key, arguments->settings[i].value);
	for (; own->key; own++)
		set(conf, own->key, own->value);
	if (on_delivery)
		rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	handle = rd_kafka_new(type, conf, text, sizeof(text));
	if (!handle)
		errx(EX_SOFTWARE, "%s", text);
	return handle;
}

void kafka_require(rd_kafka_resp_err_t code, const char *what)
{
	if (code)
		errx(EX_UNAVAILABLE, "%s: %s", what, rd_kafka_err2str(code));
}
