/* A small HTTP server: libevent's evhttp behind routes by method and path. Header and body sizes and idle times are
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
	size_t body_max; /* more is answered 413 by evhttp itself, and no handler hears of it */
	int idle_timeout_s;
};

typedef void (*td_http_handler_fn)(struct td_http_exchange *exchange, void *userdata);

/* NULL on failure with *err set (bad address, port taken, certificate unreadable). */
struct td_http_server *td_http_server_new(struct td_loop *loop, const struct td_http_server_options *options,
					  struct td_error *err);
/* Closes everything. Not from inside a handler. NULL is fine; returns NULL. */
struct td_http_server *td_http_server_free(struct td_http_server *server);
int td_http_server_port(const struct td_http_server *server);

/* method and path must outlive the server. A {} in path stands for one segment that is not empty ("/things/{}/state"): see
 * td_http_parameter. fn must answer with td_http_reply before it returns, or defer its answer. An unknown path is answered 404, a
 * known path with another method 405 with Allow. False: out of memory. */
bool td_http_server_on(struct td_http_server *server, const char *method, const char *path, td_http_handler_fn fn,
		       void *userdata);

/* ---- for handlers: one request. What is returned is borrowed, until it is answered or gone ---- */

const char *td_http_header(const struct td_http_exchange *exchange,
			   const char *name);					    /* the first of that name; NULL: none */
const char *td_http_body(const struct td_http_exchange *exchange, size_t *ret_len); /* not terminated; NULL: out of memory */

/* What the {} of the route stands for, as it came (percent signs and all); not terminated. */
const char *td_http_parameter(const struct td_http_exchange *exchange, size_t *ret_len);

/* The answer will come later, by td_http_reply. gone is called instead, once, when the connection ends before that: the client went
 * away or the server is being freed; the exchange is no more. A client that went away may also be noticed by nobody: then td_http_reply
 * is called as ever, and has no effect. gone must not free the server. */
typedef void (*td_http_gone_fn)(void *userdata);
void td_http_defer(struct td_http_exchange *exchange, td_http_gone_fn gone, void *userdata);

bool td_http_add_header(struct td_http_exchange *exchange, const char *name, const char *value); /* to the answer */

/* Ends the exchange. */
void td_http_reply(struct td_http_exchange *exchange, int status, const char *content_type, const char *body, size_t len);

#endif
