/* The informer joins the reflector (when to list and watch), the framer (where events end) and the store (what differs) to
 * the API server and the clock. What comes is applied in informer_apply.c; this file makes the calls and has the life cycle.
 *
 * One call at a time: a page of a list or a watch. After each answer pump() asks the reflector what is next.
 *
 * A watch that must end (an ERROR event, bad JSON, no memory) sets stream_error and stops the stream; the call's done then
 * reports that error instead of the cancellation. The last version is only advanced by events that were applied, so nothing
 * is skipped when the stream is taken up again.
 *
 * A handler may free the informer: what runs is guarded by enter() and leave(), and memory goes with leave(). */
#include "kube/informer_internal.h"

#include "kube/client_internal.h"

#include <stdlib.h>
#include <string.h>

#define WATCH_GRACE_MS 30000 /* after timeoutSeconds the server ends the watch itself; we only if it does not */
#define WATCH_IDLE_MS 180000 /* bookmarks come every minute: silence of three is a dead connection */
#define QUERY_MAX 12288

static void pump(struct td_informer *informer);

static struct td_informer *destroy(struct td_informer *informer)
{
	td_reflector_done(&informer->reflector);
	td_watch_framer_done(&informer->framer);
	td_store_done(&informer->store);
	td_store_done(&informer->fresh);
	free(informer->namespace_);
	free(informer->selector);
	free(informer);
	return NULL;
}

struct td_informer *td_informer_free(struct td_informer *informer)
{
	if (!informer)
		return NULL;
	if (informer->call)
		td_kube_cancel(informer->call);
	informer->call = NULL;
	informer->timer = td_timer_free(informer->timer);
	informer->freed = true;
	return informer->running ? NULL : destroy(informer);
}

static void enter(struct td_informer *informer)
{
	informer->running = true;
}

/* False: the informer is gone. */
static bool leave(struct td_informer *informer)
{
	informer->running = false;
	if (!informer->freed)
		return true;
	(void)destroy(informer);
	return false;
}

static void tell_failed(struct td_informer *informer, const struct td_error *err)
{
	if (!informer->freed && informer->handlers.failed)
		informer->handlers.failed(err, informer->userdata);
}

/* --- list --- */

static void on_listed(json_t *object, const struct td_error *err, void *userdata)
{
	struct td_informer *informer = userdata;
	struct td_error why = *err;

	informer->call = NULL;
	enter(informer);
	if (why.code == TD_OK && td_informer_take_page(informer, object, &why) != TD_OK)
		td_error_wrap(&why, "list %s in %s", informer->resource->plural, informer->namespace_);
	if (why.code != TD_OK) {
		if (informer->reflector.state == TD_REFLECTOR_LISTING)
			td_reflector_list_failed(&informer->reflector, &why, td_loop_now_ms(informer->loop));
		tell_failed(informer, &why);
	}
	if (leave(informer))
		pump(informer);
}

static bool append_parameter(struct td_buf *query, const char *name, const char *value)
{
	char *encoded = td_kube_encode(value);
	bool ok = encoded && td_buf_append_format(query, "%s%s=%s", query->len ? "&" : "", name, encoded);

	free(encoded);
	return ok;
}

static bool append_selector(const struct td_informer *informer, struct td_buf *query)
{
	return !informer->selector ||
	       td_buf_append_format(query, "%slabelSelector=%s", query->len ? "&" : "", informer->selector);
}

static struct td_kube_call *start_list(struct td_informer *informer, const struct td_reflector_action *action,
				       struct td_error *err)
{
	struct td_kube_request request = {
		.verb = TD_KUBE_LIST, .resource = informer->resource, .namespace_ = informer->namespace_};
	struct td_kube_call *call = NULL;
	struct td_buf query;
	bool ok = true;

	if (!action->continue_token)
		td_store_done(&informer->fresh);
	td_buf_init(&query, QUERY_MAX);
	if (action->limit)
		ok = td_buf_append_format(&query, "limit=%d", action->limit);
	if (action->continue_token)
		ok = ok && append_parameter(&query, "continue", action->continue_token);
	request.query = td_buf_text(&query);
	if (ok && append_selector(informer, &query)) {
		request.query = td_buf_text(&query);
		call = td_kube_start(informer->client, &request, on_listed, informer, err);
	} else {
		(void)td_error_set(err, TD_ERR_NOMEM, "list %s: no memory for the query", informer->resource->plural);
	}
	td_buf_done(&query);
	return call;
}

/* --- watch --- */

static bool on_data(const char *bytes, size_t len, void *userdata)
{
	struct td_informer *informer = userdata;
	enum td_error_code code;

	enter(informer);
	code = td_watch_framer_feed(&informer->framer, bytes, len, td_informer_take_line, informer);
	if (code != TD_OK && !informer->freed && informer->stream_error.code == TD_OK)
		(void)td_informer_stop_stream(informer, code,
					      code == TD_ERR_TOO_LARGE ? "an event over 4 MiB" : "out of memory");
	return leave(informer) && code == TD_OK;
}

