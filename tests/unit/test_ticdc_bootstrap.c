/* A maintainer alone with its trigger is believed to be empty only after it has stayed so for long enough. */
#include "ticdc/bootstrap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void bootstrap_is_believed_after_a_while(void **state)
{
	struct td_ticdc_suspects suspects = {.list = NULL};

	(void)state;
	assert_false(td_ticdc_suspects_note(&suspects, "d/a", "n", 1000));
	assert_false(td_ticdc_suspects_note(&suspects, "d/b", "n", 2000));
	assert_false(td_ticdc_suspects_note(&suspects, "d/a", "n", 1000 + TD_TICDC_BOOTSTRAP_MS - 1));
	assert_true(td_ticdc_suspects_note(&suspects, "d/a", "n", 1000 + TD_TICDC_BOOTSTRAP_MS));
	assert_false(td_ticdc_suspects_note(&suspects, "d/b", "n", 1000 + TD_TICDC_BOOTSTRAP_MS));
	td_ticdc_suspects_done(&suspects);
}

static void bootstrap_starts_again_on_another_node(void **state)
{
	struct td_ticdc_suspects suspects = {.list = NULL};

	(void)state;
	assert_false(td_ticdc_suspects_note(&suspects, "d/a", "n", 0));
	assert_false(td_ticdc_suspects_note(&suspects, "d/a", "m", TD_TICDC_BOOTSTRAP_MS));
	assert_false(td_ticdc_suspects_note(&suspects, "d/a", "n", TD_TICDC_BOOTSTRAP_MS + 1));
	assert_true(td_ticdc_suspects_note(&suspects, "d/a", "n", 2LL * TD_TICDC_BOOTSTRAP_MS + 1));
	td_ticdc_suspects_done(&suspects);
}

static void bootstrap_starts_again_after_tables_or_a_gap(void **state)
{
	struct td_ticdc_suspects suspects = {.list = NULL};

	(void)state;
	assert_false(td_ticdc_suspects_note(&suspects, "d/a", "n", 0));
	td_ticdc_suspects_clear(&suspects, "d/a");
	td_ticdc_suspects_clear(&suspects, "d/a");
	assert_false(td_ticdc_suspects_note(&suspects, "d/a", "n", TD_TICDC_BOOTSTRAP_MS));
	assert_false(td_ticdc_suspects_note(&suspects, "d/a", "n", 10LL * TD_TICDC_BOOTSTRAP_MS)); /* not seen in between */
	td_ticdc_suspects_done(&suspects);
}

static void bootstrap_forgets_what_is_not_seen_any_more(void **state)
{
	struct td_ticdc_suspects suspects = {.list = NULL};
	char name[32];

	(void)state;
	for (int i = 0; i < 10000; i++) {
		(void)snprintf(name, sizeof(name), "d/%d", i);
		assert_false(td_ticdc_suspects_note(&suspects, name, "n", (int64_t)i * 1000));
	}
	assert_true(suspects.count < 100);
	td_ticdc_suspects_done(&suspects);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bootstrap_is_believed_after_a_while),
		cmocka_unit_test(bootstrap_starts_again_on_another_node),
		cmocka_unit_test(bootstrap_starts_again_after_tables_or_a_gap),
		cmocka_unit_test(bootstrap_forgets_what_is_not_seen_any_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
