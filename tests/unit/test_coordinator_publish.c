/* What is written to objects, when, and what waits for it. */
#include "coordinator_fixture.h"

static struct fixture f;

static int setup(void **state)
{
	(void)state;
	fixture_init(&f, TD_FAMILY_MANAGED);
	f.process.counts.dispatchers = 3; /* unexplained by the books: the drain goes on for ever */
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_done(&f);
	return 0;
}

static void one_write_at_a_time_for_each_object(void **state)
{
	const struct td_request_input one = fixture_pod_request("u", "pod-a"), two = fixture_pod_request("v", "pod-b");

	(void)state;
	f.held = BIT(TD_EFFECT_PUBLISH);
	fixture_request(&f, &one);
	fixture_request(&f, &two);
	fixture_run(&f, 30000);
	assert_int_equal(f.emitted[TD_EFFECT_PUBLISH], 2);
}

static void progress_is_written_now_and_then_and_no_change_is_not_written(void **state)
{
	const struct td_request_input input = fixture_pod_request("u", "pod-a");
	int before;

	(void)state;
	fixture_request(&f, &input);
	fixture_run(&f, 3000);
	before = f.emitted[TD_EFFECT_PUBLISH];
	fixture_run(&f, 10000);
	assert_int_equal(f.emitted[TD_EFFECT_PUBLISH], before);
	fixture_run(&f, 60000);
	assert_in_range(f.emitted[TD_EFFECT_PUBLISH] - before, 4, 8); /* that nothing moves is said, a rung at a time */
	before = f.emitted[TD_EFFECT_PUBLISH];
	for (uint32_t i = 0; i < 20; i++) { /* 10 s of change at each read */
		f.process.counts.dispatchers = 50 - i;
		fixture_run(&f, 500);
	}
	assert_in_range(f.emitted[TD_EFFECT_PUBLISH] - before, 15, 21);
}

static void a_failed_write_is_tried_again_after_a_pause_with_what_is_true_then(void **state)
{
	const struct td_request_input input = fixture_pod_request("u", "pod-a");

	(void)state;
	f.refused = BIT(TD_EFFECT_PUBLISH);
	fixture_request(&f, &input);
	fixture_run(&f, 10000);
	assert_in_range(f.emitted[TD_EFFECT_PUBLISH], 15, 25);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_DISPATCHER], 0);
	f.refused = 0;
	fixture_run(&f, 2000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINING);
	assert_true(td_requests_find(f.core, "u")->durable);
}

static void an_unknown_write_is_not_durable(void **state)
{
	const struct td_request_input input = fixture_pod_request("u", "pod-a");

	(void)state;
	f.unknown = BIT(TD_EFFECT_PUBLISH);
	fixture_request(&f, &input);
	fixture_run(&f, 10000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINING);
	assert_false(td_requests_find(f.core, "u")->durable);
}

static void only_the_write_of_draining_with_our_epoch_makes_durable(void **state)
{
	static const struct {
		enum td_phase phase;
		uint64_t epoch;
		bool durable;
	} cases[] = {
		{TD_PHASE_PENDING, 5, false}, {TD_PHASE_DRAINING, 4, false}, {TD_PHASE_DRAINING, 0, false},
		{TD_PHASE_FAILED, 5, false},  {TD_PHASE_DRAINING, 5, true},
	};
	const struct td_result done = {.outcome = TD_OUTCOME_DONE};
	struct td_request_input input = fixture_pod_request("u", "pod-a");

	(void)state;
	fixture_request(&f, &input);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct td_flight flight = {.uid = "u", .phase = cases[i].phase, .epoch = cases[i].epoch};
		struct td_request *request = td_requests_find(f.core, "u");

		request->epoch = 5;
		request->durable = false;
		td_requests_published(f.core, &flight, &done);
		assert_int_equal(request->durable, cases[i].durable);
	}
	td_requests_published(f.core, &(struct td_flight){.uid = "nobody", .epoch = 5}, &done);
}

/* The old object's last write is answered when the same request is already known again, from its durable state. */
static void a_late_answer_from_a_former_life_makes_nothing_durable(void **state)
{
	struct td_request_input input = fixture_pod_request("u", "pod-a");
	struct td_effect late;

	(void)state;
	fixture_request(&f, &input);
	fixture_run(&f, 900);
	f.held = BIT(TD_EFFECT_PUBLISH);
	fixture_run(&f, 900);
	assert_int_equal(fixture_view(&f, "u")->epoch, 1);
	f.process.counts.dispatchers = 2;
	fixture_run(&f, 1500);
	late = fixture_take(&f, TD_EFFECT_PUBLISH);
	fixture_delete(&f, "u");
	input.phase = TD_PHASE_DRAINING;
	input.epoch = 1;
	input.drained_capture = "a";
	input.drained_address = "a:1";
	fixture_request(&f, &input);
	fixture_answer(&f, &late, TD_OUTCOME_DONE);
	fixture_run(&f, 5000);
	assert_int_equal(fixture_view(&f, "u")->epoch, 2);
	assert_false(td_requests_find(f.core, "u")->durable);
}

