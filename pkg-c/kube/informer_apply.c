/* What the API server says, applied to store and reflector, and the differences told to the handlers.
 *
 * The reflector hears of a list or an event only after the store has it: its version never runs ahead of the copy, so that
 * what could not be kept (no memory) comes again with the next list. Differences are told last, when the store is in its new
 * state; a handler may free the informer, after which nothing more is told.
 *
 * Called by informer.c, inside of enter() and leave(). */
#include "kube/informer_internal.h"

#include "base/json.h"
#include "kube/answer.h"

#include <string.h>

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

enum td_error_code td_informer_take_page(struct td_informer *informer, const json_t *page, struct td_error *err)
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

bool td_informer_stop_stream(struct td_informer *informer, enum td_error_code code, const char *why)
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
		return td_informer_stop_stream(informer, code,
					       code == TD_ERR_NOMEM ? "out of memory" : "an object without a name");
	code = td_reflector_event(&informer->reflector, td_json_text(object, "metadata.resourceVersion"),
				  td_loop_now_ms(informer->loop));
	tell_differences(informer, &differences);
	return code == TD_OK || informer->freed ||
	       td_informer_stop_stream(informer, code, "an object without a resourceVersion");
}

static bool take_event(struct td_informer *informer, const json_t *event)
{
	const char *type = td_json_text(event, "type");
	json_t *object = json_object_get(event, "object");

	if (!type || !json_is_object(object))
		return td_informer_stop_stream(informer, TD_ERR_PROTOCOL, "an event without type or object");
	if (!strcmp(type, "ADDED") || !strcmp(type, "MODIFIED") || !strcmp(type, "DELETED"))
		return apply(informer, type, object);
	if (!strcmp(type, "BOOKMARK")) {
		if (td_reflector_event(&informer->reflector, td_json_text(object, "metadata.resourceVersion"),
				       td_loop_now_ms(informer->loop)) == TD_OK)
			return true;
		return td_informer_stop_stream(informer, TD_ERR_PROTOCOL, "a bookmark without a resourceVersion");
	}
	if (!strcmp(type, "ERROR")) {
		(void)td_kube_error_from_event(&informer->stream_error, object);
		return td_informer_stop_stream(informer, TD_ERR_HTTP, NULL);
	}
	return td_informer_stop_stream(informer, TD_ERR_PROTOCOL, "an event of unknown type");
}

bool td_informer_take_line(const char *line, size_t len, void *userdata)
{
	struct td_informer *informer = userdata;
	json_t *event = td_kube_parse(line, len, &informer->stream_error);
	bool ok = event ? take_event(informer, event) : td_informer_stop_stream(informer, TD_ERR_PROTOCOL, NULL);

	json_decref(event);
	return ok && !informer->freed;
}
