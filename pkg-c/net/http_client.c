/* The HTTP client, see http_client.h. How libcurl, the loop and the callers' callbacks fit together:
 *
 * libcurl tells which sockets and which single timer it waits for (on_want_socket, on_want_timer); the loop waits; drive()
 * hands what happened to libcurl. libcurl may not be re-entered, and on_data runs inside of it. So a call is a small state
 * machine, and start and cancel only write its state; settle() lets libcurl know once libcurl is left:
 *
 *	QUEUED -> RUNNING -> ENDED (taken out of libcurl, done is being called, freed)
 *	   \          \---> GIVEN_UP (cancelled, from any state but ENDED: no callback any more, freed at the next settle)
 *	    \-> REFUSED (libcurl had no memory for it: ENDED in the next turn)
 *
 * done is called from finish() alone, after the call has left libcurl and the list: it may start and cancel anything else.
 *
 * Not here: retries, redirects, proxies, cookies, HTTP/2, compression. */
#include "net/http_client.h"

#include "net/http_call.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>

struct td_http_client {
	struct td_loop *loop;
	CURLM *multi;
	struct td_timer *timer; /* the one timer libcurl asks for */
	struct td_http_call *calls;
	bool inside; /* libcurl is on the stack */
};

/* ---- the life of a call ---- */

static void call_link(struct td_http_call *call)
{
	struct td_http_client *client = call->client;

	call->next = client->calls;
	if (call->next)
		call->next->prev = call;
	client->calls = call;
}

/* Out of libcurl and out of the list. */
static void call_detach(struct td_http_call *call)
{
	struct td_http_client *client = call->client;

	client->inside = true;
	(void)curl_multi_remove_handle(client->multi, call->easy); /* harmless when it never was added */
	client->inside = false;
	if (call->prev)
		call->prev->next = call->next;
	else
		client->calls = call->next;
	if (call->next)
		call->next->prev = call->prev;
}

/* Does what start and cancel had to leave undone while libcurl was on the stack. Calls no callback. */
static void settle(struct td_http_client *client)
{
	struct td_http_call *next;

	if (client->inside)
		return;
	for (struct td_http_call *call = client->calls; call; call = next) {
		next = call->next;
		if (call->state == TD_CALL_GIVEN_UP) {
			call_detach(call);
			td_http_call_free(call);
		} else if (call->state == TD_CALL_QUEUED) {
			bool ok = curl_multi_add_handle(client->multi, call->easy) == CURLM_OK;

			call->state = ok ? TD_CALL_RUNNING : TD_CALL_REFUSED;
			if (!ok)
				td_timer_arm(call->timer, 0);
		}
	}
}

static void finish(struct td_http_call *call, const struct td_error *err)
{
	struct td_http_response response = {.content_type = "", .retry_after_ms = -1, .body = ""};

	assert(call->state == TD_CALL_RUNNING || call->state == TD_CALL_REFUSED);
	call->state = TD_CALL_ENDED;
	if (err->code == TD_OK)
		response = td_http_call_response(call);
	call_detach(call);
	call->done(&response, err, call->userdata);
	td_http_call_free(call);
}

static void on_call_timer(void *userdata)
{
	struct td_http_call *call = userdata;
	struct td_error err;

	if (call->state == TD_CALL_REFUSED)
		(void)td_error_set(&err, TD_ERR_NOMEM, "no memory to start the request");
	else
		(void)td_error_set(&err, TD_ERR_TIMEOUT, "no data for %lld ms", (long long)call->idle_timeout_ms);
	finish(call, &err);
}

/* ---- libcurl's sockets and timer, and the loop ---- */

/* After libcurl has worked. done may start and cancel, so each message is fetched anew. */
static void collect(struct td_http_client *client)
{
	CURLMsg *message;
	int left;

	settle(client);
	while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
		struct td_http_call *call = NULL;
		struct td_error err;

		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
		td_http_call_explain(call, message->data.result, &err);
		finish(call, &err);
	}
}

static void drive(struct td_http_client *client, curl_socket_t fd, int what)
{
	int running;

	client->inside = true;
	(void)curl_multi_socket_action(client->multi, fd, what, &running);
	client->inside = false;
	collect(client);
}

static void on_timer(void *userdata)
{
	drive(userdata, CURL_SOCKET_TIMEOUT, 0);
}

static void on_socket(evutil_socket_t fd, short what, void *userdata)
{
	drive(userdata, fd, (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static int on_want_timer(CURLM *multi, long timeout_ms, void *userdata)
{
	struct td_http_client *client = userdata;

	(void)multi;
	if (timeout_ms < 0)
		td_timer_disarm(client->timer);
	else
		td_timer_arm(client->timer, timeout_ms);
	return 0;
}

/* Without memory for the event the socket stays unwatched and the deadlines end its requests; an error returned from here
 * would make libcurl give up the whole client. */
static int on_want_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_data)
{
	struct td_http_client *client = userdata;
	struct event *event = socket_data;
	int wanted = (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0);

	(void)easy;
	if (event)
		event_free(event);
	event = NULL;
	if (what != CURL_POLL_REMOVE && wanted) {
		event = event_new(td_loop_event_base(client->loop), fd, (short)(wanted | EV_PERSIST), on_socket, client);
		if (event && event_add(event, NULL) < 0) {
			event_free(event);
			event = NULL;
		}
	}
	(void)curl_multi_assign(client->multi, fd, event);
	return 0;
}

static bool set_up_multi(struct td_http_client *client)
{
	static bool initialised;

	if (!initialised && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return false;
	initialised = true;
	client->multi = curl_multi_init();
	return client->multi && curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_want_socket) == CURLM_OK &&
	       curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client) == CURLM_OK &&
	       curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_want_timer) == CURLM_OK &&
	       curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client) == CURLM_OK;
}

struct td_http_client *td_http_client_new(struct td_loop *loop)
{
	struct td_http_client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->loop = loop;
	client->timer = td_timer_new(loop, on_timer, client);
	if (!client->timer || !set_up_multi(client))
		return td_http_client_free(client);
	return client;
}

struct td_http_client *td_http_client_free(struct td_http_client *client)
{
	if (!client)
		return NULL;
	assert(!client->inside);
	for (struct td_http_call *call = client->calls; call; call = call->next)
		call->state = TD_CALL_GIVEN_UP;
	if (client->multi) {
		settle(client);
		(void)curl_multi_cleanup(client->multi);
	}
	td_timer_free(client->timer);
	free(client);
	return NULL;
}

struct td_http_call *td_http_start(struct td_http_client *client, const struct td_http_request *request,
				   td_http_data_fn on_data, td_http_done_fn done, void *userdata, struct td_error *err)
{
	struct td_http_call *call = td_http_call_new(client->loop, request, on_call_timer, err);

	if (!call)
		return NULL;
	call->client = client;
	call->on_data = on_data;
	call->done = done;
	call->userdata = userdata;
	call_link(call);
	settle(client);
	return call;
}

void td_http_cancel(struct td_http_call *call)
{
	assert(call->state < TD_CALL_ENDED);
	call->state = TD_CALL_GIVEN_UP;
	td_timer_disarm(call->timer);
	settle(call->client);
}
