/* Where the API server is and who we are. Two sources: the files the kubelet mounts into every pod, and a kubeconfig.
 *
 * Of a kubeconfig only what can be honoured is taken. What would change the meaning when ignored (plugins, proxies,
 * impersonation, switched-off verification) is refused by its name: no connection is better than another than was asked for.
 *
 * Inline certificates become private temporary files, because curl reads files at every new connection; td_kube_config_done
 * removes them. On failure nothing is left behind and *ret is untouched. */
#include "kube/config.h"

#include "base/json.h"
#include "base/yaml.h"
#include "kube/file.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"
#define NAMESPACE_MAX 253
#define KUBECONFIG_MAX (1u << 20)

void td_kube_config_done(struct td_kube_config *config)
{
	for (size_t i = 0; i < sizeof(config->temporary_files) / sizeof(config->temporary_files[0]); i++) {
		if (config->temporary_files[i])
			(void)unlink(config->temporary_files[i]);
		free(config->temporary_files[i]);
	}
	free(config->server);
	free(config->namespace_);
	free(config->ca_file);
	free(config->certificate_file);
	free(config->key_file);
	free(config->token_file);
	td_kube_secret_free(config->token);
	*config = (struct td_kube_config){0};
}

static enum td_error_code no_memory(struct td_error *err)
{
	return td_error_set(err, TD_ERR_NOMEM, "out of memory");
}

/* *into becomes "a" "b" "c". */
static enum td_error_code join(char **into, const char *a, const char *b, const char *c, struct td_error *err)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): it thinks that td_error_set may return TD_OK */
	size_t size = strlen(a) + strlen(b) + strlen(c) + 1;

	free(*into);
	*into = malloc(size);
	if (!*into)
		return no_memory(err);
	(void)snprintf(*into, size, "%s%s%s", a, b, c);
	return TD_OK;
}

static enum td_error_code read_cluster(struct td_kube_config *config, const char *directory, struct td_error *err)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
	bool is_v6 = host && strchr(host, ':');
	enum td_error_code code;
	char *authority = NULL, *namespace_file = NULL;

	if (!host || !*host || !port || !*port)
		return td_error_set(err, TD_ERR_INVALID, "KUBERNETES_SERVICE_HOST or _PORT is not set: not in a cluster");
	code = join(&authority, is_v6 ? "[" : "", host, is_v6 ? "]:" : ":", err);
	if (code == TD_OK)
		code = join(&config->server, "https://", authority, port, err);
	free(authority);
	if (code == TD_OK)
		code = join(&config->ca_file, directory, "/ca.crt", "", err);
	if (code == TD_OK)
		code = join(&config->token_file, directory, "/token", "", err);
	if (code == TD_OK)
		code = join(&namespace_file, directory, "/namespace", "", err);
	if (code != TD_OK)
		return code;
	if (access(namespace_file, F_OK) == 0) {
		config->namespace_ = td_kube_read_file(namespace_file, NAMESPACE_MAX, err);
		code = config->namespace_ ? TD_OK : err->code;
	} else {
		code = join(&config->namespace_, "default", "", "", err);
	}
	free(namespace_file);
	return code;
}

enum td_error_code td_kube_config_in_cluster(struct td_kube_config *ret, const char *directory, struct td_error *err)
{
	struct td_kube_config config = {0};
	struct td_error ignored;
	enum td_error_code code;

	code = read_cluster(&config, directory ? directory : SERVICE_ACCOUNT, err ? err : &ignored);
	if (code != TD_OK) {
		td_kube_config_done(&config);
		td_error_wrap(err, "in-cluster configuration");
		return code;
	}
	*ret = config;
	return TD_OK;
}

/* A string member. Absent: TD_OK and *ret NULL. */
static enum td_error_code member(const json_t *object, const char *key, const char **ret, struct td_error *err)
{
	json_t *value = json_object_get(object, key);

	*ret = NULL;
	if (!value || json_is_null(value))
		return TD_OK;
	*ret = json_string_value(value);
	return *ret ? TD_OK : td_error_set(err, TD_ERR_INVALID, "%s is not a string", key);
}

/* The entry of a list of {name, <kind>: {...}}. */
static enum td_error_code named(const json_t *root, const char *list, const char *kind, const char *name, json_t **ret,
				struct td_error *err)
{
	json_t *entry;
	size_t i;

