/* Names of enums: complete, distinct, and read back. */
#include "coordinator_fixture.h"

static void every_phase_reads_back_as_itself(void **state)
{
	(void)state;
	for (int i = 0; i < TD_PHASE_COUNT; i++) {
		enum td_phase phase = TD_PHASE_COUNT;

		assert_true(td_phase_from_name(td_phase_name((enum td_phase)i), &phase));
		assert_int_equal(phase, i);
	}
}

static void every_family_reads_back_as_itself(void **state)
{
	(void)state;
	for (int i = 0; i < TD_FAMILY_COUNT; i++) {
		enum td_family family = TD_FAMILY_COUNT;

		assert_true(td_family_from_name(td_family_name((enum td_family)i), &family));
		assert_int_equal(family, i);
	}
}

static void an_unknown_name_is_refused_and_writes_nothing(void **state)
{
	static const char *const bad[] = {"", "draining", "Draining ", "Drain", NULL};
	enum td_phase phase = TD_PHASE_FAILED;
	enum td_family family = TD_FAMILY_NATIVE;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(td_phase_from_name(bad[i], &phase));
		assert_false(td_family_from_name(bad[i], &family));
	}
	assert_int_equal(phase, TD_PHASE_FAILED);
	assert_int_equal(family, TD_FAMILY_NATIVE);
}

static void every_reason_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < TD_REASON_COUNT; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(td_reason_name((enum td_reason)i), td_reason_name((enum td_reason)j));
	for (int i = 0; i < TD_WITNESS_COUNT; i++)
		assert_true(td_witness_name((enum td_witness)i)[0] != '\0');
	for (int i = 0; i < TD_LIVENESS_COUNT; i++)
		assert_true(td_liveness_name((enum td_liveness)i)[0] != '\0');
}

static void a_value_outside_its_enum_is_named_a_question_mark(void **state)
{
	(void)state;
	assert_string_equal(td_phase_name((enum td_phase)99), "?");
	assert_string_equal(td_reason_name((enum td_reason) - 1), "?");
	assert_string_equal(td_effect_name((enum td_effect_kind)99), "?");
}

static void only_three_phases_are_open(void **state)
{
	(void)state;
	for (int i = 0; i < TD_PHASE_COUNT; i++)
		assert_int_equal(td_phase_is_final((enum td_phase)i), i > TD_PHASE_VERIFYING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_phase_reads_back_as_itself),
		cmocka_unit_test(every_family_reads_back_as_itself),
		cmocka_unit_test(an_unknown_name_is_refused_and_writes_nothing),
		cmocka_unit_test(every_reason_has_a_name_of_its_own),
		cmocka_unit_test(a_value_outside_its_enum_is_named_a_question_mark),
		cmocka_unit_test(only_three_phases_are_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
