/* The configuration: four sources and their order, and for every mistake a sentence that names where it was made and what was
 * written there. */
#include "sidecar/config.h"

#include "base_test.h"

#include <ctype.h>
#include <errno.h>
#include <unistd.h>

#define WORDS 16
#define POD "--pod-name=p", "--pod-uid=u" /* all that has no default */

struct loaded {
	struct td_config config;
	struct td_error err;
	bool help, version, ok;
};

/* flags and env end with NULL; either may be NULL. */
static struct loaded load(const char *const *flags, const char *const *env)
{
	char *argv[WORDS + 1] = {strdup("sidecar")}, *environment[WORDS + 1] = {NULL};
	struct loaded loaded = {.ok = false};
	int argc = 1;

	for (; flags && *flags && argc < WORDS; flags++)
		argv[argc++] = strdup(*flags);
	for (int i = 0; env && env[i] && i < WORDS; i++)
		environment[i] = strdup(env[i]);
	loaded.ok =
		td_config_load(&loaded.config, argc, argv, environment, &loaded.help, &loaded.version, &loaded.err) == TD_OK;
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	for (int i = 0; environment[i]; i++)
		free(environment[i]);
	return loaded;
}

static struct loaded load_good(const char *const *flags, const char *const *env)
{
	struct loaded loaded = load(flags, env);

	if (!loaded.ok)
		fail_msg("not loaded: %s", loaded.err.text);
	return loaded;
}

/* what: of the case, for the message. names: all that the error's text must hold, up to a NULL. */
static void is_refused(struct loaded loaded, const char *what, const char *const names[3])
{
	if (loaded.ok)
		fail_msg("%s was taken", what);
	assert_int_equal(loaded.err.code, TD_ERR_INVALID);
	for (int i = 0; i < 3 && names[i]; i++)
		if (!strstr(loaded.err.text, names[i]))
			fail_msg("%s: \"%s\" does not name %s", what, loaded.err.text, names[i]);
	td_config_done(&loaded.config);
}

/* ---- a file ---- */

static char path[] = "/tmp/td-config-XXXXXX";
static char config_flag[64], config_variable[64];

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	assert_return_code(fd, errno);
	assert_return_code(close(fd), errno);
	(void)snprintf(config_flag, sizeof(config_flag), "--config=%s", path);
	(void)snprintf(config_variable, sizeof(config_variable), "TICDC_DRAIN_CONFIG=%s", path);
	return 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

/* ---- tests ---- */

static void pod_name_and_uid_are_all_it_takes(void **state)
{
	struct loaded loaded = load_good((const char *[]){POD, NULL}, NULL);

	(void)state;
	assert_string_equal(loaded.config.pod_name, "p");
	assert_string_equal(loaded.config.pod_uid, "u");
	assert_string_equal(loaded.config.cluster, "ticdc");
	assert_string_equal(loaded.config.namespace_, "");
	assert_string_equal(loaded.config.kubeconfig, "");
	assert_string_equal(loaded.config.pod_selector, "app.kubernetes.io/component=ticdc");
	assert_string_equal(loaded.config.ticdc_address, "127.0.0.1:8300");
	assert_string_equal(loaded.config.listen, "0.0.0.0:8320");
	assert_string_equal(loaded.config.gate_socket, "/var/run/ticdc-drain/gate.sock");
	assert_string_equal(loaded.config.on_timeout, "Release");
	assert_string_equal(loaded.config.install_hook, "");
	assert_int_equal(loaded.config.batch_size, 10);
	assert_int_equal(loaded.config.shutdown_reserve_seconds, 30);
	assert_false(loaded.help || loaded.version);
	td_config_done(&loaded.config);
}

