/* REST calls: one HTTP request each, JSON in, JSON out.
 *
 * A call knows in words what it is for ("get pods ns/name"), so that every error says it. It lives from td_kube_start until
 * its done returns, or until it is cancelled; done runs last, when the call is gone already, so that it may cancel others,
 * start new ones, and free the client.
 *
 * A 401 makes the token stale: the next request reads the file again. The request itself is not repeated here; every caller
 * has a retry of its own. What is not done here: retries, rate limits, redirects. */
#include "kube/client_internal.h"

#include "kube/answer.h"
#include "kube/token.h"
#include "kube/url.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_MS 3000
#define TOTAL_MS 10000
#define IDLE_MS 10000
#define LIST_MAX (32u << 20)
#define BODY_MAX (4u << 20)

struct td_kube_client {
	struct td_loop *loop;
	struct td_http_client *http;
	const struct td_kube_config *config;
	char *user_agent; /* the whole header */
	struct td_kube_token token;
	struct td_kube_call *calls;
};

struct td_kube_call {
	struct td_kube_client *client;
	struct td_kube_call *next, **link; /* link: what points to us */
	struct td_http_call *http;
	td_http_data_fn on_data; /* NULL: no watch */
	td_kube_done_fn done;
	void *userdata;
	char what[224];
};

static const struct {
	const char *method, *word, *content_type;
} verbs[] = {
	[TD_KUBE_GET] = {"GET", "get", NULL},
	[TD_KUBE_LIST] = {"GET", "list", NULL},
	[TD_KUBE_CREATE] = {"POST", "create", "Content-Type: application/json"},
	[TD_KUBE_PATCH] = {"PATCH", "patch", "Content-Type: application/merge-patch+json"},
	[TD_KUBE_PUT] = {"PUT", "put", "Content-Type: application/json"},
	[TD_KUBE_DELETE] = {"DELETE", "delete", "Content-Type: application/json"},
};

struct td_kube_client *td_kube_client_new(struct td_loop *loop, struct td_http_client *http,
					  const struct td_kube_config *config, const char *user_agent)
{
	static const char prefix[] = "User-Agent: ";
	struct td_kube_client *client = calloc(1, sizeof(*client));
	size_t size = sizeof(prefix) + strlen(user_agent);

	if (!client)
		return NULL;
	client->loop = loop;
	client->http = http;
	client->config = config;
	client->user_agent = malloc(size);
	if (!client->user_agent)
		return td_kube_client_free(client);
	(void)snprintf(client->user_agent, size, "%s%s", prefix, user_agent);
	return client;
}

/* Takes the call out of the client's list. */
static void unlink_call(struct td_kube_call *call)
{
	*call->link = call->next;
	if (call->next)
		call->next->link = call->link;
}

static void link_call(struct td_kube_client *client, struct td_kube_call *call)
{
	call->next = client->calls;
	call->link = &client->calls;
	if (call->next)
		call->next->link = &call->next;
	client->calls = call;
}

void td_kube_cancel(struct td_kube_call *call)
{
	td_http_cancel(call->http);
	unlink_call(call);
	free(call);
}

struct td_kube_client *td_kube_client_free(struct td_kube_client *client)
{
	if (!client)
		return NULL;
	while (client->calls)
		td_kube_cancel(client->calls);
	td_kube_token_done(&client->token);
	free(client->user_agent);
	free(client);
	return NULL;
}

/* An answer with a status that is not success. */
static void refuse(const struct td_http_response *response, struct td_error *err)
{
	struct td_error ignored;
	json_t *status = td_kube_parse(response->body, response->body_len, &ignored);

	(void)td_kube_error_from_status(err, response->status, status);
	json_decref(status);
	if (response->retry_after_ms >= 0)
		err->retry_after_ms = response->retry_after_ms;
}

/* The object of the answer, or NULL with *err set; for a watch always NULL. */
static json_t *accept(struct td_kube_call *call, const struct td_http_response *response, struct td_error *err)
{
	json_t *object;

	if (response->status == 401)
		call->client->token.stale = true;
	if (response->status < 200 || response->status > 299) {
		refuse(response, err);
		return NULL;
	}
	if (call->on_data)
		return NULL;
	object = td_kube_parse(response->body, response->body_len, err);
	if (object && !json_is_object(object)) {
		json_decref(object);
		object = NULL;
		(void)td_error_set(err, TD_ERR_PROTOCOL, "the answer is no object");
	}
	if (!object)
		err->http_status = response->status;
	return object;
}

static void on_http_done(const struct td_http_response *response, const struct td_error *err, void *userdata)
{
	struct td_kube_call *call = userdata;
	td_kube_done_fn done = call->done;
	void *done_userdata = call->userdata;
	struct td_error result = *err;
	json_t *object = NULL;

	if (result.code == TD_OK)
		object = accept(call, response, &result);
	if (result.code != TD_OK)
		td_error_wrap(&result, "%s", call->what);
	unlink_call(call);
	free(call);
	done(object, &result, done_userdata);
	json_decref(object);
}

