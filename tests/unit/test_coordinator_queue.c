/* Who is next, what they wait for, and what ends them before they begin. */
#include "coordinator_fixture.h"

static struct fixture f;

static int setup(void **state)
{
	(void)state;
	fixture_init(&f, TD_FAMILY_MANAGED);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_done(&f);
	return 0;
}

static void request(const char *uid, const char *pod, int64_t created)
{
	struct td_request_input input = fixture_pod_request(uid, pod);

	input.created_ms = created;
	fixture_request(&f, &input);
}

static void those_who_wait_see_their_place_and_who_is_in_front(void **state)
{
	(void)state;
	fixture_add_node(&f, "d", "d:1");
	f.process.counts.dispatchers = 1; /* the first one takes for ever */
	request("first", "pod-a", 1);
	request("second", "pod-b", 2);
	request("third", "pod-c", 3);
	fixture_run(&f, 5000);
	assert_int_equal(fixture_view(&f, "first")->phase, TD_PHASE_DRAINING);
	assert_int_equal(fixture_view(&f, "first")->queue_position, 0);
	assert_phase(&f, "second", TD_PHASE_PENDING, TD_REASON_QUEUED);
	assert_int_equal(fixture_view(&f, "second")->queue_position, 1);
	assert_int_equal(fixture_view(&f, "third")->queue_position, 2);
	assert_string_equal(fixture_view(&f, "third")->blocked_by, "pod-a");
	assert_non_null(strstr(fixture_view(&f, "third")->message, "position 2"));
	assert_int_equal(td_core_summary(f.core).queued, 2);
}

static void the_next_one_begins_as_soon_as_the_first_has_ended(void **state)
{
	int64_t deadline;

	(void)state;
	f.process.counts.dispatchers = 1;
	request("first", "pod-a", 1);
	request("second", "pod-b", 2);
	fixture_run(&f, 5000);
	f.held = BIT(TD_EFFECT_OBSERVE_NODES) | BIT(TD_EFFECT_OBSERVE_PROCESS) | BIT(TD_EFFECT_PUBLISH) |
		 BIT(TD_EFFECT_OBSERVE_WORKLOAD);
	fixture_run(&f, 3000); /* every read is under way: no answer will wake anybody */
	deadline = f.now_ms + 1;
	fixture_request(&f, &(struct td_request_input){.uid = "first",
						       .name = "first",
						       .pod = "pod-a",
						       .pod_exists = true,
						       .deadline_ms = deadline,
						       .created_ms = 1});
	f.now_ms = deadline;
	fixture_tick(&f);
	assert_phase(&f, "first", TD_PHASE_TIMED_OUT, TD_REASON_DEADLINE);
	assert_true(td_core_deadline(f.core) <= f.now_ms || strcmp(td_core_summary(f.core).active_uid, "second") == 0);
	fixture_tick(&f);
	assert_string_equal(td_core_summary(f.core).active_uid, "second");
}

static void the_next_one_is_not_kept_waiting_by_reads_of_the_first(void **state)
{
	(void)state;
	f.process.counts.dispatchers = 1;
	request("first", "pod-a", 1);
	request("second", "pod-b", 2);
	fixture_run(&f, 5000);
	f.held = ~BIT(TD_EFFECT_OBSERVE_NODES);
	f.nodes[0] = f.nodes[2];
	f.node_count = 2;
	while (!td_phase_is_final(fixture_view(&f, "first")->phase))
		fixture_run(&f, 1);
	assert_phase(&f, "first", TD_PHASE_FAILED, TD_REASON_CAPTURE_GONE);
	assert_string_equal(td_core_summary(f.core).active_uid, "second");
}

static void a_core_whose_last_request_has_ended_is_idle(void **state)
{
	int nodes, process;

	(void)state;
	request("u", "pod-a", 1);
	fixture_run(&f, 20000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINED);
	nodes = f.emitted[TD_EFFECT_OBSERVE_NODES];
	process = f.emitted[TD_EFFECT_OBSERVE_PROCESS];
	fixture_run(&f, 3600000);
	assert_int_equal(f.emitted[TD_EFFECT_OBSERVE_NODES], nodes);
	assert_int_equal(f.emitted[TD_EFFECT_OBSERVE_PROCESS], process);
	assert_true(td_core_deadline(f.core) == INT64_MAX);
	assert_string_equal(td_core_summary(f.core).active_uid, "");
	assert_int_equal(td_core_summary(f.core).moves_in_flight, 0);
}

