/* The HTTP client: libcurl's multi interface driven by the loop. Every request has a connect, a total and an idle deadline
 * and a body limit; redirects are not followed; proxies from the environment are not used.
 *
 * A request ends in exactly one call of done, never from inside td_http_start; after td_http_cancel no callback follows.
 * Callbacks may start and cancel other requests.
 *
 * Requests share kept connections. A request other than GET and HEAD is sent at most once: when a kept connection turns out
 * to be dead after sending, that is TD_ERR_TRANSPORT ("unknown"), while GET and HEAD are repeated on a new connection. */
#ifndef TD_NET_HTTP_CLIENT_H
#define TD_NET_HTTP_CLIENT_H

#include "base/error.h"
#include "net/loop.h"

#include <stddef.h>

struct td_http_client;
struct td_http_call;

/* Where certificates are. All borrowed file paths, all may be NULL; files are read at each new connection, so that rotated
 * certificates are used without a restart. */
struct td_http_tls {
	const char *ca_file;	      /* NULL: the system's store */
	const char *certificate_file; /* client certificate (PEM) */
	const char *key_file;
};

struct td_http_request {
	const char *method; /* "GET", "PUT", ... */
	const char *url;    /* http:// or https:// */

	/* Connect to this "host:port" instead of the one in url, while Host header, SNI and certificate check keep the
	 * url's. NULL: as the url says. */
	const char *connect_to;

	const char *const *headers; /* "Name: value", ended by NULL; may be NULL */
	const void *body;	    /* copied; NULL: no body */
	size_t body_len;
	struct td_http_tls tls; /* the strings are copied */

	int64_t connect_timeout_ms; /* all three must be above 0 */
	int64_t total_timeout_ms;
	int64_t idle_timeout_ms; /* the longest silence after the connection stands */
	size_t body_max;	 /* of the answer; TD_ERR_TOO_LARGE beyond it. With on_data: of one piece, never reached */
};

struct td_http_response {
	int status;		  /* 0 when err->code is not TD_OK */
	const char *content_type; /* "" when absent */
	int64_t retry_after_ms;	  /* from Retry-After in seconds; -1 when absent */
	const char *body;	  /* terminated by 0; "" when streamed */
	size_t body_len;
};

/* err->code is TD_OK when a complete answer with any status came, else what happened (TD_ERR_CONNECT, _TIMEOUT, _TRANSPORT,
 * _TOO_LARGE, _NOMEM, _CANCELLED). Everything is borrowed for the time of the call. */
typedef void (*td_http_done_fn)(const struct td_http_response *response, const struct td_error *err, void *userdata);

/* For streams (watches): called with each piece of a 2xx answer's body as it comes. Return false to end the request with
 * TD_ERR_CANCELLED (done is still called). The body of any other status is collected for done as usual. */
typedef bool (*td_http_data_fn)(const char *bytes, size_t len, void *userdata);

struct td_http_client *td_http_client_new(struct td_loop *loop); /* NULL: out of memory */

/* Cancels what is under way (without callbacks). Not from inside a callback of a request of its own. Returns NULL. */
struct td_http_client *td_http_client_free(struct td_http_client *client);

/* NULL on a failure to start, with *err set (TD_ERR_NOMEM; TD_ERR_INVALID: no http URL, a line break in method or header);
 * then no callback follows. on_data may be NULL. err may be NULL. */
struct td_http_call *td_http_start(struct td_http_client *client, const struct td_http_request *request,
				   td_http_data_fn on_data, td_http_done_fn done, void *userdata, struct td_error *err);

/* Gives up: no callback follows; the handle is gone. May be called from any callback but the call's own done. */
void td_http_cancel(struct td_http_call *call);

#endif
