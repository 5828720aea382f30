/* See config.h. Every option stands once, in the table: its flag, its key in the file (camelCase of the flag), its environment
 * variable (TICDC_DRAIN_ and the flag in capitals, plus an alias that pods usually have), its default, its bounds, its help. */
#include "sidecar/config.h"

#include "base/text.h"
#include "base/yaml.h"
#include "sidecar/config_check.h"

#include <ctype.h>
#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_FILE_MAX 65536

struct option {
	const char *flag;
	size_t offset;
	enum { OPTION_TEXT, OPTION_NUMBER, OPTION_SWITCH } kind;
	bool required;
	const char *initial;
	int64_t min, max;
	const char *env_alias;
	const char *help;
};

#define TEXT(flag, member, initial, alias, help)                                                                            \
	{                                                                                                                   \
		flag, offsetof(struct td_config, member), OPTION_TEXT, false, initial, 0, 0, alias, help                    \
	}
#define NEEDED(flag, member, initial, alias, help)                                                                          \
	{                                                                                                                   \
		flag, offsetof(struct td_config, member), OPTION_TEXT, true, initial, 0, 0, alias, help                     \
	}
#define NUMBER(flag, member, initial, min, max, help)                                                                       \
	{                                                                                                                   \
		flag, offsetof(struct td_config, member), OPTION_NUMBER, false, initial, min, max, NULL, help               \
	}

#define SWITCH(flag, member, help)                                                                                          \
	{                                                                                                                   \
		flag, offsetof(struct td_config, member), OPTION_SWITCH, false, "false", 0, 0, NULL, help                   \
	}

static const struct option options[] = {
	TEXT("config", config_file, "", NULL, "YAML file with any of these options, keys in camelCase (podName)"),
	NEEDED("cluster", cluster, "ticdc", NULL, "name of the TiCDC cluster; its Lease is ticdc-drain-<cluster>"),
	TEXT("namespace", namespace_, "", "POD_NAMESPACE",
	     "namespace of the pod (default: the service account's; with --kubeconfig, its current context's)"),
	NEEDED("pod-name", pod_name, "", "POD_NAME", "name of the pod this sidecar runs in"),
	NEEDED("pod-uid", pod_uid, "", "POD_UID", "uid of the pod this sidecar runs in"),
	NEEDED("pod-selector", pod_selector, "app.kubernetes.io/component=ticdc", NULL,
	       "label selector of the cluster's TiCDC pods"),
	TEXT("kubeconfig", kubeconfig, "", NULL, "kubeconfig file (default: in-cluster configuration)"),
	NEEDED("ticdc-address", ticdc_address, "127.0.0.1:8300", NULL, "host:port of this pod's capture"),
	TEXT("ticdc-ca", ticdc_ca, "", NULL, "CA file for TiCDC; given: TiCDC is asked over TLS"),
	TEXT("ticdc-cert", ticdc_cert, "", NULL, "client certificate for TiCDC"),
	TEXT("ticdc-key", ticdc_key, "", NULL, "key of the client certificate for TiCDC"),
	TEXT("ticdc-user", ticdc_user, "", NULL, "user for TiCDC's basic authentication"),
	TEXT("ticdc-password-file", ticdc_password_file, "", NULL, "file with that user's password"),
	NEEDED("listen", listen, "0.0.0.0:8320", NULL, "address of /healthz, /readyz and /metrics, and of the drain API"),
	TEXT("tls-cert", tls_cert, "", NULL, "certificate for that address; given: it speaks TLS"),
	TEXT("tls-key", tls_key, "", NULL, "key of that certificate"),
	SWITCH("drain-api", drain_api,
	       "serve PUT and GET /api/v2/captures/{capture_id}/drain there; needs --tls-cert unless --listen is loopback"),
	NEEDED("gate-socket", gate_socket, "/var/run/ticdc-drain/gate.sock", NULL,
	       "unix socket that the preStop hook waits at"),
	TEXT("install-hook", install_hook, "", NULL, "directory to copy ticdc-drain-prestop to, for TiCDC's container"),
	NEEDED("on-timeout", on_timeout, "Release", NULL, "when the pod cannot be drained in time: Release or Hold"),
	NEEDED("log-level", log_level, "info", NULL, "debug, info, warn or error"),
	NUMBER("batch-size", batch_size, "10", 1, 1000, "moves at once when a DrainRequest names no batchSize"),
	NUMBER("shutdown-reserve-seconds", shutdown_reserve_seconds, "30", 0, 3600,
	       "part of the grace period left to TiCDC's own shutdown; at most a quarter of it is taken"),
};
#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

static char **text_of(struct td_config *config, const struct option *option)
{
	return (char **)(void *)((char *)config + option->offset);
}

