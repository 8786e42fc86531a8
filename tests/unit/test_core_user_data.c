/* SPDX-License-Identifier: MIT */
/* User data in the client id, against the vectors of RFC 4648. */
#include "daemon/core/user_data.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

static void client_id_is(const char *user_data, const char *expected)
{
	char id[256];

	user_data_to_client_id(user_data, id, sizeof(id));
	assert_string_equal(id, expected);
}

static void without_user_data_the_client_id_is_plain(void **state)
{
	(void)state;
	client_id_is("", "kgroupd");
}

static void user_data_is_base64url_without_padding(void **state)
{
	(void)state;
	client_id_is("f", "kgroupd;ud=Zg");
	client_id_is("fo", "kgroupd;ud=Zm8");
	client_id_is("foo", "kgroupd;ud=Zm9v");
	client_id_is("foob", "kgroupd;ud=Zm9vYg");
	client_id_is("foobar", "kgroupd;ud=Zm9vYmFy");
	client_id_is("\xfb\xff\xbf", "kgroupd;ud=-_-_");
}

static void the_longest_fits(void **state)
{
	char longest[USER_DATA_MAX_BYTES + 1], id[256];

	(void)state;
	memset(longest, 'x', USER_DATA_MAX_BYTES);
	longest[USER_DATA_MAX_BYTES] = 0;
	user_data_to_client_id(longest, id, sizeof(id));
	assert_int_equal(strlen(id), strlen(USER_DATA_PREFIX) + (USER_DATA_MAX_BYTES * 4 + 2) / 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_user_data_the_client_id_is_plain),
		cmocka_unit_test(user_data_is_base64url_without_padding),
		cmocka_unit_test(the_longest_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
