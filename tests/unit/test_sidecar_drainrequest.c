/* Reading DrainRequests: every bad spec becomes a sentence that names field and value, no bad status becomes "Pending", and what
 * the coordinator wrote is read back by the next one. */
#include "sidecar/drainrequest.h"

#include "base/json.h"
#include "base_test.h"

#define META "\"metadata\":{\"name\":\"d\",\"uid\":\"u\",\"creationTimestamp\":\"2026-11-23T13:18:38Z\",\"generation\":3}"
#define CREATED_MS 1795439918000
#define X10 "xxxxxxxxxx"
#define X50 X10 X10 X10 X10 X10
#define X250 X50 X50 X50 X50 X50

static json_t *parse(const char *text)
{
	json_error_t error;
	json_t *value = json_loads(text, JSON_DECODE_ANY, &error);

	if (!value)
		fail_msg("%s: %s", text, error.text);
	return value;
}

static json_t *with_spec(const char *spec)
{
	json_t *object = parse("{" META "}"), *value = parse(spec);

	assert_int_equal(json_object_set_new(object, "spec", value), 0);
	return object;
}

static json_t *with_status(const char *status)
{
	json_t *object = with_spec("{\"podName\":\"p\"}");

	assert_int_equal(json_object_set_new(object, "status", parse(status)), 0);
	return object;
}

static struct td_drain_object read_good(json_t *object)
{
	struct td_drain_object drain;
	struct td_error err;

	if (!td_drain_read(&drain, object, &err))
		fail_msg("not read: %s", err.text);
	return drain;
}

static void good_spec_is_read_whole(void **state)
{
	json_t *object =
		with_spec("{\"podName\":\"p\",\"batchSize\":7,\"timeoutSeconds\":600,\"onTimeout\":\"Hold\",\"dryRun\":true,"
			  "\"reason\":\"why not\",\"unknown\":[1]}");
	struct td_drain_object drain = read_good(object);

	(void)state;
	assert_string_equal(drain.invalid, "");
	assert_string_equal(drain.name, "d");
	assert_string_equal(drain.uid, "u");
	assert_string_equal(drain.resource_version, "");
	assert_int_equal(drain.generation, 3);
	assert_int_equal(drain.created_wall_ms, CREATED_MS);
	assert_string_equal(drain.pod, "p");
	assert_null(drain.capture);
	assert_int_equal(drain.batch_size, 7);
	assert_int_equal(drain.timeout_seconds, 600);
	assert_true(drain.hold);
	assert_true(drain.dry_run);
	assert_int_equal(drain.phase, TD_PHASE_PENDING);
	json_decref(object);
}

static void smallest_spec_takes_the_defaults(void **state)
{
	json_t *object = with_spec("{\"captureID\":\"c\",\"podName\":null,\"batchSize\":null}");
	struct td_drain_object drain = read_good(object);

	(void)state;
	assert_string_equal(drain.invalid, "");
	assert_null(drain.pod);
	assert_string_equal(drain.capture, "c");
	assert_int_equal(drain.batch_size, 0);
	assert_int_equal(drain.timeout_seconds, 0);
	assert_false(drain.hold);
	assert_false(drain.dry_run);
	json_decref(object);
}

static void bounds_themselves_are_good(void **state)
{
	static const char *const specs[] = {
		"{\"podName\":\"" X250 "xxx\",\"batchSize\":1000,\"timeoutSeconds\":604800}",
		"{\"captureID\":\"" X50 X10
		"xxx\",\"batchSize\":1,\"timeoutSeconds\":1,\"onTimeout\":\"Release\",\"dryRun\":false}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(specs); i++) {
		json_t *object = with_spec(specs[i]);

		assert_string_equal(read_good(object).invalid, "");
		json_decref(object);
	}
}

