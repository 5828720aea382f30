/* Sentences for people: they name who, what and how many. */
#include "coordinator_fixture.h"

static struct fixture f;

static int setup(void **state)
{
	(void)state;
	fixture_init(&f, TD_FAMILY_NATIVE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_done(&f);
	return 0;
}

static struct td_request request(enum td_phase phase, enum td_reason reason)
{
	struct td_request r = {.phase = phase,
			       .reason = reason,
			       .pod = "pod-a",
			       .capture = "a",
			       .queue_position = 2,
			       .blocked_by = "pod-b",
			       .message = "what was said last"};

	r.started = phase != TD_PHASE_PENDING;
	r.initial = (struct td_counts){.maintainers = 10, .dispatchers = 600};
	r.remaining = (struct td_counts){.maintainers = 3, .dispatchers = 41};
	return r;
}

static void an_open_request_says_what_happens_and_what_is_in_the_way(void **state)
{
	static const struct {
		enum td_phase phase;
		enum td_reason reason;
		const char *parts[3];
	} cases[] = {
		{TD_PHASE_PENDING, TD_REASON_QUEUED, {"position 2", "pod-b"}},
		{TD_PHASE_DRAINING, TD_REASON_QUEUED, {"position 2", "pod-b"}},
		{TD_PHASE_PENDING, TD_REASON_WAITING_FOR_SLOT, {"pod-b", "only drain slot"}},
		{TD_PHASE_PENDING, TD_REASON_WAITING_FOR_CAPTURE, {"no capture", "pod-a"}},
		{TD_PHASE_PENDING, TD_REASON_NONE, {"captures", "connection refused"}},
		{TD_PHASE_DRAINING, TD_REASON_MOVING_COORDINATOR, {"to have a coordinator again", "connection refused"}},
		{TD_PHASE_DRAINING, TD_REASON_MOVING_MAINTAINERS, {"moving maintainers", "3 maintainers", "41 dispatchers"}},
		{TD_PHASE_DRAINING, TD_REASON_MOVING_DISPATCHERS, {"moving dispatchers", "pod-a"}},
		{TD_PHASE_DRAINING, TD_REASON_NO_DESTINATION, {"no capture can take", "3 maintainers", "pod-a"}},
		{TD_PHASE_VERIFYING, TD_REASON_COMPARING_WITNESSES, {"all witnesses", "pod-a"}},
	};

	(void)state;
	(void)snprintf(f.core->note, sizeof(f.core->note), "connection refused");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct td_request r = request(cases[i].phase, cases[i].reason);
		char text[TD_TEXT_MAX];

		td_describe(f.core, &r, text, sizeof(text));
		for (size_t j = 0; j < 3 && cases[i].parts[j]; j++)
			if (!strstr(text, cases[i].parts[j]))
				fail_msg("%s: no \"%s\" in \"%s\"", td_reason_name(cases[i].reason), cases[i].parts[j],
					 text);
	}
}

static void the_coordinator_that_must_go_is_named_while_it_is_there(void **state)
{
	const struct td_request r = request(TD_PHASE_DRAINING, TD_REASON_MOVING_COORDINATOR);
	char text[TD_TEXT_MAX];

	(void)state;
	(void)snprintf(f.core->nodes.coordinator, sizeof(f.core->nodes.coordinator), "a");
	td_describe(f.core, &r, text, sizeof(text));
	assert_string_equal(text, "pod-a is TiCDC's coordinator: waiting for another capture to take over");
	f.core->nodes.coordinator[0] = '\0';
	td_describe(f.core, &r, text, sizeof(text));
	assert_string_equal(text, "waiting for TiCDC to have a coordinator again");
}

static void a_dissenting_witness_is_named_with_its_words(void **state)
{
	const struct td_request r = request(TD_PHASE_VERIFYING, TD_REASON_WITNESSES_DISAGREE);
	char text[TD_TEXT_MAX];

	(void)state;
	td_verdict_begin(&f.core->verdict, TD_FAMILY_NATIVE, "a", &td_core_defaults);
	td_verdict_answer(&f.core->verdict, 10, 10, true, 1, NULL);
	td_describe(f.core, &r, text, sizeof(text));
	assert_non_null(strstr(text, "witness answer: TiCDC answers 1 remaining"));
}

