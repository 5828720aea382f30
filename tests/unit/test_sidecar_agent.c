/* The agent with real informers, real clients and a real gate, against a scripted peer that plays the API server and the pod's
 * own TiCDC in one process and one loop. What is claimed about "never" is shown over several of the agent's own retries. */
#include "sidecar/agent.h"

#include "base/date.h"
#include "base/json.h"
#include "base/log.h"
#include "kube_peer.h"
#include "sidecar/cluster_view.h"
#include "sidecar/drainrequest.h"

#include <event2/event.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define POD "ticdc-0"
#define UID "0123abcd-4567"
#define REQUEST "ticdc-0-0123abcd"
#define PODS "/api/v1/namespaces/ns/pods"
#define DRAINS "/apis/drain.ticdc.dev/v1alpha1/namespaces/ns/drainrequests"
#define LOOK_MS 2
#define HOOKS 2

struct hook {
	int fd; /* -1: none */
	struct event *readable;
	struct td_buf heard;
	bool closed;
};

struct test {
	struct peer peer;
	struct td_ticdc_client *ticdc;
	struct td_recorder *recorder;
	struct td_informer *pods, *drains;
	struct td_agent *agent;
	struct td_timer *look;
	char dir[64], socket_path[96], address[64];
	struct hook hooks[HOOKS];
	int finished;

	bool (*until)(const struct test *test);
	int count; /* for until */
	const char *text;
	int64_t until_ms;

	json_t *pod;
	struct evhttp_request *pod_watch, *drain_watch, *held;
	int version;
	int get_status, create_status; /* get_status 0: the first is held open, others fail */
	int gets, creates, looks;
	json_t *created, *patched; /* bodies */
	char patched_uri[256];

	const char *capture; /* what the process says */
	int maintainers, dispatchers;
	int metrics_status;
};

/* ---- the peer ---- */

static json_t *pod_object(struct test *test, const char *uid, int64_t deletion_wall_ms, int grace_s)
{
	json_t *pod = json_pack("{s:{s:s, s:s, s:o}, s:{s:s}}", "metadata", "name", POD, "uid", uid, "resourceVersion",
				json_sprintf("%d", ++test->version), "status", "podIP", "10.0.0.7");
	char text[TD_TIME_TEXT_MAX];

	assert_non_null(pod);
	if (deletion_wall_ms) {
		td_time_format_micro(deletion_wall_ms, text);
		assert_int_equal(json_object_update_new(json_object_get(pod, "metadata"),
							json_pack("{s:s, s:i}", "deletionTimestamp", text,
								  "deletionGracePeriodSeconds", grace_s)),
				 0);
	}
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
	} else if (strncmp(request->uri, PODS "/", strlen(PODS "/")) != 0) {
		reply_list(test, request, json_pack("[O]", test->pod));
	} else {
		assert_string_equal(request->uri, PODS "/" POD);
		if (test->gets++ > 0 && test->get_status == 0) {
			peer_refuse(request, 500, "InternalError", "scripted"); /* only the first is held open */
		} else if (test->get_status == 200) {
			peer_reply_json(request, 200, json_incref(test->pod));
		} else if (test->get_status) {
			peer_refuse(request, test->get_status, "InternalError", "scripted");
		} else {
			test->held = request->http;
			peer_replace_stream(&test->peer, NULL, request->http);
		}
	}
}

static void answer_drains(struct test *test, const struct peer_request *request)
{
	if (strcmp(request->method, "POST") == 0) {
		json_t *body = json_loads(request->body, 0, NULL);

		assert_non_null(body);
		test->creates++;
		assert_int_equal(json_array_append_new(test->created, body), 0);
		if (test->create_status == 201)
			peer_reply(request, 201, request->body);
		else
			peer_refuse(request, test->create_status, "Scripted", "scripted");
	} else if (strcmp(request->method, "PATCH") == 0) {
		assert_int_equal(json_array_append_new(test->patched, json_loads(request->body, 0, NULL)), 0);
		(void)snprintf(test->patched_uri, sizeof(test->patched_uri), "%s", request->uri);
		peer_reply(request, 200, "{}");
	} else if (strstr(request->uri, "watch=")) {
		test->drain_watch = request->http;
		peer_stream_begin(&test->peer, request);
	} else {
		reply_list(test, request, json_array());
	}
}

