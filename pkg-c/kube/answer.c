/* Errors out of Status objects (metav1.Status): code, reason, message, details.retryAfterSeconds. Something between us and
 * the API server (a proxy, a load balancer) may answer with anything; then the HTTP status alone is told, never the body. */
#include "kube/answer.h"

#include "base/json.h"

#include <string.h>

#define RETRY_AFTER_MAX_S (24 * 3600)

json_t *td_kube_parse(const char *text, size_t len, struct td_error *err)
{
	/* Annotations may hold a NUL; without the flag one such pod would end the whole watch. */
	return td_json_parse(text, len, JSON_ALLOW_NUL, err);
}

enum td_error_code td_kube_error_from_status(struct td_error *err, int http_status, const json_t *status)
{
	const char *kind = td_json_text(status, "kind");
	const char *reason = td_json_text(status, "reason"), *message = td_json_text(status, "message");
	enum td_error_code code;
	int64_t seconds;

	if (!kind || strcmp(kind, "Status")) {
		code = td_error_set(err, TD_ERR_HTTP, "%d without a Status", http_status);
		if (err)
			err->http_status = http_status;
		return code;
	}
	code = td_error_set(err, TD_ERR_HTTP, "%d%s%s: %s", http_status, reason && *reason ? " " : "", reason ? reason : "",
			    message && *message ? message : "no message");
	if (!err)
		return code;
	err->http_status = http_status;
	if (td_json_int(status, "details.retryAfterSeconds", &seconds) && seconds > 0)
		err->retry_after_ms = (seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S) * 1000;
	return code;
}

enum td_error_code td_kube_error_from_event(struct td_error *err, const json_t *status)
{
	const char *reason = td_json_text(status, "reason");
	int64_t code;

	if (!td_json_int(status, "code", &code) || code < 400 || code > 599)
		code = 500;
	if (reason && (!strcmp(reason, "Expired") || !strcmp(reason, "Gone")))
		code = 410;
	return td_kube_error_from_status(err, (int)code, status);
}
