/* SPDX-License-Identifier: MIT */
/*
 * Agreement on group settings: the file wins; else the first opener fixes them while consumers
 * exist; a differing explicit value is a conflict that names the key and both values; unset takes
 * the group's.
 *
 * Pure. Called at each OPEN. Consumer settings (mode, dwell, events) pass through untouched: they
 * are the consumer's own.
 */
#include "daemon/core/agreement.h"

#include <stdio.h>

void agreement_init(struct agreement *a, const struct kgp_settings *file)
{
	a->file = a->group = *file;
}

static const char *who_fixed(const struct agreement *a, enum kgp_setting i)
{
	if (a->file.given & 1u << i)
		return "fixed by the daemon's file";
	if (a->group.given & 1u << i)
		return "fixed by a consumer that opened the group before";
	return "the default, as nobody gave it when the group was opened";
}

static int conflict(const struct agreement *a, enum kgp_setting i, int64_t group, int64_t opener,
		    char *why, size_t why_size)
{
	char is[32], want[32];

	kgp_setting_print(i, group, is, sizeof(is));
	kgp_setting_print(i, opener, want, sizeof(want));
	snprintf(why, why_size, "%s is %s (%s), this consumer wants %s", kgp_setting_info(i)->name,
		 is, who_fixed(a, i), want);
	return -KGP_E_CONFLICT;
}

int agreement_join(struct agreement *a, bool first, const struct kgp_settings *opener, char *why,
		   size_t why_size)
{
	struct kgp_settings next = first ? a->file : a->group;
	bool by_file;
	int i;

	for (i = 0; i < KGP_N_SETTINGS; i++) {
		if (kgp_setting_info((enum kgp_setting)i)->level != KGP_SETTING_GROUP ||
		    !(opener->given & 1u << i))
			continue;
		by_file = a->file.given & 1u << i;
		if ((by_file || !first) && next.value[i] != opener->value[i])
			return conflict(a, (enum kgp_setting)i, next.value[i], opener->value[i],
					why, why_size);
		next.value[i] = opener->value[i];
		next.given |= 1u << i;
	}
	if (kgp_settings_check(&next, why, why_size))
		return -KGP_E_SETTING;
	kgp_settings_derive(&next);
	a->group = next;
	return 0;
}
