/* A scripted API server for the tests of pkg-c/kube: libevent's HTTP server on loopback, in the loop of the test. The test's
 * handler answers each request, may hold it open as a stream, and may close connections. Requests are noted in a log as
 * "METHOD URI[ BODY]\n". Nothing sleeps; a watchdog ends a test that hangs. */
#ifndef KUBE_PEER_H
#define KUBE_PEER_H

#include "base/buf.h"
#include "kube/client.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WATCHDOG_MS 20000
#define STREAMS 64

struct peer;

struct peer_request {
	struct evhttp_request *http;
	const char *method, *uri; /* the URI as it came, with query */
	const char *body;
	int number; /* from 1 */
};

typedef void (*peer_fn)(struct peer *peer, const struct peer_request *request);

struct peer {
	struct td_loop *loop;
	struct td_http_client *http;
	struct td_kube_client *client;
	struct td_kube_config config;
	char server[64];
	struct evhttp *evhttp;
	struct evhttp_bound_socket *socket;
	struct td_timer *watchdog;
	struct td_buf log;
	peer_fn handler;
	void *test; /* the test's own state */
	int requests;
	bool hung;
	struct evhttp_request *streams[STREAMS]; /* open ones: libevent leaves them to us when the client goes first */
};

static inline const char *peer_header(const struct peer_request *request, const char *name)
{
	const char *value = evhttp_find_header(evhttp_request_get_input_headers(request->http), name);

	return value ? value : "";
}

static inline void peer_set_header(const struct peer_request *request, const char *name, const char *value)
{
	assert_int_equal(evhttp_add_header(evhttp_request_get_output_headers(request->http), name, value), 0);
}

static inline void peer_reply(const struct peer_request *request, int status, const char *body)
{
	struct evbuffer *buffer = evbuffer_new();

	assert_non_null(buffer);
	assert_int_equal(evbuffer_add(buffer, body, strlen(body)), 0);
	evhttp_send_reply(request->http, status, "x", buffer);
	evbuffer_free(buffer);
}

static inline void peer_reply_json(const struct peer_request *request, int status, json_t *body)
{
	char *text = json_dumps(body, JSON_COMPACT);

	assert_non_null(text);
	peer_reply(request, status, text);
	free(text);
	json_decref(body);
}

/* A Status as the API server writes it. */
static inline void peer_refuse(const struct peer_request *request, int status, const char *reason, const char *message)
{
	peer_reply_json(request, status,
			json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}", "kind", "Status", "apiVersion", "v1", "status",
				  "Failure", "reason", reason, "message", message, "code", status));
}

static inline void peer_replace_stream(struct peer *peer, struct evhttp_request *old, struct evhttp_request *new)
{
	int i = 0;

	while (i < STREAMS && peer->streams[i] != old)
		i++;
	if (i < STREAMS)
		peer->streams[i] = new;
	else
		assert_non_null(old); /* else: too many streams */
}

/* Closes the connection, without an answer or in the middle of a stream. */
static inline void peer_hang_up(struct peer *peer, struct evhttp_request *http)
{
	peer_replace_stream(peer, http, NULL);
	evhttp_connection_free(evhttp_request_get_connection(http));
}

static inline void peer_stream_begin(struct peer *peer, const struct peer_request *request)
{
	peer_replace_stream(peer, NULL, request->http);
	evhttp_send_reply_start(request->http, 200, "OK");
}

static inline void peer_stream_send(struct evhttp_request *http, const char *text, size_t len)
{
	struct evbuffer *buffer = evbuffer_new();

	assert_non_null(buffer);
	assert_int_equal(evbuffer_add(buffer, text, len), 0);
	evhttp_send_reply_chunk(http, buffer);
	evbuffer_free(buffer);
}

static inline void peer_stream_end(struct peer *peer, struct evhttp_request *http)
{
	peer_replace_stream(peer, http, NULL);
	evhttp_send_reply_end(http);
}

