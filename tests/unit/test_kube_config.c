/* In-cluster files and kubeconfigs, good and bad. */
#include "kube/config.h"
#include "kube/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/td-kube-config-XXXXXX";

static const char *path_of(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static char *read_file(const char *path)
{
	char *text = td_kube_read_file(path, 1000, NULL);

	assert_non_null(text);
	return text;
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = {"namespace", "token", "ca.crt", "config", "x"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(path_of(names[i]));
	return rmdir(folder); /* and nothing else is left in it: TMPDIR pointed here */
}

static void config_reads_the_files_of_a_pod(void **state)
{
	static const struct {
		const char *host, *port, *expected;
	} cases[] = {{"10.0.0.1", "443", "https://10.0.0.1:443"},
		     {"fd00::1", "6443", "https://[fd00::1]:6443"},
		     {NULL, "443", NULL},
		     {"10.0.0.1", "", NULL}};

	(void)state;
	write_file("namespace", "tidb\n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct td_kube_config config = {0};
		struct td_error err;

		(void)unsetenv("KUBERNETES_SERVICE_HOST");
		if (cases[i].host)
			assert_int_equal(setenv("KUBERNETES_SERVICE_HOST", cases[i].host, 1), 0);
		assert_int_equal(setenv("KUBERNETES_SERVICE_PORT", cases[i].port, 1), 0);
		if (!cases[i].expected) {
			assert_int_equal(td_kube_config_in_cluster(&config, folder, &err), TD_ERR_INVALID);
			assert_non_null(strstr(err.text, "KUBERNETES_SERVICE_HOST"));
			assert_null(config.server);
			continue;
		}
		assert_int_equal(td_kube_config_in_cluster(&config, folder, &err), TD_OK);
		assert_string_equal(config.server, cases[i].expected);
		assert_string_equal(config.namespace_, "tidb");
		assert_string_equal(config.token_file, path_of("token"));
		assert_string_equal(config.ca_file, path_of("ca.crt"));
		assert_null(config.token);
		td_kube_config_done(&config);
	}
}

static void config_is_default_without_a_namespace_file(void **state)
{
	struct td_kube_config config = {0};
	struct td_error err;

	(void)state;
	(void)unlink(path_of("namespace"));
	assert_int_equal(setenv("KUBERNETES_SERVICE_HOST", "h", 1), 0);
	assert_int_equal(setenv("KUBERNETES_SERVICE_PORT", "1", 1), 0);
	assert_int_equal(td_kube_config_in_cluster(&config, folder, &err), TD_OK);
	assert_string_equal(config.namespace_, "default");
	td_kube_config_done(&config);
	write_file("namespace", " \n");
	assert_int_equal(td_kube_config_in_cluster(&config, folder, &err), TD_ERR_INVALID);
	assert_int_equal(td_kube_config_in_cluster(&config, folder, NULL), TD_ERR_INVALID);
}

#define CONFIG(cluster, user, context)                                                                                      \
	"apiVersion: v1\nkind: Config\ncurrent-context: c\n"                                                                \
	"contexts:\n- name: other\n  context: {cluster: zz}\n- name: c\n  context: {cluster: k, user: u" context "}\n"      \
	"clusters:\n- name: k\n  cluster: {" cluster "}\n"                                                                  \
	"users:\n- name: u\n  user: {" user "}\n"

static void config_loads_a_kubeconfig(void **state)
{
	struct td_kube_config config = {0};
	struct td_error err;

	(void)state;
	write_file("config", CONFIG("server: 'https://h:6443//', certificate-authority: pki/ca.crt",
				    "token: abc, client-certificate: /etc/c.pem, client-key: k.pem", ", namespace: tidb"));
	assert_int_equal(td_kube_config_load(&config, path_of("config"), &err), TD_OK);
	assert_string_equal(config.server, "https://h:6443");
	assert_string_equal(config.namespace_, "tidb");
	assert_string_equal(config.ca_file, path_of("pki/ca.crt"));
	assert_string_equal(config.certificate_file, "/etc/c.pem");
	assert_string_equal(config.key_file, path_of("k.pem"));
	assert_string_equal(config.token, "abc");
	assert_null(config.token_file);
	td_kube_config_done(&config);
	assert_null(config.server);

	write_file("config", CONFIG("server: http://h, insecure-skip-tls-verify: false", "tokenFile: t", ""));
	assert_int_equal(td_kube_config_load(&config, path_of("config"), &err), TD_OK);
	assert_string_equal(config.namespace_, "default");
	assert_string_equal(config.token_file, path_of("t"));
	td_kube_config_done(&config);
}

static void config_keeps_inline_data_in_private_files(void **state)
{
	static const char *const expected[] = {"ca", "cert", "key!"};
	struct td_kube_config config = {0};
	struct td_error err;
	char *files[3];

	(void)state;
	assert_int_equal(setenv("TMPDIR", folder, 1), 0);
	write_file("config", CONFIG("server: https://h, certificate-authority: ignored, certificate-authority-data: Y2E=",
				    "client-certificate-data: Y2VydA==, client-key-data: a2V5IQ==", ""));
	assert_int_equal(td_kube_config_load(&config, path_of("config"), &err), TD_OK);
	files[0] = config.ca_file;
	files[1] = config.certificate_file;
	files[2] = config.key_file;
	for (int i = 0; i < 3; i++) {
		struct stat status;
		char *text = read_file(files[i]);

		assert_string_equal(text, expected[i]);
		free(text);
		assert_int_equal(stat(files[i], &status), 0);
		assert_int_equal(status.st_mode & 0777, 0600);
		files[i] = strdup(files[i]);
	}
	td_kube_config_done(&config);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(access(files[i], F_OK), -1);
		free(files[i]);
	}
}

static void config_refuses_what_it_cannot_honour(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{CONFIG("server: https://h, insecure-skip-tls-verify: true", "", ""),
		 "cluster \"k\": insecure-skip-tls-verify is not supported"},
		{CONFIG("server: https://h, proxy-url: 'http://p'", "", ""), "cluster \"k\": proxy-url is not supported"},
		{CONFIG("server: https://h, tls-server-name: x", "", ""), "cluster \"k\": tls-server-name is not supported"},
		{CONFIG("server: https://h", "exec: {command: aws}", ""),
		 "user \"u\": exec is not supported: use a token or a client certificate"},
		{CONFIG("server: https://h", "auth-provider: {name: g}", ""),
		 "user \"u\": auth-provider is not supported: use a token or a client certificate"},
		{CONFIG("server: https://h", "username: x, password: y", ""),
		 "user \"u\": username is not supported: use a token or a client certificate"},
		{CONFIG("server: https://h", "as: admin", ""), "user \"u\": as is not supported"},
		{CONFIG("server: https://h", "token: 123", ""), "user \"u\": token is not a string"},
		{CONFIG("server: https://h", "client-key-data: '***'", ""), "user \"u\": client-key-data is not base64"},
		/* The file of the first is made before the second fails: it must be gone again. */
		{CONFIG("server: https://h, certificate-authority-data: Y2E=", "client-key-data: '*'", ""),
		 "user \"u\": client-key-data is not base64"},
		{CONFIG("server: ftp://h", "", ""), "cluster \"k\": server is not a URL with http or https"},
		{CONFIG("", "", ""), "cluster \"k\": server is not a URL with http or https"},
		{"current-context: x\n", "contexts: there is no context \"x\""},
		{"contexts: []\n", "current-context is not set"},
		{"current-context: x\ncontexts: [{name: x, context: {cluster: k}}]\n",
		 "clusters: there is no cluster \"k\""},
		{"[", ""},
		{"7\n", "current-context is not set"},
	};

	(void)state;
	assert_int_equal(setenv("TMPDIR", folder, 1), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct td_kube_config config = {0};
		struct td_error err;
		char expected[400];

		write_file("config", cases[i].text);
		assert_int_equal(td_kube_config_load(&config, path_of("config"), &err), TD_ERR_INVALID);
		(void)snprintf(expected, sizeof(expected), "%s: %s", path_of("config"), cases[i].expected);
		if (cases[i].expected[0])
			assert_string_equal(err.text, expected);
		assert_null(config.server);
	}
}

