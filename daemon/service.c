/* SPDX-License-Identifier: MIT */
/*
 * What the service manager hears: ready, reloading, stopping, alive, and one line about the work.
 *
 * Every word may be lost (notify.c). STATUS= is said again when it changes, EXTEND_TIMEOUT_USEC=
 * each second; but a start waits for READY=1, and so does `systemctl reload`, so that one is said
 * until the socket has taken it. Ready is: the configuration is good and the socket listens. A
 * group that does not do what it should stands in the line about the work, and never fails a unit.
 */
#include "daemon/service.h"

#include "daemon/daemon.h"
#include "daemon/group.h"
#include "daemon/notify.h"
#include "daemon/ready.h"
#include "daemon/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The next tick says it again; what comes after the loop has ended takes less. */
#define EXTEND "EXTEND_TIMEOUT_USEC=10000000"

enum { STATUS_BYTES = sizeof(((struct service *)0)->status) };

/* ---- the line -------------------------------------------------------------------------------- */

static void append(char *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(char *line, const char *format, ...)
{
	size_t n = strlen(line);
	va_list ap;

	va_start(ap, format);
	vsnprintf(line + n, STATUS_BYTES - n, format, ap);
	va_end(ap);
}

/* Texts of Kafka have what they have; one line of ASCII is what the manager takes from us. */
static void clean(char *line)
{
	for (; *line; line++)
		if (*line < ' ' || *line > '~')
			*line = '?';
}

static void append_not_ready(const struct daemon *d, char *line)
{
	const struct group *g;
	unsigned n = 0;
	char why[640];

	if (d->draining)
		return;
	TAILQ_FOREACH (g, &d->groups, link)
		if (!ready_group(g, why, sizeof(why)) && !n++)
			append(line, "; %s is not ready: %.160s", group_get_name(g), why);
	if (n > 1)
		append(line, "; nor are %u more", n - 1);
}

static void make_line(struct daemon *d, char line[STATUS_BYTES])
{
	status_summary(d, line, STATUS_BYTES);
	append_not_ready(d, line);
	if (*d->service.trouble)
		append(line, "; reload failed: %s", d->service.trouble);
	clean(line);
}

/* words come before it, each with its end of line. */
static int say(struct daemon *d, const char *words)
{
	char line[STATUS_BYTES];
	int r;

	make_line(d, line);
	r = notify_send("%sSTATUS=%s", words, line);
	if (!r)
		memcpy(d->service.status, line, sizeof(line));
	return r;
}

/* ---- states ---------------------------------------------------------------------------------- */

void service_ready(struct daemon *d)
{
	d->service.owes_ready = say(d, "READY=1\n") < 0;
}

void service_reloading(struct daemon *d)
{
	notify_send("RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)now_us());
}

void service_reloaded(struct daemon *d, const char *trouble)
{
	snprintf(d->service.trouble, sizeof(d->service.trouble), "%s", trouble ? trouble : "");
	service_ready(d);
}

void service_stopping(struct daemon *d)
{
	d->service.owes_ready = false;
	say(d, "STOPPING=1\n" EXTEND "\n");
}

void service_tick(struct daemon *d)
{
	char line[STATUS_BYTES];

	if (d->service.owes_ready)
		service_ready(d);
	if (d->draining)
		notify_send(EXTEND);
	make_line(d, line);
	if (strcmp(line, d->service.status) != 0)
		say(d, "");
}

void service_alive(void)
{
	notify_send("WATCHDOG=1");
}
