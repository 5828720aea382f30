/* What clients of the drain API send: good and bad, each bad one refused by name and value. */
#include "sidecar/drain_api_input.h"

#include "base_test.h"

static void token_is_what_follows_bearer(void **state)
{
	static const char *const good[][2] = {
		{"Bearer a", "a"}, {"bearer abc.DEF-_~+/09==", "abc.DEF-_~+/09=="}, {"BEARER   x", "x"}};
	static const char *const bad[] = {"",		"Bearer",   "Bearer ",	  "Bearer  ",	  "Basic YTpi",
					  "Bearer a b", "Bearer =", "Bearer a=b", "Bearer a\x01", "Bearer \xc3\xa9",
					  "Bearera",	"a",	    "Bearer a,b"};

	(void)state;
	assert_null(td_drain_input_token(NULL));
	for (size_t i = 0; i < COUNT(good); i++)
		assert_string_equal(td_drain_input_token(good[i][0]), good[i][1]);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (td_drain_input_token(bad[i]))
			fail_msg("\"%s\" was taken", bad[i]);
}

#define SIXTY "012345678901234567890123456789012345678901234567890123456789"

static void capture_id_is_a_dns_label(void **state)
{
	static const char *const good[] = {"3f2b9a3e-7c1d-4b63-9d5e-2f1c0a7b8e90", "a", "0", SIXTY "abc"};
	static const char *const bad[] = {"", "A", "-a", "a-", "a.b", "a_b", "%2f", "..", "a b", "\xc3\xa9", SIXTY "abcd"};
	char id[TD_ID_MAX];
	struct td_error err;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(td_drain_input_capture(id, good[i], strlen(good[i]), &err), TD_OK);
		assert_string_equal(id, good[i]);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(td_drain_input_capture(id, bad[i], strlen(bad[i]), &err), TD_ERR_INVALID);
		if (!strstr(err.text, "capture_id") || !strstr(err.text, bad[i]))
			fail_msg("\"%s\": %s", bad[i], err.text);
	}
	assert_int_equal(td_drain_input_capture(id, "abc/drain", 3, &err), TD_OK); /* not terminated */
	assert_string_equal(id, "abc");
}

static void body_may_be_empty_or_name_some_fields(void **state)
{
	static const struct {
		const char *text;
		struct td_drain_input input;
	} cases[] = {
		{"", {0, 0, false}},
		{"{}", {0, 0, false}},
		{" {\n} ", {0, 0, false}},
		{"{\"batch_size\":1}", {1, 0, false}},
		{"{\"dry_run\":true,\"timeout_seconds\":604800,\"batch_size\":1000}", {1000, 604800, true}},
		{"{\"dry_run\":false}", {0, 0, false}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct td_drain_input input = {9, 9, true};
		struct td_error err;

		assert_int_equal(td_drain_input_body(&input, cases[i].text, strlen(cases[i].text), &err), TD_OK);
		assert_int_equal(input.batch_size, cases[i].input.batch_size);
		assert_int_equal(input.timeout_seconds, cases[i].input.timeout_seconds);
		assert_int_equal(input.dry_run, cases[i].input.dry_run);
	}
}

static void bad_body_is_refused_by_name_and_value(void **state)
{
	static const char *const cases[][3] = {
		{"{\"batch_size\":0}", "batch_size: 0", "1 to 1000"},
		{"{\"batch_size\":1001}", "batch_size: 1001", "1 to 1000"},
		{"{\"batch_size\":-1}", "batch_size: -1", ""},
		{"{\"batch_size\":1.0}", "batch_size: 1.0", ""},
		{"{\"batch_size\":\"ten\"}", "batch_size: \"ten\"", ""},
		{"{\"batch_size\":true}", "batch_size: true", ""},
		{"{\"batch_size\":null}", "batch_size: null", ""},
		{"{\"timeout_seconds\":0}", "timeout_seconds: 0", "1 to 604800"},
		{"{\"timeout_seconds\":604801}", "timeout_seconds: 604801", ""},
		{"{\"timeout_seconds\":99999999999999999999}", "body", ""},
		{"{\"dry_run\":1}", "dry_run: 1", "neither true nor false"},
		{"{\"dry_run\":null}", "dry_run: null", ""},
		{"{\"dryRun\":true}", "dryRun: true", "no such field"},
		{"{\"batch_size\":5,\"pod\":{\"a\":[1]}}", "pod: {\"a\":[1]}", "no such field"},
		{"{\"dry_run\":true,\"dry_run\":false}", "body", "dry_run"},
		{"[]", "body", "object"},
		{"null", "body", ""},
		{"7", "body", ""},
		{"{", "body", ""},
		{"{} {}", "body", ""},
		{" ", "body", ""},
		{"dry_run=true", "body", ""},
		{"{\"\xff\":1}", "body", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct td_drain_input input;
		struct td_error err;

		if (td_drain_input_body(&input, cases[i][0], strlen(cases[i][0]), &err) != TD_ERR_INVALID)
			fail_msg("taken: %s", cases[i][0]);
		if (!strstr(err.text, cases[i][1]) || !strstr(err.text, cases[i][2]))
			fail_msg("%s: %s", cases[i][0], err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(token_is_what_follows_bearer),
		cmocka_unit_test(capture_id_is_a_dns_label),
		cmocka_unit_test(body_may_be_empty_or_name_some_fields),
		cmocka_unit_test(bad_body_is_refused_by_name_and_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
