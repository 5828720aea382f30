/* W2 of the classic family: what captures last reported of their tables, from a healthy owner, or an error. */
#include "ticdc_peer.h"

#define CAPTURE(id, owner, node) "{\"id\":\"" id "\",\"is_owner\":" owner ",\"address\":\"" node "\"}"
#define TWO "{\"total\":2,\"items\":[" CAPTURE("b", "false", "@1") "," CAPTURE("a", "true", "@0") "]}"
#define LIST "GET /api/v2/changefeeds?state=all&keyspace=default&namespace=default"
#define DETAIL_OF(id) "GET /api/v2/changefeeds/" id "?keyspace=default&namespace=default"
#define PROCESSOR(id, capture) "GET /api/v2/processors/" id "/" capture "?namespace=default"
#define LISTED(id, state) "{\"id\":\"" id "\",\"namespace\":\"default\",\"state\":\"" state "\"}"
#define ONE(state) "{\"total\":1,\"items\":[" LISTED("x", state) "]}"
#define DETAIL(state, task_status)                                                                                          \
	"{\"id\":\"x\",\"namespace\":\"default\",\"upstream_id\":18446744073709551615,\"state\":\"" state "\"" task_status  \
	"}"
#define TASKS(list) ",\"task_status\":[" list "]"
#define A "{\"capture_id\":\"a\",\"table_ids\":[5,4]}"
#define B "{\"capture_id\":\"b\"}"

static const struct rule captures = {0, "GET /api/v2/captures", 0, 200, JSON, TWO};
static const struct rule healthy = {0, "GET /api/v2/health", 0, 200, JSON, "{}"};

struct outcome {
	struct peer *peer;
	int calls;
	struct td_error err;
	char text[512];
};

static void on_workload(const struct td_workload_view *workload, const struct td_error *err, void *userdata)
{
	struct outcome *outcome = userdata;
	int used = snprintf(outcome->text, sizeof(outcome->text), "%s|", workload->coordinator);

	for (size_t i = 0; i < workload->count; i++) {
		const struct td_changefeed_view *changefeed = &workload->changefeeds[i];

		assert_true(changefeed->tables_known && changefeed->triggers_unplaced == 0);
		used += snprintf(outcome->text + used, sizeof(outcome->text) - (size_t)used, " %s%s%s", changefeed->name,
				 changefeed->running ? "" : "(resting)",
				 strcmp(changefeed->maintainer_addr, outcome->peer->nodes[0].address) == 0 ? "(owner)" : "");
		for (size_t j = 0; j < changefeed->span_count; j++)
			used += snprintf(outcome->text + used, sizeof(outcome->text) - (size_t)used, "[%lld@%s]",
					 (long long)changefeed->spans[j].table_id, changefeed->spans[j].node);
	}
	outcome->calls++;
	outcome->err = *err;
	td_loop_stop(outcome->peer->loop);
}

static struct outcome observe(struct peer *peer, const struct rule *rules)
{
	struct outcome outcome = {.peer = peer};

	peer_script(peer, rules);
	assert_non_null(
		td_ticdc_observe_workload(peer->client, TD_FAMILY_CLASSIC, peer->nodes[0].address, on_workload, &outcome));
	peer_run(peer);
	assert_int_equal(outcome.calls, 1);
	return outcome;
}

static void a_normal_changefeed_is_read_from_its_detail(void **state)
{
	const struct rule rules[] = {captures,
				     healthy,
				     {0, LIST, 0, 200, JSON, ONE("normal")},
				     {0, DETAIL_OF("x"), 0, 200, JSON, DETAIL("normal", TASKS(B "," A))},
				     {0}};
	struct outcome outcome = observe(*state, rules);

	assert_string_equal(outcome.err.text, "");
	assert_string_equal(outcome.text, "a| default/x(owner)[5@a][4@a]");
}

/* The count of the drain call leaves it out, its processors do not (row 17). */
static void a_changefeed_that_warns_is_read_from_its_processors(void **state)
{
	const struct rule rules[] = {captures,
				     healthy,
				     {0, LIST, 0, 200, JSON, ONE("warning")},
				     {0, DETAIL_OF("x"), 0, 200, JSON, DETAIL("warning", "")},
				     {0, PROCESSOR("x", "a"), 0, 200, JSON, "{\"table_ids\":[]}"},
				     {0, PROCESSOR("x", "b"), 0, 200, JSON, "{\"table_ids\":[9]}"},
				     {0}};
	struct outcome outcome = observe(*state, rules);

	assert_string_equal(outcome.err.text, "");
	assert_string_equal(outcome.text, "a| default/x(owner)[9@b]");
}

