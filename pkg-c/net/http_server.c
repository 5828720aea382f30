/* The HTTP server: evhttp with a table of routes. evhttp parses, limits and keeps connections alive; this file decides who
 * answers; what a handler may do with a request is in http_exchange.c.
 *
 * Not here: a limit on the number of connections (libevent 2.1 has none for evhttp; what bounds them is the idle time and
 * the process's descriptor limit), streaming, authentication. */
#include "net/http_server_internal.h"

#include "base/buf.h"
#include "base/text.h"
#include "net/tls.h"

#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES_MAX 16384
#define BACKLOG 128
#define ALLOW_BYTES_MAX 64

/* All that a route may ask for, so that a wrong method on a known path is told what is allowed. */
static const ev_uint16_t methods = EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
				   EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH;

struct route {
	struct route *next;
	const char *method;
	const char *path;
	td_http_handler_fn fn;
	void *userdata;
};

struct td_http_server {
	struct evhttp *http;
	struct event_base *base;
	struct td_tls_server *tls; /* NULL: plain */
	struct route *routes;
	int port;
};

/* The names of the methods above. */
static const char *method_of(const struct evhttp_request *request)
{
	switch (evhttp_request_get_command(request)) {
	case EVHTTP_REQ_GET:
		return "GET";
	case EVHTTP_REQ_HEAD:
		return "HEAD";
	case EVHTTP_REQ_POST:
		return "POST";
	case EVHTTP_REQ_PUT:
		return "PUT";
	case EVHTTP_REQ_DELETE:
		return "DELETE";
	case EVHTTP_REQ_OPTIONS:
		return "OPTIONS";
	case EVHTTP_REQ_PATCH:
		return "PATCH";
	case EVHTTP_REQ_TRACE:
	case EVHTTP_REQ_CONNECT:
		break;
	}
	return "";
}

/* What the {} of a route's path stands for: one segment that is not empty. Without a {} the path must be the same. */
static bool fits(const char *pattern, const char *path, const char **ret_parameter, size_t *ret_len)
{
	const char *braces = strstr(pattern, "{}");
	size_t before = braces ? (size_t)(braces - pattern) : 0;

	*ret_parameter = "";
	*ret_len = 0;
	if (!braces)
		return td_text_equal(pattern, path);
	if (!path || strncmp(pattern, path, before) != 0)
		return false;
	*ret_parameter = path + before;
	*ret_len = strcspn(path + before, "/");
	return *ret_len > 0 && strcmp(path + before + *ret_len, braces + 2) == 0;
}

/* The path is known, the method is not one of its own. */
static void reply_not_allowed(const struct td_http_server *server, struct evhttp_request *request, const char *path)
{
	struct td_buf allow;
	const char *parameter;
	size_t len;

	td_buf_init(&allow, ALLOW_BYTES_MAX);
	for (const struct route *route = server->routes; route; route = route->next) {
		if (fits(route->path, path, &parameter, &len))
			(void)td_buf_append_format(&allow, "%s%s", allow.len ? ", " : "", route->method);
	}
	td_http_exchange_refuse(request, HTTP_BADMETHOD, "method not allowed\n", td_buf_text(&allow));
	td_buf_done(&allow);
}

static void dispatch(const struct td_http_server *server, struct evhttp_request *request)
{
	const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
	const char *method = method_of(request), *parameter;
	bool path_known = false;
	size_t len;

	for (const struct route *route = server->routes; route; route = route->next) {
		if (!fits(route->path, path, &parameter, &len))
			continue;
		path_known = true;
		if (td_text_equal(route->method, method)) {
			td_http_exchange_run(request, route->fn, route->userdata, parameter, len);
			return;
		}
	}
	if (path_known)
		reply_not_allowed(server, request, path);
	else
		td_http_exchange_refuse(request, HTTP_NOTFOUND, "not found\n", NULL);
}

static void on_request(struct evhttp_request *request, void *userdata)
{
	const struct td_http_server *server = userdata;
	struct bufferevent *connection = evhttp_connection_get_bufferevent(evhttp_request_get_connection(request));

	/* When on_connection found no memory for TLS, evhttp made a plain connection instead. Never serve that one. */
	if (server->tls && !bufferevent_openssl_get_ssl(connection))
		td_http_exchange_refuse(request, HTTP_SERVUNAVAIL, "TLS only\n", NULL);
	else
		dispatch(server, request);
}

