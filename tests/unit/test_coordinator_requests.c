/* Taking requests in: their order, what a new leader finds, what an object may change in the middle. */
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

static struct td_request_input found(const char *uid, const char *pod, enum td_phase phase, uint64_t epoch,
				     const char *capture, const char *address)
{
	struct td_request_input input = fixture_pod_request(uid, pod);

	input.phase = phase;
	input.epoch = epoch;
	input.drained_capture = capture;
	input.drained_address = address;
	input.started_ms = 50000;
	input.initial = (struct td_counts){.maintainers = 5, .dispatchers = 9};
	return input;
}

static void requests_run_by_urgency_then_deadline_then_age_then_uid(void **state)
{
	static const struct {
		const char *uid;
		bool terminating;
		int64_t deadline, created;
		enum td_phase phase;
		uint64_t epoch;
	} given[] = {
		{"old", false, 0, 1, TD_PHASE_PENDING, 0},
		{"twin-b", false, 0, 5, TD_PHASE_PENDING, 0},
		{"twin-a", false, 0, 5, TD_PHASE_PENDING, 0},
		{"deadline-but-not-terminating", false, 200000, 6, TD_PHASE_PENDING, 0},
		{"late", true, 300000, 2, TD_PHASE_PENDING, 0},
		{"soon", true, 250000, 9, TD_PHASE_PENDING, 0},
		{"recovered-2", false, 0, 9, TD_PHASE_VERIFYING, 2},
		{"recovered-1", false, 0, 9, TD_PHASE_DRAINING, 1},
		{"ended", true, 240000, 0, TD_PHASE_DRAINED, 3},
	};
	static const char *const wanted[] = {"recovered-1", "recovered-2", "soon",   "late",
					     "old",	    "twin-a",	   "twin-b", "deadline-but-not-terminating"};
	struct td_request *queue[16], *three[3];

	(void)state;
	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		struct td_request_input input = found(given[i].uid, "pod-a", given[i].phase, given[i].epoch, "a", "a:1");

		input.pod_terminating = given[i].terminating;
		input.deadline_ms = given[i].deadline;
		input.created_ms = given[i].created;
		td_requests_input(f.core, &input);
	}
	assert_int_equal(td_requests_queue(f.core, queue, 16), 8);
	for (size_t i = 0; i < 8; i++)
		assert_string_equal(queue[i]->uid, wanted[i]);
	assert_int_equal(td_requests_queue(f.core, three, 3), 8);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(three[i]->uid, wanted[i]);
	assert_int_equal(td_requests_queue(f.core, NULL, 0), 8);
}

static void many_requests_are_kept_apart_and_found(void **state)
{
	char uid[16];

	(void)state;
	for (int i = 0; i < 200; i++) {
		struct td_request_input input = fixture_pod_request(uid, "pod-a");

		(void)snprintf(uid, sizeof(uid), "u%d", i * 7919 % 200);
		fixture_request(&f, &input);
		f.waiting_count = 0;
	}
	assert_int_equal(td_core_summary(f.core).requests, 200);
	for (int i = 0; i < 200; i++) {
		(void)snprintf(uid, sizeof(uid), "u%d", i);
		assert_string_equal(fixture_view(&f, uid)->uid, uid);
	}
	for (int i = 0; i < 200; i += 2) {
		(void)snprintf(uid, sizeof(uid), "u%d", i);
		fixture_delete(&f, uid);
		assert_null(td_core_view(f.core, uid));
	}
	assert_int_equal(td_core_summary(f.core).requests, 100);
}

static void an_invalid_request_fails_with_its_words(void **state)
{
	struct td_request_input input = fixture_pod_request("u", "pod-a");

	(void)state;
	input.invalid = "spec.podName: must not be empty";
	fixture_request(&f, &input);
	assert_phase(&f, "u", TD_PHASE_FAILED, TD_REASON_INVALID_REQUEST);
	assert_string_equal(fixture_view(&f, "u")->message, input.invalid);
	fixture_run(&f, 60000);
	assert_int_equal(f.emitted[TD_EFFECT_OBSERVE_NODES], 0);
}

