/* Keyspaces out of the lines of metrics. */
#include "base_test.h"
#include "ticdc/keyspaces.h"

#include <stdio.h>
#include <string.h>

static void names_are_sorted_and_kept_once(void **state)
{
	static const char *const lines[] = {"m{keyspace_name=\"b\",changefeed=\"x\"} 1", "m{keyspace_name=\"a\"} 1",
					    "m{changefeed=\"y\",keyspace_name=\"b\"} 2", "m{namespace=\"default\"} 1",
					    "m 1"};
	struct td_ticdc_keyspaces keyspaces = {.names = NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_true(td_ticdc_keyspaces_note(&keyspaces, lines[i], strlen(lines[i])));
	assert_int_equal(keyspaces.count, 2);
	assert_string_equal(keyspaces.names[0], "a");
	assert_string_equal(keyspaces.names[1], "b");
	td_ticdc_keyspaces_done(&keyspaces);
	assert_int_equal(keyspaces.count, 0);
}

static void a_name_that_cannot_be_one_is_refused(void **state)
{
	static const char *const lines[] = {"m{keyspace_name=\"\"} 1", "m{keyspace_name=\"a", "m{keyspace_name=\"a/b\"} 1",
					    "m{keyspace_name=\"a\\\"b\"} 1"};
	struct td_ticdc_keyspaces keyspaces = {.names = NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_false(td_ticdc_keyspaces_note(&keyspaces, lines[i], strlen(lines[i])));
	td_ticdc_keyspaces_done(&keyspaces);
}

static void there_may_not_be_too_many(void **state)
{
	struct td_ticdc_keyspaces keyspaces = {.names = NULL};
	char line[64];

	(void)state;
	for (int i = 0; i <= TD_TICDC_KEYSPACES_MAX; i++) {
		int len = snprintf(line, sizeof(line), "m{keyspace_name=\"k%d\"} 1", i);

		assert_int_equal(td_ticdc_keyspaces_note(&keyspaces, line, (size_t)len), i < TD_TICDC_KEYSPACES_MAX);
	}
	td_ticdc_keyspaces_done(&keyspaces);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_sorted_and_kept_once),
		cmocka_unit_test(a_name_that_cannot_be_one_is_refused),
		cmocka_unit_test(there_may_not_be_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
