/* What TiCDC says of changefeeds: nothing may vanish from the books because of an odd answer. */
#include "ticdc/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct td_http_response answer(const char *body)
{
	return (struct td_http_response){.status = 200,
					 .content_type = "application/json",
					 .retry_after_ms = -1,
					 .body = body,
					 .body_len = strlen(body)};
}

static void list_is_sorted_and_tells_who_runs(void **state)
{
	static const struct {
		const char *state;
		bool running;
	} states[] = {{"normal", true},	   {"warning", true},  {"pending", true},
		      {"", true},	   {"stopped", false}, {"failed", false},
		      {"finished", false}, {"removed", false}, {"a word of tomorrow", true},
		      {"Stopped", true}};
	struct td_ticdc_listed *listed;
	struct td_error err;
	size_t count;

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		char body[512];
		struct td_http_response response;

		(void)snprintf(body, sizeof(body),
			       "{\"total\":2,\"items\":[{\"upstream_id\":18446744073709551615,\"id\":\"b\",\"namespace\":"
			       "\"default\","
			       "\"state\":\"%s\",\"checkpoint_tso\":18446744073709551615,\"error\":{\"code\":\"x\"}},"
			       "{\"id\":\"z\",\"keyspace\":\"default\",\"state\":\"stopped\"}]}",
			       states[i].state);
		response = answer(body);
		assert_int_equal(td_ticdc_decode_changefeeds(&response, "default", &listed, &count, &err), TD_OK);
		assert_int_equal(count, 2);
		assert_string_equal(listed[0].name, "default/b");
		assert_int_equal(listed[0].running, states[i].running);
		assert_string_equal(listed[1].name, "default/z");
		assert_false(listed[1].running);
		td_ticdc_listed_free(listed, count);
	}
}

static void list_without_changefeeds_is_a_value(void **state)
{
	struct td_http_response response = answer("{\"total\":0,\"items\":[]}");
	struct td_ticdc_listed *listed;
	struct td_error err;
	size_t count = 7;

	(void)state;
	assert_int_equal(td_ticdc_decode_changefeeds(&response, "default", &listed, &count, &err), TD_OK);
	assert_int_equal(count, 0);
	td_ticdc_listed_free(listed, count);
}

static void list_refuses_odd_items(void **state)
{
	static const char *const items[] = {
		"{\"id\":\"a\",\"keyspace\":\"other\",\"state\":\"normal\"}",
		"{\"keyspace\":\"k\",\"state\":\"normal\"}",
		"{\"id\":\"a\",\"state\":\"normal\"}",
		"{\"id\":\"a\",\"keyspace\":\"k\"}",
		"{\"id\":\"a\",\"keyspace\":\"k\",\"state\":null}",
		"{\"id\":\"a\",\"keyspace\":\"k\",\"state\":0}",
		"{\"id\":\"\",\"keyspace\":\"k\",\"state\":\"normal\"}",
		"{\"id\":\"a\",\"keyspace\":\"\",\"state\":\"normal\"}",
		"{\"id\":\"a\",\"keyspace\":7,\"namespace\":\"k\",\"state\":\"normal\"}",
		"{\"id\":\"a/b\",\"keyspace\":\"k\",\"state\":\"normal\"}",
		"{\"id\":{\"low\":1},\"keyspace\":\"k\",\"state\":\"normal\"}",
		"{\"id\":\"a\",\"keyspace\":\"k\",\"state\":\"normal\",\"state\":\"stopped\"}",
	};
	struct td_ticdc_listed *listed;
	struct td_error err;
	size_t count;

	(void)state;
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		char body[512];
		struct td_http_response response;

		(void)snprintf(body, sizeof(body), "{\"total\":1,\"items\":[%s]}", items[i]);
		response = answer(body);
		assert_int_equal(td_ticdc_decode_changefeeds(&response, "k", &listed, &count, &err), TD_ERR_PROTOCOL);
	}
}

static void list_refuses_a_name_twice(void **state)
{
	struct td_http_response response =
		answer("{\"total\":2,\"items\":[{\"id\":\"a\",\"keyspace\":\"k\",\"state\":\"normal\"},"
		       "{\"id\":\"a\",\"keyspace\":\"k\",\"state\":\"stopped\"}]}");
	struct td_ticdc_listed *listed;
	struct td_error err;
	size_t count;

	(void)state;
	assert_int_equal(td_ticdc_decode_changefeeds(&response, "k", &listed, &count, &err), TD_ERR_PROTOCOL);
}

