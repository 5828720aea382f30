/* The memory of the reviewer: what it tells apart, when it forgets, how much it holds. */
#include "kube/review_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct td_review_cache cache;

static int empty(void **state)
{
	(void)state;
	cache = (struct td_review_cache){0};
	return 0;
}

static struct td_review_key key_of(const char *token, const char *verb)
{
	struct td_review_key key;

	assert_true(td_review_key_of(&key, token, verb));
	return key;
}

static void put(const char *token, const char *verb, const char *user, int64_t now_ms)
{
	struct td_review_result result = {.verdict = TD_REVIEW_ALLOWED};
	struct td_review_key key = key_of(token, verb);

	(void)snprintf(result.user, sizeof(result.user), "%s", user);
	td_review_cache_put(&cache, &key, &result, now_ms);
}

/* "" when not known. */
static const char *get(const char *token, const char *verb, int64_t now_ms)
{
	struct td_review_key key = key_of(token, verb);
	const struct td_review_result *result = td_review_cache_get(&cache, &key, now_ms);

	return result ? result->user : "";
}

static void token_and_verb_are_told_apart(void **state)
{
	(void)state;
	put("a", "create", "ann", 0);
	put("a", "get", "ben", 0);
	put("b", "get", "cat", 0);
	assert_string_equal(get("a", "create", 1), "ann");
	assert_string_equal(get("a", "get", 1), "ben");
	assert_string_equal(get("b", "get", 1), "cat");
	assert_string_equal(get("b", "create", 1), "");
	assert_string_equal(get("acreat", "e", 1), ""); /* not the same bytes in another order of fields */
	assert_string_equal(get("", "acreate", 1), "");
}

static void keys_are_digests_and_the_token_is_nowhere(void **state)
{
	static const char token[] = "a-token-that-is-long-enough-to-be-found";

	(void)state;
	put(token, "get", "ann", 0);
	for (size_t i = 0; i + sizeof(token) <= sizeof(cache); i++)
		assert_int_not_equal(memcmp((const char *)&cache + i, token, sizeof(token) - 1), 0);
}

static void it_forgets_after_ten_seconds(void **state)
{
	(void)state;
	put("a", "get", "ann", 5000);
	assert_string_equal(get("a", "get", 14999), "ann");
	assert_string_equal(get("a", "get", 15000), "");
	put("a", "get", "ben", 16000); /* again, in its own place */
	assert_string_equal(get("a", "get", 25999), "ben");
}

static void it_holds_so_many_and_drops_the_oldest(void **state)
{
	char token[16];

	(void)state;
	for (int i = 0; i < TD_REVIEW_CACHE_MAX + 3; i++) {
		(void)snprintf(token, sizeof(token), "t%d", i);
		put(token, "get", token, i);
	}
	for (int i = 0; i < TD_REVIEW_CACHE_MAX + 3; i++) {
		(void)snprintf(token, sizeof(token), "t%d", i);
		assert_string_equal(get(token, "get", 100), i < 3 ? "" : token);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(token_and_verb_are_told_apart, empty),
		cmocka_unit_test_setup(keys_are_digests_and_the_token_is_nowhere, empty),
		cmocka_unit_test_setup(it_forgets_after_ten_seconds, empty),
		cmocka_unit_test_setup(it_holds_so_many_and_drops_the_oldest, empty),
	};

	return cmocka_run_group_tests_name("kube/review_cache", tests, NULL, NULL);
}
