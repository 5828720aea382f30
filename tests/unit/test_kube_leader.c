/* Leaders on a model Lease behind a real HTTP server on loopback. The rules themselves are tested in test_kube_elector.c. */
#include "kube_peer.h"

#include "base/json.h"
#include "kube/leader.h"

/* The one Lease of the server. */
struct server {
	json_t *lease;
	int version;
	int fail_writes; /* so many writes are answered 500, or (below 0) never */
	bool foreign;	 /* the next GET shows another holder */
	int writes;
};

struct seat {
	struct test *test;
	struct td_leader *leader;
	struct td_buf told;  /* "+0 -lost =holder !404 " */
	const char *free_at; /* free the leader when told is this */
};

struct test {
	struct peer peer;
	struct server server;
	struct seat seats[2];
	const char *until; /* stop when what the first seat was told ends with this */
	bool released;
};

static void notice(struct seat *seat)
{
	struct test *test = seat->test;
	const char *text = td_buf_text(&seat->told);
	size_t len = strlen(text), end = strlen(test->until);

	if (seat == &test->seats[0] && len >= end && !strcmp(text + len - end, test->until))
		td_loop_stop(test->peer.loop);
	if (seat->free_at && !strcmp(text, seat->free_at))
		seat->leader = td_leader_free(seat->leader);
}

static void gained(int64_t transitions, void *userdata)
{
	struct seat *seat = userdata;

	assert_true(td_leader_is_valid(seat->leader));
	assert_true(td_buf_append_format(&seat->told, "+%lld ", (long long)transitions));
	notice(seat);
}

static void lost(const char *why, void *userdata)
{
	struct seat *seat = userdata;

	assert_false(td_leader_is_valid(seat->leader));
	assert_true(strlen(why) > 5);
	assert_true(td_buf_append_text(&seat->told, "-lost "));
	notice(seat);
}

static void observed(const char *holder, void *userdata)
{
	struct seat *seat = userdata;

	assert_string_equal(holder, td_leader_holder(seat->leader));
	assert_true(td_buf_append_format(&seat->told, "=%s ", holder));
	notice(seat);
}

static void failed(const struct td_error *err, void *userdata)
{
	struct seat *seat = userdata;

	assert_true(td_buf_append_format(&seat->told, "!%s ", td_error_name(err->code)));
	notice(seat);
}

static void reply_lease(const struct peer_request *request, const struct server *server)
{
	peer_reply_json(request, 200, json_incref(server->lease));
}

static void store_lease(struct server *server, json_t *lease)
{
	json_decref(server->lease);
	server->lease = lease;
	server->version++;
	server->writes++;
	assert_int_equal(json_object_set_new(json_object_get(lease, "metadata"), "resourceVersion",
					     json_sprintf("%d", server->version)),
			 0);
}

static bool spoil_write(struct peer *peer, struct server *server, const struct peer_request *request)
{
	if (!server->fail_writes)
		return false;
	if (server->fail_writes < 0) {
		peer_stream_begin(peer, request); /* headers, and nothing more ever */
		return true;
	}
	server->fail_writes--;
	peer_refuse(request, 500, "InternalError", "etcd is slow");
	return true;
}

static void on_request(struct peer *peer, const struct peer_request *request)
{
	struct server *server = &((struct test *)peer->test)->server;
	const char *path = "/apis/coordination.k8s.io/v1/namespaces/ns/leases/lease";
	const char *version;
	json_t *body;

	assert_memory_equal(request->uri, path, !strcmp(request->method, "POST") ? strlen(path) - 6 : strlen(path) + 1);
	if (!strcmp(request->method, "GET")) {
		if (server->foreign)
			assert_int_equal(json_object_set_new(json_object_get(server->lease, "spec"), "holderIdentity",
							     json_string("thief")),
					 0);
		if (server->lease)
			reply_lease(request, server);
		else
			peer_refuse(request, 404, "NotFound", "leases \"lease\" not found");
		return;
	}
	if (spoil_write(peer, server, request))
		return;
	body = json_loads(request->body, 0, NULL);
	assert_non_null(body);
	version = td_json_text(body, "metadata.resourceVersion");
	assert_int_equal(!version, !strcmp(request->method, "POST"));
	if (server->lease && (!version || strcmp(version, td_json_text(server->lease, "metadata.resourceVersion")))) {
		json_decref(body);
		peer_refuse(request, 409, "Conflict", "the object has been modified");
		return;
	}
	store_lease(server, body);
	reply_lease(request, server);
}

