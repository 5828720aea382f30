/* URLs, headers, bodies, the words of errors, and the token. */
#include "kube_peer.h"

#include "base/json.h"
#include "kube/answer.h"
#include "kube/token.h"
#include "kube/url.h"

#include <arpa/inet.h>
#include <unistd.h>

static const struct td_kube_resource pods = {"", "v1", "pods"};
static const struct td_kube_resource requests = {"drain.example.dev", "v1alpha1", "drainrequests"};

struct result {
	struct peer *peer;
	int calls, wanted;
	struct td_error err;
	json_t *object;
};

static void done(json_t *object, const struct td_error *err, void *userdata)
{
	struct result *result = userdata;

	result->err = *err;
	json_decref(result->object);
	result->object = json_incref(object);
	if (++result->calls >= result->wanted)
		td_loop_stop(result->peer->loop);
}

/* One call to its end. */
static void call(struct peer *peer, const struct td_kube_request *request, struct result *result)
{
	struct td_error err;

	json_decref(result->object);
	*result = (struct result){.peer = peer, .wanted = 1};
	assert_non_null(td_kube_start(peer->client, request, done, result, &err));
	assert_int_equal(result->calls, 0);
	peer_run(peer);
}

#define OBJECT "{\"replicas\":0,\"big\":9007199254740993,\"nul\":\"a\\u0000b\",\"unknown\":{\"x\":[null]}}"

static void answer_object(struct peer *peer, const struct peer_request *request)
{
	(void)peer;
	peer_reply(request, 200, OBJECT);
}