static void detail_reads_what_may_be_left_out(void **state)
{
	static const struct {
		const char *body;
		bool running, redo;
		const char *maintainer;
	} cases[] = {
		{"{\"id\":\"cf\",\"keyspace\":\"k\"}", true, false, ""},
		{"{\"id\":\"cf\",\"namespace\":\"k\",\"state\":\"normal\",\"maintainer_addr\":\"h:1\"}", true, false, "h:1"},
		{"{\"id\":\"cf\",\"keyspace\":\"k\",\"state\":\"stopped\"}", false, false, ""},
		{"{\"id\":\"cf\",\"keyspace\":\"k\",\"config\":null}", true, false, ""},
		{"{\"id\":\"cf\",\"keyspace\":\"k\",\"config\":{\"consistent\":null}}", true, false, ""},
		{"{\"id\":\"cf\",\"keyspace\":\"k\",\"config\":{\"consistent\":{}}}", true, false, ""},
		{"{\"id\":\"cf\",\"keyspace\":\"k\",\"config\":{\"consistent\":{\"level\":\"\"}}}", true, false, ""},
		{"{\"id\":\"cf\",\"keyspace\":\"k\",\"config\":{\"consistent\":{\"level\":\"none\"}}}", true, false, ""},
		{"{\"id\":\"cf\",\"keyspace\":\"k\",\"config\":{\"consistent\":{\"level\":\"eventual\"}}}", true, true, ""},
		{"{\"id\":\"cf\",\"keyspace\":\"k\",\"gid\":{\"low\":18446744073709551615,\"high\":"
		 "123456789012345678901234567890},"
		 "\"target_ts\":18446744073709551615}",
		 true, false, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct td_http_response response = answer(cases[i].body);
		struct td_ticdc_detail detail;
		struct td_error err;

		assert_int_equal(td_ticdc_decode_detail(&response, "k/cf", &detail, &err), TD_OK);
		assert_int_equal(detail.running, cases[i].running);
		assert_int_equal(detail.redo, cases[i].redo);
		assert_string_equal(detail.maintainer_addr, cases[i].maintainer);
	}
}

static void detail_refuses_odd_answers(void **state)
{
	static const char *const bodies[] = {
		"{\"id\":\"other\",\"keyspace\":\"k\",\"state\":\"stopped\"}",
		"{\"id\":\"cf\",\"keyspace\":\"other\",\"state\":\"stopped\"}",
		"{\"id\":\"cf\",\"state\":\"stopped\"}",
		"{\"keyspace\":\"k\",\"state\":\"stopped\"}",
		"{\"id\":\"cf\",\"keyspace\":\"k\",\"state\":null}",
		"{\"id\":\"cf\",\"keyspace\":\"k\",\"state\":3}",
		"{\"id\":\"cf\",\"keyspace\":\"k\",\"maintainer_addr\":null}",
		"{\"id\":\"cf\",\"keyspace\":\"k\",\"maintainer_addr\":[]}",
		"{\"id\":\"cf\",\"keyspace\":\"k\",\"maintainer_addr\":\"h\"}",
		"{\"id\":\"cf\",\"keyspace\":\"k\",\"maintainer_addr\":\"h:1/x\"}",
		"{\"id\":\"cf\",\"keyspace\":\"k\",\"config\":[]}",
		"{\"id\":\"cf\",\"keyspace\":\"k\",\"config\":\"\"}",
		"{\"id\":\"cf\",\"keyspace\":\"k\",\"config\":{\"consistent\":\"none\"}}",
		"{\"id\":\"cf\",\"keyspace\":\"k\",\"config\":{\"consistent\":{\"level\":0}}}",
		"{\"id\":\"cf\",\"keyspace\":\"k\",\"config\":{\"consistent\":{\"level\":null}}}",
		"{\"error_msg\":\"x\",\"error_code\":\"\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct td_http_response response = answer(bodies[i]);
		struct td_ticdc_detail detail;
		struct td_error err;

		if (td_ticdc_decode_detail(&response, "k/cf", &detail, &err) != TD_ERR_PROTOCOL)
			fail_msg("took %s", bodies[i]);
	}
}

static void tables_keep_every_span_and_no_trigger(void **state)
{
	struct td_http_response response =
		answer("{\"total\":3,\"items\":[{\"node_id\":\"b\",\"table_ids\":[9223372036854775807,5,5]},"
		       "{\"node_id\":\"\",\"table_ids\":[4]},{\"node_id\":\"a\",\"table_ids\":[3,0,5]}]}");
	static const struct td_span expected[] = {{3, 1, "a"}, {4, 1, ""},  {5, 1, "a"},
						  {5, 1, "b"}, {5, 1, "b"}, {INT64_MAX, 1, "b"}};
	struct td_ticdc_tables tables;
	struct td_error err;

	(void)state;
	assert_int_equal(td_ticdc_decode_tables(&response, 1, &tables, &err), TD_OK);
	assert_int_equal(tables.count, 6);
	for (size_t i = 0; i < 6; i++) {
		assert_true(tables.spans[i].table_id == expected[i].table_id && tables.spans[i].mode == 1);
		assert_string_equal(tables.spans[i].node, expected[i].node);
	}
	assert_true(tables.has_trigger);
	assert_string_equal(tables.trigger_node, "a");
	td_ticdc_tables_done(&tables);
}

static void tables_tell_a_trigger_that_is_missing_or_not_placed(void **state)
{
	static const struct {
		const char *body;
		bool has;
	} cases[] = {{"{\"total\":0,\"items\":[]}", false},
		     {"{\"total\":1,\"items\":[{\"node_id\":\"a\",\"table_ids\":[1]}]}", false},
		     {"{\"total\":1,\"items\":[{\"node_id\":\"\",\"table_ids\":[0]}]}", true}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct td_http_response response = answer(cases[i].body);
		struct td_ticdc_tables tables;
		struct td_error err;

		assert_int_equal(td_ticdc_decode_tables(&response, 0, &tables, &err), TD_OK);
		assert_int_equal(tables.has_trigger, cases[i].has);
		assert_string_equal(tables.trigger_node, "");
		td_ticdc_tables_done(&tables);
	}
}

static void tables_refuse_odd_items(void **state)
{
	static const char *const items[] = {
		"{\"node_id\":\"a\"}",
		"{\"table_ids\":[1]}",
		"{\"node_id\":null,\"table_ids\":[1]}",
		"{\"node_id\":\"a b\",\"table_ids\":[1]}",
		"{\"node_id\":\"a\",\"table_ids\":null}",
		"{\"node_id\":\"a\",\"table_ids\":{}}",
		"{\"node_id\":\"a\",\"table_ids\":[-1]}",
		"{\"node_id\":\"a\",\"table_ids\":[1.0]}",
		"{\"node_id\":\"a\",\"table_ids\":[1e3]}",
		"{\"node_id\":\"a\",\"table_ids\":[\"1\"]}",
		"{\"node_id\":\"a\",\"table_ids\":[null]}",
		"{\"node_id\":\"a\",\"table_ids\":[9223372036854775808]}",
		"{\"node_id\":\"a\",\"table_ids\":[0,0]}",
		"{\"node_id\":\"a\",\"table_ids\":[1],\"table_ids\":[]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		char body[512];
		struct td_http_response response;
		struct td_ticdc_tables tables;
		struct td_error err;

		(void)snprintf(body, sizeof(body), "{\"total\":1,\"items\":[%s]}", items[i]);
		response = answer(body);
		if (td_ticdc_decode_tables(&response, 0, &tables, &err) != TD_ERR_PROTOCOL)
			fail_msg("took %s", body);
	}
}

static void count_is_at_least_the_trigger(void **state)
{
	static const char *const bodies[] = {"{\"count\":0}",
					     "{\"count\":-1}",
					     "{\"count\":1.0}",
					     "{\"count\":null}",
					     "{\"count\":\"1\"}",
					     "{\"count\":9223372036854775808}",
					     "{}"};
	struct td_http_response response = answer("{\"count\":12}");
	struct td_error err;
	int64_t count = 0;

	(void)state;
	assert_int_equal(td_ticdc_decode_dispatcher_count(&response, &count, &err), TD_OK);
	assert_int_equal(count, 12);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		response = answer(bodies[i]);
		assert_int_equal(td_ticdc_decode_dispatcher_count(&response, &count, &err), TD_ERR_PROTOCOL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_is_sorted_and_tells_who_runs),
		cmocka_unit_test(list_without_changefeeds_is_a_value),
		cmocka_unit_test(list_refuses_odd_items),
		cmocka_unit_test(list_refuses_a_name_twice),
		cmocka_unit_test(detail_reads_what_may_be_left_out),
		cmocka_unit_test(detail_refuses_odd_answers),
		cmocka_unit_test(tables_keep_every_span_and_no_trigger),
		cmocka_unit_test(tables_tell_a_trigger_that_is_missing_or_not_placed),
		cmocka_unit_test(tables_refuse_odd_items),
		cmocka_unit_test(count_is_at_least_the_trigger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
