/* The informer joins the reflector (when to list and watch), the framer (where events end) and the store (what differs) to
 * the API server and the clock.
 *
 * One call at a time: a page of a list or a watch. After each answer pump() asks the reflector what is next. Differences are
 * told when the store already is in its new state, deletions of a relist included.
 *
 * A watch that must end (an ERROR event, bad JSON, no memory) sets stream_error and stops the stream; the call's done then
 * reports that error instead of the cancellation. The last version is only advanced by events that were applied, so nothing
 * is skipped when the stream is taken up again.
 *
 * A handler may free the informer: what runs is guarded by enter() and leave(), and memory goes with leave(). */
#include "kube/informer.h"

#include "base/json.h"
#include "kube/answer.h"
#include "kube/client_internal.h"
#include "kube/reflector.h"
#include "kube/watch_framer.h"

#include <stdlib.h>
#include <string.h>

#define WATCH_GRACE_MS 30000 /* after timeoutSeconds the server ends the watch itself; we only if it does not */
#define WATCH_IDLE_MS 180000 /* bookmarks come every minute: silence of three is a dead connection */
#define QUERY_MAX 12288

struct td_informer {
	struct td_loop *loop;
	struct td_kube_client *client;
	const struct td_kube_resource *resource;
	char *namespace_;
	char *selector; /* encoded; NULL: all */
	json_t *(*project)(json_t *object);
	struct td_informer_handlers handlers;
	void *userdata;

	struct td_reflector reflector;
	struct td_watch_framer framer;
	struct td_store store;
	struct td_store fresh; /* the pages of a list so far */
	struct td_kube_call *call;
	struct td_timer *timer;
	struct td_error stream_error; /* why we stopped the watch */
	bool synced;
	bool running; /* a callback of ours is on the stack */
	bool freed;   /* the rest goes when it returns */
};

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

static void tell_differences(struct td_informer *informer, struct td_store_differences *differences)
{
	for (size_t i = 0; i < differences->count && !informer->freed; i++) {
		const struct td_store_difference *item = &differences->items[i];

		informer->handlers.changed(item->change, item->name, item->object, informer->userdata);
	}
	td_store_differences_done(differences);
}

static void tell_synced(struct td_informer *informer)
{
	if (informer->freed || informer->synced)
		return;
	informer->synced = true;
	informer->handlers.synced(informer->userdata);
}

/* What is to be stored of object: a new reference. NULL: out of memory. */
static json_t *project(const struct td_informer *informer, json_t *object)
{
	return informer->project ? informer->project(object) : json_incref(object);
}

/* --- list --- */

static enum td_error_code collect(struct td_informer *informer, const json_t *page, struct td_error *err)
{
	const json_t *items = json_object_get(page, "items");

	if (items && !json_is_null(items) && !json_is_array(items))
		return td_error_set(err, TD_ERR_PROTOCOL, "items is no array");
	for (size_t i = 0; i < json_array_size(items); i++) {
		json_t *kept = project(informer, json_array_get(items, i));
		enum td_error_code code = kept ? td_store_collect(&informer->fresh, kept) : TD_ERR_NOMEM;

		json_decref(kept);
		if (code != TD_OK)
			return td_error_set(err, code, "item %zu: %s", i,
					    code == TD_ERR_NOMEM ? "out of memory" : "no name");
	}
	return TD_OK;
}

static enum td_error_code take_page(struct td_informer *informer, const json_t *page, struct td_error *err)
{
	const char *version = td_json_text(page, "metadata.resourceVersion");
	const char *more = td_json_text(page, "metadata.continue");
	struct td_store_differences differences = {0};
	enum td_error_code code = collect(informer, page, err);
	bool complete;

	/* The store first: the reflector must not believe in a list that could not be kept. */
	if (code == TD_OK && !(more && *more)) {
		code = td_store_replace(&informer->store, &informer->fresh, &differences);
		if (code != TD_OK)
			return td_error_set(err, code, "out of memory");
	}
	if (code != TD_OK)
		return code;
	code = td_reflector_listed(&informer->reflector, version, more, td_loop_now_ms(informer->loop), &complete);
	tell_differences(informer, &differences);
	if (code != TD_OK)
		return td_error_set(err, code, "no usable metadata.resourceVersion or no memory");
	if (complete)
		tell_synced(informer);
	return TD_OK;
}

