/* The decoders fail closed: whatever is not exactly the documented answer is an error, and no error is empty or done. */
#include "ticdc/decode.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define JSON "application/json; charset=utf-8"
#define ID "6bbc01c8-0605-4f86-a0f9-b3119109b225"

enum what { STATUS, CAPTURES, DRAIN, ACCEPTED, CHANGEFEEDS, DETAIL, TABLES, COUNT, WHAT_COUNT };

static const struct {
	const char *name;
	int status;
	const char *good;
} endpoints[WHAT_COUNT] = {
	[STATUS] = {"status", 200,
		    "{\"version\":\"v8.5.7\",\"git_hash\":\"x\",\"id\":\"" ID "\",\"cluster_id\":\"default\",\"pid\":7,"
		    "\"is_owner\":true,\"liveness\":1}"},
	[CAPTURES] = {"captures", 200,
		      "{\"total\":2,\"items\":[{\"id\":\"b\",\"is_owner\":false,\"address\":\"10.0.0.2:8300\"},"
		      "{\"id\":\"a\",\"is_owner\":true,\"address\":\"cdc-0.cdc.ns.svc:8301\",\"cluster_id\":\"default\"}]}"},
	[DRAIN] = {"drain", 202, "{\"current_table_count\":0}"},
	[ACCEPTED] = {"accepted", 200, "{}"},
	[CHANGEFEEDS] =
		{"changefeeds", 200,
		 "{\"total\":2,\"items\":[{\"upstream_id\":18446744073709551615,\"id\":\"b\",\"keyspace\":\"default\","
		 "\"state\":\"stopped\",\"checkpoint_tso\":18446744073709551615,\"error\":null},"
		 "{\"id\":\"a\",\"keyspace\":\"default\",\"state\":\"warning\"}]}"},
	[DETAIL] = {"detail", 200,
		    "{\"id\":\"cf\",\"keyspace\":\"default\",\"gid\":{\"low\":18446744073709551615,\"high\":"
		    "9223372036854775808},"
		    "\"state\":\"normal\",\"maintainer_addr\":\"10.0.0.2:8300\",\"target_ts\":18446744073709551615,"
		    "\"config\":{\"consistent\":{\"level\":\"eventual\"}}}"},
	[TABLES] = {"tables", 200,
		    "{\"total\":2,\"items\":[{\"node_id\":\"b\",\"table_ids\":[9223372036854775807,5,5]},"
		    "{\"node_id\":\"a\",\"table_ids\":[0,3]}]}"},
	[COUNT] = {"count", 200, "{\"count\":1}"},
};

static struct td_http_response answer(int status, const char *type, const char *body)
{
	return (struct td_http_response){
		.status = status, .content_type = type, .retry_after_ms = -1, .body = body, .body_len = strlen(body)};
}

/* Decodes and drops the value. The code; checks that err tells the same. */
static enum td_error_code decode(enum what what, const struct td_http_response *response, struct td_error *err)
{
	enum td_error_code code = TD_ERR_COUNT;
	struct td_ticdc_status status;
	struct td_ticdc_capture *captures = NULL;
	struct td_ticdc_listed *listed = NULL;
	struct td_ticdc_detail detail;
	struct td_ticdc_tables tables = {.spans = NULL};
	size_t count = 0;
	int64_t number = -7;

	td_error_clear(err);
	switch (what) {
	case STATUS:
		code = td_ticdc_decode_status(response, &status, err);
		break;
	case CAPTURES:
		code = td_ticdc_decode_captures(response, &captures, &count, err);
		break;
	case DRAIN:
		code = td_ticdc_decode_drain(response, &number, err);
		break;
	case ACCEPTED:
		code = td_ticdc_decode_accepted(response, err);
		break;
	case CHANGEFEEDS:
		code = td_ticdc_decode_changefeeds(response, "default", &listed, &count, err);
		break;
	case DETAIL:
		code = td_ticdc_decode_detail(response, "default/cf", &detail, err);
		break;
	case TABLES:
		code = td_ticdc_decode_tables(response, 0, &tables, err);
		break;
	case COUNT:
		code = td_ticdc_decode_dispatcher_count(response, &number, err);
		break;
	case WHAT_COUNT:
		break;
	}
	assert_int_equal(code, err->code);
	if (code != TD_OK) { /* nothing was written */
		assert_true(!captures && !listed && !tables.spans && count == 0 && number == -7);
		assert_true(err->text[0] != '\0');
	}
	free(captures);
	td_ticdc_listed_free(listed, count);
	td_ticdc_tables_done(&tables);
	return code;
}