	json_array_foreach (json_object_get(root, list), i, entry) {
		const char *its_name = td_json_text(entry, "name");

		if (!its_name || strcmp(its_name, name))
			continue;
		*ret = json_object_get(entry, kind);
		if (json_is_object(*ret))
			return TD_OK;
	}
	return td_error_set(err, TD_ERR_INVALID, "%s: there is no %s \"%s\"", list, kind, name);
}

/* Fields whose meaning we cannot keep. A switch that says false is harmless. */
static enum td_error_code refuse(const json_t *object, const char *const *keys, const char *instead, struct td_error *err)
{
	for (; *keys; keys++) {
		const json_t *value = json_object_get(object, *keys);

		if (!value || json_is_null(value) || json_is_false(value) ||
		    (json_is_string(value) && (!*json_string_value(value) || !strcmp(json_string_value(value), "false"))))
			continue;
		return td_error_set(err, TD_ERR_INVALID, "%s is not supported%s", *keys, instead);
	}
	return TD_OK;
}

/* Relative paths are meant from the kubeconfig's own folder. */
static enum td_error_code resolve(char **into, const char *kubeconfig, const char *path, struct td_error *err)
{
	const char *slash = strrchr(kubeconfig, '/');
	enum td_error_code code;
	char *folder;

	if (path[0] == '/' || !slash)
		return join(into, path, "", "", err);
	folder = strndup(kubeconfig, (size_t)(slash - kubeconfig) + 1);
	if (!folder)
		return no_memory(err);
	code = join(into, folder, path, "", err);
	free(folder);
	return code;
}

/* Base64 to bytes the caller frees; NULL: no base64. */
static unsigned char *decode(const char *text, size_t *ret_len)
{
	size_t len = strlen(text);
	unsigned char *bytes = len % 4 || !len || len > KUBECONFIG_MAX ? NULL : malloc(len / 4 * 3 + 1);
	int decoded = bytes ? EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)len) : -1;

	if (decoded < 0) {
		free(bytes);
		return NULL;
	}
	*ret_len = (size_t)decoded - (text[len - 1] == '=') - (text[len - 2] == '=');
	return bytes;
}

/* Writes bytes into a new file that only we may read. It is remembered for removal before it is filled. */
static enum td_error_code make_file(char **temporary, const unsigned char *bytes, size_t len, struct td_error *err)
{
	const char *folder = getenv("TMPDIR");
	enum td_error_code code = join(temporary, folder && *folder ? folder : "/tmp", "/td-kube-XXXXXX", "", err);
	int fd;

	if (code != TD_OK)
		return code;
	fd = mkstemp(*temporary);
	if (fd < 0) {
		code = td_error_set(err, TD_ERR_SYSTEM, "cannot make %s: %s", *temporary, strerror(errno));
		free(*temporary);
		*temporary = NULL;
		return code;
	}
	if (write(fd, bytes, len) != (ssize_t)len)
		code = td_error_set(err, TD_ERR_SYSTEM, "cannot write %s", *temporary);
	if (close(fd) != 0 && code == TD_OK)
		code = td_error_set(err, TD_ERR_SYSTEM, "cannot write %s: %s", *temporary, strerror(errno));
	return code;
}

/* key names a file, key-data holds its content in base64 and wins, as in client-go. */
static enum td_error_code take_file(const json_t *object, const char *key, const char *kubeconfig, char **into,
				    char **temporary, struct td_error *err)
{
	const char *path, *data;
	char data_key[64];
	unsigned char *bytes;
	enum td_error_code code;
	size_t len = 0;

	(void)snprintf(data_key, sizeof(data_key), "%s-data", key);
	code = member(object, key, &path, err);
	if (code == TD_OK)
		code = member(object, data_key, &data, err);
	if (code != TD_OK)
		return code;
	if (!data || !*data)
		return path && *path ? resolve(into, kubeconfig, path, err) : TD_OK;
	bytes = decode(data, &len);
	if (!bytes)
		return td_error_set(err, TD_ERR_INVALID, "%s is not base64", data_key);
	code = make_file(temporary, bytes, len, err);
	explicit_bzero(bytes, len);
	free(bytes);
	return code == TD_OK ? join(into, *temporary, "", "", err) : code;
}

