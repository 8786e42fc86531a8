/* SPDX-License-Identifier: MIT */
/*
 * Logging.
 *
 * Owns the level and the decision where lines go: to the journal with fields when stderr is the
 * journal's stream (or the file says so), else to stderr with the <N> prefix that service managers
 * read. One record is one event; who decides what an error means logs it, once. Never blocks on
 * more than one write, never allocates, never fails: a lost line must not lose a message.
 */
#include "daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

static int max_level = LOG_INFO;
static bool to_journal;

/* Is stderr the stream that systemd connected to the journal? */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	if (!stream || sscanf(stream, "%llu:%llu", &dev, &ino) != 2 || fstat(STDERR_FILENO, &st))
		return false;
	return st.st_dev == dev && st.st_ino == ino;
}

void log_open(enum config_log_target target)
{
	to_journal =
		target == CONFIG_LOG_JOURNAL || (target == CONFIG_LOG_AUTO && stderr_is_journal());
}

void log_set_level(int level)
{
	max_level = level;
}

int log_get_level(void)
{
	return max_level;
}

bool log_is_journal(void)
{
	return to_journal;
}

/* At most this many fields beside MESSAGE and PRIORITY. */
enum { N_FIELDS = 10, FIELD_SIZE = 320 };

struct fields {
	char text[N_FIELDS][FIELD_SIZE];
	struct iovec iov[N_FIELDS];
	int n;
};

static void add_field(struct fields *f, const char *name, const char *value)
{
	int n;

	if (!value)
		return;
	n = snprintf(f->text[f->n], FIELD_SIZE, "%s=%s", name, value);
	f->iov[f->n].iov_base = f->text[f->n];
	f->iov[f->n].iov_len = (size_t)(n < FIELD_SIZE ? n : FIELD_SIZE - 1);
	f->n++;
}

static void add_number(struct fields *f, const char *name, long value)
{
	char text[24];

	snprintf(text, sizeof(text), "%ld", value);
	add_field(f, name, value < 0 ? NULL : text);
}

static void send_to_journal(int level, const struct log_about *about, const char *message)
{
	char text[2200], code[24], id[40];
	struct fields f = {.n = 0};
	struct iovec iov[N_FIELDS + 1];

	add_number(&f, "PRIORITY", level);
	add_field(&f, "SYSLOG_IDENTIFIER", "kgroupd");
	if (about) {
		add_field(&f, "KGROUP_CLUSTER", about->cluster);
		add_field(&f, "KGROUP_GROUP", about->group);
		add_field(&f, "KGROUP_TOPIC", about->topic);
		add_number(&f, "KGROUP_PARTITION", about->topic ? about->partition : -1);
		add_number(&f, "KGROUP_CLIENT_PID", about->peer ? about->peer->pid : -1);
		add_number(&f, "KGROUP_CLIENT_UID", about->peer ? (long)about->peer->uid : -1);
		snprintf(code, sizeof(code), "KG-%04u", about->code);
		add_field(&f, "KGROUP_CODE", about->code ? code : NULL);
		snprintf(id, sizeof(id), LOG_MESSAGE_ID "%04x", about->code & 0xffff);
		add_field(&f, "MESSAGE_ID", about->code ? id : NULL);
	}
	memcpy(iov, f.iov, sizeof(f.iov));
	iov[f.n].iov_base = text;
	iov[f.n].iov_len = (size_t)snprintf(text, sizeof(text), "MESSAGE=%s", message);
	sd_journal_sendv(iov, f.n + 1);
}

static void send_to_stderr(int level, const struct log_about *about, const char *message)
{
	char line[2300], where[600] = "";
	size_t n = 0;
	ssize_t ignored;
	int len;

	if (about && about->group)
		n += (size_t)snprintf(where + n, sizeof(where) - n, "group %.255s: ", about->group);
	if (about && about->topic)
		n += (size_t)snprintf(where + n, sizeof(where) - n, "%.249s", about->topic);
	if (about && about->topic && about->partition >= 0)
		n += (size_t)snprintf(where + n, sizeof(where) - n, "/%d", about->partition);
	if (about && about->topic)
		snprintf(where + n, sizeof(where) - n, ": ");
	len = snprintf(line, sizeof(line), "<%d>%s%s\n", level, where, message);
	if (len >= (int)sizeof(line)) {
		len = sizeof(line) - 1;
		line[len - 1] = '\n';
	}
	ignored = write(STDERR_FILENO, line, (size_t)len);
	(void)ignored;
}

/* One record is one line, whatever a client calls itself. */
static void clean(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

void log_write(int level, const struct log_about *about, const char *format, ...)
{
	char message[2048];
	va_list ap;

	if (level > max_level)
		return;
	va_start(ap, format);
	vsnprintf(message, sizeof(message), format, ap);
	va_end(ap);
	clean(message);
	if (to_journal)
		send_to_journal(level, about, message);
	else
		send_to_stderr(level, about, message);
}
