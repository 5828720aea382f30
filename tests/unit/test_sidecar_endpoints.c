/* /healthz, /readyz and /metrics over loopback HTTP, and docs/metrics.md held against what /metrics says. */
#include "sidecar/endpoints.h"

#include "base_test.h"
#include "net_client.h"
#include "ticdc/client.h"

#define DOCUMENT "docs/metrics.md" /* tests run in the project's root */
#define METRICS_MAX 64

struct daemon {
	struct bench bench; /* its peer stands for TiCDC */
	struct td_ticdc_client *ticdc;
	struct td_http_server *server;
	struct td_endpoints endpoints;
	struct td_endpoints_state shows;
	int looks;
};

static const struct td_endpoints_state ready = {.synced = true, .staleness_ms = 600000, .agent = {.selected = true}};

static void look(struct td_endpoints_state *ret, void *userdata)
{
	struct daemon *daemon = userdata;

	*ret = daemon->shows;
	ret->ticdc = daemon->ticdc;
	daemon->looks++;
}

static int setup(void **state)
{
	static const struct script not_found = {.bytes = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"};
	static const struct td_http_server_options options = {
		.listen = "127.0.0.1:0", .body_max = 1024, .idle_timeout_s = 10};
	static const struct td_ticdc_options plain = {.user = NULL};
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	struct td_error err;

	*state = daemon;
	bench_init(&daemon->bench, &not_found, 1);
	daemon->ticdc = td_ticdc_client_new(daemon->bench.rig.loop, daemon->bench.client, &plain);
	assert_non_null(daemon->ticdc);
	daemon->server = td_http_server_new(daemon->bench.rig.loop, &options, &err);
	assert_non_null(daemon->server);
	daemon->endpoints = (struct td_endpoints){.look = look, .userdata = daemon};
	assert_true(td_endpoints_register(&daemon->endpoints, daemon->server));
	daemon->shows = ready;
	return 0;
}

static int teardown(void **state)
{
	struct daemon *daemon = *state;

	assert_null(td_http_server_free(daemon->server));
	assert_null(td_ticdc_client_free(daemon->ticdc));
	bench_done(&daemon->bench);
	free(daemon);
	return 0;
}

static const struct outcome *ask(struct daemon *daemon, const char *method, const char *path)
{
	char url[128];
	struct td_http_request request = get_request(url);

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", td_http_server_port(daemon->server), path);
	request.method = method;
	return perform(&daemon->bench, &request, NULL);
}

static void answers(struct daemon *daemon, const char *path, int status, const char *body)
{
	const struct outcome *outcome = ask(daemon, "GET", path);

	assert_int_equal(outcome->status, status);
	assert_string_equal(td_buf_text(&outcome->body), body);
	assert_string_equal(outcome->type, "text/plain; charset=utf-8");
}

/* ---- health ---- */

static void healthz_says_only_that_the_loop_turns(void **state)
{
	struct daemon *daemon = *state;

	daemon->shows = (struct td_endpoints_state){.staleness_ms = -1, .kube_failures = 1000};
	answers(daemon, "/healthz", 200, "ok\n");
	assert_int_equal(daemon->looks, 0);
}

static void readyz_says_why_it_is_not(void **state)
{
	struct daemon *daemon = *state;

	answers(daemon, "/readyz", 200, "ok\n");

	/* One thing missing at a time. */
	daemon->shows.staleness_ms = 600001;
	answers(daemon, "/readyz", 503, "the Kubernetes API has not been heard for ten minutes");
	daemon->shows = ready;
	daemon->shows.agent.selected = false;
	answers(daemon, "/readyz", 503,
		"this pod is not among those that --pod-selector selects: its termination would not be seen");
	daemon->shows = ready;
	daemon->shows.synced = false;
	answers(daemon, "/readyz", 503, "pods and DrainRequests have not been listed yet");

	/* Right after the start, and right after that. */
	daemon->shows = (struct td_endpoints_state){.staleness_ms = -1};
	answers(daemon, "/readyz", 503, "pods and DrainRequests have not been listed yet");
	daemon->shows = ready;
	daemon->shows.staleness_ms = 0;
	answers(daemon, "/readyz", 200, "ok\n");
	assert_int_equal(daemon->looks, 6); /* each answer is from a look of its own */
}

/* Who leads and what is being drained are no reason to take a sidecar out of service. */
static void readyz_minds_nothing_else(void **state)
{
	struct daemon *daemon = *state;

	daemon->shows.kube_failures = 99;
	daemon->shows.agent.terminating = daemon->shows.agent.waited_at = true;
	answers(daemon, "/readyz", 200, "ok\n");
}

static void nothing_else_is_served(void **state)
{
	static const char *const paths[] = {"/", "/status", "/metrics/", "/Healthz", "/debug/pprof/"};
	static const char *const served[] = {"/healthz", "/readyz", "/metrics"};
	struct daemon *daemon = *state;

	for (size_t i = 0; i < COUNT(paths); i++)
		assert_int_equal(ask(daemon, "GET", paths[i])->status, 404);
	for (size_t i = 0; i < COUNT(served); i++) {
		assert_int_equal(ask(daemon, "POST", served[i])->status, 405);
		assert_int_equal(ask(daemon, "GET", served[i])->status, 200);
	}
}

/* ---- metrics ---- */

/* The value of a whole series, labels included. */
static void metric_is(const struct outcome *outcome, const char *series, const char *value)
{
	char line[128];

	(void)snprintf(line, sizeof(line), "\n%s %s\n", series, value);
	if (!strstr(td_buf_text(&outcome->body), line))
		fail_msg("no \"%s %s\" in\n%s", series, value, td_buf_text(&outcome->body));
}

static void metrics_show_the_picture(void **state)
{
	struct daemon *daemon = *state;
	const struct outcome *outcome;

	daemon->shows.leading = true;
	daemon->shows.kube_failures = 18446744073709551615U;
	daemon->shows.agent.waited_at = true;
	daemon->shows.core = (struct td_core_summary){
		.requests = 9, .queued = 2, .moves_in_flight = 3, .moves_confirmed = 4, .moves_failed = 5};
	for (uint32_t i = 0; i < TD_PHASE_COUNT; i++)
		daemon->shows.phases[i] = 100 + i;
	outcome = ask(daemon, "GET", "/metrics");
	assert_int_equal(outcome->status, 200);
	assert_string_equal(outcome->type, "text/plain; version=0.0.4; charset=utf-8");
	metric_is(outcome, "ticdc_drain_leader", "1");
	metric_is(outcome, "ticdc_drain_synced", "1");
	metric_is(outcome, "ticdc_drain_pod_terminating", "0");
	metric_is(outcome, "ticdc_drain_hook_waiting", "1");
	metric_is(outcome, "ticdc_drain_gate_open", "0");
	metric_is(outcome, "ticdc_drain_queue_length", "2");
	metric_is(outcome, "ticdc_drain_moves_in_flight", "3");
	metric_is(outcome, "ticdc_drain_moves_confirmed_total", "4");
	metric_is(outcome, "ticdc_drain_moves_failed_total", "5");
	metric_is(outcome, "ticdc_drain_kube_failures_total", "18446744073709551615");
	metric_is(outcome, "ticdc_drain_ticdc_requests_total{endpoint=\"drain\"}", "0");
	for (int i = 0; i < TD_PHASE_COUNT; i++) {
		char series[96], value[8];

		(void)snprintf(series, sizeof(series), "ticdc_drain_requests{phase=\"%s\"}",
			       td_phase_name((enum td_phase)i));
		(void)snprintf(value, sizeof(value), "%d", 100 + i);
		metric_is(outcome, series, value);
	}
}

static void metrics_show_the_other_picture(void **state)
{
	struct daemon *daemon = *state;
	const struct outcome *outcome;

	daemon->shows = (struct td_endpoints_state){.staleness_ms = -1, .agent = {.terminating = true, .open = true}};
	outcome = ask(daemon, "GET", "/metrics");
	assert_int_equal(outcome->status, 200);
	metric_is(outcome, "ticdc_drain_leader", "0");
	metric_is(outcome, "ticdc_drain_synced", "0");
	metric_is(outcome, "ticdc_drain_pod_terminating", "1");
	metric_is(outcome, "ticdc_drain_hook_waiting", "0");
	metric_is(outcome, "ticdc_drain_gate_open", "1");
	metric_is(outcome, "ticdc_drain_requests{phase=\"Pending\"}", "0");
}

static void on_status(const struct td_ticdc_status *status, const struct td_error *err, void *userdata)
{
	(void)status;
	assert_int_not_equal(err->code, TD_OK);
	td_loop_stop(((struct daemon *)userdata)->bench.rig.loop);
}

static void requests_to_ticdc_are_counted_by_endpoint(void **state)
{
	struct daemon *daemon = *state;
	const struct outcome *outcome;
	const char *endpoint;
	char address[32];

	(void)snprintf(address, sizeof(address), "127.0.0.1:%d", daemon->bench.peer.port);
	for (int i = 0; i < 2; i++) {
		assert_non_null(td_ticdc_get_status(daemon->ticdc, address, NULL, on_status, daemon));
		rig_run(&daemon->bench.rig);
	}
	outcome = ask(daemon, "GET", "/metrics");
	for (size_t i = 0; (void)td_ticdc_requests(daemon->ticdc, i, &endpoint), endpoint; i++) {
		char series[96];

		(void)snprintf(series, sizeof(series), "ticdc_drain_ticdc_requests_total{endpoint=\"%s\"}", endpoint);
		metric_is(outcome, series, strcmp(endpoint, "status") == 0 ? "2" : "0");
	}
}

/* ---- the document ---- */

/* "name{label} type", of the code and of the document. */
struct listing {
	char lines[METRICS_MAX][128];
	size_t count;
};

static void add(struct listing *listing, const char *name, const char *label, const char *type)
{
	assert_true(listing->count < METRICS_MAX);
	(void)snprintf(listing->lines[listing->count++], sizeof(listing->lines[0]), "%.60s%s%.30s%s %.20s", name,
		       label[0] ? "{" : "", label, label[0] ? "}" : "", type);
}

/* The exposition format, checked line by line: HELP, TYPE, then the series of that very name. */
static void list_code(struct listing *listing, char *text)
{
	char name[64] = "", type[32] = "", label[32] = "";
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n")) && *line) {
		char series[64], help[8];

		if (strncmp(line, "# HELP ", 7) == 0) {
			assert_int_equal(sscanf(line, "# HELP %63s %7s", name, help), 2);
			line = strsep(&rest, "\n");
			assert_non_null(line);
			assert_int_equal(sscanf(line, "# TYPE %63s %31s", series, type), 2);
			assert_string_equal(series, name);
			assert_non_null(rest);
			label[0] = '\0';
			(void)sscanf(rest, "%63[a-z_]{%31[a-z]=", series, label);
			add(listing, name, label, type);
			continue;
		}
		assert_int_equal(sscanf(line, "%63[a-z_]", series), 1);
		assert_string_equal(series, name);
	}
	assert_true(rest == NULL || *rest == '\0');
}

