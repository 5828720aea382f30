/* Which move next, whereto, how many at once, and what becomes of those that are refused or lost. Family M. */
#include "coordinator_fixture.h"

static struct fixture f;
static char names[16][24];
static struct td_span spans[16][8];

static int teardown(void **state)
{
	(void)state;
	fixture_done(&f);
	return 0;
}

/* The target a holds the maintainers of these changefeeds and that many dispatchers of each. */
static void start(int changefeeds, int dispatchers, int batch)
{
	struct td_request_input input = fixture_pod_request("u", "pod-a");

	fixture_init(&f, TD_FAMILY_MANAGED);
	f.changefeed_count = (size_t)changefeeds;
	for (int i = 0; i < changefeeds; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "default/cf-%02d", i);
		for (int j = 0; j < dispatchers; j++)
			spans[i][j] = (struct td_span){j + 1, 0, "a"};
		f.changefeeds[i] = (struct td_changefeed_view){.name = names[i],
							       .running = true,
							       .maintainer_addr = "a:1",
							       .tables_known = true,
							       .spans = spans[i],
							       .span_count = (size_t)dispatchers};
	}
	f.process.counts =
		(struct td_counts){(uint32_t)changefeeds, (uint32_t)(changefeeds * dispatchers), (uint32_t)changefeeds, 1};
	f.held = BIT(TD_EFFECT_MOVE_MAINTAINER) | BIT(TD_EFFECT_MOVE_DISPATCHER);
	input.batch = batch;
	fixture_request(&f, &input);
	fixture_run(&f, 2500);
}

/* Takes a waiting move and does it. */
static struct td_effect do_move(enum td_effect_kind kind)
{
	struct td_effect effect = fixture_take(&f, kind);

	fixture_perform(&f, &effect);
	fixture_answer(&f, &effect, TD_OUTCOME_DONE);
	return effect;
}

static void a_batch_spreads_over_the_least_loaded(void **state)
{
	int to_b = 0;

	(void)state;
	start(6, 0, 6);
	assert_int_equal(fixture_waiting(&f, TD_EFFECT_MOVE_MAINTAINER), 6);
	for (int i = 0; i < 6; i++)
		to_b += strcmp(do_move(TD_EFFECT_MOVE_MAINTAINER).node, "b") == 0;
	assert_int_equal(to_b, 3);
}

/* Without counting what has arrived since the last whole reading, every move would find b as empty as the one before. */
static void moves_one_after_the_other_spread_too(void **state)
{
	int to_b = 0;

	(void)state;
	start(8, 0, 1);
	for (int i = 0; i < 8; i++) {
		to_b += strcmp(do_move(TD_EFFECT_MOVE_MAINTAINER).node, "b") == 0;
		fixture_run(&f, 600);
	}
	assert_int_equal(to_b, 4);
}

static void dispatchers_one_after_the_other_spread_too(void **state)
{
	int to_b = 0;

	(void)state;
	start(1, 8, 1);
	do_move(TD_EFFECT_MOVE_MAINTAINER);
	fixture_run(&f, 600);
	for (int i = 0; i < 8; i++) {
		to_b += strcmp(do_move(TD_EFFECT_MOVE_DISPATCHER).node, "b") == 0;
		fixture_run(&f, 600);
	}
	assert_int_equal(to_b, 4);
}

static void no_more_than_a_batch_is_ever_in_flight(void **state)
{
	(void)state;
	start(10, 0, 3);
	assert_int_equal(fixture_waiting(&f, TD_EFFECT_MOVE_MAINTAINER), 3);
	fixture_run(&f, 60000);
	assert_int_equal(fixture_waiting(&f, TD_EFFECT_MOVE_MAINTAINER), 3);
	assert_int_equal(td_core_summary(f.core).moves_in_flight, 3);
}

static void a_confirmed_move_frees_its_slot_at_once_and_an_answer_does_not(void **state)
{
	struct td_effect effect;
	char name[32];

	(void)state;
	start(4, 0, 2);
	effect = fixture_take(&f, TD_EFFECT_MOVE_MAINTAINER);
	(void)snprintf(name, sizeof(name), "%s", effect.changefeed);
	effect.changefeed = name;		      /* the core's own ends with the answer */
	fixture_answer(&f, &effect, TD_OUTCOME_DONE); /* accepted, nothing is seen of it */
	fixture_run(&f, 3000);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_MAINTAINER], 2);
	fixture_perform(&f, &effect);
	fixture_run(&f, td_core_defaults.confirm_poll_ms);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_MAINTAINER], 3);
	assert_int_equal(td_core_summary(f.core).moves_confirmed, 1);
}

static void maintainers_go_before_any_dispatcher(void **state)
{
	(void)state;
	start(3, 2, 2);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(f.emitted[TD_EFFECT_MOVE_DISPATCHER], 0);
		do_move(TD_EFFECT_MOVE_MAINTAINER);
		fixture_run(&f, 600);
	}
	assert_int_equal(fixture_waiting(&f, TD_EFFECT_MOVE_DISPATCHER), 2);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINING);
}

