/* The acknowledger with real informers and clients, against a scripted peer that plays the API server and the pod's own TiCDC in one
 * process and one loop. What is claimed about "never" is shown over several of its own retries. */
#include "sidecar/acknowledge.h"

#include "base/json.h"
#include "base/log.h"
#include "kube_peer.h"
#include "sidecar/cluster_view.h"
#include "sidecar/drainrequest.h"

#define POD "ticdc-0"
#define UID "0123abcd-4567"
#define PODS "/api/v1/namespaces/ns/pods"
#define DRAINS "/apis/drain.ticdc.dev/v1alpha1/namespaces/ns/drainrequests"
#define LOOK_MS 2
#define QUIET_MS 450 /* longer than its first pause */

struct test {
	struct peer peer;
	struct td_ticdc_client *ticdc;
	struct td_informer *pods, *drains;
	struct td_acknowledger *acknowledger;
	struct td_timer *look;
	char address[64];

	bool (*until)(const struct test *test);
	int count; /* for until */
	int64_t until_ms;

	json_t *pod; /* as listed; NULL: none */
	struct evhttp_request *pod_watch, *drain_watch, *held;
	int version;

	int patch_status;      /* 0: the write is held open */
	const char *bad_drain; /* writes to this one are answered with bad_status */
	int bad_status;
	int patches, bad_patches, most_open, open;
	char last[512]; /* "URI BODY" of the last write */

	const char *capture; /* what the process says */
	int status_status, asks;
};

/* ---- the peer ---- */

static json_t *pod_object(struct test *test, const char *uid, bool terminating)
{
	json_t *pod = json_pack("{s:{s:s, s:s, s:o}}", "metadata", "name", POD, "uid", uid, "resourceVersion",
				json_sprintf("%d", ++test->version));

	assert_non_null(pod);
	if (terminating)
		assert_int_equal(json_object_set_new(json_object_get(pod, "metadata"), "deletionTimestamp",
						     json_string("2036-11-23T13:18:38Z")),
				 0);
	return pod;
}

static void reply_list(struct test *test, const struct peer_request *request, json_t *items)
{
	peer_reply_json(request, 200,
			json_pack("{s:{s:o}, s:o}", "metadata", "resourceVersion", json_sprintf("%d", ++test->version),
				  "items", items));
}

static void answer_pods(struct test *test, const struct peer_request *request)
{
	if (strstr(request->uri, "watch=")) {
		test->pod_watch = request->http;
		peer_stream_begin(&test->peer, request);
	} else {
		reply_list(test, request, test->pod ? json_pack("[O]", test->pod) : json_array());
	}
}

static void answer_patch(struct test *test, const struct peer_request *request)
{
	bool bad = test->bad_drain && strstr(request->uri, test->bad_drain);
	int status = bad ? test->bad_status : test->patch_status;

	(void)snprintf(test->last, sizeof(test->last), "%s %s", request->uri, request->body);
	test->patches++;
	test->bad_patches += bad;
	test->open++;
	test->most_open = test->open > test->most_open ? test->open : test->most_open;
	if (status == 0) {
		test->held = request->http;
		peer_replace_stream(&test->peer, NULL, request->http);
		return;
	}
	test->open--;
	if (status == 200)
		peer_reply(request, 200, "{}");
	else
		peer_refuse(request, status, "Scripted", "scripted");
}

static void answer_drains(struct test *test, const struct peer_request *request)
{
	if (strcmp(request->method, "PATCH") == 0) {
		answer_patch(test, request);
	} else if (strstr(request->uri, "watch=")) {
		test->drain_watch = request->http;
		peer_stream_begin(&test->peer, request);
	} else {
		reply_list(test, request, json_array());
	}
}

static void answer_ticdc(struct test *test, const struct peer_request *request)
{
	char text[256];

	assert_string_equal(request->uri, "/status");
	test->asks++;
	peer_set_header(request, "Content-Type", "application/json; charset=utf-8");
	(void)snprintf(text, sizeof(text), "{\"version\":\"v\",\"id\":\"%s\",\"pid\":7,\"is_owner\":false,\"liveness\":0}",
		       test->capture);
	peer_reply(request, test->status_status, text);
}

static void on_request(struct peer *peer, const struct peer_request *request)
{
	struct test *test = peer->test;

	if (strncmp(request->uri, PODS, strlen(PODS)) == 0)
		answer_pods(test, request);
	else if (strncmp(request->uri, DRAINS, strlen(DRAINS)) == 0)
		answer_drains(test, request);
	else
		answer_ticdc(test, request);
}

