/* SPDX-License-Identifier: MIT */
/*
 * The commands that a test types into a running mock cluster, one line each, one line of answer.
 *
 * A command is a row of the table: name, arguments, function. A function sees the right number of
 * words and says what was wrong in answer's text; whatever it gets must never end the process,
 * because a test that mistypes wants to read why. Numbers of brokers count from 1, -1 means all.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client-lib/ctl/mock/mock_command.h"
#include "client-lib/ctl/mock/mock_options.h"

enum {
	MAX_WORDS = 8,
	MAX_API_KEY = 1000,
	MAX_ERRORS = 1000,
	MAX_MESSAGES = 10000000,
	MAX_VALUE_BYTES = 64 << 20,
	MAX_RTT_MS = 3600 * 1000,
};

struct answer {
	char *text; /* MOCK_ANSWER_BYTES */
};

/* Returns 0 (text may add to "ok") or -EINVAL (text says why). */
typedef int (*command_fn)(struct mock_cluster *cluster, char **words, struct answer *answer);

__attribute__((format(printf, 2, 3))) static void say(struct answer *answer, const char *format,
						      ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(answer->text, MOCK_ANSWER_BYTES, format, ap);
	va_end(ap);
}

static int refuse(struct answer *answer, rd_kafka_resp_err_t err)
{
	if (!err)
		return 0;
	say(answer, "%s: %s", rd_kafka_err2name(err), rd_kafka_err2str(err));
	return -EINVAL;
}

static int parse_number(const char *word, int min, int max, int *value, struct answer *answer)
{
	if (mock_parse_int(word, min, max, value) == 0)
		return 0;
	say(answer, "'%s' is not a number between %d and %d", word, min, max);
	return -EINVAL;
}

static int parse_broker(const char *word, int32_t *broker, struct answer *answer)
{
	int value = 0;
	int r = parse_number(word, -1, MOCK_MAX_BROKERS, &value, answer);

	*broker = value;
	return r;
}

/* A name as librdkafka prints it (NOT_COORDINATOR, _TRANSPORT, NO_ERROR) or its number. */
static int parse_error(const char *word, rd_kafka_resp_err_t *err, struct answer *answer)
{
	const struct rd_kafka_err_desc *descs;
	size_t n_descs, i;
	int number;

	if (mock_parse_int(word, RD_KAFKA_RESP_ERR__BEGIN, INT16_MAX, &number) == 0) {
		*err = number;
		return 0;
	}
	rd_kafka_get_err_descs(&descs, &n_descs);
	for (i = 0; i < n_descs; i++) {
		if (!descs[i].name || strcasecmp(descs[i].name, word) != 0)
			continue;
		*err = descs[i].code;
		return 0;
	}
	say(answer, "'%s' is not an error of librdkafka", word);
	return -EINVAL;
}

int mock_cluster_get_producer(struct mock_cluster *cluster, struct mock_producer **producer)
{
	int r = 0;

	if (!cluster->producer)
		r = mock_producer_new(&cluster->producer,
				      rd_kafka_mock_cluster_bootstraps(cluster->brokers));
	*producer = cluster->producer;
	return r;
}

static int do_topic(struct mock_cluster *cluster, char **words, struct answer *answer)
{
	int n_partitions;

	if (parse_number(words[1], 1, MOCK_MAX_PARTITIONS, &n_partitions, answer) < 0)
		return -EINVAL;
	return refuse(answer,
		      rd_kafka_mock_topic_create(cluster->brokers, words[0], n_partitions, 1));
}

