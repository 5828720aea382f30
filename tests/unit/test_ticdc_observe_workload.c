/* W2: the books of the whole cluster, under one coordinator, or an error that names what failed. */
#include "ticdc_peer.h"

#define CAPTURE(id, owner, node) "{\"id\":\"" id "\",\"is_owner\":" owner ",\"address\":\"" node "\"}"
#define TWO(a, b) "{\"total\":2,\"items\":[" CAPTURE("b", b, "@1") "," CAPTURE("a", a, "@0") "]}"
#define LIST "GET /api/v2/changefeeds?state=all&keyspace=default&namespace=default"
#define CF(id) "/api/v2/changefeeds/" id
#define Q "?keyspace=default&namespace=default"
#define LISTED(id, state) "{\"id\":\"" id "\",\"keyspace\":\"default\",\"state\":\"" state "\"}"
#define DETAIL(id, node)                                                                                                    \
	{                                                                                                                   \
		0, "GET " CF(id) Q, 0, 200, JSON,                                                                           \
			"{\"id\":\"" id "\",\"keyspace\":\"default\",\"state\":\"normal\",\"maintainer_addr\":\"" node      \
			"\"}"                                                                                               \
	}
#define TABLES(id, node, ids)                                                                                               \
	{                                                                                                                   \
		ANY, "GET " CF(id) "/tables" Q "&mode=0", 0, 200, JSON,                                                     \
			"{\"total\":1,\"items\":[{\"node_id\":\"" node "\",\"table_ids\":[" ids "]}]}"                      \
	}

static const struct rule captures = {0, "GET /api/v2/captures", 0, 200, JSON, TWO("true", "false")};
static const struct rule one_listed = {0, LIST, 0, 200, JSON, "{\"total\":1,\"items\":[" LISTED("x", "normal") "]}"};
static const struct rule detail_x = DETAIL("x", "@1");
static const struct rule tables_x = TABLES("x", "b", "0,1");

struct outcome {
	struct peer *peer;
	int calls;
	struct td_error err;
	size_t count;
	char text[1024];
};

static void on_workload(const struct td_workload_view *workload, const struct td_error *err, void *userdata)
{
	struct outcome *outcome = userdata;
	int used = snprintf(outcome->text, sizeof(outcome->text), "%s|", workload->coordinator);

	for (size_t i = 0; i < workload->count && i < 4; i++) {
		const struct td_changefeed_view *changefeed = &workload->changefeeds[i];

		used += snprintf(outcome->text + used, sizeof(outcome->text) - (size_t)used, " %s%s%s%s+%u",
				 changefeed->name, changefeed->running ? "" : "(resting)",
				 changefeed->maintainer_addr[0] ? "" : "(nowhere)",
				 changefeed->tables_known ? "" : "(unknown)", changefeed->triggers_unplaced);
		for (size_t j = 0; j < changefeed->span_count; j++)
			used += snprintf(outcome->text + used, sizeof(outcome->text) - (size_t)used, "[%lld@%s]",
					 (long long)changefeed->spans[j].table_id, changefeed->spans[j].node);
	}
	outcome->count = workload->count;
	outcome->calls++;
	outcome->err = *err;
	td_loop_stop(outcome->peer->loop);
}

static struct outcome observe(struct peer *peer, const struct rule *rules)
{
	struct outcome outcome = {.peer = peer};

	peer_script(peer, rules);
	assert_non_null(
		td_ticdc_observe_workload(peer->client, TD_FAMILY_NATIVE, peer->nodes[0].address, on_workload, &outcome));
	assert_int_equal(outcome.calls, 0);
	peer_run(peer);
	assert_int_equal(outcome.calls, 1);
	return outcome;
}

