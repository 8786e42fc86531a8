/* SPDX-License-Identifier: MIT */
/* Who may use a group, and which topics. */
#include "daemon/core/access.h"

#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static gid_t supplementary[] = {100, 101};

static struct peer alice(void)
{
	return (struct peer){.uid = 1000, .gid = 1000, .groups = supplementary, .n_groups = 2};
}

static void without_a_rule_everybody_may(void **state)
{
	const struct access_rule rule = {0};
	const struct peer peer = alice();

	assert_true(access_allows_peer(&rule, &peer));
}

static void a_user_who_is_named_may_and_others_may_not(void **state)
{
	uid_t users[] = {7, 1000};
	const struct access_rule rule = {.users = users, .n_users = 2, .has_rule = true};
	struct peer peer = alice();

	assert_true(access_allows_peer(&rule, &peer));
	peer.uid = 1001;
	assert_false(access_allows_peer(&rule, &peer));
}

static void the_primary_and_every_supplementary_group_count(void **state)
{
	gid_t groups[] = {5, 0};
	struct access_rule rule = {.groups = groups, .n_groups = 2, .has_rule = true};
	const gid_t may[] = {100, 101, 1000};
	const struct peer peer = alice();
	size_t i;

	for (i = 0; i < sizeof(may) / sizeof(*may); i++) {
		groups[1] = may[i];
		assert_true(access_allows_peer(&rule, &peer));
	}
	groups[1] = 102;
	assert_false(access_allows_peer(&rule, &peer));
}

/* A uid is no gid. */
static void a_user_number_among_the_groups_does_not_count(void **state)
{
	gid_t groups[] = {1000};
	const struct access_rule rule = {.groups = groups, .n_groups = 1, .has_rule = true};
	const struct peer peer = {.uid = 1000, .gid = 50};

	assert_false(access_allows_peer(&rule, &peer));
}

static void a_rule_of_names_that_do_not_exist_allows_nobody_but_root(void **state)
{
	const struct access_rule rule = {.has_rule = true};
	struct peer peer = alice();

	assert_false(access_allows_peer(&rule, &peer));
	peer.uid = 0;
	assert_true(access_allows_peer(&rule, &peer));
}

static void a_star_allows_everybody(void **state)
{
	const struct access_rule rule = {.has_rule = true, .all = true};
	const struct peer peer = alice();

	assert_true(access_allows_peer(&rule, &peer));
}

static char billing[] = "billing@*.service", other[] = "other.service", hex[] = "a\\x2db.service";
static char *units[] = {billing, other, hex};
static const struct access_rule of_units = {.units = units, .n_units = 3, .has_rule = true};

static bool lets_unit_in(const char *system, const char *user, enum peer_unit state)
{
	struct peer peer = alice();

	peer.unit_state = state;
	strcpy(peer.unit.system, system);
	strcpy(peer.unit.user, user);
	return access_allows_peer(&of_units, &peer);
}

static void a_unit_that_matches_may_and_others_may_not(void **state)
{
	assert_true(lets_unit_in("billing@7.service", "", PEER_UNIT_CERTAIN));
	assert_true(lets_unit_in("other.service", "", PEER_UNIT_CERTAIN));
	assert_true(lets_unit_in("a\\x2db.service", "", PEER_UNIT_CERTAIN));
	assert_false(lets_unit_in("billing.service", "", PEER_UNIT_CERTAIN));
	assert_false(lets_unit_in("another.service", "", PEER_UNIT_CERTAIN));
	assert_false(lets_unit_in("", "", PEER_UNIT_CERTAIN));
}

static void a_unit_that_is_not_certain_does_not_count(void **state)
{
	assert_false(lets_unit_in("other.service", "", PEER_UNIT_NO_PIDFD));
	assert_false(lets_unit_in("other.service", "", PEER_UNIT_HIDDEN));
	assert_false(lets_unit_in("other.service", "", PEER_UNIT_GONE));
}

static void a_unit_of_a_user_does_not_count(void **state)
{
	assert_false(lets_unit_in("user@7.service", "other.service", PEER_UNIT_CERTAIN));
}