static struct bufferevent *on_connection(struct event_base *base, void *userdata)
{
	const struct td_http_server *server = userdata;
	SSL *ssl = td_tls_server_accept(server->tls);
	struct bufferevent *connection;

	if (!ssl)
		return NULL;
	connection = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	if (!connection) {
		SSL_free(ssl);
		return NULL;
	}
	/* Many clients close without the closing message of TLS; Content-Length tells us what is complete. */
	bufferevent_openssl_set_allow_dirty_shutdown(connection, 1);
	return connection;
}

/* "host:port" with a numeric host; IPv6 in brackets. NULL when it is none, else for freeaddrinfo. */
static struct addrinfo *parse_address(const char *listen)
{
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
	bool bracketed = listen[0] == '[';
	const char *colon = strrchr(listen, ':');
	struct addrinfo *address = NULL;
	char host[64];
	int64_t port;

	if (!colon || colon == listen || !td_text_to_int64(colon + 1, 0, 65535, &port) ||
	    (bracketed ? colon[-1] != ']' : strchr(listen, ':') != colon) || (size_t)(colon - listen) >= sizeof(host))
		return NULL;
	(void)snprintf(host, sizeof(host), "%.*s", (int)(colon - listen) - 2 * bracketed, listen + bracketed);
	return getaddrinfo(host, colon + 1, &hints, &address) == 0 ? address : NULL;
}

static int port_of(struct evconnlistener *listener)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address = {.any = {.sa_family = AF_UNSPEC}};
	socklen_t len = sizeof(address);

	(void)getsockname(evconnlistener_get_fd(listener), &address.any, &len);
	return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

static bool bind_to(struct td_http_server *server, const char *listen, struct td_error *err)
{
	struct addrinfo *address = parse_address(listen);
	struct evconnlistener *listener;
	int failure;

	if (!address) {
		(void)td_error_set(err, TD_ERR_INVALID, "listen on %s: not a numeric address with a port", listen);
		return false;
	}
	listener = evconnlistener_new_bind(server->base, NULL, NULL,
					   LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, BACKLOG,
					   address->ai_addr, (int)address->ai_addrlen);
	failure = errno;
	freeaddrinfo(address);
	if (listener && evhttp_bind_listener(server->http, listener)) {
		server->port = port_of(listener);
		return true;
	}
	if (listener)
		evconnlistener_free(listener);
	(void)td_error_set(err, TD_ERR_SYSTEM, "listen on %s: %s", listen, strerror(failure));
	if (err)
		err->sys_errno = failure;
	return false;
}

struct td_http_server *td_http_server_new(struct td_loop *loop, const struct td_http_server_options *options,
					  struct td_error *err)
{
	struct td_http_server *server = calloc(1, sizeof(*server));

	if (server) {
		server->base = td_loop_event_base(loop);
		server->http = evhttp_new(server->base);
	}
	if (!server || !server->http) {
		(void)td_error_set(err, TD_ERR_NOMEM, "no memory for an HTTP server");
		return td_http_server_free(server);
	}
	evhttp_set_allowed_methods(server->http, methods);
	evhttp_set_max_headers_size(server->http, HEADER_BYTES_MAX);
	evhttp_set_max_body_size(server->http, (ev_ssize_t)options->body_max);
	evhttp_set_timeout(server->http, options->idle_timeout_s);
	evhttp_set_gencb(server->http, on_request, server);
	if (options->certificate_file) {
		server->tls = td_tls_server_new(options->certificate_file, options->key_file, err);
		if (!server->tls)
			return td_http_server_free(server);
		evhttp_set_bevcb(server->http, on_connection, server);
	}
	return bind_to(server, options->listen, err) ? server : td_http_server_free(server);
}

struct td_http_server *td_http_server_free(struct td_http_server *server)
{
	if (!server)
		return NULL;
	if (server->http)
		evhttp_free(server->http);
	td_tls_server_free(server->tls);
	while (server->routes) {
		struct route *route = server->routes;

		server->routes = route->next;
		free(route);
	}
	free(server);
	return NULL;
}

int td_http_server_port(const struct td_http_server *server)
{
	return server->port;
}

bool td_http_server_on(struct td_http_server *server, const char *method, const char *path, td_http_handler_fn fn,
		       void *userdata)
{
	struct route *route = malloc(sizeof(*route));

	if (!route)
		return false;
	*route = (struct route){.next = server->routes, .method = method, .path = path, .fn = fn, .userdata = userdata};
	server->routes = route;
	return true;
}