static void answer_ticdc(struct test *test, const struct peer_request *request)
{
	char text[1024];

	if (strcmp(request->uri, "/status") == 0) {
		test->looks++;
		peer_set_header(request, "Content-Type", "application/json; charset=utf-8");
		(void)snprintf(text, sizeof(text),
			       "{\"version\":\"v\",\"id\":\"%s\",\"pid\":7,\"is_owner\":false,\"liveness\":2}",
			       test->capture);
		peer_reply(request, 200, text);
		return;
	}
	peer_set_header(request, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
	(void)snprintf(text, sizeof(text),
		       "ticdc_dispatcher_event_collector_registered_dispatcher_count 0\n"
		       "ticdc_event_service_dispatcher_status_count{status=\"total\"} 0\n"
		       "ticdc_owner_ownership_counter 0\n"
		       "ticdc_dispatchermanager_table_dispatcher_count{changefeed=\"x\",event_type=\"eventDispatcher\"} %d\n"
		       "ticdc_changefeed_maintainer_counter{changefeed=\"x\"} %d\n",
		       test->dispatchers, test->maintainers);
	peer_reply(request, test->metrics_status, text);
}

static void on_request(struct peer *peer, const struct peer_request *request)
{
	struct test *test = peer->test;

	if (strncmp(request->uri, PODS, strlen(PODS)) == 0)
		answer_pods(test, request);
	else if (strncmp(request->uri, DRAINS, strlen(DRAINS)) == 0)
		answer_drains(test, request);
	else if (strncmp(request->uri, "/api/v1/namespaces/ns/events", 28) == 0)
		peer_reply(request, 201, request->body);
	else
		answer_ticdc(test, request);
}

static void push(struct test *test, struct evhttp_request *watch, const char *type, json_t *object)
{
	json_t *event = json_pack("{s:s, s:O}", "type", type, "object", object);
	char *text = json_dumps(event, JSON_COMPACT);

	(void)test;
	peer_stream_send(watch, text, strlen(text));
	peer_stream_send(watch, "\n", 1);
	free(text);
	json_decref(event);
}

static void push_pod(struct test *test, int64_t deletion_wall_ms, int grace_s)
{
	json_decref(test->pod);
	test->pod = pod_object(test, UID, deletion_wall_ms, grace_s);
	push(test, test->pod_watch, "MODIFIED", test->pod);
}

/* The pod is deleted with a minute to go. */
static void terminate(struct test *test)
{
	push_pod(test, td_loop_wall_ms(test->peer.loop) + 60000, 60);
}

static void push_drain_because(struct test *test, const char *name, const char *phase, const char *reason,
			       const char *capture, const char *message)
{
	json_t *drain = json_pack("{s:{s:s, s:s, s:s, s:o}, s:{s:s}, s:{s:s, s:s, s:s, s:s}}", "metadata", "name", name,
				  "uid", name, "creationTimestamp", "2026-11-23T13:18:38Z", "resourceVersion",
				  json_sprintf("%d", ++test->version), "spec", "podName", POD, "status", "phase", phase,
				  "reason", reason, "captureID", capture, "message", message);

	assert_non_null(drain);
	push(test, test->drain_watch, "ADDED", drain);
	json_decref(drain);
}

static void push_drain(struct test *test, const char *name, const char *phase, const char *capture, const char *message)
{
	push_drain_because(test, name, phase, "", capture, message);
}

/* ---- hooks ---- */

static void on_hook_readable(evutil_socket_t fd, short what, void *userdata)
{
	struct hook *hook = userdata;
	char bytes[4096];
	ssize_t got = recv(fd, bytes, sizeof(bytes), 0);

	(void)what;
	if (got > 0) {
		assert_true(td_buf_append(&hook->heard, bytes, (size_t)got));
		return;
	}
	hook->closed = true;
	event_del(hook->readable);
}

static void hook_come(struct test *test, int index)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct hook *hook = &test->hooks[index];

	hook->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", test->socket_path);
	assert_return_code(connect(hook->fd, (struct sockaddr *)&address, sizeof(address)), errno);
	evutil_make_socket_nonblocking(hook->fd);
	td_buf_init(&hook->heard, 1 << 20);
	hook->readable =
		event_new(td_loop_event_base(test->peer.loop), hook->fd, EV_READ | EV_PERSIST, on_hook_readable, hook);
	event_add(hook->readable, NULL);
	assert_int_equal(send(hook->fd, "wait\n", 5, MSG_NOSIGNAL), 5);
}

static void hook_go(struct hook *hook)
{
	if (hook->fd < 0)
		return;
	event_free(hook->readable);
	close(hook->fd);
	td_buf_done(&hook->heard);
	*hook = (struct hook){.fd = -1};
}

