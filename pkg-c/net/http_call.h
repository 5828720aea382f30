/* One HTTP call, as libcurl sees it: its options, its callbacks, and what came of it. For net/http_client.c alone, which
 * decides when a call enters and leaves libcurl. */
#ifndef TD_NET_HTTP_CALL_H
#define TD_NET_HTTP_CALL_H

#include "base/buf.h"
#include "net/http_client.h"

#include <curl/curl.h>

enum td_call_state {
	TD_CALL_QUEUED,	 /* libcurl does not know it yet */
	TD_CALL_RUNNING, /* in libcurl: the only state in which the callbacks of libcurl do anything */
	TD_CALL_REFUSED, /* libcurl had no memory for it; ends in the next turn */
	TD_CALL_ENDED,	 /* done is being called */
	TD_CALL_GIVEN_UP /* cancelled, to be freed; no callback any more */
};

struct td_http_call {
	struct td_http_call *prev, *next;
	struct td_http_client *client;
	enum td_call_state state;
	CURL *easy;
	struct curl_slist *headers;
	struct curl_slist *connect_to;
	struct td_timer *timer; /* the idle deadline; in REFUSED: the next turn */
	int64_t idle_timeout_ms;
	bool may_resend;
	bool sent; /* a connection stood: the other side may have seen the request */
	size_t header_bytes;
	bool headers_whole; /* the empty line after the last headers came */
	struct td_buf body;
	struct td_error stop; /* why a callback of ours made libcurl fail; code TD_OK: none did */
	td_http_data_fn on_data;
	td_http_done_fn done;
	void *userdata;
	char reason[CURL_ERROR_SIZE];
};

/* Queued, with everything but its client, links and the user's callbacks. on_timer gets the call. NULL with *err set: out of
 * memory, or a request that cannot be sent (TD_ERR_INVALID). */
struct td_http_call *td_http_call_new(struct td_loop *loop, const struct td_http_request *request, td_timer_fn on_timer,
				      struct td_error *err);
void td_http_call_free(struct td_http_call *call); /* must be out of libcurl; NULL is fine */

/* How libcurl ended, as an error of ours; TD_OK: a complete answer. */
void td_http_call_explain(const struct td_http_call *call, CURLcode code, struct td_error *err);

/* The complete answer. Borrowed from the call. */
struct td_http_response td_http_call_response(const struct td_http_call *call);

#endif
