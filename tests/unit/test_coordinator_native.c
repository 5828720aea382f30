/* The families in which TiCDC moves: what its answers mean, and what is said about them. */
#include "coordinator_fixture.h"

static struct fixture f;

static int teardown(void **state)
{
	(void)state;
	fixture_done(&f);
	return 0;
}

/* The target a holds two dispatchers, and its drain is answered. */
static void start(enum td_family family, int64_t answer, int liveness)
{
	const struct td_request_input input = fixture_pod_request("u", "pod-a");

	fixture_init(&f, family);
	f.process.counts.dispatchers = 2;
	f.process.liveness = liveness;
	f.answer = answer;
	fixture_request(&f, &input);
}

static void assert_says(const char *text)
{
	if (!strstr(fixture_view(&f, "u")->message, text))
		fail_msg("no \"%s\" in \"%s\"", text, fixture_view(&f, "u")->message);
}

static void a_drain_that_has_begun_is_no_wait(void **state)
{
	(void)state;
	start(TD_FAMILY_NATIVE, 1, TD_DRAINING);
	fixture_run(&f, 10000);
	assert_phase(&f, "u", TD_PHASE_DRAINING, TD_REASON_MOVING_DISPATCHERS);
}

/* Row 8: somebody else drains another capture, after our drain began. */
static void a_slot_that_is_held_is_said_with_its_holder(void **state)
{
	(void)state;
	start(TD_FAMILY_NATIVE, 1, TD_ALIVE);
	fixture_run(&f, 2000);
	f.nodes[1].reported_liveness = TD_STOPPING;
	fixture_run(&f, 6000);
	assert_phase(&f, "u", TD_PHASE_DRAINING, TD_REASON_WAITING_FOR_SLOT);
	assert_string_equal(fixture_view(&f, "u")->blocked_by, "pod-b");
	assert_says("its capture b says Stopping and nobody is stopping it: delete that pod");
	f.nodes[1].pod_terminating = true;
	fixture_run(&f, 2000);
	assert_says("it is terminating");
	f.nodes[1].reported_liveness = TD_ALIVE;
	f.process.liveness = TD_DRAINING;
	fixture_run(&f, 3000);
	assert_phase(&f, "u", TD_PHASE_DRAINING, TD_REASON_MOVING_DISPATCHERS);
	assert_string_equal(fixture_view(&f, "u")->blocked_by, "");
}

/* Rows 9 to 11: each is told by what is seen of the cluster. */
static void a_capture_that_left_drained_is_still_being_cleared_away(void **state)
{
	(void)state;
	start(TD_FAMILY_NATIVE, 1, TD_ALIVE);
	fixture_run(&f, 1000);
	f.nodes[1].reported_liveness = TD_STOPPING;
	fixture_run(&f, 2000);
	f.nodes[1] = f.nodes[2];
	f.node_count = 2;
	fixture_run(&f, 3000);
	assert_phase(&f, "u", TD_PHASE_DRAINING, TD_REASON_WAITING_FOR_NATIVE);
	assert_says("still clearing away the drain of capture b");
}

static void a_new_coordinator_does_not_know_the_cluster_yet(void **state)
{
	(void)state;
	start(TD_FAMILY_NATIVE, 1, TD_ALIVE);
	fixture_run(&f, 2000);
	f.coordinator = "b";
	fixture_run(&f, 4000);
	assert_phase(&f, "u", TD_PHASE_DRAINING, TD_REASON_WAITING_FOR_NATIVE);
	assert_says("its coordinator b is new");
}

static void a_new_capture_may_not_have_said_what_it_can(void **state)
{
	(void)state;
	start(TD_FAMILY_NATIVE, 1, TD_ALIVE);
	fixture_run(&f, 1000);
	fixture_add_node(&f, "d", "d:1");
	fixture_run(&f, 4000);
	assert_says("capture d, which is new");
	fixture_run(&f, 15000);
	assert_says("no capture is seen that would explain it");
}

