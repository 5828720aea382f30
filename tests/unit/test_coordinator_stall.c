/* A drain without progress: what is said, what is tried, and when it is given up. */
#include "coordinator_fixture.h"

static struct fixture f;
static struct td_span left[2];

static int teardown(void **state)
{
	(void)state;
	fixture_done(&f);
	return 0;
}

/* The target a holds one maintainer and two dispatchers. */
static void start(enum td_family family)
{
	const struct td_request_input input = fixture_pod_request("u", "pod-a");

	fixture_init(&f, family);
	left[0] = (struct td_span){1, 0, "a"};
	left[1] = (struct td_span){2, 0, "a"};
	f.changefeeds[0] = (struct td_changefeed_view){.name = "default/one",
						       .running = true,
						       .maintainer_addr = "a:1",
						       .tables_known = true,
						       .spans = left,
						       .span_count = 2};
	f.process.counts = (struct td_counts){.maintainers = 1, .dispatchers = 2, .triggers = 1, .brokers = 3};
	f.process.liveness = TD_DRAINING;
	f.answer = 2;
	fixture_request(&f, &input);
}

static bool says(const char *text)
{
	return strstr(fixture_view(&f, "u")->message, text) != NULL;
}

static void what_is_stuck_is_named_after_a_while_and_not_before(void **state)
{
	(void)state;
	start(TD_FAMILY_MANAGED); /* moves are accepted and never happen */
	fixture_run(&f, 14000);
	assert_false(says("no progress"));
	assert_int_equal(fixture_view(&f, "u")->stalled_ms, 0);
	fixture_run(&f, 4000);
	assert_true(says("no progress for 15 s, stuck: maintainer of default/one"));
	assert_true(fixture_view(&f, "u")->stalled_ms > 0);
	assert_true(fixture_view(&f, "u")->eta_ms == 0);
}

static void progress_ends_the_stall_and_its_words(void **state)
{
	(void)state;
	start(TD_FAMILY_MANAGED);
	fixture_run(&f, 18000);
	assert_true(says("no progress"));
	f.process.counts.dispatchers = 1;
	fixture_run(&f, 1000);
	assert_false(says("no progress"));
	assert_int_equal(fixture_view(&f, "u")->stalled_ms, 0);
}

static void work_that_comes_and_goes_is_no_progress(void **state)
{
	(void)state;
	start(TD_FAMILY_MANAGED);
	for (int i = 0; i < 36; i++) {
		f.process.counts.dispatchers = i % 2 ? 2 : 3;
		fixture_run(&f, 500);
	}
	assert_true(says("no progress"));
}

static void moves_are_asked_for_again_then_ticdcs_coordinator_is_asked_to_resign_then_all_is_planned_anew(void **state)
{
	int moves, readings;

	(void)state;
	start(TD_FAMILY_MANAGED);
	fixture_run(&f, 4000);
	moves = f.emitted[TD_EFFECT_MOVE_MAINTAINER];
	readings = f.emitted[TD_EFFECT_OBSERVE_WORKLOAD];
	assert_int_equal(f.emitted[TD_EFFECT_RESIGN], 0);
	fixture_run(&f, 14000);
	assert_true(f.emitted[TD_EFFECT_MOVE_MAINTAINER] > moves);
	assert_true(f.emitted[TD_EFFECT_OBSERVE_WORKLOAD] > readings);
	f.held = BIT(TD_EFFECT_RESIGN);
	fixture_run(&f, 15000);
	assert_int_equal(f.emitted[TD_EFFECT_RESIGN], 1);
	assert_string_equal(fixture_take(&f, TD_EFFECT_RESIGN).node, "c");
	fixture_run(&f, 15000);
	assert_true(f.core->operators.totals.abandoned > 0);
	fixture_run(&f, 300000);
	assert_int_equal(f.emitted[TD_EFFECT_RESIGN], 1); /* each rung once */
}

static void nobody_resigns_when_nobody_else_could_take_over_or_the_proof_is_being_made(void **state)
{
	(void)state;
	start(TD_FAMILY_NATIVE);
	f.nodes[1].reported_liveness = -1; /* nobody knows */
	fixture_run(&f, 60000);
	assert_int_equal(f.emitted[TD_EFFECT_RESIGN], 0);
	fixture_done(&f);
	start(TD_FAMILY_MANAGED);
	f.performs = true;
	f.process.counts = (struct td_counts){.brokers = 1}; /* only registrations linger: row 7 */
	fixture_run(&f, 60000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_VERIFYING);
	assert_int_equal(f.emitted[TD_EFFECT_RESIGN], 0);
}