static void an_ended_request_stays_ended_and_is_not_published_again(void **state)
{
	static const enum td_phase phases[] = {TD_PHASE_DRAINED,   TD_PHASE_RELEASED,  TD_PHASE_FAILED,
					       TD_PHASE_TIMED_OUT, TD_PHASE_CANCELLED, TD_PHASE_UNSUPPORTED};

	(void)state;
	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		const struct td_request_input input = found("u", "pod-a", phases[i], 3, "a", "a:1");

		fixture_new_leader(&f);
		fixture_request(&f, &input);
		fixture_run(&f, 60000);
		assert_int_equal(fixture_view(&f, "u")->phase, phases[i]);
		assert_int_equal(f.emitted[TD_EFFECT_PUBLISH], 0);
		assert_int_equal(f.emitted[TD_EFFECT_OBSERVE_NODES], 0);
	}
}

static void every_new_epoch_is_above_all_that_were_found(void **state)
{
	const struct td_request_input ended = found("old", "pod-b", TD_PHASE_FAILED, 41, "gone", "gone:1");
	const struct td_request_input fresh = fixture_pod_request("u", "pod-a");

	(void)state;
	fixture_request(&f, &ended);
	fixture_request(&f, &fresh);
	fixture_run(&f, 2000);
	assert_int_equal(fixture_view(&f, "u")->epoch, 42);
}

static void a_drain_found_in_the_middle_begins_again_under_its_own_epoch(void **state)
{
	static const enum td_phase phases[] = {TD_PHASE_DRAINING, TD_PHASE_VERIFYING};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct td_request_input input = found("u", "pod-a", phases[i], 7, "a", "a:1");
		const struct td_request_view *view;
		struct td_effect publish;

		fixture_new_leader(&f);
		f.held = BIT(TD_EFFECT_PUBLISH);
		fixture_request(&f, &input);
		fixture_run(&f, 5000);
		view = fixture_view(&f, "u");
		assert_int_equal(view->epoch, 8);
		assert_int_equal(view->phase,
				 TD_PHASE_DRAINING); /* also when it was being verified: that has to be done again */
		assert_int_equal(view->initial.maintainers, 5);
		assert_int_equal(f.emitted[TD_EFFECT_DETECT_FAMILY], 0); /* nothing before it is durable */
		publish = fixture_take(&f, TD_EFFECT_PUBLISH);
		f.held = 0;
		fixture_answer(&f, &publish, TD_OUTCOME_DONE);
		fixture_run(&f, 20000);
		assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINED);
	}
}

static void a_drain_in_the_middle_that_names_no_capture_begins_from_the_start(void **state)
{
	const struct td_request_input input = found("u", "pod-a", TD_PHASE_DRAINING, 7, "", "");

	(void)state;
	fixture_request(&f, &input);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_PENDING);
	fixture_run(&f, 20000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINED);
	assert_int_equal(fixture_view(&f, "u")->epoch, 8);
}

static void a_waiting_request_whose_capture_was_known_is_not_taken_for_a_drain_in_the_middle(void **state)
{
	const struct td_request_input input = found("u", "pod-a", TD_PHASE_PENDING, 0, "before", "before:1");

	(void)state;
	fixture_request(&f, &input);
	fixture_run(&f, 20000);
	assert_string_equal(fixture_view(&f, "u")->capture, "a");
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINED);
}

static void a_spec_that_changes_in_the_middle_does_not_change_the_target(void **state)
{
	struct td_request_input input = {
		.uid = "u", .name = "u", .capture = "a", .drained_capture = "", .drained_address = ""};

	(void)state;
	f.process.counts.dispatchers = 1;
	fixture_request(&f, &input);
	fixture_run(&f, 5000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINING);
	input.capture = "b";
	fixture_request(&f, &input);
	assert_string_equal(fixture_view(&f, "u")->capture, "a");
	f.process.counts.dispatchers = 0;
	fixture_run(&f, 20000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINED);
	assert_string_equal(fixture_view(&f, "u")->capture, "a");
}

