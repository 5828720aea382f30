/* The coordinator's status writes against a scripted API server with real resourceVersions, while agents acknowledge and others
 * write. The request is an invalid one: the core ends it at once, with one write, and asks TiCDC nothing. */
#include "sidecar/shell.h"

#include "base/json.h"
#include "base/log.h"
#include "kube_peer.h"
#include "sidecar/cluster_view.h"
#include "sidecar/drainrequest.h"

#define DRAINS "/apis/drain.ticdc.dev/v1alpha1/namespaces/ns/drainrequests"
#define LOOK_MS 2
#define BURST_MS 300 /* the core asks again after 500 ms: what is done by then was done by the shell alone */

struct test {
	struct peer peer;
	struct td_ticdc_client *ticdc;
	struct td_recorder *recorder;
	struct td_informer *pods, *drains;
	struct td_shell *shell;
	struct td_timer *look;

	bool (*until)(const struct test *test);
	int64_t until_ms;

	json_t *object; /* as the API server has it */
	bool taken_over;
	int version, agents; /* how many agents come first */
	int patches, gets, get_status;
};

/* ---- the API server ---- */

static void bump(struct test *test)
{
	assert_int_equal(json_object_set_new(json_object_get(test->object, "metadata"), "resourceVersion",
					     json_sprintf("%d", ++test->version)),
			 0);
}

static void acknowledge(struct test *test)
{
	json_t *patch = json_pack("{s:{s:{s:i}}}", "status", "acknowledged", "cap-x", 7);

	(void)json_object_set_new(json_object_get(json_object_get(patch, "status"), "acknowledged"), "cap-x",
				  json_integer(test->agents));
	assert_int_equal(json_object_update_recursive(test->object, patch), 0);
	json_decref(patch);
	bump(test);
}

static void take_over(struct test *test)
{
	json_t *patch =
		json_pack("{s:{s:s, s:s, s:i}}", "status", "coordinator", "another", "phase", "Draining", "epoch", 9);

	assert_int_equal(json_object_update_recursive(test->object, patch), 0);
	json_decref(patch);
	bump(test);
	test->taken_over = false;
}

static void answer_patch(struct test *test, const struct peer_request *request)
{
	json_t *body = json_loads(request->body, 0, NULL);
	const char *version = td_json_text(body, "metadata.resourceVersion");

	test->patches++;
	if (test->agents > 0) {
		acknowledge(test);
		test->agents--;
	}
	if (test->taken_over)
		take_over(test);
	assert_non_null(version);
	if (strcmp(version, td_json_text(test->object, "metadata.resourceVersion")) != 0) {
		peer_refuse(request, 409, "Conflict", "the object has been modified");
	} else {
		(void)json_object_del(body, "metadata");
		assert_int_equal(json_object_update_recursive(test->object, body), 0);
		bump(test);
		peer_reply_json(request, 200, json_incref(test->object));
	}
	json_decref(body);
}