static void push(struct evhttp_request *watch, const char *type, json_t *object)
{
	json_t *event = json_pack("{s:s, s:o}", "type", type, "object", object);
	char *text = json_dumps(event, JSON_COMPACT);

	assert_non_null(text);
	peer_stream_send(watch, text, strlen(text));
	peer_stream_send(watch, "\n", 1);
	free(text);
	json_decref(event);
}

/* acknowledged: JSON, or NULL. */
static void push_drain(struct test *test, const char *name, const char *phase, const char *target, int epoch,
		       const char *acknowledged)
{
	json_t *drain = json_pack("{s:{s:s, s:s, s:s, s:o}, s:{s:s}, s:{s:s, s:s, s:i}}", "metadata", "name", name, "uid",
				  name, "creationTimestamp", "2026-11-23T13:18:38Z", "resourceVersion",
				  json_sprintf("%d", ++test->version), "spec", "podName", "ticdc-2", "status", "phase",
				  phase, "captureID", target, "epoch", epoch);

	assert_non_null(drain);
	if (acknowledged)
		assert_int_equal(json_object_set_new(json_object_get(drain, "status"), "acknowledged",
						     json_loads(acknowledged, 0, NULL)),
				 0);
	push(test->drain_watch, "ADDED", drain);
}

static void assert_written(const struct test *test, const char *name, const char *capture, int epoch)
{
	char wanted[512];

	(void)snprintf(wanted, sizeof(wanted), DRAINS "/%s/status {\"status\":{\"acknowledged\":{\"%s\":%d}}}", name,
		       capture, epoch);
	assert_string_equal(test->last, wanted); /* nothing else: no version, no other field */
}

/* ---- waiting ---- */

static void on_look(void *userdata)
{
	struct test *test = userdata;

	if (test->until(test))
		td_loop_stop(test->peer.loop);
	else
		td_timer_arm(test->look, LOOK_MS);
}

static void run_until(struct test *test, bool (*until)(const struct test *test), int count)
{
	test->until = until;
	test->count = count;
	td_timer_arm(test->look, 0);
	peer_run(&test->peer);
}

static bool has_watches(const struct test *test)
{
	return test->pod_watch && test->drain_watch;
}

static bool has_written(const struct test *test)
{
	return test->patches >= test->count;
}

static bool has_asked(const struct test *test)
{
	return test->asks >= test->count;
}

static bool time_is_over(const struct test *test)
{
	return td_loop_now_ms(test->peer.loop) >= test->until_ms;
}

static void run_for(struct test *test, int64_t ms)
{
	test->until_ms = td_loop_now_ms(test->peer.loop) + ms;
	run_until(test, time_is_over, 0);
}

static void assert_silent(struct test *test)
{
	int asks = test->asks, patches = test->patches;

	run_for(test, QUIET_MS);
	assert_int_equal(test->asks, asks);
	assert_int_equal(test->patches, patches);
}

/* ---- one acknowledger ---- */

static void on_changed(enum td_informer_change change, const char *name, json_t *object, void *userdata)
{
	struct test *test = userdata;

	(void)change, (void)name, (void)object;
	td_acknowledger_changed(test->acknowledger);
}

static void on_synced(void *userdata)
{
	td_acknowledger_changed(((struct test *)userdata)->acknowledger);
}

static int setup_with(void **state, const char *pod_uid, bool terminating)
{
	static const struct td_informer_handlers handlers = {.changed = on_changed, .synced = on_synced};
	const struct td_informer_options pods = {.resource = &td_pods, .namespace_ = "ns", .project = td_pod_project};
	const struct td_informer_options drains = {
		.resource = &td_drainrequests, .namespace_ = "ns", .project = td_drain_project};
	struct test *test = calloc(1, sizeof(*test));

	*state = test;
	peer_start(&test->peer, on_request, test);
	test->patch_status = test->status_status = 200;
	test->capture = "cap-0";
	test->pod = pod_uid ? pod_object(test, pod_uid, terminating) : NULL;
	(void)snprintf(test->address, sizeof(test->address), "%s", test->peer.server + strlen("http://"));
	test->look = td_timer_new(test->peer.loop, on_look, test);
	test->ticdc =
		td_ticdc_client_new(test->peer.loop, test->peer.http, &(struct td_ticdc_options){.connect_timeout_ms = 0});
	test->pods = td_informer_new(test->peer.loop, test->peer.client, &pods, &handlers, test);
	test->drains = td_informer_new(test->peer.loop, test->peer.client, &drains, &handlers, test);
	assert_true(test->look && test->ticdc && test->pods && test->drains);
	test->acknowledger = td_acknowledger_new(&(struct td_acknowledger_options){.loop = test->peer.loop,
										   .kube = test->peer.client,
										   .ticdc = test->ticdc,
										   .pods = test->pods,
										   .drains = test->drains,
										   .namespace_ = "ns",
										   .pod_name = POD,
										   .pod_uid = UID,
										   .ticdc_address = test->address});
	assert_non_null(test->acknowledger);
	run_until(test, has_watches, 0);
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, UID, false);
}