/* In C a capture that had nothing is never marked, and says Alive to the end. */
static void a_classic_zero_needs_no_stopping(void **state)
{
	(void)state;
	start(TD_FAMILY_CLASSIC, 0, -1);
	f.process.counts.dispatchers = 0;
	fixture_run(&f, 15000);
	assert_phase(&f, "u", TD_PHASE_DRAINED, TD_REASON_PROVEN_EMPTY);
	assert_true(fixture_view(&f, "u")->witnesses[TD_WITNESS_ANSWER].offered);
	assert_true(fixture_view(&f, "u")->witnesses[TD_WITNESS_ANSWER].settled);
}

/* Row 17: the drain call does not count a changefeed that warns. */
static void classic_stragglers_are_moved_one_call_each_and_confirmed_by_the_whole_books(void **state)
{
	static struct td_span spans[] = {{7, 0, "a"}};

	(void)state;
	start(TD_FAMILY_CLASSIC, 0, -1);
	f.process.counts.dispatchers = 1;
	f.changefeeds[0].maintainer_addr = "c:1";
	f.changefeeds[0].spans = spans;
	f.changefeeds[0].span_count = 1;
	fixture_run(&f, 9000);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_DISPATCHER], 1);
	spans[0].node = "b";
	f.process.counts.dispatchers = 0;
	fixture_run(&f, 20000);
	assert_phase(&f, "u", TD_PHASE_DRAINED, TD_REASON_PROVEN_EMPTY);
	assert_int_equal(f.emitted[TD_EFFECT_OBSERVE_CHANGEFEED], 0);
}

/* Contract 6.4, failover: the next coordinator knows nothing of it, and places nothing until it is asked again. */
static void a_drained_capture_is_drained_again_under_a_new_coordinator(void **state)
{
	int asked;

	(void)state;
	start(TD_FAMILY_NATIVE, 0, TD_STOPPING);
	f.process.counts.dispatchers = 0;
	f.nodes[0].reported_liveness = TD_STOPPING;
	fixture_run(&f, 30000);
	assert_phase(&f, "u", TD_PHASE_DRAINED, TD_REASON_PROVEN_EMPTY);
	asked = f.emitted[TD_EFFECT_NATIVE_DRAIN];
	fixture_run(&f, 60000);
	assert_int_equal(f.emitted[TD_EFFECT_NATIVE_DRAIN], asked);
	f.coordinator = "b";
	f.answer = 1; /* it does not know the whole cluster yet, and does nothing */
	fixture_run(&f, 35000);
	assert_true(f.emitted[TD_EFFECT_NATIVE_DRAIN] - asked >= 2);
	f.answer = 0;
	fixture_run(&f, 12000);
	asked = f.emitted[TD_EFFECT_NATIVE_DRAIN] - 1;
	fixture_run(&f, 60000);
	assert_int_equal(f.emitted[TD_EFFECT_NATIVE_DRAIN], asked + 1);
	f.nodes[0] = f.nodes[2];
	f.node_count = 2;
	f.coordinator = "c";
	fixture_run(&f, 60000);
	assert_int_equal(f.emitted[TD_EFFECT_NATIVE_DRAIN], asked + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_drain_that_has_begun_is_no_wait, teardown),
		cmocka_unit_test_teardown(a_slot_that_is_held_is_said_with_its_holder, teardown),
		cmocka_unit_test_teardown(a_capture_that_left_drained_is_still_being_cleared_away, teardown),
		cmocka_unit_test_teardown(a_new_coordinator_does_not_know_the_cluster_yet, teardown),
		cmocka_unit_test_teardown(a_new_capture_may_not_have_said_what_it_can, teardown),
		cmocka_unit_test_teardown(a_classic_zero_needs_no_stopping, teardown),
		cmocka_unit_test_teardown(classic_stragglers_are_moved_one_call_each_and_confirmed_by_the_whole_books,
					  teardown),
		cmocka_unit_test_teardown(a_drained_capture_is_drained_again_under_a_new_coordinator, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
