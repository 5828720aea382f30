/* The single calls: what is sent, what comes back, and that a call ends exactly once or, cancelled, not at all. */
#include "ticdc_peer.h"

#include <fcntl.h>
#include <unistd.h>

#define ID "6bbc01c8-0605-4f86-a0f9-b3119109b225"
#define FAULT(code, text) "{\"error_msg\":\"" text "\",\"error_code\":\"" code "\"}"

struct outcome {
	struct peer *peer;
	int calls, left; /* the loop stops when left gets to 0 */
	struct td_error err;
	struct td_ticdc_fault fault;
	struct td_ticdc_status status;
	size_t captures;
	int64_t answer;
};

static void ended(struct outcome *outcome, const struct td_error *err)
{
	outcome->calls++;
	outcome->err = *err;
	if (--outcome->left == 0)
		td_loop_stop(outcome->peer->loop);
}

static void on_status(const struct td_ticdc_status *status, const struct td_error *err, void *userdata)
{
	struct outcome *outcome = userdata;

	outcome->status = *status;
	ended(outcome, err);
}

static void on_captures(const struct td_ticdc_capture *captures, size_t count, const struct td_error *err, void *userdata)
{
	struct outcome *outcome = userdata;

	assert_true(count == 0 || captures[0].id[0]);
	outcome->captures = count;
	ended(outcome, err);
}

static void on_drain(int64_t answer, const struct td_ticdc_fault *fault, const struct td_error *err, void *userdata)
{
	struct outcome *outcome = userdata;

	outcome->answer = answer;
	outcome->fault = *fault;
	ended(outcome, err);
}

static void on_accept(const struct td_ticdc_fault *fault, const struct td_error *err, void *userdata)
{
	struct outcome *outcome = userdata;

	outcome->fault = *fault;
	ended(outcome, err);
}

static struct outcome expect(struct peer *peer)
{
	return (struct outcome){.peer = peer, .left = 1};
}

static void status_is_read_and_host_is_the_advertise_address(void **state)
{
	static const struct rule rules[] = {{0, "GET /status", 0, 200, JSON,
					     "{\"version\":\"v8.5.7\",\"id\":\"" ID
					     "\",\"pid\":7,\"is_owner\":false,\"liveness\":2}"},
					    {0}};
	struct peer *peer = *state;
	struct outcome outcome = expect(peer);

	peer_script(peer, rules);
	assert_non_null(td_ticdc_get_status(peer->client, peer->nodes[0].address, NULL, on_status, &outcome));
	assert_int_equal(outcome.calls, 0); /* never from inside the start */
	peer_run(peer);
	assert_int_equal(outcome.err.code, TD_OK);
	assert_string_equal(outcome.status.id, ID);
	assert_int_equal(outcome.status.liveness, 2);
	assert_string_equal(td_buf_text(&peer->log), "0 GET /status\n");
}

static void connect_to_changes_the_connection_not_the_host(void **state)
{
	static const struct rule rules[] = {
		{1, "GET /api/v2/captures", 0, 200, JSON,
		 "{\"total\":1,\"items\":[{\"id\":\"a\",\"is_owner\":true,\"address\":\"cdc-0.cdc:8300\"}]}"},
		{0}};
	struct peer *peer = *state;
	struct outcome outcome = expect(peer);

	peer_script(peer, rules);
	/* node 1 answers for the name; it would count a wrong Host, so its own address is replaced by the name */
	(void)snprintf(peer->nodes[1].address, sizeof(peer->nodes[1].address), "cdc-0.cdc:8300");
	{
		char to[64];
		struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(peer->nodes[1].http, "127.0.0.1", 0);
		struct sockaddr_in name;
		socklen_t len = sizeof(name);

		assert_int_equal(getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&name, &len), 0);
		(void)snprintf(to, sizeof(to), "127.0.0.1:%d", ntohs(name.sin_port));
		assert_non_null(td_ticdc_get_captures(peer->client, "cdc-0.cdc:8300", to, on_captures, &outcome));
	}
	peer_run(peer);
	assert_int_equal(outcome.err.code, TD_OK);
	assert_int_equal(outcome.captures, 1);
}