static int do_produce(struct mock_cluster *cluster, char **words, struct answer *answer)
{
	struct mock_producer *producer;
	struct mock_batch batch;
	int partition, n, value_bytes;

	if (parse_number(words[1], -1, MOCK_MAX_PARTITIONS, &partition, answer) < 0 ||
	    parse_number(words[2], 1, MAX_MESSAGES, &n, answer) < 0 ||
	    parse_number(words[3], 0, MAX_VALUE_BYTES, &value_bytes, answer) < 0)
		return -EINVAL;
	if (mock_cluster_get_producer(cluster, &producer) < 0) {
		say(answer, "no producer");
		return -EINVAL;
	}
	mock_producer_write(producer, words[0], partition, n, (size_t)value_bytes, &batch);
	if (batch.error)
		return refuse(answer, batch.error);
	say(answer, "count=%d first=%lld", n, (long long)batch.first_offset);
	return 0;
}

static int do_down(struct mock_cluster *cluster, char **words, struct answer *answer)
{
	int32_t broker;

	if (parse_broker(words[0], &broker, answer) < 0)
		return -EINVAL;
	return refuse(answer, rd_kafka_mock_broker_set_down(cluster->brokers, broker));
}

static int do_up(struct mock_cluster *cluster, char **words, struct answer *answer)
{
	int32_t broker;

	if (parse_broker(words[0], &broker, answer) < 0)
		return -EINVAL;
	return refuse(answer, rd_kafka_mock_broker_set_up(cluster->brokers, broker));
}

static int do_rtt(struct mock_cluster *cluster, char **words, struct answer *answer)
{
	int32_t broker;
	int rtt_ms;

	if (parse_broker(words[0], &broker, answer) < 0 ||
	    parse_number(words[1], 0, MAX_RTT_MS, &rtt_ms, answer) < 0)
		return -EINVAL;
	return refuse(answer, rd_kafka_mock_broker_set_rtt(cluster->brokers, broker, rtt_ms));
}

static int do_errors(struct mock_cluster *cluster, char **words, struct answer *answer)
{
	rd_kafka_resp_err_t errors[MAX_ERRORS], err;
	int api_key, n, i;

	if (parse_number(words[0], 0, MAX_API_KEY, &api_key, answer) < 0 ||
	    parse_number(words[1], 1, MAX_ERRORS, &n, answer) < 0 ||
	    parse_error(words[2], &err, answer) < 0)
		return -EINVAL;
	for (i = 0; i < n; i++)
		errors[i] = err;
	rd_kafka_mock_push_request_errors_array(cluster->brokers, (int16_t)api_key, (size_t)n,
						errors);
	return 0;
}

static int do_clear_errors(struct mock_cluster *cluster, char **words, struct answer *answer)
{
	int api_key;

	if (parse_number(words[0], 0, MAX_API_KEY, &api_key, answer) < 0)
		return -EINVAL;
	rd_kafka_mock_clear_request_errors(cluster->brokers, (int16_t)api_key);
	return 0;
}

/* Of one broker, whose errors can be counted down; they stay until they were met. */
static int do_broker_errors(struct mock_cluster *cluster, char **words, struct answer *answer)
{
	rd_kafka_resp_err_t err, refused = RD_KAFKA_RESP_ERR_NO_ERROR;
	int32_t broker;
	int api_key, n, i;

	if (parse_broker(words[0], &broker, answer) < 0 ||
	    parse_number(words[1], 0, MAX_API_KEY, &api_key, answer) < 0 ||
	    parse_number(words[2], 1, MAX_ERRORS, &n, answer) < 0 ||
	    parse_error(words[3], &err, answer) < 0)
		return -EINVAL;
	for (i = 0; i < n && !refused; i++)
		refused = rd_kafka_mock_broker_push_request_error_rtts(cluster->brokers, broker,
								       (int16_t)api_key, 1, err, 0);
	return refuse(answer, refused);
}

static int do_errors_left(struct mock_cluster *cluster, char **words, struct answer *answer)
{
	rd_kafka_resp_err_t err;
	int32_t broker;
	size_t n = 0;
	int api_key;

	if (parse_broker(words[0], &broker, answer) < 0 ||
	    parse_number(words[1], 0, MAX_API_KEY, &api_key, answer) < 0)
		return -EINVAL;
	err = rd_kafka_mock_broker_error_stack_cnt(cluster->brokers, broker, (int16_t)api_key, &n);
	say(answer, "count=%zu", n);
	return refuse(answer, err);
}

