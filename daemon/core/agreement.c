/* SPDX-License-Identifier: MIT */
/*
 * Agreement on group settings: the file wins; else the first opener fixes them while consumers
 * exist; a differing explicit value is a conflict that names the key and both values; unset takes
 * the group's.
 *
 * Pure. Called at each OPEN. Owns a copy of the one text among them, user.data, since an opener's
 * belongs to its frame. Consumer settings (mode, dwell, events) pass through untouched: they are
 * the consumer's own.
 */
#include "daemon/core/agreement.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static void keep_user_data(char *kept, struct kgp_bytes text)
{
	if (text.size)
		memcpy(kept, text.data, text.size);
	kept[text.size] = 0;
}

void agreement_init(struct agreement *a, const struct kgp_settings *file)
{
	assert(file->text[KGP_SETTING_USER_DATA].size <= USER_DATA_MAX_BYTES);
	keep_user_data(a->file_user_data, file->text[KGP_SETTING_USER_DATA]);
	memcpy(a->user_data, a->file_user_data, sizeof(a->user_data));
	a->file = *file;
	memset(a->file.text, 0, sizeof(a->file.text));
	a->group = a->file;
}

static const char *who_fixed(const struct agreement *a, enum kgp_setting i)
{
	if (a->file.given & 1u << i)
		return "fixed by the daemon's file";
	if (a->group.given & 1u << i)
		return "fixed by a consumer that opened the group before";
	return "the default, as nobody gave it when the group was opened";
}

static void print(enum kgp_setting i, const struct kgp_settings *s, char *out, size_t size)
{
	if (kgp_setting_info(i)->kind != KGP_SETTING_TEXT)
		kgp_setting_print(i, s->value[i], out, size);
	else
		snprintf(out, size, "'%.*s'", (int)s->text[i].size,
			 s->text[i].size ? (const char *)s->text[i].data : "");
}

static int conflict(const struct agreement *a, enum kgp_setting i, const struct kgp_settings *group,
		    const struct kgp_settings *opener, char *why, size_t why_size)
{
	char is[USER_DATA_MAX_BYTES + 3], want[USER_DATA_MAX_BYTES + 3];

	print(i, group, is, sizeof(is));
	print(i, opener, want, sizeof(want));
	snprintf(why, why_size, "%s is %s (%s), this consumer wants %s", kgp_setting_info(i)->name,
		 is, who_fixed(a, i), want);
	return -KGP_E_CONFLICT;
}

static bool is_equal(enum kgp_setting i, const struct kgp_settings *a, const struct kgp_settings *b)
{
	return a->value[i] == b->value[i] && kgp_bytes_equal(a->text[i], b->text[i]);
}

int agreement_join(struct agreement *a, bool first, const struct kgp_settings *opener, char *why,
		   size_t why_size)
{
	struct kgp_settings next = first ? a->file : a->group;
	char user_data[USER_DATA_MAX_BYTES + 1];
	bool by_file;
	int i;

	next.text[KGP_SETTING_USER_DATA] = kgp_text(first ? a->file_user_data : a->user_data);
	for (i = 0; i < KGP_N_SETTINGS; i++) {
		if (kgp_setting_info((enum kgp_setting)i)->level != KGP_SETTING_GROUP ||
		    !(opener->given & 1u << i))
			continue;
		by_file = a->file.given & 1u << i;
		if ((by_file || !first) && !is_equal((enum kgp_setting)i, &next, opener))
			return conflict(a, (enum kgp_setting)i, &next, opener, why, why_size);
		next.value[i] = opener->value[i];
		next.text[i] = opener->text[i];
		next.given |= 1u << i;
	}
	if (kgp_settings_check(&next, why, why_size))
		return -KGP_E_SETTING;
	kgp_settings_derive(&next);
	keep_user_data(user_data, next.text[KGP_SETTING_USER_DATA]); /* it may be a's own */
	memcpy(a->user_data, user_data, sizeof(user_data));
	a->group = next;
	memset(a->group.text, 0, sizeof(a->group.text));
	return 0;
}

struct kgp_settings agreement_get(const struct agreement *a)
{
	struct kgp_settings s = a->group;

	s.text[KGP_SETTING_USER_DATA] = kgp_text(a->user_data);
	return s;
}
