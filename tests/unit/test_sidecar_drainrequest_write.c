/* Writing DrainRequests: the status patch says what the view says and nothing else, unknown is never a number, and neither odd text
 * nor a lack of memory makes half a patch. What is written is read back in test_sidecar_drainrequest.c. */
#include "sidecar/drainrequest.h"

#include "base/json.h"
#include "base_test.h"

#define NOW_WALL_MS 1795439918000 /* 2026-11-23T13:18:38Z */
#define NOW_MS 100000
#define BROKEN "a\xff\xc3" /* no UTF-8: a byte that never stands there, and half a character */
#define MENDED "a??"

static const struct td_witness_state none_offered[TD_WITNESS_COUNT];

static struct td_request_view draining_view(void)
{
	return (struct td_request_view){.uid = "u",
					.name = "d",
					.phase = TD_PHASE_DRAINING,
					.reason = TD_REASON_MOVING_MAINTAINERS,
					.message = "moving",
					.family = TD_FAMILY_MANAGED,
					.pod = "ticdc-2",
					.capture = "cap-2",
					.address = "ticdc-2.peer:8300",
					.epoch = 7,
					.blocked_by = "",
					.started = true,
					.initial = {.maintainers = 3, .dispatchers = 40},
					.remaining = {.maintainers = 2, .dispatchers = 4294967295},
					.moved = {.maintainers = 1, .dispatchers = 30},
					.progress_percent = 72,
					.started_ms = NOW_MS - 60000,
					.deadline_ms = NOW_MS + 3600000,
					.eta_ms = NOW_MS + 15000,
					.witnesses = none_offered,
					.coordinator = "cap-0"};
}

static struct td_drain_context context_of(json_t *conditions)
{
	return (struct td_drain_context){.worker = "ticdc-1",
					 .pod_uid = "pod-uid",
					 .generation = 5,
					 .now_ms = NOW_MS,
					 .now_wall_ms = NOW_WALL_MS,
					 .conditions = conditions};
}

static json_t *patch_of(const struct td_request_view *view, json_t *conditions)
{
	const struct td_drain_context context = context_of(conditions);
	json_t *patch = td_drain_status_patch(view, &context);

	assert_non_null(patch);
	return patch;
}

/* value: JSON; "missing" for no such member. */
static void has(const json_t *root, const char *path, const char *value)
{
	json_t *at = (json_t *)(void *)(uintptr_t)root;
	char steps[128], *rest = steps, *step, *text;

	(void)snprintf(steps, sizeof(steps), "%s", path);
	while (at && (step = strsep(&rest, ".")))
		at = json_is_array(at) ? json_array_get(at, (size_t)atoi(step)) : json_object_get(at, step);
	text = at ? json_dumps(at, JSON_ENCODE_ANY | JSON_COMPACT) : strdup("missing");
	if (strcmp(text, value) != 0)
		fail_msg("%s is %s, not %s", path, text, value);
	free(text);
}

static size_t field_count(void)
{
	size_t count = 0;

	while (td_drain_status_fields[count])
		count++;
	return count;
}

/* ---- the status ---- */

static void status_says_what_the_view_says(void **state)
{
	const struct td_request_view view = draining_view();
	json_t *patch = patch_of(&view, NULL);

	(void)state;
	has(patch, "status.phase", "\"Draining\"");
	has(patch, "status.reason", "\"MovingMaintainers\"");
	has(patch, "status.message", "\"moving\"");
	has(patch, "status.captureID", "\"cap-2\"");
	has(patch, "status.captureAddress", "\"ticdc-2.peer:8300\"");
	has(patch, "status.podName", "\"ticdc-2\"");
	has(patch, "status.podUID", "\"pod-uid\"");
	has(patch, "status.family", "\"M\"");
	has(patch, "status.epoch", "7");
	has(patch, "status.coordinator", "\"ticdc-1\"");
	has(patch, "status.queuePosition", "null");
	has(patch, "status.blockedBy", "null");
	has(patch, "status.initial", "{\"maintainers\":3,\"dispatchers\":40}");
	has(patch, "status.remaining", "{\"maintainers\":2,\"dispatchers\":4294967295}");
	has(patch, "status.moved", "{\"maintainers\":1,\"dispatchers\":30}");
	has(patch, "status.progress", "{\"maintainers\":\"1/3\",\"dispatchers\":\"30/40\"}");
	has(patch, "status.progressPercent", "72");
	has(patch, "status.startTime", "\"2026-11-23T13:17:38Z\"");
	has(patch, "status.estimatedCompletionTime", "\"2026-11-23T13:18:53Z\"");
	has(patch, "status.deadline", "\"2026-11-23T14:18:38Z\"");
	has(patch, "status.completionTime", "null");
	has(patch, "status.witnesses", "[]");
	has(patch, "status.observedGeneration", "5");
	assert_int_equal(json_object_size(patch), 1); /* the spec is never touched */
	json_decref(patch);
}