static const char *heard(const struct test *test)
{
	return td_buf_text(&test->hooks[0].heard);
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

static bool has_asked(const struct test *test)
{
	return test->gets >= test->count;
}

static bool has_created(const struct test *test)
{
	return test->creates >= test->count;
}

static bool has_patched(const struct test *test)
{
	return (int)json_array_size(test->patched) >= test->count;
}

static bool has_looked(const struct test *test)
{
	return test->looks >= test->count;
}

static bool has_finished(const struct test *test)
{
	return test->finished > 0;
}

static bool is_let_go(const struct test *test)
{
	return test->hooks[test->count].closed;
}

static bool is_waited_at(const struct test *test)
{
	return td_agent_summary(test->agent).waited_at == (test->count != 0);
}

static bool has_heard(const struct test *test)
{
	return strstr(heard(test), test->text) != NULL;
}

static bool has_both_heard(const struct test *test)
{
	return has_heard(test) && strstr(td_buf_text(&test->hooks[1].heard), test->text);
}

static bool has_asked_twice_or_let_go(const struct test *test)
{
	return test->gets >= 2 || test->hooks[0].closed || test->finished;
}

static bool time_is_over(const struct test *test)
{
	return td_loop_now_ms(test->peer.loop) >= test->until_ms;
}

static void run_until_heard(struct test *test, const char *text)
{
	test->text = text;
	run_until(test, has_heard, 0);
}

/* Long enough for another of the agent's looks at everything. */
static void run_for_a_look(struct test *test)
{
	test->until_ms = td_loop_now_ms(test->peer.loop) + 1300;
	run_until(test, time_is_over, 0);
}

/* ---- one agent ---- */

static void on_changed(enum td_informer_change change, const char *name, json_t *object, void *userdata)
{
	struct test *test = userdata;

	(void)change, (void)name, (void)object;
	td_agent_changed(test->agent);
}

static void on_synced(void *userdata)
{
	td_agent_changed(((struct test *)userdata)->agent);
}

static void on_failed(const struct td_error *err, void *userdata)
{
	(void)err, (void)userdata;
}

static void on_finished(void *userdata)
{
	((struct test *)userdata)->finished++;
}

static void start_agent(struct test *test, bool hold)
{
	const struct td_agent_options options = {.loop = test->peer.loop,
						 .kube = test->peer.client,
						 .ticdc = test->ticdc,
						 .recorder = test->recorder,
						 .pods = test->pods,
						 .drains = test->drains,
						 .namespace_ = "ns",
						 .pod_name = POD,
						 .pod_uid = UID,
						 .cluster = "ticdc",
						 .ticdc_address = test->address,
						 .gate_socket = test->socket_path,
						 .reserve_ms = 1000,
						 .hold = hold};
	struct td_error err;

	test->agent = td_agent_new(&options, on_finished, test, &err);
	assert_non_null(test->agent);
}

static void restart_agent(struct test *test, bool hold)
{
	td_agent_free(test->agent);
	start_agent(test, hold);
}

static int setup(void **state)
{
	static const struct td_informer_handlers handlers = {on_changed, on_synced, on_failed};
	const struct td_informer_options pods = {.resource = &td_pods, .namespace_ = "ns", .project = td_pod_project};
	const struct td_informer_options drains = {
		.resource = &td_drainrequests, .namespace_ = "ns", .project = td_drain_project};
	struct test *test = calloc(1, sizeof(*test));

	*state = test;
	peer_start(&test->peer, on_request, test);
	test->get_status = test->metrics_status = 200;
	test->create_status = 201;
	test->capture = "cap-1";
	test->created = json_array();
	test->patched = json_array();
	test->pod = pod_object(test, UID, 0, 0);
	for (int i = 0; i < HOOKS; i++)
		test->hooks[i].fd = -1;
	(void)snprintf(test->address, sizeof(test->address), "%s", test->peer.server + strlen("http://"));
	strcpy(test->dir, "/tmp/td-agent-XXXXXX");
	assert_non_null(mkdtemp(test->dir));
	(void)snprintf(test->socket_path, sizeof(test->socket_path), "%s/gate.sock", test->dir);
	test->look = td_timer_new(test->peer.loop, on_look, test);
	test->ticdc =
		td_ticdc_client_new(test->peer.loop, test->peer.http, &(struct td_ticdc_options){.connect_timeout_ms = 0});
	test->recorder = td_recorder_new(test->peer.loop, test->peer.client, "ticdc-drain", POD, NULL, NULL);
	test->pods = td_informer_new(test->peer.loop, test->peer.client, &pods, &handlers, test);
	test->drains = td_informer_new(test->peer.loop, test->peer.client, &drains, &handlers, test);
	assert_true(test->look && test->ticdc && test->recorder && test->pods && test->drains);
	start_agent(test, false);
	run_until(test, has_watches, 0);
	return 0;
}

static int teardown(void **state)
{
	struct test *test = *state;

	for (int i = 0; i < HOOKS; i++)
		hook_go(&test->hooks[i]);
	assert_null(td_agent_free(test->agent));
	td_informer_free(test->pods);
	td_informer_free(test->drains);
	td_recorder_free(test->recorder);
	td_ticdc_client_free(test->ticdc);
	td_timer_free(test->look);
	json_decref(test->pod);
	json_decref(test->created);
	json_decref(test->patched);
	peer_stop(&test->peer);
	assert_return_code(rmdir(test->dir), errno);
	free(test);
	return 0;
}

static void assert_shut(const struct test *test)
{
	assert_false(td_agent_summary(test->agent).open);
	for (int i = 0; i < HOOKS; i++) {
		if (test->hooks[i].fd < 0)
			continue;
		assert_false(test->hooks[i].closed);
		assert_null(strstr(td_buf_text(&test->hooks[i].heard), "open "));
	}
}

static const char *created_name(const struct test *test, size_t index)
{
	return td_json_text(json_array_get(test->created, index), "metadata.name");
}

/* Until the proof is written and the hook is gone. Returns the patch. */
static const json_t *run_until_released(struct test *test)
{
	run_until(test, has_patched, 1);
	run_until(test, is_let_go, 0);
	assert_true(td_agent_summary(test->agent).open);
	return json_array_get(test->patched, 0);
}

/* ---- a hook while the pod is not being deleted ---- */

static void hook_of_a_living_pod_goes_only_after_the_api_server_said_so(void **state)
{
	struct test *test = *state;

	test->get_status = 500;
	hook_come(test, 0);
	run_until(test, has_asked, 2);
	assert_shut(test);
	assert_memory_equal(heard(test), "progress 0 asking ", 18);
	test->get_status = 200;
	run_until(test, is_let_go, 0);
	assert_true(test->gets >= 3);
	assert_non_null(strstr(heard(test), "\nopen NotTerminating "));
	assert_false(td_agent_summary(test->agent).open);
	assert_int_equal(test->creates, 0);
	assert_int_equal(json_array_size(test->patched), 0);

	/* It stays shut for the next one until it is asked again. */
	hook_go(&test->hooks[0]);
	test->get_status = 500;
	hook_come(test, 0);
	run_until(test, has_asked, test->gets + 1);
	run_until_heard(test, "asking");
	assert_shut(test);
}

static void answer_about_another_pod_lets_no_hook_go(void **state)
{
	struct test *test = *state;

	json_decref(test->pod);
	test->pod = pod_object(test, "another-uid", 0, 0);
	hook_come(test, 0);
	run_until(test, has_asked, 2);
	assert_shut(test);
}

/* Answers the first GET, if anybody still listens, and runs until another one is asked. */
static void answer_held_and_run_on(struct test *test)
{
	struct peer_request request = {.http = test->held};

	if (evhttp_request_get_connection(test->held)) {
		peer_replace_stream(&test->peer, test->held, NULL);
		peer_reply_json(&request, 200, json_incref(test->pod));
	}
	run_until(test, has_asked_twice_or_let_go, 0);
	assert_shut(test);
}

/* Asked on behalf of a hook that is gone, answered when another one waits: perhaps that of a deletion. */
static void answer_of_before_a_hook_came_does_not_let_it_go(void **state)
{
	struct test *test = *state;

	test->get_status = 0;
	hook_come(test, 0);
	run_until(test, has_asked, 1);
	hook_go(&test->hooks[0]);
	run_until(test, is_waited_at, 0);
	hook_come(test, 0);
	run_until(test, is_waited_at, 1);
	answer_held_and_run_on(test);
}

static void answer_of_before_a_second_hook_came_does_not_let_it_go(void **state)
{
	struct test *test = *state;

	test->get_status = 0;
	hook_come(test, 0);
	run_until(test, has_asked, 1);
	hook_come(test, 1);
	test->text = "asking";
	run_until(test, has_both_heard, 0);
	answer_held_and_run_on(test);
}

static void answer_of_before_sigterm_does_not_end_the_agent(void **state)
{
	struct test *test = *state;

	test->get_status = 0;
	hook_come(test, 0);
	run_until(test, has_asked, 1);
	hook_go(&test->hooks[0]);
	run_until(test, is_waited_at, 0);
	td_agent_stop(test->agent);
	answer_held_and_run_on(test);
	assert_int_equal(test->finished, 0);
}

static void pod_that_the_api_server_says_is_terminating_is_drained_though_the_informer_does_not_know(void **state)
{
	struct test *test = *state;

	json_decref(test->pod); /* the informer has not heard of it */
	test->pod = pod_object(test, UID, td_loop_wall_ms(test->peer.loop) + 60000, 60);
	hook_come(test, 0);
	run_until(test, has_created, 1);
	assert_shut(test);
}

static void api_server_that_stays_away_is_asked_less_and_less(void **state)
{
	struct test *test = *state;
	int64_t began = td_loop_now_ms(test->peer.loop);

	test->get_status = 500;
	hook_come(test, 0);
	run_until(test, has_asked, 3);
	assert_true(td_loop_now_ms(test->peer.loop) - began >= 2900); /* after 1 s, and after 2 more */
	assert_shut(test);
}

/* ---- the request ---- */

static void terminating_pod_gets_one_request_that_it_owns(void **state)
{
	struct test *test = *state;
	const json_t *body, *owner;

	hook_come(test, 0);
	terminate(test);
	run_until(test, has_created, 1);
	body = json_array_get(test->created, 0);
	assert_string_equal(td_json_text(body, "metadata.name"), REQUEST);
	assert_string_equal(td_json_text(body, "metadata.namespace"), "ns");
	assert_string_equal(td_json_text(body, "apiVersion"), "drain.ticdc.dev/v1alpha1");
	assert_string_equal(td_json_text(body, "kind"), "DrainRequest");
	assert_string_equal(td_json_text(body, "spec.podName"), POD);
	assert_string_equal(td_json_text(body, "spec.onTimeout"), "Release");
	owner = json_array_get(td_json_at(body, "metadata.ownerReferences"), 0);
	assert_string_equal(td_json_text(owner, "kind"), "Pod");
	assert_string_equal(td_json_text(owner, "uid"), UID);
	push_drain(test, REQUEST, "Pending", "", "");
	run_until_heard(test, "Pending: waiting for a coordinator to take up the request\n");
	push_drain(test, REQUEST, "Draining", "cap-1", "2 of 3 moved");
	run_until_heard(test, "Draining: 2 of 3 moved\n");
	run_for_a_look(test);
	assert_int_equal(test->creates, 1);
	assert_shut(test);
}

static void request_that_is_there_already_is_as_good(void **state)
{
	struct test *test = *state;

	test->create_status = 409;
	terminate(test);
	run_until(test, has_created, 1);
	push_drain(test, REQUEST, "Drained", "cap-1", "proven empty");
	hook_come(test, 0);
	(void)run_until_released(test);
	assert_int_equal(test->creates, 1);
}

static void refused_request_is_asked_for_again(void **state)
{
	struct test *test = *state;

	test->create_status = 500;
	hook_come(test, 0);
	terminate(test);
	run_until(test, has_created, 2);
	assert_string_equal(created_name(test, 1), REQUEST);
	assert_shut(test);
}

static void hold_is_passed_on_to_the_request(void **state)
{
	struct test *test = *state;

	restart_agent(test, true);
	terminate(test);
	run_until(test, has_created, 1);
	assert_string_equal(td_json_text(json_array_get(test->created, 0), "spec.onTimeout"), "Hold");
}

/* ---- the last look ---- */

static void drained_and_empty_opens_the_gate_with_a_proof(void **state)
{
	struct test *test = *state;
	const json_t *patch;
	int64_t number;

	hook_come(test, 0);
	terminate(test);
	run_until(test, has_created, 1);
	push_drain(test, REQUEST, "Drained", "cap-1", "proven empty");
	patch = run_until_released(test);
	assert_non_null(strstr(heard(test), "\nopen Drained proven empty\n"));
	assert_string_equal(test->patched_uri, DRAINS "/" REQUEST "/status");
	assert_string_equal(td_json_text(patch, "status.phase"), "Released");
	assert_string_equal(td_json_text(patch, "status.proof.outcome"), "Drained");
	assert_string_equal(td_json_text(patch, "status.proof.process.captureID"), "cap-1");
	assert_true(td_json_int(patch, "status.proof.process.maintainers", &number) && number == 0);
	assert_true(test->looks >= 2); /* a status before and one after the metrics */
	assert_int_equal(test->creates, 1);
}

static void hook_that_comes_after_the_opening_goes_at_once(void **state)
{
	struct test *test = *state;

	terminate(test);
	run_until(test, has_created, 1);
	push_drain(test, REQUEST, "Drained", "cap-1", "proven empty");
	run_until(test, has_patched, 1);
	hook_come(test, 0);
	run_until(test, is_let_go, 0);
	assert_string_equal(heard(test), "open Drained proven empty\n");
}

static void next_request_is_made_and_obeyed(struct test *test)
{
	run_until(test, has_created, 2);
	assert_string_equal(created_name(test, 1), REQUEST "-2");
	assert_shut(test);
	test->maintainers = test->dispatchers = 0;
	push_drain(test, REQUEST "-2", "Drained", test->capture, "empty again");
	(void)run_until_released(test);
	assert_string_equal(test->patched_uri, DRAINS "/" REQUEST "-2/status");
	assert_non_null(strstr(heard(test), "\nopen Drained empty again\n"));
}

static void work_that_came_back_voids_the_proof(void **state)
{
	struct test *test = *state;

	test->maintainers = 1;
	hook_come(test, 0);
	terminate(test);
	run_until(test, has_created, 1);
	push_drain(test, REQUEST, "Drained", "cap-1", "proven empty");
	next_request_is_made_and_obeyed(test);
}

static void dispatchers_alone_void_the_proof_too(void **state)
{
	struct test *test = *state;

	test->dispatchers = 3;
	hook_come(test, 0);
	terminate(test);
	run_until(test, has_created, 1);
	push_drain(test, REQUEST, "Drained", "cap-1", "proven empty");
	next_request_is_made_and_obeyed(test);
}

static void process_of_another_capture_voids_the_proof(void **state)
{
	struct test *test = *state;

	test->capture = "cap-2"; /* it was restarted since */
	hook_come(test, 0);
	terminate(test);
	run_until(test, has_created, 1);
	push_drain(test, REQUEST, "Drained", "cap-1", "proven empty");
	next_request_is_made_and_obeyed(test);
}

/* The classic family's process takes a new id when it loses its session: its pod still holds work. */
static void process_that_goes_on_as_another_capture_is_drained_again(void **state)
{
	struct test *test = *state;

	test->capture = "cap-2";
	hook_come(test, 0);
	terminate(test);
	run_until(test, has_created, 1);
	push_drain_because(test, REQUEST, "Failed", "CaptureGone", "cap-1", "it left");
	next_request_is_made_and_obeyed(test);
}

static void process_that_is_no_other_capture_is_let_go_when_its_own_is_gone(void **state)
{
	static const struct {
		const char *capture;
		int metrics_status, looks;
	} cases[] = {{"cap-1", 200, 2}, {"cap-2", 500, 3}}; /* it says so; it cannot be asked */

	for (size_t i = 0; i < 2; i++) {
		struct test *test;

		assert_int_equal(setup(state), 0);
		test = *state;
		test->capture = cases[i].capture;
		test->metrics_status = cases[i].metrics_status;
		hook_come(test, 0);
		terminate(test);
		run_until(test, has_created, 1);
		push_drain_because(test, REQUEST, "Failed", "CaptureGone", "cap-1", "it left");
		(void)run_until_released(test);
		assert_non_null(strstr(heard(test), "\nopen Failed the pod stops by policy Release after "));
		assert_int_equal(test->creates, 1);
		assert_int_equal(test->looks, cases[i].looks);
		assert_int_equal(teardown(state), 0);
	}
}

static void process_that_cannot_be_read_keeps_the_gate_shut(void **state)
{
	struct test *test = *state;

	test->metrics_status = 500;
	hook_come(test, 0);
	terminate(test);
	run_until(test, has_created, 1);
	push_drain(test, REQUEST, "Drained", "cap-1", "proven empty");
	run_until(test, has_looked, 3);
	assert_shut(test);
	assert_int_equal(test->creates, 1);
	test->metrics_status = 200;
	(void)run_until_released(test);
	assert_non_null(strstr(heard(test), "\nopen Drained "));
}

static void process_without_a_capture_id_keeps_the_gate_shut(void **state)
{
	struct test *test = *state;

	test->capture = "";
	hook_come(test, 0);
	terminate(test);
	run_until(test, has_created, 1);
	push_drain(test, REQUEST, "Drained", "", "proven empty");
	run_until(test, has_looked, 4);
	assert_shut(test);
	assert_int_equal(test->creates, 1);
}

/* ---- policy ---- */

static void request_that_ended_without_a_proof_releases_with_its_own_words(void **state)
{
	static const char *const phases[] = {"Failed", "Unsupported", "Cancelled"};
	char line[128];

	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		struct test *test;
		const json_t *patch;

		assert_int_equal(setup(state), 0);
		test = *state;
		hook_come(test, 0);
		terminate(test);
		run_until(test, has_created, 1);
		push_drain(test, REQUEST, phases[i], "cap-1", "what was left");
		patch = run_until_released(test);
		(void)snprintf(line, sizeof(line), "\nopen %s the pod stops by policy Release after ", phases[i]);
		assert_non_null(strstr(heard(test), line));
		assert_non_null(strstr(heard(test), ": what was left\n"));
		assert_non_null(strstr(td_json_text(patch, "status.message"), "by policy Release"));
		assert_string_equal(td_json_text(patch, "status.phase"), phases[i]);
		assert_string_equal(td_json_text(patch, "status.proof.outcome"), phases[i]);
		assert_null(td_json_at(patch, "status.proof.process"));
		assert_int_equal(test->looks, 0);
		assert_int_equal(teardown(state), 0);
	}
}