static void list_document(struct listing *listing)
{
	FILE *file = fopen(DOCUMENT, "r");
	char line[1024];

	if (!file)
		fail_msg("%s cannot be read: run the tests in the project's root", DOCUMENT);
	while (fgets(line, sizeof(line), file)) {
		char name[64], label[32] = "", type[32];

		if (sscanf(line, "| `%63[a-z_]` | %31[a-z] |", name, type) == 2 ||
		    sscanf(line, "| `%63[a-z_]{%31[a-z]}` | %31[a-z] |", name, label, type) == 3)
			add(listing, name, label, type);
		else if (line[0] == '|' && strncmp(line, "| metric |", 10) != 0 && strncmp(line, "|---", 4) != 0)
			fail_msg("%s: what is this line? %s", DOCUMENT, line);
	}
	assert_int_equal(fclose(file), 0);
}

static void all_are_in(const struct listing *these, const struct listing *others, const char *where)
{
	for (size_t i = 0; i < these->count; i++) {
		size_t found = 0;

		for (size_t j = 0; j < others->count; j++)
			found += strcmp(these->lines[i], others->lines[j]) == 0;
		if (found != 1)
			fail_msg("%s stands %zu times in %s", these->lines[i], found, where);
	}
}

static void document_lists_the_metrics_and_no_others(void **state)
{
	struct daemon *daemon = *state;
	struct listing code = {.count = 0}, document = {.count = 0};
	char *text = strdup(td_buf_text(&ask(daemon, "GET", "/metrics")->body));

	list_code(&code, text);
	list_document(&document);
	assert_true(code.count > 5);
	all_are_in(&code, &document, DOCUMENT);
	all_are_in(&document, &code, "/metrics");
	free(text);
}