static void a_whole_capture_is_emptied_move_by_move(void **state)
{
	(void)state;
	start(5, 4, 3);
	for (int turn = 0; turn < 200; turn++) {
		if (fixture_waiting(&f, TD_EFFECT_MOVE_MAINTAINER))
			do_move(TD_EFFECT_MOVE_MAINTAINER);
		else if (fixture_waiting(&f, TD_EFFECT_MOVE_DISPATCHER))
			do_move(TD_EFFECT_MOVE_DISPATCHER);
		fixture_run(&f, 100);
	}
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_MAINTAINER], 5);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_DISPATCHER], 20);
	f.process.counts = (struct td_counts){0};
	fixture_run(&f, 10000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINED);
}

static void a_refused_move_is_asked_for_again_ever_more_slowly(void **state)
{
	(void)state;
	start(1, 0, 1);
	f.held = 0;
	f.refused = BIT(TD_EFFECT_MOVE_MAINTAINER);
	fixture_run(&f, 1 + 1000 + 2000 + 4000 + 8000);
	assert_in_range(f.emitted[TD_EFFECT_MOVE_MAINTAINER], 4, 6);
	fixture_run(&f, 64000);
	assert_in_range(f.emitted[TD_EFFECT_MOVE_MAINTAINER], 7, 13); /* the ladder of stall.c asks out of turn */
}

static void work_that_left_by_itself_after_a_refusal_is_noticed(void **state)
{
	struct td_effect effect;

	(void)state;
	start(1, 0, 1);
	effect = fixture_take(&f, TD_EFFECT_MOVE_MAINTAINER);
	fixture_perform(&f, &effect); /* by somebody else */
	fixture_answer(&f, &effect, TD_OUTCOME_FAILED);
	fixture_run(&f, 500);
	assert_int_equal(td_core_summary(f.core).moves_in_flight, 0);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_MAINTAINER], 1);
}

static void an_unknown_move_is_looked_at_before_it_is_asked_for_again(void **state)
{
	struct td_effect effect;

	(void)state;
	start(1, 0, 1);
	fixture_run(&f, 3 * td_core_defaults.resend_ms); /* the call hangs longer than any patience */
	effect = fixture_take(&f, TD_EFFECT_MOVE_MAINTAINER);
	fixture_perform(&f, &effect);
	fixture_answer(&f, &effect, TD_OUTCOME_UNKNOWN);
	fixture_run(&f, 60000);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_MAINTAINER], 1);
	assert_int_equal(td_core_summary(f.core).moves_confirmed, 1);
}

static void an_accepted_move_that_does_not_happen_is_asked_for_again(void **state)
{
	struct td_effect effect;

	(void)state;
	start(1, 0, 1);
	effect = fixture_take(&f, TD_EFFECT_MOVE_MAINTAINER);
	fixture_answer(&f, &effect, TD_OUTCOME_DONE);
	fixture_run(&f, td_core_defaults.resend_ms);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_MAINTAINER], 1);
	fixture_run(&f, 1000);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_MAINTAINER], 2);
	assert_int_equal(td_core_summary(f.core).moves_failed, 1);
}

/* Property 11. */
static void a_move_whose_destination_left_goes_elsewhere(void **state)
{
	struct td_effect first, second;

	(void)state;
	start(1, 0, 1);
	first = fixture_take(&f, TD_EFFECT_MOVE_MAINTAINER);
	assert_string_equal(first.node, "b"); /* an even choice goes to the lower id */
	fixture_answer(&f, &first, TD_OUTCOME_DONE);
	f.nodes[1] = f.nodes[2];
	f.node_count = 2;
	fixture_run(&f, 2500);
	second = fixture_take(&f, TD_EFFECT_MOVE_MAINTAINER);
	assert_string_equal(second.node, "c");
}

static void what_has_left_and_is_nowhere_yet_is_not_moved_once_more(void **state)
{
	struct td_effect effect;

	(void)state;
	start(1, 0, 1);
	effect = fixture_take(&f, TD_EFFECT_MOVE_MAINTAINER);
	f.changefeeds[0].maintainer_addr = "";
	fixture_answer(&f, &effect, TD_OUTCOME_DONE);
	fixture_run(&f, 60000);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_MAINTAINER], 1);
	assert_int_equal(td_core_summary(f.core).moves_in_flight, 1);
}

static void nobody_to_move_to_is_waited_for_and_said(void **state)
{
	(void)state;
	start(0, 0, 2);
	f.nodes[1].answers = f.nodes[2].answers = false;
	fixture_run(&f, 1500);
	f.changefeeds[0] = (struct td_changefeed_view){
		.name = "default/x", .running = true, .maintainer_addr = "a:1", .tables_known = true};
	f.changefeed_count = 1;
	f.process.counts.maintainers = 1; /* work came: the process says so first */
	fixture_run(&f, 10000);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_MAINTAINER], 0);
	assert_phase(&f, "u", TD_PHASE_DRAINING, TD_REASON_NO_DESTINATION);
	f.nodes[2].answers = true;
	fixture_run(&f, 3000);
	assert_string_equal(fixture_take(&f, TD_EFFECT_MOVE_MAINTAINER).node, "c");
}