static void passed_deadline_releases_as_timed_out(void **state)
{
	struct test *test = *state;
	const json_t *patch;

	terminate(test);
	run_until(test, has_created, 1);
	push_drain(test, REQUEST, "Draining", "cap-1", "1 of 3 moved");
	hook_come(test, 0);
	run_until_heard(test, "Draining: 1 of 3 moved");
	assert_shut(test);
	push_pod(test, td_loop_wall_ms(test->peer.loop) + 400, 1);
	patch = run_until_released(test);
	assert_non_null(strstr(heard(test), "\nopen TimedOut the pod stops by policy Release after "));
	assert_non_null(strstr(heard(test), ": 1 of 3 moved\n"));
	assert_string_equal(td_json_text(patch, "status.phase"), "TimedOut");
	assert_string_equal(td_json_text(patch, "status.reason"), "DeadlineExceeded");
	assert_string_equal(td_json_text(patch, "status.proof.outcome"), "TimedOut");
}

static void passed_deadline_releases_when_nobody_coordinates(void **state)
{
	struct test *test = *state;

	test->create_status = 403;
	hook_come(test, 0);
	push_pod(test, td_loop_wall_ms(test->peer.loop) + 600, 1);
	run_until(test, has_created, 1);
	run_until(test, is_let_go, 0);
	assert_non_null(strstr(heard(test), ": the deadline passed and no coordinator answered\n"));
	assert_int_equal(json_array_size(test->patched), 0); /* there is no object to write it to */
}

