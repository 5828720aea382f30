/* What is said when a gate opens: a release by policy says first what was not moved. */
#include "sidecar/release.h"

#include "base/json.h"
#include "base_test.h"

/* A DrainRequest with this status; the text must outlive ret. */
static json_t *object_of(const char *status)
{
	json_t *object = json_pack("{s:{s:s,s:s,s:s},s:{s:s},s:o}", "metadata", "name", "d", "uid", "u", "creationTimestamp",
				   "2026-11-23T13:18:38Z", "spec", "podName", "ticdc-0", "status",
				   json_loads(status, JSON_DECODE_ANY, NULL));

	assert_non_null(object);
	return object;
}

static void assert_said(const char *status, int64_t waited_ms, const char *expected)
{
	json_auto_t *object = object_of(status);
	struct td_drain_object request;
	struct td_error err;
	char text[TD_RELEASE_TEXT_MAX];

	assert_true(td_drain_read(&request, object, &err));
	td_release_by_policy_text(&request, waited_ms, "why", text, sizeof(text));
	assert_string_equal(text, expected);
}

static void work_that_was_left_is_counted_and_dated(void **state)
{
	(void)state;
	assert_said("{\"remaining\":{\"maintainers\":10,\"dispatchers\":200},\"witnesses\":["
		    "{\"name\":\"cluster\",\"says\":\"Zero\",\"time\":\"2026-11-23T13:00:00Z\"},"
		    "{\"name\":\"process\",\"says\":\"NotZero\",\"time\":\"2026-11-23T13:18:39Z\"}]}",
		    5649,
		    "the pod stops by policy Release after 5.6 s; 10 maintainers and 200 dispatchers were NOT moved "
		    "(last read 2026-11-23T13:18:39Z): why");
}

static void counts_whose_witness_has_failed_since_are_not_dated(void **state)
{
	(void)state;
	assert_said("{\"remaining\":{\"maintainers\":1,\"dispatchers\":0},\"witnesses\":["
		    "{\"name\":\"process\",\"says\":\"Unknown\",\"time\":\"2026-11-23T13:18:39Z\"}]}",
		    60000,
		    "the pod stops by policy Release after 60.0 s; 1 maintainers and 0 dispatchers were NOT moved "
		    "(the last read failed): why");
}

static void nothing_seen_left_is_not_called_drained(void **state)
{
	(void)state;
	assert_said("{\"remaining\":{\"maintainers\":0,\"dispatchers\":0},\"witnesses\":["
		    "{\"name\":\"process\",\"says\":\"Zero\",\"time\":\"2026-11-23T13:18:39Z\"}]}",
		    0,
		    "the pod stops by policy Release after 0.0 s; nothing is seen left (last read 2026-11-23T13:18:39Z), "
		    "but the "
		    "proof is NOT complete: why");
}

static void what_was_never_read_is_not_called_nothing(void **state)
{
	static const char *const statuses[] = {
		"{}",
		"{\"remaining\":null}",
		"{\"remaining\":{\"maintainers\":0}}",
		"{\"remaining\":{\"maintainers\":\"x\",\"dispatchers\":0}}",
		"{\"remaining\":{\"maintainers\":-1,\"dispatchers\":0}}",
	};
	char text[TD_RELEASE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		assert_said(statuses[i], 100,
			    "the pod stops by policy Release after 0.1 s; how much work it holds was never read, NOTHING is "
			    "known "
			    "to be moved: why");
	td_release_by_policy_text(NULL, 100, "why", text, sizeof(text));
	assert_non_null(strstr(text, "never read"));
}

static void last_look_says_what_was_answered_or_why_not(void **state)
{
	const struct td_process_view empty = {.known = true, .capture = "c1"}, silent = {.why = "connection refused"};
	char text[TD_TEXT_MAX];

	(void)state;
	td_release_last_look_text(&empty, text, sizeof(text));
	assert_string_equal(text, "capture c1 answers 0 maintainers, 0 dispatchers, 0 triggers, 0 event broker entries");
	td_release_last_look_text(&silent, text, sizeof(text));
	assert_string_equal(text, "the process did not answer: connection refused");
}

static void evidence_names_each_witness_with_what_it_said_and_when(void **state)
{
	static const struct {
		const char *status, *expected;
	} cases[] = {
		{"{\"captureID\":\"c1\",\"family\":\"N1\",\"epoch\":3,\"witnesses\":["
		 "{\"name\":\"answer\",\"says\":\"Zero\",\"consecutiveZeros\":2,\"time\":\"2026-11-23T13:00:00Z\","
		 "\"ticdcCoordinator\":\"c0\"},"
		 "{\"name\":\"process\",\"says\":\"NotZero\",\"consecutiveZeros\":0,\"dispatchers\":4,\"brokers\":5,"
		 "\"time\":\"2026-11-23T13:00:01Z\",\"ticdcCoordinator\":\"c0\"},"
		 "{\"name\":\"cluster\",\"says\":\"NotAsked\",\"time\":null}]}",
		 "answer Zero 2 times at 2026-11-23T13:00:00Z; process NotZero 4 dispatchers 5 brokers at "
		 "2026-11-23T13:00:01Z; cluster NotAsked at no time; of capture c1, TiCDC's coordinator c0, family N1, "
		 "epoch 3"},
		{"{}", "no witness was asked; of capture unknown, TiCDC's coordinator unknown, family Unknown, epoch 0"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_auto_t *object = object_of(cases[i].status);
		struct td_drain_object request;
		struct td_error err;
		char text[TD_RELEASE_TEXT_MAX];

		assert_true(td_drain_read(&request, object, &err));
		td_release_evidence_text(&request, text, sizeof(text));
		assert_string_equal(text, cases[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(work_that_was_left_is_counted_and_dated),
		cmocka_unit_test(evidence_names_each_witness_with_what_it_said_and_when),
		cmocka_unit_test(counts_whose_witness_has_failed_since_are_not_dated),
		cmocka_unit_test(nothing_seen_left_is_not_called_drained),
		cmocka_unit_test(what_was_never_read_is_not_called_nothing),
		cmocka_unit_test(last_look_says_what_was_answered_or_why_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
