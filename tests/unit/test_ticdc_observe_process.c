/* W3: known only when one process answered everything, in order, whole. */
#include "ticdc_peer.h"

#define STATUS(id, pid, liveness)                                                                                           \
	"{\"version\":\"v\",\"id\":\"" id "\",\"pid\":" pid ",\"is_owner\":false,\"liveness\":" liveness "}"
#define SENTINELS                                                                                                           \
	"ticdc_dispatcher_event_collector_registered_dispatcher_count 9\n"                                                  \
	"ticdc_event_service_dispatcher_status_count{status=\"total\"} 4\n"                                                 \
	"ticdc_owner_ownership_counter 0\n"

struct outcome {
	struct peer *peer;
	int calls;
	struct td_process_view view;
	char why[TD_TEXT_MAX], capture[TD_ID_MAX];
};

static void on_process(const struct td_process_view *process, void *userdata)
{
	struct outcome *outcome = userdata;

	outcome->calls++;
	outcome->view = *process;
	(void)snprintf(outcome->why, sizeof(outcome->why), "%s", process->why);
	(void)snprintf(outcome->capture, sizeof(outcome->capture), "%s", process->capture);
	td_loop_stop(outcome->peer->loop);
}

static struct outcome observe(struct peer *peer, const struct rule *rules)
{
	struct outcome outcome = {.peer = peer};

	peer_script(peer, rules);
	assert_non_null(td_ticdc_observe_process(peer->client, peer->nodes[0].address, NULL, on_process, &outcome));
	assert_int_equal(outcome.calls, 0);
	peer_run(peer);
	assert_int_equal(outcome.calls, 1);
	return outcome;
}

static void process_is_read_status_first_and_last(void **state)
{
	static const struct rule rules[] = {
		{0, "GET /status", 1, 200, JSON, STATUS("a", "7", "1")},
		{0, "GET /status", 0, 200, JSON, STATUS("a", "7", "2")},
		{0, "GET /metrics", 0, 200, TEXT,
		 "process_start_time_seconds 1.5\nticdc_changefeed_maintainer_counter{changefeed=\"x\"} 2\n" SENTINELS},
		{0}};
	struct peer *peer = *state;
	struct outcome outcome = observe(peer, rules);

	assert_true(outcome.view.known);
	assert_string_equal(outcome.capture, "a");
	assert_int_equal(outcome.view.liveness, 2);
	assert_int_equal(outcome.view.counts.maintainers, 2);
	assert_int_equal(outcome.view.counts.brokers, 4);
	assert_true(outcome.view.process_start == ((1500LL << 22) ^ 7));
	assert_string_equal(td_buf_text(&peer->log), "0 GET /status\n0 GET /metrics\n0 GET /status\n");
}

#define CLASSIC(id) "{\"version\":\"v8.5.0\",\"git_hash\":\"x\",\"id\":\"" id "\",\"pid\":7,\"is_owner\":false}"

/* A status without liveness is the classic family's; one that loses or gains it between two looks is nobody's. */
static void process_of_the_classic_family_counts_tables(void **state)
{
	static const char tables[] = "ticdc_owner_ownership_counter 0\nticdc_processor_num_of_tables{changefeed=\"x\"} 9\n";
	static const struct rule classic[] = {
		{0, "GET /status", 0, 200, JSON, CLASSIC("a")}, {0, "GET /metrics", 0, 200, TEXT, tables}, {0}};
	static const struct rule changing[] = {{0, "GET /status", 1, 200, JSON, CLASSIC("a")},
					       {0, "GET /status", 0, 200, JSON, STATUS("a", "7", "0")},
					       {0, "GET /metrics", 0, 200, TEXT, tables},
					       {0}};
	struct outcome outcome = observe(*state, classic);

	assert_true(outcome.view.known);
	assert_int_equal(outcome.view.liveness, -1);
	assert_int_equal(outcome.view.counts.dispatchers, 9);
	outcome = observe(*state, changing);
	assert_false(outcome.view.known);
}