static int64_t *number_of(struct td_config *config, const struct option *option)
{
	return (int64_t *)(void *)((char *)config + option->offset);
}

static bool *switch_of(struct td_config *config, const struct option *option)
{
	return (bool *)(void *)((char *)config + option->offset);
}

static enum td_error_code set_switch(bool *ret, const char *value, const char *source, struct td_error *err)
{
	if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return td_error_set(err, TD_ERR_INVALID, "%s: \"%s\" is neither true nor false", source, value);
	*ret = value[0] == 't';
	return TD_OK;
}

/* source: "flag --batch-size", "environment variable X", "key batchSize in FILE". */
static enum td_error_code set(struct td_config *config, const struct option *option, const char *value, const char *source,
			      struct td_error *err)
{
	char *copy;

	if (option->kind == OPTION_SWITCH)
		return set_switch(switch_of(config, option), value, source, err);
	if (option->kind == OPTION_NUMBER) {
		if (!td_text_to_int64(value, option->min, option->max, number_of(config, option)))
			return td_error_set(err, TD_ERR_INVALID, "%s: \"%s\" is not a whole number from %lld to %lld",
					    source, value, (long long)option->min, (long long)option->max);
		return TD_OK;
	}
	copy = strdup(value);
	if (!copy)
		return td_error_set(err, TD_ERR_NOMEM, "%s: out of memory", source);
	free(*text_of(config, option));
	*text_of(config, option) = copy;
	return TD_OK;
}

static const struct option *find_flag(const char *name, size_t len)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (strlen(options[i].flag) == len && memcmp(options[i].flag, name, len) == 0)
			return &options[i];
	return NULL;
}

/* pod-name to podName */
static void to_key(const char *flag, char *into, size_t size)
{
	size_t used = 0;

	for (const char *c = flag; *c && used + 1 < size; c++) {
		if (*c == '-' && c[1])
			into[used++] = (char)toupper((unsigned char)*++c);
		else
			into[used++] = *c;
	}
	into[used] = '\0';
}

/* pod-name to TICDC_DRAIN_POD_NAME */
static void to_env(const char *flag, char *into, size_t size)
{
	(void)snprintf(into, size, "TICDC_DRAIN_%s", flag);
	for (char *c = into; *c; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

static const char *env_value(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; env && *env; env++)
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
			return *env + len + 1;
	return NULL;
}

static enum td_error_code load_defaults(struct td_config *config, struct td_error *err)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (set(config, &options[i], options[i].initial, "default", err) != TD_OK)
			return err->code;
	return TD_OK;
}

static enum td_error_code load_environment(struct td_config *config, char *const *env, struct td_error *err)
{
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		char name[96], source[128];
		const char *value;

		to_env(options[i].flag, name, sizeof(name));
		value = env_value(env, name);
		if (!value && options[i].env_alias) {
			(void)td_text_copy(name, sizeof(name), options[i].env_alias);
			value = env_value(env, name);
		}
		(void)snprintf(source, sizeof(source), "environment variable %s", name);
		if (value && set(config, &options[i], value, source, err) != TD_OK)
			return err->code;
	}
	return TD_OK;
}

static const struct option *find_key(const char *key)
{
	char name[64];

	for (size_t i = 0; i < OPTION_COUNT; i++) {
		to_key(options[i].flag, name, sizeof(name));
		if (strcmp(name, key) == 0)
			return &options[i];
	}
	return NULL;
}

static enum td_error_code refuse_type(const struct option *option, const json_t *value, const char *source,
				      struct td_error *err)
{
	char *shown = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
	static const char *const wanted[] = {[OPTION_TEXT] = "is no text; quote it",
					     [OPTION_NUMBER] = "is no whole number",
					     [OPTION_SWITCH] = "is neither true nor false"};
	enum td_error_code code =
		td_error_set(err, TD_ERR_INVALID, "%s: %s %s", source, shown ? shown : "the value", wanted[option->kind]);

	free(shown);
	return code;
}

static enum td_error_code load_file(struct td_config *config, const char *path, struct td_error *err)
{
	json_auto_t *root = td_yaml_load_file(path, CONFIG_FILE_MAX, err);
	const char *key;
	json_t *value;

	if (!root)
		return err->code;
	if (!json_is_object(root))
		return td_error_set(err, TD_ERR_INVALID, "%s: a mapping of options is expected", path);
	json_object_foreach (root, key, value) {
		const struct option *option = find_key(key);
		char text[32] = "", source[512];

		(void)snprintf(source, sizeof(source), "%s: key %s", path, key);
		if (!option || strcmp(option->flag, "config") == 0)
			return td_error_set(err, TD_ERR_INVALID, "%s: unknown option", source);
		if (option->kind == OPTION_NUMBER && json_is_integer(value))
			(void)snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(value));
		else if (option->kind == OPTION_SWITCH && json_is_boolean(value))
			(void)snprintf(text, sizeof(text), "%s", json_is_true(value) ? "true" : "false");
		else if (!json_is_string(value))
			return refuse_type(option, value, source, err);
		if (set(config, option, json_is_string(value) ? json_string_value(value) : text, source, err) != TD_OK)
			return err->code;
	}
	return TD_OK;
}