static void an_unknown_pod_or_capture_is_a_clear_end(void **state)
{
	struct td_request_input nobody = fixture_pod_request("u", "pod-x");
	const struct td_request_input no_id = {.uid = "v", .name = "v", .capture = "zzz"};

	(void)state;
	nobody.pod_exists = false;
	fixture_request(&f, &nobody);
	fixture_request(&f, &no_id);
	fixture_run(&f, 3000);
	assert_phase(&f, "u", TD_PHASE_FAILED, TD_REASON_POD_NOT_FOUND);
	assert_phase(&f, "v", TD_PHASE_FAILED, TD_REASON_CAPTURE_NOT_FOUND);
	assert_non_null(strstr(fixture_view(&f, "v")->message, "zzz"));
}

static void an_unknown_pod_is_told_so_while_another_drain_runs(void **state)
{
	struct td_request_input nobody = fixture_pod_request("u", "pod-x");

	(void)state;
	f.process.counts.dispatchers = 1;
	request("first", "pod-a", 1);
	fixture_run(&f, 5000);
	nobody.pod_exists = false;
	fixture_request(&f, &nobody);
	fixture_run(&f, 3000);
	assert_phase(&f, "u", TD_PHASE_FAILED, TD_REASON_POD_NOT_FOUND);
}

static void a_list_that_cannot_be_whole_does_not_make_a_capture_unknown(void **state)
{
	const struct td_request_input input = {.uid = "u", .name = "u", .capture = "a"};

	(void)state;
	f.process.counts.dispatchers = 1;
	fixture_request(&f, &input);
	fixture_run(&f, 5000);
	f.node_count = 0;
	fixture_run(&f, 10000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINING);
	f.node_count = 1; /* one that is not the target, and no coordinator */
	f.nodes[0] = f.nodes[1];
	f.coordinator = "";
	fixture_run(&f, 10000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINING);
	f.coordinator = "b";
	fixture_run(&f, 3000);
	assert_phase(&f, "u", TD_PHASE_FAILED, TD_REASON_CAPTURE_GONE);
}

static void a_pod_without_capture_waits_and_holds_nobody_up(void **state)
{
	(void)state;
	request("first", "pod-new", 1);
	request("second", "pod-a", 2);
	fixture_run(&f, 20000);
	assert_phase(&f, "first", TD_PHASE_PENDING, TD_REASON_WAITING_FOR_CAPTURE);
	assert_int_equal(fixture_view(&f, "second")->phase, TD_PHASE_DRAINED);
	f.nodes[3] = (struct td_node_view){.id = "d", .address = "d:1", .answers = true, .pod = "pod-new"};
	f.node_count = 4;
	f.process.capture = "d";
	fixture_run(&f, 20000);
	assert_int_equal(fixture_view(&f, "first")->phase, TD_PHASE_DRAINED);
}

static void a_capture_that_comes_while_its_request_is_queued_is_not_waited_for_any_more(void **state)
{
	(void)state;
	f.process.counts.dispatchers = 1;
	request("first", "pod-a", 1);
	request("second", "pod-new", 2);
	fixture_run(&f, 5000);
	assert_phase(&f, "second", TD_PHASE_PENDING, TD_REASON_WAITING_FOR_CAPTURE);
	f.nodes[3] = (struct td_node_view){.id = "d", .address = "d:1", .answers = true, .pod = "pod-new"};
	f.node_count = 4;
	fixture_run(&f, 3000);
	assert_phase(&f, "second", TD_PHASE_PENDING, TD_REASON_QUEUED);
}

static void a_dry_run_tells_the_plan_and_changes_nothing(void **state)
{
	struct td_request_input input = fixture_pod_request("u", "pod-a");

	(void)state;
	f.process.counts = (struct td_counts){.maintainers = 2, .dispatchers = 7};
	input.dry_run = true;
	fixture_request(&f, &input);
	fixture_run(&f, 5000);
	assert_phase(&f, "u", TD_PHASE_CANCELLED, TD_REASON_DRY_RUN);
	assert_int_equal(fixture_view(&f, "u")->initial.dispatchers, 7);
	assert_int_equal(fixture_view(&f, "u")->epoch, 0);
	assert_non_null(strstr(fixture_view(&f, "u")->message, "would move 2 maintainers and 7 dispatchers"));
	for (int kind = TD_EFFECT_RESIGN; kind < TD_EFFECT_KIND_COUNT; kind++)
		assert_int_equal(f.emitted[kind], 0);
}

static void the_only_capture_has_nowhere_to_go(void **state)
{
	(void)state;
	f.node_count = 1;
	f.coordinator = "a";
	request("u", "pod-a", 1);
	fixture_run(&f, 5000);
	assert_phase(&f, "u", TD_PHASE_FAILED, TD_REASON_NO_DESTINATION);
}

static void when_all_pods_terminate_there_is_no_destination(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++)
		f.nodes[i].pod_terminating = true;
	request("u", "pod-a", 1);
	request("v", "pod-b", 2);
	fixture_run(&f, 8000);
	assert_phase(&f, "u", TD_PHASE_FAILED, TD_REASON_NO_DESTINATION);
	assert_phase(&f, "v", TD_PHASE_FAILED, TD_REASON_NO_DESTINATION);
}

