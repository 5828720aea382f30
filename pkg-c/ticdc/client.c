/* See client.h. The calls that are one request each: ask, decode, put "what from whom" in front of an error, tell. */
#include "base/text.h"
#include "ticdc/answer.h"
#include "ticdc/call.h"
#include "ticdc/decode.h"
#include "ticdc/request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct single {
	struct td_ticdc_call call;
	union {
		td_ticdc_status_fn status;
		td_ticdc_captures_fn captures;
		td_ticdc_drain_fn drain;
		td_ticdc_accept_fn accept;
	} done;
	enum td_error_code (*decode)(const struct td_http_response *response, struct td_error *err); /* of accept */
	void *userdata;
	char what[TD_TEXT_MAX]; /* for errors: what is asked, and whom */
	char *address, *second; /* drain: the path to ask when the first is unknown; NULL: there is none, or it was asked */
};

static void destroy(struct td_ticdc_call *call)
{
	struct single *single = (struct single *)call;

	free(single->address);
	free(single->second);
	free(single);
}

static struct single *single_new(struct td_ticdc_client *client, void *userdata)
{
	struct single *single = calloc(1, sizeof(*single));

	if (!single)
		return NULL;
	td_ticdc_call_init(&single->call, client, destroy);
	single->userdata = userdata;
	return single;
}

/* Sends it, or undoes single_new when there is no memory. */
static struct td_ticdc_call *single_start(struct single *single, const struct td_ticdc_question *question,
					  td_ticdc_answer_fn on_answer)
{
	if (td_ticdc_ask(&single->call, question, on_answer, single))
		return &single->call;
	td_ticdc_cancel(&single->call);
	return NULL;
}

static void on_status(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct single *single = userdata;
	struct td_ticdc_status status = {.has_liveness = false};
	struct td_error err = *transport;

	if (err.code != TD_OK || td_ticdc_decode_status(response, &status, &err) != TD_OK)
		td_error_wrap(&err, "%s", single->what);
	td_ticdc_call_close(&single->call);
	single->done.status(&status, &err, single->userdata);
	destroy(&single->call);
}

struct td_ticdc_call *td_ticdc_get_status(struct td_ticdc_client *c, const char *address, const char *connect_to,
					  td_ticdc_status_fn done, void *userdata)
{
	struct single *single = single_new(c, userdata);

	if (!single)
		return NULL;
	single->done.status = done;
	(void)snprintf(single->what, sizeof(single->what), "status from %s", address);
	return single_start(
		single,
		&(struct td_ticdc_question){
			.endpoint = TD_ENDPOINT_STATUS, .address = address, .connect_to = connect_to, .path = "/status"},
		on_status);
}

static void on_captures(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct single *single = userdata;
	struct td_ticdc_capture *captures = NULL;
	struct td_error err = *transport;
	size_t count = 0;

	if (err.code != TD_OK || td_ticdc_decode_captures(response, &captures, &count, &err) != TD_OK)
		td_error_wrap(&err, "%s", single->what);
	td_ticdc_call_close(&single->call);
	single->done.captures(captures, count, &err, single->userdata);
	free(captures);
	destroy(&single->call);
}

struct td_ticdc_call *td_ticdc_get_captures(struct td_ticdc_client *c, const char *address, const char *connect_to,
					    td_ticdc_captures_fn done, void *userdata)
{
	struct single *single = single_new(c, userdata);

	if (!single)
		return NULL;
	single->done.captures = done;
	(void)snprintf(single->what, sizeof(single->what), "captures from %s", address);
	return single_start(single,
			    &(struct td_ticdc_question){.endpoint = TD_ENDPOINT_CAPTURES,
							.address = address,
							.connect_to = connect_to,
							.path = "/api/v2/captures"},
			    on_captures);
}

static void finish_drain(struct single *single, const struct td_http_response *response, const struct td_error *transport)
{
	struct td_ticdc_fault fault = {{0}};
	struct td_error err = *transport;
	int64_t answer = -1; /* with an error: not a count, whoever forgets to look */

	if (err.code != TD_OK || td_ticdc_decode_drain(response, &answer, &err) != TD_OK) {
		(void)td_ticdc_answer_fault(response, &fault);
		td_error_wrap(&err, "%s", single->what);
	}
	td_ticdc_call_close(&single->call);
	single->done.drain(answer, &fault, &err, single->userdata);
	destroy(&single->call);
}

static void on_drain(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct single *single = userdata;
	char *path = single->second;
	bool asked = false;

	single->second = NULL;
	if (path && transport->code == TD_OK && td_ticdc_answer_is_unknown_route(response))
		asked = td_ticdc_ask(&single->call,
				     &(struct td_ticdc_question){
					     .endpoint = TD_ENDPOINT_DRAIN_V2, .address = single->address, .path = path},
				     on_drain, single);
	free(path);
	if (!asked)
		finish_drain(single, response, transport);
}