static void an_ended_request_says_why_and_what_remained(void **state)
{
	static const struct {
		enum td_phase phase;
		enum td_reason reason;
		const char *parts[3];
	} cases[] = {
		{TD_PHASE_DRAINED, TD_REASON_PROVEN_EMPTY, {"pod-a is empty", "10 maintainers", "600 dispatchers"}},
		{TD_PHASE_FAILED, TD_REASON_CAPTURE_GONE, {"left the cluster", "3 maintainers", "41 dispatchers"}},
		{TD_PHASE_FAILED, TD_REASON_POD_NOT_FOUND, {"spec.podName", "pod-a"}},
		{TD_PHASE_FAILED, TD_REASON_CAPTURE_NOT_FOUND, {"spec.captureID", "\"a\""}},
		{TD_PHASE_FAILED, TD_REASON_NO_DESTINATION, {"no other capture", "pod-a"}},
		{TD_PHASE_UNSUPPORTED, TD_REASON_FAKE_DRAIN, {"N0", "3 maintainers", "not believed"}},
		{TD_PHASE_UNSUPPORTED, TD_REASON_MIXED_VERSIONS, {"older build", "3 maintainers", "41 dispatchers"}},
		{TD_PHASE_CANCELLED, TD_REASON_DRY_RUN, {"dry run", "10 maintainers", "nothing was moved"}},
		{TD_PHASE_TIMED_OUT, TD_REASON_DEADLINE, {"deadline", "3 maintainers", "41 dispatchers"}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct td_request r = request(TD_PHASE_DRAINING, TD_REASON_MOVING_MAINTAINERS);
		char text[TD_TEXT_MAX];

		td_describe_end(f.core, &r, cases[i].phase, cases[i].reason, text, sizeof(text));
		for (size_t j = 0; j < 3 && cases[i].parts[j]; j++)
			if (!strstr(text, cases[i].parts[j]))
				fail_msg("%s: no \"%s\" in \"%s\"", td_reason_name(cases[i].reason), cases[i].parts[j],
					 text);
	}
}

static void what_held_nothing_from_the_start_is_not_said_to_have_been_moved(void **state)
{
	struct td_request r = request(TD_PHASE_VERIFYING, TD_REASON_COMPARING_WITNESSES);
	char text[TD_TEXT_MAX];

	(void)state;
	r.initial = (struct td_counts){0};
	r.remaining = r.initial;
	r.phase = TD_PHASE_DRAINING;
	r.reason = TD_REASON_MOVING_MAINTAINERS;
	td_describe(f.core, &r, text, sizeof(text));
	assert_string_equal(text, "no maintainer and no dispatcher is seen on pod-a any more");
	td_describe_end(f.core, &r, TD_PHASE_DRAINED, TD_REASON_PROVEN_EMPTY, text, sizeof(text));
	assert_string_equal(text, "pod-a is empty already: nothing to move, every witness says zero");
}

static void a_deadline_says_how_far_it_came(void **state)
{
	struct td_request waiting = request(TD_PHASE_PENDING, TD_REASON_QUEUED);
	struct td_request verifying = request(TD_PHASE_VERIFYING, TD_REASON_WITNESSES_DISAGREE);
	char text[TD_TEXT_MAX];

	(void)state;
	td_describe_end(f.core, &waiting, TD_PHASE_TIMED_OUT, TD_REASON_DEADLINE, text, sizeof(text));
	assert_non_null(strstr(text, "before the drain began: what was said last"));
	td_describe_end(f.core, &verifying, TD_PHASE_TIMED_OUT, TD_REASON_DEADLINE, text, sizeof(text));
	assert_non_null(strstr(text, "before emptiness was proven: what was said last"));
}

static void every_phase_and_reason_has_words_that_fit(void **state)
{
	(void)state;
	memset(f.core->note, 'n', sizeof(f.core->note) - 1);
	for (int phase = 0; phase < TD_PHASE_COUNT; phase++) {
		for (int reason = 0; reason < TD_REASON_COUNT; reason++) {
			struct td_request r = request((enum td_phase)phase, (enum td_reason)reason);
			char text[TD_TEXT_MAX];

			memset(r.pod, 'p', sizeof(r.pod) - 1);
			memset(r.message, 'm', sizeof(r.message) - 1);
			td_describe(f.core, &r, text, sizeof(text));
			assert_in_range(strlen(text), 1, TD_TEXT_MAX - 1);
			td_describe_end(f.core, &r, (enum td_phase)phase, (enum td_reason)reason, text, sizeof(text));
			assert_in_range(strlen(text), 1, TD_TEXT_MAX - 1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_open_request_says_what_happens_and_what_is_in_the_way, setup, teardown),
		cmocka_unit_test_setup_teardown(the_coordinator_that_must_go_is_named_while_it_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(a_dissenting_witness_is_named_with_its_words, setup, teardown),
		cmocka_unit_test_setup_teardown(an_ended_request_says_why_and_what_remained, setup, teardown),
		cmocka_unit_test_setup_teardown(what_held_nothing_from_the_start_is_not_said_to_have_been_moved, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_deadline_says_how_far_it_came, setup, teardown),
		cmocka_unit_test_setup_teardown(every_phase_and_reason_has_words_that_fit, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