static void a_native_slot_is_waited_for_and_its_holder_named_without_a_flood_of_writes(void **state)
{
	int before;

	(void)state;
	f.family = TD_FAMILY_NATIVE;
	f.nodes[1].reported_liveness = TD_STOPPING;
	request("u", "pod-a", 1);
	fixture_run(&f, 5000);
	assert_phase(&f, "u", TD_PHASE_PENDING, TD_REASON_WAITING_FOR_SLOT);
	assert_string_equal(fixture_view(&f, "u")->blocked_by, "pod-b");
	before = f.emitted[TD_EFFECT_PUBLISH];
	fixture_run(&f, 60000);
	assert_int_equal(f.emitted[TD_EFFECT_PUBLISH], before);
	assert_int_equal(f.emitted[TD_EFFECT_NATIVE_DRAIN], 0);
	f.nodes[1].reported_liveness = TD_ALIVE; /* another process */
	f.nodes[1].id = "b2";
	f.process.liveness = TD_STOPPING;
	fixture_run(&f, 20000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINED);
}

/* Found end to end: the pod that keeps the slot is deleted too, as people are told to do, but later: its request waited behind the one
 * that waited for it. */
static void the_holder_of_the_slot_is_drained_before_the_one_that_waits_for_it(void **state)
{
	(void)state;
	f.family = TD_FAMILY_NATIVE;
	f.nodes[1].reported_liveness = TD_STOPPING;
	request("u", "pod-a", 1);
	fixture_run(&f, 5000);
	assert_phase(&f, "u", TD_PHASE_PENDING, TD_REASON_WAITING_FOR_SLOT);
	f.process.capture = "b";
	f.process.liveness = TD_STOPPING;
	f.changefeeds[0].maintainer_addr = "c:1";
	request("v", "pod-b", 2);
	fixture_run(&f, 30000);
	assert_phase(&f, "v", TD_PHASE_DRAINED, TD_REASON_PROVEN_EMPTY);
}

static void a_family_that_cannot_be_drained_says_so_and_what_remains(void **state)
{
	(void)state;
	fixture_new_leader(&f);
	f.family = TD_FAMILY_FAKE_DRAIN;
	f.process.counts = (struct td_counts){.maintainers = 2, .dispatchers = 3};
	request("u", "pod-a", 1);
	fixture_run(&f, 5000);
	assert_phase(&f, "u", TD_PHASE_UNSUPPORTED, TD_REASON_FAKE_DRAIN);
	assert_int_equal(fixture_view(&f, "u")->remaining.dispatchers, 3);
	assert_int_equal(f.emitted[TD_EFFECT_NATIVE_DRAIN], 0);
}

static void a_deadline_in_the_past_ends_it_before_it_begins(void **state)
{
	static const int64_t deadlines[] = {1, -5000, 100000};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct td_request_input input = fixture_pod_request("u", "pod-a");

		fixture_new_leader(&f);
		input.deadline_ms = deadlines[i];
		fixture_request(&f, &input);
		assert_phase(&f, "u", TD_PHASE_TIMED_OUT, TD_REASON_DEADLINE);
		fixture_run(&f, 5000);
		assert_true(td_core_deadline(f.core) == INT64_MAX);
	}
}

static void a_deadline_is_kept_whatever_else_is_broken(void **state)
{
	struct td_request_input input = fixture_pod_request("u", "pod-a");

	(void)state;
	f.held = ~0u; /* nothing is ever answered */
	input.deadline_ms = f.now_ms + 7777;
	fixture_request(&f, &input);
	fixture_run(&f, 7776);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_PENDING);
	fixture_run(&f, 1);
	assert_phase(&f, "u", TD_PHASE_TIMED_OUT, TD_REASON_DEADLINE);
}

static void a_drain_found_in_the_middle_comes_first_and_another_such_keeps_its_phase(void **state)
{
	struct td_request_input one = fixture_pod_request("one", "pod-a"), two = fixture_pod_request("two", "pod-b");

	(void)state;
	fixture_add_node(&f, "d", "d:1");
	f.process.counts.dispatchers = 1;
	request("fresh", "pod-c", 0);
	one.phase = two.phase = TD_PHASE_DRAINING;
	one.epoch = 5;
	two.epoch = 6;
	one.drained_capture = "a";
	one.drained_address = "a:1";
	two.drained_capture = "b";
	two.drained_address = "b:1";
	fixture_request(&f, &two);
	fixture_request(&f, &one);
	fixture_run(&f, 5000);
	assert_string_equal(td_core_summary(f.core).active_uid, "one");
	assert_int_equal(fixture_view(&f, "one")->epoch, 7);
	assert_phase(&f, "two", TD_PHASE_DRAINING, TD_REASON_QUEUED);
	assert_int_equal(fixture_view(&f, "two")->queue_position, 1);
	assert_int_equal(fixture_view(&f, "fresh")->queue_position, 2);
	fixture_delete(&f, "one");
	f.process.capture = "b";
	fixture_run(&f, 5000);
	assert_string_equal(td_core_summary(f.core).active_uid, "two");
	assert_int_equal(fixture_view(&f, "two")->epoch, 8);
}

