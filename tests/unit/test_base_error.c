/* Errors: what is set, wrapped and certain. */
#include "base/error.h"

#include "base_test.h"

static void set_fills_everything_and_returns_the_code(void **state)
{
	struct td_error err = {.http_status = 500, .sys_errno = 5};

	(void)state;
	assert_int_equal(td_error_set(&err, TD_ERR_TIMEOUT, "no data for %d ms", 80), TD_ERR_TIMEOUT);
	assert_int_equal(err.code, TD_ERR_TIMEOUT);
	assert_int_equal(err.http_status, 0);
	assert_int_equal(err.sys_errno, 0);
	assert_int_equal(err.retry_after_ms, -1);
	assert_string_equal(err.text, "no data for 80 ms");
}

static void null_is_fine_where_nobody_asks(void **state)
{
	(void)state;
	assert_int_equal(td_error_set(NULL, TD_ERR_INVALID, "x"), TD_ERR_INVALID);
	td_error_wrap(NULL, "x");
}

static void wrap_puts_context_in_front_and_keeps_the_rest(void **state)
{
	struct td_error err;

	(void)state;
	(void)td_error_set(&err, TD_ERR_HTTP, "409 Conflict");
	err.http_status = 409;
	err.retry_after_ms = 7;
	td_error_wrap(&err, "PUT");
	td_error_wrap(&err, "renew lease %s/%s", "ns", "name");
	assert_string_equal(err.text, "renew lease ns/name: PUT: 409 Conflict");
	assert_int_equal(err.code, TD_ERR_HTTP);
	assert_int_equal(err.http_status, 409);
	assert_int_equal(err.retry_after_ms, 7);
}

static void text_is_cut_and_terminated_at_any_length(void **state)
{
	char inner[400], context[400];

	(void)state;
	memset(inner, 'i', sizeof(inner));
	memset(context, 'c', sizeof(context));
	inner[399] = '\0';
	for (size_t len = 0; len < sizeof(context); len++) {
		struct td_error err;

		(void)td_error_set(&err, TD_ERR_INVALID, "%s", inner);
		assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
		td_error_wrap(&err, "%.*s", (int)len, context);
		assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
		if (len < sizeof(err.text) - 3)
			assert_memory_equal(err.text + len, ": i", 3);
	}
}

static void every_code_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int a = 0; a < TD_ERR_COUNT; a++) {
		for (int b = 0; b < a; b++)
			assert_string_not_equal(td_error_name((enum td_error_code)a), td_error_name((enum td_error_code)b));
	}
	assert_string_equal(td_error_name(TD_ERR_TIMEOUT), "timeout");
	assert_string_equal(td_error_name(TD_ERR_COUNT), "unknown");
}

static void only_what_never_arrived_or_was_answered_is_definite(void **state)
{
	(void)state;
	for (int code = 0; code < TD_ERR_COUNT; code++) {
		const struct td_error err = {.code = (enum td_error_code)code};

		assert_int_equal(td_error_is_definite(&err),
				 code == TD_ERR_CONNECT || code == TD_ERR_HTTP || code == TD_ERR_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_fills_everything_and_returns_the_code),
		cmocka_unit_test(null_is_fine_where_nobody_asks),
		cmocka_unit_test(wrap_puts_context_in_front_and_keeps_the_rest),
		cmocka_unit_test(text_is_cut_and_terminated_at_any_length),
		cmocka_unit_test(every_code_has_a_name_of_its_own),
		cmocka_unit_test(only_what_never_arrived_or_was_answered_is_definite),
	};

	return cmocka_run_group_tests_name("base/error", tests, NULL, NULL);
}