static void later_source_wins(void **state)
{
	struct loaded loaded;

	(void)state;
	write_file("podName: file\npodUid: file\ncluster: file\nbatchSize: 3\nshutdownReserveSeconds: '4'\n");
	loaded = load_good((const char *[]){config_flag, "--cluster", "flag", NULL},
			   (const char *[]){"TICDC_DRAIN_CLUSTER=env", "TICDC_DRAIN_POD_UID=env", "TICDC_DRAIN_BATCH_SIZE=5",
					    "TICDC_DRAIN_LOG_LEVELS=debug", NULL});
	assert_string_equal(loaded.config.cluster, "flag");
	assert_string_equal(loaded.config.pod_uid, "env");
	assert_int_equal(loaded.config.batch_size, 5);
	assert_string_equal(loaded.config.pod_name, "file");
	assert_int_equal(loaded.config.shutdown_reserve_seconds, 4);
	assert_string_equal(loaded.config.log_level, "info");
	td_config_done(&loaded.config);
}

static void last_of_the_same_flag_wins(void **state)
{
	struct loaded loaded = load_good((const char *[]){POD, "--batch-size", "7", "--pod-name", "--help", "--batch-size=8",
							  "--ticdc-user=a=b", "--ticdc-password-file=/bin/sh", NULL},
					 NULL);

	(void)state;
	assert_int_equal(loaded.config.batch_size, 8);
	assert_string_equal(loaded.config.pod_name, "--help"); /* a flag's value is a value, whatever it looks like */
	assert_string_equal(loaded.config.ticdc_user, "a=b");
	assert_false(loaded.help);
	td_config_done(&loaded.config);
}

static void pod_names_itself_by_the_usual_variables(void **state)
{
	static const char *const aliases[] = {"POD_NAME=a", "POD_UID=b", "POD_NAMESPACE=c", NULL};
	static const char *const both[] = {"POD_NAME=a", "POD_UID=b", "TICDC_DRAIN_POD_NAME=own", NULL};
	struct loaded loaded = load_good(NULL, aliases);

	(void)state;
	assert_string_equal(loaded.config.pod_name, "a");
	assert_string_equal(loaded.config.pod_uid, "b");
	assert_string_equal(loaded.config.namespace_, "c");
	td_config_done(&loaded.config);
	loaded = load_good(NULL, both);
	assert_string_equal(loaded.config.pod_name, "own");
	td_config_done(&loaded.config);
}

static void config_file_may_be_named_by_the_environment(void **state)
{
	struct loaded loaded;

	(void)state;
	write_file("podName: file\npodUid: file\n");
	loaded = load_good(NULL, (const char *[]){config_variable, NULL});
	assert_string_equal(loaded.config.pod_name, "file");
	td_config_done(&loaded.config);
	loaded = load_good((const char *[]){config_flag, NULL}, (const char *[]){"TICDC_DRAIN_CONFIG=/nonexistent", NULL});
	assert_string_equal(loaded.config.config_file, path);
	td_config_done(&loaded.config);
}

static void help_and_version_ask_for_nothing_else(void **state)
{
	static const char *const bad_env[] = {"TICDC_DRAIN_BATCH_SIZE=many", NULL};
	struct loaded loaded = load_good((const char *[]){"--cluster", "c", "--help", "--nonsense", NULL}, bad_env);

	(void)state;
	assert_true(loaded.help && !loaded.version);
	td_config_done(&loaded.config);
	loaded = load_good((const char *[]){"-h", NULL}, NULL);
	assert_true(loaded.help && !loaded.version);
	td_config_done(&loaded.config);
	loaded = load_good((const char *[]){"--version", NULL}, bad_env);
	assert_true(loaded.version && !loaded.help);
	td_config_done(&loaded.config);
}