static void a_more_urgent_one_takes_the_place_of_one_that_has_not_begun(void **state)
{
	struct td_request_input urgent = fixture_pod_request("urgent", "pod-b");

	(void)state;
	f.held = BIT(TD_EFFECT_DETECT_FAMILY);
	request("calm", "pod-a", 1);
	fixture_run(&f, 3000);
	assert_string_equal(td_core_summary(f.core).active_uid, "calm");
	urgent.pod_terminating = true;
	urgent.deadline_ms = f.now_ms + 60000;
	urgent.created_ms = 9;
	f.nodes[1].pod_terminating = true;
	fixture_request(&f, &urgent);
	fixture_run(&f, 3000);
	assert_string_equal(td_core_summary(f.core).active_uid, "urgent");
	assert_string_equal(fixture_view(&f, "calm")->blocked_by, "pod-b");
}

static void a_native_drain_waits_for_its_plan_only_so_long_counted_from_its_turn(void **state)
{
	(void)state;
	f.family = TD_FAMILY_NATIVE;
	f.process.counts.dispatchers = 1;
	f.refused = BIT(TD_EFFECT_OBSERVE_WORKLOAD);
	request("u", "pod-a", 1);
	fixture_run(&f, 14000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_PENDING);
	fixture_run(&f, 3000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINING);
}

/* Its process may still run, alive by its own word, and its sidecar is about to open the gate. */
static void what_another_leader_drained_receives_nothing(void **state)
{
	struct td_request_input drained = fixture_pod_request("u", "pod-a");
	struct td_effect move;

	(void)state;
	drained.phase = TD_PHASE_DRAINED;
	drained.epoch = 3;
	drained.drained_capture = "a";
	drained.drained_address = "a:1";
	fixture_request(&f, &drained);
	f.process.capture = "b";
	f.process.counts.maintainers = 1; /* default/one is on b; a and c are empty */
	f.held = BIT(TD_EFFECT_MOVE_MAINTAINER);
	request("v", "pod-b", 1);
	fixture_run(&f, 5000);
	move = fixture_take(&f, TD_EFFECT_MOVE_MAINTAINER);
	assert_string_equal(move.node, "c");
	fixture_answer(&f, &move, TD_OUTCOME_DONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(those_who_wait_see_their_place_and_who_is_in_front, setup, teardown),
		cmocka_unit_test_setup_teardown(the_next_one_begins_as_soon_as_the_first_has_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(the_next_one_is_not_kept_waiting_by_reads_of_the_first, setup, teardown),
		cmocka_unit_test_setup_teardown(a_core_whose_last_request_has_ended_is_idle, setup, teardown),
		cmocka_unit_test_setup_teardown(an_unknown_pod_or_capture_is_a_clear_end, setup, teardown),
		cmocka_unit_test_setup_teardown(an_unknown_pod_is_told_so_while_another_drain_runs, setup, teardown),
		cmocka_unit_test_setup_teardown(a_list_that_cannot_be_whole_does_not_make_a_capture_unknown, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_pod_without_capture_waits_and_holds_nobody_up, setup, teardown),
		cmocka_unit_test_setup_teardown(a_capture_that_comes_while_its_request_is_queued_is_not_waited_for_any_more,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_dry_run_tells_the_plan_and_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(the_only_capture_has_nowhere_to_go, setup, teardown),
		cmocka_unit_test_setup_teardown(when_all_pods_terminate_there_is_no_destination, setup, teardown),
		cmocka_unit_test_setup_teardown(a_native_slot_is_waited_for_and_its_holder_named_without_a_flood_of_writes,
						setup, teardown),
		cmocka_unit_test_setup_teardown(the_holder_of_the_slot_is_drained_before_the_one_that_waits_for_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_family_that_cannot_be_drained_says_so_and_what_remains, setup, teardown),
		cmocka_unit_test_setup_teardown(a_deadline_in_the_past_ends_it_before_it_begins, setup, teardown),
		cmocka_unit_test_setup_teardown(a_deadline_is_kept_whatever_else_is_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(a_drain_found_in_the_middle_comes_first_and_another_such_keeps_its_phase,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_more_urgent_one_takes_the_place_of_one_that_has_not_begun, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_native_drain_waits_for_its_plan_only_so_long_counted_from_its_turn, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_another_leader_drained_receives_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