static void workload_is_read_whole(void **state)
{
	static const struct rule rules[] = {
		{0, "GET /api/v2/captures", 0, 200, JSON, TWO("true", "false")},
		{0, LIST, 0, 200, JSON,
		 "{\"total\":4,\"items\":[" LISTED("z", "stopped") "," LISTED("y", "warning") "," LISTED(
			 "x", "normal") "," LISTED("w", "normal") "]}"},
		DETAIL("x", "@1"),
		TABLES("x", "b", "0,5,4"),
		DETAIL("y", ""), /* in backoff: nowhere */
		{0, "GET " CF("w") Q, 0, 400, JSON, "{\"error_msg\":\"x\",\"error_code\":\"CDC:ErrChangeFeedNotExists\"}"},
		{0}};
	struct outcome outcome = observe(*state, rules);

	assert_string_equal(outcome.err.text, "");
	assert_string_equal(outcome.text, "a| default/w(resting)(nowhere)+0 default/x+0[4@b][5@b] "
					  "default/y(nowhere)(unknown)+1 default/z(resting)(nowhere)+0");
}

static void workload_without_changefeeds_is_a_value(void **state)
{
	static const struct rule rules[] = {{0, "GET /api/v2/captures", 0, 200, JSON, TWO("true", "false")},
					    {0, LIST, 0, 200, JSON, "{\"total\":0,\"items\":[]}"},
					    {0}};
	struct peer *peer = *state;
	struct outcome outcome = observe(peer, rules);

	assert_int_equal(outcome.err.code, TD_OK);
	assert_string_equal(outcome.text, "a|");
	assert_string_equal(td_buf_text(&peer->log), "0 GET /api/v2/captures\n0 " LIST "\n0 GET /api/v2/captures\n");
}