static void refuses(enum what what, int status, const char *type, const char *body)
{
	struct td_http_response response = answer(status, type, body);
	struct td_error err;

	if (decode(what, &response, &err) == TD_OK)
		fail_msg("%s took %d %s %s", endpoints[what].name, status, type, body);
}

static void takes(enum what what, const char *body)
{
	struct td_http_response response = answer(endpoints[what].status, JSON, body);
	struct td_error err;

	if (decode(what, &response, &err) != TD_OK)
		fail_msg("%s refused %s: %s", endpoints[what].name, body, err.text);
}

static void every_endpoint_takes_its_documented_answer(void **state)
{
	(void)state;
	for (int i = 0; i < WHAT_COUNT; i++)
		takes((enum what)i, endpoints[i].good);
}

static void every_other_status_is_an_error_even_with_a_good_body(void **state)
{
	static const int statuses[] = {0,   100, 200, 201, 202, 204, 206, 301, 302, 304, 307, 400,
				       401, 403, 404, 405, 408, 409, 429, 500, 502, 503, 504, 599};

	(void)state;
	for (int i = 0; i < WHAT_COUNT; i++)
		for (size_t j = 0; j < sizeof(statuses) / sizeof(statuses[0]); j++)
			if (statuses[j] != endpoints[i].status)
				refuses((enum what)i, statuses[j], JSON, endpoints[i].good);
}

static void every_other_content_type_is_an_error(void **state)
{
	static const char *const types[] = {"",
					    "text/html",
					    "application/toml",
					    "application/jsonp",
					    "text/html; application/json",
					    "application/octet-stream",
					    "json"};

	(void)state;
	for (int i = 0; i < WHAT_COUNT; i++) {
		for (size_t j = 0; j < sizeof(types) / sizeof(types[0]); j++)
			refuses((enum what)i, endpoints[i].status, types[j], endpoints[i].good);
		if (i != STATUS) /* whose type the contract does not tell for the classic family */
			refuses((enum what)i, endpoints[i].status, "text/plain; charset=utf-8", endpoints[i].good);
	}
}

static void answers_that_are_no_answer_are_errors(void **state)
{
	static const char *const bodies[] = {
		"",
		" ",
		"null",
		"true",
		"0",
		"\"\"",
		"[]",
		"[{}]",
		"[0]",
		"{",
		"}",
		"{}}",
		"{}{}",
		"{} x",
		"404 page not found",
		"<html></html>",
		"{\"error_msg\":\"[CDC:ErrX]no\",\"error_code\":\"CDC:ErrX\"",
		"\xff\xfe",
		"{\"a\":1,\"a\":1}",
		"{\"a\":\"\\u0000\"}",
	};

	(void)state;
	for (int i = 0; i < WHAT_COUNT; i++)
		for (size_t j = 0; j < sizeof(bodies) / sizeof(bodies[0]); j++)
			refuses((enum what)i, endpoints[i].status, JSON, bodies[j]);
}

/* For everything but "accepted", which has no field and claims nothing. */
static void objects_without_the_fields_are_errors(void **state)
{
	static const char *const bodies[] = {
		"{}",
		"{\"error_msg\":\"\",\"error_code\":\"\"}",
		"{\"total\":0}",
		"{\"items\":[]}",
		"{\"total\":0,\"items\":null}",
		"{\"total\":0,\"items\":{}}",
		"{\"total\":\"0\",\"items\":[]}",
		"{\"total\":1,\"items\":[]}",
		"{\"total\":0,\"items\":[{}]}",
		"{\"total\":1,\"items\":[{}]}",
		"{\"total\":1,\"items\":[null]}",
		"{\"total\":-1,\"items\":[]}",
		"{\"total\":0,\"items\":[],\"items\":[]}",
		"{\"Current_table_count\":0}",
	};

	(void)state;
	for (int i = 0; i < WHAT_COUNT; i++)
		for (size_t j = 0; i != ACCEPTED && j < sizeof(bodies) / sizeof(bodies[0]); j++)
			refuses((enum what)i, endpoints[i].status, JSON, bodies[j]);
}