static void moved_and_percent_never_leave_their_range(void **state)
{
	static const struct {
		uint32_t initial, remaining;
		int percent;
		uint32_t moved;
	} cases[] = {{10, 4, 60, 6},
		     {10, 10, 0, 0},
		     {10, 15, 0, 0},
		     {0, 3, 0, 0},
		     {0, 0, 0, 0},
		     {UINT32_MAX, 0, 100, UINT32_MAX},
		     {UINT32_MAX, UINT32_MAX, 0, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct td_request request = {.phase = TD_PHASE_DRAINING, .started = true};
		const struct td_request_view *view;

		request.initial.dispatchers = cases[i].initial;
		request.remaining.dispatchers = cases[i].remaining;
		request.initial.maintainers = request.remaining.maintainers = 0;
		view = td_request_view_of(&request);
		assert_int_equal(view->progress_percent, cases[i].percent);
		assert_int_equal(view->moved.dispatchers, cases[i].moved);
	}
}

/* Somebody else may have made that very epoch durable. We have not acted under it. */
static void a_first_write_that_may_not_have_happened_costs_its_epoch(void **state)
{
	const struct td_request_input input = fixture_pod_request("u", "pod-a");
	uint64_t epoch;

	(void)state;
	f.unknown = BIT(TD_EFFECT_PUBLISH);
	fixture_request(&f, &input);
	fixture_run(&f, 3000);
	epoch = fixture_view(&f, "u")->epoch;
	assert_true(epoch > 1);
	f.unknown = 0;
	fixture_run(&f, 3000);
	assert_true(td_requests_find(f.core, "u")->durable);
	f.unknown = BIT(TD_EFFECT_PUBLISH); /* of the writes that follow nothing depends */
	epoch = fixture_view(&f, "u")->epoch;
	f.process.counts.dispatchers = 2;
	fixture_run(&f, 3000);
	assert_int_equal(fixture_view(&f, "u")->epoch, epoch);
}

/* Found by simulation: the write of Drained was refused for seconds, was tried again, and meanwhile work had come back. */
static void a_proof_that_cannot_be_written_is_made_again_before_it_is_written(void **state)
{
	const struct td_request_input input = fixture_pod_request("u", "pod-a");
	struct td_effect effect;

	(void)state;
	f.process.counts = (struct td_counts){0};
	fixture_request(&f, &input);
	for (int i = 0; i < 300 && fixture_view(&f, "u")->phase != TD_PHASE_VERIFYING; i++)
		fixture_run(&f, 100);
	fixture_run(&f, 1000);
	f.held = BIT(TD_EFFECT_PUBLISH);
	fixture_run(&f, 20000);
	effect = fixture_take(&f, TD_EFFECT_PUBLISH);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINED);
	f.process.counts.dispatchers = 1; /* nobody looks while the write is under way */
	fixture_answer(&f, &effect, TD_OUTCOME_FAILED);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_VERIFYING);
	f.held = 0;
	fixture_run(&f, 5000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINING);
	f.process.counts.dispatchers = 0;
	fixture_run(&f, 15000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_write_at_a_time_for_each_object, setup, teardown),
		cmocka_unit_test_setup_teardown(progress_is_written_now_and_then_and_no_change_is_not_written, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_failed_write_is_tried_again_after_a_pause_with_what_is_true_then, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_unknown_write_is_not_durable, setup, teardown),
		cmocka_unit_test_setup_teardown(only_the_write_of_draining_with_our_epoch_makes_durable, setup, teardown),
		cmocka_unit_test_setup_teardown(a_late_answer_from_a_former_life_makes_nothing_durable, setup, teardown),
		cmocka_unit_test_setup_teardown(moved_and_percent_never_leave_their_range, setup, teardown),
		cmocka_unit_test_setup_teardown(a_first_write_that_may_not_have_happened_costs_its_epoch, setup, teardown),
		cmocka_unit_test_setup_teardown(a_proof_that_cannot_be_written_is_made_again_before_it_is_written, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
