/* See call.h. This file holds the client (options, counters, the calls under way) and sends a question as an HTTP
 * request with its deadlines and limits. What an answer means is not decided here.
 *
 * Invariants:
 *  - a question is in its call's list exactly while it may still answer; it leaves the list before its answer is told, so
 *    the receiver may close the call, free the client, or ask again;
 *  - a question that cannot even be sent answers later like any other, through a timer: no callback comes from inside a
 *    start;
 *  - credentials go only with requests that TiCDC authenticates (section 8), and are wiped after use. */
#include "ticdc/call.h"

#include "base/buf.h"
#include "ticdc/answer.h"
#include "ticdc/request.h"

#include <stdlib.h>
#include <string.h>

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)

static const struct {
	const char *name;
	const char *method;
	size_t body_max;
	bool needs_auth;
} endpoints[TD_ENDPOINT_COUNT] = {
	[TD_ENDPOINT_STATUS] = {"status", "GET", 64 * KIB, false},
	[TD_ENDPOINT_METRICS] = {"metrics", "GET", 1 * MIB, false}, /* a stream: the limit of one piece */
	[TD_ENDPOINT_CAPTURES] = {"captures", "GET", 4 * MIB, false},
	[TD_ENDPOINT_HEALTH] = {"health", "GET", 64 * KIB, false},
	[TD_ENDPOINT_DRAIN] = {"drain", "PUT", 64 * KIB, true},
	[TD_ENDPOINT_RESIGN] = {"resign", "POST", 64 * KIB, false},
	[TD_ENDPOINT_CHANGEFEEDS] = {"changefeeds", "GET", 64 * MIB, false},
	[TD_ENDPOINT_CHANGEFEED] = {"changefeed", "GET", 16 * MIB, false},
	[TD_ENDPOINT_TABLES] = {"tables", "GET", 64 * MIB, false},
	[TD_ENDPOINT_DISPATCHER_COUNT] = {"dispatcher_count", "GET", 64 * KIB, false},
	[TD_ENDPOINT_MOVE_TABLE] = {"move_table", "POST", 64 * KIB, true},
	[TD_ENDPOINT_MOVE_MAINTAINER] = {"move_maintainer", "POST", 64 * KIB, true},
	[TD_ENDPOINT_PROCESSOR] = {"processor", "GET", 16 * MIB, false},
	[TD_ENDPOINT_DRAIN_V2] = {"drain_v2", "POST", 64 * KIB, true},
};

struct td_ticdc_client {
	struct td_loop *loop;
	struct td_http_client *http;
	char *ca_file, *certificate_file, *key_file, *user, *password_file;
	int64_t connect_timeout_ms, total_timeout_ms;
	struct td_ticdc_call *calls;
	struct td_ticdc_suspects suspects;
	enum td_ticdc_kernel kernel;
	uint64_t requests[TD_ENDPOINT_COUNT];
};

struct td_question {
	struct td_ticdc_call *call;
	struct td_question *previous, *next;
	struct td_http_call *http;
	struct td_timer *late; /* armed when the request could not be sent: tells late_error */
	struct td_error late_error;
	td_http_data_fn on_data;
	td_ticdc_answer_fn done;
	void *userdata;
};

static bool copy_option(char **into, const char *text)
{
	*into = text ? strdup(text) : NULL;
	return !text || *into;
}

struct td_ticdc_client *td_ticdc_client_new(struct td_loop *loop, struct td_http_client *http,
					    const struct td_ticdc_options *options)
{
	struct td_ticdc_client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->loop = loop;
	client->http = http;
	client->connect_timeout_ms = options->connect_timeout_ms ? options->connect_timeout_ms : 2000;
	client->total_timeout_ms = options->total_timeout_ms ? options->total_timeout_ms : 10000;
	if (!copy_option(&client->ca_file, options->tls.ca_file) ||
	    !copy_option(&client->certificate_file, options->tls.certificate_file) ||
	    !copy_option(&client->key_file, options->tls.key_file) || !copy_option(&client->user, options->user) ||
	    !copy_option(&client->password_file, options->password_file))
		return td_ticdc_client_free(client);
	return client;
}

struct td_ticdc_client *td_ticdc_client_free(struct td_ticdc_client *client)
{
	if (!client)
		return NULL;
	for (struct td_ticdc_call *call = client->calls, *next; call; call = next) {
		next = call->next;
		td_ticdc_cancel(call);
	}
	td_ticdc_suspects_done(&client->suspects);
	free(client->ca_file);
	free(client->certificate_file);
	free(client->key_file);
	free(client->user);
	free(client->password_file);
	free(client);
	return NULL;
}

uint64_t td_ticdc_requests(const struct td_ticdc_client *client, size_t index, const char **ret_name)
{
	*ret_name = index < TD_ENDPOINT_COUNT ? endpoints[index].name : NULL;
	return index < TD_ENDPOINT_COUNT ? client->requests[index] : 0;
}

void td_ticdc_call_init(struct td_ticdc_call *call, struct td_ticdc_client *client,
			void (*destroy)(struct td_ticdc_call *call))
{
	*call = (struct td_ticdc_call){.client = client, .next = client->calls, .destroy = destroy};
	if (call->next)
		call->next->previous = call;
	client->calls = call;
}