/* A capture that has left may still be reported for a moment: its tables are nowhere. */
static void tables_of_a_capture_that_is_not_registered_are_nowhere(void **state)
{
	const struct rule rules[] = {
		captures,
		healthy,
		{0, LIST, 0, 200, JSON, ONE("normal")},
		{0, DETAIL_OF("x"), 0, 200, JSON,
		 DETAIL("normal", TASKS(B ",{\"capture_id\":\"a\"},{\"capture_id\":\"gone\",\"table_ids\":[3]}"))},
		{0}};
	struct outcome outcome = observe(*state, rules);

	assert_string_equal(outcome.text, "a| default/x(owner)[3@]");
}

static void what_does_not_run_has_no_tables(void **state)
{
	const struct rule rules[] = {
		captures,
		healthy,
		{0, LIST, 0, 200, JSON, "{\"total\":2,\"items\":[" LISTED("x", "normal") "," LISTED("y", "stopped") "]}"},
		{0, DETAIL_OF("x"), 0, 400, JSON, "{\"error_msg\":\"x\",\"error_code\":\"CDC:ErrChangeFeedNotExists\"}"},
		{0}};
	struct outcome outcome = observe(*state, rules);

	assert_string_equal(outcome.err.text, "");
	assert_string_equal(outcome.text, "a| default/x(resting) default/y(resting)");
}

/* None of these is an empty cluster. */
static void what_is_not_whole_is_an_error(void **state)
{
	static const struct rule normal = {0, LIST, 0, 200, JSON, ONE("normal")};
	static const struct rule warning = {0, LIST, 0, 200, JSON, ONE("warning")};
	static const struct rule warns = {0, DETAIL_OF("x"), 0, 200, JSON, DETAIL("warning", "")};
	const struct {
		const char *text; /* a part of the error */
		struct rule rules[5];
	} cases[] = {
		{"500 CDC:ErrClusterIsUnhealthy", /* row 18: the list is empty, because the owner does not run them */
		 {captures,
		  {0, "GET /api/v2/health", 0, 500, JSON,
		   "{\"error_msg\":\"x\",\"error_code\":\"CDC:ErrClusterIsUnhealthy\"}"},
		  {0, LIST, 0, 200, JSON, "{\"total\":0,\"items\":[]}"}}},
		{"a normal changefeed needs task_status",
		 {captures, healthy, normal, {0, DETAIL_OF("x"), 0, 200, JSON, DETAIL("normal", "")}}},
		{"capture b has not reported its tables",
		 {captures, healthy, normal, {0, DETAIL_OF("x"), 0, 200, JSON, DETAIL("normal", TASKS(A))}}},
		{"whole table_ids",
		 {captures,
		  healthy,
		  normal,
		  {0, DETAIL_OF("x"), 0, 200, JSON,
		   DETAIL("normal", TASKS("{\"capture_id\":\"a\",\"table_ids\":[1.5]}," B))}}},
		{"table_ids is no list",
		 {captures, healthy, warning, warns, {0, PROCESSOR("x", "a"), 0, 200, JSON, "{\"table_ids\":null}"}}},
		{"400 CDC:ErrAPIInvalidParam", /* in backoff: nobody says what its processors hold */
		 {captures,
		  healthy,
		  warning,
		  warns,
		  {0, PROCESSOR("x", "a"), 0, 400, JSON,
		   "{\"error_msg\":\"x\",\"error_code\":\"CDC:ErrAPIInvalidParam\"}"}}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rule rules[6] = {{0}};
		struct outcome outcome;

		memcpy(rules, cases[i].rules, sizeof(cases[i].rules));
		outcome = observe(*state, rules);
		if (outcome.err.code == TD_OK || !strstr(outcome.err.text, cases[i].text))
			fail_msg("case %zu: %s instead of %s", i, outcome.err.text, cases[i].text);
		assert_string_equal(outcome.text, "|");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		peer_test(a_normal_changefeed_is_read_from_its_detail),
		peer_test(a_changefeed_that_warns_is_read_from_its_processors),
		peer_test(tables_of_a_capture_that_is_not_registered_are_nowhere),
		peer_test(what_does_not_run_has_no_tables),
		peer_test(what_is_not_whole_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
