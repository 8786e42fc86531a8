/* SPDX-License-Identifier: MIT */
/*
 * Member user data.
 *
 * librdkafka has no call for the user data field of the group protocol, so it travels in the client
 * id, where every tool that describes the group sees it: "kgroupd;ud=" and the bytes as base64url
 * without padding (RFC 4648). Pure.
 */
#include "daemon/core/user_data.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void user_data_to_client_id(const char *user_data, char *out, size_t size)
{
	size_t i, n = strlen(user_data), bits = 0;
	uint32_t buffer = 0;

	assert(size >= sizeof(USER_DATA_PREFIX) + (USER_DATA_MAX_BYTES * 4 + 2) / 3);
	assert(n <= USER_DATA_MAX_BYTES);
	out = stpcpy(out, n ? USER_DATA_PREFIX : "kgroupd");
	for (i = 0; i < n; i++) {
		buffer = buffer << 8 | (uint8_t)user_data[i];
		for (bits += 8; bits >= 6; bits -= 6)
			*out++ = digits[buffer >> (bits - 6) & 63];
	}
	if (bits)
		*out++ = digits[buffer << (6 - bits) & 63];
	*out = 0;
}
