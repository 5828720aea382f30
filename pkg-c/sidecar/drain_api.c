/* See drain_api.h. Here: the routes, who asks, and the answers. */
#include "sidecar/drain_api_internal.h"

#include "base/log.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH "/api/v2/captures/{}/drain"
#define ASKS_MAX 32 /* under way at once: whoever has no token yet must not be able to flood the API server */
#define JSON "application/json; charset=utf-8"

struct td_drain_api *td_drain_api_new(const struct td_drain_api_options *options)
{
	struct td_drain_api *api = calloc(1, sizeof(*api));

	if (!api)
		return NULL;
	api->options = *options;
	api->reviewer = td_reviewer_new(options->loop, options->kube, &td_drainrequests, options->namespace_);
	return api->reviewer ? api : td_drain_api_free(api);
}

struct td_drain_api *td_drain_api_free(struct td_drain_api *api)
{
	if (!api)
		return NULL;
	td_reviewer_free(api->reviewer);
	free(api);
	return NULL;
}

/* ---- answers ---- */

static void drop(struct td_drain_ask *ask)
{
	if (ask->review)
		td_review_cancel(ask->review);
	if (ask->captures)
		td_ticdc_cancel(ask->captures);
	if (ask->writing)
		td_kube_cancel(ask->writing);
	ask->api->asks--;
	free(ask);
}

static void reply(struct td_http_exchange *exchange, int status, json_t *body)
{
	static const char no_memory[] = "{\"error_msg\":\"out of memory\",\"error_code\":\"\"}";
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

	if (text)
		td_http_reply(exchange, status, JSON, text, strlen(text));
	else
		td_http_reply(exchange, 503, JSON, no_memory, strlen(no_memory));
	free(text);
	json_decref(body);
}

/* What others wrote may have been cut within a character. */
static void make_plain(char *text)
{
	for (char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

static json_t *error_of(const char *cdc_code, const char *text)
{
	return json_pack("{s:o,s:s}", "error_msg", cdc_code[0] ? json_sprintf("[%s]%s", cdc_code, text) : json_string(text),
			 "error_code", cdc_code);
}

static void refuse(struct td_http_exchange *exchange, int status, const char *cdc_code, const char *text)
{
	reply(exchange, status, error_of(cdc_code, text));
}

void td_drain_ask_refuse(struct td_drain_ask *ask, int status, const char *cdc_code, const char *format, ...)
{
	struct td_http_exchange *exchange = ask->exchange;
	char text[2 * TD_TEXT_MAX + TD_REVIEW_USER_MAX], code[16];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	make_plain(text);
	(void)snprintf(code, sizeof(code), "%d", status);
	td_log(status >= 500 ? TD_LOG_WARN : TD_LOG_DEBUG, "drain_api_refused", "method", ask->put ? "PUT" : "GET",
	       "capture", ask->capture, "user", ask->user, "status", code, "error", text, NULL);
	drop(ask);
	if (status == 401)
		(void)td_http_add_header(exchange, "WWW-Authenticate", "Bearer");
	refuse(exchange, status, cdc_code, text);
}

void td_drain_ask_answer(struct td_drain_ask *ask, const struct td_drain_search *search, json_t *object)
{
	struct td_http_exchange *exchange = ask->exchange;
	json_t *body = td_drain_search_answer(search, object);
	int status = ask->put ? 202 : 200;

	drop(ask);
	reply(exchange, status, body);
}

/* ---- who asks ---- */

static void on_reviewed(const struct td_review_result *result, const struct td_error *err, void *userdata)
{
	struct td_drain_ask *ask = userdata;

	ask->review = NULL;
	(void)td_text_copy(ask->user, sizeof(ask->user), result->user);
	switch (result->verdict) {
	case TD_REVIEW_ALLOWED:
		td_drain_ask_go_on(ask);
		return;
	case TD_REVIEW_DENIED:
		td_drain_ask_refuse(ask, 403, TD_CDC_UNAUTHORIZED, "user %s may not %s %s.%s in the namespace %s", ask->user,
				    ask->put ? "create" : "get", td_drainrequests.plural, td_drainrequests.group,
				    ask->api->options.namespace_);
		return;
	case TD_REVIEW_UNAUTHENTICATED:
		td_drain_ask_refuse(ask, 401, TD_CDC_UNAUTHORIZED, "the API server does not know the token");
		return;
	case TD_REVIEW_UNKNOWN:
		break;
	}
	td_drain_ask_refuse(ask, 503, "", "who you are and what you may do could not be found out: %s", err->text);
}

static void on_gone(void *userdata)
{
	drop(userdata);
}

static void begin(struct td_drain_ask *ask)
{
	const char *token = td_drain_input_token(td_http_header(ask->exchange, "Authorization"));
	struct td_error err;

	td_http_defer(ask->exchange, on_gone, ask);
	if (!token) {
		td_drain_ask_refuse(ask, 401, TD_CDC_NO_CREDENTIAL,
				    "credential not found: Authorization: Bearer TOKEN is needed");
		return;
	}
	ask->review = td_review_start(ask->api->reviewer, token, ask->put ? "create" : "get", on_reviewed, ask, &err);
	if (!ask->review)
		td_drain_ask_refuse(ask, 503, "", "%s", err.text);
}

static void on_ask(struct td_http_exchange *exchange, struct td_drain_api *api, bool put)
{
	struct td_drain_ask *ask = api->asks < ASKS_MAX ? calloc(1, sizeof(*ask)) : NULL;

	if (!ask) {
		refuse(exchange, 503, "", "too many requests are under way: try again");
		return;
	}
	api->asks++;
	ask->api = api;
	ask->exchange = exchange;
	ask->put = put;
	begin(ask);
}

/* ---- routes ---- */

static void on_put(struct td_http_exchange *exchange, void *userdata)
{
	on_ask(exchange, userdata, true);
}

static void on_get(struct td_http_exchange *exchange, void *userdata)
{
	on_ask(exchange, userdata, false);
}

static void on_other(struct td_http_exchange *exchange, void *userdata)
{
	(void)userdata;
	(void)td_http_add_header(exchange, "Allow", "GET, PUT");
	refuse(exchange, 405, "", "only GET and PUT are answered here");
}

bool td_drain_api_register(struct td_drain_api *api, struct td_http_server *server)
{
	static const char *const others[] = {"HEAD", "POST", "DELETE", "OPTIONS", "PATCH"};
	bool ok = td_http_server_on(server, "PUT", PATH, on_put, api) && td_http_server_on(server, "GET", PATH, on_get, api);

	for (size_t i = 0; ok && i < sizeof(others) / sizeof(others[0]); i++)
		ok = td_http_server_on(server, others[i], PATH, on_other, api);
	return ok;
}