/* What is to be drained next is no destination. So the first two have none and end, and the last one has the second. */
static void all_captures_requested_at_once_is_a_named_end_and_no_deadlock(void **state)
{
	struct td_request_input b = fixture_pod_request("v", "pod-b"), c = fixture_pod_request("w", "pod-c");

	(void)state;
	start(2, 0, 2);
	b.created_ms = 1;
	c.created_ms = 2;
	fixture_request(&f, &b);
	fixture_request(&f, &c);
	f.changefeeds[0].maintainer_addr = "c:1";
	f.held = 0;
	fixture_run(&f, 6000);
	assert_phase(&f, "u", TD_PHASE_FAILED, TD_REASON_NO_DESTINATION); /* it had begun: a is no destination any more */
	assert_phase(&f, "v", TD_PHASE_FAILED, TD_REASON_NO_DESTINATION);
	f.process.capture = "c";
	f.process.counts.maintainers = 1;
	f.coordinator = "b";
	f.held = BIT(TD_EFFECT_MOVE_MAINTAINER);
	fixture_run(&f, 20000);
	assert_string_equal(td_core_summary(f.core).active_uid, "w");
	assert_string_equal(fixture_take(&f, TD_EFFECT_MOVE_MAINTAINER).node, "b");
}

static void answers_for_a_former_drain_move_nothing(void **state)
{
	struct td_request_input b = fixture_pod_request("v", "pod-b");
	struct td_effect late;

	(void)state;
	start(2, 0, 2);
	late = fixture_take(&f, TD_EFFECT_MOVE_MAINTAINER);
	fixture_delete(&f, "u");
	fixture_request(&f, &b);
	fixture_run(&f, 2000);
	assert_string_equal(td_core_summary(f.core).active_uid, "v");
	fixture_answer(&f, &late, TD_OUTCOME_FAILED);
	fixture_run(&f, 5000);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_MAINTAINER], 2);		  /* it is let go, not asked for again */
	assert_false(td_node_is_schedulable(td_nodes_find(&f.core->nodes, "a"))); /* its process is draining for good */
}

/* It is their maintainer that moves them: without it each call is refused. */
static void dispatchers_whose_maintainer_is_absent_wait_for_it(void **state)
{
	struct td_effect effect;

	(void)state;
	start(1, 2, 2);
	effect = fixture_take(&f, TD_EFFECT_MOVE_MAINTAINER);
	f.changefeeds[0].maintainer_addr = ""; /* the target's process has lost it */
	f.changefeeds[0].tables_known = false;
	fixture_answer(&f, &effect, TD_OUTCOME_FAILED);
	fixture_run(&f, 10000);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_DISPATCHER], 0);
	f.changefeeds[0].maintainer_addr = "b:1";
	f.changefeeds[0].tables_known = true;
	fixture_run(&f, 10000);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_DISPATCHER], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_batch_spreads_over_the_least_loaded, teardown),
		cmocka_unit_test_teardown(moves_one_after_the_other_spread_too, teardown),
		cmocka_unit_test_teardown(dispatchers_one_after_the_other_spread_too, teardown),
		cmocka_unit_test_teardown(no_more_than_a_batch_is_ever_in_flight, teardown),
		cmocka_unit_test_teardown(a_confirmed_move_frees_its_slot_at_once_and_an_answer_does_not, teardown),
		cmocka_unit_test_teardown(maintainers_go_before_any_dispatcher, teardown),
		cmocka_unit_test_teardown(a_whole_capture_is_emptied_move_by_move, teardown),
		cmocka_unit_test_teardown(a_refused_move_is_asked_for_again_ever_more_slowly, teardown),
		cmocka_unit_test_teardown(work_that_left_by_itself_after_a_refusal_is_noticed, teardown),
		cmocka_unit_test_teardown(an_unknown_move_is_looked_at_before_it_is_asked_for_again, teardown),
		cmocka_unit_test_teardown(an_accepted_move_that_does_not_happen_is_asked_for_again, teardown),
		cmocka_unit_test_teardown(a_move_whose_destination_left_goes_elsewhere, teardown),
		cmocka_unit_test_teardown(what_has_left_and_is_nowhere_yet_is_not_moved_once_more, teardown),
		cmocka_unit_test_teardown(nobody_to_move_to_is_waited_for_and_said, teardown),
		cmocka_unit_test_teardown(all_captures_requested_at_once_is_a_named_end_and_no_deadlock, teardown),
		cmocka_unit_test_teardown(answers_for_a_former_drain_move_nothing, teardown),
		cmocka_unit_test_teardown(dispatchers_whose_maintainer_is_absent_wait_for_it, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