static void workload_that_is_not_one_whole_is_an_error(void **state)
{
	static const struct rule first = {0, "GET /api/v2/captures", 1, 200, JSON, TWO("true", "false")};
	const struct {
		const char *text; /* a part of the error */
		struct rule rules[6];
	} cases[] = {
		{"the coordinator changed during the read from a to b",
		 {first, {0, "GET /api/v2/captures", 0, 200, JSON, TWO("false", "true")}, one_listed, detail_x, tables_x}},
		{"last captures from 127.0.0.1:", {first, one_listed, detail_x, tables_x}},
		{"last captures",
		 {first,
		  {0, "GET /api/v2/captures", 0, 200, JSON, "{\"total\":0,\"items\":[]}"},
		  one_listed,
		  detail_x,
		  tables_x}},
		{"last captures", {first, {0, "GET /api/v2/captures", 0, 0, "", ""}, one_listed, detail_x, tables_x}},
		{"0 captures are marked",
		 {{0, "GET /api/v2/captures", 0, 200, JSON, TWO("false", "false")}, one_listed, detail_x, tables_x}},
		{"2 captures are marked",
		 {{0, "GET /api/v2/captures", 0, 200, JSON, TWO("true", "true")}, one_listed, detail_x, tables_x}},
		{"captures from 127.0.0.1:", {one_listed, detail_x, tables_x}},
		{"changefeeds from 127.0.0.1:", {captures}},
		{"not fully initialized",
		 {captures,
		  {0, LIST, 0, 500, JSON,
		   "{\"error_msg\":\"coordinator is not fully initialized, wait a moment\",\"error_code\":\"\"}"}}},
		{"changefeeds", {captures, {0, LIST, 0, 200, JSON, "{\"total\":3,\"items\":[]}"}}},
		{"changefeeds", {captures, {0, LIST, 0, 200, JSON, "[]"}}},
		{"detail of default/x from 127.0.0.1:", {captures, one_listed}},
		{"tables of default/x from 127.0.0.1:", {captures, one_listed, detail_x}},
		{"tables of default/x from 127.0.0.1:", {captures, one_listed, detail_x, {1, "GET *", 0, 0, "", ""}}},
		{"perhaps not bootstrapped",
		 {captures,
		  one_listed,
		  detail_x,
		  TABLES("x", "b", "0"),
		  {1, "GET " CF("x") "/get_disp*", 0, 200, JSON, "{\"count\":1}"}}},
		/* the trigger is with the maintainer: elsewhere means that it moved meanwhile */
		{"the maintainer of default/x moved", {captures, one_listed, detail_x, TABLES("x", "a", "0,1")}},
		{"the maintainer of default/x moved", {captures, one_listed, detail_x, TABLES("x", "gone", "0,1")}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome outcome = observe(*state, cases[i].rules);

		if (outcome.err.code == TD_OK || !strstr(outcome.err.text, cases[i].text) || outcome.count != 0)
			fail_msg("case %zu: %s | %s", i, outcome.text, outcome.err.text);
	}
}

static void build_many(int count, char *list, size_t size)
{
	int used = snprintf(list, size, "{\"total\":%d,\"items\":[", count);

	for (int i = 0; i < count; i++)
		used += snprintf(list + used, size - (size_t)used,
				 "%s{\"id\":\"cf-%d\",\"keyspace\":\"default\",\"state\":\"%s\"}", i ? "," : "", i,
				 i % 7 ? "normal" : "stopped");
	(void)snprintf(list + used, size - (size_t)used, "]}");
}

static void workload_asks_eight_at_a_time(void **state)
{
	static char list[16384], details[100][160], requests[100][80];
	struct rule rules[64] = {
		{0, "GET /api/v2/captures", 0, 200, JSON, TWO("true", "false")},
		{0, LIST, 0, 200, JSON, list},
		{1, "GET *", 0, 200, JSON, "{\"total\":1,\"items\":[{\"node_id\":\"b\",\"table_ids\":[0,1]}]}"}};
	struct peer *peer = *state;
	struct outcome outcome;
	int count = 50;

	build_many(count, list, sizeof(list));
	for (int i = 0; i < count; i++) {
		(void)snprintf(requests[i], sizeof(requests[i]), "GET /api/v2/changefeeds/cf-%d" Q, i);
		(void)snprintf(details[i], sizeof(details[i]),
			       "{\"id\":\"cf-%d\",\"keyspace\":\"default\",\"state\":\"normal\",\"maintainer_addr\":\"@1\"}",
			       i);
		rules[3 + i] = (struct rule){0, requests[i], 0, 200, JSON, details[i]};
	}
	peer->delay_ms = 5;
	outcome = observe(peer, rules);
	assert_string_equal(outcome.err.text, "");
	assert_int_equal(outcome.count, count);
	assert_int_equal(peer->most, 8);
}

static void workload_cancelled_or_failed_half_way_stays_silent(void **state)
{
	static char list[16384];
	struct rule rules[] = {{0, "GET /api/v2/captures", 0, 200, JSON, TWO("true", "false")},
			       {0, LIST, 0, 200, JSON, list},
			       {0, "GET /api/v2/changefeeds?*", 0, 200, JSON, "{\"total\":0,\"items\":[]}"},
			       {0, "GET /api/v2/changefeeds/cf-12*", 0, 500, "", ""}, /* the others hang */
			       {0, "GET *", 0, 0, "", ""},
			       {0}};
	struct peer *peer = *state;
	struct outcome outcome;
	struct td_ticdc_call *call;

	build_many(20, list, sizeof(list));
	outcome = observe(peer, rules);
	assert_non_null(strstr(outcome.err.text, "detail of default/cf-12"));
	peer_run_quiet(peer);
	assert_int_equal(outcome.calls, 1);

	outcome = (struct outcome){.peer = peer};
	rules[3].status = 0;
	peer_script(peer, rules);
	call = td_ticdc_observe_workload(peer->client, TD_FAMILY_NATIVE, peer->nodes[0].address, on_workload, &outcome);
	assert_non_null(call);
	while (!strstr(td_buf_text(&peer->log), "cf-1"))
		event_base_loop(td_loop_event_base(peer->loop), EVLOOP_ONCE);
	td_ticdc_cancel(call);
	peer_run_quiet(peer);
	assert_int_equal(outcome.calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		peer_test(workload_is_read_whole),
		peer_test(workload_without_changefeeds_is_a_value),
		peer_test(workload_that_is_not_one_whole_is_an_error),
		peer_test(workload_asks_eight_at_a_time),
		peer_test(workload_cancelled_or_failed_half_way_stays_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