static void bad_flag_is_a_sentence_that_names_flag_and_value(void **state)
{
	static const struct {
		const char *flags[3], *names[3];
	} cases[] = {
		{{"--podname=x"}, {"unknown flag", "--podname=x"}},
		{{"--pod-nam", "x"}, {"unknown flag", "--pod-nam"}},
		{{"--pod-name-x=1"}, {"unknown flag", "--pod-name-x"}},
		{{"-pod-name=x"}, {"unknown flag", "-pod-name"}},
		{{"--=x"}, {"unknown flag", "--=x"}},
		{{"--"}, {"unknown flag", "\"--\""}},
		{{"x"}, {"unknown flag", "\"x\""}},
		{{""}, {"unknown flag", "\"\""}},
		{{"--podName=x"}, {"unknown flag", "--podName"}},
		{{"--batch-size"}, {"--batch-size", "value is missing"}},
		{{"--cluster"}, {"--cluster", "value is missing"}},
		{{"--batch-size=0"}, {"--batch-size", "\"0\"", "1 to 1000"}},
		{{"--batch-size=1001"}, {"--batch-size", "\"1001\"", "1 to 1000"}},
		{{"--batch-size", "-1"}, {"--batch-size", "\"-1\""}},
		{{"--batch-size=ten"}, {"--batch-size", "\"ten\""}},
		{{"--batch-size=5.0"}, {"--batch-size", "\"5.0\""}},
		{{"--batch-size=+5"}, {"--batch-size", "\"+5\""}},
		{{"--batch-size= 5"}, {"--batch-size", "\" 5\""}},
		{{"--batch-size=0x5"}, {"--batch-size", "\"0x5\""}},
		{{"--batch-size="}, {"--batch-size", "\"\""}},
		{{"--batch-size=99999999999999999999"}, {"--batch-size", "\"99999999999999999999\""}},
		{{"--shutdown-reserve-seconds=-1"}, {"--shutdown-reserve-seconds", "\"-1\"", "0 to 3600"}},
		{{"--shutdown-reserve-seconds=3601"}, {"--shutdown-reserve-seconds", "\"3601\""}},
		{{"--shutdown-reserve-seconds=30s"}, {"--shutdown-reserve-seconds", "\"30s\""}},
		{{"--on-timeout=release"}, {"--on-timeout", "\"release\"", "Release nor Hold"}},
		{{"--on-timeout=Hold "}, {"--on-timeout", "\"Hold \""}},
		{{"--drain-api=yes"}, {"--drain-api", "\"yes\"", "neither true nor false"}},
		{{"--drain-api="}, {"--drain-api", "\"\""}},
		{{"--drain-api"}, {"--drain-api", "--tls-cert", "--listen 0.0.0.0:8320"}},
		{{"--cluster="}, {"--cluster", "required", "TICDC_DRAIN_CLUSTER"}},
		{{"--pod-name="}, {"--pod-name", "required", "POD_NAME"}},
		{{"--pod-uid", ""}, {"--pod-uid", "required", "POD_UID"}},
		{{"--pod-selector="}, {"--pod-selector", "required"}}, /* would select every pod there is */
		{{"--ticdc-address="}, {"--ticdc-address", "required"}},
		{{"--listen="}, {"--listen", "required"}},
		{{"--gate-socket="}, {"--gate-socket", "required"}},
		{{"--on-timeout="}, {"--on-timeout", "required"}},
		{{"--log-level="}, {"--log-level", "required"}},
		{{"--tls-cert=/c"}, {"--tls-cert", "--tls-key", "together"}},
		{{"--tls-key=/k"}, {"--tls-cert", "--tls-key", "together"}},
		{{"--ticdc-cert=/c"}, {"--ticdc-cert", "--ticdc-key", "together"}},
		{{"--ticdc-key=/k"}, {"--ticdc-cert", "--ticdc-key", "together"}},
		{{"--ticdc-user=u"}, {"--ticdc-user", "--ticdc-password-file", "together"}},
		{{"--ticdc-password-file=/p"}, {"--ticdc-user", "--ticdc-password-file", "together"}},
		{{"--config=/nonexistent/c.yaml"}, {"/nonexistent/c.yaml", "No such file"}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *flags[] = {POD, cases[i].flags[0], cases[i].flags[1], NULL};
		struct loaded loaded = load(flags, NULL);

		if (loaded.err.code == TD_ERR_SYSTEM) /* an unreadable file */
			loaded.err.code = TD_ERR_INVALID;
		is_refused(loaded, cases[i].flags[0], cases[i].names);
	}
}

static void switch_stands_alone_or_with_a_value(void **state)
{
	static const struct {
		const char *flags[3];
		bool on;
	} cases[] = {
		{{"--listen=127.0.0.1:8320"}, false},
		{{"--drain-api", "--listen=127.0.0.1:8320"}, true},
		{{"--listen=127.0.0.1:8320", "--drain-api"}, true},
		{{"--listen=127.0.0.1:8320", "--drain-api=true"}, true},
		{{"--drain-api", "--drain-api=false"}, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct loaded loaded = load_good((const char *[]){POD, cases[i].flags[0], cases[i].flags[1], NULL}, NULL);

		assert_int_equal(loaded.config.drain_api, cases[i].on);
		td_config_done(&loaded.config);
	}
	write_file("drainApi: true\nlisten: 127.0.0.1:1\npodName: p\npodUid: u\n");
	{
		struct loaded loaded = load_good((const char *[]){config_flag, NULL}, NULL);

		assert_true(loaded.config.drain_api);
		td_config_done(&loaded.config);
	}
}

static void bad_variable_is_named_with_its_value(void **state)
{
	static const char *const variable[] = {"TICDC_DRAIN_BATCH_SIZE=lots", NULL};

	(void)state;
	is_refused(load((const char *[]){POD, NULL}, variable), variable[0],
		   (const char *[3]){"environment variable TICDC_DRAIN_BATCH_SIZE", "\"lots\""});
	is_refused(load(NULL, NULL), "nothing", (const char *[3]){"--pod-name", "required", "POD_NAME"});
}

static void bad_file_is_named_with_key_and_value(void **state)
{
	static const struct {
		const char *text, *names[3];
	} cases[] = {
		{"pod-name: x\n", {path, "key pod-name", "unknown option"}},
		{"podname: x\n", {path, "key podname", "unknown option"}},
		{"config: other.yaml\n", {path, "key config", "unknown option"}},
		{"batchSize: 0\n", {path, "key batchSize", "\"0\""}},
		{"batchSize: '1 '\n", {path, "key batchSize", "\"1 \""}},
		{"batchSize: 1.5\n", {path, "key batchSize", "1.5"}},
		{"batchSize: [1]\n", {path, "key batchSize", "[1]"}},
		{"batchSize:\n", {path, "key batchSize", "null"}},
		{"podName: 12\n", {path, "key podName", "12 is no text"}},
		{"podName: true\n", {path, "key podName", "true is no text"}},
		{"podName: {a: b}\n", {path, "key podName", "{\"a\":\"b\"}"}},
		{"onTimeout: hold\n", {"on-timeout", "\"hold\""}},
		{"- podName\n", {path, "mapping"}},
		{"podName: a\npodName: b\n", {path, ":2", "duplicate key"}},
		{"", {path}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		write_file(cases[i].text);
		is_refused(load((const char *[]){POD, config_flag, NULL}, NULL), cases[i].text, cases[i].names);
	}
}

/* ---- every option ---- */

#define TEXT_MEMBERS                                                                                                        \
	(offsetof(struct td_config, batch_size) / sizeof(char *)) /* all but the last three: two numbers, a switch */

/* The file holds what cannot be missing, each line with a value that passes, and all but the line of key; more stands at its end. */
static void write_base(const char *key, const char *more)
{
	static const char *const keys[] = {"podName",	"podUid",   "tlsCert",	 "tlsKey",
					   "ticdcCert", "ticdcKey", "ticdcUser", "ticdcPasswordFile"};
	char text[1024];
	int used = 0;

	for (size_t i = 0; i < COUNT(keys); i++)
		if (strcmp(key, keys[i]) != 0)
			used += snprintf(text + used, sizeof(text) - (size_t)used, "%s: /bin/sh\n", keys[i]); /* readable */
	(void)snprintf(text + used, sizeof(text) - (size_t)used, "%s", more);
	write_file(text);
}

static void changes_one_member(struct loaded with, const char *what)
{
	struct loaded base;
	char **texts, **others;
	size_t changed;

	write_base("", "");
	base = load_good((const char *[]){config_flag, NULL}, NULL);
	texts = (char **)&base.config;
	others = (char **)&with.config;
	changed = (base.config.batch_size != with.config.batch_size) +
		  (base.config.shutdown_reserve_seconds != with.config.shutdown_reserve_seconds) +
		  (base.config.drain_api != with.config.drain_api);
	for (size_t i = 0; i < TEXT_MEMBERS; i++)
		changed += strcmp(texts[i], others[i]) != 0;
	if (changed != 1)
		fail_msg("%s changed %zu members", what, changed);
	td_config_done(&base.config);
	td_config_done(&with.config);
}

/* One that passes, and is no default. */
static const char *value_for(const char *flag)
{
	static const char *const values[][2] = {{"-size", "17"},	   {"-seconds", "17"},	 {"on-timeout", "Hold"},
						{"log-level", "debug"},	   {"-address", "h:1"},	 {"-ca", "/bin/ls"},
						{"-cert", "/bin/ls"},	   {"-key", "/bin/ls"},	 {"-file", "/bin/ls"},
						{"kubeconfig", "/bin/ls"}, {"drain-api", "true"}};

	for (size_t i = 0; i < COUNT(values); i++)
		if (strstr(flag, values[i][0]))
			return values[i][1];
	return "x";
}

static void option_can_be_given_everywhere(const char *flag)
{
	const char *value = value_for(flag);
	char by_flag[128], variable[128], key[128] = "", line[256];
	size_t used = 0;

	(void)snprintf(by_flag, sizeof(by_flag), "--%.40s=%s", flag, value);
	(void)snprintf(variable, sizeof(variable), "TICDC_DRAIN_%.40s=%s", flag, value);
	for (char *c = variable; *c != '='; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
	for (const char *c = flag; *c && used < 40; c++)
		key[used++] = *c == '-' ? (char)toupper((unsigned char)*++c) : *c;

	write_base("", "");
	changes_one_member(load_good((const char *[]){config_flag, by_flag, NULL}, NULL), by_flag);
	changes_one_member(load_good((const char *[]){config_flag, NULL}, (const char *[]){variable, NULL}), variable);
	(void)snprintf(line, sizeof(line), "%s: \"%s\"\n", key, value);
	write_base(key, line);
	changes_one_member(load_good((const char *[]){config_flag, NULL}, NULL), line);
}

static void every_option_of_the_help_is_flag_variable_and_key(void **state)
{
	size_t seen = 0;
	char line[512];
	FILE *out = tmpfile();

	(void)state;
	assert_non_null(out);
	td_config_print_help(out);
	rewind(out);
	while (fgets(line, sizeof(line), out)) {
		if (strncmp(line, "  --", 4) != 0 || strncmp(line, "  --help", 8) == 0)
			continue;
		line[4 + strcspn(line + 4, " ")] = '\0';
		if (strcmp(line + 4, "config") != 0) /* has a test of its own */
			option_can_be_given_everywhere(line + 4);
		seen++;
	}
	assert_int_equal(fclose(out), 0);
	assert_int_equal(seen, TEXT_MEMBERS + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pod_name_and_uid_are_all_it_takes),
		cmocka_unit_test(later_source_wins),
		cmocka_unit_test(last_of_the_same_flag_wins),
		cmocka_unit_test(pod_names_itself_by_the_usual_variables),
		cmocka_unit_test(config_file_may_be_named_by_the_environment),
		cmocka_unit_test(help_and_version_ask_for_nothing_else),
		cmocka_unit_test(bad_flag_is_a_sentence_that_names_flag_and_value),
		cmocka_unit_test(switch_stands_alone_or_with_a_value),
		cmocka_unit_test(bad_variable_is_named_with_its_value),
		cmocka_unit_test(bad_file_is_named_with_key_and_value),
		cmocka_unit_test(every_option_of_the_help_is_flag_variable_and_key),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
