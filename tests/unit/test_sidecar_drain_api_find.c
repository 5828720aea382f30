/* The drain API for somebody who may ask: which object is made or shown, and every status that does not come from who asks. */
#include "drain_api_fixture.h"

/* An object of the namespace: name, spec and status as JSON texts. */
#define DRAIN(name, spec, status)                                                                                           \
	"{\"metadata\":{\"name\":\"" name "\",\"uid\":\"u-" name "\",\"resourceVersion\":\"1\",\"creationTimestamp\":"      \
	"\"2026-11-23T13:18:38Z\"},\"spec\":" spec ",\"status\":" status "}"
#define MINE "{\"captureID\":\"" ID "\"}"
#define OTHERS "{\"captureID\":\"" OTHER_ID "\"}"
#define NAME "capture-" ID
#define ZERO ",\"remaining\":{\"maintainers\":0,\"dispatchers\":0}"

static void put_makes_the_object_that_everybody_would(void **state)
{
	struct api_test *t = *state;

	api_begin(t, "[]");
	assert_int_equal(api_put(t, ""), 202);
	api_says(t, "capture_id", "\"" ID "\"");
	api_says(t, "drain_request", "\"" NAME "\"");
	api_says(t, "target", "\"ticdc-0\"");
	api_says(t, "dry_run", "false");
	api_says(t, "phase", "\"Pending\"");
	api_says(t, "reason", "\"\"");
	api_says(t, "message", "\"\"");
	api_says(t, "current_maintainer_count", "null");
	api_says(t, "current_dispatcher_count", "null");
	assert_int_equal(json_object_size(t->answer), 9);
	assert_int_equal(t->creates, 1);
	assert_string_equal(td_json_text(t->sent, "metadata.name"), NAME);
	assert_string_equal(td_json_text(t->sent, "spec.captureID"), ID);
	assert_string_equal(td_json_text(t->sent, "spec.reason"), "asked for by ann through the API");
	assert_string_equal(td_drain_cluster(t->sent), "ticdc");
	assert_int_equal(json_object_size(json_object_get(t->sent, "spec")), 2);
}

static void put_passes_on_what_the_body_says(void **state)
{
	struct api_test *t = *state;
	int64_t number = 0;

	api_begin(t, "[]");
	assert_int_equal(api_put(t, "{\"batch_size\":7,\"timeout_seconds\":600,\"dry_run\":true}"), 202);
	api_says(t, "dry_run", "true");
	assert_true(td_json_int(t->sent, "spec.batchSize", &number) && number == 7);
	assert_true(td_json_int(t->sent, "spec.timeoutSeconds", &number) && number == 600);
	assert_true(json_is_true(td_json_at(t->sent, "spec.dryRun")));
}

static void put_makes_nothing_when_there_is_one(void **state)
{
	static const struct {
		const char *list, *phase, *count;
	} cases[] = {
		{"[" DRAIN(NAME, MINE, "{}") "]", "\"Pending\"", "null"},
		{"[" DRAIN("by-hand", MINE,
			   "{\"phase\":\"Draining\",\"remaining\":{\"maintainers\":3,\"dispatchers\":40}}") "]",
		 "\"Draining\"", "3"},
		{"[" DRAIN("p", "{\"podName\":\"ticdc-0\"}",
			   "{\"phase\":\"Verifying\",\"captureID\":\"" ID "\"" ZERO "}") "]",
		 "\"Verifying\"", "0"},
		{"[" DRAIN("p", "{\"podName\":\"ticdc-0\"}", "{}") "]", "\"Pending\"", "null"},
		{"[" DRAIN(NAME, MINE, "{\"phase\":\"Drained\"" ZERO "}") "]", "\"Drained\"", "0"},
		{"[" DRAIN(NAME, MINE, "{\"phase\":\"Released\"" ZERO "}") "]", "\"Released\"", "0"},
	};
	struct api_test *t;

	for (size_t i = 0; i < COUNT(cases); i++) {
		if (i > 0)
			(void)api_teardown(state), (void)api_setup(state);
		t = *state;
		api_begin(t, cases[i].list);
		for (int twice = 0; twice < 2; twice++) {
			assert_int_equal(api_put(t, ""), 202);
			api_says(t, "phase", cases[i].phase);
			api_says(t, "current_maintainer_count", cases[i].count);
		}
		assert_int_equal(t->creates, 0);
	}
}