static int teardown(void **state)
{
	struct test *test = *state;

	assert_null(td_acknowledger_free(test->acknowledger));
	td_informer_free(test->pods);
	td_informer_free(test->drains);
	td_ticdc_client_free(test->ticdc);
	td_timer_free(test->look);
	json_decref(test->pod);
	peer_stop(&test->peer);
	free(test);
	return 0;
}

/* ---- what is acknowledged ---- */

static void drain_of_another_capture_is_acknowledged_once_for_each_epoch(void **state)
{
	struct test *test = *state;

	push_drain(test, "one", "Draining", "cap-2", 4, NULL);
	run_until(test, has_written, 1);
	assert_written(test, "one", "cap-0", 4);
	push_drain(test, "one", "Draining", "cap-2", 4, "{\"cap-0\":4}");
	assert_silent(test);
	push_drain(test, "one", "Verifying", "cap-2", 5, "{\"cap-0\":4,\"cap-1\":5}"); /* the next coordinator */
	run_until(test, has_written, 2);
	assert_written(test, "one", "cap-0", 5);
	push_drain(test, "one", "Verifying", "cap-2", 5, "{\"cap-0\":5,\"cap-1\":5}");
	assert_silent(test);
	assert_int_equal(test->asks, 1);
}

static void slow_informer_makes_no_second_write(void **state)
{
	struct test *test = *state;

	push_drain(test, "one", "Draining", "cap-2", 4, NULL);
	run_until(test, has_written, 1);
	push_drain(test, "one", "Draining", "cap-2", 4, "{\"cap-1\":4}"); /* another agent's is seen before ours */
	assert_silent(test);
}

static void every_open_drain_is_acknowledged_one_write_at_a_time(void **state)
{
	struct test *test = *state;
	struct peer_request request;

	test->patch_status = 0;
	push_drain(test, "one", "Draining", "cap-2", 4, NULL);
	push_drain(test, "two", "Verifying", "cap-3", 3, NULL);
	run_until(test, has_written, 1);
	assert_written(test, "one", "cap-0", 4);
	assert_silent(test);
	test->patch_status = 200;
	request = (struct peer_request){.http = test->held};
	peer_replace_stream(&test->peer, test->held, NULL);
	test->open--;
	peer_reply(&request, 200, "{}");
	run_until(test, has_written, 2);
	assert_written(test, "two", "cap-0", 3);
	assert_silent(test);
	assert_int_equal(test->most_open, 1);
}

/* ---- what is not ---- */

static void only_a_drain_that_is_on_is_acknowledged_and_nothing_is_asked_otherwise(void **state)
{
	static const char *const phases[] = {"Pending",	 "Drained",   "Released",   "Failed",
					     "TimedOut", "Cancelled", "Unsupported"};
	struct test *test = *state;

	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
		push_drain(test, phases[i], phases[i], "cap-2", 4, NULL);
	assert_silent(test);
	assert_int_equal(test->asks, 0);
	push_drain(test, "no-epoch", "Draining", "cap-2", 0, NULL);
	push_drain(test, "unreadable", "Draining", "cap-2", 4, "{\"cap-1\":\"x\"}");
	run_for(test, QUIET_MS);
	assert_int_equal(test->patches, 0);
}

static void drain_of_our_own_capture_is_not_acknowledged(void **state)
{
	struct test *test = *state;

	push_drain(test, "one", "Draining", "cap-0", 4, NULL);
	run_until(test, has_asked, 1);
	assert_silent(test);
	assert_int_equal(test->patches, 0);
}

static void terminating_pod_acknowledges_nothing(void **state)
{
	struct test *test = *state;

	push(test->pod_watch, "MODIFIED", pod_object(test, UID, true));
	push_drain(test, "one", "Draining", "cap-2", 4, NULL);
	assert_silent(test);
	assert_int_equal(test->asks, 0);
}

static void pod_that_is_not_known_to_stay_acknowledges_nothing(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct test *test;

		setup_with(state, i ? "another-uid" : NULL, false);
		test = *state;
		push_drain(test, "one", "Draining", "cap-2", 4, NULL);
		assert_silent(test);
		assert_int_equal(test->asks, 0);
		teardown(state);
	}
}