static void an_answer_cut_anywhere_is_an_error(void **state)
{
	(void)state;
	for (int i = 0; i < WHAT_COUNT; i++) {
		for (size_t len = 0; len < strlen(endpoints[i].good); len++) {
			char *cut = strndup(endpoints[i].good, len); /* its own block, so that ASan sees reads beyond it */

			refuses((enum what)i, endpoints[i].status, JSON, cut);
			free(cut);
		}
	}
}

static void anything_behind_the_answer_is_an_error(void **state)
{
	static const char *const tails[] = {"{}", "0", ",", "}", "x", "{\"current_table_count\":0}"};

	(void)state;
	for (int i = 0; i < WHAT_COUNT; i++) {
		for (size_t j = 0; j < sizeof(tails) / sizeof(tails[0]); j++) {
			char body[1024];

			(void)snprintf(body, sizeof(body), "%s%s", endpoints[i].good, tails[j]);
			refuses((enum what)i, endpoints[i].status, JSON, body);
		}
	}
}

static void drain_takes_only_a_whole_count(void **state)
{
	static const char *const values[] = {"-1",
					     "-0.0",
					     "0.0",
					     "1e0",
					     "\"0\"",
					     "null",
					     "true",
					     "false",
					     "[]",
					     "{}",
					     "9223372036854775808",
					     "18446744073709551615",
					     "00",
					     "+1",
					     "0x0",
					     "NaN"};
	struct td_http_response response = answer(202, JSON, "{\"current_table_count\":9223372036854775807,\"extra\":[]}");
	struct td_error err;
	int64_t count = -1;

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char body[128];

		(void)snprintf(body, sizeof(body), "{\"current_table_count\":%s}", values[i]);
		refuses(DRAIN, 202, JSON, body);
	}
	refuses(DRAIN, 202, JSON, "{\"current_table_count\":0,\"current_table_count\":0}");
	refuses(DRAIN, 202, JSON, "{\"data\":{\"current_table_count\":0}}");
	assert_int_equal(td_ticdc_decode_drain(&response, &count, &err), TD_OK);
	assert_true(count == INT64_MAX);
}

static void status_knows_all_families(void **state)
{
	struct td_http_response response = answer(200, JSON, endpoints[STATUS].good);
	struct td_ticdc_status status;
	struct td_error err;

	(void)state;
	assert_int_equal(td_ticdc_decode_status(&response, &status, &err), TD_OK);
	assert_string_equal(status.id, ID);
	assert_true(status.pid == 7 && status.is_owner && status.has_liveness && status.liveness == 1);
	assert_string_equal(status.version, "v8.5.7");

	response = answer(
		200, "text/plain; charset=utf-8",
		"{\n \"version\": \"v8.5.0\",\n \"git_hash\": \"\",\n \"id\": \"\",\n \"pid\": 1,\n \"is_owner\": false\n}");
	assert_int_equal(td_ticdc_decode_status(&response, &status, &err), TD_OK);
	assert_string_equal(status.id, ""); /* very early in its life */
	assert_false(status.has_liveness);
}

