/* The recorder against a scripted API server. */
#include "kube_peer.h"

#include "base/json.h"
#include "kube/event_dedup.h"

static const struct td_object_ref pod = {"v1", "Pod", "ns", "cdc-0", "u"};

struct test {
	struct peer peer;
	struct td_recorder *recorder;
	const int *statuses; /* of the answers in turn; then 201 */
	int wanted;	     /* stop after so many requests were answered and the recorder is idle */
	struct td_timer *poll;
	json_t *last; /* body of the last request */
	int failures;
	struct td_error failure;
	bool free_in_handler;
};

static void failed(const struct td_error *err, void *userdata)
{
	struct test *test = userdata;

	test->failures++;
	test->failure = *err;
	if (test->free_in_handler) {
		test->recorder = td_recorder_free(test->recorder);
		td_loop_stop(test->peer.loop);
	}
}

static void on_request(struct peer *peer, const struct peer_request *request)
{
	struct test *test = peer->test;
	int status = test->statuses && *test->statuses ? *test->statuses++ : 201;

	json_decref(test->last);
	test->last = json_loads(request->body, 0, NULL);
	assert_non_null(test->last);
	if (status < 300)
		peer_reply(request, status, "{}");
	else
		peer_refuse(request, status, "Reason", "m");
}

static void poll_idle(void *userdata)
{
	struct test *test = userdata;

	if (test->peer.requests >= test->wanted && (!test->recorder || td_recorder_is_idle(test->recorder)))
		td_loop_stop(test->peer.loop);
	else
		td_timer_arm(test->poll, 2);
}

static void start(struct test *test, const int *statuses)
{
	peer_start(&test->peer, on_request, test);
	test->statuses = statuses;
	test->recorder = td_recorder_new(test->peer.loop, test->peer.client, "comp", "inst", failed, test);
	test->poll = td_timer_new(test->peer.loop, poll_idle, test);
	assert_non_null(test->recorder);
	assert_true(td_recorder_is_idle(test->recorder));
}

static void run_until(struct test *test, int requests)
{
	test->wanted = requests;
	td_timer_arm(test->poll, 0);
	peer_run(&test->peer);
}

static void stop(struct test *test)
{
	json_decref(test->last);
	test->recorder = td_recorder_free(test->recorder);
	td_timer_free(test->poll);
	peer_stop(&test->peer);
}

static void recorder_creates_then_patches(void **state)
{
	struct test test = {0};
	int64_t count = 0;
	char name[254];

	(void)state;
	start(&test, NULL);
	td_record(test.recorder, &pod, "Warning", "DrainStuck", "three tables left");
	assert_false(td_recorder_is_idle(test.recorder));
	run_until(&test, 1);
	assert_memory_equal(td_buf_text(&test.peer.log), "POST /api/v1/namespaces/ns/events {", 35);
	assert_string_equal(td_json_text(test.last, "apiVersion"), "v1");
	assert_string_equal(td_json_text(test.last, "kind"), "Event");
	assert_string_equal(td_json_text(test.last, "metadata.namespace"), "ns");
	assert_string_equal(td_json_text(test.last, "involvedObject.kind"), "Pod");
	assert_string_equal(td_json_text(test.last, "involvedObject.apiVersion"), "v1");
	assert_string_equal(td_json_text(test.last, "involvedObject.name"), "cdc-0");
	assert_string_equal(td_json_text(test.last, "involvedObject.namespace"), "ns");
	assert_string_equal(td_json_text(test.last, "involvedObject.uid"), "u");
	assert_string_equal(td_json_text(test.last, "type"), "Warning");
	assert_string_equal(td_json_text(test.last, "reason"), "DrainStuck");
	assert_string_equal(td_json_text(test.last, "message"), "three tables left");
	assert_string_equal(td_json_text(test.last, "source.component"), "comp");
	assert_string_equal(td_json_text(test.last, "reportingComponent"), "comp");
	assert_string_equal(td_json_text(test.last, "reportingInstance"), "inst");
	assert_int_equal(strlen(td_json_text(test.last, "firstTimestamp")), 20);
	assert_int_equal(strlen(td_json_text(test.last, "lastTimestamp")), 20);
	assert_true(td_json_int(test.last, "count", &count));
	assert_int_equal(count, 1);
	(void)snprintf(name, sizeof(name), "%s", td_json_text(test.last, "metadata.name"));
	td_record(test.recorder, &pod, "Warning", "DrainStuck", "three tables left");
	td_record(test.recorder, &pod, "Warning", "DrainStuck", "three tables left");
	run_until(&test, 2);
	assert_non_null(strstr(td_buf_text(&test.peer.log), "PATCH /api/v1/namespaces/ns/events/cdc-0."));
	assert_non_null(strstr(td_buf_text(&test.peer.log), name));
	assert_true(td_json_int(test.last, "count", &count));
	assert_int_equal(count, 3);
	assert_int_equal(json_object_size(test.last), 2);
	assert_int_equal(test.failures, 0);
	stop(&test);
}

