/* One drain from durable to proven. */
#include "coordinator_fixture.h"

static struct fixture f;

static int teardown(void **state)
{
	(void)state;
	fixture_done(&f);
	return 0;
}

static void start(enum td_family family)
{
	const struct td_request_input input = fixture_pod_request("u", "pod-a");

	fixture_init(&f, family);
	f.process.liveness = TD_ALIVE;
	f.process.counts = (struct td_counts){.maintainers = 1, .dispatchers = 2, .triggers = 1, .brokers = 3};
	f.answer = 3;
	fixture_request(&f, &input);
	fixture_run(&f, 3000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINING);
}

static void empty(void)
{
	f.process.counts = (struct td_counts){0};
	f.process.liveness = f.family == TD_FAMILY_NATIVE ? TD_STOPPING : TD_ALIVE;
	f.answer = 0;
}

static void an_empty_capture_is_drained_soon_after_its_gauge_can_be_trusted(void **state)
{
	static const enum td_family families[] = {TD_FAMILY_NATIVE, TD_FAMILY_MANAGED};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int64_t since;

		start(families[i]);
		empty();
		since = f.now_ms;
		while (fixture_view(&f, "u")->phase != TD_PHASE_DRAINED && f.now_ms < since + 60000)
			fixture_run(&f, 50);
		assert_in_range(f.now_ms - since, td_core_defaults.broker_refresh_ms,
				td_core_defaults.broker_refresh_ms + 1600);
		assert_int_equal(td_liveness_of(&td_nodes_find(&f.core->nodes, "a")->liveness), TD_STOPPING);
		assert_true(fixture_view(&f, "u")->witnesses[TD_WITNESS_PROCESS].settled);
		assert_int_equal(fixture_view(&f, "u")->moved.dispatchers, 2);
		fixture_done(&f);
	}
	start(TD_FAMILY_MANAGED);
}

static void each_effect_waits_until_draining_is_durable(void **state)
{
	const struct td_request_input input = fixture_pod_request("u", "pod-a");

	(void)state;
	fixture_init(&f, TD_FAMILY_NATIVE);
	f.process.counts.maintainers = 1;
	f.held = BIT(TD_EFFECT_PUBLISH);
	fixture_request(&f, &input);
	fixture_run(&f, 30000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINING);
	assert_int_equal(f.emitted[TD_EFFECT_NATIVE_DRAIN], 0);
	f.held = 0;
	fixture_run(&f, 100);
	assert_int_equal(f.emitted[TD_EFFECT_NATIVE_DRAIN], 1);
}

static void the_coordinator_is_asked_to_resign_and_only_while_a_list_names_it(void **state)
{
	const struct td_request_input input = fixture_pod_request("u", "pod-a");
	struct td_effect resign;

	(void)state;
	fixture_init(&f, TD_FAMILY_NATIVE);
	f.process.counts.maintainers = 1;
	f.coordinator = "a";
	f.held = BIT(TD_EFFECT_RESIGN);
	fixture_request(&f, &input);
	fixture_run(&f, 5000);
	assert_phase(&f, "u", TD_PHASE_DRAINING, TD_REASON_MOVING_COORDINATOR);
	resign = fixture_take(&f, TD_EFFECT_RESIGN);
	assert_string_equal(resign.address, "a:1");
	assert_int_equal(f.emitted[TD_EFFECT_NATIVE_DRAIN], 0);
	f.coordinator = "b";
	fixture_answer(&f, &resign, TD_OUTCOME_UNKNOWN);
	fixture_run(&f, 30000);
	assert_int_equal(f.emitted[TD_EFFECT_RESIGN], 1);
	assert_true(f.emitted[TD_EFFECT_NATIVE_DRAIN] > 0);
}

static void what_is_empty_needs_no_destination_while_it_is_proven(void **state)
{
	(void)state;
	start(TD_FAMILY_MANAGED);
	empty();
	fixture_run(&f, 3000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_VERIFYING);
	f.nodes[1].pod_terminating = f.nodes[2].pod_terminating = true;
	fixture_run(&f, 15000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINED);
}

static void a_coordinator_that_wins_again_is_asked_again_at_leisure(void **state)
{
	const struct td_request_input input = fixture_pod_request("u", "pod-a");

	(void)state;
	fixture_init(&f, TD_FAMILY_NATIVE);
	f.coordinator = "a";
	fixture_request(&f, &input);
	fixture_run(&f, 60000);
	assert_in_range(f.emitted[TD_EFFECT_RESIGN], 5, 7);
}

