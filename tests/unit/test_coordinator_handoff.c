/* What cannot be drained: what is done for it, and that it ends. */
#include "coordinator_fixture.h"

static struct fixture f;
static struct td_span spans[2];

static int teardown(void **state)
{
	(void)state;
	fixture_done(&f);
	return 0;
}

/* The target a holds a maintainer and two dispatchers of it. */
static void start(enum td_family family, bool terminating)
{
	struct td_request_input input = fixture_pod_request("u", "pod-a");

	input.pod_terminating = terminating;
	fixture_init(&f, family);
	spans[0] = (struct td_span){1, 0, "a"};
	spans[1] = (struct td_span){2, 0, "a"};
	f.changefeeds[0] = (struct td_changefeed_view){.name = "default/one",
						       .running = true,
						       .maintainer_addr = "a:1",
						       .tables_known = true,
						       .spans = spans,
						       .span_count = 2};
	f.process.counts = (struct td_counts){.maintainers = 1, .dispatchers = 2, .triggers = 1};
	f.process.liveness = TD_ALIVE;
	f.performs = true;
	fixture_request(&f, &input);
}

static void a_pod_that_stops_hands_its_dispatchers_over_and_names_the_rest(void **state)
{
	(void)state;
	start(TD_FAMILY_FAKE_DRAIN, true);
	fixture_run(&f, 3000);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_DISPATCHER], 2);
	assert_phase(&f, "u", TD_PHASE_DRAINING, TD_REASON_MOVING_DISPATCHERS); /* the process has not said so yet */
	f.process.counts.dispatchers = 0;
	fixture_run(&f, 1000);
	assert_phase(&f, "u", TD_PHASE_UNSUPPORTED, TD_REASON_FAKE_DRAIN);
	assert_int_equal(fixture_view(&f, "u")->remaining.maintainers, 1);
	assert_int_equal(fixture_view(&f, "u")->moved.dispatchers, 2);
	assert_non_null(strstr(fixture_view(&f, "u")->message, "1 maintainers and 0 dispatchers remain"));
	assert_int_equal(f.emitted[TD_EFFECT_NATIVE_DRAIN], 0);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_MAINTAINER], 0);
}

/* What would be moved now comes back long before the pod stops. */
static void nothing_is_moved_off_a_pod_that_stays(void **state)
{
	(void)state;
	start(TD_FAMILY_FAKE_DRAIN, false);
	fixture_run(&f, 3000);
	assert_phase(&f, "u", TD_PHASE_UNSUPPORTED, TD_REASON_FAKE_DRAIN);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_DISPATCHER], 0);
	assert_int_equal(f.emitted[TD_EFFECT_RESIGN], 0);
}

static void ownership_moves_before_anything_else(void **state)
{
	(void)state;
	start(TD_FAMILY_FAKE_DRAIN, true);
	f.coordinator = "a";
	f.process.counts.dispatchers = 0;
	spans[0].node = spans[1].node = "b";
	fixture_run(&f, 5000);
	assert_phase(&f, "u", TD_PHASE_DRAINING, TD_REASON_MOVING_COORDINATOR);
	assert_int_equal(f.emitted[TD_EFFECT_RESIGN], 1);
	f.coordinator = "c";
	fixture_run(&f, 3000);
	assert_phase(&f, "u", TD_PHASE_UNSUPPORTED, TD_REASON_FAKE_DRAIN);
}

static void a_coordinator_that_stays_does_not_hold_it_up_for_ever(void **state)
{
	(void)state;
	start(TD_FAMILY_FAKE_DRAIN, true);
	f.coordinator = "a";
	fixture_run(&f, 20000);
	assert_phase(&f, "u", TD_PHASE_UNSUPPORTED, TD_REASON_FAKE_DRAIN);
	assert_int_equal(fixture_view(&f, "u")->remaining.dispatchers, 2);
}

static void moves_that_do_not_happen_end_it(void **state)
{
	(void)state;
	start(TD_FAMILY_FAKE_DRAIN, true);
	f.refused = BIT(TD_EFFECT_MOVE_DISPATCHER);
	fixture_run(&f, 20000);
	assert_phase(&f, "u", TD_PHASE_UNSUPPORTED, TD_REASON_FAKE_DRAIN);
	assert_int_equal(fixture_view(&f, "u")->remaining.dispatchers, 2);
}

/* Work that is moved away and flows back is progress again and again. */
static void work_that_flows_back_does_not_make_it_last(void **state)
{
	(void)state;
	start(TD_FAMILY_FAKE_DRAIN, true);
	for (int i = 0; i < 70; i++) {
		spans[i % 2].node = "a";
		f.process.counts.dispatchers = 2 - (uint32_t)(i & 1);
		fixture_run(&f, 1000);
	}
	assert_phase(&f, "u", TD_PHASE_UNSUPPORTED, TD_REASON_FAKE_DRAIN);
}

/* N1 whose peer is of an older build answers 0 and does nothing (contract 6.4, row 12). */
static void mixed_versions_are_handed_off_after_a_while(void **state)
{
	(void)state;
	start(TD_FAMILY_NATIVE, true);
	f.answer = 0;
	fixture_run(&f, 12000);
	assert_phase(&f, "u", TD_PHASE_DRAINING, TD_REASON_WAITING_FOR_NATIVE);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_DISPATCHER], 0);
	fixture_run(&f, 6000);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_DISPATCHER], 2);
	f.process.counts.dispatchers = 0;
	fixture_run(&f, 2000);
	assert_phase(&f, "u", TD_PHASE_UNSUPPORTED, TD_REASON_MIXED_VERSIONS);
}

/* The older build is upgraded in the meantime. */
static void a_drain_that_begins_after_all_goes_on(void **state)
{
	(void)state;
	start(TD_FAMILY_NATIVE, true);
	f.answer = 0;
	fixture_run(&f, 12000);
	f.answer = 2;
	f.process.liveness = TD_DRAINING;
	fixture_run(&f, 30000);
	assert_phase(&f, "u", TD_PHASE_DRAINING, TD_REASON_MOVING_MAINTAINERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_pod_that_stops_hands_its_dispatchers_over_and_names_the_rest, teardown),
		cmocka_unit_test_teardown(nothing_is_moved_off_a_pod_that_stays, teardown),
		cmocka_unit_test_teardown(ownership_moves_before_anything_else, teardown),
		cmocka_unit_test_teardown(a_coordinator_that_stays_does_not_hold_it_up_for_ever, teardown),
		cmocka_unit_test_teardown(moves_that_do_not_happen_end_it, teardown),
		cmocka_unit_test_teardown(work_that_flows_back_does_not_make_it_last, teardown),
		cmocka_unit_test_teardown(mixed_versions_are_handed_off_after_a_while, teardown),
		cmocka_unit_test_teardown(a_drain_that_begins_after_all_goes_on, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
