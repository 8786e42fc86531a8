/* SPDX-License-Identifier: MIT */
/*
 * What the daemon has around it, in a conversation: a log, users without names, a socket that
 * nobody listens on, an allocator, a service manager. And the two places where a client says that
 * something is done are listened to: whatever the daemon makes of it, what was never said may not
 * be committed.
 */
#include "tests/fuzz/fuzz.h"

#include "daemon/claim.h"
#include "daemon/consumer.h"
#include "daemon/group.h"
#include "daemon/log.h"
#include "daemon/manager.h"
#include "daemon/marks.h"
#include "daemon/pressure.h"
#include "daemon/server.h"
#include "daemon/unit.h"
#include "tests/fuzz/books.h"
#include "tests/fuzz/fake_kafka.h"
#include "tests/fuzz/fake_loop.h"

#include <stdarg.h>

bool is_verbose;

void __wrap_marks_apply(struct consumer *c, enum marks_kind kind, uint32_t request,
			struct kgp_list entries);
void __real_marks_apply(struct consumer *c, enum marks_kind kind, uint32_t request,
			struct kgp_list entries);
int __wrap_group_add_resume(struct group *g, struct consumer *from, const char *topic,
			    int32_t partition, uint64_t epoch, int64_t offset, int64_t committed,
			    struct kgp_bytes metadata);
int __real_group_add_resume(struct group *g, struct consumer *from, const char *topic,
			    int32_t partition, uint64_t epoch, int64_t offset, int64_t committed,
			    struct kgp_bytes metadata);
int mallctl(const char *name, void *old, size_t *old_bytes, void *value, size_t bytes);

/* Formatted, so that the sanitizers see what the lines are made of. */
void log_write(int level, const struct log_about *about, const char *format, ...)
{
	static char line[4096];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	if (is_verbose)
		fprintf(stderr, "%8.3f <%d> %s\n", (double)fake_now_us / 1e6, level, line);
}

void log_set_level(int level)
{
}

int log_get_level(void)
{
	return LOG_INFO;
}

int mallctl(const char *name, void *old, size_t *old_bytes, void *value, size_t bytes)
{
	return 0;
}

int server_open(struct server **out, struct daemon *daemon)
{
	return 0;
}

void server_stop(struct server *s)
{
}

struct server *server_free(struct server *s)
{
	return NULL;
}

void server_go_on(struct server *s)
{
}

void server_get_address(const struct server *s, char *out, size_t size)
{
	*out = 0;
}

/* Every other stop is the end of a restart. */
struct manager *manager_ask(struct event_base *base, manager_answer answer, void *arg)
{
	struct stopping_facts facts = {STOPPING_JOB, "restart"};

	if (fake_now_us / 1000 % 2)
		strcpy(facts.job, "stop");
	answer(arg, &facts);
	return NULL;
}

struct manager *manager_free(struct manager *m)
{
	return NULL;
}

/* Pressure is told by the clock. */
static pressure_handler on_pressure;
static void *pressure_arg;

void cgroup_find(struct cgroup *c, const char *self, const char *mount)
{
	*c = (struct cgroup){0};
}

void cgroup_read_room(const struct cgroup *c, struct budget_room *room)
{
	*room = (struct budget_room){BUDGET_UNLIMITED, BUDGET_UNLIMITED};
}

struct pressure *pressure_open(struct event_base *base, const struct cgroup *cgroup,
			       pressure_handler handler, void *arg)
{
	on_pressure = handler;
	pressure_arg = arg;
	return NULL;
}

void pressure_tick(struct pressure *p)
{
	if (fake_now_us / 1000 % 16 == 15)
		on_pressure(pressure_arg);
}

struct pressure *pressure_free(struct pressure *p)
{
	return NULL;
}

const char *pressure_get_source(const struct pressure *p)
{
	return "none";
}

/* One in four is in the unit that may. */
int unit_read(pid_t pid, struct unit *unit)
{
	static const char *const texts[] = {"0::/system.slice/a.service\n", "0::/\n",
					    "0::/system.slice/b.service\n", ""};

	unit_parse(unit, texts[pid % 4]);
	return pid % 4 == 3 ? -ENOENT : 0;
}

/* Whatever becomes of it: this was said to be done. */
static void justify(const struct group *g, const char *topic, int32_t partition, int64_t offset)
{
	int place = place_find(topic, partition), group = group_index(g->config->group_id);
	int64_t *justified;

	if (place < 0 || offset == INT64_MAX)
		return;
	justified = &cluster.places[place].justified[group];
	*justified = offset + 1 > *justified ? offset + 1 : *justified;
}

void __wrap_marks_apply(struct consumer *c, enum marks_kind kind, uint32_t request,
			struct kgp_list entries)
{
	struct kgp_list list = entries;
	struct kgp_entry e;
	struct claim *claim;

	while (kgp_next_entry(&list, &e)) {
		claim = consumer_find_claim(c, e.claim);
		if (claim && e.epoch == claim->partition->offsets.epoch)
			justify(c->group, claim->partition->topic, claim->partition->id, e.offset);
	}
	__real_marks_apply(c, kind, request, entries);
}

int __wrap_group_add_resume(struct group *g, struct consumer *from, const char *topic,
			    int32_t partition, uint64_t epoch, int64_t offset, int64_t committed,
			    struct kgp_bytes metadata)
{
	justify(g, topic, partition, offset);
	return __real_group_add_resume(g, from, topic, partition, epoch, offset, committed,
				       metadata);
}