static void status_refuses_odd_fields(void **state)
{
	static const char *const bodies[] = {
		"{\"version\":\"v\",\"id\":\"a\",\"pid\":1,\"is_owner\":true,\"liveness\":3}",
		"{\"version\":\"v\",\"id\":\"a\",\"pid\":1,\"is_owner\":true,\"liveness\":-1}",
		"{\"version\":\"v\",\"id\":\"a\",\"pid\":1,\"is_owner\":true,\"liveness\":\"0\"}",
		"{\"version\":\"v\",\"id\":\"a\",\"pid\":1,\"is_owner\":true,\"liveness\":null}",
		"{\"version\":\"v\",\"id\":\"a\",\"pid\":-1,\"is_owner\":true,\"liveness\":0}",
		"{\"version\":\"v\",\"id\":\"a\",\"pid\":1,\"is_owner\":0,\"liveness\":0}",
		"{\"version\":\"v\",\"id\":\"a\",\"is_owner\":true,\"liveness\":0}",
		"{\"version\":\"v\",\"id\":\"a\",\"pid\":1,\"liveness\":0}",
		"{\"version\":\"v\",\"id\":7,\"pid\":1,\"is_owner\":true,\"liveness\":0}",
		"{\"version\":\"v\",\"pid\":1,\"is_owner\":true,\"liveness\":0}",
		"{\"id\":\"a\",\"pid\":1,\"is_owner\":true,\"liveness\":0}",
		"{\"version\":\"v\",\"id\":\"a b\",\"pid\":1,\"is_owner\":true,\"liveness\":0}",
		"{\"version\":\"v\",\"id\":\"" ID ID "\",\"pid\":1,\"is_owner\":true,\"liveness\":0}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		refuses(STATUS, 200, JSON, bodies[i]);
}

static void captures_come_sorted(void **state)
{
	struct td_http_response response = answer(200, JSON, endpoints[CAPTURES].good);
	struct td_ticdc_capture *captures;
	struct td_error err;
	size_t count;

	(void)state;
	assert_int_equal(td_ticdc_decode_captures(&response, &captures, &count, &err), TD_OK);
	assert_int_equal(count, 2);
	assert_string_equal(captures[0].id, "a");
	assert_string_equal(captures[0].address, "cdc-0.cdc.ns.svc:8301");
	assert_true(captures[0].is_owner && !captures[1].is_owner);
	free(captures);
}

static void captures_refuses_what_could_hide_or_misdirect(void **state)
{
	static const char *const items[] = {
		"", /* nobody: not even the one who answers */
		"{\"id\":\"a\",\"is_owner\":true,\"address\":\"h:1\"},{\"id\":\"a\",\"is_owner\":false,\"address\":\"h:2\"}",
		"{\"id\":\"\",\"is_owner\":true,\"address\":\"h:1\"}",
		"{\"id\":\"a\",\"address\":\"h:1\"}",
		"{\"id\":\"a\",\"is_owner\":true}",
		"{\"is_owner\":true,\"address\":\"h:1\"}",
		"{\"id\":\"a\",\"is_owner\":true,\"address\":\"h\"}",
		"{\"id\":\"a\",\"is_owner\":true,\"address\":\":1\"}",
		"{\"id\":\"a\",\"is_owner\":true,\"address\":\"h:0\"}",
		"{\"id\":\"a\",\"is_owner\":true,\"address\":\"h:65536\"}",
		"{\"id\":\"a\",\"is_owner\":true,\"address\":\"h:1/..\"}",
		"{\"id\":\"a\",\"is_owner\":true,\"address\":\"u@h:1\"}",
		"{\"id\":\"a\",\"is_owner\":true,\"address\":\"h?:1\"}",
		"{\"id\":\"a\",\"is_owner\":true,\"address\":\"h :1\"}",
		"{\"id\":\"a\",\"is_owner\":1,\"address\":\"h:1\"}",
		"{\"id\":1,\"is_owner\":true,\"address\":\"h:1\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		char body[512];
		int total = items[i][0] == '\0' ? 0 : i == 1 ? 2 : 1;

		(void)snprintf(body, sizeof(body), "{\"total\":%d,\"items\":[%s]}", total, items[i]);
		refuses(CAPTURES, 200, JSON, body);
	}
	takes(CAPTURES, "{\"total\":1,\"items\":[{\"id\":\"a\",\"is_owner\":true,\"address\":\"[fd00::1]:8300\"}]}");
}

static void error_bodies_are_told(void **state)
{
	static const struct {
		int status;
		const char *type, *body, *text;
		enum td_error_code drain; /* the code for something that changes */
	} cases[] = {
		{400, JSON, "{\"error_msg\":\"[CDC:ErrCaptureNotExist]no\",\"error_code\":\"CDC:ErrCaptureNotExist\"}",
		 "400 CDC:ErrCaptureNotExist: [CDC:ErrCaptureNotExist]no", TD_ERR_HTTP},
		{503, "text/plain", "{\n \"error_msg\": \"not ready\",\n \"error_code\": \"CDC:ErrServerIsNotReady\"\n}",
		 "503 CDC:ErrServerIsNotReady: not ready", TD_ERR_HTTP},
		{500, JSON, "{\"error_msg\":\"election: no leader\",\"error_code\":\"\"}",
		 "500 uncoded: election: no leader", TD_ERR_TRANSPORT},
		{500, JSON, "{\"error_msg\":\"slow\",\"error_code\":\"CDC:ErrTimeout\"}", "500 CDC:ErrTimeout: slow",
		 TD_ERR_TIMEOUT},
		{500, "", "", "500 without an explanation", TD_ERR_TRANSPORT},
		{502, "text/html", "<html>", "502 without an explanation", TD_ERR_TRANSPORT},
		{404, "text/plain", "404 page not found", "404: this build does not know the route", TD_ERR_HTTP},
		{404, "text/plain", "nothing here", "404 without an explanation", TD_ERR_HTTP},
		{401, JSON, "{\"error_msg\":\"m\",\"error_code\":7}", "401 without an explanation", TD_ERR_HTTP},
		{200, JSON, "{\"current_table_count\":0}", "200 without an explanation", TD_ERR_PROTOCOL},
		{301, "text/html", "", "301 without an explanation", TD_ERR_PROTOCOL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct td_http_response response = answer(cases[i].status, cases[i].type, cases[i].body);
		struct td_error err;

		response.retry_after_ms = 3000;
		assert_int_equal(decode(DRAIN, &response, &err), cases[i].drain);
		assert_string_equal(err.text, cases[i].text);
		assert_int_equal(err.http_status, cases[i].status);
		assert_int_equal(err.retry_after_ms, 3000);
	}
}

static long allocations_left; /* until one fails; only that one */

static void *failing_malloc(size_t size)
{
	return allocations_left-- == 0 ? NULL : malloc(size);
}

/* jansson itself loses a byte of a key or an id when its buffer cannot grow, and says nothing. */
static void a_failed_allocation_is_never_a_value(void **state)
{
	struct td_error err;

	(void)state;
	json_set_alloc_funcs(failing_malloc, free);
	for (int i = 0; i < WHAT_COUNT; i++) {
		struct td_http_response response = answer(endpoints[i].status, JSON, endpoints[i].good);

		for (long n = 0;; n++) {
			allocations_left = n;
			if (decode((enum what)i, &response, &err) == TD_OK)
				break;
			assert_int_equal(err.code, TD_ERR_NOMEM);
		}
		assert_true(allocations_left >= 0); /* it ended because none failed */
	}
	json_set_alloc_funcs(malloc, free);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_endpoint_takes_its_documented_answer),
		cmocka_unit_test(every_other_status_is_an_error_even_with_a_good_body),
		cmocka_unit_test(every_other_content_type_is_an_error),
		cmocka_unit_test(answers_that_are_no_answer_are_errors),
		cmocka_unit_test(objects_without_the_fields_are_errors),
		cmocka_unit_test(an_answer_cut_anywhere_is_an_error),
		cmocka_unit_test(anything_behind_the_answer_is_an_error),
		cmocka_unit_test(drain_takes_only_a_whole_count),
		cmocka_unit_test(status_knows_all_families),
		cmocka_unit_test(status_refuses_odd_fields),
		cmocka_unit_test(captures_come_sorted),
		cmocka_unit_test(captures_refuses_what_could_hide_or_misdirect),
		cmocka_unit_test(error_bodies_are_told),
		cmocka_unit_test(a_failed_allocation_is_never_a_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
