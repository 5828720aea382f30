/* Values that make no sense are refused by flag and value, before anything is started with them. */
#include "sidecar/config_check.h"

#include "base_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char *environment[] = {"POD_NAME=ticdc-0", "POD_UID=u", NULL};

/* Loads one flag; 0 and no text when it is fine. */
static enum td_error_code load(const char *flag, const char *value, char *const *env, struct td_error *err)
{
	char name[64], text[256];
	char *const argv[] = {"sidecar", name, text};
	struct td_config config;
	bool help, version;
	enum td_error_code code;

	(void)snprintf(name, sizeof(name), "--%s", flag);
	(void)snprintf(text, sizeof(text), "%s", value);
	td_error_clear(err);
	code = td_config_load(&config, 3, argv, env, &help, &version, err);
	td_config_done(&config);
	return code;
}

static void good_values_are_taken(void **state)
{
	static const char *const good[][2] = {
		{"ticdc-address", "127.0.0.1:8300"},
		{"ticdc-address", "[::1]:8300"},
		{"ticdc-address", "ticdc_0.peer.ns:1"},
		{"cluster", "my-cluster-1"},
		{"pod-selector", "a=b,c in (d,e)"},
		{"on-timeout", "Hold"},
		{"log-level", "debug"},
		{"ticdc-ca", "/proc/self/status"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct td_error err;

		if (load(good[i][0], good[i][1], environment, &err) != TD_OK)
			fail_msg("--%s %s: %s", good[i][0], good[i][1], err.text);
	}
}

static const char *const bad[][2] = {
	{"ticdc-address", "127.0.0.1"},
	{"ticdc-address", ":8300"},
	{"ticdc-address", "127.0.0.1:"},
	{"ticdc-address", "127.0.0.1:0"},
	{"ticdc-address", "127.0.0.1:65536"},
	{"ticdc-address", "127.0.0.1:83oo"},
	{"ticdc-address", "http://127.0.0.1:8300"},
	{"ticdc-address", "127.0.0.1:8300/"},
	{"ticdc-address", "::1:8300"},
	{"ticdc-address", "[]:8300"},
	{"ticdc-address", "[x]:8300"},
	{"ticdc-address", "a b:8300"},
	{"cluster", "My"},
	{"cluster", "a.b"},
	{"cluster", "-a"},
	{"cluster", "a/b"},
	{"pod-selector", "a=b,"},
	{"pod-selector", "app: ticdc"},
	{"on-timeout", "hold"},
	{"log-level", "loud"},
	{"ticdc-ca", "/nope/ca.crt"},
	{"ticdc-ca", "/tmp"},
	{"ticdc-ca", "/dev/null"},
};

static void bad_values_are_errors_that_name_flag_and_value(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct td_error err;

		if (load(bad[i][0], bad[i][1], environment, &err) != TD_ERR_INVALID)
			fail_msg("taken: --%s %s", bad[i][0], bad[i][1]);
		if (!strstr(err.text, bad[i][0]) || !strstr(err.text, bad[i][1]))
			fail_msg("--%s %s: %s", bad[i][0], bad[i][1], err.text);
	}
}

static void bad_value_is_told_before_a_missing_environment(void **state)
{
	char *const empty[] = {NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct td_error err;

		assert_int_equal(load(bad[i][0], bad[i][1], empty, &err), TD_ERR_INVALID);
		assert_non_null(strstr(err.text, bad[i][0]));
	}
}

static void pair_of_which_only_one_is_given_is_an_error(void **state)
{
	struct td_error err;

	(void)state;
	assert_int_equal(load("ticdc-cert", "/proc/self/status", environment, &err), TD_ERR_INVALID);
	assert_non_null(strstr(err.text, "--ticdc-cert and --ticdc-key go together"));
}

/* Bearer tokens over plain HTTP are for loopback alone. */
static void drain_api_needs_tls_unless_it_is_loopback(void **state)
{
	static const struct {
		const char *listen;
		bool taken;
	} cases[] = {
		{"127.0.0.1:8320", true},   {"127.9.8.7:1", true},	 {"[::1]:8320", true},	  {"0.0.0.0:8320", false},
		{"10.127.0.0:8320", false}, {"[::]:8320", false},	 {"[::ffff:1]:1", false}, {"localhost:8320", false},
		{"127.evil.net:1", false},  {"127.0.0.1.a:8320", false}, {"127.0.0.1", false},	  {"1.0.0.127:8320", false},
		{"383.0.0.1:8320", false},  {"127.1:8320", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *env[] = {"POD_NAME=ticdc-0", "POD_UID=u", "TICDC_DRAIN_DRAIN_API=true", NULL, NULL, NULL};
		struct td_error err;

		assert_int_equal(load("listen", cases[i].listen, env, &err), cases[i].taken ? TD_OK : TD_ERR_INVALID);
		if (!cases[i].taken)
			assert_non_null(strstr(err.text, "--tls-cert and --tls-key are missing"));
		env[3] = "TICDC_DRAIN_TLS_CERT=/c";
		env[4] = "TICDC_DRAIN_TLS_KEY=/k";
		assert_int_equal(load("listen", cases[i].listen, env, &err), TD_OK);
	}
}

static void help_shows_the_range_of_a_number(void **state)
{
	char text[16384] = "";
	FILE *file = fmemopen(text, sizeof(text) - 1, "w");

	(void)state;
	assert_non_null(file);
	td_config_print_help(file);
	assert_int_equal(fclose(file), 0);
	assert_non_null(strstr(text, "1 to 1000 (default: 10)"));
	assert_non_null(strstr(text, "0 to 3600 (default: 30)"));
	assert_null(strstr(text, "0 to 0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_values_are_taken),
		cmocka_unit_test(bad_values_are_errors_that_name_flag_and_value),
		cmocka_unit_test(bad_value_is_told_before_a_missing_environment),
		cmocka_unit_test(pair_of_which_only_one_is_given_is_an_error),
		cmocka_unit_test(drain_api_needs_tls_unless_it_is_loopback),
		cmocka_unit_test(help_shows_the_range_of_a_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
