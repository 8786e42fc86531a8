/* SPDX-License-Identifier: MIT */
/*
 * kgroupd: reads its arguments and its configuration, and runs the daemon in the foreground.
 *
 * Exit status: 0 after a stop, 64 wrong usage, 70 a version of librdkafka that cannot be used, 71
 * the system refused something, 78 errors in the configuration. Service managers restart on 70 and
 * 71 only if told to.
 */
#include "daemon/config.h"
#include "daemon/daemon.h"
#include "daemon/kafka.h"
#include "daemon/log.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct arguments {
	const char *config;
	bool check, print;
};

static void print_help(FILE *to)
{
	fputs("kgroupd - Kafka consumer groups for the programs of this host\n"
	      "\n"
	      "  kgroupd [--config FILE]            runs in the foreground\n"
	      "  kgroupd --check [--config FILE]    checks the configuration; 0 good, 78 not\n"
	      "  kgroupd --print [--config FILE]    prints the settings in force, secrets masked\n"
	      "\n"
	      "  -c, --config FILE   default /etc/kgroupd/kgroupd.conf\n"
	      "  -V, --version       prints the version\n"
	      "  -h, --help          prints this\n"
	      "\n"
	      "SIGTERM drains and stops, again: stops now. SIGHUP reloads. See kgroupd(8), "
	      "kgroupd.conf(5).\n",
	      to);
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'k'},
		{"print", no_argument, NULL, 'p'},	  {"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},	  {0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:Vh", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			a->config = optarg;
			break;
		case 'k':
			a->check = true;
			break;
		case 'p':
			a->print = true;
			break;
		case 'V':
			printf("kgroupd %s, librdkafka %s\n", KGROUPD_VERSION,
			       kafka_library_version());
			return 0;
		case 'h':
			print_help(stdout);
			return 0;
		default:
			print_help(stderr);
			return EX_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "kgroupd: '%s' is no argument of kgroupd\n", argv[optind]);
	return EX_USAGE;
}

/* In the journal by its level, so that `journalctl -p err` has why the unit failed. */
static void say(int level, const char *text)
{
	if (log_is_journal())
		log_write(level, NULL, "%s", text);
	else
		fprintf(stderr, "%s%s\n", level == LOG_WARNING ? "warning: " : "", text);
}

/* Strategies and settings that this version of librdkafka cannot do. */
static int check_library(const struct config *config)
{
	char why[256], text[1024];
	size_t i;

	if (kafka_library_check(why, sizeof(why))) {
		snprintf(text, sizeof(text), "kgroupd: %s", why);
		say(LOG_ERR, text);
		return EX_SOFTWARE;
	}
	for (i = 0; i < config->n_groups; i++)
		if (kafka_strategy_check((enum kgp_strategy)config->groups[i].strategy, why,
					 sizeof(why))) {
			snprintf(text, sizeof(text), "%s: [group %s] %s", config->file,
				 config->groups[i].alias, why);
			say(LOG_ERR, text);
			return EX_CONFIG;
		}
	return 0;
}

static int load(const char *file, struct config **config)
{
	const struct config_hooks hooks = {
		.kafka_key_check = kafka_setting_check,
		.kafka_keys = kafka_setting_names(),
	};
	struct config_errors errors = {0};
	size_t i;
	int r = config_load(file, &hooks, config, &errors);

	for (i = 0; i < errors.n_warnings; i++)
		say(LOG_WARNING, errors.warnings[i].text);
	for (i = 0; i < errors.n_errors; i++)
		say(LOG_ERR, errors.errors[i].text);
	config_errors_deinit(&errors);
	return r ? EX_CONFIG : check_library(*config);
}

static int run(struct config *config)
{
	struct daemon d;
	int r;

	log_open(config->log_target);
	log_set_level(config->log_level);
	r = daemon_open(&d, config);
	if (r)
		log_write(LOG_ERR, NULL, "cannot start: %s", strerror(-r));
	else
		r = daemon_run(&d);
	daemon_close(&d);
	return r < 0 ? EX_OSERR : r;
}

int main(int argc, char **argv)
{
	struct arguments a = {.config = "/etc/kgroupd/kgroupd.conf"};
	struct config *config = NULL;
	int r = parse(argc, argv, &a);

	if (r >= 0)
		return r;
	if (!a.check && !a.print)
		log_open(CONFIG_LOG_AUTO); /* until the file says where */
	r = load(a.config, &config);
	if (r || a.check || a.print) {
		if (!r && a.print)
			config_print_effective(config, stdout);
		if (!r && a.check)
			printf("%s: good, %zu cluster%s, %zu group%s\n", a.config,
			       config->n_clusters, PLURAL(config->n_clusters), config->n_groups,
			       PLURAL(config->n_groups));
		config_free(config);
		return r;
	}
	return run(config);
}