/* What has ended with a proof stays true when the capture is gone, and when TiCDC cannot be asked. */
static void proof_outlives_the_capture(void **state)
{
	struct api_test *t = *state;

	t->captures = (struct scripted){500, ""};
	api_begin(t, "[" DRAIN(NAME, MINE, "{\"phase\":\"Released\"" ZERO "}") "]");
	assert_int_equal(api_put(t, ""), 202);
	assert_int_equal(api_get(t), 200);
	assert_int_equal(t->asked_captures, 0);
}

static void names_are_counted_up_past_what_ended_without_a_proof(void **state)
{
	static const struct {
		const char *list, *name, *body;
	} cases[] = {
		{"[" DRAIN(NAME, MINE, "{\"phase\":\"Failed\"}") "]", NAME "-2", ""},
		{"[" DRAIN(NAME, MINE, "{\"phase\":\"Failed\"}") "," DRAIN(NAME "-2", MINE, "{\"phase\":\"TimedOut\"}") "]",
		 NAME "-3", ""},
		{"[" DRAIN(NAME "-2", MINE, "{\"phase\":\"Failed\"}") "]", NAME, ""},
		{"[" DRAIN(NAME, "{\"captureID\":\"" ID "\",\"dryRun\":true}", "{\"phase\":\"Pending\"}") "]", NAME "-2",
		 ""},
		{"[" DRAIN(NAME, "{\"captureID\":\"" ID "\",\"dryRun\":true}", "{\"phase\":\"Cancelled\"}") "]", NAME "-2",
		 "{\"dry_run\":true}"},
		{"[" DRAIN(NAME, OTHERS, "{}") "]", NAME "-2", ""}, /* somebody's joke */
	};
	struct api_test *t;

	for (size_t i = 0; i < COUNT(cases); i++) {
		if (i > 0)
			(void)api_teardown(state), (void)api_setup(state);
		t = *state;
		api_begin(t, cases[i].list);
		assert_int_equal(api_put(t, cases[i].body), 202);
		assert_int_equal(t->creates, 1);
		assert_string_equal(td_json_text(t->sent, "metadata.name"), cases[i].name);
	}
}

static void other_sidecar_may_have_been_quicker(void **state)
{
	struct api_test *t = *state;

	t->created = (struct scripted){409, "{\"kind\":\"Status\",\"reason\":\"AlreadyExists\"}"};
	t->got = (struct scripted){200, DRAIN(NAME, MINE, "{\"phase\":\"Draining\"}")};
	api_begin(t, "[]");
	assert_int_equal(api_put(t, ""), 202);
	api_says(t, "phase", "\"Draining\"");
	assert_int_equal(t->creates, 1);
	assert_int_equal(t->gets, 1);

	/* It is another one, or cannot be read: not taken for ours. */
	t->got.body = DRAIN(NAME, OTHERS, "{}");
	assert_int_equal(api_put(t, ""), 503);
	api_refused(t, "", "is another one");
	t->got.body = DRAIN(NAME, "{\"captureID\":\"" ID "\",\"dryRun\":true}", "{}");
	assert_int_equal(api_put(t, ""), 503);
	assert_int_equal(api_put(t, "{\"dry_run\":true}"), 202);
	t->got = (struct scripted){404, "{}"};
	assert_int_equal(api_put(t, ""), 503);
	t->got = (struct scripted){HANGS, ""};
	assert_int_equal(api_put(t, ""), 503);
}