static void a_drained_pod_that_is_gone_makes_it_released(void **state)
{
	struct td_request_input input = fixture_pod_request("u", "pod-a");

	(void)state;
	fixture_request(&f, &input);
	fixture_run(&f, 20000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINED);
	input.pod_gone = true;
	fixture_request(&f, &input);
	assert_phase(&f, "u", TD_PHASE_RELEASED, TD_REASON_PROVEN_EMPTY);
	assert_int_equal(fixture_view(&f, "u")->progress_percent, 100);
}

static void what_the_pods_own_sidecar_wrote_is_not_written_again(void **state)
{
	struct td_request_input input = fixture_pod_request("u", "pod-a");
	int before;

	(void)state;
	fixture_request(&f, &input);
	fixture_run(&f, 20000);
	before = f.emitted[TD_EFFECT_PUBLISH];
	input.phase = TD_PHASE_RELEASED;
	fixture_request(&f, &input);
	fixture_run(&f, 5000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_RELEASED);
	assert_int_equal(f.emitted[TD_EFFECT_PUBLISH], before);
}

/* It opens the gate when the deadline has passed and nobody coordinates: then comes a leader after all. */
static void what_the_pods_own_sidecar_has_ended_is_not_drained_on(void **state)
{
	struct td_request_input input = fixture_pod_request("u", "pod-a");
	int before;

	(void)state;
	f.process.counts.dispatchers = 1;
	fixture_request(&f, &input);
	fixture_run(&f, 5000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINING);
	input.phase = TD_PHASE_TIMED_OUT;
	fixture_request(&f, &input);
	before = f.emitted[TD_EFFECT_OBSERVE_PROCESS];
	fixture_run(&f, 5000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_TIMED_OUT);
	assert_int_equal(f.emitted[TD_EFFECT_OBSERVE_PROCESS], before);
	assert_string_equal(td_core_summary(f.core).active_uid, "");
}

static void a_spec_that_becomes_invalid_after_the_end_does_not_end_it_again(void **state)
{
	struct td_request_input input = fixture_pod_request("u", "pod-a");
	int before;

	(void)state;
	fixture_request(&f, &input);
	fixture_run(&f, 20000);
	before = f.emitted[TD_EFFECT_PUBLISH];
	input.invalid = "spec.batchSize: must not be negative";
	fixture_request(&f, &input);
	fixture_run(&f, 5000);
	assert_phase(&f, "u", TD_PHASE_DRAINED, TD_REASON_PROVEN_EMPTY);
	assert_int_equal(f.emitted[TD_EFFECT_PUBLISH], before);
}

/* Released says that the gate was opened on a proof. */
static void a_pod_that_is_gone_without_a_proof_is_not_released(void **state)
{
	static const enum td_phase phases[] = {TD_PHASE_FAILED, TD_PHASE_TIMED_OUT, TD_PHASE_CANCELLED,
					       TD_PHASE_UNSUPPORTED};

	(void)state;
	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		struct td_request_input input = found("u", "pod-a", phases[i], 3, "a", "a:1");

		fixture_new_leader(&f);
		fixture_request(&f, &input);
		input.pod_gone = true;
		fixture_request(&f, &input);
		assert_int_equal(fixture_view(&f, "u")->phase, phases[i]);
	}
}

/* Two leaders for a moment: the other one was first. */
static void a_drain_that_another_leader_began_while_we_took_it_for_waiting_is_adopted(void **state)
{
	struct td_request_input input = fixture_pod_request("u", "pod-a");

	(void)state;
	f.held = BIT(TD_EFFECT_OBSERVE_WORKLOAD);
	fixture_request(&f, &input);
	fixture_run(&f, 3000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_PENDING);
	input = found("u", "pod-a", TD_PHASE_DRAINING, 7, "a", "a:1");
	fixture_request(&f, &input);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINING);
	assert_int_equal(fixture_view(&f, "u")->initial.dispatchers, 9);
	assert_int_equal(fixture_view(&f, "u")->epoch, 8);
	f.held = 0;
	fixture_run(&f, 20000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINED);
}