static void drain_tells_answers_and_refusals(void **state)
{
	static const struct {
		struct rule rules[2];
		enum td_error_code code;
		int64_t answer;
		const char *error_code;
	} cases[] = {
		{{{0, "PUT /api/v1/captures/drain", 0, 202, JSON, "{\"current_table_count\":0}"}}, TD_OK, 0, ""},
		{{{0, "PUT /api/v1/captures/drain", 0, 202, JSON, "{\"current_table_count\":41}"}}, TD_OK, 41, ""},
		{{{0, "PUT /api/v1/captures/drain", 0, 200, JSON, "{\"current_table_count\":0}"}}, TD_ERR_PROTOCOL, -1, ""},
		{{{0, "PUT /api/v1/captures/drain", 0, 202, JSON, "{}"}}, TD_ERR_PROTOCOL, -1, ""},
		{{{0, "PUT /api/v1/captures/drain", 0, 202, "", ""}}, TD_ERR_PROTOCOL, -1, ""},
		{{{0, "PUT /api/v1/captures/drain", 0, 400, JSON, FAULT("CDC:ErrCaptureNotExist", "x")}},
		 TD_ERR_HTTP,
		 -1,
		 "CDC:ErrCaptureNotExist"},
		{{{0, "PUT /api/v1/captures/drain", 0, 401, JSON, FAULT("CDC:ErrUnauthorized", "x")}},
		 TD_ERR_HTTP,
		 -1,
		 "CDC:ErrUnauthorized"},
		{{{0, "PUT /api/v1/captures/drain", 0, 500, JSON, FAULT("", "election: no leader")}},
		 TD_ERR_TRANSPORT,
		 -1,
		 ""},
		{{{0, "PUT /api/v1/captures/drain", 0, 503, "text/plain", FAULT("CDC:ErrServerIsNotReady", "x")}},
		 TD_ERR_HTTP,
		 -1,
		 "CDC:ErrServerIsNotReady"},
		{{{0, "PUT /api/v1/captures/drain", 0, 0, "", ""}}, TD_ERR_TIMEOUT, -1, ""},
		{{{0, "PUT /api/v1/captures/drain", 0, -1, "", ""}}, TD_ERR_TRANSPORT, -1, ""},
	};
	struct peer *peer = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome outcome = expect(peer);

		peer_script(peer, cases[i].rules);
		assert_non_null(td_ticdc_put_drain(peer->client, peer->nodes[0].address, ID, on_drain, &outcome));
		peer_run(peer);
		if (outcome.err.code != cases[i].code)
			fail_msg("case %zu: %s: %s", i, td_error_name(outcome.err.code), outcome.err.text);
		assert_int_equal(outcome.answer, cases[i].answer);
		assert_string_equal(outcome.fault.error_code, cases[i].error_code);
		assert_int_equal(outcome.calls, 1);
		assert_string_equal(td_buf_text(&peer->log), "0 PUT /api/v1/captures/drain {\"capture_id\":\"" ID "\"}\n");
		if (outcome.err.code != TD_OK)
			assert_true(strncmp(outcome.err.text, "drain of " ID " from 127.0.0.1:", 30) == 0);
	}
}

/* The classic family has two routes; a build that does not know the first is asked by the second, once. */
static void drain_is_asked_by_the_other_route_of_a_build_that_lacks_the_first(void **state)
{
	static const struct rule answers[] = {
		{0, "POST /api/v2/captures/" ID "/drain", 0, 202, JSON, "{\"current_table_count\":7}"}, {0}};
	struct peer *peer = *state;
	struct outcome outcome = expect(peer);

	peer_script(peer, answers);
	assert_non_null(td_ticdc_put_drain(peer->client, peer->nodes[0].address, ID, on_drain, &outcome));
	peer_run(peer);
	assert_int_equal(outcome.err.code, TD_OK);
	assert_int_equal(outcome.answer, 7);
	assert_string_equal(td_buf_text(&peer->log), "0 PUT /api/v1/captures/drain {\"capture_id\":\"" ID "\"}\n"
						     "0 POST /api/v2/captures/" ID "/drain\n");
	outcome = expect(peer);
	peer_script(peer, NULL);
	assert_non_null(td_ticdc_put_drain(peer->client, peer->nodes[0].address, ID, on_drain, &outcome));
	peer_run(peer);
	assert_int_equal(outcome.err.code, TD_ERR_HTTP);
	assert_int_equal(outcome.answer, -1);
}

/* Of the classic family: the v1 route, asynchronous, of namespace "default" only. */
static void a_classic_move_is_queued_by_202_alone(void **state)
{
	static const struct {
		int status;
		enum td_error_code code;
	} cases[] = {
		{202, TD_OK}, {200, TD_ERR_PROTOCOL}, {204, TD_ERR_PROTOCOL}, {400, TD_ERR_HTTP}, {500, TD_ERR_TRANSPORT}};
	struct peer *peer = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct rule rules[] = {
			{0, "POST /api/v1/changefeeds/cf-01/tables/move_table", 0, cases[i].status, "", ""}, {0}};
		struct outcome outcome = expect(peer);

		peer_script(peer, rules);
		assert_non_null(td_ticdc_post_move_table(peer->client, TD_FAMILY_CLASSIC, peer->nodes[0].address,
							 "default/cf-01", 5, 0, ID, on_accept, &outcome));
		peer_run(peer);
		assert_int_equal(outcome.err.code, cases[i].code);
		assert_string_equal(td_buf_text(&peer->log), "0 POST /api/v1/changefeeds/cf-01/tables/move_table "
							     "{\"capture_id\":\"" ID "\",\"table_id\":5}\n");
	}
	{
		struct outcome outcome = expect(peer);

		peer_script(peer, NULL);
		assert_non_null(td_ticdc_post_move_table(peer->client, TD_FAMILY_CLASSIC, peer->nodes[0].address,
							 "other/cf-01", 5, 0, ID, on_accept, &outcome));
		peer_run(peer);
		assert_int_equal(outcome.err.code, TD_ERR_INVALID);
		assert_string_equal(td_buf_text(&peer->log), "");
	}
}