static void counters_end_in_total_and_gauges_do_not(void **state)
{
	struct daemon *daemon = *state;
	struct listing code = {.count = 0};
	char *text = strdup(td_buf_text(&ask(daemon, "GET", "/metrics")->body));

	list_code(&code, text);
	for (size_t i = 0; i < code.count; i++) {
		assert_int_equal(strncmp(code.lines[i], "ticdc_drain_", 12), 0);
		assert_int_equal(strstr(code.lines[i], "_total") != NULL, strstr(code.lines[i], " counter") != NULL);
		assert_int_equal(strstr(code.lines[i], "_total") == NULL, strstr(code.lines[i], " gauge") != NULL);
	}
	free(text);
}

/* A text that does not fit is no answer: half of it would look like the whole. */
static void text_that_does_not_fit_is_false(void **state)
{
	struct daemon *daemon = *state;
	struct td_buf whole, small;

	td_buf_init(&whole, 65536);
	daemon->shows.ticdc = daemon->ticdc;
	assert_true(td_endpoints_metrics(&daemon->shows, &whole));
	for (size_t max = 0; max < whole.len; max++) {
		td_buf_init(&small, max);
		if (td_endpoints_metrics(&daemon->shows, &small))
			fail_msg("%zu of %zu bytes were taken for all", small.len, whole.len);
		td_buf_done(&small);
	}
	td_buf_init(&small, whole.len);
	assert_true(td_endpoints_metrics(&daemon->shows, &small));
	assert_string_equal(td_buf_text(&small), td_buf_text(&whole));
	td_buf_done(&small);
	td_buf_done(&whole);
}

#define endpoint_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		endpoint_test(healthz_says_only_that_the_loop_turns),
		endpoint_test(readyz_says_why_it_is_not),
		endpoint_test(readyz_minds_nothing_else),
		endpoint_test(nothing_else_is_served),
		endpoint_test(metrics_show_the_picture),
		endpoint_test(metrics_show_the_other_picture),
		endpoint_test(requests_to_ticdc_are_counted_by_endpoint),
		endpoint_test(document_lists_the_metrics_and_no_others),
		endpoint_test(counters_end_in_total_and_gauges_do_not),
		endpoint_test(text_that_does_not_fit_is_false),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