static void start(struct test *test, const char *until)
{
	test->until = until;
	peer_start(&test->peer, on_request, test);
}

/* Short times: 1 s lease, 600 ms renew deadline, 100 ms retry. */
static void sit(struct test *test, int which, const char *identity)
{
	static const struct td_leader_handlers handlers = {gained, lost, observed, failed};
	const struct td_leader_options options = {"ns", "lease", identity, 1000, 600, 100, (uint64_t)which};
	struct td_error err;

	test->seats[which].test = test;
	td_buf_init(&test->seats[which].told, 10000);
	test->seats[which].leader =
		td_leader_new(test->peer.loop, test->peer.client, &options, &handlers, &test->seats[which], &err);
	assert_non_null(test->seats[which].leader);
	assert_string_equal(td_leader_holder(test->seats[which].leader), "");
	assert_false(td_leader_is_valid(test->seats[which].leader));
}

static void stop(struct test *test)
{
	for (int i = 0; i < 2; i++) {
		test->seats[i].leader = td_leader_free(test->seats[i].leader);
		td_buf_done(&test->seats[i].told);
	}
	json_decref(test->server.lease);
	peer_stop(&test->peer);
}

static void released(void *userdata)
{
	struct test *test = userdata;

	test->released = true;
	td_loop_stop(test->peer.loop);
}

static void leader_creates_the_lease_and_gains_it(void **state)
{
	struct test test = {0};
	const json_t *spec;
	int64_t number = -1;

	(void)state;
	start(&test, "+0 ");
	sit(&test, 0, "me");
	peer_run(&test.peer);
	assert_string_equal(td_buf_text(&test.seats[0].told), "=me +0 ");
	spec = json_object_get(test.server.lease, "spec");
	assert_string_equal(td_json_text(test.server.lease, "kind"), "Lease");
	assert_string_equal(td_json_text(test.server.lease, "apiVersion"), "coordination.k8s.io/v1");
	assert_string_equal(td_json_text(spec, "holderIdentity"), "me");
	assert_true(td_json_int(spec, "leaseDurationSeconds", &number));
	assert_int_equal(number, 1);
	assert_true(td_json_int(spec, "leaseTransitions", &number));
	assert_int_equal(number, 0);
	assert_int_equal(strlen(td_json_text(spec, "renewTime")), strlen("2026-11-23T13:18:38.123000Z"));
	assert_string_equal(td_json_text(spec, "renewTime"), td_json_text(spec, "acquireTime"));
	stop(&test);
}

static void on_enough(void *userdata)
{
	struct test *test = userdata;

	td_loop_stop(test->peer.loop);
}