static void each_lie_alone_is_not_believed(void **state)
{
	static const char *const lies[] = {"answer", "cluster", "process"};

	(void)state;
	for (int liar = 0; liar < 3; liar++) {
		static const struct td_span left[] = {{1, 0, "a"}};

		start(TD_FAMILY_NATIVE);
		empty();
		if (liar == 0) /* answer and process say zero, the books do not */
			f.changefeeds[0] = (struct td_changefeed_view){.name = "default/one",
								       .running = true,
								       .maintainer_addr = "b:1",
								       .tables_known = true,
								       .spans = left,
								       .span_count = 1};
		if (liar == 1) /* books and answer say zero, the process does not */
			f.process.counts.brokers = 1;
		if (liar == 2) /* books and process say zero, the answer does not */
			f.answer = 1;
		fixture_run(&f, 40000);
		if (fixture_view(&f, "u")->phase != TD_PHASE_VERIFYING)
			fail_msg("%s was believed", lies[liar]);
		assert_int_equal(fixture_view(&f, "u")->reason, TD_REASON_WITNESSES_DISAGREE);
		assert_non_null(strstr(fixture_view(&f, "u")->message, "not believed to be empty"));
		fixture_done(&f);
	}
	start(TD_FAMILY_MANAGED);
}

static void a_zero_without_draining_first_is_the_legacy_fallback_and_not_believed(void **state)
{
	(void)state;
	start(TD_FAMILY_NATIVE);
	empty();
	f.process.liveness = TD_ALIVE;
	fixture_run(&f, 10000);
	assert_phase(&f, "u", TD_PHASE_VERIFYING, TD_REASON_WITNESSES_DISAGREE);
	fixture_run(&f, 10000);
	assert_phase(&f, "u", TD_PHASE_UNSUPPORTED, TD_REASON_MIXED_VERSIONS);
}

static void a_coordinator_failover_in_the_last_moment_begins_the_proof_anew(void **state)
{
	(void)state;
	start(TD_FAMILY_NATIVE);
	empty();
	fixture_run(&f, 5000);
	f.coordinator = "b";
	fixture_run(&f, 4500);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_VERIFYING);
	fixture_run(&f, 4000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINED);
}

static void work_that_comes_back_is_moved_again(void **state)
{
	static const struct td_span back[] = {{9, 0, "a"}};

	(void)state;
	start(TD_FAMILY_MANAGED);
	empty();
	fixture_run(&f, 3000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_VERIFYING);
	f.process.counts.dispatchers = 1;
	f.changefeeds[0].spans = back;
	f.changefeeds[0].span_count = 1;
	fixture_run(&f, 4000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINING);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_DISPATCHER], 1);
}

static void a_target_that_leaves_the_cluster_ends_its_drain(void **state)
{
	(void)state;
	start(TD_FAMILY_NATIVE);
	f.nodes[0] = f.nodes[2];
	f.node_count = 2;
	fixture_run(&f, 1100);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINING); /* one list is not certain */
	fixture_run(&f, 1000);
	assert_phase(&f, "u", TD_PHASE_FAILED, TD_REASON_CAPTURE_GONE);
	assert_int_equal(td_core_summary(f.core).moves_in_flight, 0);
}

static void the_only_node_left_is_alive_again(void **state)
{
	(void)state;
	start(TD_FAMILY_MANAGED);
	f.node_count = 1;
	f.coordinator = "a";
	fixture_run(&f, 3000);
	assert_phase(&f, "u", TD_PHASE_FAILED, TD_REASON_NO_DESTINATION);
	assert_int_equal(td_liveness_of(&f.core->nodes.items[0].liveness), TD_ALIVE);
}

static void show_stragglers(bool left)
{
	static const struct td_span on_a[] = {{1, 0, "a"}, {2, 0, "b"}}, on_c[] = {{1, 0, "c"}, {2, 0, "b"}};

	f.changefeeds[0].spans = left ? on_c : on_a;
	f.changefeeds[0].span_count = 2;
}

/* Contract 11, row 9. */
static void stragglers_of_a_native_drain_are_moved_by_us(void **state)
{
	(void)state;
	start(TD_FAMILY_NATIVE);
	empty();
	f.process.counts.dispatchers = 1;
	show_stragglers(false);
	fixture_run(&f, 4000);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_DISPATCHER], 0);
	fixture_run(&f, 3500);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_DISPATCHER], 1);
	show_stragglers(true);
	f.process.counts.dispatchers = 0;
	fixture_run(&f, 10000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINED);
}

