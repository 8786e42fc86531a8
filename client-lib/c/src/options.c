/* SPDX-License-Identifier: MIT */
/*
 * Options of a consumer.
 *
 * Two kinds under one call: the library's own, declared in the tables here, and the settings of the
 * protocol, which have their table and their rules in proto/. A bad value is told with the rule
 * that it breaks; what is not set is the group's or the default, so relations between settings are
 * checked only where both sides were given. Owns its texts, also those that the table of settings
 * points to. It must never read files.
 */
#include "client-lib/c/src/options.h"

#include "client-lib/c/src/error.h"
#include "proto/limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define DEFAULT_SOCKET "/run/kgroupd/kgroupd.sock"

enum { RULE_BYTES = 256 };

static const struct {
	const char *name;
	size_t min_bytes, max_bytes;
} texts[N_OPTION_TEXTS] = {
	[OPTION_SOCKET] = {"socket", 1, sizeof(((struct sockaddr_un *)0)->sun_path) - 1},
	[OPTION_CLUSTER] = {"cluster", 0, KGP_MAX_NAME},
	[OPTION_NAME] = {"name", 1, KGP_MAX_NAME},
};

static const struct {
	const char *name;
	bool duration;
	int64_t min, max, def, def_of_partition; /* the last one in partitions mode; 0: the same */
} numbers[N_OPTION_NUMBERS] = {
	[OPTION_OPEN_TIMEOUT_MS] = {"open.timeout", true, 0, 3600000, 10000, 0},
	[OPTION_REQUEST_TIMEOUT_MS] = {"request.timeout", true, 0, 3600000, 30000, 0},
	[OPTION_CREDIT_MESSAGES] = {"credit.messages", false, 1, 1000000, 20000, 5000},
	[OPTION_CREDIT_BYTES] = {"credit.bytes", false, 1, 1 << 30, 1 << 20, 1 << 18},
	[OPTION_MAX_FRAME_BYTES] = {"max.frame", false, KGP_FRAME_MIN_MAX, 1 << 30,
				    KGP_FRAME_MAX_DAEMON, 0},
};

/* ---- new, copy, free ------------------------------------------------------------------------- */

struct kg_options *kg_options_new(void)
{
	struct kg_options *o = calloc(1, sizeof(*o));
	int i;

	if (!o)
		return NULL;
	for (i = 0; i < N_OPTION_NUMBERS; i++)
		o->number[i] = numbers[i].def;
	kgp_settings_init(&o->settings);
	return o;
}

struct kg_options *kg_options_free(struct kg_options *o)
{
	int i;

	for (i = 0; o && i < N_OPTION_TEXTS; i++)
		free(o->text[i]);
	for (i = 0; o && i < KGP_N_SETTINGS; i++)
		free(o->setting_text[i]);
	free(o);
	return NULL;
}

/* Replaces a text by a copy of another. */
static int set_text(char **text, const char *value)
{
	size_t n = strlen(value) + 1;
	char *copy = malloc(n);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, value, n);
	free(*text);
	*text = copy;
	return 0;
}

static int copy_setting_text(struct kg_options *copy, const struct kg_options *o, int i)
{
	if (!o->setting_text[i])
		return 0;
	if (set_text(&copy->setting_text[i], o->setting_text[i]))
		return -ENOMEM;
	copy->settings.text[i] = kgp_text(copy->setting_text[i]);
	return 0;
}

struct kg_options *options_copy(const struct kg_options *o)
{
	struct kg_options *copy = kg_options_new();
	int i;

	if (!copy || !o)
		return copy;
	memcpy(copy->number, o->number, sizeof(copy->number));
	memcpy(copy->is_set, o->is_set, sizeof(copy->is_set));
	copy->settings = o->settings;
	for (i = 0; i < N_OPTION_TEXTS; i++)
		if (o->text[i] && set_text(&copy->text[i], o->text[i]))
			return kg_options_free(copy);
	for (i = 0; i < KGP_N_SETTINGS; i++)
		if (copy_setting_text(copy, o, i))
			return kg_options_free(copy);
	return copy;
}