static void stopping_sidecar_acknowledges_nothing(void **state)
{
	struct test *test = *state;

	td_acknowledger_stop(test->acknowledger);
	push_drain(test, "one", "Draining", "cap-2", 4, NULL);
	assert_silent(test);
	assert_int_equal(test->asks, 0);
}

static void capture_without_a_known_id_acknowledges_nothing_until_it_is_known(void **state)
{
	struct test *test = *state;

	test->status_status = 500;
	push_drain(test, "one", "Draining", "cap-2", 4, NULL);
	run_until(test, has_asked, 2);
	test->status_status = 200;
	test->capture = "";
	run_until(test, has_asked, 4);
	assert_int_equal(test->patches, 0);
	test->capture = "cap-0";
	run_until(test, has_written, 1);
	assert_written(test, "one", "cap-0", 4);
}

static void unknown_id_is_asked_for_with_growing_pauses(void **state)
{
	struct test *test = *state;

	test->status_status = 500;
	push_drain(test, "one", "Draining", "cap-2", 4, NULL);
	run_for(test, 2500); /* pauses of 200, 400, 800 and 1600 ms, and up to half as much again */
	assert_int_equal(test->asks, 4);
	for (int i = 0; i < 20; i++) { /* events shorten none of them */
		push_drain(test, "one", "Draining", "cap-2", 4, NULL);
		run_for(test, 5);
	}
	assert_int_equal(test->asks, 4);
}

/* ---- failures ---- */

static void failed_write_is_repeated_with_growing_pauses(void **state)
{
	struct test *test = *state;

	test->patch_status = 500;
	push_drain(test, "one", "Draining", "cap-2", 4, NULL);
	run_for(test, 2500);
	assert_in_range(test->patches, 3, 4);
	test->patch_status = 200;
	run_until(test, has_written, test->patches + 1);
	assert_written(test, "one", "cap-0", 4);
	assert_silent(test);
}

static void drain_that_is_gone_is_forgotten(void **state)
{
	struct test *test = *state;

	test->patch_status = 404;
	push_drain(test, "one", "Draining", "cap-2", 4, NULL);
	run_until(test, has_written, 1);
	assert_silent(test);
	test->patch_status = 200; /* under another epoch it is another drain */
	push_drain(test, "one", "Draining", "cap-2", 5, NULL);
	run_until(test, has_written, 2);
	assert_written(test, "one", "cap-0", 5);
}

static void drain_that_cannot_be_written_holds_up_no_other(void **state)
{
	struct test *test = *state;

	test->bad_drain = "/a-bad-one/";
	test->bad_status = 422;
	push_drain(test, "a-bad-one", "Draining", "cap-2", 4, NULL);
	push_drain(test, "good", "Draining", "cap-2", 5, NULL);
	run_until(test, has_written, 2);
	if (test->bad_patches == 2)
		run_until(test, has_written, 3);
	assert_written(test, "good", "cap-0", 5);
}

static void restarted_capture_is_found_out_and_acknowledges_anew(void **state)
{
	struct test *test = *state;

	push_drain(test, "one", "Draining", "cap-2", 4, NULL);
	run_until(test, has_written, 1);
	push_drain(test, "one", "Draining", "cap-2", 4, "{\"cap-0\":4}");
	test->capture = "cap-0b";
	run_until(test, has_written, 2); /* no event tells of it */
	assert_written(test, "one", "cap-0b", 4);
	assert_int_equal(test->asks, 2);
	push_drain(test, "one", "Drained", "cap-2", 4, "{\"cap-0\":4}");
	run_for(test, 5500); /* after the drain nobody asks any more */
	assert_int_equal(test->asks, 2);
	assert_int_equal(test->patches, 2);
}

#define test_of(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_of(drain_of_another_capture_is_acknowledged_once_for_each_epoch),
		test_of(slow_informer_makes_no_second_write),
		test_of(every_open_drain_is_acknowledged_one_write_at_a_time),
		test_of(only_a_drain_that_is_on_is_acknowledged_and_nothing_is_asked_otherwise),
		test_of(drain_of_our_own_capture_is_not_acknowledged),
		test_of(terminating_pod_acknowledges_nothing),
		cmocka_unit_test(pod_that_is_not_known_to_stay_acknowledges_nothing),
		test_of(stopping_sidecar_acknowledges_nothing),
		test_of(capture_without_a_known_id_acknowledges_nothing_until_it_is_known),
		test_of(unknown_id_is_asked_for_with_growing_pauses),
		test_of(failed_write_is_repeated_with_growing_pauses),
		test_of(drain_that_is_gone_is_forgotten),
		test_of(drain_that_cannot_be_written_holds_up_no_other),
		test_of(restarted_capture_is_found_out_and_acknowledges_anew),
	};

	td_log_set_level(TD_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