static void what_a_native_drain_leaves_is_moved_explicitly_in_the_end(void **state)
{
	struct td_effect effect;

	(void)state;
	start(TD_FAMILY_NATIVE);
	f.changefeeds[0].maintainer_addr = "b:1";
	f.process.counts.maintainers = f.process.counts.triggers = 0;
	fixture_run(&f, 44000);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_DISPATCHER], 0);
	f.held = BIT(TD_EFFECT_MOVE_DISPATCHER);
	fixture_run(&f, 8000);
	effect = fixture_take(&f, TD_EFFECT_MOVE_DISPATCHER);
	assert_string_equal(effect.changefeed, "default/one");
	assert_int_equal(effect.table_id, 1);
}

static void in_the_end_it_is_given_up_with_what_is_stuck(void **state)
{
	(void)state;
	start(TD_FAMILY_MANAGED);
	fixture_run(&f, td_core_defaults.give_up_ms - 1);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINING);
	fixture_run(&f, 10000);
	assert_phase(&f, "u", TD_PHASE_FAILED, TD_REASON_STALLED);
	assert_true(says("maintainer of default/one"));
	assert_true(says("1 maintainers and 2 dispatchers left on pod-a"));
}

/* Or one object that nobody can write would hold up all others. */
static void a_drain_that_cannot_be_made_durable_is_given_up_and_does_nothing(void **state)
{
	(void)state;
	start(TD_FAMILY_MANAGED);
	f.refused = BIT(TD_EFFECT_PUBLISH);
	fixture_new_leader(&f);
	fixture_request(&f, &f.objects[0].input);
	fixture_run(&f, td_core_defaults.give_up_ms + 60000);
	assert_phase(&f, "u", TD_PHASE_FAILED, TD_REASON_STALLED);
	for (int kind = TD_EFFECT_RESIGN; kind < TD_EFFECT_KIND_COUNT; kind++)
		assert_int_equal(f.emitted[kind], 0);
}

static void waiting_for_acknowledgements_is_named_and_shakes_nothing(void **state)
{
	(void)state;
	start(TD_FAMILY_MANAGED);
	f.mute = true;
	fixture_run(&f, 60000);
	assert_phase(&f, "u", TD_PHASE_DRAINING, TD_REASON_WAITING_FOR_ACKNOWLEDGEMENT);
	assert_true(says("no other capture's sidecar has acknowledged"));
	assert_true(says("stuck: maintainer of default/one, table 1 of default/one, table 2 of default/one"));
	assert_int_equal(f.emitted[TD_EFFECT_RESIGN], 0);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_MAINTAINER], 0);
}

static void an_acknowledgement_of_another_epoch_or_capture_is_none(void **state)
{
	struct td_request_input input = fixture_pod_request("u", "pod-a");
	struct td_acknowledgement said[] = {{"a", 1}, {"b", 2}, {"zz", 1}};

	(void)state;
	start(TD_FAMILY_MANAGED);
	f.mute = true;
	input.acknowledgements = said;
	input.acknowledgement_count = 3;
	fixture_request(&f, &input);
	fixture_run(&f, 5000);
	assert_int_equal(fixture_view(&f, "u")->epoch, 1);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_MAINTAINER], 0);
	said[1].epoch = 1;
	f.held = BIT(TD_EFFECT_MOVE_MAINTAINER);
	fixture_request(&f, &input);
	fixture_run(&f, 1000);
	assert_string_equal(fixture_take(&f, TD_EFFECT_MOVE_MAINTAINER).node, "b"); /* the only one that knows */
}

/* By itself a move is asked for again each resend_ms: the rung does not wait for that. */
static void the_first_rung_asks_again_at_once(void **state)
{
	int before;

	(void)state;
	start(TD_FAMILY_MANAGED);
	fixture_run(&f, td_core_defaults.stall_ms - 100);
	before = f.emitted[TD_EFFECT_MOVE_MAINTAINER];
	fixture_run(&f, 1200);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_MAINTAINER], before + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_is_stuck_is_named_after_a_while_and_not_before, teardown),
		cmocka_unit_test_teardown(progress_ends_the_stall_and_its_words, teardown),
		cmocka_unit_test_teardown(work_that_comes_and_goes_is_no_progress, teardown),
		cmocka_unit_test_teardown(
			moves_are_asked_for_again_then_ticdcs_coordinator_is_asked_to_resign_then_all_is_planned_anew,
			teardown),
		cmocka_unit_test_teardown(nobody_resigns_when_nobody_else_could_take_over_or_the_proof_is_being_made,
					  teardown),
		cmocka_unit_test_teardown(what_a_native_drain_leaves_is_moved_explicitly_in_the_end, teardown),
		cmocka_unit_test_teardown(in_the_end_it_is_given_up_with_what_is_stuck, teardown),
		cmocka_unit_test_teardown(a_drain_that_cannot_be_made_durable_is_given_up_and_does_nothing, teardown),
		cmocka_unit_test_teardown(waiting_for_acknowledgements_is_named_and_shakes_nothing, teardown),
		cmocka_unit_test_teardown(an_acknowledgement_of_another_epoch_or_capture_is_none, teardown),
		cmocka_unit_test_teardown(the_first_rung_asks_again_at_once, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