const char *options_socket(const struct kg_options *o)
{
	const char *env;

	if (o->text[OPTION_SOCKET])
		return o->text[OPTION_SOCKET];
	env = secure_getenv("KGROUP_SOCKET");
	return env && *env ? env : DEFAULT_SOCKET;
}

const char *options_name(const struct kg_options *o)
{
	const char *name = program_invocation_short_name;

	if (o->text[OPTION_NAME])
		return o->text[OPTION_NAME];
	if (!*name || strlen(name) > KGP_MAX_NAME ||
	    !kgp_is_utf8((const uint8_t *)name, strlen(name)))
		return "unnamed";
	return name;
}

int64_t options_get_number(const struct kg_options *o, enum option_number i)
{
	bool partitions = o->settings.value[KGP_SETTING_MODE] == KGP_PARTITIONS;

	return partitions && !o->is_set[i] && numbers[i].def_of_partition
		       ? numbers[i].def_of_partition
		       : o->number[i];
}

/* ---- setting --------------------------------------------------------------------------------- */

/* "250ms", "30s", "5m", "1h" in milliseconds, or a plain number; -1: neither. */
static int64_t parse_number(const char *value, bool duration)
{
	static const struct {
		const char *unit;
		int64_t factor;
	} units[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
	size_t i, n_units = duration ? sizeof(units) / sizeof(*units) : 1;
	char *end;
	long long v;

	if (*value < '0' || *value > '9')
		return -1;
	v = strtoll(value, &end, 10);
	for (i = 0; i < n_units; i++)
		if (!strcmp(end, units[i].unit) && v <= INT64_MAX / units[i].factor)
			return v * units[i].factor;
	return -1;
}

static int set_own_text(struct kg_options *o, int i, const char *value, struct kg_error *e)
{
	size_t n = strlen(value);

	if (n < texts[i].min_bytes || n > texts[i].max_bytes)
		return error_set(e, KG_ERR_SETTING, "%s has %zu bytes, must have from %zu to %zu",
				 texts[i].name, n, texts[i].min_bytes, texts[i].max_bytes);
	if (i != OPTION_SOCKET && !kgp_is_utf8((const uint8_t *)value, n))
		return error_set(e, KG_ERR_SETTING, "%s is not valid UTF-8", texts[i].name);
	if (set_text(&o->text[i], value))
		return error_set(e, KG_ERR_MEMORY, "no memory for option %s", texts[i].name);
	return KG_OK;
}

static int set_own_number(struct kg_options *o, int i, const char *value, struct kg_error *e)
{
	const char *unit = numbers[i].duration ? "ms" : "";
	int64_t v = parse_number(value, numbers[i].duration);

	if (v < numbers[i].min || v > numbers[i].max)
		return error_set(e, KG_ERR_SETTING, "%s is '%s', must be from %lld%s to %lld%s",
				 numbers[i].name, value, (long long)numbers[i].min, unit,
				 (long long)numbers[i].max, unit);
	o->number[i] = v;
	o->is_set[i] = true;
	return KG_OK;
}

/* The table's rule comes first, then the copy that the table's text is to point to. */
static int set_setting(struct kg_options *o, const char *name, const char *value,
		       struct kg_error *e)
{
	struct kgp_settings changed = o->settings;
	int i = kgp_setting_find(kgp_text(name));
	char why[RULE_BYTES] = "";

	if (kgp_settings_set(&changed, kgp_text(name), kgp_text(value), why, sizeof(why)))
		return error_set(e, KG_ERR_SETTING, "%s", why);
	if (kgp_setting_info((enum kgp_setting)i)->kind == KGP_SETTING_TEXT) {
		if (!kgp_is_utf8((const uint8_t *)value, strlen(value)))
			return error_set(e, KG_ERR_SETTING, "%s is not valid UTF-8", name);
		if (set_text(&o->setting_text[i], value))
			return error_set(e, KG_ERR_MEMORY, "no memory for option %s", name);
		changed.text[i] = kgp_text(o->setting_text[i]);
	}
	o->settings = changed;
	return KG_OK;
}

int kg_options_set(struct kg_options *o, const char *name, const char *value,
		   struct kg_error *error)
{
	int i;

	if (!o || !name || !value)
		return error_set(error, KG_ERR_ARGUMENT, "options, name and value may not be NULL");
	if (error)
		error_clear(error);
	for (i = 0; i < N_OPTION_TEXTS; i++)
		if (!strcmp(texts[i].name, name))
			return set_own_text(o, i, value, error);
	for (i = 0; i < N_OPTION_NUMBERS; i++)
		if (!strcmp(numbers[i].name, name))
			return set_own_number(o, i, value, error);
	return set_setting(o, name, value, error);
}

/* ---- rules of several options ---------------------------------------------------------------- */

static bool given(const struct kgp_settings *s, enum kgp_setting setting)
{
	return s->given & 1u << setting;
}

int kg_options_validate(const struct kg_options *o, struct kg_error *error)
{
	const struct kgp_settings *s = o ? &o->settings : NULL;
	char why[RULE_BYTES] = "";

	if (error)
		error_clear(error);
	if (!s)
		return KG_OK;
	if (given(s, KGP_SETTING_HEARTBEAT_INTERVAL) && given(s, KGP_SETTING_SESSION_TIMEOUT) &&
	    kgp_settings_check(s, why, sizeof(why)))
		return error_set(error, KG_ERR_SETTING, "%s", why);
	return KG_OK;
}

/* ---- reading --------------------------------------------------------------------------------- */

bool options_has_pattern(const struct kg_options *o)
{
	return o && given(&o->settings, KGP_SETTING_TOPICS_INCLUDE);
}

/* As kgp_setting_print() writes a duration or a count. */
static void print_number(int64_t v, bool duration, char *out)
{
	enum kgp_setting like = duration ? KGP_SETTING_DWELL_TIME : KGP_SETTING_COMMIT_RETRIES;

	kgp_setting_print(like, v, out, OPTION_VALUE_BYTES);
}

void options_print(const struct kg_options *o, struct option_values *values)
{
	int i;

	for (i = 0; i < N_OPTION_NUMBERS; i++)
		print_number(options_get_number(o, (enum option_number)i), numbers[i].duration,
			     values->print[i]);
	for (i = 0; i < KGP_N_SETTINGS; i++)
		kgp_setting_print((enum kgp_setting)i, o->settings.value[i],
				  values->print[N_OPTION_NUMBERS + i], OPTION_VALUE_BYTES);
}

static const char *get_text(const struct kg_options *o, int i)
{
	if (i == OPTION_SOCKET)
		return options_socket(o);
	if (i == OPTION_NAME)
		return options_name(o);
	return o->text[i] ? o->text[i] : "";
}

static const char *get_setting(const struct kg_options *o, const struct option_values *values,
			       int i)
{
	const struct kgp_setting_info *info = kgp_setting_info((enum kgp_setting)i);

	if (info->level == KGP_SETTING_GROUP && !given(&o->settings, (enum kgp_setting)i))
		return NULL;
	if (info->kind == KGP_SETTING_TEXT)
		return o->setting_text[i] ? o->setting_text[i] : "";
	return values->print[N_OPTION_NUMBERS + i];
}

const char *options_get(const struct kg_options *o, const struct option_values *values,
			const char *name)
{
	int i;

	for (i = 0; i < N_OPTION_TEXTS; i++)
		if (!strcmp(texts[i].name, name))
			return get_text(o, i);
	for (i = 0; i < N_OPTION_NUMBERS; i++)
		if (!strcmp(numbers[i].name, name))
			return values->print[i];
	i = kgp_setting_find(kgp_text(name));
	return i < 0 ? NULL : get_setting(o, values, i);
}
