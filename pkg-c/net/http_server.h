/* A small HTTP server: libevent's evhttp behind routes by exact method and path. Header and body sizes and idle times are
 * limited. TLS when a certificate is given; the certificate files are read again when they change. */
#ifndef TD_NET_HTTP_SERVER_H
#define TD_NET_HTTP_SERVER_H

#include "base/error.h"
#include "net/loop.h"

#include <stddef.h>

struct td_http_server;
struct td_http_exchange;

struct td_http_server_options {
	const char *listen;	      /* "0.0.0.0:8320", "[::]:8320", "127.0.0.1:0" (any free port): numeric */
	const char *certificate_file; /* NULL: plain HTTP */
	const char *key_file;
	size_t body_max;
	int idle_timeout_s;
};

typedef void (*td_http_handler_fn)(struct td_http_exchange *exchange, void *userdata);

/* NULL on failure with *err set (bad address, port taken, certificate unreadable). */
struct td_http_server *td_http_server_new(struct td_loop *loop, const struct td_http_server_options *options,
					  struct td_error *err);
/* Closes everything. Not from inside a handler. NULL is fine; returns NULL. */
struct td_http_server *td_http_server_free(struct td_http_server *server);
int td_http_server_port(const struct td_http_server *server);

/* fn must answer with td_http_reply before it returns. An unknown path is answered 404, a known path with another method
 * 405 with Allow. False: out of memory. method and path must outlive the server. */
bool td_http_server_on(struct td_http_server *server, const char *method, const char *path, td_http_handler_fn fn,
		       void *userdata);

void td_http_reply(struct td_http_exchange *exchange, int status, const char *content_type, const char *body, size_t len);

#endif