static void on_request(struct peer *peer, const struct peer_request *request)
{
	struct test *test = peer->test;

	if (strstr(request->uri, "watch=")) {
		peer_stream_begin(peer, request);
	} else if (strcmp(request->method, "PATCH") == 0 && strncmp(request->uri, DRAINS, strlen(DRAINS)) == 0) {
		answer_patch(test, request);
	} else if (strcmp(request->uri, DRAINS "/d") == 0) {
		test->gets++;
		if (test->get_status == 200)
			peer_reply_json(request, 200, json_deep_copy(test->object));
		else
			peer_refuse(request, test->get_status, "Scripted", "scripted");
	} else if (strcmp(request->method, "GET") == 0) {
		bool drains = strncmp(request->uri, DRAINS, strlen(DRAINS)) == 0;

		peer_reply_json(request, 200,
				json_pack("{s:{s:s}, s:o}", "metadata", "resourceVersion", "1", "items",
					  drains ? json_pack("[o]", json_deep_copy(test->object)) : json_array()));
	} else {
		peer_reply(request, 201, request->body);
	}
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

static void run_until(struct test *test, bool (*until)(const struct test *test))
{
	test->until = until;
	td_timer_arm(test->look, 0);
	peer_run(&test->peer);
}

static bool is_listed(const struct test *test)
{
	return td_informer_is_synced(test->drains) && td_informer_is_synced(test->pods);
}

static bool is_written(const struct test *test)
{
	const char *phase = td_json_text(test->object, "status.phase");

	return phase && strcmp(phase, "Failed") == 0;
}

static bool time_is_over(const struct test *test)
{
	return td_loop_now_ms(test->peer.loop) >= test->until_ms;
}

/* ---- one shell ---- */

static void on_changed(enum td_informer_change change, const char *name, json_t *object, void *userdata)
{
	(void)change, (void)name, (void)object, (void)userdata;
}

static void on_synced(void *userdata)
{
	(void)userdata;
}

static void on_broken(void *userdata)
{
	(void)userdata;
	fail();
}

static int setup(void **state)
{
	static const struct td_informer_handlers handlers = {.changed = on_changed, .synced = on_synced};
	const struct td_informer_options pods = {.resource = &td_pods, .namespace_ = "ns"};
	const struct td_informer_options drains = {.resource = &td_drainrequests, .namespace_ = "ns"};
	struct test *test = calloc(1, sizeof(*test));

	*state = test;
	peer_start(&test->peer, on_request, test);
	test->get_status = 200;
	test->version = 10;
	test->object = json_pack("{s:{s:s, s:s, s:s, s:s}, s:{}, s:{s:s, s:i}}", "metadata", "name", "d", "uid", "u",
				 "creationTimestamp", "2026-11-23T13:18:38Z", "resourceVersion", "10", "spec", "status",
				 "phase", "Draining", "epoch", 4);
	assert_non_null(test->object);
	test->look = td_timer_new(test->peer.loop, on_look, test);
	test->ticdc =
		td_ticdc_client_new(test->peer.loop, test->peer.http, &(struct td_ticdc_options){.connect_timeout_ms = 0});
	test->recorder = td_recorder_new(test->peer.loop, test->peer.client, "ticdc-drain", "p", NULL, NULL);
	test->pods = td_informer_new(test->peer.loop, test->peer.client, &pods, &handlers, test);
	test->drains = td_informer_new(test->peer.loop, test->peer.client, &drains, &handlers, test);
	assert_true(test->look && test->ticdc && test->recorder && test->pods && test->drains);
	run_until(test, is_listed);
	return 0;
}

/* Stands in for the election: this shell always holds the Lease. */
bool td_leader_is_valid(const struct td_leader *leader)
{
	(void)leader;
	return true;
}

static void start_shell(struct test *test)
{
	const struct td_shell_options options = {.loop = test->peer.loop,
						 .kube = test->peer.client,
						 .ticdc = test->ticdc,
						 .recorder = test->recorder,
						 .pods = test->pods,
						 .drains = test->drains,
						 .namespace_ = "ns",
						 .identity = "p",
						 .ticdc_address = "127.0.0.1:1",
						 .batch = 10,
						 .broken = on_broken};

	test->shell = td_shell_new(&options);
	assert_non_null(test->shell);
}

static int teardown(void **state)
{
	struct test *test = *state;

	td_shell_free(test->shell);
	td_informer_free(test->pods);
	td_informer_free(test->drains);
	td_recorder_free(test->recorder);
	td_ticdc_client_free(test->ticdc);
	td_timer_free(test->look);
	json_decref(test->object);
	peer_stop(&test->peer);
	free(test);
	return 0;
}

static void run_for(struct test *test, int64_t ms)
{
	test->until_ms = td_loop_now_ms(test->peer.loop) + ms;
	run_until(test, time_is_over);
}

static void write_without_a_conflict_reads_nothing_again(void **state)
{
	struct test *test = *state;

	start_shell(test);
	run_until(test, is_written);
	assert_int_equal(test->patches, 1);
	assert_int_equal(test->gets, 0);
}

static void write_gets_through_a_burst_of_acknowledgements_at_once_and_keeps_them(void **state)
{
	struct test *test = *state;
	int64_t began = td_loop_now_ms(test->peer.loop), epoch;

	test->agents = 5;
	start_shell(test);
	run_until(test, is_written);
	assert_true(td_loop_now_ms(test->peer.loop) - began < BURST_MS);
	assert_int_equal(test->patches, 6);
	assert_int_equal(test->gets, 5);
	assert_true(td_json_int(test->object, "status.acknowledged.cap-x", &epoch) && epoch == 1);
}

static void tries_are_bounded_and_begin_anew_later(void **state)
{
	struct test *test = *state;

	test->agents = 1000;
	start_shell(test);
	run_for(test, BURST_MS);
	assert_in_range(test->patches, 5, 10);
	test->agents = 0;
	run_until(test, is_written);
}

static void write_of_another_coordinator_is_not_overwritten(void **state)
{
	struct test *test = *state;

	test->taken_over = true;
	test->agents = 1;
	start_shell(test);
	run_for(test, 3 * BURST_MS); /* the core tries again: the informer still shows the old version */
	assert_in_range(test->patches, 2, 4);
	assert_false(is_written(test));
	assert_string_equal(td_json_text(test->object, "status.coordinator"), "another");
	assert_string_equal(td_json_text(test->object, "status.phase"), "Draining");
}

static void write_is_not_sent_again_when_the_object_cannot_be_read(void **state)
{
	struct test *test = *state;

	test->agents = 1;
	test->get_status = 500;
	start_shell(test);
	run_for(test, BURST_MS);
	assert_int_equal(test->patches, 1);
	assert_int_equal(test->gets, 1);
	test->get_status = 200;
	run_until(test, is_written);
}

static void shell_that_ends_in_the_middle_of_it_leaves_nothing_behind(void **state)
{
	struct test *test = *state;

	test->agents = 1000;
	start_shell(test);
	run_for(test, 5);
	test->shell = td_shell_free(test->shell);
	run_for(test, 50);
	assert_false(is_written(test));
}

#define test_of(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_of(write_without_a_conflict_reads_nothing_again),
		test_of(write_gets_through_a_burst_of_acknowledgements_at_once_and_keeps_them),
		test_of(tries_are_bounded_and_begin_anew_later),
		test_of(write_of_another_coordinator_is_not_overwritten),
		test_of(write_is_not_sent_again_when_the_object_cannot_be_read),
		test_of(shell_that_ends_in_the_middle_of_it_leaves_nothing_behind),
	};

	td_log_set_level(TD_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