/* The agents' proof and acknowledgements are not the coordinator's to write; all other fields are, each time. */
static void status_holds_every_field_but_those_of_the_agents(void **state)
{
	const struct td_request_view view = draining_view();
	json_t *patch = patch_of(&view, NULL), *status = json_object_get(patch, "status");

	(void)state;
	for (size_t i = 0; td_drain_status_fields[i]; i++)
		if (!json_object_get(status, td_drain_status_fields[i]) !=
		    (strcmp(td_drain_status_fields[i], "proof") == 0 ||
		     strcmp(td_drain_status_fields[i], "acknowledged") == 0))
			fail_msg("%s", td_drain_status_fields[i]);
	assert_int_equal(json_object_size(status), field_count() - 2);
	json_decref(patch);
}

/* null removes the member: what is not known is not shown as zero or as an empty text. */
static void what_is_not_known_is_removed(void **state)
{
	static const char *const absent[] = {
		"captureID",
		"captureAddress",
		"podName",
		"podUID",
		"blockedBy",
		"initial",
		"remaining",
		"moved",
		"progress",
		"startTime",
		"completionTime",
		"deadline",
		"estimatedCompletionTime",
		"queuePosition",
	};
	const struct td_request_view view = {.phase = TD_PHASE_PENDING,
					     .message = "",
					     .pod = "",
					     .capture = "",
					     .address = "",
					     .blocked_by = "",
					     .witnesses = none_offered,
					     .coordinator = ""};
	struct td_drain_context context = context_of(NULL);
	json_t *patch;

	(void)state;
	context.pod_uid = "";
	patch = td_drain_status_patch(&view, &context);
	for (size_t i = 0; i < COUNT(absent); i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "status.%s", absent[i]);
		has(patch, path, "null");
	}
	has(patch, "status.phase", "\"Pending\"");
	has(patch, "status.reason", "\"None\"");
	has(patch, "status.message", "\"\"");
	has(patch, "status.family", "\"Unknown\"");
	json_decref(patch);
}

static void request_in_the_queue_says_where_and_behind_whom(void **state)
{
	struct td_request_view view = draining_view();
	json_t *patch;

	(void)state;
	view.phase = TD_PHASE_PENDING;
	view.queue_position = 2;
	view.blocked_by = "ticdc-1";
	patch = patch_of(&view, NULL);
	has(patch, "status.queuePosition", "2");
	has(patch, "status.blockedBy", "\"ticdc-1\"");
	json_decref(patch);
}

static void finished_request_expects_no_end(void **state)
{
	struct td_request_view view = draining_view();
	json_t *patch;

	(void)state;
	view.completed_ms = NOW_MS - 1000;
	for (int phase = 0; phase < TD_PHASE_COUNT; phase++) {
		view.phase = (enum td_phase)phase;
		if (phase == TD_PHASE_RELEASED)
			continue;
		patch = patch_of(&view, NULL);
		has(patch, "status.estimatedCompletionTime",
		    td_phase_is_final(view.phase) ? "null" : "\"2026-11-23T13:18:53Z\"");
		has(patch, "status.completionTime", "\"2026-11-23T13:18:37Z\"");
		json_decref(patch);
	}
}