/* The hook obeys the last deadline that it was told: once held, it must be told "none" and nothing else. */
static void assert_held(const struct test *test, const char *line)
{
	const char *held = strstr(heard(test), line);

	assert_shut(test);
	assert_non_null(held);
	assert_null(strstr(held + 1, "\nprogress "));
}

/* The coordinator's clock may be fast. Ours says that there is time. */
static void end_by_deadline_is_not_obeyed_before_our_own_deadline(void **state)
{
	struct test *test = *state;

	hook_come(test, 0);
	terminate(test);
	run_until(test, has_created, 1);
	push_drain(test, REQUEST, "TimedOut", "cap-1", "nothing was moved");
	run_until_heard(test, "nothing was moved");
	run_for_a_look(test);
	assert_shut(test);
	push_drain(test, REQUEST, "Drained", "cap-1", "empty"); /* another coordinator, with a better clock */
	(void)run_until_released(test);
}

static void hold_keeps_the_gate_shut_after_the_deadline(void **state)
{
	struct test *test = *state;

	restart_agent(test, true);
	terminate(test);
	run_until(test, has_created, 1);
	push_drain(test, REQUEST, "Draining", "cap-1", "1 of 3 moved");
	hook_come(test, 0);
	run_until_heard(test, "Draining: 1 of 3 moved");
	push_pod(test, td_loop_wall_ms(test->peer.loop) + 400, 1);
	run_until_heard(test, "held by");
	run_for_a_look(test);
	assert_held(test, "\nprogress 0 held by onTimeout Hold: TimedOut: 1 of 3 moved\n");
}

