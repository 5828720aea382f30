/* See client.h: what can this TiCDC do? Found by behaviour, because versions lie: the same string is worn by builds with and
 * without a real drain (contract 0, 6.3), and one binary runs two architectures. In this order:
 *
 *	/status            no liveness                          -> C
 *	move_maintainer    of a changefeed that cannot exist:
 *	                   refused in TiCDC's own words         -> M    the route exists
 *	                   gin's 404 page                       -> go on
 *	captures           fewer than two                       -> error: the next answer would mean nothing
 *	drain              of a capture that cannot exist:
 *	                   202 with a count                     -> N0   it counts calls, not tables (row 1)
 *	                   400 CDC:ErrCaptureNotExist           -> N1
 *
 * Everything else is an error and the caller asks again later. The probes change nothing; the last one advances N0's call
 * counter by one. It judges the coordinator's build only: with mixed versions (row 2) the answer is about the
 * coordinator. */
#include "ticdc/answer.h"
#include "ticdc/call.h"
#include "ticdc/decode.h"
#include "ticdc/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define UUID_SIZE 37

struct detection {
	struct td_ticdc_call call;
	char *address, *connect_to;
	char nobody[UUID_SIZE]; /* an id that is no capture's */
	td_ticdc_family_fn done;
	void *userdata;
};

static void destroy(struct td_ticdc_call *call)
{
	struct detection *detection = (struct detection *)call;

	free(detection->address);
	free(detection->connect_to);
	free(detection);
}

static void finish(struct detection *detection, enum td_family family, const char *why)
{
	struct td_error none;

	td_error_clear(&none);
	td_ticdc_call_close(&detection->call);
	detection->done(family, why, &none, detection->userdata);
	destroy(&detection->call);
}

static void fail(struct detection *detection, const struct td_error *why, const char *what)
{
	struct td_error err = *why;

	td_error_wrap(&err, "%s from %s", what, detection->address);
	td_ticdc_call_close(&detection->call);
	detection->done(TD_FAMILY_UNKNOWN, "", &err, detection->userdata);
	destroy(&detection->call);
}

static void fail_unclear(struct detection *detection, const struct td_http_response *response, const char *what)
{
	struct td_error err;

	td_error_set(&err, TD_ERR_PROTOCOL, "%d: the answer tells no family", response->status);
	err.http_status = response->status;
	fail(detection, &err, what);
}

static bool ask(struct detection *detection, enum td_ticdc_endpoint endpoint, const char *path, const char *body,
		td_ticdc_answer_fn on_answer)
{
	return td_ticdc_ask(&detection->call,
			    &(struct td_ticdc_question){.endpoint = endpoint,
							.address = detection->address,
							.connect_to = detection->connect_to,
							.path = path,
							.body = body},
			    on_answer, detection);
}

static void ask_or_fail(struct detection *detection, enum td_ticdc_endpoint endpoint, const char *path, const char *body,
			td_ticdc_answer_fn on_answer)
{
	struct td_error err;

	if (!ask(detection, endpoint, path, body, on_answer)) {
		td_error_set(&err, TD_ERR_NOMEM, "out of memory");
		fail(detection, &err, "family");
	}
}

static void on_drain(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct detection *detection = userdata;
	struct td_error err = *transport;
	struct td_ticdc_fault fault;
	int64_t count;

	if (err.code == TD_OK && td_ticdc_decode_drain(response, &count, &err) == TD_OK)
		finish(detection, TD_FAMILY_FAKE_DRAIN, "the drain call accepts a capture that does not exist");
	else if (response->status == 400 && td_ticdc_answer_fault(response, &fault) &&
		 strcmp(fault.error_code, "CDC:ErrCaptureNotExist") == 0)
		finish(detection, TD_FAMILY_NATIVE, "the drain call refuses a capture that does not exist");
	else
		fail(detection, &err, "drain probe");
}

static void on_captures(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct detection *detection = userdata;
	struct td_ticdc_capture *captures = NULL;
	struct td_error err = *transport;
	size_t count = 0;
	char body[64];

	if (err.code == TD_OK && td_ticdc_decode_captures(response, &captures, &count, &err) == TD_OK && count < 2)
		td_error_set(&err, TD_ERR_PROTOCOL, "a single capture is registered: the drain probe would tell nothing");
	free(captures);
	if (err.code != TD_OK) {
		fail(detection, &err, "captures");
		return;
	}
	(void)snprintf(body, sizeof(body), "{\"capture_id\":\"%s\"}", detection->nobody);
	ask_or_fail(detection, TD_ENDPOINT_DRAIN, "/api/v1/captures/drain", body, on_drain);
}

/* An unknown route is always gin's page (2.4), so a refusal in TiCDC's own two strings proves the route. Not so 401, which
 * may come from in front of it, and never a success: nothing of that name exists. */
static void on_move(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct detection *detection = userdata;
	struct td_ticdc_fault fault;

	if (transport->code != TD_OK)
		fail(detection, transport, "move_maintainer probe");
	else if (td_ticdc_answer_is_unknown_route(response))
		ask_or_fail(detection, TD_ENDPOINT_CAPTURES, "/api/v2/captures", NULL, on_captures);
	else if ((response->status == 400 || response->status == 500) && td_ticdc_answer_fault(response, &fault))
		finish(detection, TD_FAMILY_MANAGED, "the capture knows move_maintainer");
	else
		fail_unclear(detection, response, "move_maintainer probe");
}

static void on_status(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct detection *detection = userdata;
	struct td_error err = *transport;
	struct td_ticdc_status status;
	char name[64], query[96], *path;

	if (err.code != TD_OK || td_ticdc_decode_status(response, &status, &err) != TD_OK) {
		fail(detection, &err, "status");
	} else if (!status.has_liveness) {
		finish(detection, TD_FAMILY_CLASSIC, "the status has no liveness");
	} else {
		(void)snprintf(name, sizeof(name), "default/probe-%s", detection->nobody);
		(void)snprintf(query, sizeof(query), "&targetNodeID=%s&wait=false", detection->nobody);
		path = td_ticdc_changefeed_path(name, "move_maintainer", query);
		ask_or_fail(detection, TD_ENDPOINT_MOVE_MAINTAINER, path, NULL, on_move);
		free(path);
	}
}

/* A random UUID (version 4): an id that nobody has. False when the system has no randomness to give. */
static bool make_nobody(char into[UUID_SIZE])
{
	uint8_t b[16];

	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		return false;
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	(void)snprintf(into, UUID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		       b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
	return true;
}

struct td_ticdc_call *td_ticdc_detect_family(struct td_ticdc_client *c, const char *address, const char *connect_to,
					     td_ticdc_family_fn done, void *userdata)
{
	struct detection *detection = calloc(1, sizeof(*detection));

	if (!detection)
		return NULL;
	td_ticdc_call_init(&detection->call, c, destroy);
	*td_ticdc_call_kernel(&detection->call) = TD_KERNEL_UNKNOWN; /* an upgrade may have changed that too */
	detection->done = done;
	detection->userdata = userdata;
	detection->address = strdup(address);
	detection->connect_to = connect_to ? strdup(connect_to) : NULL;
	if (detection->address && (!connect_to || detection->connect_to) && make_nobody(detection->nobody) &&
	    ask(detection, TD_ENDPOINT_STATUS, "/status", NULL, on_status))
		return &detection->call;
	td_ticdc_cancel(&detection->call);
	return NULL;
}
