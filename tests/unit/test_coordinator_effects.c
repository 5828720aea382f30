/* Effects and the answers that are due for them. */
#include "coordinator_fixture.h"

static struct fixture f;

static int setup(void **state)
{
	(void)state;
	fixture_init(&f, TD_FAMILY_MANAGED);
	f.process.counts.dispatchers = 1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_done(&f);
	return 0;
}

static void only_calls_that_change_ticdc_are_fenced(void **state)
{
	static const bool changes[TD_EFFECT_KIND_COUNT] = {
		[TD_EFFECT_DETECT_FAMILY] = true,   [TD_EFFECT_RESIGN] = true,		[TD_EFFECT_NATIVE_DRAIN] = true,
		[TD_EFFECT_MOVE_MAINTAINER] = true, [TD_EFFECT_MOVE_DISPATCHER] = true, [TD_EFFECT_PLACE_MAINTAINER] = true,
	};

	(void)state;
	for (int i = 0; i < TD_EFFECT_KIND_COUNT; i++)
		assert_int_equal(td_effect_changes_ticdc((enum td_effect_kind)i), changes[i]);
}

static void an_answer_nobody_waits_for_changes_nothing(void **state)
{
	const struct td_request_input input = fixture_pod_request("u", "pod-a");
	struct td_effect effect;
	int reads;

	(void)state;
	f.held = BIT(TD_EFFECT_OBSERVE_NODES);
	fixture_request(&f, &input);
	effect = fixture_take(&f, TD_EFFECT_OBSERVE_NODES);
	fixture_answer(&f, &effect, TD_OUTCOME_DONE);
	reads = f.core->nodes.reads;
	fixture_answer(&f, &effect, TD_OUTCOME_DONE); /* the same again */
	effect.id = 999999;
	fixture_answer(&f, &effect, TD_OUTCOME_DONE);
	assert_int_equal(f.core->nodes.reads, reads);
}

static void each_read_is_paced_and_there_is_one_at_a_time(void **state)
{
	const struct td_request_input input = fixture_pod_request("u", "pod-a");

	(void)state;
	fixture_request(&f, &input);
	fixture_run(&f, 3000);
	memset(f.emitted, 0, sizeof(f.emitted));
	fixture_run(&f, 60000);
	assert_in_range(f.emitted[TD_EFFECT_OBSERVE_NODES], 59, 61);
	assert_in_range(f.emitted[TD_EFFECT_OBSERVE_PROCESS], 119, 121);
	assert_in_range(f.emitted[TD_EFFECT_OBSERVE_WORKLOAD], 29, 31);
	f.held = ~0u;
	fixture_run(&f, 60000);
	for (int kind = 0; kind < TD_EFFECT_KIND_COUNT; kind++)
		assert_true(fixture_waiting(&f, (enum td_effect_kind)kind) <= 1);
}

static void when_a_list_fails_another_capture_is_asked_each_time(void **state)
{
	static const char *const wanted[] = {"", "b:1", "c:1",
					     "", "a:1", "b:1"}; /* after 1, 2, ... failures: all, and our own */
	const struct td_request_input input = fixture_pod_request("u", "pod-a");

	(void)state;
	fixture_request(&f, &input);
	fixture_run(&f, 3000);
	f.held = BIT(TD_EFFECT_OBSERVE_NODES);
	assert_string_equal(td_core_contact(f.core), "c:1");
	for (size_t i = 1; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct td_effect effect;

		fixture_run(&f, 1100);
		effect = fixture_take(&f, TD_EFFECT_OBSERVE_NODES);
		fixture_answer(&f, &effect, TD_OUTCOME_UNKNOWN);
		assert_string_equal(td_core_contact(f.core), wanted[i]);
	}
}

static void a_changefeed_named_in_an_effect_lives_until_its_answer(void **state)
{
	static const struct td_span on_a[] = {{1, 0, "a"}};
	const struct td_request_input input = fixture_pod_request("u", "pod-a");
	struct td_effect effect;

	(void)state;
	f.changefeeds[0].spans = on_a;
	f.changefeeds[0].span_count = 1;
	f.held = BIT(TD_EFFECT_MOVE_DISPATCHER);
	fixture_request(&f, &input);
	fixture_run(&f, 3000);
	effect = fixture_take(&f, TD_EFFECT_MOVE_DISPATCHER);
	fixture_delete(&f, "u");
	fixture_run(&f, 1000);
	assert_string_equal(effect.changefeed, "default/one");
	fixture_answer(&f, &effect, TD_OUTCOME_DONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_calls_that_change_ticdc_are_fenced, setup, teardown),
		cmocka_unit_test_setup_teardown(an_answer_nobody_waits_for_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(each_read_is_paced_and_there_is_one_at_a_time, setup, teardown),
		cmocka_unit_test_setup_teardown(when_a_list_fails_another_capture_is_asked_each_time, setup, teardown),
		cmocka_unit_test_setup_teardown(a_changefeed_named_in_an_effect_lives_until_its_answer, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