static void bad_spec_is_a_sentence_that_names_field_and_value(void **state)
{
	static const struct {
		const char *spec, *field, *value;
	} cases[] = {
		{"{}", "spec.podName or spec.captureID", "missing"},
		{"null", "spec.podName or spec.captureID", "missing"},
		{"[]", "spec.podName or spec.captureID", "missing"},
		{"\"podName\"", "spec.podName or spec.captureID", "missing"},
		{"{\"podname\":\"p\"}", "spec.podName or spec.captureID", "missing"},
		{"{\"podName\":\"p1\",\"captureID\":\"c1\"}", "spec.podName and spec.captureID", "\"p1\", \"c1\""},
		{"{\"podName\":\"\"}", "spec.podName", "empty"},
		{"{\"captureID\":\"\"}", "spec.captureID", "empty"},
		{"{\"podName\":\"\",\"captureID\":\"c\"}", "spec.podName", "empty"},
		{"{\"podName\":5}", "spec.podName", "a text"},
		{"{\"podName\":[\"p\"]}", "spec.podName", "a text"},
		{"{\"captureID\":{}}", "spec.captureID", "a text"},
		{"{\"podName\":\"" X250 "xxxx\"}", "spec.podName", "253"},
		{"{\"captureID\":\"" X50 X10 "xxxx\"}", "spec.captureID", "63"},
		{"{\"podName\":\"p\",\"batchSize\":0}", "spec.batchSize", "0 is not"},
		{"{\"podName\":\"p\",\"batchSize\":-1}", "spec.batchSize", "-1 is not"},
		{"{\"podName\":\"p\",\"batchSize\":1001}", "spec.batchSize", "1001 is not"},
		{"{\"podName\":\"p\",\"batchSize\":9223372036854775807}", "spec.batchSize", "9223372036854775807"},
		{"{\"podName\":\"p\",\"batchSize\":2.5}", "spec.batchSize", "whole number"},
		{"{\"podName\":\"p\",\"batchSize\":\"5\"}", "spec.batchSize", "whole number"},
		{"{\"podName\":\"p\",\"batchSize\":true}", "spec.batchSize", "whole number"},
		{"{\"podName\":\"p\",\"timeoutSeconds\":0}", "spec.timeoutSeconds", "0 is not"},
		{"{\"podName\":\"p\",\"timeoutSeconds\":-600}", "spec.timeoutSeconds", "-600 is not"},
		{"{\"podName\":\"p\",\"timeoutSeconds\":604801}", "spec.timeoutSeconds", "604801 is not"},
		{"{\"podName\":\"p\",\"timeoutSeconds\":\"10m\"}", "spec.timeoutSeconds", "whole number"},
		{"{\"podName\":\"p\",\"onTimeout\":\"hold\"}", "spec.onTimeout", "\"hold\""},
		{"{\"podName\":\"p\",\"onTimeout\":\"\"}", "spec.onTimeout", "empty"},
		{"{\"podName\":\"p\",\"onTimeout\":false}", "spec.onTimeout", "a text"},
		{"{\"podName\":\"p\",\"dryRun\":\"true\"}", "spec.dryRun", "true or false"},
		{"{\"podName\":\"p\",\"dryRun\":1}", "spec.dryRun", "true or false"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *object = with_spec(cases[i].spec);
		struct td_drain_object drain = read_good(object);

		if (!strstr(drain.invalid, cases[i].field) || !strstr(drain.invalid, cases[i].value))
			fail_msg("%s: \"%s\" does not name %s and %s", cases[i].spec, drain.invalid, cases[i].field,
				 cases[i].value);
		json_decref(object);
	}
}

static void dry_run_that_is_no_boolean_is_never_a_real_run(void **state)
{
	json_t *object = with_spec("{\"podName\":\"p\",\"dryRun\":\"true\"}");
	struct td_drain_object drain = read_good(object);

	(void)state;
	assert_true(drain.invalid[0] != '\0'); /* a request with a complaint is not run at all */
	assert_false(drain.dry_run);
	json_decref(object);
}

static void first_complaint_is_the_one_that_is_kept(void **state)
{
	json_t *object = with_spec("{\"onTimeout\":5,\"podName\":5,\"batchSize\":0}");
	struct td_drain_object drain = read_good(object);

	(void)state;
	assert_string_equal(drain.invalid, "spec.onTimeout: a text is expected");
	json_decref(object);
}

static void bad_spec_does_not_hide_what_has_been_done(void **state)
{
	json_t *object = with_spec("{\"podName\":5}");
	struct td_drain_object drain;

	(void)state;
	assert_int_equal(
		json_object_set_new(object, "status", parse("{\"phase\":\"Draining\",\"epoch\":4,\"captureID\":\"c\"}")), 0);
	drain = read_good(object);
	assert_true(drain.invalid[0] != '\0');
	assert_int_equal(drain.phase, TD_PHASE_DRAINING);
	assert_int_equal(drain.epoch, 4);
	assert_string_equal(drain.status_capture, "c");
	assert_int_equal(drain.created_wall_ms, CREATED_MS);
	json_decref(object);
}

static void unreadable_status_is_an_error_and_never_pending(void **state)
{
	static const struct {
		const char *status, *names;
	} cases[] = {
		{"\"Draining\"", "status"},
		{"[]", "status"},
		{"7", "status"},
		{"{\"phase\":\"draining\"}", "\"draining\""},
		{"{\"phase\":\"\"}", "status.phase"},
		{"{\"phase\":1}", "status.phase"},
		{"{\"phase\":\"Draining\",\"startTime\":\"yesterday\"}", "status.startTime"},
		{"{\"phase\":\"Draining\",\"startTime\":5}", "status.startTime"},
		{"{\"phase\":\"Draining\",\"epoch\":\"4\"}", "status.epoch"},
		{"{\"phase\":\"Draining\",\"epoch\":-4}", "status.epoch"},
		{"{\"phase\":\"Draining\",\"epoch\":1.5}", "status.epoch"},
		{"{\"phase\":\"Draining\",\"initial\":5}", "status.initial"},
		{"{\"phase\":\"Draining\",\"initial\":{\"maintainers\":-1}}", "status.initial"},
		{"{\"phase\":\"Draining\",\"initial\":{\"dispatchers\":4294967296}}", "status.initial"},
		{"{\"phase\":\"Draining\",\"initial\":{\"dispatchers\":\"5\"}}", "status.initial"},
		{"{\"phase\":\"Draining\",\"captureID\":5}", "status.captureID"},
		{"{\"phase\":\"Draining\",\"captureAddress\":[]}", "status.captureAddress"},
		{"{\"phase\":\"Draining\",\"podUID\":{}}", "status.podUID"},
		{"{\"phase\":\"Draining\",\"acknowledged\":[]}", "status.acknowledged"},
		{"{\"phase\":\"Draining\",\"acknowledged\":\"cap-1\"}", "status.acknowledged"},
		{"{\"phase\":\"Draining\",\"acknowledged\":{\"cap-1\":\"4\"}}", "status.acknowledged"},
		{"{\"phase\":\"Draining\",\"acknowledged\":{\"cap-1\":4,\"cap-2\":4.5}}", "status.acknowledged"},
		{"{\"phase\":\"Draining\",\"acknowledged\":{\"cap-1\":-4}}", "status.acknowledged"},
		{"{\"phase\":\"Draining\",\"acknowledged\":{\"cap-1\":null}}", "status.acknowledged"},
		{"{\"phase\":\"Draining\",\"acknowledged\":{\"\":4}}", "status.acknowledged"},
		{"{\"phase\":\"Draining\",\"acknowledged\":{\"" X50 X10 "xxxx\":4}}", "status.acknowledged"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *object = with_status(cases[i].status);
		struct td_drain_object drain;
		struct td_error err;

		if (td_drain_read(&drain, object, &err))
			fail_msg("%s was read as %s", cases[i].status, td_phase_name(drain.phase));
		assert_int_equal(err.code, TD_ERR_INVALID);
		if (!strstr(err.text, cases[i].names))
			fail_msg("%s: \"%s\" does not name %s", cases[i].status, err.text, cases[i].names);
		json_decref(object);
	}
}

static void absent_status_is_pending(void **state)
{
	static const char *const statuses[] = {"null", "{}", "{\"phase\":null,\"startTime\":null,\"initial\":null}"};

	(void)state;
	for (size_t i = 0; i < COUNT(statuses); i++) {
		json_t *object = with_status(statuses[i]);
		struct td_drain_object drain = read_good(object);

		assert_int_equal(drain.phase, TD_PHASE_PENDING);
		assert_int_equal(drain.epoch, 0);
		assert_int_equal(drain.started_wall_ms, 0);
		assert_string_equal(drain.status_capture, "");
		assert_string_equal(drain.message, "");
		json_decref(object);
	}
}

static void acknowledgements_are_read_with_their_epochs(void **state)
{
	static struct td_acknowledgement found[TD_ACKNOWLEDGED_MAX];
	json_t *object = with_status("{\"phase\":\"Draining\",\"epoch\":9007199254740993,\"acknowledged\":{\"cap-2\":"
				     "9007199254740993,\"cap.3\":0,\"" X50 X10 "xxx\":7}}");
	struct td_drain_object drain = read_good(object);

	(void)state;
	assert_int_equal(td_drain_acknowledgements(&drain, found), 3);
	assert_string_equal(found[0].capture, "cap-2");
	assert_true(found[0].epoch == drain.epoch);
	assert_string_equal(found[1].capture, "cap.3");
	assert_int_equal(found[1].epoch, 0);
	assert_int_equal(found[2].epoch, 7);
	assert_true(td_drain_acknowledged_by(&drain, "cap-2") == drain.epoch);
	assert_int_equal(td_drain_acknowledged_by(&drain, "cap-9"), 0);
	json_decref(object);
	object = with_status("{\"phase\":\"Draining\",\"acknowledged\":null}");
	drain = read_good(object);
	assert_int_equal(td_drain_acknowledgements(&drain, found), 0);
	assert_int_equal(td_drain_acknowledged_by(&drain, "cap-2"), 0);
	json_decref(object);
}

static void acknowledgements_have_a_limit_that_is_an_error(void **state)
{
	static struct td_acknowledgement found[TD_ACKNOWLEDGED_MAX];
	json_t *object = with_status("{\"phase\":\"Draining\",\"acknowledged\":{}}");
	json_t *acknowledged = td_json_at(object, "status.acknowledged");
	struct td_drain_object drain;
	struct td_error err;
	char capture[16];

	(void)state;
	for (int i = 0; i < TD_ACKNOWLEDGED_MAX; i++) {
		(void)snprintf(capture, sizeof(capture), "cap-%d", i);
		assert_int_equal(json_object_set_new(acknowledged, capture, json_integer(1)), 0);
	}
	drain = read_good(object);
	assert_int_equal(td_drain_acknowledgements(&drain, found), TD_ACKNOWLEDGED_MAX);
	assert_int_equal(json_object_set_new(acknowledged, "one-more", json_integer(1)), 0);
	assert_false(td_drain_read(&drain, object, &err));
	assert_non_null(strstr(err.text, "status.acknowledged"));
	json_decref(object);
}

/* The agents write it, each its own entry: a write of the coordinator that named it would undo theirs. */
static void writes_of_the_coordinator_leave_acknowledgements_alone(void **state)
{
	const struct td_witness_state witnesses[TD_WITNESS_COUNT] = {{.offered = false}};
	const struct td_drain_context context = {.worker = "ticdc-1", .pod_uid = "", .now_wall_ms = CREATED_MS};

	(void)state;
	for (int phase = 0; phase < TD_PHASE_COUNT; phase++) {
		json_t *object = with_status("{\"acknowledged\":{\"cap-2\":4}}");
		const struct td_request_view view = {.uid = "u",
						     .name = "d",
						     .phase = (enum td_phase)phase,
						     .message = "",
						     .pod = "p",
						     .capture = "cap-1",
						     .address = "",
						     .epoch = 5,
						     .blocked_by = "",
						     .witnesses = witnesses,
						     .coordinator = ""};
		json_t *patch = td_drain_status_patch(&view, &context);
		struct td_drain_object drain;

		assert_int_equal(json_object_update_recursive(object, patch), 0);
		drain = read_good(object);
		assert_int_equal(td_drain_acknowledged_by(&drain, "cap-2"), 4);
		json_decref(patch);
		json_decref(object);
	}
}

static void what_is_no_drainrequest_is_refused(void **state)
{
	static const char *const odd[] = {
		"{}",
		"[]",
		"{\"metadata\":{\"name\":\"d\",\"uid\":\"u\"}}",
		"{\"metadata\":{\"name\":\"d\",\"creationTimestamp\":\"2026-11-23T13:18:38Z\"}}",
		"{\"metadata\":{\"uid\":\"u\",\"creationTimestamp\":\"2026-11-23T13:18:38Z\"}}",
		"{\"metadata\":{\"name\":\"d\",\"uid\":\"u\",\"creationTimestamp\":\"x\"}}",
		"{\"metadata\":{\"name\":\"d\",\"uid\":\"" X50 X10 "xxxx\",\"creationTimestamp\":\"2026-11-23T13:18:38Z\"}}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(odd); i++) {
		json_t *object = parse(odd[i]);
		struct td_drain_object drain;
		struct td_error err;

		if (td_drain_read(&drain, object, &err))
			fail_msg("taken for a DrainRequest: %s", odd[i]);
		assert_int_equal(err.code, TD_ERR_INVALID);
		json_decref(object);
	}
}

/* The next coordinator begins with what the last one wrote. */
static void every_phase_is_read_back_as_it_was_written(void **state)
{
	const struct td_witness_state witnesses[TD_WITNESS_COUNT] = {{.offered = false}};
	const struct td_drain_context context = {.worker = "ticdc-1",
						 .pod_uid = "pod-uid",
						 .generation = 3,
						 .now_ms = 5000,
						 .now_wall_ms = CREATED_MS + 65000};

	json_t *object = with_status("{}"); /* patched phase by phase: Released leaves what the phases before it wrote */

	(void)state;
	for (int phase = 0; phase < TD_PHASE_COUNT; phase++) {
		const struct td_request_view view = {.uid = "u",
						     .name = "d",
						     .phase = (enum td_phase)phase,
						     .reason = TD_REASON_MOVING_MAINTAINERS,
						     .message = "moving",
						     .pod = "p",
						     .capture = "cap-1",
						     .address = "p.peer:8300",
						     .epoch = 9007199254740993,
						     .blocked_by = "",
						     .started = true,
						     .initial = {.maintainers = 3, .dispatchers = 4294967295},
						     .started_ms = 2000,
						     .witnesses = witnesses,
						     .coordinator = ""};
		json_t *patch = td_drain_status_patch(&view, &context), *again;
		struct td_drain_object drain;
		char *text;

		assert_non_null(patch);
		assert_int_equal(json_object_update_recursive(object, patch), 0);
		text = json_dumps(object, 0);
		again = parse(text);
		drain = read_good(again);
		assert_int_equal(drain.phase, phase);
		assert_true(drain.epoch == view.epoch);
		assert_string_equal(drain.status_capture, "cap-1");
		assert_string_equal(drain.status_address, "p.peer:8300");
		assert_string_equal(drain.status_pod_uid, "pod-uid");
		assert_string_equal(drain.reason, "MovingMaintainers");
		assert_string_equal(drain.message, "moving");
		assert_int_equal(drain.initial.maintainers, 3);
		assert_true(drain.initial.dispatchers == 4294967295);
		assert_int_equal(drain.started_wall_ms, CREATED_MS + 62000);
		assert_string_equal(drain.invalid, "");
		free(text);
		json_decref(again);
		json_decref(patch);
	}
	json_decref(object);
}

static const json_t *progressing_of(const json_t *patch)
{
	const json_t *conditions = td_json_at(patch, "status.conditions"), *condition;
	size_t i;

	json_array_foreach (conditions, i, condition)
		if (strcmp(td_json_text(condition, "type"), "Progressing") == 0)
			return condition;
	fail();
	return NULL;
}

static void open_request_is_progressing_unless_it_is_stalled(void **state)
{
	const struct td_witness_state witnesses[TD_WITNESS_COUNT] = {{.offered = false}};
	const struct td_drain_context context = {.worker = "ticdc-1", .pod_uid = "", .now_wall_ms = CREATED_MS};

	(void)state;
	for (int i = 0; i < 2 * TD_PHASE_COUNT; i++) {
		enum td_phase phase = (enum td_phase)(i / 2);
		bool stalled = i % 2 == 1, open = !td_phase_is_final(phase);
		const struct td_request_view view = {.phase = phase,
						     .reason = TD_REASON_MOVING_MAINTAINERS,
						     .message = "changefeed a does not move",
						     .pod = "p",
						     .capture = "",
						     .address = "",
						     .blocked_by = "",
						     .witnesses = witnesses,
						     .coordinator = "",
						     .stalled_ms = stalled ? 1000 : 0};
		json_t *patch;
		const json_t *condition;

		if (phase == TD_PHASE_RELEASED)
			continue; /* its write names no condition */
		patch = td_drain_status_patch(&view, &context);
		condition = progressing_of(patch);
		assert_string_equal(td_json_text(condition, "status"), open && !stalled ? "True" : "False");
		assert_string_equal(td_json_text(condition, "reason"), open && stalled ? "Stalled" : "MovingMaintainers");
		assert_string_equal(td_json_text(condition, "message"), "changefeed a does not move");
		json_decref(patch);
	}
}

/* The time of a condition is when it changed, however often it is written. */
static void stall_begins_once(void **state)
{
	const struct td_witness_state witnesses[TD_WITNESS_COUNT] = {{.offered = false}};
	struct td_drain_context context = {.worker = "ticdc-1", .pod_uid = ""};
	struct td_request_view view = {.phase = TD_PHASE_DRAINING,
				       .message = "",
				       .pod = "p",
				       .capture = "",
				       .address = "",
				       .blocked_by = "",
				       .witnesses = witnesses,
				       .coordinator = ""};
	static const struct {
		int64_t stalled_ms;
		const char *since;
	} steps[] = {
		{0, "2026-11-23T13:18:38Z"},	{0, "2026-11-23T13:18:38Z"},	{5000, "2026-11-23T13:18:40Z"},
		{5000, "2026-11-23T13:18:40Z"}, {9000, "2026-11-23T13:18:40Z"}, {0, "2026-11-23T13:18:43Z"},
	};
	json_t *before = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT(steps); i++) {
		context.now_wall_ms = CREATED_MS + (int64_t)i * 1000;
		context.conditions = td_json_at(before, "status.conditions");
		view.stalled_ms = steps[i].stalled_ms;
		json_t *patch = td_drain_status_patch(&view, &context);

		assert_string_equal(td_json_text(progressing_of(patch), "lastTransitionTime"), steps[i].since);
		json_decref(before);
		before = patch;
	}
	json_decref(before);
}

/* The two clocks that a date comes from are read one after the other. */
static void deadline_does_not_flicker_between_two_seconds(void **state)
{
	const struct td_witness_state witnesses[TD_WITNESS_COUNT] = {{.offered = false}};
	struct td_drain_context context = {.worker = "ticdc-1", .pod_uid = "", .now_ms = 1000};
	struct td_request_view view = {.phase = TD_PHASE_DRAINING,
				       .message = "",
				       .pod = "p",
				       .capture = "",
				       .address = "",
				       .blocked_by = "",
				       .witnesses = witnesses,
				       .coordinator = ""};
	static const struct {
		int64_t off_ms;
		const char *shown;
	} steps[] = {
		{-2, "2026-11-23T13:18:38Z"},	{0, "2026-11-23T13:18:38Z"},	 {3, "2026-11-23T13:18:38Z"},
		{501, "2026-11-23T13:18:38Z"},	{498, "2026-11-23T13:18:38Z"},	 {-501, "2026-11-23T13:18:38Z"},
		{5000, "2026-11-23T13:18:43Z"}, {-5000, "2026-11-23T13:18:33Z"},
	};
	json_t *before = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT(steps); i++) {
		json_t *patch;

		context.now_wall_ms = CREATED_MS + steps[i].off_ms;
		context.deadline = td_json_text(before, "status.deadline");
		view.deadline_ms = view.started_ms = 1000;
		patch = td_drain_status_patch(&view, &context);
		assert_string_equal(td_json_text(patch, "status.deadline"), steps[i].shown);
		json_decref(before);
		before = patch;
	}
	json_decref(before);
}