static void client_builds_urls(void **state)
{
	static const struct {
		struct td_kube_request request;
		const char *expected; /* NULL: refused */
	} cases[] = {
		{{.resource = &pods, .namespace_ = "ns", .name = "a"}, "S/api/v1/namespaces/ns/pods/a"},
		{{.resource = &pods, .namespace_ = "ns"}, "S/api/v1/namespaces/ns/pods"},
		{{.resource = &pods, .namespace_ = "ns", .query = "limit=5"}, "S/api/v1/namespaces/ns/pods?limit=5"},
		{{.resource = &pods, .namespace_ = "ns", .query = ""}, "S/api/v1/namespaces/ns/pods"},
		{{.resource = &requests, .namespace_ = "ns", .name = "a", .subresource = "status"},
		 "S/apis/drain.example.dev/v1alpha1/namespaces/ns/drainrequests/a/status"},
		{{.resource = &pods, .name = "n"}, "S/api/v1/pods/n"},
		{{.resource = &pods, .namespace_ = "a/b", .name = "c?d#e%f g"},
		 "S/api/v1/namespaces/a%2Fb/pods/c%3Fd%23e%25f%20g"},
		{{.resource = &pods, .namespace_ = "ns", .name = "x.y-z_~"}, "S/api/v1/namespaces/ns/pods/x.y-z_~"},
		{{.resource = &pods, .namespace_ = "ns", .name = ".."}, NULL},
		{{.resource = &pods, .namespace_ = ".", .name = "a"}, NULL},
		{{.resource = &pods, .namespace_ = "", .name = "a"}, NULL},
		{{.resource = &pods, .namespace_ = "ns", .name = ""}, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct td_error err;
		char *url = td_kube_url("S", &cases[i].request, &err);

		if (cases[i].expected)
			assert_string_equal(url, cases[i].expected);
		else
			assert_int_equal(err.code, TD_ERR_INVALID);
		assert_int_equal(!url, !cases[i].expected);
		free(url);
	}
}

static void client_encodes_every_byte(void **state)
{
	char *text = td_kube_encode("a=b,c in (\xc3\xa9)&~");

	(void)state;
	assert_string_equal(text, "a%3Db%2Cc%20in%20%28%C3%A9%29%26~");
	free(text);
	text = td_kube_encode("");
	assert_string_equal(text, "");
	free(text);
}

static void client_loses_nothing_of_an_object(void **state)
{
	const struct td_kube_request request = {.verb = TD_KUBE_GET, .resource = &pods, .namespace_ = "ns", .name = "a"};
	struct peer peer;
	struct result result = {0};
	char *text;

	(void)state;
	peer_start(&peer, answer_object, NULL);
	call(&peer, &request, &result);
	assert_int_equal(result.err.code, TD_OK);
	text = json_dumps(result.object, JSON_COMPACT);
	assert_string_equal(text, OBJECT);
	free(text);
	json_decref(result.object);
	peer_stop(&peer);
}

static void expect_headers(struct peer *peer, const struct peer_request *request)
{
	const char *const *expected = peer->test;

	assert_string_equal(request->method, expected[0]);
	assert_string_equal(peer_header(request, "Content-Type"), expected[1]);
	assert_string_equal(request->body, expected[2]);
	assert_string_equal(peer_header(request, "Accept"), "application/json");
	assert_string_equal(peer_header(request, "User-Agent"), "test/1");
	assert_string_equal(peer_header(request, "Authorization"), "Bearer secret");
	peer_reply(request, 201, "{}");
}

static void client_sends_verbs_headers_and_bodies(void **state)
{
	static const struct {
		enum td_kube_verb verb;
		const char *expected[3];
	} cases[] = {
		{TD_KUBE_GET, {"GET", "", ""}},
		{TD_KUBE_LIST, {"GET", "", ""}},
		{TD_KUBE_CREATE, {"POST", "application/json", "{\"a\":0}"}},
		{TD_KUBE_PUT, {"PUT", "application/json", "{\"a\":0}"}},
		{TD_KUBE_PATCH, {"PATCH", "application/merge-patch+json", "{\"a\":0}"}},
		{TD_KUBE_DELETE, {"DELETE", "", ""}},
		{TD_KUBE_DELETE, {"DELETE", "application/json", "{\"a\":0}"}},
	};
	char token[] = "secret";
	json_t *body = json_pack("{s:i}", "a", 0);
	struct peer peer;

	(void)state;
	peer_start(&peer, expect_headers, NULL);
	peer.config.token = token;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool named = cases[i].verb != TD_KUBE_LIST && cases[i].verb != TD_KUBE_CREATE;
		const struct td_kube_request request = {.verb = cases[i].verb,
							.resource = &pods,
							.namespace_ = "ns",
							.name = named ? "a" : NULL,
							.body = cases[i].expected[2][0] ? body : NULL};
		struct result result = {0};
		const void *expected = cases[i].expected;

		peer.test = (void *)(uintptr_t)expected;
		call(&peer, &request, &result);
		assert_int_equal(result.err.code, TD_OK);
		json_decref(result.object);
	}
	json_decref(body);
	peer_stop(&peer);
}

struct refusal {
	int status;
	const char *header_retry_after, *body;
	const char *expected;
	int64_t expected_retry_after_ms;
	enum td_error_code expected_code;
};

static void answer_refusal(struct peer *peer, const struct peer_request *request)
{
	const struct refusal *refusal = peer->test;

	if (refusal->header_retry_after)
		peer_set_header(request, "Retry-After", refusal->header_retry_after);
	peer_reply(request, refusal->status, refusal->body);
}

