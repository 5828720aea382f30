/* Work that runs nowhere: when it is placed, where, and what happens after a target has died. Family M. */
#include "coordinator_fixture.h"

static struct fixture f;
static char names[8][24];

static int teardown(void **state)
{
	(void)state;
	fixture_done(&f);
	return 0;
}

/* Target a; that many changefeeds, all at an address ("" for nowhere). */
static void start(int changefeeds, const char *address)
{
	struct td_request_input input = fixture_pod_request("u", "pod-a");

	fixture_init(&f, TD_FAMILY_MANAGED);
	f.performs = true;
	f.changefeed_count = (size_t)changefeeds;
	for (int i = 0; i < changefeeds; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "default/cf-%02d", i);
		f.changefeeds[i] = (struct td_changefeed_view){
			.name = names[i], .running = true, .maintainer_addr = address, .tables_known = address[0] != '\0'};
	}
	fixture_request(&f, &input);
}

static void absent_work_is_placed_on_the_least_loaded_that_is_not_drained(void **state)
{
	int to_b = 0;

	(void)state;
	start(4, "");
	f.process.counts.dispatchers = 1; /* so that the drain goes on */
	f.held = BIT(TD_EFFECT_PLACE_MAINTAINER);
	fixture_run(&f, 8000);
	assert_int_equal(fixture_waiting(&f, TD_EFFECT_PLACE_MAINTAINER), 4);
	for (int i = 0; i < 4; i++) {
		struct td_effect effect = fixture_take(&f, TD_EFFECT_PLACE_MAINTAINER);

		assert_string_not_equal(effect.node, "a");
		assert_true(effect.epoch > 0);
		to_b += strcmp(effect.node, "b") == 0;
	}
	assert_int_equal(to_b, 2);
}

static void one_reading_without_maintainer_may_be_the_middle_of_a_move(void **state)
{
	(void)state;
	start(1, "");
	f.process.counts.dispatchers = 1;
	f.held = BIT(TD_EFFECT_OBSERVE_WORKLOAD);
	fixture_run(&f, 3000);
	for (int readings = 1; readings <= 3; readings++) {
		struct td_effect effect = fixture_take(&f, TD_EFFECT_OBSERVE_WORKLOAD);

		if (readings == 2)
			f.changefeeds[0].maintainer_addr = "b:1"; /* it was */
		fixture_answer(&f, &effect, TD_OUTCOME_DONE);
		if (readings < 2)
			fixture_run(&f, 3000);
		else
			break;
	}
	fixture_run(&f, 10000);
	assert_int_equal(f.emitted[TD_EFFECT_PLACE_MAINTAINER], 0);
}

static void readings_of_two_coordinators_do_not_add_up(void **state)
{
	(void)state;
	start(1, "");
	f.process.counts.dispatchers = 1;
	f.held = BIT(TD_EFFECT_OBSERVE_WORKLOAD);
	for (int i = 0; i < 6; i++) {
		fixture_run(&f, 3000);
		f.coordinator = i % 2 ? "c" : "b";
		if (fixture_waiting(&f, TD_EFFECT_OBSERVE_WORKLOAD)) {
			struct td_effect effect = fixture_take(&f, TD_EFFECT_OBSERVE_WORKLOAD);

			fixture_answer(&f, &effect, TD_OUTCOME_DONE);
		}
	}
	assert_int_equal(f.emitted[TD_EFFECT_PLACE_MAINTAINER], 0);
}

static void nothing_is_placed_before_the_drain_is_durable_or_while_nobody_may_receive(void **state)
{
	(void)state;
	start(2, "");
	f.process.counts.dispatchers = 1;
	f.mute = true; /* no agent acknowledges */
	fixture_run(&f, 14000);
	assert_int_equal(f.emitted[TD_EFFECT_PLACE_MAINTAINER], 0);
	assert_phase(&f, "u", TD_PHASE_DRAINING, TD_REASON_WAITING_FOR_ACKNOWLEDGEMENT);
}

static void a_target_that_dies_ends_its_drain_and_its_maintainers_are_placed(void **state)
{
	(void)state;
	start(3, "a:1");
	f.process.counts.maintainers = 3;
	f.held = BIT(TD_EFFECT_MOVE_MAINTAINER);
	fixture_run(&f, 3000);
	assert_int_equal(fixture_waiting(&f, TD_EFFECT_MOVE_MAINTAINER), 3);
	f.nodes[0] = f.nodes[2]; /* a is gone */
	f.node_count = 2;
	f.process.known = false;
	for (int i = 0; i < 3; i++) {
		f.changefeeds[i].maintainer_addr = "";
		f.changefeeds[i].tables_known = false;
	}
	while (fixture_waiting(&f, TD_EFFECT_MOVE_MAINTAINER)) {
		struct td_effect effect = fixture_take(&f, TD_EFFECT_MOVE_MAINTAINER);

		fixture_answer(&f, &effect, TD_OUTCOME_FAILED);
	}
	fixture_run(&f, 3000);
	assert_phase(&f, "u", TD_PHASE_FAILED, TD_REASON_CAPTURE_GONE);
	assert_int_equal(td_core_summary(f.core).activity, TD_ACTIVITY_SETTLING);
	fixture_run(&f, 12000);
	for (int i = 0; i < 3; i++)
		assert_string_not_equal(f.changefeeds[i].maintainer_addr, "");
	assert_int_equal(f.emitted[TD_EFFECT_PLACE_MAINTAINER], 3);
	assert_int_equal(td_core_summary(f.core).activity, TD_ACTIVITY_IDLE);
	assert_true(td_core_deadline(f.core) == INT64_MAX); /* and TiCDC is left alone again */
}