static void process_is_unknown_whatever_goes_wrong(void **state)
{
	static const struct rule good_status = {0, "GET /status", 0, 200, JSON, STATUS("a", "7", "1")};
	static const struct rule once = {0, "GET /status", 1, 200, JSON, STATUS("a", "7", "1")};
	static const struct rule metrics = {0, "GET /metrics", 0, 200, TEXT, SENTINELS};
	const struct {
		const char *why; /* a part of it */
		struct rule rules[4];
	} cases[] = {
		{"404", {{0, "GET /other", 0, 200, "", ""}}},
		{"status", {{0, "GET /status", 0, 500, "", ""}, metrics}},
		{"status", {{0, "GET /status", 0, 0, "", ""}, metrics}}, /* hangs */
		{"status", {{0, "GET /status", 0, -1, "", ""}, metrics}},
		{"no capture id", {{0, "GET /status", 0, 200, JSON, STATUS("", "7", "0")}, metrics}},
		{"another capture", {once, {0, "GET /status", 0, 200, JSON, STATUS("b", "7", "1")}, metrics}},
		{"another capture", {once, {0, "GET /status", 0, 200, JSON, STATUS("a", "8", "1")}, metrics}},
		{"second status", {once, {0, "GET /status", 0, 503, "", ""}, metrics}},
		{"second status", {once, {0, "GET /status", 0, 0, "", ""}, metrics}},
		{"metrics", {good_status}}, /* 404 */
		{"metrics", {good_status, {0, "GET /metrics", 0, 500, TEXT, SENTINELS}}},
		{"metrics", {good_status, {0, "GET /metrics", 0, 204, TEXT, ""}}},
		{"metrics", {good_status, {0, "GET /metrics", 0, 201, TEXT, SENTINELS}}},
		{"metrics", {good_status, {0, "GET /metrics", 0, 200, "text/html", SENTINELS}}},
		{"metrics", {good_status, {0, "GET /metrics", 0, 200, "", SENTINELS}}},
		{"metrics", {good_status, {0, "GET /metrics", 0, 0, "", ""}}},
		{"metrics", {good_status, {0, "GET /metrics", 0, -1, "", ""}}},
		{"line", {good_status, {0, "GET /metrics", 0, 200, TEXT, ""}}},
		{"line", {good_status, {0, "GET /metrics", 0, 200, TEXT, SENTINELS "x"}}},
		{"ownership", {good_status, {0, "GET /metrics", 0, 200, TEXT, "go_goroutines 1\n"}}},
		{"maintainer_counter",
		 {good_status, {0, "GET /metrics", 0, 200, TEXT, SENTINELS "ticdc_changefeed_maintainer_counter -1\n"}}},
	};
	struct peer *peer = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome outcome = observe(peer, cases[i].rules);

		if (outcome.view.known || !strstr(outcome.why, cases[i].why))
			fail_msg("case %zu: known %d: %s", i, outcome.view.known, outcome.why);
		assert_int_equal(outcome.view.liveness, -1);
	}
}

static void process_reads_a_long_scrape_as_it_comes(void **state)
{
	size_t size = 3 << 20;
	char *body = malloc(size + 512);
	struct rule rules[] = {
		{0, "GET /status", 0, 200, JSON, STATUS("a", "7", "1")}, {0, "GET /metrics", 0, 200, TEXT, body}, {0}};
	struct peer *peer = *state;
	struct outcome outcome;

	assert_non_null(body);
	for (size_t i = 0; i < size; i += 32)
		memcpy(body + i, "some_histogram_bucket{le=\"1\"} 1\n", 32);
	(void)snprintf(body + size, 512, SENTINELS);
	td_ticdc_client_free(peer->client); /* the short deadline is not the point here */
	peer->client = td_ticdc_client_new(peer->loop, peer->http, &(struct td_ticdc_options){.user = NULL});
	outcome = observe(peer, rules);
	free(body);
	assert_string_equal(outcome.why, "");
	assert_true(outcome.view.known);
	assert_int_equal(outcome.view.counts.brokers, 4);
}

static void process_cancelled_at_any_request_stays_silent(void **state)
{
	static const struct rule hangs[3][3] = {
		{{0, "GET /status", 0, 0, "", ""}},
		{{0, "GET /status", 0, 200, JSON, STATUS("a", "7", "1")}, {0, "GET /metrics", 0, 0, "", ""}},
		{{0, "GET /status", 1, 200, JSON, STATUS("a", "7", "1")}, {0, "GET /metrics", 0, 200, TEXT, SENTINELS}},
	};
	struct peer *peer = *state;

	for (int i = 0; i < 3; i++) {
		struct outcome outcome = {.peer = peer};
		struct td_ticdc_call *call;

		peer_script(peer, hangs[i]);
		call = td_ticdc_observe_process(peer->client, peer->nodes[0].address, NULL, on_process, &outcome);
		assert_non_null(call);
		while (i > 0 && !strstr(td_buf_text(&peer->log), "metrics"))
			event_base_loop(td_loop_event_base(peer->loop), EVLOOP_ONCE);
		td_ticdc_cancel(call);
		peer_run_quiet(peer);
		assert_int_equal(outcome.calls, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		peer_test(process_is_read_status_first_and_last),	  peer_test(process_is_unknown_whatever_goes_wrong),
		peer_test(process_of_the_classic_family_counts_tables),	  peer_test(process_reads_a_long_scrape_as_it_comes),
		peer_test(process_cancelled_at_any_request_stays_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
