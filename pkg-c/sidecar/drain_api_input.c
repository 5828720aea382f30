/* See drain_api_input.h. */
#include "sidecar/drain_api_input.h"

#include "base/json.h"
#include "kube/selector.h"
#include "sidecar/drainrequest.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* RFC 6750: what a token may hold, and '=' at its end. Anything else would have to be quoted somewhere on its way. */
const char *td_drain_input_token(const char *header)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
	static const char scheme[] = "Bearer ";
	const char *token;
	size_t len;

	if (!header || strncasecmp(header, scheme, strlen(scheme)) != 0)
		return NULL;
	token = header + strlen(scheme);
	token += strspn(token, " ");
	len = strspn(token, plain);
	if (len == 0 || token[len + strspn(token + len, "=")] != '\0')
		return NULL;
	return token;
}

enum td_error_code td_drain_input_capture(char ret[TD_ID_MAX], const char *text, size_t len, struct td_error *err)
{
	if (!td_kube_is_dns_label(text, len) || len >= TD_ID_MAX)
		return td_error_set(err, TD_ERR_INVALID,
				    "capture_id: \"%.*s\" is none: lower case letters, digits and '-' inside, %d at most",
				    len < TD_ID_MAX ? (int)len : TD_ID_MAX, text, TD_ID_MAX - 1);
	(void)memcpy(ret, text, len);
	ret[len] = '\0';
	return TD_OK;
}

/* what: why not, after the value. */
static enum td_error_code refuse(const char *name, const json_t *value, const char *what, struct td_error *err)
{
	char *shown = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
	enum td_error_code code =
		td_error_set(err, TD_ERR_INVALID, "%.64s: %.64s %s", name, shown ? shown : "the value", what);

	free(shown);
	return code;
}

static enum td_error_code read_number(int64_t *ret, const char *name, const json_t *value, int64_t max, struct td_error *err)
{
	char what[64];

	if (json_is_integer(value) && json_integer_value(value) >= 1 && json_integer_value(value) <= max) {
		*ret = json_integer_value(value);
		return TD_OK;
	}
	(void)snprintf(what, sizeof(what), "is no whole number from 1 to %lld", (long long)max);
	return refuse(name, value, what, err);
}

static enum td_error_code read_member(struct td_drain_input *ret, const char *name, const json_t *value,
				      struct td_error *err)
{
	if (strcmp(name, "batch_size") == 0)
		return read_number(&ret->batch_size, name, value, TD_DRAIN_BATCH_MAX, err);
	if (strcmp(name, "timeout_seconds") == 0)
		return read_number(&ret->timeout_seconds, name, value, TD_DRAIN_TIMEOUT_MAX_S, err);
	if (strcmp(name, "dry_run") != 0)
		return refuse(name, value, "is given, but there is no such field (batch_size, timeout_seconds, dry_run)",
			      err);
	if (!json_is_boolean(value))
		return refuse(name, value, "is neither true nor false", err);
	ret->dry_run = json_is_true(value);
	return TD_OK;
}

enum td_error_code td_drain_input_body(struct td_drain_input *ret, const char *text, size_t len, struct td_error *err)
{
	json_auto_t *root = NULL;
	const char *name;
	json_t *value;

	*ret = (struct td_drain_input){0};
	if (len == 0)
		return TD_OK;
	root = td_json_parse(text, len, JSON_REJECT_DUPLICATES, err);
	if (!root) {
		if (err->code != TD_ERR_NOMEM)
			err->code = TD_ERR_INVALID;
		td_error_wrap(err, "body");
		return err->code;
	}
	if (!json_is_object(root))
		return td_error_set(err, TD_ERR_INVALID, "body: a JSON object is expected, or nothing");
	json_object_foreach (root, name, value)
		if (read_member(ret, name, value, err) != TD_OK)
			return err->code;
	return TD_OK;
}
