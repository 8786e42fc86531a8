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
	struct kgp_settings settings;
};

struct kg_options *
options_copy(const struct kg_options *o); /* o NULL: the defaults; NULL: no memory */
const char *options_socket(const struct kg_options *o);
const char *options_name(const struct kg_options *o);

#endif
