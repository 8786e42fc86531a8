/* SPDX-License-Identifier: MIT */
/* A thread for each partition: partitions_threads GROUP TOPIC. */
#include <kgroup.h>

#include <err.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_gone = PTHREAD_COND_INITIALIZER;
static unsigned n_workers;

static void count(int change)
{
	pthread_mutex_lock(&mutex);
	n_workers += (unsigned)change;
	if (!n_workers)
		pthread_cond_signal(&all_gone);
	pthread_mutex_unlock(&mutex);
}

static void wait_for_workers(void)
{
	pthread_mutex_lock(&mutex);
	while (n_workers)
		pthread_cond_wait(&all_gone, &mutex);
	pthread_mutex_unlock(&mutex);
}

static void handle(const struct kg_message *m)
{
	printf("%s/%d/%" PRId64 "\t%.*s\n", m->topic, (int)m->partition, m->offset,
	       (int)m->value_bytes, m->value ? (const char *)m->value : "");
}

/* Until the partition goes to somebody else, or the consumer is closed. */
static void *work(void *arg)
{
	struct kg_partition *p = arg;
	const struct kg_claim *claim = kg_partition_get_claim(p);
	struct kg_message m;
	struct kg_error e;
	int r;

	fprintf(stderr, "begins: %s/%d\n", claim->topic, (int)claim->partition);
	while ((r = kg_partition_receive(p, &m, -1)) >= 0) {
		if (!r)
			continue;
		handle(&m);
		kg_partition_mark(p, m.offset, NULL);
		while (kg_partition_next_error(p, &e))
			warnx("%s/%d: %s", claim->topic, (int)claim->partition, e.text);
	}
	fprintf(stderr, "ends: %s/%d: %s\n", claim->topic, (int)claim->partition, kg_strerror(r));
	kg_partition_free(p); /* it need not wait for the dwell time: no mark will follow */
	count(-1);
	return NULL;
}

static void hire(struct kg_partition *p)
{
	pthread_t thread;

	count(1);
	if (!pthread_create(&thread, NULL, work, p)) {
		pthread_detach(thread);
		return;
	}
	warnx("no thread for a partition: it is given back");
	kg_partition_free(p);
	count(-1);
}

static void *hire_all(void *arg)
{
	struct kg_consumer *c = arg;
	struct kg_partition *p;
	int r;

	while ((r = kg_consumer_wait_partition(c, &p, -1)) >= 0)
		if (r)
			hire(p);
	if (r != KG_ERR_CLOSED)
		kill(getpid(), SIGTERM); /* an error ended the consumer */
	return NULL;
}

/* Signals are the main thread's, which sleeps until one comes. The close wakes all others. */
static int run(struct kg_consumer *c, const sigset_t *signals)
{
	pthread_t hirer;
	int number, r;

	if (pthread_create(&hirer, NULL, hire_all, c))
		err(71, "pthread_create");
	sigwait(signals, &number);
	r = kg_consumer_close(c);
	pthread_join(hirer, NULL);
	wait_for_workers();
	return r;
}

int main(int argc, char **argv)
{
	const char *topics[] = {argc > 2 ? argv[2] : "demo"};
	struct kg_options *options = kg_options_new();
	struct kg_consumer *c = NULL;
	struct kg_error error;
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	if (kg_options_set(options, "mode", "partitions", &error) ||
	    kg_options_set(options, "errors", "yes", &error))
		errx(64, "%s", error.text);
	if (kg_consumer_open(&c, argc > 1 ? argv[1] : "demo", topics, 1, options, &error))
		errx(69, "%s\n%s", error.text, error.hint);
	kg_options_free(options);
	r = run(c, &signals);
	if (r)
		warnx("%s", kg_consumer_error(c)->text);
	kg_consumer_free(c);
	return r != 0;
}