static void recorder_answers_refusals_as_it_should(void **state)
{
	static const struct {
		int statuses[4];
		int requests, failures;
	} cases[] = {
		{{403}, 1, 1},	    {{422}, 1, 1},	{{404}, 1, 1}, {{409}, 1, 0}, /* a create that had worked */
		{{401, 201}, 2, 0}, {{503, 201}, 2, 0},				      /* once more, after a pause */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct test test = {0};

		start(&test, cases[i].statuses);
		td_record(test.recorder, &pod, "Normal", "R", "m");
		run_until(&test, cases[i].requests);
		assert_int_equal(test.peer.requests, cases[i].requests);
		assert_int_equal(test.failures, cases[i].failures);
		if (test.failures)
			assert_memory_equal(test.failure.text, "create events in ns: ", 21);
		stop(&test);
	}
}

static void recorder_creates_anew_what_the_server_forgot(void **state)
{
	static const int statuses[] = {201, 404, 201, 0};
	struct test test = {0};
	int64_t count = 0;

	(void)state;
	start(&test, statuses);
	td_record(test.recorder, &pod, "Normal", "R", "m");
	run_until(&test, 1);
	td_record(test.recorder, &pod, "Normal", "R", "m");
	run_until(&test, 3);
	assert_string_equal(td_json_text(test.last, "kind"), "Event");
	assert_true(td_json_int(test.last, "count", &count));
	assert_int_equal(count, 2);
	assert_int_equal(test.failures, 0);
	stop(&test);
}

static void recorder_gives_up_after_three_tries_and_says_so_once(void **state)
{
	static const int statuses[] = {500, 500, 500, 0};
	struct test test = {0};

	(void)state;
	start(&test, statuses);
	td_record(test.recorder, &pod, "Normal", "R", "m");
	run_until(&test, 3);
	assert_int_equal(test.peer.requests, 3);
	assert_int_equal(test.failures, 1);
	assert_int_equal(test.failure.http_status, 500);
	stop(&test);
}

static void recorder_writes_any_text(void **state)
{
	static const struct td_object_ref about = {"v1", "Node", NULL, "n", NULL};
	struct test test = {0};

	(void)state;
	start(&test, NULL);
	td_record(test.recorder, &about, "Normal", "R", "bad \xff byte \"quoted\"");
	run_until(&test, 1);
	assert_string_equal(td_json_text(test.last, "message"), "bad ? byte \"quoted\"");
	assert_string_equal(td_json_text(test.last, "metadata.namespace"), "default");
	stop(&test);
}

static void recorder_tells_of_what_it_dropped(void **state)
{
	struct test test = {0};
	char message[32];

	(void)state;
	start(&test, NULL);
	for (int i = 0; i < TD_EVENT_WAITING_MAX + 5; i++) {
		(void)snprintf(message, sizeof(message), "%d", i);
		td_record(test.recorder, &pod, "Normal", "R", message);
	}
	run_until(&test, TD_EVENT_WAITING_MAX);
	assert_int_equal(test.peer.requests, TD_EVENT_WAITING_MAX);
	assert_int_equal(test.failures, 1);
	assert_int_equal(test.failure.code, TD_ERR_TOO_LARGE);
	stop(&test);
}

static void recorder_may_be_freed_by_its_handler(void **state)
{
	static const int statuses[] = {403, 0};
	struct test test = {.free_in_handler = true};

	(void)state;
	start(&test, statuses);
	td_record(test.recorder, &pod, "Normal", "R", "m");
	peer_run(&test.peer);
	assert_null(test.recorder);
	stop(&test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recorder_creates_then_patches),
		cmocka_unit_test(recorder_answers_refusals_as_it_should),
		cmocka_unit_test(recorder_creates_anew_what_the_server_forgot),
		cmocka_unit_test(recorder_gives_up_after_three_tries_and_says_so_once),
		cmocka_unit_test(recorder_writes_any_text),
		cmocka_unit_test(recorder_tells_of_what_it_dropped),
		cmocka_unit_test(recorder_may_be_freed_by_its_handler),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
