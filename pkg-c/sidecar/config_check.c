/* See config_check.h. What is refused here would otherwise show as a sidecar that starts, guards nothing, and complains for ever. */
#include "sidecar/config_check.h"

#include "base/log.h"
#include "base/text.h"
#include "kube/selector.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_host(const char *text, size_t len)
{
	bool bracketed = len > 2 && text[0] == '[' && text[len - 1] == ']'; /* IPv6 */

	if (len == 0 || len > 253)
		return false;
	for (size_t i = bracketed; i < len - bracketed; i++)
		if (bracketed ? !isxdigit((unsigned char)text[i]) && !strchr(":.", text[i])
			      : !isalnum((unsigned char)text[i]) && !strchr("-._", text[i]))
			return false;
	return true;
}

static enum td_error_code check_address(const char *flag, const char *value, struct td_error *err)
{
	const char *colon = strrchr(value, ':');
	int64_t port;

	if (!value[0] || (colon && is_host(value, (size_t)(colon - value)) && td_text_to_int64(colon + 1, 1, 65535, &port)))
		return TD_OK;
	return td_error_set(err, TD_ERR_INVALID, "--%s: \"%s\" is not host:port (127.0.0.1:8300, [::1]:8300; no http://)",
			    flag, value);
}

/* Its first byte is read: opening alone says nothing about a directory. */
static enum td_error_code check_file(const char *flag, const char *path, struct td_error *err)
{
	int fd, saved;
	ssize_t got;
	char byte;

	if (!path[0])
		return TD_OK;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	got = fd < 0 ? -1 : read(fd, &byte, 1);
	saved = errno;
	if (fd >= 0)
		(void)close(fd);
	if (got == 1)
		return TD_OK;
	return td_error_set(err, TD_ERR_INVALID, "--%s: \"%s\": %s", flag, path, got == 0 ? "is empty" : strerror(saved));
}

static enum td_error_code check_pair(const char *a_name, const char *a, const char *b_name, const char *b,
				     struct td_error *err)
{
	if ((a[0] != '\0') != (b[0] != '\0'))
		return td_error_set(err, TD_ERR_INVALID, "--%s and --%s go together: only one is given", a_name, b_name);
	return TD_OK;
}

static enum td_error_code check_words(const struct td_config *config, struct td_error *err)
{
	if (config->on_timeout[0] && strcmp(config->on_timeout, "Release") != 0 && strcmp(config->on_timeout, "Hold") != 0)
		return td_error_set(err, TD_ERR_INVALID, "--on-timeout: \"%s\" is neither Release nor Hold",
				    config->on_timeout);
	if (config->log_level[0] && td_log_level_from_text(config->log_level) < 0)
		return td_error_set(err, TD_ERR_INVALID, "--log-level: \"%s\" is not debug, info, warn or error",
				    config->log_level);
	if (config->cluster[0] && !td_kube_is_dns_label(config->cluster, strlen(config->cluster)))
		return td_error_set(err, TD_ERR_INVALID,
				    "--cluster: \"%s\" cannot be part of a Lease's name: lower case letters, digits and '-' "
				    "inside, 63 at most",
				    config->cluster);
	return TD_OK;
}

/* What listens there can be reached from this pod alone. Anything else, a name too, is not taken for that. */
static bool is_loopback(const char *listen)
{
	const char *colon = strrchr(listen, ':');
	char host[INET_ADDRSTRLEN];
	struct in_addr address;

	if (strncmp(listen, "[::1]:", strlen("[::1]:")) == 0)
		return true;
	if (!colon || (size_t)(colon - listen) >= sizeof(host))
		return false;
	(void)snprintf(host, sizeof(host), "%.*s", (int)(colon - listen), listen);
	return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET;
}

static enum td_error_code check_api(const struct td_config *config, struct td_error *err)
{
	if (!config->drain_api || config->tls_cert[0] || is_loopback(config->listen))
		return TD_OK;
	return td_error_set(
		err, TD_ERR_INVALID,
		"--drain-api: --tls-cert and --tls-key are missing: bearer tokens would cross the network in the "
		"clear to --listen %s (only a loopback address needs no TLS)",
		config->listen);
}

enum td_error_code td_config_check(const struct td_config *config, struct td_error *err)
{
	if (check_words(config, err) != TD_OK || check_address("ticdc-address", config->ticdc_address, err) != TD_OK)
		return err->code;
	if (td_kube_selector_check(config->pod_selector, err) != TD_OK) {
		td_error_wrap(err, "--pod-selector");
		return err->code;
	}
	if (check_pair("tls-cert", config->tls_cert, "tls-key", config->tls_key, err) != TD_OK ||
	    check_pair("ticdc-cert", config->ticdc_cert, "ticdc-key", config->ticdc_key, err) != TD_OK ||
	    check_pair("ticdc-user", config->ticdc_user, "ticdc-password-file", config->ticdc_password_file, err) != TD_OK ||
	    check_api(config, err) != TD_OK)
		return err->code;
	if (check_file("ticdc-ca", config->ticdc_ca, err) != TD_OK ||
	    check_file("ticdc-cert", config->ticdc_cert, err) != TD_OK ||
	    check_file("ticdc-key", config->ticdc_key, err) != TD_OK ||
	    check_file("ticdc-password-file", config->ticdc_password_file, err) != TD_OK)
		return err->code;
	return TD_OK;
}