static inline void peer_on_request(struct evhttp_request *http, void *userdata)
{
	struct peer *peer = userdata;
	struct evbuffer *input = evhttp_request_get_input_buffer(http);
	size_t len = evbuffer_get_length(input);
	char *body = malloc(len + 1);
	struct peer_request request = {.http = http, .uri = evhttp_request_get_uri(http), .body = body};

	assert_non_null(body);
	assert_int_equal(evbuffer_remove(input, body, len), (int)len);
	body[len] = '\0';
	switch (evhttp_request_get_command(http)) { /* libevent's set is larger: anything else is a bug */
	case EVHTTP_REQ_GET:
		request.method = "GET";
		break;
	case EVHTTP_REQ_POST:
		request.method = "POST";
		break;
	case EVHTTP_REQ_PUT:
		request.method = "PUT";
		break;
	case EVHTTP_REQ_PATCH:
		request.method = "PATCH";
		break;
	case EVHTTP_REQ_DELETE:
		request.method = "DELETE";
		break;
	case EVHTTP_REQ_HEAD:
	case EVHTTP_REQ_OPTIONS:
	case EVHTTP_REQ_TRACE:
	case EVHTTP_REQ_CONNECT:
		fail();
	}
	request.number = ++peer->requests;
	assert_true(td_buf_append_format(&peer->log, "%s %s%s%s\n", request.method, request.uri, len ? " " : "", body));
	peer->handler(peer, &request);
	free(body);
}

static inline void peer_on_watchdog(void *userdata)
{
	struct peer *peer = userdata;

	peer->hung = true;
	td_loop_stop(peer->loop);
}

/* Runs until the test calls td_loop_stop. */
static inline void peer_run(struct peer *peer)
{
	td_timer_arm(peer->watchdog, WATCHDOG_MS);
	td_loop_run(peer->loop);
	td_timer_disarm(peer->watchdog);
	if (peer->hung)
		fail_msg("hung; requests so far:\n%s", td_buf_text(&peer->log));
}

static inline void peer_start(struct peer *peer, peer_fn handler, void *test)
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);

	*peer = (struct peer){.handler = handler, .test = test};
	td_buf_init(&peer->log, 1 << 20);
	peer->loop = td_loop_new();
	assert_non_null(peer->loop);
	peer->evhttp = evhttp_new(td_loop_event_base(peer->loop));
	assert_non_null(peer->evhttp);
	evhttp_set_allowed_methods(peer->evhttp,
				   EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_PATCH | EVHTTP_REQ_DELETE);
	evhttp_set_gencb(peer->evhttp, peer_on_request, peer);
	peer->socket = evhttp_bind_socket_with_handle(peer->evhttp, "127.0.0.1", 0);
	assert_non_null(peer->socket);
	assert_int_equal(getsockname(evhttp_bound_socket_get_fd(peer->socket), (struct sockaddr *)&address, &size), 0);
	(void)snprintf(peer->server, sizeof(peer->server), "http://127.0.0.1:%d", ntohs(address.sin_port));
	peer->config.server = peer->server;
	peer->http = td_http_client_new(peer->loop);
	assert_non_null(peer->http);
	peer->client = td_kube_client_new(peer->loop, peer->http, &peer->config, "test/1");
	assert_non_null(peer->client);
	peer->watchdog = td_timer_new(peer->loop, peer_on_watchdog, peer);
	assert_non_null(peer->watchdog);
}

static inline void peer_stop(struct peer *peer)
{
	peer->client = td_kube_client_free(peer->client);
	peer->http = td_http_client_free(peer->http);
	for (int i = 0; i < STREAMS; i++)
		if (peer->streams[i] && !evhttp_request_get_connection(peer->streams[i]))
			evhttp_send_reply_end(peer->streams[i]); /* frees it */
	evhttp_free(peer->evhttp);
	td_timer_free(peer->watchdog);
	td_loop_free(peer->loop);
	td_buf_done(&peer->log);
}

#endif