static const char *explained(const struct access_rule *rule, enum peer_unit state, const char *unit)
{
	static char why[256];
	struct peer peer = alice();

	peer.unit_state = state;
	strcpy(peer.unit.system, unit);
	strcpy(why, "what was there before");
	access_explain(rule, &peer, why, sizeof(why));
	return why;
}

static void a_refusal_says_what_units_have_to_do_with_it(void **state)
{
	const struct access_rule no_units = {.has_rule = true};

	assert_string_equal(explained(&no_units, PEER_UNIT_CERTAIN, "x.service"), "");
	assert_non_null(strstr(explained(&of_units, PEER_UNIT_CERTAIN, "x.service"), "x.service"));
	assert_non_null(strstr(explained(&of_units, PEER_UNIT_CERTAIN, ""), "(none)"));
	assert_non_null(strstr(explained(&of_units, PEER_UNIT_NO_PIDFD, ""), "SO_PEERPIDFD"));
	assert_non_null(strstr(explained(&of_units, PEER_UNIT_HIDDEN, ""), "ProtectProc="));
	assert_non_null(strstr(explained(&of_units, PEER_UNIT_GONE, ""), "exited"));
}

static void without_topics_in_the_rule_every_topic_is_allowed(void **state)
{
	const struct access_rule rule = {0};

	assert_true(access_allows_topic(&rule, "orders"));
}

static void topics_match_by_name_prefix_or_star(void **state)
{
	char orders[] = "orders", web[] = "web.*", inside[] = "a*b", empty[] = "", star[] = "*";
	char *patterns[] = {orders, web, inside, empty};
	struct access_rule rule = {.topics = patterns, .n_topics = 4};

	assert_true(access_allows_topic(&rule, "orders"));
	assert_false(access_allows_topic(&rule, "orders2"));
	assert_false(access_allows_topic(&rule, "order"));
	assert_true(access_allows_topic(&rule, "web.clicks"));
	assert_true(access_allows_topic(&rule, "web."));
	assert_false(access_allows_topic(&rule, "web"));
	assert_false(access_allows_topic(&rule, "webshop"));
	assert_false(access_allows_topic(&rule, "acb")); /* a star inside is a letter */
	assert_true(access_allows_topic(&rule, "a*b"));
	patterns[0] = star;
	assert_true(access_allows_topic(&rule, "anything"));
}

static void deinit_frees_what_is_owned_and_accepts_nothing(void **state)
{
	struct access_rule rule = {
		.n_users = 1, .n_groups = 1, .n_units = 1, .n_topics = 1, .has_rule = true};
	struct peer peer = {.uid = 1, .n_groups = 1};

	rule.users = calloc(1, sizeof(*rule.users));
	rule.groups = calloc(1, sizeof(*rule.groups));
	rule.topics = calloc(1, sizeof(*rule.topics));
	rule.topics[0] = strdup("orders");
	rule.units = calloc(1, sizeof(*rule.units));
	rule.units[0] = strdup("orders.service");
	peer.groups = calloc(1, sizeof(*peer.groups));
	access_deinit(&rule);
	access_deinit(&rule);
	access_deinit(NULL);
	peer_deinit(&peer);
	peer_deinit(&peer);
	peer_deinit(NULL);
	assert_false(rule.has_rule);
	assert_int_equal(peer.n_groups, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_rule_everybody_may),
		cmocka_unit_test(a_user_who_is_named_may_and_others_may_not),
		cmocka_unit_test(the_primary_and_every_supplementary_group_count),
		cmocka_unit_test(a_user_number_among_the_groups_does_not_count),
		cmocka_unit_test(a_rule_of_names_that_do_not_exist_allows_nobody_but_root),
		cmocka_unit_test(a_star_allows_everybody),
		cmocka_unit_test(a_unit_that_matches_may_and_others_may_not),
		cmocka_unit_test(a_unit_that_is_not_certain_does_not_count),
		cmocka_unit_test(a_unit_of_a_user_does_not_count),
		cmocka_unit_test(a_refusal_says_what_units_have_to_do_with_it),
		cmocka_unit_test(without_topics_in_the_rule_every_topic_is_allowed),
		cmocka_unit_test(topics_match_by_name_prefix_or_star),
		cmocka_unit_test(deinit_frees_what_is_owned_and_accepts_nothing),
	};

	return cmocka_run_group_tests_name("core access", tests, NULL, NULL);
}