struct td_ticdc_call *td_ticdc_put_drain(struct td_ticdc_client *c, const char *address, const char *capture_id,
					 td_ticdc_drain_fn done, void *userdata)
{
	struct single *single = single_new(c, userdata);
	char body[TD_ID_MAX + 32];
	bool valid = td_ticdc_is_id(capture_id);

	if (!single)
		return NULL;
	single->done.drain = done;
	single->address = strdup(address);
	if (!single->address || (valid && asprintf(&single->second, "/api/v2/captures/%s/drain", capture_id) < 0)) {
		single->second = NULL; /* asprintf leaves it undefined */
		td_ticdc_cancel(&single->call);
		return NULL;
	}
	(void)snprintf(single->what, sizeof(single->what), "drain of %s from %s", capture_id, address);
	(void)snprintf(body, sizeof(body), "{\"capture_id\":\"%s\"}", valid ? capture_id : "");
	return single_start(single,
			    &(struct td_ticdc_question){.endpoint = TD_ENDPOINT_DRAIN,
							.address = address,
							.path = valid ? "/api/v1/captures/drain" : NULL,
							.body = body},
			    on_drain);
}

static void on_accepted(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct single *single = userdata;
	struct td_ticdc_fault fault = {{0}};
	struct td_error err = *transport;

	if (err.code != TD_OK || single->decode(response, &err) != TD_OK) {
		(void)td_ticdc_answer_fault(response, &fault);
		td_error_wrap(&err, "%s", single->what);
	}
	td_ticdc_call_close(&single->call);
	single->done.accept(&fault, &err, single->userdata);
	destroy(&single->call);
}

/* v2, because its answer is a 200 with an object in every new-architecture build; the v1 route says 202. */
struct td_ticdc_call *td_ticdc_post_resign(struct td_ticdc_client *c, const char *address, td_ticdc_accept_fn done,
					   void *userdata)
{
	struct single *single = single_new(c, userdata);

	if (!single)
		return NULL;
	single->done.accept = done;
	single->decode = td_ticdc_decode_accepted;
	(void)snprintf(single->what, sizeof(single->what), "resign from %s", address);
	return single_start(single,
			    &(struct td_ticdc_question){
				    .endpoint = TD_ENDPOINT_RESIGN, .address = address, .path = "/api/v2/owner/resign"},
			    on_accepted);
}

static struct td_ticdc_call *move(struct single *single, enum td_ticdc_endpoint endpoint, const char *resource,
				  const char *address, const char *name, const char *query, td_ticdc_accept_fn done)
{
	struct td_ticdc_call *call;
	char *path;

	if (!single)
		return NULL;
	single->done.accept = done;
	single->decode = td_ticdc_decode_accepted;
	path = query ? td_ticdc_changefeed_path(name, resource, query) : NULL;
	call = single_start(single, &(struct td_ticdc_question){.endpoint = endpoint, .address = address, .path = path},
			    on_accepted);
	free(path);
	return call;
}

static struct td_ticdc_call *move_classic(struct single *single, const char *address, const char *name, int64_t table_id,
					  const char *to_capture, td_ticdc_accept_fn done)
{
	char *path = td_ticdc_is_id(to_capture) ? td_ticdc_classic_move_path(name) : NULL;
	char body[TD_ID_MAX + 64];
	struct td_ticdc_call *call;

	single->done.accept = done;
	single->decode = td_ticdc_decode_queued;
	(void)snprintf(body, sizeof(body), "{\"capture_id\":\"%s\",\"table_id\":%" PRId64 "}", path ? to_capture : "",
		       table_id);
	call = single_start(single,
			    &(struct td_ticdc_question){
				    .endpoint = TD_ENDPOINT_MOVE_TABLE, .address = address, .path = path, .body = body},
			    on_accepted);
	free(path);
	return call;
}

struct td_ticdc_call *td_ticdc_post_move_table(struct td_ticdc_client *c, enum td_family family, const char *address,
					       const char *name, int64_t table_id, int mode, const char *to_capture,
					       td_ticdc_accept_fn done, void *userdata)
{
	struct single *single = single_new(c, userdata);
	char query[TD_ID_MAX + 96];

	if (!single)
		return NULL;
	(void)snprintf(single->what, sizeof(single->what), "move table %" PRId64 " of %s to %s from %s", table_id, name,
		       to_capture, address);
	if (family == TD_FAMILY_CLASSIC)
		return move_classic(single, address, name, table_id, to_capture, done);
	(void)snprintf(query, sizeof(query), "&tableID=%" PRId64 "&targetNodeID=%s&mode=%d&wait=false", table_id, to_capture,
		       mode);
	return move(single, TD_ENDPOINT_MOVE_TABLE, "move_table", address, name, td_ticdc_is_id(to_capture) ? query : NULL,
		    done);
}

struct td_ticdc_call *td_ticdc_post_move_maintainer(struct td_ticdc_client *c, const char *address, const char *name,
						    const char *to_capture, td_ticdc_accept_fn done, void *userdata)
{
	struct single *single = single_new(c, userdata);
	char query[TD_ID_MAX + 64];

	if (single)
		(void)snprintf(single->what, sizeof(single->what), "move maintainer of %s to %s from %s", name, to_capture,
			       address);
	(void)snprintf(query, sizeof(query), "&targetNodeID=%s&wait=false", to_capture);
	return move(single, TD_ENDPOINT_MOVE_MAINTAINER, "move_maintainer", address, name,
		    td_ticdc_is_id(to_capture) ? query : NULL, done);
}