static int do_topic_error(struct mock_cluster *cluster, char **words, struct answer *answer)
{
	rd_kafka_resp_err_t err;

	if (parse_error(words[1], &err, answer) < 0)
		return -EINVAL;
	rd_kafka_mock_topic_set_error(cluster->brokers, words[0], err);
	return 0;
}

static int do_leader(struct mock_cluster *cluster, char **words, struct answer *answer)
{
	int32_t broker;
	int partition;

	if (parse_number(words[1], 0, MOCK_MAX_PARTITIONS, &partition, answer) < 0 ||
	    parse_broker(words[2], &broker, answer) < 0)
		return -EINVAL;
	return refuse(answer, rd_kafka_mock_partition_set_leader(cluster->brokers, words[0],
								 partition, broker));
}

static int do_coordinator(struct mock_cluster *cluster, char **words, struct answer *answer)
{
	int32_t broker;

	if (parse_broker(words[1], &broker, answer) < 0)
		return -EINVAL;
	return refuse(answer,
		      rd_kafka_mock_coordinator_set(cluster->brokers, "group", words[0], broker));
}

static int do_quit(struct mock_cluster *cluster, char **words, struct answer *answer)
{
	cluster->quit = true;
	return 0;
}

static const struct command {
	const char *name;
	const char *arguments;
	int n_arguments;
	command_fn run;
} command_table[] = {
	{"topic", "NAME PARTITIONS", 2, do_topic},
	{"produce", "TOPIC PARTITION COUNT BYTES", 4, do_produce},
	{"down", "BROKER", 1, do_down},
	{"up", "BROKER", 1, do_up},
	{"rtt", "BROKER MS", 2, do_rtt},
	{"errors", "APIKEY COUNT ERROR", 3, do_errors},
	{"clear-errors", "APIKEY", 1, do_clear_errors},
	{"broker-errors", "BROKER APIKEY COUNT ERROR", 4, do_broker_errors},
	{"errors-left", "BROKER APIKEY", 2, do_errors_left},
	{"topic-error", "TOPIC ERROR", 2, do_topic_error},
	{"leader", "TOPIC PARTITION BROKER", 3, do_leader},
	{"coordinator", "GROUP BROKER", 2, do_coordinator},
	{"quit", "", 0, do_quit},
};

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(command_table) / sizeof(command_table[0]); i++) {
		if (strcmp(command_table[i].name, name) == 0)
			return &command_table[i];
	}
	return NULL;
}

/* Cuts at blanks, in place; a word too many is counted but not kept. */
static int split(char *line, char *words[MAX_WORDS])
{
	char *rest = NULL;
	char *word;
	int n = 0;

	for (word = strtok_r(line, " \t\r", &rest); word; word = strtok_r(NULL, " \t\r", &rest)) {
		if (n < MAX_WORDS)
			words[n] = word;
		n++;
	}
	return n;
}

void mock_command_run(struct mock_cluster *cluster, char *line, char answer[MOCK_ANSWER_BYTES])
{
	char text[MOCK_ANSWER_BYTES] = "";
	struct answer said = {.text = text};
	char *words[MAX_WORDS];
	const struct command *command;
	int n_words = split(line, words);
	int r = -EINVAL;

	command = n_words ? find_command(words[0]) : NULL;
	if (!command)
		say(&said, "unknown command '%.64s'", n_words ? words[0] : "");
	else if (n_words - 1 != command->n_arguments)
		say(&said, "usage: %s %s", command->name, command->arguments);
	else
		r = command->run(cluster, words + 1, &said);
	snprintf(answer, MOCK_ANSWER_BYTES, "%s%s%.480s", r < 0 ? "error" : "ok", *text ? " " : "",
		 text);
}