static void hold_keeps_the_gate_shut_when_the_request_failed(void **state)
{
	struct test *test = *state;

	restart_agent(test, true);
	hook_come(test, 0);
	terminate(test);
	run_until(test, has_created, 1);
	push_drain(test, REQUEST, "Unsupported", "cap-1", "no drain here");
	run_until_heard(test, "held by");
	push_pod(test, td_loop_wall_ms(test->peer.loop) + 400, 1);
	run_for_a_look(test);
	assert_held(test, "\nprogress 0 held by onTimeout Hold: Unsupported: no drain here\n");
}

/* ---- stopping ---- */

static void stop_ends_at_once_when_the_pod_lives_and_nobody_waits(void **state)
{
	struct test *test = *state;

	td_agent_stop(test->agent);
	run_until(test, has_finished, 0);
	assert_int_equal(test->gets, 1);
	assert_int_equal(test->finished, 1);
}

static void stop_waits_for_the_gate_of_a_terminating_pod(void **state)
{
	struct test *test = *state;

	hook_come(test, 0);
	terminate(test);
	td_agent_stop(test->agent);
	run_until(test, has_created, 1);
	push_drain(test, REQUEST, "Draining", "cap-1", "1 of 3 moved");
	run_until_heard(test, "1 of 3 moved");
	run_for_a_look(test);
	assert_int_equal(test->finished, 0);
	push_drain(test, REQUEST, "Drained", "cap-1", "proven empty");
	(void)run_until_released(test);
	run_until(test, has_finished, 0);
	assert_int_equal(test->finished, 1);
}