static void on_listed(json_t *object, const struct td_error *err, void *userdata)
{
	struct td_informer *informer = userdata;
	struct td_error why = *err;

	informer->call = NULL;
	enter(informer);
	if (why.code == TD_OK && take_page(informer, object, &why) != TD_OK)
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
	struct td_kube_request request = {.verb = TD_KUBE_LIST, .resource = informer->resource,
					  .namespace_ = informer->namespace_};
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

static bool stop_stream(struct td_informer *informer, enum td_error_code code, const char *why)
{
	if (why)
		(void)td_error_set(&informer->stream_error, code, "%s", why);
	td_error_wrap(&informer->stream_error, "watch %s in %s", informer->resource->plural, informer->namespace_);
	return false;
}

/* ADDED, MODIFIED, DELETED. */
static bool apply(struct td_informer *informer, const char *type, json_t *object)
{
	struct td_store_differences differences = {0};
	json_t *kept = project(informer, object);
	enum td_error_code code = TD_ERR_NOMEM;

	if (kept && !strcmp(type, "DELETED"))
		code = td_store_remove(&informer->store, kept, &differences);
	else if (kept)
		code = td_store_put(&informer->store, kept, &differences);
	json_decref(kept);
	if (code != TD_OK)
		return stop_stream(informer, code, code == TD_ERR_NOMEM ? "out of memory" : "an object without a name");
	code = td_reflector_event(&informer->reflector, td_json_text(object, "metadata.resourceVersion"),
				  td_loop_now_ms(informer->loop));
	tell_differences(informer, &differences);
	return code == TD_OK || informer->freed || stop_stream(informer, code, "an object without a resourceVersion");
}

static bool take_event(struct td_informer *informer, const json_t *event)
{
	const char *type = td_json_text(event, "type");
	json_t *object = json_object_get(event, "object");

	if (!type || !json_is_object(object))
		return stop_stream(informer, TD_ERR_PROTOCOL, "an event without type or object");
	if (!strcmp(type, "ADDED") || !strcmp(type, "MODIFIED") || !strcmp(type, "DELETED"))
		return apply(informer, type, object);
	if (!strcmp(type, "BOOKMARK")) {
		if (td_reflector_event(&informer->reflector, td_json_text(object, "metadata.resourceVersion"),
				       td_loop_now_ms(informer->loop)) == TD_OK)
			return true;
		return stop_stream(informer, TD_ERR_PROTOCOL, "a bookmark without a resourceVersion");
	}
	if (!strcmp(type, "ERROR")) {
		(void)td_kube_error_from_event(&informer->stream_error, object);
		return stop_stream(informer, TD_ERR_HTTP, NULL);
	}
	return stop_stream(informer, TD_ERR_PROTOCOL, "an event of unknown type");
}

static bool on_line(const char *line, size_t len, void *userdata)
{
	struct td_informer *informer = userdata;
	json_t *event = td_kube_parse(line, len, &informer->stream_error);
	bool ok = event ? take_event(informer, event) : stop_stream(informer, TD_ERR_PROTOCOL, NULL);

	json_decref(event);
	return ok && !informer->freed;
}

static bool on_data(const char *bytes, size_t len, void *userdata)
{
	struct td_informer *informer = userdata;
	enum td_error_code code;

	enter(informer);
	code = td_watch_framer_feed(&informer->framer, bytes, len, on_line, informer);
	if (code != TD_OK && !informer->freed && informer->stream_error.code == TD_OK)
		(void)stop_stream(informer, code, code == TD_ERR_TOO_LARGE ? "an event larger than 4 MiB" : "out of memory");
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
	struct td_kube_request request = {.verb = TD_KUBE_LIST, .resource = informer->resource,
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
