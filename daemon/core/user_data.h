/* SPDX-License-Identifier: MIT */
/* Member user data, carried in the client id. See user_data.c. */
#ifndef USER_DATA_H
#define USER_DATA_H

#include <stddef.h>

#define USER_DATA_PREFIX    "kgroupd;ud="
#define USER_DATA_MAX_BYTES 128

/* The client id for user data of at most USER_DATA_MAX_BYTES; "" makes plain "kgroupd". */
void user_data_to_client_id(const char *user_data, char *out, size_t size);

#endif
