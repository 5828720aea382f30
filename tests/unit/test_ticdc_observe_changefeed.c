/* One changefeed in the books: detail, tables in both modes, and no empty list taken on trust. */
#include "ticdc_peer.h"

#define CF "/api/v2/changefeeds/cf"
#define Q "?keyspace=ks&namespace=ks"
#define DETAIL(rest)                                                                                                        \
	{                                                                                                                   \
		0, "GET " CF Q, 0, 200, JSON, "{\"id\":\"cf\",\"keyspace\":\"ks\"," rest "}"                                \
	}
#define TABLES(mode, body)                                                                                                  \
	{                                                                                                                   \
		1, "GET " CF "/tables" Q "&mode=" mode, 0, 200, JSON, body                                                  \
	}
#define COUNT(mode, count)                                                                                                  \
	{                                                                                                                   \
		1, "GET " CF "/get_dispatcher_count" Q "&mode=" mode, 0, 200, JSON, "{\"count\":" count "}"                 \
	}
#define REDO "\"config\":{\"consistent\":{\"level\":\"eventual\"}}"
#define AT1 "\"state\":\"normal\",\"maintainer_addr\":\"@1\""
#define ITEMS(...) "{\"total\":1,\"items\":[" __VA_ARGS__ "]}"
#define ITEM(node, ids) "{\"node_id\":\"" node "\",\"table_ids\":[" ids "]}"
#define GONE "{\"error_msg\":\"x\",\"error_code\":\"CDC:ErrChangeFeedNotExists\"}"

struct outcome {
	struct peer *peer;
	int calls;
	struct td_error err;
	char text[512]; /* "name running maintainer(0: none) tables_known unplaced: table/mode@node ..." */
};

static void on_changefeed(const struct td_changefeed_view *changefeed, const struct td_error *err, void *userdata)
{
	struct outcome *outcome = userdata;
	int used = snprintf(outcome->text, sizeof(outcome->text), "%s %s%s %s unplaced=%u:", changefeed->name,
			    changefeed->running ? "running" : "resting", changefeed->maintainer_addr[0] ? " placed" : "",
			    changefeed->tables_known ? "known" : "unknown", changefeed->triggers_unplaced);

	for (size_t i = 0; i < changefeed->span_count; i++)
		used += snprintf(outcome->text + used, sizeof(outcome->text) - (size_t)used, " %lld/%d@%s",
				 (long long)changefeed->spans[i].table_id, changefeed->spans[i].mode,
				 changefeed->spans[i].node);
	outcome->calls++;
	outcome->err = *err;
	td_loop_stop(outcome->peer->loop);
}

static struct outcome observe(struct peer *peer, const struct rule *rules)
{
	struct outcome outcome = {.peer = peer};

	peer_script(peer, rules);
	assert_non_null(td_ticdc_observe_changefeed(peer->client, peer->nodes[0].address, "ks/cf", on_changefeed, &outcome));
	assert_int_equal(outcome.calls, 0);
	peer_run(peer);
	assert_int_equal(outcome.calls, 1);
	return outcome;
}

