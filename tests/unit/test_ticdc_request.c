/* Names from outside cannot change what is asked. */
#include "ticdc/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void paths_keep_names_in_their_place(void **state)
{
	static const struct {
		const char *name, *path;
	} cases[] = {
		{"default/cf-01", "/api/v2/changefeeds/cf-01/tables?keyspace=default&namespace=default&mode=1"},
		{"a&b=c/d", "/api/v2/changefeeds/d/tables?keyspace=a%26b%3Dc&namespace=a%26b%3Dc&mode=1"},
		{"k/../captures?x#", "/api/v2/changefeeds/..%2Fcaptures%3Fx%23/tables?keyspace=k&namespace=k&mode=1"},
		{"k/%2e \n\xff", "/api/v2/changefeeds/%252e%20%0A%FF/tables?keyspace=k&namespace=k&mode=1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *path = td_ticdc_changefeed_path(cases[i].name, "tables", "&mode=1");

		assert_string_equal(path, cases[i].path);
		free(path);
	}
}

static void paths_of_no_name_are_none(void **state)
{
	static char long_name[10000];

	(void)state;
	memset(long_name, 'x', sizeof(long_name) - 1);
	assert_null(td_ticdc_changefeed_path("no-slash", "", ""));
	assert_null(td_ticdc_changefeed_path("", "", ""));
	long_name[1] = '/';
	assert_null(td_ticdc_changefeed_path(long_name, "", ""));
}

static void authorization_without_a_password_file_has_none(void **state)
{
	struct td_buf header;
	struct td_error err;

	(void)state;
	td_buf_init(&header, 4096);
	assert_true(td_ticdc_put_authorization("root", NULL, &header, &err));
	assert_string_equal(td_buf_text(&header), "Authorization: Basic cm9vdDo=");
	td_buf_done(&header);
}

static void authorization_that_cannot_be_read_is_an_error(void **state)
{
	static char long_user[5000];
	struct td_buf header;
	struct td_error err;

	(void)state;
	td_buf_init(&header, 4096);
	assert_false(td_ticdc_put_authorization("root", "/nowhere/password", &header, &err));
	assert_int_equal(err.code, TD_ERR_SYSTEM);
	assert_false(td_ticdc_put_authorization("root", "/dev/zero", &header, &err)); /* never ends */
	assert_int_equal(err.code, TD_ERR_INVALID);
	memset(long_user, 'u', sizeof(long_user) - 1);
	assert_false(td_ticdc_put_authorization(long_user, NULL, &header, &err));
	assert_int_equal(err.code, TD_ERR_INVALID);
	assert_int_equal(header.len, 0);
	td_buf_done(&header);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_keep_names_in_their_place),
		cmocka_unit_test(paths_of_no_name_are_none),
		cmocka_unit_test(authorization_without_a_password_file_has_none),
		cmocka_unit_test(authorization_that_cannot_be_read_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