static void config_names_a_file_that_is_not_there(void **state)
{
	struct td_kube_config config = {0};
	struct td_error err;

	(void)state;
	assert_int_equal(td_kube_config_load(&config, path_of("missing"), &err), TD_ERR_SYSTEM);
	assert_non_null(strstr(err.text, "missing"));
}

static void files_are_read_within_their_limit(void **state)
{
	struct td_error err;
	char *text;

	(void)state;
	write_file("x", "12345678 \r\n\t");
	text = td_kube_read_file(path_of("x"), 12, &err);
	assert_string_equal(text, "12345678");
	td_kube_secret_free(text);
	assert_null(td_kube_read_file(path_of("x"), 11, &err));
	assert_int_equal(err.code, TD_ERR_TOO_LARGE);
	assert_null(td_kube_read_file(folder, 11, &err));
	assert_int_equal(err.code, TD_ERR_SYSTEM);
	td_kube_secret_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config_reads_the_files_of_a_pod),
		cmocka_unit_test(config_is_default_without_a_namespace_file),
		cmocka_unit_test(config_loads_a_kubeconfig),
		cmocka_unit_test(config_keeps_inline_data_in_private_files),
		cmocka_unit_test(config_refuses_what_it_cannot_honour),
		cmocka_unit_test(config_names_a_file_that_is_not_there),
		cmocka_unit_test(files_are_read_within_their_limit),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
