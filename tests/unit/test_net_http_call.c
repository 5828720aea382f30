/* One HTTP call: what is sent, what an answer becomes at any split, and what each way to fail is called. */
#include "net_client.h"

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
#define CHUNKED                                                                                                             \
	"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: "                                                \
	"chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"

static void answer_is_reported_whole(void **state)
{
	const struct script script = {.bytes = OK_ANSWER};
	const struct outcome *outcome;
	struct bench bench;
	char expected[128];

	(void)state;
	bench_init(&bench, &script, 1);
	outcome = get(&bench);
	assert_int_equal(outcome->err.code, TD_OK);
	assert_int_equal(outcome->status, 200);
	assert_string_equal(outcome->type, "text/plain");
	assert_string_equal(td_buf_text(&outcome->body), "hello");
	assert_int_equal(outcome->retry_after_ms, -1);
	snprintf(expected, sizeof(expected), "GET /path HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: */*\r\n\r\n",
		 bench.peer.port);
	assert_string_equal(td_buf_text(&bench.peer.seen), expected);
	bench_done(&bench);
}

static void answer_with_trailers_and_a_100_before_is_whole(void **state)
{
	const struct script script = {
		.bytes = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n"
			 "Trailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"};
	const struct outcome *outcome;
	struct bench bench;

	(void)state;
	bench_init(&bench, &script, 1);
	outcome = get(&bench);
	assert_int_equal(outcome->err.code, TD_OK);
	assert_int_equal(outcome->status, 201);
	assert_string_equal(td_buf_text(&outcome->body), "ok");
	bench_done(&bench);
}

static void check_all_splits(const char *answer)
{
	for (size_t split = 1; split < strlen(answer); split++) {
		const struct script script = {.bytes = answer, .split = split};
		const struct outcome *outcome;
		struct bench bench;

		bench_init(&bench, &script, 1);
		outcome = get(&bench);
		assert_int_equal(outcome->err.code, TD_OK);
		assert_int_equal(outcome->status, 200);
		assert_string_equal(td_buf_text(&outcome->body), "hello");
		bench_done(&bench);
	}
}

static void answer_is_the_same_at_any_split(void **state)
{
	(void)state;
	check_all_splits(OK_ANSWER);
	check_all_splits(CHUNKED);
}

/* Each beginning of an answer is a transport error, never an answer and never "not sent". */
static void check_all_truncations(const char *answer, size_t complete, enum script_end end)
{
	for (size_t len = 1; len < complete; len++) {
		const struct script script = {.bytes = answer, .len = len, .end = end};
		const struct outcome *outcome;
		struct bench bench;

		bench_init(&bench, &script, 1);
		outcome = get(&bench);
		if (outcome->err.code != TD_ERR_TRANSPORT)
			print_error("cut after %zu bytes: status %d, %s\n", len, outcome->status, outcome->err.text);
		assert_int_equal(outcome->err.code, TD_ERR_TRANSPORT);
		assert_false(td_error_is_definite(&outcome->err));
		bench_done(&bench);
	}
}

static void truncated_answer_is_a_transport_error_wherever_it_ends(void **state)
{
	(void)state;
	check_all_truncations(OK_ANSWER, strlen(OK_ANSWER), CLOSE);
	check_all_truncations(OK_ANSWER, strlen(OK_ANSWER), RESET);
	check_all_truncations(CHUNKED, strlen(CHUNKED) - 1, CLOSE); /* nothing depends on the very last newline */
}

