/* SPDX-License-Identifier: MIT */
/* How the consumers of a group agree on its settings. See agreement.c. */
#ifndef AGREEMENT_H
#define AGREEMENT_H

#include "daemon/core/user_data.h"
#include "proto/settings.h"

#include <stdbool.h>

struct agreement {
	struct kgp_settings file;  /* given: fixed by the file */
	struct kgp_settings group; /* in force; given: by the file or by an opener */
	/* user.data of both, whose texts point nowhere */
	char file_user_data[USER_DATA_MAX_BYTES + 1], user_data[USER_DATA_MAX_BYTES + 1];
};

void agreement_init(struct agreement *a, const struct kgp_settings *file);

/*
 * A consumer opens with these. Alone it may fix what the file leaves open; else what it gives must
 * be equal. 0; -KGP_E_CONFLICT or -KGP_E_SETTING with a text. Nothing changes on error.
 */
int agreement_join(struct agreement *a, bool first, const struct kgp_settings *opener, char *why,
		   size_t why_size);

/* What is in force, with the text of user.data, which is the agreement's. */
struct kgp_settings agreement_get(const struct agreement *a);

#endif