static void witnesses_say_zero_only_when_they_know(void **state)
{
	const struct td_witness_state witnesses[TD_WITNESS_COUNT] = {
		[TD_WITNESS_ANSWER] = {.offered = true, .zero = true}, /* never asked */
		[TD_WITNESS_CLUSTER] = {.offered = true, .zero = true, .last_ms = NOW_MS - 2000, .note = "no answer"},
		[TD_WITNESS_PROCESS] = {.offered = true,
					.known = true,
					.last_ms = NOW_MS,
					.counts = {.maintainers = 1, .dispatchers = 2, .triggers = 3, .brokers = 4}},
	};
	struct td_witness_state agreed[TD_WITNESS_COUNT] = {
		[TD_WITNESS_CLUSTER] = {
			.offered = true, .zero = true, .known = true, .settled = true, .reads = 2, .last_ms = NOW_MS}};
	struct td_request_view view = draining_view();
	json_t *patch;

	(void)state;
	view.witnesses = witnesses;
	patch = patch_of(&view, NULL);
	has(patch, "status.witnesses.0.name", "\"answer\"");
	has(patch, "status.witnesses.0.says", "\"NotAsked\"");
	has(patch, "status.witnesses.0.time", "null");
	has(patch, "status.witnesses.0.note", "null");
	has(patch, "status.witnesses.1.name", "\"cluster\"");
	has(patch, "status.witnesses.1.says", "\"Unknown\"");
	has(patch, "status.witnesses.1.note", "\"no answer\"");
	has(patch, "status.witnesses.1.time", "\"2026-11-23T13:18:36Z\"");
	has(patch, "status.witnesses.2",
	    "{\"name\":\"process\",\"says\":\"NotZero\",\"settled\":false,\"consecutiveZeros\":0,\"maintainers\":1,"
	    "\"dispatchers\":2,\"triggers\":3,\"brokers\":4,\"note\":null,\"time\":\"2026-11-23T13:18:38Z\","
	    "\"captureID\":\"cap-2\",\"ticdcCoordinator\":\"cap-0\"}");
	has(patch, "status.witnesses.3", "missing");
	json_decref(patch);

	view.witnesses = agreed; /* those that are not offered are not shown */
	patch = patch_of(&view, NULL);
	has(patch, "status.witnesses.0.name", "\"cluster\"");
	has(patch, "status.witnesses.0.says", "\"Zero\"");
	has(patch, "status.witnesses.0.settled", "true");
	has(patch, "status.witnesses.0.consecutiveZeros", "2");
	has(patch, "status.witnesses.1", "missing");
	json_decref(patch);
}

/* ---- conditions ---- */

static void conditions_follow_the_phase(void **state)
{
	static const struct {
		enum td_phase phase;
		const char *progressing, *drained, *failed;
	} cases[] = {
		{TD_PHASE_PENDING, "\"True\"", "\"False\"", "\"False\""},
		{TD_PHASE_DRAINING, "\"True\"", "\"False\"", "\"False\""},
		{TD_PHASE_VERIFYING, "\"True\"", "\"False\"", "\"False\""},
		{TD_PHASE_DRAINED, "\"False\"", "\"True\"", "\"False\""},
		{TD_PHASE_FAILED, "\"False\"", "\"False\"", "\"True\""},
		{TD_PHASE_TIMED_OUT, "\"False\"", "\"False\"", "\"True\""},
		{TD_PHASE_CANCELLED, "\"False\"", "\"False\"", "\"True\""},
		{TD_PHASE_UNSUPPORTED, "\"False\"", "\"False\"", "\"True\""},
	};
	struct td_request_view view = draining_view();

	(void)state;
	assert_int_equal(COUNT(cases), TD_PHASE_COUNT - 1); /* all but Released */
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *patch;

		view.phase = cases[i].phase;
		patch = patch_of(&view, NULL);
		has(patch, "status.conditions.0.type", "\"Progressing\"");
		has(patch, "status.conditions.0.status", cases[i].progressing);
		has(patch, "status.conditions.1.type", "\"Drained\"");
		has(patch, "status.conditions.1.status", cases[i].drained);
		has(patch, "status.conditions.2.type", "\"Failed\"");
		has(patch, "status.conditions.2.status", cases[i].failed);
		has(patch, "status.conditions.2.reason", "\"MovingMaintainers\"");
		has(patch, "status.conditions.2.message", "\"moving\"");
		has(patch, "status.conditions.2.observedGeneration", "5");
		has(patch, "status.conditions.3", "missing");
		json_decref(patch);
	}
}

