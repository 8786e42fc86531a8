/* SPDX-License-Identifier: MIT */
/*
 * The settings of a consumer and of its group.
 *
 * One table serves the library (validates before it sends), the daemon (validates what it gets),
 * the tool and the documents, so that a rule has one wording. Pure: owns nothing, the texts go
 * where the caller says. The first bad setting is named together with the rule that it breaks.
 */
#include "proto/settings.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

_Static_assert(KGP_N_SETTINGS <= 32, "kgp_settings.given has a bit for each");

static const struct kgp_setting_info infos[KGP_N_SETTINGS] = {
#define KGP_SETTING(NAME, name, level, kind, min, max, def, choices, help)                         \
	{name, choices, help, KGP_SETTING_##level, KGP_SETTING_##kind, min, max, def},
#include "proto/settings.def"
#undef KGP_SETTING
};

const struct kgp_setting_info *kgp_setting_info(enum kgp_setting setting)
{
	return &infos[setting];
}

int kgp_setting_find(struct kgp_bytes name)
{
	int i;

	for (i = 0; i < KGP_N_SETTINGS; i++)
		if (kgp_bytes_equal(kgp_text(infos[i].name), name))
			return i;
	return -1;
}

void kgp_settings_init(struct kgp_settings *s)
{
	int i;

	*s = (struct kgp_settings){.given = 0};
	for (i = 0; i < KGP_N_SETTINGS; i++)
		s->value[i] = infos[i].def;
}

/* Always -KGP_E_SETTING. Peers read the text: one that does not fit ends at a whole character. */
static int refuse(char *why, size_t why_size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(char *why, size_t why_size, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(why, why_size, format, args);
	va_end(args);
	if (why_size && (size_t)n >= why_size)
		why[kgp_utf8_prefix((const uint8_t *)why, why_size - 1)] = 0;
	return -KGP_E_SETTING;
}

/* The index of text among "a|b|c", or -1. */
static int find_choice(const char *choices, struct kgp_bytes text)
{
	size_t n;
	int i;

	for (i = 0; *choices; i++) {
		n = strcspn(choices, "|");
		if (n == text.size && !memcmp(choices, text.data, n))
			return i;
		choices += n + (choices[n] == '|');
	}
	return -1;
}

void kgp_setting_print(enum kgp_setting setting, int64_t v, char *out, size_t size)
{
	const char *c = infos[setting].choices;

	switch (infos[setting].kind) {
	case KGP_SETTING_CHOICE:
		assert(v >= 0 && v <= infos[setting].max);
		for (; v > 0; v--)
			c += strcspn(c, "|") + 1;
		snprintf(out, size, "%.*s", (int)strcspn(c, "|"), c);
		break;
	case KGP_SETTING_SWITCH:
		snprintf(out, size, "%s", v ? "yes" : "no");
		break;
	case KGP_SETTING_DURATION:
		snprintf(out, size, v % 1000 ? "%lldms" : "%llds",
			 (long long)(v % 1000 ? v : v / 1000));
		break;
	default:
		snprintf(out, size, "%lld", (long long)v);
	}
}

static int refuse_value(enum kgp_setting setting, struct kgp_bytes got, char *why, size_t why_size)
{
	const struct kgp_setting_info *info = &infos[setting];
	char min[32], max[32];

	if (info->kind == KGP_SETTING_CHOICE || info->kind == KGP_SETTING_SWITCH)
		return refuse(why, why_size, "%s is '%.*s', must be one of %s", info->name,
			      (int)got.size, (const char *)got.data,
			      info->kind == KGP_SETTING_SWITCH ? "yes|no" : info->choices);
	if (info->kind == KGP_SETTING_TEXT)
		return refuse(why, why_size,
			      "%s has %zu bytes, must have from %lld to %lld, UTF-8 without NUL",
			      info->name, got.size, (long long)info->min, (long long)info->max);
	kgp_setting_print(setting, info->min, min, sizeof(min));
	kgp_setting_print(setting, info->max, max, sizeof(max));
	return refuse(why, why_size, "%s is '%.*s', must be from %s to %s", info->name,
		      (int)got.size, (const char *)got.data, min, max);
}

int kgp_settings_set_number(struct kgp_settings *s, enum kgp_setting setting, int64_t v, char *why,
			    size_t why_size)
{
	char text[24];

	if (v < infos[setting].min || v > infos[setting].max) {
		snprintf(text, sizeof(text), "%lld", (long long)v);
		return refuse_value(setting, kgp_text(text), why, why_size);
	}
	s->value[setting] = v;
	s->given |= 1u << setting;
	return 0;
}

/* "250", "250ms", "30s", "5m", "1h" in milliseconds, or a plain count; -1: neither. */
static int64_t parse_quantity(struct kgp_bytes text, bool duration)
{
	static const struct {
		const char *unit;
		int64_t factor;
	} units[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
	char buf[32], *end;
	long long v;
	size_t i;

	if (!text.size || text.size >= sizeof(buf) || memchr(text.data, 0, text.size))
		return -1;
	memcpy(buf, text.data, text.size);
	buf[text.size] = 0;
	if (buf[0] < '0' || buf[0] > '9')
		return -1;
	v = strtoll(buf, &end, 10);
	for (i = 0; i < (duration ? sizeof(units) / sizeof(*units) : 1); i++)
		if (!strcmp(end, units[i].unit) && v <= INT64_MAX / units[i].factor)
			return v * units[i].factor;
	return -1;
}

static int64_t parse_switch(struct kgp_bytes text)
{
	static const char *const words[] = {"no", "yes", "false", "true", "0", "1"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (kgp_bytes_equal(kgp_text(words[i]), text))
			return i & 1;
	return -1;
}

static int64_t measure_text(struct kgp_bytes text)
{
	bool is_text = !text.size ||
		       (!memchr(text.data, 0, text.size) && kgp_is_utf8(text.data, text.size));

	return is_text ? (int64_t)text.size : -1;
}

int kgp_settings_set(struct kgp_settings *s, struct kgp_bytes name, struct kgp_bytes text,
		     char *why, size_t why_size)
{
	int i = kgp_setting_find(name);
	int64_t v;

	if (i < 0)
		return refuse(why, why_size, "no setting is called '%.*s'", (int)name.size,
			      (const char *)name.data);
	if (infos[i].kind == KGP_SETTING_CHOICE)
		v = find_choice(infos[i].choices, text);
	else if (infos[i].kind == KGP_SETTING_SWITCH)
		v = parse_switch(text);
	else if (infos[i].kind == KGP_SETTING_TEXT)
		v = measure_text(text);
	else
		v = parse_quantity(text, infos[i].kind == KGP_SETTING_DURATION);
	if (v < infos[i].min || v > infos[i].max)
		return refuse_value((enum kgp_setting)i, text, why, why_size);
	if (infos[i].kind == KGP_SETTING_TEXT)
		s->text[i] = text;
	return kgp_settings_set_number(s, (enum kgp_setting)i, v, why, why_size);
}

/* On the wire a number or a bool stands for itself, a choice is its text. */
static int set_token(struct kgp_settings *s, struct kgp_bytes name, const struct kgp_token *t,
		     char *why, size_t why_size)
{
	int i = kgp_setting_find(name);

	if (t->kind == KGP_KIND_STR)
		return kgp_settings_set(s, name, kgp_bytes(t->data, t->number), why, why_size);
	if (i < 0)
		return kgp_settings_set(s, name, kgp_bytes("", 0), why, why_size);
	if ((infos[i].kind == KGP_SETTING_DURATION || infos[i].kind == KGP_SETTING_COUNT) &&
	    t->kind == KGP_KIND_UINT)
		return kgp_settings_set_number(
			s, (enum kgp_setting)i,
			t->number > INT64_MAX ? INT64_MAX : (int64_t)t->number, why, why_size);
	if (infos[i].kind == KGP_SETTING_SWITCH && t->kind == KGP_KIND_BOOL)
		return kgp_settings_set_number(s, (enum kgp_setting)i, (int64_t)t->number, why,
					       why_size);
	return refuse(why, why_size, "%s has a value of the wrong type", infos[i].name);
}

int kgp_settings_decode(struct kgp_settings *s, struct kgp_list pairs, char *why, size_t why_size)
{
	struct kgp_token value;
	struct kgp_bytes name;

	while (kgp_next_pair(&pairs, &name, &value))
		if (set_token(s, name, &value, why, why_size))
			return -KGP_E_SETTING;
	return 0;
}

int kgp_settings_check(const struct kgp_settings *s, char *why, size_t why_size)
{
	static const char rule[] = "heartbeat.interval is %lldms, must be at most a third of "
				   "session.timeout, which is %lldms";
	long long heartbeat = s->value[KGP_SETTING_HEARTBEAT_INTERVAL];
	long long session = s->value[KGP_SETTING_SESSION_TIMEOUT];

	if (!(s->given & 1u << KGP_SETTING_HEARTBEAT_INTERVAL) || heartbeat <= session / 3)
		return 0; /* not given: kgp_settings_derive() makes it fit */
	return refuse(why, why_size, rule, heartbeat, session);
}

void kgp_settings_derive(struct kgp_settings *s)
{
	int64_t most = s->value[KGP_SETTING_SESSION_TIMEOUT] / 3;
	int64_t *heartbeat = &s->value[KGP_SETTING_HEARTBEAT_INTERVAL];

	if (!(s->given & 1u << KGP_SETTING_HEARTBEAT_INTERVAL) && *heartbeat > most)
		*heartbeat = most > 0 ? most : 1;
}

void kgp_settings_encode(const struct kgp_settings *s, struct kgp_buf *b, uint32_t *n)
{
	char text[32];
	int i;

	*n = 0;
	for (i = 0; i < KGP_N_SETTINGS; i++) {
		if (!(s->given & 1u << i))
			continue;
		kgp_put_str(b, kgp_text(infos[i].name));
		kgp_setting_print((enum kgp_setting)i, s->value[i], text, sizeof(text));
		if (infos[i].kind == KGP_SETTING_CHOICE)
			kgp_put_str(b, kgp_text(text));
		else if (infos[i].kind == KGP_SETTING_TEXT)
			kgp_put_str(b, s->text[i]);
		else if (infos[i].kind == KGP_SETTING_SWITCH)
			kgp_put_bool(b, s->value[i] != 0);
		else
			kgp_put_uint(b, (uint64_t)s->value[i]);
		++*n;
	}
}
