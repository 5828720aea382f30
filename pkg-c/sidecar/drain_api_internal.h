/* The inside of the drain API, shared by its source files only: drain_api.c (routes, who asks, answers) and drain_api_find.c (what is
 * asked for: the objects, TiCDC's captures, the new request). */
#ifndef TD_SIDECAR_DRAIN_API_INTERNAL_H
#define TD_SIDECAR_DRAIN_API_INTERNAL_H

#include "kube/review.h"
#include "sidecar/drain_api.h"
#include "sidecar/drain_api_input.h"
#include "sidecar/drain_api_search.h"

#define TD_CDC_INVALID_PARAM "CDC:ErrAPIInvalidParam"
#define TD_CDC_NO_CAPTURE "CDC:ErrCaptureNotExist"
#define TD_CDC_REQUEST_FAILED "CDC:ErrSchedulerRequestFailed"
#define TD_CDC_NO_CREDENTIAL "CDC:ErrCredentialNotFound"
#define TD_CDC_UNAUTHORIZED "CDC:ErrUnauthorized"

struct td_drain_api {
	struct td_drain_api_options options;
	struct td_reviewer *reviewer;
	int asks; /* under way */
};

/* One request under way: at most one of the three calls at a time. Ends with its answer, or when the client goes. */
struct td_drain_ask {
	struct td_drain_api *api;
	struct td_http_exchange *exchange;
	bool put;
	struct td_review *review;
	struct td_ticdc_call *captures;
	struct td_kube_call *writing;
	char user[TD_REVIEW_USER_MAX];
	char capture[TD_ID_MAX];
	char pod[TD_NAME_MAX]; /* the capture's; "": not known */
	struct td_drain_input input;
	char name[TD_NAME_MAX]; /* of the object being made */
};

/* ---- drain_api.c: both end the ask ---- */

/* In TiCDC's own form. cdc_code: "" for what TiCDC has no code for. */
void td_drain_ask_refuse(struct td_drain_ask *ask, int status, const char *cdc_code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* 202 to a PUT, 200 to a GET: what the object says. */
void td_drain_ask_answer(struct td_drain_ask *ask, const struct td_drain_search *search, json_t *object);

/* ---- drain_api_find.c ---- */

/* Who asks is known and allowed to: the rest, to its answer. */
void td_drain_ask_go_on(struct td_drain_ask *ask);

#endif