static void changes_are_sent_as_the_contract_says(void **state)
{
	static const struct rule rules[] = {{ANY, "POST *", 0, 200, JSON, "{}"}, {0}};
	struct peer *peer = *state;
	struct outcome outcome = {.peer = peer, .left = 3};
	const char *log;

	peer_script(peer, rules);
	assert_non_null(td_ticdc_post_resign(peer->client, peer->nodes[0].address, on_accept, &outcome));
	assert_non_null(td_ticdc_post_move_table(peer->client, TD_FAMILY_NATIVE, peer->nodes[1].address, "ks 1/cf-01",
						 INT64_MAX, 1, ID, on_accept, &outcome));
	assert_non_null(
		td_ticdc_post_move_maintainer(peer->client, peer->nodes[2].address, "default/cf", ID, on_accept, &outcome));
	peer_run(peer);
	assert_int_equal(outcome.calls, 3);
	assert_int_equal(outcome.err.code, TD_OK);
	log = td_buf_text(&peer->log);
	assert_non_null(strstr(log, "0 POST /api/v2/owner/resign\n"));
	assert_non_null(strstr(log, "1 POST /api/v2/changefeeds/cf-01/move_table?keyspace=ks%201&namespace=ks%201"
				    "&tableID=9223372036854775807&targetNodeID=" ID "&mode=1&wait=false\n"));
	assert_non_null(strstr(log, "2 POST /api/v2/changefeeds/cf/move_maintainer?keyspace=default&namespace=default"
				    "&targetNodeID=" ID "&wait=false\n"));
}

static void requests_that_cannot_be_made_fail_later(void **state)
{
	struct peer *peer = *state;
	struct outcome outcome = {.peer = peer, .left = 5};

	peer_script(peer, NULL);
	assert_non_null(td_ticdc_put_drain(peer->client, peer->nodes[0].address, "a\",\"b", on_drain, &outcome));
	assert_non_null(td_ticdc_put_drain(peer->client, peer->nodes[0].address, "", on_drain, &outcome));
	assert_non_null(td_ticdc_post_move_table(peer->client, TD_FAMILY_NATIVE, peer->nodes[0].address, "no-slash", 1, 0,
						 ID, on_accept, &outcome));
	assert_non_null(td_ticdc_post_move_maintainer(peer->client, peer->nodes[0].address, "d/cf", "x&mode=1", on_accept,
						      &outcome));
	assert_non_null(td_ticdc_get_status(peer->client, "evil/path:80", NULL, on_status, &outcome));
	assert_int_equal(outcome.calls, 0);
	peer_run(peer);
	assert_int_equal(outcome.calls, 5);
	assert_int_equal(outcome.err.code, TD_ERR_INVALID);
	assert_string_equal(td_buf_text(&peer->log), "");
}

static void refused_connection_is_definite(void **state)
{
	struct peer *peer = *state;
	struct outcome outcome = expect(peer);

	evhttp_free(peer->nodes[3].http); /* its port is closed now */
	peer->nodes[3].http = evhttp_new(td_loop_event_base(peer->loop));
	assert_non_null(td_ticdc_get_status(peer->client, peer->nodes[3].address, NULL, on_status, &outcome));
	peer_run(peer);
	assert_int_equal(outcome.err.code, TD_ERR_CONNECT);
}

static void cancelled_calls_stay_silent(void **state)
{
	static const struct rule rules[] = {{ANY, "GET /status", 0, 0, "", ""}, {0}};
	struct peer *peer = *state;
	struct outcome outcome = expect(peer);
	struct td_ticdc_call *call;

	peer_script(peer, rules);
	call = td_ticdc_get_status(peer->client, peer->nodes[0].address, NULL, on_status, &outcome);
	assert_non_null(call);
	td_ticdc_cancel(call);
	assert_non_null(td_ticdc_get_status(peer->client, peer->nodes[0].address, NULL, on_status, &outcome));
	assert_non_null(td_ticdc_get_status(peer->client, "bad", NULL, on_status, &outcome)); /* waits in its timer */
	assert_non_null(td_ticdc_get_status(peer->client, peer->nodes[1].address, NULL, on_status, &outcome));
	peer->client = td_ticdc_client_free(peer->client);
	peer_run_quiet(peer);
	assert_int_equal(outcome.calls, 0);
}