static void leader_keeps_what_it_does_not_know(void **state)
{
	struct test test = {0};
	json_t *lease = json_loads("{\"kind\":\"Lease\",\"future\":[1,{\"x\":null}],\"metadata\":{\"name\":\"lease\","
				   "\"labels\":{\"a\":\"b\"}},\"spec\":{\"strategy\":\"OldestEmulationVersion\","
				   "\"leaseTransitions\":4,\"acquireTime\":\"then\"}}",
				   0, NULL);
	struct td_timer *timer;

	(void)state;
	start(&test, "+5 ");
	assert_non_null(lease);
	store_lease(&test.server, lease);
	sit(&test, 0, "me");
	peer_run(&test.peer);
	timer = td_timer_new(test.peer.loop, on_enough, &test);
	td_timer_arm(timer, 350); /* some renewals */
	peer_run(&test.peer);
	td_timer_free(timer);
	assert_in_range(test.server.writes, 4, 6);
	assert_string_equal(td_json_text(test.server.lease, "metadata.labels.a"), "b");
	assert_string_equal(td_json_text(test.server.lease, "spec.strategy"), "OldestEmulationVersion");
	assert_int_equal(json_array_size(json_object_get(test.server.lease, "future")), 2);
	assert_string_not_equal(td_json_text(test.server.lease, "spec.acquireTime"), "then");
	assert_string_not_equal(td_json_text(test.server.lease, "spec.acquireTime"),
				td_json_text(test.server.lease, "spec.renewTime"));
	assert_true(td_leader_is_valid(test.seats[0].leader));
	stop(&test);
}

static void leader_survives_failing_renewals_within_the_deadline(void **state)
{
	struct test test = {0};
	struct td_timer *timer;

	(void)state;
	start(&test, "+0 ");
	sit(&test, 0, "me");
	peer_run(&test.peer);
	test.server.fail_writes = 2;
	timer = td_timer_new(test.peer.loop, on_enough, &test);
	td_timer_arm(timer, 900);
	peer_run(&test.peer);
	td_timer_free(timer);
	assert_string_equal(td_buf_text(&test.seats[0].told), "=me +0 !http !http ");
	assert_true(td_leader_is_valid(test.seats[0].leader));
	stop(&test);
}

static void leader_loses_when_renewals_hang_and_gains_anew(void **state)
{
	struct test test = {0};

	(void)state;
	start(&test, "+0 ");
	sit(&test, 0, "me");
	peer_run(&test.peer);
	test.server.fail_writes = -1;
	test.until = "-lost ";
	peer_run(&test.peer);
	assert_false(td_leader_is_valid(test.seats[0].leader));
	test.server.fail_writes = 0;
	test.until = "+1 ";
	peer_run(&test.peer);
	assert_true(td_leader_is_valid(test.seats[0].leader));
	stop(&test);
}

static void leader_gives_way_to_a_thief(void **state)
{
	struct test test = {0};

	(void)state;
	start(&test, "+0 ");
	sit(&test, 0, "me");
	peer_run(&test.peer);
	test.server.version++; /* somebody wrote: our next update conflicts */
	assert_int_equal(json_object_set_new(json_object_get(test.server.lease, "metadata"), "resourceVersion",
					     json_sprintf("%d", test.server.version)),
			 0);
	test.server.foreign = true;
	test.until = "-lost ";
	peer_run(&test.peer);
	assert_string_equal(td_buf_text(&test.seats[0].told), "=me +0 =thief -lost ");
	assert_string_equal(td_leader_holder(test.seats[0].leader), "thief");
	stop(&test);
}

static void leader_releases_and_the_next_one_takes_over_at_once(void **state)
{
	struct test test = {0};
	int64_t number = -1, since_ms;

	(void)state;
	start(&test, "+0 ");
	sit(&test, 0, "me");
	peer_run(&test.peer);
	sit(&test, 1, "you");
	test.until = "never";
	td_leader_release(test.seats[0].leader, released, &test);
	assert_false(td_leader_is_valid(test.seats[0].leader));
	assert_false(test.released);
	since_ms = td_loop_now_ms(test.peer.loop);
	peer_run(&test.peer);
	assert_true(test.released);
	assert_string_equal(td_json_text(test.server.lease, "spec.holderIdentity"), "");
	assert_true(td_json_int(test.server.lease, "spec.leaseDurationSeconds", &number));
	assert_int_equal(number, 1);
	assert_string_equal(td_buf_text(&test.seats[0].told), "=me +0 ");
	test.seats[0].leader = td_leader_free(test.seats[0].leader);
	while (!strstr(td_buf_text(&test.seats[1].told), "+1 ")) {
		struct td_timer *timer = td_timer_new(test.peer.loop, on_enough, &test);

		td_timer_arm(timer, 5);
		peer_run(&test.peer);
		td_timer_free(timer);
	}
	assert_true(td_loop_now_ms(test.peer.loop) - since_ms < 900); /* less than the lease */
	stop(&test);
}