/* The process shows that it is gone before the books do: the move is seen through all the same. */
static void a_straggler_whose_process_is_empty_first_does_not_hang(void **state)
{
	(void)state;
	start(TD_FAMILY_NATIVE);
	empty();
	f.process.counts.dispatchers = 1;
	show_stragglers(false);
	f.held = BIT(TD_EFFECT_OBSERVE_CHANGEFEED);
	fixture_run(&f, 8000);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_DISPATCHER], 1);
	f.process.counts.dispatchers = 0;
	f.held = 0;
	fixture_run(&f, 2000); /* looked at, and the books still name the target */
	show_stragglers(true);
	fixture_run(&f, 12000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINED);
}

/* The plan was read before TiCDC's own drain moved what it names. */
static void what_a_native_drain_has_moved_is_not_moved_again_by_an_old_plan(void **state)
{
	const struct td_request_input input = fixture_pod_request("u", "pod-a");

	(void)state;
	fixture_init(&f, TD_FAMILY_NATIVE);
	f.process.counts.dispatchers = 1;
	show_stragglers(false); /* table 1 is on a when the plan is made */
	f.answer = 3;
	fixture_request(&f, &input);
	fixture_run(&f, 3000);
	show_stragglers(true);
	f.held = BIT(TD_EFFECT_OBSERVE_WORKLOAD);
	f.answer = 0;
	fixture_run(&f, 8000);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_DISPATCHER], 0);
}

static void the_native_drain_is_asked_of_whoever_answers(void **state)
{
	struct td_effect effect;

	(void)state;
	start(TD_FAMILY_NATIVE);
	f.held = BIT(TD_EFFECT_NATIVE_DRAIN);
	fixture_run(&f, 2000);
	effect = fixture_take(&f, TD_EFFECT_NATIVE_DRAIN);
	assert_string_equal(effect.address, "c:1");
	assert_string_equal(effect.node, "a");
	f.nodes[2].answers = false;
	fixture_run(&f, 2000);
	fixture_answer(&f, &effect, TD_OUTCOME_UNKNOWN);
	fixture_run(&f, 2000);
	effect = fixture_take(&f, TD_EFFECT_NATIVE_DRAIN);
	assert_string_equal(effect.address, ""); /* the shell's own capture forwards it */
}

static void the_process_is_read_at_its_own_address(void **state)
{
	struct td_effect effect;

	(void)state;
	start(TD_FAMILY_MANAGED);
	f.held = BIT(TD_EFFECT_OBSERVE_PROCESS);
	fixture_run(&f, 2000);
	effect = fixture_take(&f, TD_EFFECT_OBSERVE_PROCESS);
	assert_string_equal(effect.address, "a:1");
	assert_string_equal(effect.node, "a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(an_empty_capture_is_drained_soon_after_its_gauge_can_be_trusted, teardown),
		cmocka_unit_test_teardown(each_effect_waits_until_draining_is_durable, teardown),
		cmocka_unit_test_teardown(the_coordinator_is_asked_to_resign_and_only_while_a_list_names_it, teardown),
		cmocka_unit_test_teardown(a_coordinator_that_wins_again_is_asked_again_at_leisure, teardown),
		cmocka_unit_test_teardown(what_is_empty_needs_no_destination_while_it_is_proven, teardown),
		cmocka_unit_test_teardown(each_lie_alone_is_not_believed, teardown),
		cmocka_unit_test_teardown(a_zero_without_draining_first_is_the_legacy_fallback_and_not_believed, teardown),
		cmocka_unit_test_teardown(a_coordinator_failover_in_the_last_moment_begins_the_proof_anew, teardown),
		cmocka_unit_test_teardown(work_that_comes_back_is_moved_again, teardown),
		cmocka_unit_test_teardown(a_target_that_leaves_the_cluster_ends_its_drain, teardown),
		cmocka_unit_test_teardown(the_only_node_left_is_alive_again, teardown),
		cmocka_unit_test_teardown(stragglers_of_a_native_drain_are_moved_by_us, teardown),
		cmocka_unit_test_teardown(a_straggler_whose_process_is_empty_first_does_not_hang, teardown),
		cmocka_unit_test_teardown(what_a_native_drain_has_moved_is_not_moved_again_by_an_old_plan, teardown),
		cmocka_unit_test_teardown(the_native_drain_is_asked_of_whoever_answers, teardown),
		cmocka_unit_test_teardown(the_process_is_read_at_its_own_address, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