static void free_in_done(const struct td_ticdc_status *status, const struct td_error *err, void *userdata)
{
	struct outcome *outcome = userdata;

	outcome->peer->client = td_ticdc_client_free(outcome->peer->client);
	on_status(status, err, userdata);
}

static void client_may_be_freed_in_a_callback(void **state)
{
	static const struct rule rules[] = {{1, "GET /status", 0, 0, "", ""}, {0}};
	struct peer *peer = *state;
	struct outcome outcome = expect(peer);

	peer_script(peer, rules);
	assert_non_null(td_ticdc_get_status(peer->client, peer->nodes[0].address, NULL, free_in_done, &outcome));
	assert_non_null(td_ticdc_get_status(peer->client, peer->nodes[1].address, NULL, on_status, &outcome));
	peer_run(peer);
	assert_int_equal(outcome.calls, 1);
}

static void requests_are_counted_by_endpoint(void **state)
{
	struct peer *peer = *state;
	struct outcome outcome = {.peer = peer, .left = 3};
	const char *name;
	uint64_t drain = 0, sum = 0;

	peer_script(peer, NULL);
	(void)td_ticdc_put_drain(peer->client, peer->nodes[0].address, ID, on_drain, &outcome);
	(void)td_ticdc_put_drain(peer->client, peer->nodes[0].address, ID, on_drain, &outcome);
	(void)td_ticdc_get_status(peer->client, peer->nodes[0].address, NULL, on_status, &outcome);
	peer_run(peer);
	for (size_t i = 0; td_ticdc_requests(peer->client, i, &name), name; i++) {
		sum += td_ticdc_requests(peer->client, i, &name);
		if (strcmp(name, "drain") == 0)
			drain = td_ticdc_requests(peer->client, i, &name);
	}
	assert_int_equal(drain, 2);
	assert_int_equal(sum, 5); /* each drain is answered 404, and asked by the second route */
}

static char seen_authorization[128];

static void note_authorization(struct evhttp_request *request, void *userdata)
{
	const char *value = evhttp_find_header(evhttp_request_get_input_headers(request), "Authorization");

	(void)snprintf(seen_authorization, sizeof(seen_authorization), "%s", value ? value : "none");
	on_request(request, userdata);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void drain_with(struct peer *peer, struct outcome *outcome)
{
	*outcome = expect(peer);
	assert_non_null(td_ticdc_put_drain(peer->client, peer->nodes[0].address, ID, on_drain, outcome));
	peer_run(peer);
}

static void credentials_go_where_they_are_needed_and_are_read_each_time(void **state)
{
	static const struct rule rules[] = {{ANY, "PUT *", 0, 202, JSON, "{\"current_table_count\":1}"}, {0}};
	struct peer *peer = *state;
	struct outcome outcome;
	char path[] = "/tmp/ticdc_password_XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	(void)close(fd);
	peer_script(peer, rules);
	peer_client(peer, "root", path);
	evhttp_set_gencb(peer->nodes[0].http, note_authorization, &peer->nodes[0]);
	write_file(path, "secret\n");
	drain_with(peer, &outcome);
	assert_string_equal(seen_authorization, "Basic cm9vdDpzZWNyZXQ=");
	write_file(path, "rotated");
	drain_with(peer, &outcome);
	assert_string_equal(seen_authorization, "Basic cm9vdDpyb3RhdGVk");

	outcome = expect(peer);
	assert_non_null(td_ticdc_get_status(peer->client, peer->nodes[0].address, NULL, on_status, &outcome));
	peer_run(peer);
	assert_string_equal(seen_authorization, "none");

	assert_int_equal(unlink(path), 0);
	drain_with(peer, &outcome);
	assert_int_equal(outcome.err.code, TD_ERR_SYSTEM);
	assert_null(strstr(outcome.err.text, "rotated"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		peer_test(status_is_read_and_host_is_the_advertise_address),
		peer_test(connect_to_changes_the_connection_not_the_host),
		peer_test(drain_tells_answers_and_refusals),
		peer_test(drain_is_asked_by_the_other_route_of_a_build_that_lacks_the_first),
		peer_test(a_classic_move_is_queued_by_202_alone),
		peer_test(changes_are_sent_as_the_contract_says),
		peer_test(requests_that_cannot_be_made_fail_later),
		peer_test(refused_connection_is_definite),
		peer_test(cancelled_calls_stay_silent),
		peer_test(client_may_be_freed_in_a_callback),
		peer_test(requests_are_counted_by_endpoint),
		peer_test(credentials_go_where_they_are_needed_and_are_read_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