static enum td_error_code take_cluster(struct td_kube_config *config, const json_t *cluster, const char *path,
				       struct td_error *err)
{
	static const char *const refused[] = {"insecure-skip-tls-verify", "tls-server-name", "proxy-url", NULL};
	enum td_error_code code = refuse(cluster, refused, "", err);
	const char *server;
	size_t len;

	if (code == TD_OK)
		code = member(cluster, "server", &server, err);
	if (code != TD_OK)
		return code;
	if (!server || (strncmp(server, "https://", 8) && strncmp(server, "http://", 7)))
		return td_error_set(err, TD_ERR_INVALID, "server is not a URL with http or https");
	code = join(&config->server, server, "", "", err);
	if (code != TD_OK)
		return code;
	for (len = strlen(config->server); config->server[len - 1] == '/'; len--)
		config->server[len - 1] = '\0';
	return take_file(cluster, "certificate-authority", path, &config->ca_file, &config->temporary_files[0], err);
}

static enum td_error_code take_user(struct td_kube_config *config, const json_t *user, const char *path,
				    struct td_error *err)
{
	static const char *const logins[] = {"exec", "auth-provider", "username", "password", NULL};
	static const char *const disguises[] = {"as", "as-uid", "as-groups", "as-user-extra", NULL};
	enum td_error_code code = refuse(user, logins, ": use a token or a client certificate", err);
	const char *token = NULL, *token_file = NULL;

	if (code == TD_OK)
		code = refuse(user, disguises, "", err);
	if (code == TD_OK)
		code = member(user, "token", &token, err);
	if (code == TD_OK)
		code = member(user, "tokenFile", &token_file, err);
	if (code == TD_OK && token && *token)
		code = join(&config->token, token, "", "", err);
	if (code == TD_OK && token_file && *token_file)
		code = resolve(&config->token_file, path, token_file, err);
	if (code == TD_OK)
		code = take_file(user, "client-certificate", path, &config->certificate_file, &config->temporary_files[1],
				 err);
	if (code == TD_OK)
		code = take_file(user, "client-key", path, &config->key_file, &config->temporary_files[2], err);
	return code;
}

static enum td_error_code take_context(struct td_kube_config *config, const json_t *root, const char *path,
				       struct td_error *err)
{
	const char *current = td_json_text(root, "current-context"), *cluster_name, *user_name, *namespace_;
	json_t *context = NULL, *cluster = NULL, *user = NULL;
	enum td_error_code code;

	if (!current || !*current)
		return td_error_set(err, TD_ERR_INVALID, "current-context is not set");
	code = named(root, "contexts", "context", current, &context, err);
	if (code != TD_OK)
		return code;
	cluster_name = td_json_text(context, "cluster");
	user_name = td_json_text(context, "user");
	namespace_ = td_json_text(context, "namespace");
	code = join(&config->namespace_, namespace_ && *namespace_ ? namespace_ : "default", "", "", err);
	if (code == TD_OK)
		code = named(root, "clusters", "cluster", cluster_name ? cluster_name : "", &cluster, err);
	if (code != TD_OK)
		return code;
	code = take_cluster(config, cluster, path, err);
	if (code != TD_OK) {
		td_error_wrap(err, "cluster \"%s\"", cluster_name);
		return code;
	}
	if (!user_name || !*user_name)
		return TD_OK;
	code = named(root, "users", "user", user_name, &user, err);
	if (code == TD_OK && (code = take_user(config, user, path, err)) != TD_OK)
		td_error_wrap(err, "user \"%s\"", user_name);
	return code;
}

enum td_error_code td_kube_config_load(struct td_kube_config *ret, const char *path, struct td_error *err)
{
	struct td_kube_config config = {0};
	json_t *root = td_yaml_load_file(path, KUBECONFIG_MAX, err);
	enum td_error_code code;

	if (!root)
		return err ? err->code : TD_ERR_INVALID;
	code = take_context(&config, root, path, err);
	json_decref(root);
	if (code != TD_OK) {
		td_kube_config_done(&config);
		td_error_wrap(err, "%s", path);
		return code;
	}
	*ret = config;
	return TD_OK;
}