/* Reason and message may change as often as they like. */
static void transition_time_is_that_of_the_last_change_of_status(void **state)
{
	struct td_request_view view = draining_view();
	json_t *old = json_pack("[{s:s,s:s,s:s},{s:s,s:s,s:s},{s:s,s:s}]", "type", "Drained", "status", "True",
				"lastTransitionTime", "2026-01-01T00:00:00Z", "type", "Progressing", "status", "True",
				"lastTransitionTime", "2026-01-02T00:00:00Z", "type", "Failed", "status", "False");
	json_t *patch = patch_of(&view, old);

	(void)state;
	has(patch, "status.conditions.0.lastTransitionTime", "\"2026-01-02T00:00:00Z\""); /* stays True */
	has(patch, "status.conditions.1.lastTransitionTime", "\"2026-11-23T13:18:38Z\""); /* was True */
	has(patch, "status.conditions.2.lastTransitionTime", "\"2026-11-23T13:18:38Z\""); /* had none */
	json_decref(patch);
	view.phase = TD_PHASE_DRAINED;
	patch = patch_of(&view, old);
	has(patch, "status.conditions.0.lastTransitionTime", "\"2026-11-23T13:18:38Z\"");
	has(patch, "status.conditions.1.lastTransitionTime", "\"2026-01-01T00:00:00Z\"");
	json_decref(patch);
	json_decref(old);
}

static void odd_conditions_are_replaced(void **state)
{
	static const char *const odd[] = {"{}", "\"x\"", "[null,7,\"x\",[],{},{\"type\":5,\"status\":\"True\"}]",
					  "[{\"type\":\"Progressing\",\"status\":true,\"lastTransitionTime\":\"x\"}]",
					  "[{\"type\":\"Progressing\",\"status\":\"True\",\"lastTransitionTime\":5}]"};
	const struct td_request_view view = draining_view();

	(void)state;
	for (size_t i = 0; i < COUNT(odd); i++) {
		json_t *conditions = json_loads(odd[i], JSON_DECODE_ANY, NULL), *patch = patch_of(&view, conditions);

		has(patch, "status.conditions.0.lastTransitionTime", "\"2026-11-23T13:18:38Z\"");
		json_decref(patch);
		json_decref(conditions);
	}
}

/* ---- release ---- */

/* A coordinator that came later knows less than what is written there already. */
static void released_phase_touches_nothing_but_phase_and_reason(void **state)
{
	struct td_request_view view = draining_view();
	json_t *patch;

	(void)state;
	view.phase = TD_PHASE_RELEASED;
	view.reason = TD_REASON_CAPTURE_GONE;
	patch = patch_of(&view, NULL);
	has(patch, "status", "{\"phase\":\"Released\",\"reason\":\"CaptureGone\"}");
	json_decref(patch);
}

static void proof_is_the_outcome_and_the_last_look(void **state)
{
	const struct td_process_view look = {.known = true,
					     .capture = "cap-2",
					     .counts = {.maintainers = 1, .dispatchers = 2, .triggers = 3, .brokers = 4}};
	const struct td_process_view unknown = {.known = false, .why = "refused", .capture = "cap-2"};
	const struct td_process_view *looks[] = {NULL, &unknown};
	json_t *patch =
		td_drain_released_patch(TD_PHASE_RELEASED, "Drained", "proven empty", "all said so", NOW_WALL_MS, &look);

	(void)state;
	has(patch, "status",
	    "{\"phase\":\"Released\",\"proof\":{\"outcome\":\"Drained\",\"message\":\"proven empty\","
	    "\"evidence\":\"all said so\",\"releaseTime\":"
	    "\"2026-11-23T13:18:38Z\",\"process\":{\"captureID\":\"cap-2\",\"maintainers\":1,\"dispatchers\":2,"
	    "\"triggers\":3,\"brokers\":4}}}");
	json_decref(patch);
	for (size_t i = 0; i < COUNT(looks); i++) {
		patch = td_drain_released_patch(TD_PHASE_TIMED_OUT, "TimedOut", "too late", "one did not", NOW_WALL_MS,
						looks[i]);
		has(patch, "status.phase", "\"TimedOut\"");
		has(patch, "status.proof.outcome", "\"TimedOut\"");
		has(patch, "status.proof.process", "null"); /* that nobody looked is no zero */
		json_decref(patch);
	}
}

