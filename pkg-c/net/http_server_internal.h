/* The inside of the HTTP server, shared by its two source files only: http_server.c (who answers) and http_exchange.c (one request and
 * its answer). */
#ifndef TD_NET_HTTP_SERVER_INTERNAL_H
#define TD_NET_HTTP_SERVER_INTERNAL_H

#include "net/http_server.h"

#include <event2/http.h>

struct td_http_exchange {
	struct evhttp_request *request;
	const char *parameter; /* inside the request's path; not terminated */
	size_t parameter_len;
	bool replied;
	bool in_handler;      /* its handler has not returned: whoever called that frees the exchange */
	td_http_gone_fn gone; /* NULL: not deferred */
	void *userdata;
};

/* Calls fn and sees to it that the exchange ends: at once, or later when fn has deferred its answer. */
void td_http_exchange_run(struct evhttp_request *request, td_http_handler_fn fn, void *userdata, const char *parameter,
			  size_t parameter_len);

/* A plain answer, where no handler is to be asked. content_type text/plain. allow: NULL, or the value of that header. */
void td_http_exchange_refuse(struct evhttp_request *request, int status, const char *text, const char *allow);

#endif