static void garbage_is_a_transport_error(void **state)
{
	static const char *const answers[] = {
		"SSH-2.0-OpenSSH_9.2\r\n",
		"\x15\x03\x01\x00\x02\x02\x16",
		"HTTP/1.1 two hundred\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"{\"kind\":\"Status\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		const struct script script = {.bytes = answers[i], .end = CLOSE};
		struct bench bench;

		bench_init(&bench, &script, 1);
		assert_int_equal(get(&bench)->err.code, TD_ERR_TRANSPORT);
		bench_done(&bench);
	}
}

static void error_status_is_an_answer_with_its_body(void **state)
{
	const struct script script = {.bytes = "HTTP/1.1 409 Conflict\r\nContent-Length: 4\r\n\r\nbusy"};
	const struct outcome *outcome;
	struct bench bench;

	(void)state;
	bench_init(&bench, &script, 1);
	outcome = get(&bench);
	assert_int_equal(outcome->err.code, TD_OK);
	assert_int_equal(outcome->status, 409);
	assert_string_equal(outcome->type, "");
	assert_string_equal(td_buf_text(&outcome->body), "busy");
	bench_done(&bench);
}

static void redirect_is_an_answer_and_not_followed(void **state)
{
	const struct script script = {.bytes = "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"};
	struct bench bench;

	(void)state;
	bench_init(&bench, &script, 1);
	assert_int_equal(get(&bench)->status, 302);
	assert_int_equal(bench.peer.requests, 1);
	bench_done(&bench);
}

static void retry_after_is_read_in_seconds_only(void **state)
{
	static const struct {
		const char *value;
		int64_t expected_ms;
	} cases[] = {
		{"0", 0},     {"1", 1000}, {"120", 120000}, {"Wed, 21 Oct 2026 07:28:00 GMT", -1},
		{"soon", -1}, {"-3", -1},  {"1.5", -1},	    {"99999999999999999999", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char answer[160];
		const struct script script = {.bytes = answer};
		struct bench bench;

		snprintf(answer, sizeof(answer), "HTTP/1.1 429 Busy\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n",
			 cases[i].value);
		bench_init(&bench, &script, 1);
		assert_int_equal(get(&bench)->retry_after_ms, cases[i].expected_ms);
		bench_done(&bench);
	}
}

static void request_carries_method_headers_and_body_and_nothing_invented(void **state)
{
	static const char *const headers[] = {"Content-Type: application/merge-patch+json", "Authorization: Bearer x", NULL};
	static char body[(1 << 20) + 1000]; /* over the size from which libcurl would ask first by Expect */
	const struct script script = {.bytes = OK_ANSWER};
	struct td_http_request request;
	struct bench bench;
	char expected[512];

	(void)state;
	bench_init(&bench, &script, 1);
	memset(body, 'b', sizeof(body));
	request = get_request(bench.url);
	request.method = "PATCH";
	request.headers = headers;
	request.body = body;
	request.body_len = sizeof(body);
	assert_int_equal(perform(&bench, &request, NULL)->status, 200);
	snprintf(
		expected, sizeof(expected),
		"PATCH /path HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: */*\r\nContent-Type: application/merge-patch+json\r\n"
		"Authorization: Bearer x\r\nContent-Length: %zu\r\n\r\nbbb",
		bench.peer.port, sizeof(body));
	assert_memory_equal(td_buf_text(&bench.peer.seen), expected, strlen(expected));
	bench_done(&bench);
}

static void post_without_a_body_says_length_zero_and_no_type(void **state)
{
	static const char *const methods[] = {"POST", "PUT"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		const struct script script = {.bytes = OK_ANSWER};
		struct td_http_request request;
		struct bench bench;

		bench_init(&bench, &script, 1);
		request = get_request(bench.url);
		request.method = methods[i];
		assert_int_equal(perform(&bench, &request, NULL)->status, 200);
		assert_non_null(strstr(td_buf_text(&bench.peer.seen), "Content-Length: 0\r\n"));
		assert_null(strstr(td_buf_text(&bench.peer.seen), "Content-Type"));
		bench_done(&bench);
	}
}

static void head_does_not_wait_for_a_body(void **state)
{
	const struct script script = {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"};
	struct td_http_request request;
	struct bench bench;

	(void)state;
	bench_init(&bench, &script, 1);
	request = get_request(bench.url);
	request.method = "HEAD";
	assert_int_equal(perform(&bench, &request, NULL)->status, 200);
	bench_done(&bench);
}

static void connect_to_changes_the_address_and_keeps_host(void **state)
{
	const struct script script = {.bytes = OK_ANSWER};
	struct td_http_request request = get_request("http://cdc-1.cdc-peer.ns:8301/status?x=1");
	struct bench bench;
	char target[32];

	(void)state;
	bench_init(&bench, &script, 1);
	snprintf(target, sizeof(target), "127.0.0.1:%d", bench.peer.port);
	request.connect_to = target;
	assert_int_equal(perform(&bench, &request, NULL)->status, 200);
	assert_non_null(
		strstr(td_buf_text(&bench.peer.seen), "GET /status?x=1 HTTP/1.1\r\nHost: cdc-1.cdc-peer.ns:8301\r\n"));
	bench_done(&bench);
}

static void proxies_of_the_environment_are_not_used(void **state)
{
	const struct script script = {.bytes = OK_ANSWER};
	struct bench bench;

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	bench_init(&bench, &script, 1);
	assert_int_equal(get(&bench)->status, 200);
	bench_done(&bench);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
}

static void refused_connection_is_definite(void **state)
{
	const struct script script = {.bytes = OK_ANSWER};
	struct td_http_request request = get_request("http://127.0.0.1:1/");
	const struct outcome *outcome;
	struct bench bench;

	(void)state;
	bench_init(&bench, &script, 1);
	outcome = perform(&bench, &request, NULL);
	assert_int_equal(outcome->err.code, TD_ERR_CONNECT);
	assert_int_equal(outcome->err.sys_errno, ECONNREFUSED);
	assert_non_null(strstr(outcome->err.text, "Connection refused"));
	assert_true(td_error_is_definite(&outcome->err));
	bench_done(&bench);
}

static void unknown_name_is_a_connect_error(void **state)
{
	const struct script script = {.bytes = OK_ANSWER};
	struct td_http_request request = get_request("http://nowhere.invalid/");
	struct bench bench;

	(void)state;
	bench_init(&bench, &script, 1);
	assert_int_equal(perform(&bench, &request, NULL)->err.code, TD_ERR_CONNECT);
	bench_done(&bench);
}

/* A listener whose queue is full drops the packets that would connect: the connection hangs. */
static void connection_that_never_stands_is_a_connect_error(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	const struct script script = {.bytes = OK_ANSWER};
	struct td_http_request request;
	int fd = socket(AF_INET, SOCK_STREAM, 0), fillers[4];
	const struct outcome *outcome;
	struct bench bench;

	(void)state;
	assert_return_code(bind(fd, (struct sockaddr *)&address, sizeof(address)), errno);
	assert_return_code(listen(fd, 0), errno);
	assert_return_code(getsockname(fd, (struct sockaddr *)&address, &len), errno);
	for (int i = 0; i < 4; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fillers[i], (struct sockaddr *)&address, sizeof(address));
	}
	bench_init(&bench, &script, 1);
	snprintf(bench.url, sizeof(bench.url), "http://127.0.0.1:%d/", ntohs(address.sin_port));
	request = get_request(bench.url);
	request.connect_timeout_ms = 100;
	outcome = perform(&bench, &request, NULL);
	assert_int_equal(outcome->err.code, TD_ERR_CONNECT);
	assert_true(td_error_is_definite(&outcome->err));
	bench_done(&bench);
	for (int i = 0; i < 4; i++)
		close(fillers[i]);
	close(fd);
}

static void client_reports_timeout_when_server_goes_silent(void **state)
{
	static const struct script scripts[] = {
		{.bytes = "H"},
		{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"},
		{.bytes = "HTTP/1.1 100 Continue\r\n\r\n"},
	};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct td_http_request request;
		const struct outcome *outcome;
		struct bench bench;

		bench_init(&bench, &scripts[i], 1);
		request = get_request(bench.url);
		request.idle_timeout_ms = 80;
		outcome = perform(&bench, &request, NULL);
		assert_int_equal(outcome->err.code, TD_ERR_TIMEOUT);
		assert_string_equal(outcome->err.text, "no data for 80 ms");
		assert_false(td_error_is_definite(&outcome->err));
		bench_done(&bench);
	}
}

static void slow_but_steady_answer_is_no_silence(void **state)
{
	const struct script script = {.bytes = OK_ANSWER, .split = 1, .piece = 4, .pause_ms = 10};
	struct td_http_request request;
	struct bench bench;

	(void)state;
	bench_init(&bench, &script, 1);
	request = get_request(bench.url);
	/* libcurl reports whole header lines: the idle time is longer than one line takes, shorter than the answer */
	request.idle_timeout_ms = 150;
	assert_string_equal(td_buf_text(&perform(&bench, &request, NULL)->body), "hello");
	bench_done(&bench);
}

static void total_deadline_ends_a_dribbling_answer(void **state)
{
	const struct script script = {.bytes = CHUNKED, .split = 70, .piece = 1, .pause_ms = 20};
	struct td_http_request request;
	const struct outcome *outcome;
	struct bench bench;

	(void)state;
	bench_init(&bench, &script, 1);
	request = get_request(bench.url);
	request.total_timeout_ms = 150;
	outcome = perform(&bench, &request, NULL);
	assert_int_equal(outcome->err.code, TD_ERR_TIMEOUT);
	assert_null(strstr(outcome->err.text, "no data"));
	bench_done(&bench);
}

static char *big_answer(const char *head, char fill, size_t len)
{
	char *answer = malloc(strlen(head) + len + 1);

	strcpy(answer, head);
	memset(answer + strlen(head), fill, len);
	answer[strlen(head) + len] = '\0';
	return answer;
}

static void body_over_the_limit_is_too_large_and_at_the_limit_is_fine(void **state)
{
	static const size_t sizes[] = {65536, 65537, 1 << 20};

	(void)state;
	for (int i = 0; i < 3; i++) {
		char *answer = big_answer("HTTP/1.0 200 OK\r\n\r\n", 'x', sizes[i]);
		const struct script script = {.bytes = answer, .split = 1000, .piece = 30000, .end = CLOSE};
		const struct outcome *outcome;
		struct bench bench;

		bench_init(&bench, &script, 1);
		outcome = get(&bench);
		assert_int_equal(outcome->err.code, sizes[i] <= 65536 ? TD_OK : TD_ERR_TOO_LARGE);
		assert_int_equal(outcome->body.len, sizes[i] <= 65536 ? sizes[i] : 0);
		bench_done(&bench);
		free(answer);
	}
}

static void headers_over_the_limit_are_too_large(void **state)
{
	struct td_buf answer;
	struct script script = {.bytes = "", .piece = 16384};
	const struct outcome *outcome;
	struct bench bench;

	(void)state;
	td_buf_init(&answer, 1 << 20);
	assert_true(td_buf_append_text(&answer, "HTTP/1.1 200 OK\r\n"));
	for (int i = 0; i < 1000; i++)
		assert_true(td_buf_append_format(&answer, "X-Header-%d: %0*d\r\n", i, 100, i));
	script.bytes = td_buf_text(&answer);
	bench_init(&bench, &script, 1);
	outcome = get(&bench);
	assert_int_equal(outcome->err.code, TD_ERR_TOO_LARGE);
	assert_non_null(strstr(outcome->err.text, "headers"));
	bench_done(&bench);
	td_buf_done(&answer);
}

/* libcurl calls that out of memory; what matters is that it ends, and is not taken for an answer or for "not sent". */
static void endless_header_line_ends_the_call(void **state)
{
	char *answer = big_answer("HTTP/1.1 200 OK\r\nX: ", 'x', 300000);
	const struct script script = {.bytes = answer, .piece = 16384};
	const struct outcome *outcome;
	struct bench bench;

	(void)state;
	bench_init(&bench, &script, 1);
	outcome = get(&bench);
	assert_int_not_equal(outcome->err.code, TD_OK);
	assert_false(td_error_is_definite(&outcome->err));
	bench_done(&bench);
	free(answer);
}

static void request_that_cannot_be_sent_is_refused_at_the_start(void **state)
{
	static const char *const bad_headers[] = {"X-Fine: 1", "Authorization: Bearer secret\n", NULL};
	const struct script script = {.bytes = OK_ANSWER};
	struct td_http_request requests[] = {get_request("ftp://127.0.0.1/"), get_request("127.0.0.1:80/"),
					     get_request("http://127.0.0.1/"), get_request("http://127.0.0.1/")};
	struct bench bench;

	(void)state;
	requests[2].headers = bad_headers;
	requests[3].method = "GET / HTTP/1.1\r\nX: y";
	bench_init(&bench, &script, 1);
	for (int i = 0; i < 4; i++) {
		struct td_error err;

		assert_null(td_http_start(bench.client, &requests[i], NULL, outcome_on_done, &bench.outcome, &err));
		assert_int_equal(err.code, TD_ERR_INVALID);
		assert_null(strstr(err.text, "secret"));
		assert_null(td_http_start(bench.client, &requests[i], NULL, outcome_on_done, &bench.outcome, NULL));
	}
	rig_run_for(&bench.rig, 10);
	assert_int_equal(bench.outcome.done, 0);
	bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_is_reported_whole),
		cmocka_unit_test(answer_with_trailers_and_a_100_before_is_whole),
		cmocka_unit_test(answer_is_the_same_at_any_split),
		cmocka_unit_test(truncated_answer_is_a_transport_error_wherever_it_ends),
		cmocka_unit_test(garbage_is_a_transport_error),
		cmocka_unit_test(error_status_is_an_answer_with_its_body),
		cmocka_unit_test(redirect_is_an_answer_and_not_followed),
		cmocka_unit_test(retry_after_is_read_in_seconds_only),
		cmocka_unit_test(request_carries_method_headers_and_body_and_nothing_invented),
		cmocka_unit_test(post_without_a_body_says_length_zero_and_no_type),
		cmocka_unit_test(head_does_not_wait_for_a_body),
		cmocka_unit_test(connect_to_changes_the_address_and_keeps_host),
		cmocka_unit_test(proxies_of_the_environment_are_not_used),
		cmocka_unit_test(refused_connection_is_definite),
		cmocka_unit_test(unknown_name_is_a_connect_error),
		cmocka_unit_test(connection_that_never_stands_is_a_connect_error),
		cmocka_unit_test(client_reports_timeout_when_server_goes_silent),
		cmocka_unit_test(slow_but_steady_answer_is_no_silence),
		cmocka_unit_test(total_deadline_ends_a_dribbling_answer),
		cmocka_unit_test(body_over_the_limit_is_too_large_and_at_the_limit_is_fine),
		cmocka_unit_test(headers_over_the_limit_are_too_large),
		cmocka_unit_test(endless_header_line_ends_the_call),
		cmocka_unit_test(request_that_cannot_be_sent_is_refused_at_the_start),
	};

	return cmocka_run_group_tests_name("net/http_call", tests, NULL, NULL);
}