static void own_request_is_owned_by_its_pod(void **state)
{
	json_t *object = td_drain_for_pod("d", "ns", "ticdc", "p", "pod-uid", true);

	(void)state;
	has(object, "apiVersion", "\"drain.ticdc.dev/v1alpha1\"");
	has(object, "kind", "\"DrainRequest\"");
	has(object, "metadata.name", "\"d\"");
	has(object, "metadata.namespace", "\"ns\"");
	has(object, "metadata.ownerReferences",
	    "[{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":\"p\",\"uid\":\"pod-uid\"}]");
	has(object, "spec", "{\"podName\":\"p\",\"reason\":\"the pod is terminating\",\"onTimeout\":\"Hold\"}");
	has(object, "status", "missing");
	json_decref(object);
}

static void wish_becomes_a_request_that_names_who_asked(void **state)
{
	const struct td_drain_wish all = {"d", "ns", "other", "c-1", "ann", 7, 600, true};
	const struct td_drain_wish least = {
		.name = "d", .namespace_ = "ns", .cluster = "ticdc", .capture = "c-1", .user = "u"};
	struct td_drain_object drain;
	struct td_error err;
	json_t *object = td_drain_for_capture(&least);

	(void)state;
	has(object, "spec", "{\"captureID\":\"c-1\",\"reason\":\"asked for by u through the API\"}");
	json_decref(object);
	object = td_drain_for_capture(&all);
	has(object, "apiVersion", "\"drain.ticdc.dev/v1alpha1\"");
	has(object, "kind", "\"DrainRequest\"");
	has(object, "metadata.name", "\"d\"");
	has(object, "metadata.namespace", "\"ns\"");
	assert_string_equal(td_drain_cluster(object), "other");
	has(object, "status", "missing");
	assert_int_equal(json_object_set_new(json_object_get(object, "metadata"), "uid", json_string("u")), 0);
	assert_int_equal(json_object_set_new(json_object_get(object, "metadata"), "creationTimestamp",
					     json_string("2026-11-23T13:18:38Z")),
			 0);
	assert_true(td_drain_read(&drain, object, &err));
	assert_string_equal(drain.invalid, "");
	assert_string_equal(drain.capture, "c-1");
	assert_int_equal(drain.batch_size, 7);
	assert_int_equal(drain.timeout_seconds, 600);
	assert_true(drain.dry_run && !drain.hold);
	has(object, "spec.reason", "\"asked for by ann through the API\"");
	json_decref(object);
}

/* ---- odd text, no memory ---- */

static void text_that_is_no_utf8_is_mended(void **state)
{
	const struct td_witness_state witnesses[TD_WITNESS_COUNT] = {{.offered = true, .note = BROKEN}};
	const struct td_process_view look = {.known = true, .capture = BROKEN};
	struct td_drain_context context = context_of(NULL);
	struct td_request_view view = draining_view();
	char text[2 * TD_TEXT_MAX];
	json_t *patch;

	(void)state;
	view.message = view.pod = view.capture = view.address = view.blocked_by = view.coordinator = BROKEN;
	view.witnesses = witnesses;
	context.pod_uid = BROKEN;
	patch = td_drain_status_patch(&view, &context);
	assert_non_null(patch);
	has(patch, "status.message", "\"" MENDED "\"");
	has(patch, "status.podName", "\"" MENDED "\"");
	has(patch, "status.podUID", "\"" MENDED "\"");
	has(patch, "status.captureID", "\"" MENDED "\"");
	has(patch, "status.captureAddress", "\"" MENDED "\"");
	has(patch, "status.blockedBy", "\"" MENDED "\"");
	has(patch, "status.witnesses.0.note", "\"" MENDED "\"");
	has(patch, "status.witnesses.0.ticdcCoordinator", "\"" MENDED "\"");
	has(patch, "status.conditions.0.message", "\"" MENDED "\"");
	json_decref(patch);

	patch = td_drain_released_patch(TD_PHASE_FAILED, "Failed", BROKEN, BROKEN, NOW_WALL_MS, &look);
	assert_non_null(patch);
	has(patch, "status.proof.message", "\"" MENDED "\"");
	has(patch, "status.proof.process.captureID", "\"" MENDED "\"");
	json_decref(patch);

	memset(text, '\xff', sizeof(text) - 1); /* longer than a message may be */
	text[sizeof(text) - 1] = '\0';
	view.message = text;
	patch = patch_of(&view, NULL);
	assert_int_equal(strlen(td_json_text(patch, "status.message")), strspn(td_json_text(patch, "status.message"), "?"));
	json_decref(patch);
}

