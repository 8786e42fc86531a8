/* SPDX-License-Identifier: MIT */
/*
 * The table of keys, and the operations that need nothing but a row of it: set from text, default,
 * format, compare, swap, release. A field is reached by its offset in the struct of its scope; the
 * static assertions below tie the type named in the table to the size of the field.
 *
 * Adding a setting is one line in config_keys.def and a field in config.h. Rules that join several
 * settings do not belong here but in config_check.c.
 */
#include "daemon/config_key.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config_alloc.h"
#include "daemon/config_value.h"

/* The struct of a scope. */
#define STRUCT_daemon  struct config
#define STRUCT_cluster struct config_cluster
#define STRUCT_group   struct config_group

#define KEY(scope_, id, type_, name_, field, dflt_, range_, flags_, help_)                         \
	{.scope = CONFIG_SCOPE_##scope_,                                                           \
	 .type = CONFIG_TYPE_##type_,                                                              \
	 .name = name_,                                                                            \
	 .dflt = dflt_,                                                                            \
	 .range = range_,                                                                          \
	 .help = help_,                                                                            \
	 .offset = offsetof(STRUCT_##scope_, field),                                               \
	 .flags = flags_},
#define LIST(scope_, id, name_, field, n_field, range_, flags_, help_)                             \
	{.scope = CONFIG_SCOPE_##scope_,                                                           \
	 .type = CONFIG_TYPE_LIST,                                                                 \
	 .name = name_,                                                                            \
	 .dflt = "",                                                                               \
	 .range = range_,                                                                          \
	 .help = help_,                                                                            \
	 .offset = offsetof(STRUCT_##scope_, field),                                               \
	 .count_offset = offsetof(STRUCT_##scope_, n_field),                                       \
	 .flags = flags_},
const struct config_key config_keys[CONFIG_N_KEYS] = {
#include "daemon/config_keys.def"
};

#define SIZE_OF_STRING	 sizeof(char *)
#define SIZE_OF_ENUM	 sizeof(int)
#define SIZE_OF_BOOL	 sizeof(bool)
#define SIZE_OF_INT	 sizeof(uint32_t)
#define SIZE_OF_DURATION sizeof(uint32_t)
#define SIZE_OF_SIZE	 sizeof(uint64_t)
#define SIZE_OF_MODE	 sizeof(mode_t)
#define SIZE_OF_LIST	 sizeof(char **)
#define KEY(scope, id, type, name, field, dflt, range, flags, help)                                \
	static_assert(sizeof(((STRUCT_##scope *)0)->field) == SIZE_OF_##type, name);
#include "daemon/config_keys.def"

static void *field_of(const struct config_key *key, const void *object)
{
	return (char *)object + key->offset;
}

static size_t *count_of(const struct config_key *key, const void *object)
{
	return (void *)((char *)object + key->count_offset);
}

const char *config_scope_name(enum config_scope scope)
{
	static const char *const names[] = {"[daemon]", "[cluster NAME]", "[group NAME]"};

	return names[scope];
}

const struct config_key *config_key_find(enum config_scope scope, const char *name)
{
	for (size_t i = 0; i < CONFIG_N_KEYS; i++) {
		if (config_keys[i].scope == scope && strcmp(config_keys[i].name, name) == 0)
			return &config_keys[i];
	}
	return NULL;
}

size_t config_key_index(const struct config_key *key)
{
	return key - config_keys;
}

bool config_key_default_is_words(const struct config_key *key)
{
	return key->dflt[0] == '(';
}

/* ---- numbers ------------------------------------------------------------------------------- */

static int parse_number(enum config_type type, const char *text, uint64_t *out)
{
	switch (type) {
	case CONFIG_TYPE_DURATION:
		return config_value_parse_duration(text, out);
	case CONFIG_TYPE_SIZE:
		return config_value_parse_size(text, out);
	case CONFIG_TYPE_MODE:
		return config_value_parse_mode(text, out);
	default:
		return config_value_parse_int(text, out);
	}
}

static const char *form_of(enum config_type type)
{
	switch (type) {
	case CONFIG_TYPE_DURATION:
		return "a whole number with a unit (ms, s, m, h)";
	case CONFIG_TYPE_SIZE:
		return "a whole number with a unit (B, KiB, MiB, GiB; none = bytes)";
	case CONFIG_TYPE_MODE:
		return "an octal mode";
	default:
		return "a whole number";
	}
}

/* "min..max" of a row, in the syntax of its type (lengths of strings: plain numbers). */
static void get_range(const struct config_key *key, uint64_t *min, uint64_t *max)
{
	const char *dots = strstr(key->range, "..");
	char *low;
	int r;

	assert(dots);
	low = config_strndup(key->range, dots - key->range);
	r = parse_number(key->type, low, min);
	assert(r == 0);
	r = parse_number(key->type, dots + 2, max);
	assert(r == 0);
	free(low);
}

static bool is_in_range(const struct config_key *key, uint64_t value)
{
	uint64_t min, max;

	get_range(key, &min, &max);
	return value >= min && value <= max;
}

static int set_number(const struct config_key *key, void *field, const char *text, char *why)
{
	uint64_t value;
	int r = parse_number(key->type, text, &value);

	if (r < 0 || !is_in_range(key, value)) {
		snprintf(why, CONFIG_KEY_WHY_BYTES, "must be %s in %s", form_of(key->type),
			 key->range);
		return -EINVAL;
	}
	if (key->type == CONFIG_TYPE_SIZE)
		*(uint64_t *)field = value;
	else if (key->type == CONFIG_TYPE_MODE)
		*(mode_t *)field = value;
	else
		*(uint32_t *)field = value;
	return 0;
}

/* ---- strings, choices, lists --------------------------------------------------------------- */

static int set_string(const struct config_key *key, char **field, const char *text, char *why)
{
	if (!is_in_range(key, strlen(text))) {
		snprintf(why, CONFIG_KEY_WHY_BYTES, "has %zu bytes and must have %s", strlen(text),
			 key->range);
		return -EINVAL;
	}
	free(*field);
	*field = config_strdup(text);
	return 0;
}

static int set_enum(const struct config_key *key, int *field, const char *text, char *why)
{
	if (config_value_parse_choice(text, key->range, field) == 0)
		return 0;
	snprintf(why, CONFIG_KEY_WHY_BYTES, "must be one of %s", key->range);
	return -EINVAL;
}

static int set_bool(bool *field, const char *text, char *why)
{
	if (config_value_parse_bool(text, field) == 0)
		return 0;
	snprintf(why, CONFIG_KEY_WHY_BYTES, "must be yes or no");
	return -EINVAL;
}

static bool has_entry(char **list, size_t n, const char *entry, size_t n_bytes)
{
	for (size_t i = 0; i < n; i++) {
		if (strlen(list[i]) == n_bytes && memcmp(list[i], entry, n_bytes) == 0)
			return true;
	}
	return false;
}

static int set_list(const struct config_key *key, void *object, const char *text, char *why)
{
	static const char separators[] = ", \t";
	char **list = NULL;
	size_t n = 0, n_bytes;

	for (text += strspn(text, separators); *text; text += strspn(text, separators)) {
		n_bytes = strcspn(text, separators);
		if (has_entry(list, n, text, n_bytes)) {
			snprintf(why, CONFIG_KEY_WHY_BYTES, "names '%.*s' twice",
				 (int)(n_bytes < 255 ? n_bytes : 255), text);
			config_strings_free(list, n);
			return -EINVAL;
		}
		config_strings_add(&list, &n, text, n_bytes);
		text += n_bytes;
	}
	config_key_deinit(key, object);
	*(char ***)field_of(key, object) = list;
	*count_of(key, object) = n;
	return 0;
}

int config_key_set(const struct config_key *key, void *object, const char *text,
		   char why[CONFIG_KEY_WHY_BYTES])
{
	void *field = field_of(key, object);

	switch (key->type) {
	case CONFIG_TYPE_STRING:
		return set_string(key, field, text, why);
	case CONFIG_TYPE_ENUM:
		return set_enum(key, field, text, why);
	case CONFIG_TYPE_BOOL:
		return set_bool(field, text, why);
	case CONFIG_TYPE_LIST:
		return set_list(key, object, text, why);
	default:
		return set_number(key, field, text, why);
	}
}

void config_key_set_default(const struct config_key *key, void *object)
{
	char why[CONFIG_KEY_WHY_BYTES];
	int r;

	if (config_key_default_is_words(key))
		return;
	r = config_key_set(key, object, key->dflt, why);
	assert(r == 0);
}

/* ---- reading back -------------------------------------------------------------------------- */

static char *format_list(char **list, size_t n)
{
	char *text = config_strdup("");

	for (size_t i = 0; i < n; i++) {
		char *longer = config_printf("%s%s%s", text, i ? ", " : "", list[i]);

		free(text);
		text = longer;
	}
	return text;
}

static char *format_choice(const struct config_key *key, int index)
{
	size_t n_bytes;
	const char *choice = config_value_find_choice(key->range, index, &n_bytes);

	assert(choice);
	return config_strndup(choice, n_bytes);
}

char *config_key_format(const struct config_key *key, const void *object)
{
	const void *field = field_of(key, object);
	char text[CONFIG_VALUE_TEXT_BYTES];

	switch (key->type) {
	case CONFIG_TYPE_STRING:
		return config_strdup(*(char *const *)field);
	case CONFIG_TYPE_ENUM:
		return format_choice(key, *(const int *)field);
	case CONFIG_TYPE_BOOL:
		return config_strdup(*(const bool *)field ? "yes" : "no");
	case CONFIG_TYPE_LIST:
		return format_list(*(char **const *)field, *count_of(key, object));
	case CONFIG_TYPE_MODE:
		return config_printf("%04o", (unsigned)*(const mode_t *)field);
	case CONFIG_TYPE_DURATION:
		config_value_format_duration(*(const uint32_t *)field, text);
		break;
	case CONFIG_TYPE_SIZE:
		config_value_format_size(*(const uint64_t *)field, text);
		break;
	case CONFIG_TYPE_INT:
		snprintf(text, sizeof(text), "%u", (unsigned)*(const uint32_t *)field);
		break;
	}
	return config_strdup(text);
}

bool config_key_is_equal(const struct config_key *key, const void *a, const void *b)
{
	char *text_a = config_key_format(key, a), *text_b = config_key_format(key, b);
	bool is_equal = strcmp(text_a, text_b) == 0;

	free(text_a);
	free(text_b);
	return is_equal;
}

static void swap_bytes(void *a, void *b, size_t n_bytes)
{
	char kept[sizeof(uint64_t)];

	assert(n_bytes <= sizeof(kept));
	memcpy(kept, a, n_bytes);
	memcpy(a, b, n_bytes);
	memcpy(b, kept, n_bytes);
}

void config_key_swap(const struct config_key *key, void *a, void *b)
{
	static const size_t sizes[] = {
		[CONFIG_TYPE_STRING] = SIZE_OF_STRING,	   [CONFIG_TYPE_ENUM] = SIZE_OF_ENUM,
		[CONFIG_TYPE_BOOL] = SIZE_OF_BOOL,	   [CONFIG_TYPE_INT] = SIZE_OF_INT,
		[CONFIG_TYPE_DURATION] = SIZE_OF_DURATION, [CONFIG_TYPE_SIZE] = SIZE_OF_SIZE,
		[CONFIG_TYPE_MODE] = SIZE_OF_MODE,	   [CONFIG_TYPE_LIST] = SIZE_OF_LIST,
	};

	swap_bytes(field_of(key, a), field_of(key, b), sizes[key->type]);
	if (key->type == CONFIG_TYPE_LIST)
		swap_bytes(count_of(key, a), count_of(key, b), sizeof(size_t));
}

void config_key_deinit(const struct config_key *key, void *object)
{
	void *field = field_of(key, object);

	if (key->type == CONFIG_TYPE_STRING) {
		free(*(char **)field);
		*(char **)field = NULL;
	} else if (key->type == CONFIG_TYPE_LIST) {
		config_strings_free(*(char ***)field, *count_of(key, object));
		*(char ***)field = NULL;
		*count_of(key, object) = 0;
	}
}