static void client_tells_what_the_server_said(void **state)
{
	static const struct refusal cases[] = {
		{409, NULL, "{\"kind\":\"Status\",\"reason\":\"Conflict\",\"message\":\"the object has been modified\"}",
		 "patch drainrequests/status ns/name: 409 Conflict: the object has been modified", -1, TD_ERR_HTTP},
		{429, "3",
		 "{\"kind\":\"Status\",\"reason\":\"TooManyRequests\",\"message\":\"slow\","
		 "\"details\":{\"retryAfterSeconds\":9}}",
		 "patch drainrequests/status ns/name: 429 TooManyRequests: slow", 3000, TD_ERR_HTTP},
		{504, NULL,
		 "{\"kind\":\"Status\",\"reason\":\"Timeout\",\"message\":\"m\","
		 "\"details\":{\"retryAfterSeconds\":9}}",
		 "patch drainrequests/status ns/name: 504 Timeout: m", 9000, TD_ERR_HTTP},
		{500, NULL, "{\"kind\":\"Status\"}", "patch drainrequests/status ns/name: 500: no message", -1, TD_ERR_HTTP},
		{502, NULL, "<p>secret</p>", "patch drainrequests/status ns/name: 502 without a Status", -1, TD_ERR_HTTP},
		{302, NULL, "", "patch drainrequests/status ns/name: 302 without a Status", -1, TD_ERR_HTTP},
		{200, NULL, "not json", "patch drainrequests/status ns/name: bad JSON at byte ", -1, TD_ERR_PROTOCOL},
		{200, NULL, "[1]", "patch drainrequests/status ns/name: the answer is no object", -1, TD_ERR_PROTOCOL},
		{200, NULL, "", "patch drainrequests/status ns/name: bad JSON at byte ", -1, TD_ERR_PROTOCOL},
	};
	const struct td_kube_request request = {
		.verb = TD_KUBE_PATCH, .resource = &requests, .namespace_ = "ns", .name = "name", .subresource = "status"};
	struct peer peer;

	(void)state;
	peer_start(&peer, answer_refusal, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct result result = {0};
		const void *refusal = &cases[i];

		peer.test = (void *)(uintptr_t)refusal;
		call(&peer, &request, &result);
		assert_int_equal(result.err.code, cases[i].expected_code);
		assert_int_equal(result.err.http_status, cases[i].status);
		assert_int_equal(result.err.retry_after_ms, cases[i].expected_retry_after_ms);
		assert_memory_equal(result.err.text, cases[i].expected, strlen(cases[i].expected));
		assert_null(strstr(result.err.text, "secret"));
		assert_null(result.object);
	}
	peer_stop(&peer);
}

static void client_names_errors_of_events(void **state)
{
	static const struct {
		const char *status;
		int expected;
	} cases[] = {
		{"{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\",\"message\":\"too old\"}", 410},
		{"{\"kind\":\"Status\",\"code\":410,\"message\":\"too old\"}", 410},
		{"{\"kind\":\"Status\",\"reason\":\"Expired\"}", 410},
		{"{\"kind\":\"Status\",\"code\":400,\"reason\":\"Gone\"}", 410},
		{"{\"kind\":\"Status\",\"code\":429}", 429},
		{"{\"kind\":\"Status\",\"code\":7}", 500},
		{"{\"kind\":\"Status\",\"code\":\"410\"}", 500},
		{"{}", 500},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *status = json_loads(cases[i].status, 0, NULL);
		struct td_error err;

		assert_int_equal(td_kube_error_from_event(&err, status), TD_ERR_HTTP);
		assert_int_equal(err.http_status, cases[i].expected);
		json_decref(status);
	}
}

static void hang_up(struct peer *peer, const struct peer_request *request)
{
	peer_hang_up(peer, request->http);
}

static void client_tells_refused_broken_and_silent_apart(void **state)
{
	struct td_kube_request request = {.verb = TD_KUBE_PUT, .resource = &pods, .namespace_ = "ns", .name = "a"};
	struct peer peer;
	struct result result = {0};
	char nowhere[] = "http://127.0.0.1:1";

	(void)state;
	peer_start(&peer, hang_up, NULL);
	call(&peer, &request, &result);
	assert_int_equal(result.err.code, TD_ERR_TRANSPORT);
	assert_int_equal(result.err.http_status, 0);
	assert_memory_equal(result.err.text, "put pods ns/a: ", 15);
	peer.config.server = nowhere;
	call(&peer, &request, &result);
	assert_int_equal(result.err.code, TD_ERR_CONNECT);
	assert_true(td_error_is_definite(&result.err));
	peer_stop(&peer);
}

