/* SPDX-License-Identifier: MIT */
/* What a consumer is opened with. See options.c. */
#ifndef KG_OPTIONS_H
#define KG_OPTIONS_H

#include "client-lib/c/include/kgroup.h"
#include "proto/settings.h"

enum option_text { OPTION_SOCKET, OPTION_CLUSTER, OPTION_NAME, N_OPTION_TEXTS };

enum option_number {
	OPTION_OPEN_TIMEOUT_MS,
	OPTION_REQUEST_TIMEOUT_MS,
	OPTION_CREDIT_MESSAGES,
	OPTION_CREDIT_BYTES,
	OPTION_MAX_FRAME_BYTES,
	N_OPTION_NUMBERS
};

struct kg_options {
	char *text[N_OPTION_TEXTS]; /* owned; NULL: not set */
	int64_t number[N_OPTION_NUMBERS];
	bool is_set[N_OPTION_NUMBERS]; /* by the application */
	struct kgp_settings settings;
	char *setting_text[KGP_N_SETTINGS]; /* owned; settings.text points to them */
};

enum { OPTION_VALUE_BYTES = 24 };

/* The values in force, those that are no texts printed. */
struct option_values {
	char print[N_OPTION_NUMBERS + KGP_N_SETTINGS][OPTION_VALUE_BYTES];
};

struct kg_options *
options_copy(const struct kg_options *o);	      /* o NULL: the defaults; NULL: no memory */
bool options_has_pattern(const struct kg_options *o); /* topics.include; o may be NULL */
void options_print(const struct kg_options *o, struct option_values *values);
const char *options_get(const struct kg_options *o, const struct option_values *values,
			const char *name); /* NULL: no such option, or not set and the group's */
const char *options_socket(const struct kg_options *o);
const char *options_name(const struct kg_options *o);
int64_t options_get_number(const struct kg_options *o, enum option_number i); /* in its mode */

#endif
