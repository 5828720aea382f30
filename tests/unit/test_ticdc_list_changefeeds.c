/* All changefeeds of all keyspaces, whatever the kernel, or an error. */
#include "ticdc/list_changefeeds.h"
#include "ticdc_peer.h"

#define LIST(keyspace) "GET /api/v2/changefeeds?state=all&keyspace=" keyspace "&namespace=" keyspace
#define LISTED(id, keyspace) "{\"id\":\"" id "\",\"keyspace\":\"" keyspace "\",\"state\":\"normal\"}"
#define ONE(id, keyspace) "{\"total\":1,\"items\":[" LISTED(id, keyspace) "]}"
#define OWNED(id, keyspace) "ticdc_owner_status{changefeed=\"" id "\",keyspace_name=\"" keyspace "\"} -1\n"
#define TOTAL(count) "ticdc_coordinator_changefeed_state{state=\"Total\"} " count "\n"
#define SENTINEL "ticdc_owner_ownership_counter 1\n"
#define REFUSED "{\"code\":1,\"message\":\"an old build's own form\"}"

static const struct rule nextgen = {0, LIST("ticdc-drain-probe"), 0, 400, JSON, REFUSED};

struct outcome {
	struct peer *peer;
	struct td_ticdc_call call;
	struct td_ticdc_lister lister;
	int calls;
	struct td_error err;
	char text[256];
};

static void on_listed(struct td_ticdc_lister *lister, const struct td_error *err, void *userdata)
{
	struct outcome *outcome = userdata;

	for (size_t i = 0; err->code == TD_OK && i < lister->count; i++) {
		size_t used = strlen(outcome->text);

		(void)snprintf(outcome->text + used, sizeof(outcome->text) - used, "%s ", lister->listed[i].name);
	}
	outcome->calls++;
	outcome->err = *err;
	td_loop_stop(outcome->peer->loop);
}

static void nothing(struct td_ticdc_call *call)
{
	(void)call;
}

static void list(struct peer *peer, const struct rule *rules, struct outcome *outcome)
{
	*outcome = (struct outcome){.peer = peer};
	peer_script(peer, rules);
	td_ticdc_call_init(&outcome->call, peer->client, nothing);
	outcome->lister = (struct td_ticdc_lister){.call = &outcome->call,
						   .address = peer->nodes[0].address,
						   .coordinator = peer->nodes[1].address,
						   .done = on_listed,
						   .userdata = outcome};
	assert_true(td_ticdc_lister_start(&outcome->lister));
	peer_run(peer);
	assert_int_equal(outcome->calls, 1);
	td_ticdc_call_close(&outcome->call);
	td_ticdc_lister_done(&outcome->lister);
}

static void classic_kernel_is_asked_once_what_it_is(void **state)
{
	static const struct rule rules[] = {
		{0, LIST("ticdc-drain-probe"), 1, 200, JSON, ONE("x", "default")}, /* whatever was asked for */
		{0, LIST("default"), 0, 200, JSON, ONE("x", "default")},
		{0}};
	struct peer *peer = *state;
	struct outcome outcome;

	list(peer, rules, &outcome);
	assert_string_equal(outcome.text, "default/x ");
	list(peer, rules, &outcome); /* a second probe would be refused */
	assert_string_equal(outcome.text, "default/x ");
}

static void next_generation_is_asked_for_each_keyspace_that_the_coordinator_names(void **state)
{
	static const struct rule rules[] = {
		nextgen,
		{1, "GET /metrics", 0, 200, TEXT, TOTAL("3") OWNED("x", "b") SENTINEL OWNED("x", "a") OWNED("y", "b")},
		{0, LIST("b"), 0, 200, JSON, "{\"total\":2,\"items\":[" LISTED("y", "b") "," LISTED("x", "b") "]}"},
		{0, LIST("a"), 0, 200, JSON, ONE("x", "a")},
		{0}};
	struct outcome outcome;

	list(*state, rules, &outcome);
	assert_string_equal(outcome.err.text, "");
	assert_string_equal(outcome.text, "a/x b/x b/y ");
}

static void next_generation_without_changefeeds_is_empty_when_the_coordinator_counts_none(void **state)
{
	static const struct rule rules[] = {nextgen, {1, "GET /metrics", 0, 200, TEXT, TOTAL("0") SENTINEL}, {0}};
	struct outcome outcome;

	list(*state, rules, &outcome);
	assert_string_equal(outcome.err.text, "");
	assert_string_equal(outcome.text, "");
}

static void what_is_not_whole_is_an_error(void **state)
{
	static const struct {
		const char *text; /* a part of the error */
		struct rule rules[4];
	} cases[] = {
		{"500", {{0, LIST("ticdc-drain-probe"), 0, 500, JSON, "{}"}}},
		{"1 are listed in 1 keyspaces, but the coordinator has 2",
		 {nextgen,
		  {1, "GET /metrics", 0, 200, TEXT, TOTAL("2") OWNED("x", "a") SENTINEL},
		  {0, LIST("a"), 0, 200, JSON, ONE("x", "a")}}},
		{"does not tell yet", {nextgen, {1, "GET /metrics", 0, 200, TEXT, OWNED("x", "a") SENTINEL}}},
		{"ticdc_owner_ownership_counter is missing", {nextgen, {1, "GET /metrics", 0, 200, TEXT, TOTAL("0")}}},
		{"cannot be read", {nextgen, {1, "GET /metrics", 0, 200, TEXT, TOTAL("1") OWNED("x", "a/b") SENTINEL}}},
		{"keyspaces", {nextgen, {1, "GET /metrics", 0, 500, TEXT, ""}}},
		{"another keyspace",
		 {nextgen,
		  {1, "GET /metrics", 0, 200, TEXT, TOTAL("1") OWNED("x", "a") SENTINEL},
		  {0, LIST("a"), 0, 200, JSON, ONE("x", "default")}}},
		{"another keyspace", {{0, LIST("default"), 0, 200, JSON, ONE("x", "other")}}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rule rules[5] = {{0}};
		struct outcome outcome;
		struct peer *peer = *state;

		peer_client(peer, NULL, NULL); /* it knows nothing of the kernel yet */
		memcpy(rules, cases[i].rules, sizeof(cases[i].rules));
		list(peer, rules, &outcome);
		if (outcome.err.code == TD_OK || !strstr(outcome.err.text, cases[i].text))
			fail_msg("case %zu: %s instead of %s", i, outcome.err.text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		peer_test(classic_kernel_is_asked_once_what_it_is),
		peer_test(next_generation_is_asked_for_each_keyspace_that_the_coordinator_names),
		peer_test(next_generation_without_changefeeds_is_empty_when_the_coordinator_counts_none),
		peer_test(what_is_not_whole_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