static void get_shows_the_state_and_asks_for_nothing_else(void **state)
{
	struct api_test *t = *state;

	api_begin(
		t,
		"[" DRAIN(
			NAME, MINE,
			"{\"phase\":\"Draining\",\"reason\":\"MovingMaintainers\",\"message\":\"m\",\"podName\":\"ticdc-0\","
			"\"remaining\":{\"maintainers\":3,\"dispatchers\":40}}") "]");
	assert_int_equal(api_get(t), 200);
	api_says(t, "drain_request", "\"" NAME "\"");
	api_says(t, "target", "\"ticdc-0\"");
	api_says(t, "reason", "\"MovingMaintainers\"");
	api_says(t, "message", "\"m\"");
	api_says(t, "current_maintainer_count", "3");
	api_says(t, "current_dispatcher_count", "40");
	assert_int_equal(t->asked_captures + t->creates + t->gets, 0);
}

static void get_tells_no_request_from_no_capture(void **state)
{
	struct api_test *t = *state;

	api_begin(t, "[" DRAIN("o", OTHERS, "{\"phase\":\"Draining\"}") "]");
	assert_int_equal(api_get(t), 404);
	api_refused(t, "", "no drain of capture " ID);
	t->captures.body =
		"{\"total\":1,\"items\":[{\"id\":\"" OTHER_ID "\",\"is_owner\":true,\"address\":\"10.0.0.8:8300\"}]}";
	assert_int_equal(api_get(t), 404);
	api_refused(t, "CDC:ErrCaptureNotExist", "capture not exists, " ID);
	assert_int_equal(t->creates, 0);
}

/* Its words are TiCDC's own. */
static void unknown_capture_is_404(void **state)
{
	struct api_test *t = *state;

	api_begin(t, "[" DRAIN("o", OTHERS, "{\"phase\":\"Draining\"}") "]");
	assert_int_equal(api_ask(t, "PUT", "22222222-2222-4333-8444-555555555555", BEARER, ""), 404);
	assert_string_equal(td_json_text(t->answer, "error_msg"),
			    "[CDC:ErrCaptureNotExist]capture not exists, 22222222-2222-4333-8444-555555555555");
	assert_int_equal(t->creates, 0);
}

static void another_active_drain_is_409(void **state)
{
	struct api_test *t = *state;

	api_begin(t, "[" DRAIN("o", OTHERS, "{\"phase\":\"Verifying\",\"podName\":\"ticdc-1\"}") "," DRAIN(
			     NAME, MINE, "{\"phase\":\"Failed\"}") "]");
	assert_int_equal(api_put(t, ""), 409);
	api_refused(t, "CDC:ErrSchedulerRequestFailed", "ticdc-1 is being drained");
	assert_int_equal(t->creates, 0);
	assert_int_equal(api_get(t), 200); /* looking is no conflict */
}

static void bad_input_is_400_by_name_and_value(void **state)
{
	static const char *const ids[] = {"NO", "a_b", "%2e%2e", "a.b", "-a", ID ID};
	struct api_test *t = *state;

	api_begin(t, "[]");
	for (size_t i = 0; i < COUNT(ids); i++) {
		assert_int_equal(api_ask(t, i % 2 ? "PUT" : "GET", ids[i], BEARER, ""), 400);
		api_refused(t, "CDC:ErrAPIInvalidParam", "capture_id");
	}
	assert_int_equal(api_put(t, "{\"batch_size\":0}"), 400);
	api_refused(t, "CDC:ErrAPIInvalidParam", "batch_size: 0");
	assert_int_equal(api_put(t, "{\"pods\":\"all\"}"), 400);
	api_refused(t, "CDC:ErrAPIInvalidParam", "pods: \"all\"");
	assert_int_equal(api_put(t, "x"), 400);
	api_refused(t, "CDC:ErrAPIInvalidParam", "body");
	assert_int_equal(t->asked_captures + t->creates, 0);
}