static void good_utf8_is_left_alone(void **state)
{
	struct td_request_view view = draining_view();
	json_t *patch;

	(void)state;
	view.message = "d\xc3\xa9plac\xc3\xa9 \"1\"\n\t\x01";
	patch = patch_of(&view, NULL);
	assert_string_equal(td_json_text(patch, "status.message"), view.message);
	json_decref(patch);
}

static int allocations_left;

static void *failing_malloc(size_t size)
{
	return allocations_left-- > 0 ? malloc(size) : NULL;
}

/* Whichever allocation fails: nothing, or the whole; never a patch that lacks a member. The address sanitizer sees to leaks. */
static void patch_is_whole_or_there_is_none(void **state)
{
	const struct td_drain_wish wish = {"d", "ns", "other", "c-1", "ann", 7, 600, true};
	const struct td_witness_state witnesses[TD_WITNESS_COUNT] = {{.offered = true, .note = "n"}, {.offered = true}};
	const struct td_process_view look = {.known = true, .capture = "cap-2"};
	struct td_request_view view = draining_view();
	const struct td_drain_context context = context_of(NULL);

	(void)state;
	view.witnesses = witnesses;
	for (int what = 0; what < 4; what++) {
		json_t *whole = NULL, *patch = NULL;

		for (int allowed = -1; allowed < 10000 && (allowed < 1 || !patch); allowed++) {
			allocations_left = allowed < 0 ? 10000 : allowed;
			json_set_alloc_funcs(failing_malloc, free);
			patch = what == 0   ? td_drain_status_patch(&view, &context)
				: what == 1 ? td_drain_for_pod("d", "ns", "ticdc", "p", "u", false)
				: what == 2
					? td_drain_for_capture(&wish)
					: td_drain_released_patch(TD_PHASE_FAILED, "Failed", "m", "e", NOW_WALL_MS, &look);
			json_set_alloc_funcs(malloc, free);
			if (allowed < 0)
				whole = patch, patch = NULL;
			else if (patch && !json_equal(patch, whole))
				fail_msg("kind %d with %d allocations is not whole", what, allowed);
			assert_non_null(whole);
		}
		assert_non_null(patch);
		json_decref(patch);
		json_decref(whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_says_what_the_view_says),
		cmocka_unit_test(status_holds_every_field_but_those_of_the_agents),
		cmocka_unit_test(what_is_not_known_is_removed),
		cmocka_unit_test(request_in_the_queue_says_where_and_behind_whom),
		cmocka_unit_test(finished_request_expects_no_end),
		cmocka_unit_test(witnesses_say_zero_only_when_they_know),
		cmocka_unit_test(conditions_follow_the_phase),
		cmocka_unit_test(transition_time_is_that_of_the_last_change_of_status),
		cmocka_unit_test(odd_conditions_are_replaced),
		cmocka_unit_test(released_phase_touches_nothing_but_phase_and_reason),
		cmocka_unit_test(proof_is_the_outcome_and_the_last_look),
		cmocka_unit_test(own_request_is_owned_by_its_pod),
		cmocka_unit_test(wish_becomes_a_request_that_names_who_asked),
		cmocka_unit_test(text_that_is_no_utf8_is_mended),
		cmocka_unit_test(good_utf8_is_left_alone),
		cmocka_unit_test(patch_is_whole_or_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