static void hold(struct peer *peer, const struct peer_request *request)
{
	peer_stream_begin(peer, request);
}

static void client_keeps_the_deadline_of_a_silent_server(void **state)
{
	const struct td_kube_request request = {
		.verb = TD_KUBE_GET, .resource = &pods, .namespace_ = "ns", .name = "a", .timeout_ms = 100};
	struct peer peer;
	struct result result = {0};

	(void)state;
	peer_start(&peer, hold, NULL);
	call(&peer, &request, &result);
	assert_int_equal(result.err.code, TD_ERR_TIMEOUT);
	peer_stop(&peer);
}

static void answer_large(struct peer *peer, const struct peer_request *request)
{
	size_t size = *(size_t *)peer->test;
	char *body = malloc(size + 1);

	assert_non_null(body);
	memset(body, ' ', size);
	body[0] = '{';
	body[size - 1] = '}';
	body[size] = '\0';
	peer_reply(request, 200, body);
	free(body);
}

static void client_keeps_the_limits_of_bodies(void **state)
{
	static const struct {
		enum td_kube_verb verb;
		size_t size;
		enum td_error_code expected;
	} cases[] = {{TD_KUBE_GET, 4u << 20, TD_OK},
		     {TD_KUBE_GET, (4u << 20) + 1, TD_ERR_TOO_LARGE},
		     {TD_KUBE_LIST, 32u << 20, TD_OK},
		     {TD_KUBE_LIST, (32u << 20) + 1, TD_ERR_TOO_LARGE}};
	struct peer peer;

	(void)state;
	peer_start(&peer, answer_large, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct td_kube_request request = {.verb = cases[i].verb,
							.resource = &pods,
							.namespace_ = "ns",
							.name = cases[i].verb == TD_KUBE_GET ? "a" : NULL};
		struct result result = {0};
		size_t size = cases[i].size;

		peer.test = &size;
		call(&peer, &request, &result);
		assert_int_equal(result.err.code, cases[i].expected);
		json_decref(result.object);
	}
	peer_stop(&peer);
}

static void stop_all(void *userdata)
{
	struct peer *peer = userdata;

	td_loop_stop(peer->loop);
}

static void client_calls_nobody_after_cancel_or_free(void **state)
{
	const struct td_kube_request request = {.verb = TD_KUBE_GET, .resource = &pods, .namespace_ = "ns", .name = "a"};
	struct peer peer;
	struct result result = {0};
	struct td_kube_call *calls[3];
	struct td_timer *timer;
	struct td_error err;

	(void)state;
	peer_start(&peer, answer_object, NULL);
	result = (struct result){.peer = &peer, .wanted = 100};
	for (int i = 0; i < 3; i++) {
		calls[i] = td_kube_start(peer.client, &request, done, &result, &err);
		assert_non_null(calls[i]);
	}
	td_kube_cancel(calls[1]);
	td_kube_cancel(calls[0]);
	peer.client = td_kube_client_free(peer.client);
	timer = td_timer_new(peer.loop, stop_all, &peer);
	td_timer_arm(timer, 20);
	peer_run(&peer);
	td_timer_free(timer);
	assert_int_equal(result.calls, 0);
	peer_stop(&peer);
}

static void done_and_free(json_t *object, const struct td_error *err, void *userdata)
{
	struct peer *peer = userdata;

	assert_int_equal(err->code, TD_OK);
	assert_non_null(object);
	peer->client = td_kube_client_free(peer->client);
	td_loop_stop(peer->loop);
}