/* Nothing of it can happen any more. The list is the caller's business. */
static void question_free(struct td_question *question)
{
	if (question->http)
		td_http_cancel(question->http);
	td_timer_free(question->late);
	free(question);
}

static void question_remove(struct td_question *question)
{
	if (question->next)
		question->next->previous = question->previous;
	if (question->previous)
		question->previous->next = question->next;
	else
		question->call->questions = question->next;
	question_free(question);
}

void td_ticdc_call_close(struct td_ticdc_call *call)
{
	for (struct td_question *question = call->questions, *next; question; question = next) {
		next = question->next;
		question_free(question);
	}
	call->questions = NULL;
	if (call->next)
		call->next->previous = call->previous;
	if (call->previous)
		call->previous->next = call->next;
	else
		call->client->calls = call->next;
}

void td_ticdc_cancel(struct td_ticdc_call *call)
{
	td_ticdc_call_close(call);
	call->destroy(call);
}

int64_t td_ticdc_call_now_ms(const struct td_ticdc_call *call)
{
	return td_loop_now_ms(call->client->loop);
}

struct td_ticdc_suspects *td_ticdc_call_suspects(const struct td_ticdc_call *call)
{
	return &call->client->suspects;
}

enum td_ticdc_kernel *td_ticdc_call_kernel(const struct td_ticdc_call *call)
{
	return &call->client->kernel;
}

/* The question is gone before its receiver hears: whatever the receiver does, nothing here is touched afterwards. */
static void on_http_done(const struct td_http_response *response, const struct td_error *err, void *userdata)
{
	struct td_question *question = userdata;
	struct td_question told = *question;

	question->http = NULL;
	question_remove(question);
	told.done(response, err, told.userdata);
}

static bool on_http_data(const char *bytes, size_t len, void *userdata)
{
	struct td_question *question = userdata;

	return question->on_data(bytes, len, question->userdata);
}

static void on_late(void *userdata)
{
	static const struct td_http_response nothing = {.content_type = "", .retry_after_ms = -1, .body = ""};
	struct td_question *question = userdata;
	struct td_question told = *question;

	question_remove(question);
	told.done(&nothing, &told.late_error, told.userdata);
}

static void start(struct td_question *question, const struct td_ticdc_question *asked, struct td_error *err)
{
	struct td_ticdc_client *client = question->call->client;
	bool needs_auth = client->user && endpoints[asked->endpoint].needs_auth;
	const char *scheme = client->ca_file ? "https" : "http";
	const char *headers[3] = {NULL};
	struct td_buf url, authorization;
	size_t used = 0;

	td_buf_init(&url, 16 * KIB);
	td_buf_init(&authorization, 4 * KIB);
	if (asked->body)
		headers[used++] = "Content-Type: application/json";
	if (!td_ticdc_is_address(asked->address)) {
		td_error_set(err, TD_ERR_INVALID, "the address is no host:port");
	} else if (!asked->path) {
		td_error_set(err, TD_ERR_INVALID, "no request can be made of this name");
	} else if (!td_buf_append_format(&url, "%s://%s%s", scheme, asked->address, asked->path)) {
		td_error_set(err, TD_ERR_NOMEM, "out of memory");
	} else if (!needs_auth || td_ticdc_put_authorization(client->user, client->password_file, &authorization, err)) {
		if (authorization.len)
			headers[used] = authorization.data;
		question->http = td_http_start(client->http,
					       &(struct td_http_request){
						       .method = endpoints[asked->endpoint].method,
						       .url = url.data,
						       .connect_to = asked->connect_to,
						       .headers = headers,
						       .body = asked->body,
						       .body_len = asked->body ? strlen(asked->body) : 0,
						       .tls = {client->ca_file, client->certificate_file, client->key_file},
						       .connect_timeout_ms = client->connect_timeout_ms,
						       .total_timeout_ms = client->total_timeout_ms,
						       .idle_timeout_ms = client->total_timeout_ms,
						       .body_max = endpoints[asked->endpoint].body_max,
					       },
					       question->on_data ? on_http_data : NULL, on_http_done, question, err);
	}
	client->requests[asked->endpoint] += question->http != NULL;
	if (authorization.data)
		explicit_bzero(authorization.data, authorization.len);
	td_buf_done(&authorization);
	td_buf_done(&url);
}

bool td_ticdc_ask(struct td_ticdc_call *call, const struct td_ticdc_question *question, td_ticdc_answer_fn done,
		  void *userdata)
{
	struct td_question *new = calloc(1, sizeof(*new));

	if (!new)
		return false;
	*new = (struct td_question){
		.call = call, .next = call->questions, .on_data = question->on_data, .done = done, .userdata = userdata};
	if (new->next)
		new->next->previous = new;
	call->questions = new;
	start(new, question, &new->late_error);
	if (new->http)
		return true;
	new->late = td_timer_new(call->client->loop, on_late, new);
	if (!new->late) {
		question_remove(new);
		return false;
	}
	td_timer_arm(new->late, 0);
	return true;
}