static void own_request_for_a_pod_is_a_good_one(void **state)
{
	(void)state;
	for (int hold = 0; hold < 2; hold++) {
		json_t *object = td_drain_for_pod("d", "ns", "ticdc", "p", "pod-uid", hold);
		struct td_drain_object drain;

		assert_non_null(object);
		assert_int_equal(
			json_object_update_new(json_object_get(object, "metadata"),
					       parse("{\"uid\":\"u\",\"creationTimestamp\":\"2026-11-23T13:18:38Z\"}")),
			0);
		drain = read_good(object);
		assert_string_equal(drain.invalid, "");
		assert_string_equal(drain.pod, "p");
		assert_int_equal(drain.hold, hold);
		json_decref(object);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_spec_is_read_whole),
		cmocka_unit_test(smallest_spec_takes_the_defaults),
		cmocka_unit_test(bounds_themselves_are_good),
		cmocka_unit_test(bad_spec_is_a_sentence_that_names_field_and_value),
		cmocka_unit_test(dry_run_that_is_no_boolean_is_never_a_real_run),
		cmocka_unit_test(first_complaint_is_the_one_that_is_kept),
		cmocka_unit_test(bad_spec_does_not_hide_what_has_been_done),
		cmocka_unit_test(unreadable_status_is_an_error_and_never_pending),
		cmocka_unit_test(absent_status_is_pending),
		cmocka_unit_test(acknowledgements_are_read_with_their_epochs),
		cmocka_unit_test(acknowledgements_have_a_limit_that_is_an_error),
		cmocka_unit_test(writes_of_the_coordinator_leave_acknowledgements_alone),
		cmocka_unit_test(what_is_no_drainrequest_is_refused),
		cmocka_unit_test(every_phase_is_read_back_as_it_was_written),
		cmocka_unit_test(open_request_is_progressing_unless_it_is_stalled),
		cmocka_unit_test(stall_begins_once),
		cmocka_unit_test(deadline_does_not_flicker_between_two_seconds),
		cmocka_unit_test(own_request_for_a_pod_is_a_good_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
