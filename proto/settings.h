/* SPDX-License-Identifier: MIT */
/* The settings that OPEN may carry, from settings.def. See settings.c. */
#ifndef KGP_SETTINGS_H
#define KGP_SETTINGS_H

#include "proto/codec.h"

enum kgp_setting {
#define KGP_SETTING(NAME, name, level, kind, min, max, def, choices, help) KGP_SETTING_##NAME,
#include "proto/settings.def"
#undef KGP_SETTING
	KGP_N_SETTINGS
};

enum kgp_setting_kind {
	KGP_SETTING_DURATION,
	KGP_SETTING_COUNT,
	KGP_SETTING_CHOICE,
	KGP_SETTING_SWITCH,
	KGP_SETTING_TEXT
};
enum kgp_setting_level { KGP_SETTING_GROUP, KGP_SETTING_CONSUMER };

enum kgp_strategy { KGP_RANGE, KGP_ROUNDROBIN, KGP_COOPERATIVE_STICKY };
enum kgp_initial { KGP_LATEST, KGP_EARLIEST, KGP_FAIL };
enum kgp_mode { KGP_MULTIPLEXED, KGP_PARTITIONS };

struct kgp_setting_info {
	const char *name, *choices, *help; /* choices: "a|b|c", or "" */
	enum kgp_setting_level level;
	enum kgp_setting_kind kind;
	int64_t min, max, def;
};

/* Values of all settings, and which of them were given explicitly (bit i: setting i). */
struct kgp_settings {
	int64_t value[KGP_N_SETTINGS]; /* milliseconds, count, index of the choice, 0 or 1, bytes */
	struct kgp_bytes text[KGP_N_SETTINGS]; /* of TEXT ones; borrowed from who set it */
	uint32_t given;
};

const struct kgp_setting_info *kgp_setting_info(enum kgp_setting setting);
int kgp_setting_find(struct kgp_bytes name); /* the setting, or -1 */

void kgp_settings_init(struct kgp_settings *s); /* the defaults, nothing given */

/* 0, or -KGP_E_SETTING and a text in why that names the setting, the rule and the value. */
int kgp_settings_set(struct kgp_settings *s, struct kgp_bytes name, struct kgp_bytes text,
		     char *why, size_t why_size);
int kgp_settings_set_number(struct kgp_settings *s, enum kgp_setting setting, int64_t v, char *why,
			    size_t why_size);
int kgp_settings_decode(struct kgp_settings *s, struct kgp_list pairs, char *why, size_t why_size);
int kgp_settings_check(const struct kgp_settings *s, char *why,
		       size_t why_size); /* relations between settings */

/* What was not given and depends on what was: heartbeat.interval fits into session.timeout. */
void kgp_settings_derive(struct kgp_settings *s);

/* What was given, as the ready pairs of a MAP; *n is their number. */
void kgp_settings_encode(const struct kgp_settings *s, struct kgp_buf *b, uint32_t *n);

/* The value as a person writes it; not of a TEXT. */
void kgp_setting_print(enum kgp_setting setting, int64_t v, char *out, size_t size);

#endif