static void stop_waits_while_the_process_still_answers_and_its_hook_may_come(void **state)
{
	struct test *test = *state;

	test->get_status = 500;
	td_agent_stop(test->agent);
	run_until(test, has_looked, 3);
	assert_int_equal(test->finished, 0);
	hook_come(test, 0);
	run_until_heard(test, "asking");
	assert_shut(test);
}

static void stop_ends_when_the_process_is_gone_for_certain(void **state)
{
	struct test *test = *state;

	terminate(test);
	run_until(test, has_created, 1);
	push_drain(test, REQUEST, "Draining", "cap-1", "1 of 3 moved");
	strcpy(test->address, "127.0.0.1:1"); /* nobody listens there */
	td_agent_stop(test->agent);
	run_until(test, has_finished, 0);
	assert_false(td_agent_summary(test->agent).open);
}

static void stop_ends_without_the_api_server_when_the_process_is_gone(void **state)
{
	struct test *test = *state;

	test->get_status = 500;
	strcpy(test->address, "127.0.0.1:1");
	td_agent_stop(test->agent);
	run_until(test, has_finished, 0);
	assert_false(td_agent_summary(test->agent).open);
}

#define agent_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		agent_test(hook_of_a_living_pod_goes_only_after_the_api_server_said_so),
		agent_test(answer_about_another_pod_lets_no_hook_go),
		agent_test(answer_of_before_a_hook_came_does_not_let_it_go),
		agent_test(answer_of_before_a_second_hook_came_does_not_let_it_go),
		agent_test(answer_of_before_sigterm_does_not_end_the_agent),
		agent_test(pod_that_the_api_server_says_is_terminating_is_drained_though_the_informer_does_not_know),
		agent_test(api_server_that_stays_away_is_asked_less_and_less),
		agent_test(terminating_pod_gets_one_request_that_it_owns),
		agent_test(request_that_is_there_already_is_as_good),
		agent_test(refused_request_is_asked_for_again),
		agent_test(hold_is_passed_on_to_the_request),
		agent_test(end_by_deadline_is_not_obeyed_before_our_own_deadline),
		agent_test(drained_and_empty_opens_the_gate_with_a_proof),
		agent_test(hook_that_comes_after_the_opening_goes_at_once),
		agent_test(work_that_came_back_voids_the_proof),
		agent_test(dispatchers_alone_void_the_proof_too),
		agent_test(process_of_another_capture_voids_the_proof),
		agent_test(process_that_goes_on_as_another_capture_is_drained_again),
		cmocka_unit_test(process_that_is_no_other_capture_is_let_go_when_its_own_is_gone),
		agent_test(process_that_cannot_be_read_keeps_the_gate_shut),
		agent_test(process_without_a_capture_id_keeps_the_gate_shut),
		cmocka_unit_test(request_that_ended_without_a_proof_releases_with_its_own_words),
		agent_test(passed_deadline_releases_as_timed_out),
		agent_test(passed_deadline_releases_when_nobody_coordinates),
		agent_test(hold_keeps_the_gate_shut_after_the_deadline),
		agent_test(hold_keeps_the_gate_shut_when_the_request_failed),
		agent_test(stop_ends_at_once_when_the_pod_lives_and_nobody_waits),
		agent_test(stop_waits_for_the_gate_of_a_terminating_pod),
		agent_test(stop_waits_while_the_process_still_answers_and_its_hook_may_come),
		agent_test(stop_ends_when_the_process_is_gone_for_certain),
		agent_test(stop_ends_without_the_api_server_when_the_process_is_gone),
	};

	td_log_set_level(TD_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
