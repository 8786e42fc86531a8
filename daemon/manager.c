/* SPDX-License-Identifier: MIT */
/*
 * Asking systemd which job is queued for our unit, without waiting for it.
 *
 * Owns one connection to the bus of the manager that runs us, made for one question and closed
 * after it: the property Job of the unit that our cgroup names, then the JobType of that job. Both
 * may be read by everybody. It runs in the daemon's loop: sd-bus connects, authenticates and sends
 * without blocking, and its descriptor is watched for what it waits for. Whatever goes wrong, and a
 * second without the answer, is the answer "silent": nothing here is needed for a stop.
 */
#include "daemon/manager.h"

#include "daemon/unit.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>

#define SYSTEMD "org.freedesktop.systemd1"

enum { ASK_MS = 1000 };

struct manager {
	sd_bus *bus;
	struct event_base *base;
	struct event *event, *deadline;
	char *unit_path;
	struct stopping_facts facts;
	bool is_over; /* facts are what there is to say */
	manager_answer answer;
	void *arg;
};

struct manager *manager_free(struct manager *m)
{
	if (!m)
		return NULL;
	if (m->event)
		event_free(m->event);
	if (m->deadline)
		event_free(m->deadline);
	sd_bus_close_unref(m->bus);
	free(m->unit_path);
	free(m);
	return NULL;
}

/* ---- the conversation ------------------------------------------------------------------------ */

static int end(struct manager *m, enum stopping_manager what)
{
	m->facts.manager = what;
	m->is_over = true;
	return 0;
}

static int get(struct manager *m, const char *path, const char *interface, const char *property,
	       sd_bus_message_handler_t on_value)
{
	return sd_bus_call_method_async(m->bus, NULL, SYSTEMD, path,
					"org.freedesktop.DBus.Properties", "Get", on_value, m, "ss",
					interface, property);
}

static int on_job_type(sd_bus_message *reply, void *arg, sd_bus_error *error)
{
	struct manager *m = arg;
	const char *type;

	if (sd_bus_message_is_method_error(reply, NULL) ||
	    sd_bus_message_read(reply, "v", "s", &type) < 0)
		return end(m, STOPPING_SILENT);
	snprintf(m->facts.job, sizeof(m->facts.job), "%s", type);
	return end(m, STOPPING_JOB);
}

static int on_job(sd_bus_message *reply, void *arg, sd_bus_error *error)
{
	struct manager *m = arg;
	const char *path;
	uint32_t id;

	if (sd_bus_message_is_method_error(reply, NULL) ||
	    sd_bus_message_read(reply, "v", "(uo)", &id, &path) < 0)
		return end(m, STOPPING_SILENT);
	if (!id)
		return end(m, STOPPING_NO_JOB);
	if (get(m, path, SYSTEMD ".Job", "JobType", on_job_type) < 0)
		return end(m, STOPPING_SILENT);
	return 0;
}

/* ---- in the loop ----------------------------------------------------------------------------- */

static void on_ready(evutil_socket_t fd, short what, void *arg);

static int watch(struct manager *m)
{
	int fd = sd_bus_get_fd(m->bus), events = sd_bus_get_events(m->bus);
	short what = 0;

	if (fd < 0 || events < 0)
		return -ENOTCONN;
	what |= events & POLLIN ? EV_READ : 0;
	what |= events & POLLOUT ? EV_WRITE : 0;
	if (m->event)
		event_free(m->event);
	m->event = event_new(m->base, fd, what, on_ready, m);
	return m->event && !event_add(m->event, NULL) ? 0 : -ENOMEM;
}

static int converse(struct manager *m)
{
	int r;

	do
		r = sd_bus_process(m->bus, NULL);
	while (r > 0 && !m->is_over);
	if (m->is_over)
		return 0;
	return r < 0 ? r : watch(m);
}

static void tell(struct manager *m)
{
	if (m->event)
		event_free(m->event);
	m->event = NULL;
	event_del(m->deadline);
	m->bus = sd_bus_close_unref(m->bus);
	m->answer(m->arg, &m->facts);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct manager *m = arg;

	if (converse(m) < 0)
		end(m, STOPPING_SILENT);
	if (m->is_over)
		tell(m);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	end(arg, STOPPING_SILENT);
	tell(arg);
}

/* ---- whom to ask ----------------------------------------------------------------------------- */

/* Where users have no bus, their manager has a socket of its own. */
static int open_private(sd_bus **bus)
{
	const char *directory = getenv("XDG_RUNTIME_DIR");
	char address[256];
	int n, r;

	n = snprintf(address, sizeof(address), "unix:path=%s/systemd/private",
		     directory ? directory : "");
	if (!directory || n >= (int)sizeof(address))
		return -ENOTCONN;
	r = sd_bus_new(bus);
	if (r >= 0)
		r = sd_bus_set_address(*bus, address);
	return r < 0 ? r : sd_bus_start(*bus);
}

static int open_bus(struct manager *m, bool is_user)
{
	if (!is_user)
		return sd_bus_open_system(&m->bus);
	return sd_bus_open_user(&m->bus) < 0 ? open_private(&m->bus) : 0;
}

static int start(struct manager *m, const struct unit *unit)
{
	const char *name = *unit->user ? unit->user : unit->system;
	struct timeval tv = {ASK_MS / 1000, ASK_MS % 1000 * 1000L};
	int r = open_bus(m, *unit->user);

	if (r >= 0)
		r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", name, &m->unit_path);
	if (r >= 0)
		r = get(m, m->unit_path, SYSTEMD ".Unit", "Job", on_job);
	if (r < 0)
		return r;
	m->deadline = evtimer_new(m->base, on_deadline, m);
	if (!m->deadline || evtimer_add(m->deadline, &tv))
		return -ENOMEM;
	return converse(m);
}

struct manager *manager_ask(struct event_base *base, manager_answer answer, void *arg)
{
	struct manager *m = calloc(1, sizeof(*m));
	struct stopping_facts facts = {.manager = STOPPING_SILENT};
	struct unit unit;
	int r = -ENOMEM;

	if (unit_read(0, &unit) || !*unit.system)
		facts.manager = STOPPING_UNMANAGED;
	if (m && facts.manager != STOPPING_UNMANAGED) {
		*m = (struct manager){.base = base, .answer = answer, .arg = arg};
		r = start(m, &unit);
	}
	if (!r && !m->is_over)
		return m;
	if (!r)
		facts = m->facts;
	manager_free(m);
	answer(arg, &facts);
	return NULL;
}
