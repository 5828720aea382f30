/* The nodes view: the list is the frame, each node's own status fills it, and a claim that is disputed is nobody's. */
#include "ticdc_peer.h"

#define STATUS(id, owner, liveness)                                                                                         \
	"{\"version\":\"v\",\"id\":\"" id "\",\"pid\":1,\"is_owner\":" owner ",\"liveness\":" liveness "}"
#define CAPTURE(id, owner, node) "{\"id\":\"" id "\",\"is_owner\":" owner ",\"address\":\"" node "\",\"cluster_id\":\"c\"}"
#define THREE(a, b, c)                                                                                                      \
	"{\"total\":3,\"items\":[" CAPTURE("c", c, "@2") "," CAPTURE("a", a, "@0") "," CAPTURE("b", b, "@1") "]}"

struct outcome {
	struct peer *peer;
	int calls;
	struct td_error err;
	size_t count;
	char text[1024]; /* "coordinator|id:is_coordinator:liveness:answers ..." */
};

static void on_nodes(const struct td_nodes_view *nodes, const struct td_error *err, void *userdata)
{
	struct outcome *outcome = userdata;
	int used = snprintf(outcome->text, sizeof(outcome->text), "%s|", nodes->coordinator);

	for (size_t i = 0; i < nodes->count && i < 8; i++) {
		const struct td_node_view *node = &nodes->nodes[i];

		used += snprintf(outcome->text + used, sizeof(outcome->text) - (size_t)used, "%s:%d:%d:%d ", node->id,
				 node->is_coordinator, node->reported_liveness, node->answers);
		assert_string_equal(node->pod, "");
		assert_false(node->pod_terminating);
	}
	outcome->count = nodes->count;
	outcome->calls++;
	outcome->err = *err;
	td_loop_stop(outcome->peer->loop);
}

static struct outcome observe(struct peer *peer, const struct rule *rules)
{
	struct outcome outcome = {.peer = peer};

	peer_script(peer, rules);
	assert_non_null(td_ticdc_observe_nodes(peer->client, peer->nodes[0].address, NULL, on_nodes, &outcome));
	assert_int_equal(outcome.calls, 0);
	peer_run(peer);
	assert_int_equal(outcome.calls, 1);
	return outcome;
}

static void nodes_are_sorted_and_speak_for_themselves(void **state)
{
	static const struct rule rules[] = {{0, "GET /api/v2/captures", 0, 200, JSON, THREE("false", "true", "false")},
					    {0, "GET /api/v2/status", 0, 200, JSON, STATUS("a", "false", "2")},
					    {1, "GET /api/v2/status", 0, 200, JSON, STATUS("b", "true", "0")},
					    {2, "GET /api/v2/status", 0, 200, JSON, STATUS("c", "false", "1")},
					    {0}};
	struct outcome outcome = observe(*state, rules);

	assert_int_equal(outcome.err.code, TD_OK);
	assert_string_equal(outcome.text, "b|a:0:2:1 b:1:0:1 c:0:1:1 ");
}

static void nodes_that_do_not_answer_are_not_alive_not_gone(void **state)
{
	static const struct rule rules[] = {
		{0, "GET /api/v2/captures", 0, 200, JSON, THREE("true", "false", "false")},
		{0, "GET /api/v2/status", 0, 200, JSON, STATUS("a", "true", "0")},
		{1, "GET /api/v2/status", 0, 0, "", ""},			    /* hangs */
		{2, "GET /api/v2/status", 0, 200, JSON, STATUS("z", "false", "0")}, /* restarted: another id */
		{0}};
	struct outcome outcome = observe(*state, rules);

	assert_int_equal(outcome.err.code, TD_OK);
	assert_string_equal(outcome.text, "a|a:1:0:1 b:0:-1:0 c:0:-1:0 ");
}

static void nodes_of_an_address_listed_twice_are_told_apart_by_id(void **state)
{
	static const struct rule rules[] = {
		{0, "GET /api/v2/captures", 0, 200, JSON,
		 "{\"total\":2,\"items\":[" CAPTURE("old", "false", "@1") "," CAPTURE("new", "true", "@1") "]}"},
		{1, "GET /api/v2/status", 0, 200, JSON, STATUS("new", "true", "0")},
		{0}};
	struct outcome outcome = observe(*state, rules);

	assert_string_equal(outcome.text, "new|new:1:0:1 old:0:-1:0 ");
}

