/* One request and its answer. Its life ends in exactly one way: with the answer, or, when the handler has deferred that, with the
 * connection (the client went away, the server was freed), which tells the handler's gone.
 *
 * evhttp does not read from a connection while a request of it waits for its answer. Hence a client that goes away meanwhile is mostly
 * noticed when the answer is written, and nothing that it sends ahead is held in memory. */
#include "net/http_server_internal.h"

#include <assert.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

static void send_answer(struct evhttp_request *request, int status, const char *content_type, const char *body, size_t len)
{
	bool ok = evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", content_type) == 0 &&
		  evbuffer_add(evhttp_request_get_output_buffer(request), body, len) == 0;

	evhttp_send_reply(request, ok ? status : HTTP_INTERNAL, NULL, NULL);
}

void td_http_exchange_refuse(struct evhttp_request *request, int status, const char *text, const char *allow)
{
	if (allow)
		(void)evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", allow);
	send_answer(request, status, "text/plain; charset=utf-8", text, strlen(text));
}

void td_http_exchange_run(struct evhttp_request *request, td_http_handler_fn fn, void *userdata, const char *parameter,
			  size_t parameter_len)
{
	struct td_http_exchange *exchange = malloc(sizeof(*exchange));

	if (!exchange) {
		td_http_exchange_refuse(request, HTTP_SERVUNAVAIL, "out of memory\n", NULL);
		return;
	}
	*exchange = (struct td_http_exchange){
		.request = request, .parameter = parameter, .parameter_len = parameter_len, .in_handler = true};
	fn(exchange, userdata);
	exchange->in_handler = false;
	assert(exchange->replied || exchange->gone);
	if (exchange->replied)
		free(exchange);
}

/* The connection ends. A request that still hangs on it is freed with it; one that evhttp has let go of is ours. */
static void on_closed(struct evhttp_connection *connection, void *userdata)
{
	struct td_http_exchange *exchange = userdata;
	td_http_gone_fn gone = exchange->gone;
	void *gone_userdata = exchange->userdata;

	(void)connection;
	if (!evhttp_request_get_connection(exchange->request))
		evhttp_request_free(exchange->request);
	free(exchange);
	gone(gone_userdata);
}

void td_http_defer(struct td_http_exchange *exchange, td_http_gone_fn gone, void *userdata)
{
	assert(exchange->in_handler && !exchange->replied && !exchange->gone && gone);
	exchange->gone = gone;
	exchange->userdata = userdata;
	evhttp_connection_set_closecb(evhttp_request_get_connection(exchange->request), on_closed, exchange);
}

void td_http_reply(struct td_http_exchange *exchange, int status, const char *content_type, const char *body, size_t len)
{
	assert(!exchange->replied);
	exchange->replied = true;
	if (exchange->gone)
		evhttp_connection_set_closecb(evhttp_request_get_connection(exchange->request), NULL, NULL);
	send_answer(exchange->request, status, content_type, body, len);
	if (!exchange->in_handler)
		free(exchange);
}

bool td_http_add_header(struct td_http_exchange *exchange, const char *name, const char *value)
{
	return evhttp_add_header(evhttp_request_get_output_headers(exchange->request), name, value) == 0;
}

const char *td_http_header(const struct td_http_exchange *exchange, const char *name)
{
	return evhttp_find_header(evhttp_request_get_input_headers(exchange->request), name);
}

const char *td_http_parameter(const struct td_http_exchange *exchange, size_t *ret_len)
{
	*ret_len = exchange->parameter_len;
	return exchange->parameter;
}

const char *td_http_body(const struct td_http_exchange *exchange, size_t *ret_len)
{
	struct evbuffer *body = evhttp_request_get_input_buffer(exchange->request);
	const unsigned char *bytes = evbuffer_pullup(body, -1);

	*ret_len = evbuffer_get_length(body);
	return *ret_len == 0 ? "" : (const char *)bytes;
}