static void changefeed_views(void **state)
{
	static const struct {
		const char *text;
		struct rule rules[6];
	} cases[] = {
		{"ks/cf running unknown unplaced=1:", {DETAIL("\"state\":\"warning\"")}},
		{"ks/cf resting known unplaced=0:", {DETAIL("\"state\":\"stopped\"")}},
		{"ks/cf resting known unplaced=0:", {DETAIL("\"state\":\"failed\"," REDO)}},
		{"ks/cf resting known unplaced=0:", {{0, "GET " CF Q, 0, 400, JSON, GONE}}},
		/* no maintainer: nobody to ask, and nothing is empty */
		{"ks/cf running unknown unplaced=1:", {DETAIL("\"state\":\"normal\"")}},
		{"ks/cf running unknown unplaced=2:", {DETAIL("\"state\":\"pending\"," REDO)}},
		{"ks/cf running placed known unplaced=0: 1/0@b 2/0@b 2/0@b",
		 {DETAIL(AT1), TABLES("0", ITEMS(ITEM("b", "2,0,1,2")))}},
		{"ks/cf running placed known unplaced=0: 1/0@b 2/0@ 9223372036854775807/0@a",
		 {DETAIL(AT1), TABLES("0", "{\"total\":3,\"items\":[" ITEM("", "2") "," ITEM("b", "0,1") "," ITEM(
						   "a", "9223372036854775807") "]}")}},
		{"ks/cf running placed known unplaced=1: 1/0@b", {DETAIL(AT1), TABLES("0", ITEMS(ITEM("b", "1")))}},
		{"ks/cf running placed known unplaced=0: 1/0@b 1/1@b",
		 {DETAIL(AT1 "," REDO), TABLES("0", ITEMS(ITEM("b", "0,1"))), TABLES("1", ITEMS(ITEM("b", "0,1")))}},
		{"ks/cf running placed known unplaced=1: 1/0@b",
		 {DETAIL(AT1 "," REDO), TABLES("0", ITEMS(ITEM("b", "0,1"))), TABLES("1", ITEMS(ITEM("", "0"))),
		  COUNT("1", "1")}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome outcome = observe(*state, cases[i].rules);

		if (outcome.err.code != TD_OK || strcmp(outcome.text, cases[i].text) != 0)
			fail_msg("case %zu: %s | %s", i, outcome.text, outcome.err.text);
	}
}

static void changefeed_reads_that_fail_are_errors(void **state)
{
	static const struct {
		const char *text; /* a part of the error */
		struct rule rules[6];
	} cases[] = {
		{"detail of ks/cf from 127.0.0.1:", {{0, "GET /other", 0, 200, "", ""}}},
		{"not fully initialized",
		 {{0, "GET " CF Q, 0, 500, JSON,
		   "{\"error_msg\":\"coordinator is not fully initialized, wait a moment\",\"error_code\":\"\"}"}}},
		{"400 CDC:ErrAPIInvalidParam",
		 {{0, "GET " CF Q, 0, 400, JSON, "{\"error_msg\":\"x\",\"error_code\":\"CDC:ErrAPIInvalidParam\"}"}}},
		{"500 CDC:ErrChangeFeedNotExists", {{0, "GET " CF Q, 0, 500, JSON, GONE}}}, /* only 400 says so */
		{"detail of", {{0, "GET " CF Q, 0, 0, "", ""}}},
		{"not about this changefeed", {{0, "GET " CF Q, 0, 200, JSON, "{\"id\":\"other\",\"keyspace\":\"ks\"}"}}},
		{"tables of ks/cf from 127.0.0.1:", {DETAIL(AT1)}},
		{"500 CDC:ErrMaintainerNotFounded: gone",
		 {DETAIL(AT1),
		  {1, "GET " CF "/tables*", 0, 500, JSON,
		   "{\"error_msg\":\"gone\",\"error_code\":\"CDC:ErrMaintainerNotFounded\"}"}}},
		{"500 uncoded: Can't not find maintainer",
		 {DETAIL(AT1),
		  {1, "GET " CF "/tables*", 0, 500, JSON,
		   "{\"error_msg\":\"Can't not find maintainer for changefeed: cf\",\"error_code\":\"\"}"}}},
		{"tables of", {DETAIL(AT1), {1, "GET " CF "/tables*", 0, 0, "", ""}}},
		{"tables of", {DETAIL(AT1), {1, "GET " CF "/tables*", 0, -1, "", ""}}},
		{"table 0 is listed twice", {DETAIL(AT1), TABLES("0", ITEMS(ITEM("b", "0,0,1")))}},
		{"tables of", {DETAIL(AT1), TABLES("0", "{\"total\":0}")}},
		/* redo counts too */
		{"tables of", {DETAIL(AT1 "," REDO), TABLES("0", ITEMS(ITEM("b", "0,1")))}},
		{"tables of",
		 {DETAIL(AT1 "," REDO), TABLES("0", ITEMS(ITEM("b", "0,1"))), {1, "GET " CF "/tables*", 0, 500, "", ""}}},
		/* not bootstrapped, or perhaps not */
		{"dispatcher count of", {DETAIL(AT1), TABLES("0", ITEMS(ITEM("b", "0")))}},
		{"not bootstrapped: it counts 12", {DETAIL(AT1), TABLES("0", ITEMS(ITEM("b", "0"))), COUNT("0", "12")}},
		{"perhaps not bootstrapped", {DETAIL(AT1), TABLES("0", ITEMS(ITEM("b", "0"))), COUNT("0", "1")}},
		{"not bootstrapped: it counts 1", {DETAIL(AT1), TABLES("0", "{\"total\":0,\"items\":[]}"), COUNT("0", "1")}},
		{"count is missing", {DETAIL(AT1), TABLES("0", "{\"total\":0,\"items\":[]}"), COUNT("0", "0")}},
		{"not bootstrapped: it counts 3",
		 {DETAIL(AT1 "," REDO), TABLES("0", ITEMS(ITEM("b", "0,1"))), TABLES("1", ITEMS(ITEM("b", "0"))),
		  COUNT("1", "3")}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome outcome = observe(*state, cases[i].rules);

		if (outcome.err.code == TD_OK || !strstr(outcome.err.text, cases[i].text))
			fail_msg("case %zu: %s | %s", i, outcome.text, outcome.err.text);
		assert_string_equal(outcome.text, "ks/cf resting unknown unplaced=0:");
	}
}

static void changefeed_without_redo_is_never_asked_for_mode_1(void **state)
{
	static const struct rule rules[] = {DETAIL(AT1), TABLES("0", ITEMS(ITEM("b", "0,1"))), {0}};
	struct peer *peer = *state;

	(void)observe(peer, rules);
	assert_null(strstr(td_buf_text(&peer->log), "mode=1"));
}

static void changefeed_cancelled_at_any_request_stays_silent(void **state)
{
	static const struct {
		const char *last;
		struct rule rules[4];
	} cases[] = {
		{"GET " CF "?", {{ANY, "GET " CF "*", 0, 0, "", ""}}},
		{"tables?", {DETAIL(AT1), {ANY, "GET " CF "*", 0, 0, "", ""}}},
		{"get_dispatcher_count?",
		 {DETAIL(AT1), TABLES("0", ITEMS(ITEM("b", "0"))), {ANY, "GET " CF "*", 0, 0, "", ""}}},
	};
	struct peer *peer = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome outcome = {.peer = peer};
		struct td_ticdc_call *call;

		peer_script(peer, cases[i].rules);
		call = td_ticdc_observe_changefeed(peer->client, peer->nodes[0].address, "ks/cf", on_changefeed, &outcome);
		assert_non_null(call);
		while (!strstr(td_buf_text(&peer->log), cases[i].last))
			event_base_loop(td_loop_event_base(peer->loop), EVLOOP_ONCE);
		td_ticdc_cancel(call);
		peer_run_quiet(peer);
		assert_int_equal(outcome.calls, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		peer_test(changefeed_views),
		peer_test(changefeed_reads_that_fail_are_errors),
		peer_test(changefeed_without_redo_is_never_asked_for_mode_1),
		peer_test(changefeed_cancelled_at_any_request_stays_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
