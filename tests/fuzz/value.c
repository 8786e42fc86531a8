/* SPDX-License-Identifier: MIT */
/*
 * Single values of the configuration: durations, sizes, numbers, modes, switches, choices.
 *
 * Each parser says 0, -EINVAL or -ERANGE and nothing else; what a parser takes, printed and parsed
 * again, is the same number; and no text means two different numbers to a duration and to the
 * number in front of its unit.
 */
#include "tests/fuzz/fuzz.h"

#include "daemon/config_value.h"

#include <errno.h>

static const char choices[] = "emerg|alert|crit|err|warning|notice|info|debug";

static int checked(int r)
{
	assert(!r || r == -EINVAL || r == -ERANGE);
	return r;
}

static void try_duration(const char *text)
{
	char printed[CONFIG_VALUE_TEXT_BYTES];
	uint64_t ms, again;

	if (checked(config_value_parse_duration(text, &ms)))
		return;
	config_value_format_duration(ms, printed);
	assert(!config_value_parse_duration(printed, &again) && again == ms);
}

static void try_size(const char *text)
{
	char printed[CONFIG_VALUE_TEXT_BYTES];
	uint64_t bytes, again;

	if (checked(config_value_parse_size(text, &bytes)))
		return;
	config_value_format_size(bytes, printed);
	assert(!config_value_parse_size(printed, &again) && again == bytes);
	if (!config_value_parse_int(text, &again))
		assert(again == bytes);
}

static void try_number(const char *text)
{
	uint64_t number, octal, again;
	char printed[32];

	if (!checked(config_value_parse_int(text, &number))) {
		snprintf(printed, sizeof(printed), "%llu", (unsigned long long)number);
		assert(!config_value_parse_int(printed, &again) && again == number);
	}
	if (checked(config_value_parse_mode(text, &octal)))
		return;
	snprintf(printed, sizeof(printed), "%llo", (unsigned long long)octal);
	assert(!config_value_parse_mode(printed, &again) && again == octal);
}

static void try_word(const char *text)
{
	const char *found;
	size_t n;
	bool truth;
	int i;

	checked(config_value_parse_bool(text, &truth));
	if (checked(config_value_parse_choice(text, choices, &i)))
		return;
	found = config_value_find_choice(choices, i, &n);
	assert(found && n == strlen(text) && !memcmp(found, text, n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	try_duration(text);
	try_size(text);
	try_number(text);
	try_word(text);
	free(text);
	return 0;
}