static void client_may_be_freed_by_an_answer(void **state)
{
	const struct td_kube_request request = {.verb = TD_KUBE_GET, .resource = &pods, .namespace_ = "ns", .name = "a"};
	struct peer peer;
	struct td_error err;

	(void)state;
	peer_start(&peer, answer_object, NULL);
	assert_non_null(td_kube_start(peer.client, &request, done_and_free, &peer, &err));
	assert_non_null(td_kube_start(peer.client, &request, done_and_free, &peer, &err));
	peer_run(&peer);
	peer_stop(&peer);
}

/* --- the token --- */

static void write_token(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fputs(text, file) < 0, 0);
	assert_int_equal(fclose(file), 0);
}

static void token_is_read_again_in_time(void **state)
{
	char path[] = "/tmp/td-kube-test-XXXXXX";
	struct td_kube_config config = {.token_file = path};
	struct td_kube_token token = {0};
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(td_kube_token_refresh(&token, &config, 0, NULL), TD_ERR_INVALID); /* still empty */
	write_token(path, "one\n");
	assert_int_equal(td_kube_token_refresh(&token, &config, 0, NULL), TD_OK);
	assert_string_equal(token.header, "Authorization: Bearer one");
	write_token(path, "two");
	assert_int_equal(td_kube_token_refresh(&token, &config, TD_KUBE_TOKEN_AGE_MS - 1, NULL), TD_OK);
	assert_string_equal(token.header, "Authorization: Bearer one");
	assert_int_equal(td_kube_token_refresh(&token, &config, TD_KUBE_TOKEN_AGE_MS, NULL), TD_OK);
	assert_string_equal(token.header, "Authorization: Bearer two");
	write_token(path, "three");
	token.stale = true;
	assert_int_equal(td_kube_token_refresh(&token, &config, TD_KUBE_TOKEN_AGE_MS + 1, NULL), TD_OK);
	assert_string_equal(token.header, "Authorization: Bearer three");
	/* A file that is unusable for a moment leaves the old one in use. */
	write_token(path, "evil\nHeader: x");
	token.stale = true;
	assert_int_equal(td_kube_token_refresh(&token, &config, TD_KUBE_TOKEN_AGE_MS + 2, NULL), TD_OK);
	assert_string_equal(token.header, "Authorization: Bearer three");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(td_kube_token_refresh(&token, &config, TD_KUBE_TOKEN_AGE_MS + 3, NULL), TD_OK);
	assert_string_equal(token.header, "Authorization: Bearer three");
	td_kube_token_done(&token);
	assert_int_equal(td_kube_token_refresh(&token, &config, 0, NULL), TD_ERR_SYSTEM);
}

static void token_may_be_long_but_not_endless(void **state)
{
	char path[] = "/tmp/td-kube-test-XXXXXX";
	struct td_kube_config config = {.token_file = path};
	struct td_kube_token token = {0};
	int fd = mkstemp(path);
	char *text = malloc((64 << 10) + 2);

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	assert_non_null(text);
	memset(text, 'x', (64 << 10) + 1);
	text[(64 << 10) + 1] = '\0';
	write_token(path, text);
	assert_int_equal(td_kube_token_refresh(&token, &config, 0, NULL), TD_ERR_TOO_LARGE);
	text[64 << 10] = '\0';
	write_token(path, text);
	assert_int_equal(td_kube_token_refresh(&token, &config, 0, NULL), TD_OK);
	assert_int_equal(strlen(token.header), strlen("Authorization: Bearer ") + (64 << 10));
	td_kube_token_done(&token);
	free(text);
	(void)unlink(path);
}

/* The first answer is 401 and the file changes; the next request carries the new token. */
static void answer_by_token(struct peer *peer, const struct peer_request *request)
{
	if (!strcmp(peer_header(request, "Authorization"), "Bearer new")) {
		peer_reply(request, 200, "{}");
		return;
	}
	write_token(peer->config.token_file, "new");
	peer_refuse(request, 401, "Unauthorized", "Unauthorized");
}