static void coordinator_is_known_only_when_undisputed(void **state)
{
	static const struct {
		const char *list, *a, *b, *coordinator;
	} cases[] = {
		{THREE("true", "false", "false"), STATUS("a", "true", "0"), STATUS("b", "false", "0"), "a"},
		{THREE("true", "false", "false"), STATUS("a", "true", "0"), STATUS("b", "true", "0"),
		 ""}, /* a stale claim */
		{THREE("true", "false", "false"), STATUS("a", "false", "0"), STATUS("b", "false", "0"), ""}, /* resigned */
		{THREE("true", "false", "false"), STATUS("a", "false", "0"), STATUS("b", "true", "0"), ""},
		{THREE("true", "true", "false"), STATUS("a", "true", "0"), STATUS("b", "true", "0"), ""},
		{THREE("false", "false", "false"), STATUS("a", "false", "0"), STATUS("b", "false", "0"), ""},
		{THREE("true", "false", "false"), STATUS("x", "true", "0"), STATUS("b", "false", "0"),
		 "a"}, /* it does not answer */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct rule rules[] = {{0, "GET /api/v2/captures", 0, 200, JSON, cases[i].list},
					     {0, "GET /api/v2/status", 0, 200, JSON, cases[i].a},
					     {1, "GET /api/v2/status", 0, 200, JSON, cases[i].b},
					     {2, "GET /api/v2/status", 0, 200, JSON, STATUS("c", "false", "0")},
					     {0}};
		struct outcome outcome = observe(*state, rules);

		assert_int_equal(outcome.err.code, TD_OK);
		*strchr(outcome.text, '|') = '\0';
		if (strcmp(outcome.text, cases[i].coordinator) != 0)
			fail_msg("case %zu: \"%s\"", i, outcome.text);
	}
}

static void nodes_without_a_list_are_an_error(void **state)
{
	static const struct rule cases[][2] = {
		{{0, "GET /api/v2/captures", 0, 200, JSON, "{\"total\":0,\"items\":[]}"}},
		{{0, "GET /api/v2/captures", 0, 200, JSON, "[]"}},
		{{0, "GET /api/v2/captures", 0, 200, JSON, "{}"}},
		{{0, "GET /api/v2/captures", 0, 500, JSON, "{\"error_msg\":\"election: no leader\",\"error_code\":\"\"}"}},
		{{0, "GET /api/v2/captures", 0, 503, "text/plain", ""}},
		{{0, "GET /api/v2/captures", 0, 0, "", ""}},
		{{0, "GET /api/v2/captures", 0, -1, "", ""}},
		{{0, "GET /other", 0, 0, "", ""}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome outcome = observe(*state, cases[i]);

		assert_int_not_equal(outcome.err.code, TD_OK);
		assert_true(strncmp(outcome.err.text, "captures from 127.0.0.1:", 24) == 0);
		assert_int_equal(outcome.count, 0);
	}
}

static void nodes_are_asked_eight_at_a_time(void **state)
{
	struct peer *peer = *state;
	char list[8192];
	int used = snprintf(list, sizeof(list), "{\"total\":30,\"items\":[");
	struct rule rules[] = {{0, "GET /api/v2/captures", 0, 200, JSON, list},
			       {ANY, "GET /api/v2/status", 0, 200, JSON, STATUS("n07", "false", "0")},
			       {0}};
	struct outcome outcome;

	for (int i = 0; i < 30; i++)
		used += snprintf(list + used, sizeof(list) - (size_t)used,
				 "%s{\"id\":\"n%02d\",\"is_owner\":%s,\"address\":\"@%d\"}", i ? "," : "", i,
				 i ? "false" : "true", i % NODES);
	(void)snprintf(list + used, sizeof(list) - (size_t)used, "]}");
	peer->delay_ms = 10;
	outcome = observe(peer, rules);
	assert_int_equal(outcome.count, 30);
	assert_int_equal(peer->most, 8);
	assert_non_null(strstr(outcome.text, "n06:0:-1:0 n07:0:0:1 "));
}

static void nodes_cancelled_half_way_stay_silent(void **state)
{
	static const struct rule rules[] = {{0, "GET /api/v2/captures", 0, 200, JSON, THREE("true", "false", "false")},
					    {ANY, "GET /api/v2/status", 0, 0, "", ""},
					    {0}};
	struct peer *peer = *state;
	struct outcome outcome = {.peer = peer};
	struct td_ticdc_call *call;

	peer_script(peer, rules);
	call = td_ticdc_observe_nodes(peer->client, peer->nodes[0].address, NULL, on_nodes, &outcome);
	assert_non_null(call);
	while (!strstr(td_buf_text(&peer->log), "status"))
		event_base_loop(td_loop_event_base(peer->loop), EVLOOP_ONCE);
	td_ticdc_cancel(call);
	peer_run_quiet(peer);
	assert_int_equal(outcome.calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		peer_test(nodes_are_sorted_and_speak_for_themselves),
		peer_test(nodes_that_do_not_answer_are_not_alive_not_gone),
		peer_test(nodes_of_an_address_listed_twice_are_told_apart_by_id),
		peer_test(coordinator_is_known_only_when_undisputed),
		peer_test(nodes_without_a_list_are_an_error),
		peer_test(nodes_are_asked_eight_at_a_time),
		peer_test(nodes_cancelled_half_way_stay_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