static void on_watch_done(json_t *object, const struct td_error *err, void *userdata)
{
	struct td_informer *informer = userdata;
	struct td_error how = informer->stream_error.code != TD_OK ? informer->stream_error : *err;
	enum td_error_code before = how.code;

	(void)object;
	informer->call = NULL;
	enter(informer);
	td_reflector_watch_ended(&informer->reflector, &how, td_loop_now_ms(informer->loop));
	if (how.code != before)
		td_error_wrap(&how, "watch %s in %s", informer->resource->plural, informer->namespace_);
	if (how.code != TD_OK)
		tell_failed(informer, &how);
	if (leave(informer))
		pump(informer);
}

static struct td_kube_call *start_watch(struct td_informer *informer, const struct td_reflector_action *action,
					struct td_error *err)
{
	struct td_kube_request request = {.verb = TD_KUBE_LIST,
					  .resource = informer->resource,
					  .namespace_ = informer->namespace_,
					  .timeout_ms = action->timeout_s * 1000 + WATCH_GRACE_MS};
	struct td_kube_call *call = NULL;
	struct td_buf query;

	td_watch_framer_restart(&informer->framer);
	td_error_clear(&informer->stream_error);
	td_buf_init(&query, QUERY_MAX);
	if (td_buf_append_format(&query, "watch=1&allowWatchBookmarks=true&timeoutSeconds=%d", action->timeout_s) &&
	    append_parameter(&query, "resourceVersion", action->version) && append_selector(informer, &query)) {
		request.query = td_buf_text(&query);
		call = td_kube_watch(informer->client, &request, WATCH_IDLE_MS, on_data, on_watch_done, informer, err);
	} else {
		(void)td_error_set(err, TD_ERR_NOMEM, "watch %s: no memory for the query", informer->resource->plural);
	}
	td_buf_done(&query);
	return call;
}

/* --- both --- */

/* Performs what is due. What cannot even be started is a failure like any other and is followed by a wait. */
static void pump(struct td_informer *informer)
{
	int64_t now_ms = td_loop_now_ms(informer->loop);
	struct td_reflector_action action = td_reflector_next(&informer->reflector, now_ms);
	struct td_error err;

	td_error_clear(&err);
	if (action.kind == TD_REFLECT_LIST) {
		informer->call = start_list(informer, &action, &err);
		if (!informer->call)
			td_reflector_list_failed(&informer->reflector, &err, now_ms);
	} else if (action.kind == TD_REFLECT_WATCH) {
		informer->call = start_watch(informer, &action, &err);
		if (!informer->call)
			td_reflector_watch_ended(&informer->reflector, &err, now_ms);
	}
	if (err.code != TD_OK) {
		action = td_reflector_next(&informer->reflector, now_ms);
		enter(informer);
		tell_failed(informer, &err);
		if (!leave(informer))
			return;
	}
	if (!informer->call)
		td_timer_arm(informer->timer, action.until_ms - now_ms);
}

static void on_timer(void *userdata)
{
	pump(userdata);
}

static bool init(struct td_informer *informer, const struct td_informer_options *options)
{
	const char *selector = options->label_selector;

	informer->resource = options->resource;
	informer->project = options->project;
	informer->namespace_ = strdup(options->namespace_);
	informer->selector = selector && *selector ? td_kube_encode(selector) : NULL;
	informer->timer = td_timer_new(informer->loop, on_timer, informer);
	return informer->namespace_ && informer->timer && (!selector || !*selector || informer->selector);
}

struct td_informer *td_informer_new(struct td_loop *loop, struct td_kube_client *client,
				    const struct td_informer_options *options, const struct td_informer_handlers *handlers,
				    void *userdata)
{
	struct td_informer *informer = calloc(1, sizeof(*informer));

	if (!informer)
		return NULL;
	informer->loop = loop;
	informer->client = client;
	informer->handlers = *handlers;
	informer->userdata = userdata;
	td_watch_framer_init(&informer->framer, TD_WATCH_EVENT_MAX);
	/* Only the jitter depends on the seed: two processes must differ, nothing more. */
	td_reflector_init(&informer->reflector, (uint64_t)td_loop_wall_ms(loop) ^ (uint64_t)(uintptr_t)informer);
	if (!init(informer, options))
		return td_informer_free(informer);
	td_timer_arm(informer->timer, 0); /* not from here: no handler is called before we return */
	return informer;
}

bool td_informer_is_synced(const struct td_informer *informer)
{
	return informer->synced;
}

int64_t td_informer_staleness_ms(const struct td_informer *informer)
{
	int64_t confirmed_ms = informer->reflector.confirmed_ms;

	return confirmed_ms < 0 ? -1 : td_loop_now_ms(informer->loop) - confirmed_ms;
}

json_t *td_informer_get(const struct td_informer *informer, const char *name)
{
	return td_store_get(&informer->store, name);
}

size_t td_informer_count(const struct td_informer *informer)
{
	return informer->store.count;
}

void td_informer_each(const struct td_informer *informer, void (*fn)(const char *name, json_t *object, void *userdata),
		      void *userdata)
{
	for (size_t i = 0; i < informer->store.count; i++)
		fn(informer->store.entries[i].name, informer->store.entries[i].object, userdata);
}