static void long_body_is_413(void **state)
{
	struct api_test *t = *state;
	char body[2 * TD_DRAIN_API_BODY_MAX];

	api_begin(t, "[]");
	(void)memset(body, ' ', sizeof(body));
	body[0] = '{';
	body[TD_DRAIN_API_BODY_MAX - 1] = '}';
	body[TD_DRAIN_API_BODY_MAX] = '\0';
	assert_int_equal(api_put(t, body), 202);
	body[TD_DRAIN_API_BODY_MAX] = ' ';
	body[TD_DRAIN_API_BODY_MAX + 1] = '\0';
	assert_int_equal(api_put(t, body), 413);
	api_refused(t, "", "4096");
}

/* Nothing that TiCDC fails to say is read as "no such capture". */
static void ticdc_that_does_not_answer_is_502(void **state)
{
	static const struct scripted answers[] = {
		{500, "{\"error_msg\":\"no owner\",\"error_code\":\"CDC:ErrOwnerNotFound\"}"},
		{503, ""},
		{404, "404 page not found"},
		{200, ""},
		{200, "{}"},
		{200, "{\"total\":0,\"items\":[]}"},
		{200, "{\"items\":[{\"id\":\"x\"}]}"},
		{HANGS, ""},
	};
	struct api_test *t = *state;

	api_begin(t, "[]");
	for (size_t i = 0; i < COUNT(answers); i++) {
		t->captures = answers[i];
		assert_int_equal(api_put(t, ""), 502);
		api_refused(t, "", "TiCDC could not be asked");
		assert_int_equal(api_get(t), 502);
		api_refused(t, "", "TiCDC could not be asked");
	}
	assert_int_equal(t->creates, 0);
}

static void object_that_cannot_be_made_is_503(void **state)
{
	static const struct scripted answers[] = {
		{403, "{\"kind\":\"Status\",\"reason\":\"Forbidden\",\"message\":\"may not create\"}"},
		{422, "{\"kind\":\"Status\",\"reason\":\"Invalid\",\"message\":\"not \xc3\xa9 valid\"}"},
		{500, "{}"},
		{201, "{}"},
		{201, "<html>"},
		{201, DRAIN(NAME, OTHERS, "{}")},
		{HANGS, ""},
	};
	struct api_test *t = *state;

	api_begin(t, "[]");
	for (size_t i = 0; i < COUNT(answers); i++) {
		t->created = answers[i];
		assert_int_equal(api_put(t, ""), 503);
		api_refused(t, "", "DrainRequest");
	}
}

/* A sidecar that has just started knows of no drain, and must not say so. */
static void before_the_first_list_it_is_503(void **state)
{
	struct api_test *t = *state;

	api_begin(t, NULL);
	assert_int_equal(api_put(t, ""), 503);
	api_refused(t, "", "does not know the DrainRequests");
	assert_int_equal(api_get(t), 503);
	assert_int_equal(t->asked_captures + t->creates, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		api_test(put_makes_the_object_that_everybody_would),
		api_test(put_passes_on_what_the_body_says),
		api_test(put_makes_nothing_when_there_is_one),
		api_test(proof_outlives_the_capture),
		api_test(names_are_counted_up_past_what_ended_without_a_proof),
		api_test(other_sidecar_may_have_been_quicker),
		api_test(get_shows_the_state_and_asks_for_nothing_else),
		api_test(get_tells_no_request_from_no_capture),
		api_test(unknown_capture_is_404),
		api_test(another_active_drain_is_409),
		api_test(bad_input_is_400_by_name_and_value),
		api_test(long_body_is_413),
		api_test(ticdc_that_does_not_answer_is_502),
		api_test(object_that_cannot_be_made_is_503),
		api_test(before_the_first_list_it_is_503),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