/* Found by simulation: it would overwrite that the capture is being drained, and nobody would restart it. */
static void an_end_before_the_beginning_keeps_what_another_coordinator_had_begun(void **state)
{
	struct td_request_input input = fixture_pod_request("u", "pod-a");

	(void)state;
	f.held = BIT(TD_EFFECT_PUBLISH) | BIT(TD_EFFECT_OBSERVE_NODES);
	input.deadline_ms = f.now_ms + 100;
	fixture_request(&f, &input);
	fixture_run(&f, 200);
	assert_phase(&f, "u", TD_PHASE_TIMED_OUT, TD_REASON_DEADLINE);
	assert_non_null(strstr(fixture_view(&f, "u")->message, "before the drain began"));
	input.phase = TD_PHASE_DRAINING;
	input.epoch = 5;
	input.drained_capture = "a";
	input.drained_address = "a:1";
	input.initial.dispatchers = 7;
	fixture_request(&f, &input);
	assert_phase(&f, "u", TD_PHASE_TIMED_OUT, TD_REASON_DEADLINE);
	assert_int_equal(fixture_view(&f, "u")->epoch, 5);
	assert_string_equal(fixture_view(&f, "u")->capture, "a");
	assert_non_null(strstr(fixture_view(&f, "u")->message, "7 dispatchers left"));
}

/* Its last look failed until the deadline, or found work: the pod's own sidecar knows better than our proof. */
static void a_proof_that_the_pods_own_sidecar_did_not_use_is_no_release(void **state)
{
	struct td_request_input input = fixture_pod_request("u", "pod-a");

	(void)state;
	fixture_request(&f, &input);
	fixture_run(&f, 20000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINED);
	input.phase = TD_PHASE_TIMED_OUT;
	input.epoch = fixture_view(&f, "u")->epoch;
	fixture_request(&f, &input);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_TIMED_OUT);
	input.pod_gone = true;
	fixture_request(&f, &input);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_TIMED_OUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(requests_run_by_urgency_then_deadline_then_age_then_uid, setup, teardown),
		cmocka_unit_test_setup_teardown(many_requests_are_kept_apart_and_found, setup, teardown),
		cmocka_unit_test_setup_teardown(an_invalid_request_fails_with_its_words, setup, teardown),
		cmocka_unit_test_setup_teardown(an_ended_request_stays_ended_and_is_not_published_again, setup, teardown),
		cmocka_unit_test_setup_teardown(every_new_epoch_is_above_all_that_were_found, setup, teardown),
		cmocka_unit_test_setup_teardown(a_drain_found_in_the_middle_begins_again_under_its_own_epoch, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_drain_in_the_middle_that_names_no_capture_begins_from_the_start, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			a_waiting_request_whose_capture_was_known_is_not_taken_for_a_drain_in_the_middle, setup, teardown),
		cmocka_unit_test_setup_teardown(a_spec_that_changes_in_the_middle_does_not_change_the_target, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_drained_pod_that_is_gone_makes_it_released, setup, teardown),
		cmocka_unit_test_setup_teardown(what_the_pods_own_sidecar_wrote_is_not_written_again, setup, teardown),
		cmocka_unit_test_setup_teardown(what_the_pods_own_sidecar_has_ended_is_not_drained_on, setup, teardown),
		cmocka_unit_test_setup_teardown(a_spec_that_becomes_invalid_after_the_end_does_not_end_it_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_pod_that_is_gone_without_a_proof_is_not_released, setup, teardown),
		cmocka_unit_test_setup_teardown(a_drain_that_another_leader_began_while_we_took_it_for_waiting_is_adopted,
						setup, teardown),
		cmocka_unit_test_setup_teardown(an_end_before_the_beginning_keeps_what_another_coordinator_had_begun, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_proof_that_the_pods_own_sidecar_did_not_use_is_no_release, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