/* The request of a pod is owned by it: both go together. */
static void a_request_that_goes_with_its_dead_pod_is_settled_too(void **state)
{
	(void)state;
	start(3, "a:1");
	f.process.counts.maintainers = 3;
	f.held = BIT(TD_EFFECT_MOVE_MAINTAINER);
	fixture_run(&f, 3000);
	f.waiting_count = 0; /* nobody answers any more */
	f.nodes[0] = f.nodes[2];
	f.node_count = 2;
	for (int i = 0; i < 3; i++) {
		f.changefeeds[i].maintainer_addr = "";
		f.changefeeds[i].tables_known = false;
	}
	fixture_delete(&f, "u");
	assert_int_equal(td_core_summary(f.core).activity, TD_ACTIVITY_SETTLING);
}

static void absent_work_does_not_wait_until_all_moves_are_made(void **state)
{
	(void)state;
	start(8, "a:1");
	f.changefeeds[7].maintainer_addr = "";
	f.changefeeds[7].tables_known = false;
	f.process.counts.maintainers = 7;
	f.performs = false; /* moves are accepted and take their time */
	fixture_run(&f, 9000);
	assert_int_equal(f.emitted[TD_EFFECT_PLACE_MAINTAINER], 1);
}

static void settling_does_not_last_for_ever(void **state)
{
	struct td_request_input input;

	(void)state;
	start(1, "a:1");
	input = fixture_pod_request("u", "pod-a");
	input.deadline_ms = f.now_ms + 4000;
	f.process.counts.maintainers = 1;
	f.refused = BIT(TD_EFFECT_MOVE_MAINTAINER);
	fixture_request(&f, &input);
	fixture_run(&f, 5000);
	assert_phase(&f, "u", TD_PHASE_TIMED_OUT, TD_REASON_DEADLINE);
	assert_int_equal(td_core_summary(f.core).activity, TD_ACTIVITY_SETTLING);
	fixture_run(&f, td_core_defaults.settle_ms); /* held: the capture never leaves */
	assert_int_equal(td_core_summary(f.core).activity, TD_ACTIVITY_IDLE);
}

static void settling_gives_way_to_a_request(void **state)
{
	struct td_request_input input;

	(void)state;
	start(1, "a:1");
	input = fixture_pod_request("u", "pod-a");
	input.deadline_ms = f.now_ms + 4000;
	f.process.counts.maintainers = 1;
	f.refused = BIT(TD_EFFECT_MOVE_MAINTAINER);
	fixture_request(&f, &input);
	fixture_run(&f, 5000);
	assert_int_equal(td_core_summary(f.core).activity, TD_ACTIVITY_SETTLING);
	input = fixture_pod_request("v", "pod-b");
	fixture_request(&f, &input);
	fixture_run(&f, 1500);
	assert_int_equal(td_core_summary(f.core).activity, TD_ACTIVITY_DRAINING);
	assert_string_equal(td_core_summary(f.core).active_uid, "v");
}

static void where_ticdc_places_nothing_is_placed_or_settled(void **state)
{
	(void)state;
	start(1, "");
	f.family = TD_FAMILY_NATIVE;
	f.answer = 1;
	f.process.counts.dispatchers = 1;
	fixture_run(&f, 60000);
	assert_int_equal(f.emitted[TD_EFFECT_PLACE_MAINTAINER], 0);
	f.nodes[0] = f.nodes[2];
	f.node_count = 2;
	fixture_run(&f, 5000);
	assert_phase(&f, "u", TD_PHASE_FAILED, TD_REASON_CAPTURE_GONE);
	assert_int_equal(td_core_summary(f.core).activity, TD_ACTIVITY_IDLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(absent_work_is_placed_on_the_least_loaded_that_is_not_drained, teardown),
		cmocka_unit_test_teardown(one_reading_without_maintainer_may_be_the_middle_of_a_move, teardown),
		cmocka_unit_test_teardown(readings_of_two_coordinators_do_not_add_up, teardown),
		cmocka_unit_test_teardown(nothing_is_placed_before_the_drain_is_durable_or_while_nobody_may_receive,
					  teardown),
		cmocka_unit_test_teardown(a_target_that_dies_ends_its_drain_and_its_maintainers_are_placed, teardown),
		cmocka_unit_test_teardown(a_request_that_goes_with_its_dead_pod_is_settled_too, teardown),
		cmocka_unit_test_teardown(absent_work_does_not_wait_until_all_moves_are_made, teardown),
		cmocka_unit_test_teardown(settling_does_not_last_for_ever, teardown),
		cmocka_unit_test_teardown(settling_gives_way_to_a_request, teardown),
		cmocka_unit_test_teardown(where_ticdc_places_nothing_is_placed_or_settled, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