static bool on_http_data(const char *bytes, size_t len, void *userdata)
{
	struct td_kube_call *call = userdata;

	return call->on_data(bytes, len, call->userdata);
}

/* "patch drainrequests/status ns/name", "list pods in ns", "get nodes name" */
static void describe(char *into, size_t size, const char *word, const struct td_kube_request *request)
{
	const char *namespace_ = request->namespace_ ? request->namespace_ : "";
	const char *sub = request->subresource ? request->subresource : "";

	if (request->name)
		(void)snprintf(into, size, "%s %s%s%s %.64s%s%.64s", word, request->resource->plural, *sub ? "/" : "", sub,
			       namespace_, *namespace_ ? "/" : "", request->name);
	else
		(void)snprintf(into, size, "%s %s%s%.64s", word, request->resource->plural, *namespace_ ? " in " : "",
			       namespace_);
}

struct limits {
	int64_t total_ms, idle_ms;
	size_t body_max;
};

static enum td_error_code send_request(struct td_kube_call *call, const struct td_kube_request *request, const char *url,
				       const char *body, const struct limits *limits, struct td_error *err)
{
	struct td_kube_client *client = call->client;
	const struct td_kube_config *config = client->config;
	const char *headers[5] = {"Accept: application/json", client->user_agent};
	size_t count = 2;
	struct td_http_request http = {
		.method = verbs[request->verb].method,
		.url = url,
		.headers = headers,
		.body = body,
		.body_len = body ? strlen(body) : 0,
		.tls = {config->ca_file, config->certificate_file, config->key_file},
		.connect_timeout_ms = limits->total_ms < CONNECT_MS ? limits->total_ms : CONNECT_MS,
		.total_timeout_ms = limits->total_ms,
		.idle_timeout_ms = limits->idle_ms,
		.body_max = limits->body_max,
	};

	if (client->token.header)
		headers[count++] = client->token.header;
	if (body)
		headers[count++] = verbs[request->verb].content_type;
	call->http = td_http_start(client->http, &http, call->on_data ? on_http_data : NULL, on_http_done, call, err);
	return call->http ? TD_OK : err->code;
}

/* Token, URL and body, then the request. */
static enum td_error_code prepare(struct td_kube_call *call, const struct td_kube_request *request,
				  const struct limits *limits, struct td_error *err)
{
	struct td_kube_client *client = call->client;
	enum td_error_code code = td_kube_token_refresh(&client->token, client->config, td_loop_now_ms(client->loop), err);
	char *url, *body = NULL;

	if (code != TD_OK)
		return code;
	url = td_kube_url(client->config->server, request, err);
	if (!url)
		return err->code;
	if (request->body)
		body = json_dumps(request->body, JSON_COMPACT);
	if (request->body && !body)
		code = td_error_set(err, TD_ERR_NOMEM, "no memory for the body");
	else
		code = send_request(call, request, url, body, limits, err);
	free(body);
	free(url);
	return code;
}

static struct td_kube_call *start(struct td_kube_client *client, const struct td_kube_request *request, const char *word,
				  const struct limits *limits, td_http_data_fn on_data, td_kube_done_fn done, void *userdata,
				  struct td_error *err)
{
	struct td_kube_call *call = calloc(1, sizeof(*call));
	struct td_error own;

	if (!err)
		err = &own;
	if (!call) {
		(void)td_error_set(err, TD_ERR_NOMEM, "%s %s: out of memory", word, request->resource->plural);
		return NULL;
	}
	call->client = client;
	call->on_data = on_data;
	call->done = done;
	call->userdata = userdata;
	describe(call->what, sizeof(call->what), word, request);
	if (prepare(call, request, limits, err) != TD_OK) {
		td_error_wrap(err, "%s", call->what);
		free(call);
		return NULL;
	}
	link_call(client, call);
	return call;
}

struct td_kube_call *td_kube_start(struct td_kube_client *client, const struct td_kube_request *request,
				   td_kube_done_fn done, void *userdata, struct td_error *err)
{
	struct limits limits = {.total_ms = request->timeout_ms > 0 ? request->timeout_ms : TOTAL_MS,
				.body_max = request->verb == TD_KUBE_LIST ? LIST_MAX : BODY_MAX};

	assert((request->verb == TD_KUBE_LIST || request->verb == TD_KUBE_CREATE) == !request->name);
	limits.idle_ms = limits.total_ms < IDLE_MS ? limits.total_ms : IDLE_MS;
	return start(client, request, verbs[request->verb].word, &limits, NULL, done, userdata, err);
}

struct td_kube_call *td_kube_watch(struct td_kube_client *client, const struct td_kube_request *request, int64_t idle_ms,
				   td_http_data_fn on_data, td_kube_done_fn done, void *userdata, struct td_error *err)
{
	struct limits limits = {request->timeout_ms, idle_ms, BODY_MAX};

	assert(request->verb == TD_KUBE_LIST && request->timeout_ms > 0 && on_data);
	return start(client, request, "watch", &limits, on_data, done, userdata, err);
}