static void leader_releases_in_time_when_the_server_is_silent(void **state)
{
	struct test test = {0};
	int64_t since_ms;

	(void)state;
	start(&test, "+0 ");
	sit(&test, 0, "me");
	peer_run(&test.peer);
	test.server.fail_writes = -1;
	since_ms = td_loop_now_ms(test.peer.loop);
	td_leader_release(test.seats[0].leader, released, &test);
	peer_run(&test.peer);
	assert_true(test.released);
	assert_true(td_loop_now_ms(test.peer.loop) - since_ms <= 2500);
	stop(&test);
}

static void leader_releases_at_once_when_it_holds_nothing(void **state)
{
	struct test test = {0};

	(void)state;
	start(&test, "never");
	sit(&test, 0, "me");
	td_leader_release(test.seats[0].leader, released, &test);
	assert_false(test.released); /* never from inside */
	peer_run(&test.peer);
	assert_true(test.released);
	assert_int_equal(test.peer.requests, 0);
	stop(&test);
}

static void leader_may_be_freed_by_its_handlers(void **state)
{
	static const char *const told[] = {"=me ", "=me +0 ", "!connect "};
	char nowhere[] = "http://127.0.0.1:1";

	(void)state;
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		struct test test = {0};

		start(&test, told[i]);
		test.seats[0].free_at = told[i];
		sit(&test, 0, "me");
		if (i == 2)
			test.peer.config.server = nowhere;
		peer_run(&test.peer);
		assert_null(test.seats[0].leader);
		assert_string_equal(td_buf_text(&test.seats[0].told), told[i]);
		stop(&test);
	}
}

static void leader_refuses_a_lease_without_a_version(void **state)
{
	struct test test = {0};
	json_t *lease = json_loads("{\"metadata\":{\"name\":\"lease\"},\"spec\":{}}", 0, NULL);

	(void)state;
	start(&test, "!protocol ");
	test.server.lease = lease;
	sit(&test, 0, "me");
	peer_run(&test.peer);
	assert_int_equal(test.server.writes, 0);
	stop(&test);
}

static void leader_refuses_bad_options(void **state)
{
	static const struct td_leader_handlers handlers = {gained, lost, NULL, NULL};
	const struct td_leader_options options = {"ns", "lease", "me", 1000, 1000, 100, 0};
	struct test test = {0};
	struct td_error err;

	(void)state;
	start(&test, "never");
	assert_null(td_leader_new(test.peer.loop, test.peer.client, &options, &handlers, NULL, &err));
	assert_int_equal(err.code, TD_ERR_INVALID);
	stop(&test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leader_creates_the_lease_and_gains_it),
		cmocka_unit_test(leader_keeps_what_it_does_not_know),
		cmocka_unit_test(leader_survives_failing_renewals_within_the_deadline),
		cmocka_unit_test(leader_loses_when_renewals_hang_and_gains_anew),
		cmocka_unit_test(leader_gives_way_to_a_thief),
		cmocka_unit_test(leader_releases_and_the_next_one_takes_over_at_once),
		cmocka_unit_test(leader_releases_in_time_when_the_server_is_silent),
		cmocka_unit_test(leader_releases_at_once_when_it_holds_nothing),
		cmocka_unit_test(leader_may_be_freed_by_its_handlers),
		cmocka_unit_test(leader_refuses_a_lease_without_a_version),
		cmocka_unit_test(leader_refuses_bad_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
