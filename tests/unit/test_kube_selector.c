/* Label selectors that the API server takes, and those that it refuses. */
#include "kube/selector.h"

#include "base_test.h"

static void selectors_that_the_api_server_takes_are_taken(void **state)
{
	static const char *const good[] = {
		"",
		"a",
		"!a",
		"a=b",
		"a==b",
		"a!=b",
		"a=",
		"app.kubernetes.io/component=ticdc",
		"app=ticdc,app.kubernetes.io/instance=my-tc",
		" a = b , c != d ",
		"a in (b, c),d notin (e)",
		"a in ()",
		"A_b.c-9=X_y.z-0",
		"in=notin",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct td_error err = {0};

		if (td_kube_selector_check(good[i], &err) != TD_OK)
			fail_msg("%s", err.text);
	}
}

static void selectors_that_it_refuses_are_errors_that_hold_them(void **state)
{
	static const char *const bad[] = {
		"=b",
		"a=b,",
		",a=b",
		"a=b,,c=d",
		"a=b c=d",
		"a=-b",
		"a=b-",
		"a=="
		"=b",
		"a!b",
		"a=b=c",
		"a b",
		"a in b",
		"a in (b",
		"a in (b)c",
		"!",
		"!a=b",
		"-a=b",
		"a/b/c=d",
		"/a=b",
		"A.io/=x",
		"Upper.io/x=y",
		"a..b/x=y",
		"a=b;c=d",
		"a=\xc3\xa4",
		"a>1",
		"app: ticdc",
		"{app=ticdc}",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=b", /* 64 */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct td_error err = {0};

		if (td_kube_selector_check(bad[i], &err) != TD_ERR_INVALID)
			fail_msg("taken: %s", bad[i]);
		assert_non_null(strstr(err.text, bad[i]));
	}
}

static void dns_labels_are_lower_case_and_of_63_characters_at_most(void **state)
{
	char longest[65];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	assert_true(td_kube_is_dns_label(longest, 63));
	assert_false(td_kube_is_dns_label(longest, 64));
	assert_true(td_kube_is_dns_label("my-cluster-1", 12));
	assert_false(td_kube_is_dns_label("", 0));
	assert_false(td_kube_is_dns_label("-a", 2));
	assert_false(td_kube_is_dns_label("a-", 2));
	assert_false(td_kube_is_dns_label("My", 2));
	assert_false(td_kube_is_dns_label("a.b", 3));
	assert_false(td_kube_is_dns_label("a_b", 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(selectors_that_the_api_server_takes_are_taken),
		cmocka_unit_test(selectors_that_it_refuses_are_errors_that_hold_them),
		cmocka_unit_test(dns_labels_are_lower_case_and_of_63_characters_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
