/* What the API server says when it says no, and reading its JSON. */
#ifndef TD_KUBE_ANSWER_H
#define TD_KUBE_ANSWER_H

#include "base/error.h"

#include <jansson.h>

/* A whole JSON text to a tree (new reference). NULL with *err set to TD_ERR_PROTOCOL or TD_ERR_NOMEM. */
json_t *td_kube_parse(const char *text, size_t len, struct td_error *err);

/* Sets *err to TD_ERR_HTTP with http_status and retry_after_ms. status: a Status object, or NULL or anything else when the
 * answer was none. "409 Conflict: the object has been modified". Returns TD_ERR_HTTP. */
enum td_error_code td_kube_error_from_status(struct td_error *err, int http_status, const json_t *status);

/* The same for an ERROR event of a watch: the status is in the object. Reasons Expired and Gone become 410. */
enum td_error_code td_kube_error_from_event(struct td_error *err, const json_t *status);

#endif