static void client_uses_the_new_token_after_a_401(void **state)
{
	const struct td_kube_request request = {.verb = TD_KUBE_GET, .resource = &pods, .namespace_ = "ns", .name = "a"};
	char path[] = "/tmp/td-kube-test-XXXXXX";
	int fd = mkstemp(path);
	struct peer peer;
	struct result result = {0};

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	write_token(path, "old");
	peer_start(&peer, answer_by_token, NULL);
	peer.config.token_file = path;
	call(&peer, &request, &result);
	assert_int_equal(result.err.http_status, 401);
	assert_string_equal(result.err.text, "get pods ns/a: 401 Unauthorized: Unauthorized");
	call(&peer, &request, &result);
	assert_int_equal(result.err.code, TD_OK);
	json_decref(result.object);
	peer_stop(&peer);
	(void)unlink(path);
}

static void client_says_why_it_could_not_start(void **state)
{
	const struct td_kube_request request = {.verb = TD_KUBE_GET, .resource = &pods, .namespace_ = "ns", .name = ".."};
	char path[] = "/nonexistent/token";
	struct peer peer;
	struct td_error err;

	(void)state;
	peer_start(&peer, answer_object, NULL);
	assert_null(td_kube_start(peer.client, &request, done, NULL, &err));
	assert_string_equal(err.text, "get pods ns/..: not the name of an object or namespace");
	peer.config.token_file = path;
	assert_null(td_kube_start(peer.client, &request, done, NULL, &err));
	assert_string_equal(err.text, "get pods ns/..: /nonexistent/token: No such file or directory");
	assert_null(td_kube_start(peer.client, &request, done, NULL, NULL));
	peer_stop(&peer);
}

/* --- jansson's allocations fail in turn --- */

static long fail_in = -1;

static void *flaky_malloc(size_t size)
{
	return fail_in >= 0 && fail_in-- == 0 ? NULL : malloc(size);
}

static void parser_returns_nothing_rather_than_a_part(void **state)
{
	static const char text[] = "{\"metadata\":{\"name\":\"a\",\"labels\":{\"x\":\"y\"}},"
				   "\"items\":[1,2.5,true,null,\"s\"]}";
	int failures = 0;

	(void)state;
	json_set_alloc_funcs(flaky_malloc, free);
	for (long nth = 0;; nth++) {
		struct td_error err;
		json_t *root;

		fail_in = nth;
		root = td_kube_parse(text, sizeof(text) - 1, &err);
		fail_in = -1;
		if (root) {
			char *again = json_dumps(root, JSON_COMPACT);

			assert_string_equal(again, text);
			free(again);
			json_decref(root);
			break;
		}
		failures++;
		assert_true(err.code == TD_ERR_NOMEM || err.code == TD_ERR_PROTOCOL);
	}
	json_set_alloc_funcs(malloc, free);
	assert_true(failures > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_builds_urls),
		cmocka_unit_test(client_encodes_every_byte),
		cmocka_unit_test(client_loses_nothing_of_an_object),
		cmocka_unit_test(client_sends_verbs_headers_and_bodies),
		cmocka_unit_test(client_tells_what_the_server_said),
		cmocka_unit_test(client_names_errors_of_events),
		cmocka_unit_test(client_tells_refused_broken_and_silent_apart),
		cmocka_unit_test(client_keeps_the_deadline_of_a_silent_server),
		cmocka_unit_test(client_keeps_the_limits_of_bodies),
		cmocka_unit_test(client_calls_nobody_after_cancel_or_free),
		cmocka_unit_test(client_may_be_freed_by_an_answer),
		cmocka_unit_test(token_is_read_again_in_time),
		cmocka_unit_test(token_may_be_long_but_not_endless),
		cmocka_unit_test(client_uses_the_new_token_after_a_401),
		cmocka_unit_test(client_says_why_it_could_not_start),
		cmocka_unit_test(parser_returns_nothing_rather_than_a_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