/* Reads --flag value, --flag=value, and of a switch --flag alone. only_config: just look for --config, because the file comes before the rest. */
static enum td_error_code load_flags(struct td_config *config, int argc, char *const *argv, bool only_config,
				     bool *show_help, bool *show_version, struct td_error *err)
{
	for (int i = 1; i < argc; i++) {
		const char *name = argv[i] + 2, *value = strchr(argv[i], '=');
		const struct option *option;
		char source[96];

		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			*show_help = true;
		else if (strcmp(argv[i], "--version") == 0)
			*show_version = true;
		if (*show_help || *show_version)
			return TD_OK;
		option = strncmp(argv[i], "--", 2) == 0 ? find_flag(name, value ? (size_t)(value - name) : strlen(name))
							: NULL;
		if (!option)
			return td_error_set(err, TD_ERR_INVALID, "unknown flag \"%s\"; see --help", argv[i]);
		(void)snprintf(source, sizeof(source), "flag --%s", option->flag);
		if (!value && option->kind == OPTION_SWITCH)
			value = "=true";
		if (!value && i + 1 >= argc)
			return td_error_set(err, TD_ERR_INVALID, "%s: a value is missing", source);
		value = value ? value + 1 : argv[++i];
		if (only_config && strcmp(option->flag, "config") != 0)
			continue;
		if (set(config, option, value, source, err) != TD_OK)
			return err->code;
	}
	return TD_OK;
}

/* Bad values come before missing ones: they are what somebody wrote, while what is missing is often just the pod's environment. */
static enum td_error_code check(struct td_config *config, struct td_error *err)
{
	if (td_config_check(config, err) != TD_OK)
		return err->code;
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		char name[96];

		to_env(options[i].flag, name, sizeof(name));
		if (options[i].required && (*text_of(config, &options[i]))[0] == '\0')
			return td_error_set(err, TD_ERR_INVALID, "--%s is required (or the environment variable %s)",
					    options[i].flag, options[i].env_alias ? options[i].env_alias : name);
	}
	return TD_OK;
}

enum td_error_code td_config_load(struct td_config *ret, int argc, char *const *argv, char *const *env, bool *show_help,
				  bool *show_version, struct td_error *err)
{
	*ret = (struct td_config){0};
	*show_help = *show_version = false;
	if (load_defaults(ret, err) != TD_OK || load_flags(ret, argc, argv, true, show_help, show_version, err) != TD_OK)
		return err->code;
	if (*show_help || *show_version)
		return TD_OK;
	if (ret->config_file[0] == '\0' && env_value(env, "TICDC_DRAIN_CONFIG")) {
		if (set(ret, &options[0], env_value(env, "TICDC_DRAIN_CONFIG"), "environment variable TICDC_DRAIN_CONFIG",
			err) != TD_OK)
			return err->code;
	}
	if (ret->config_file[0] && load_file(ret, ret->config_file, err) != TD_OK)
		return err->code;
	if (load_environment(ret, env, err) != TD_OK ||
	    load_flags(ret, argc, argv, false, show_help, show_version, err) != TD_OK)
		return err->code;
	return check(ret, err);
}

void td_config_done(struct td_config *config)
{
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (options[i].kind != OPTION_TEXT)
			continue;
		free(*text_of(config, &options[i]));
		*text_of(config, &options[i]) = NULL;
	}
}

void td_config_print_help(FILE *out)
{
	(void)fputs("ticdc-drain-sidecar: drains the TiCDC capture of its pod before the pod stops.\n\n"
		    "Each option is a flag, an environment variable (--pod-name: TICDC_DRAIN_POD_NAME) or a key of the\n"
		    "YAML file given with --config (podName). Flags win over the environment, that over the file.\n\n",
		    out);
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		(void)fprintf(out, "  --%-26s %s", options[i].flag, options[i].help);
		if (options[i].kind == OPTION_NUMBER)
			(void)fprintf(out, ", %lld to %lld", (long long)options[i].min, (long long)options[i].max);
		if (options[i].initial[0])
			(void)fprintf(out, " (default: %s)", options[i].initial);
		if (options[i].env_alias)
			(void)fprintf(out, " [%s]", options[i].env_alias);
		(void)fputc('\n', out);
	}
	(void)fputs("  --help, --version\n", out);
}
