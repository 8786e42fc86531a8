/* SPDX-License-Identifier: MIT */
/*
 * Errors as the application sees them: a code, what happened, how to mend it.
 *
 * Owns the names of the library's own codes; those of the daemon come from the protocol's table, so
 * that one code has one wording in every program. Every setter takes NULL and answers the code,
 * which lets a function end with "return error_set(...)". Texts of the daemon are cut at a
 * character's border where they are longer than the field. Called by every other file; it must
 * never allocate.
 */
#include "client-lib/c/src/error.h"

#include "proto/errors.h"

#include <stdarg.h>
#include <stdio.h>

enum { LARGEST_DAEMON_CODE = 99 };

static const struct {
	int code;
	const char *name, *hint;
} own[] = {
	{KG_ERR_ARGUMENT, "bad argument", "compare the call with kgroup.h"},
	{KG_ERR_UNREACHABLE, "daemon unreachable", "is kgroupd running? systemctl status kgroupd"},
	{KG_ERR_PROTOCOL, "protocol violated",
	 "library and daemon do not fit or one of them has a defect: update both, then report it"},
	{KG_ERR_MEMORY, "out of memory", "the call can be tried again when there is memory"},
	{KG_ERR_CLOSED, "consumer closed", "open a new consumer"},
	{KG_ERR_RELEASED, "partition released",
	 "its stream is complete: mark what is done, free it, and take the next new partition"},
	{KG_ERR_FORKED, "consumer belongs to the parent process",
	 "open a consumer of its own in the child; kg_consumer_free() is allowed"},
	{KG_ERR_DISCONNECTED, "connection lost",
	 "the library reconnects by itself; what was not answered may or may not have happened"},
	{KG_ERR_BUSY, "client has a consumer", "close that consumer first, or open another client"},
	{KG_ERR_RELEASED, "claim has ended", "mark what is done, then free the partition"},
};

static const char *find_hint(int code)
{
	size_t i;

	for (i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (own[i].code == code)
			return own[i].hint;
	return code < 0 && code >= -LARGEST_DAEMON_CODE ? kgp_error_hint((unsigned)-code) : "";
}

const char *kg_strerror(int code)
{
	size_t i;

	for (i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (own[i].code == code)
			return own[i].name;
	if (code > 0 || code < -LARGEST_DAEMON_CODE)
		return "unknown error";
	return kgp_error_name((unsigned)-code);
}

const char *kg_version(void)
{
	return KG_VERSION;
}

void error_clear(struct kg_error *e)
{
	e->code = KG_OK;
	e->text[0] = 0;
	e->hint[0] = 0;
}

/* Copies with a NUL behind; what does not fit is cut before the character that it would split. */
void error_copy_text(char *out, size_t out_bytes, struct kgp_bytes text)
{
	size_t n = text.size < out_bytes ? text.size : out_bytes - 1;

	if (n < text.size)
		while (n && (((const uint8_t *)text.data)[n] & 0xc0) == 0x80)
			n--;
	if (n)
		memcpy(out, text.data, n);
	out[n] = 0;
}

int error_set(struct kg_error *e, int code, const char *format, ...)
{
	char text[2 * sizeof(e->text)];
	va_list ap;

	if (!e)
		return code;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	e->code = code;
	error_copy_text(e->text, sizeof(e->text), kgp_text(text));
	error_copy_text(e->hint, sizeof(e->hint), kgp_text(find_hint(code)));
	return code;
}

void error_hint(struct kg_error *e, const char *format, ...)
{
	va_list ap;

	if (!e)
		return;
	va_start(ap, format);
	vsnprintf(e->hint, sizeof(e->hint), format, ap);
	va_end(ap);
}

int error_code_of_daemon(uint64_t code)
{
	return code > LARGEST_DAEMON_CODE ? -LARGEST_DAEMON_CODE : -(int)code;
}

int error_of_daemon(struct kg_error *e, uint64_t code, struct kgp_bytes text)
{
	unsigned known = code > UINT32_MAX ? UINT32_MAX : (unsigned)code;

	if (!text.size)
		text = kgp_text(kgp_error_text(known));
	if (!e)
		return error_code_of_daemon(code);
	e->code = error_code_of_daemon(code);
	error_copy_text(e->text, sizeof(e->text), text);
	error_copy_text(e->hint, sizeof(e->hint), kgp_text(kgp_error_hint(known)));
	return e->code;
}
