/* The drain API after it is known who asks. In this order: the input, the objects, TiCDC's captures, the objects again, a new object.
 * An object that settles the question ends it early: a capture that was drained and is gone is still answered "drained". */
#include "sidecar/drain_api_internal.h"

#include "base/log.h"
#include "base/text.h"
#include "sidecar/cluster_view.h"

#include <stdio.h>
#include <string.h>

#define WRITE_MS 4000
#define NAMES_MAX 1000	/* requests for one capture that ended without a proof */
#define STALE_MS 120000 /* healthy, an informer stays below 75 s */

static struct td_drain_search search_for(const struct td_drain_ask *ask)
{
	return (struct td_drain_search){.cluster = ask->api->options.cluster,
					.capture = ask->capture,
					.pod = ask->pod,
					.no_dry_runs = ask->put && !ask->input.dry_run};
}

/* ---- the new object ---- */

static void on_existing(json_t *object, const struct td_error *err, void *userdata)
{
	struct td_drain_ask *ask = userdata;
	struct td_drain_search search = search_for(ask);

	ask->writing = NULL;
	if (err->code != TD_OK)
		td_drain_ask_refuse(ask, 503, "", "the Kubernetes API could not be asked: %s", err->text);
	else if (!td_drain_search_fits(&search, object))
		td_drain_ask_refuse(ask, 503, "", "the DrainRequest %s is there and is another one: try again", ask->name);
	else
		td_drain_ask_answer(ask, &search, object);
}

/* Somebody was quicker, and this sidecar has not heard of it yet. */
static void read_existing(struct td_drain_ask *ask)
{
	const struct td_drain_api_options *o = &ask->api->options;
	struct td_error err;

	ask->writing = td_kube_start(o->kube,
				     &(struct td_kube_request){.verb = TD_KUBE_GET,
							       .resource = &td_drainrequests,
							       .namespace_ = o->namespace_,
							       .name = ask->name,
							       .timeout_ms = WRITE_MS},
				     on_existing, ask, &err);
	if (!ask->writing)
		td_drain_ask_refuse(ask, 503, "", "%s", err.text);
}

static void on_created(json_t *object, const struct td_error *err, void *userdata)
{
	struct td_drain_ask *ask = userdata;
	struct td_drain_search search = search_for(ask);

	ask->writing = NULL;
	if (err->code != TD_OK && err->http_status == 409) {
		read_existing(ask);
	} else if (err->code != TD_OK) {
		td_drain_ask_refuse(ask, 503, "", "the DrainRequest could not be made: %s", err->text);
	} else if (!td_drain_search_fits(&search, object)) {
		td_drain_ask_refuse(ask, 503, "", "the Kubernetes API's answer to a new DrainRequest is none");
	} else {
		td_log(TD_LOG_INFO, "drain_api_accepted", "request", ask->name, "capture", ask->capture, "user", ask->user,
		       NULL);
		td_drain_ask_answer(ask, &search, object);
	}
}

/* The same for every sidecar that is asked at once: "capture-<id>", then "-2" and so on past those that are there already, which have
 * ended without a proof. False: there are too many. */
static bool choose_name(struct td_drain_ask *ask)
{
	(void)snprintf(ask->name, sizeof(ask->name), "capture-%s", ask->capture);
	for (int i = 2; td_informer_get(ask->api->options.drains, ask->name); i++) {
		if (i > NAMES_MAX)
			return false;
		(void)snprintf(ask->name, sizeof(ask->name), "capture-%s-%d", ask->capture, i);
	}
	return true;
}

static void create(struct td_drain_ask *ask)
{
	const struct td_drain_api_options *o = &ask->api->options;
	const struct td_drain_wish wish = {.name = ask->name,
					   .namespace_ = o->namespace_,
					   .cluster = o->cluster,
					   .capture = ask->capture,
					   .user = ask->user,
					   .batch_size = ask->input.batch_size,
					   .timeout_seconds = ask->input.timeout_seconds,
					   .dry_run = ask->input.dry_run};
	json_auto_t *body = NULL;
	struct td_error err;

	if (!choose_name(ask)) {
		td_drain_ask_refuse(ask, 503, "", "%d requests for this capture have ended without a proof: delete some",
				    NAMES_MAX);
		return;
	}
	body = td_drain_for_capture(&wish);
	(void)td_error_set(&err, TD_ERR_NOMEM, "out of memory");
	if (body)
		ask->writing = td_kube_start(o->kube,
					     &(struct td_kube_request){.verb = TD_KUBE_CREATE,
								       .resource = &td_drainrequests,
								       .namespace_ = o->namespace_,
								       .body = body,
								       .timeout_ms = WRITE_MS},
					     on_created, ask, &err);
	if (!ask->writing)
		td_drain_ask_refuse(ask, 503, "", "%s", err.text);
}

/* ---- TiCDC's captures ---- */

struct pod_search {
	const char *address;
	struct td_drain_ask *ask;
};

static void look_at_pod(const char *name, json_t *object, void *userdata)
{
	struct pod_search *search = userdata;
	struct td_pod pod;

	(void)name;
	if (td_pod_read(&pod, object) && td_pod_has_address(&pod, search->address))
		(void)td_text_copy(search->ask->pod, sizeof(search->ask->pod), pod.name);
}

/* The capture exists. */
static void decide(struct td_drain_ask *ask)
{
	struct td_drain_search search = search_for(ask);

	td_informer_each(ask->api->options.drains, td_drain_search_look, &search);
	if (search.object && (search.settled || !ask->put))
		td_drain_ask_answer(ask, &search, search.object);
	else if (!ask->put)
		td_drain_ask_refuse(ask, 404, "", "no drain of capture %s has been asked for", ask->capture);
	else if (search.busy[0])
		td_drain_ask_refuse(ask, 409, TD_CDC_REQUEST_FAILED,
				    "scheduler request failed, %s is being drained: one drain at a time", search.busy);
	else
		create(ask);
}

static void on_captures(const struct td_ticdc_capture *captures, size_t count, const struct td_error *err, void *userdata)
{
	struct td_drain_ask *ask = userdata;
	const struct td_ticdc_capture *found = NULL;

	ask->captures = NULL;
	for (size_t i = 0; err->code == TD_OK && i < count; i++)
		if (strcmp(captures[i].id, ask->capture) == 0)
			found = &captures[i];
	if (err->code != TD_OK) {
		td_drain_ask_refuse(ask, 502, "", "TiCDC could not be asked which captures there are: %s", err->text);
	} else if (!found) {
		td_drain_ask_refuse(ask, 404, TD_CDC_NO_CAPTURE, "capture not exists, %s", ask->capture);
	} else {
		struct pod_search search = {.address = found->address, .ask = ask};

		td_informer_each(ask->api->options.pods, look_at_pod, &search);
		decide(ask);
	}
}

/* ---- the beginning ---- */

static enum td_error_code read_id(struct td_drain_ask *ask, struct td_error *err)
{
	size_t len;
	const char *id = td_http_parameter(ask->exchange, &len);

	return td_drain_input_capture(ask->capture, id, len, err);
}

/* TD_ERR_TOO_LARGE and what td_drain_input_body says. */
static enum td_error_code read_body(struct td_drain_ask *ask, struct td_error *err)
{
	size_t len;
	const char *body = td_http_body(ask->exchange, &len);

	if (!body)
		return td_error_set(err, TD_ERR_NOMEM, "out of memory");
	if (len > TD_DRAIN_API_BODY_MAX)
		return td_error_set(err, TD_ERR_TOO_LARGE, "the body is longer than %d bytes", TD_DRAIN_API_BODY_MAX);
	return ask->put ? td_drain_input_body(&ask->input, body, len, err) : TD_OK;
}

/* False: refused. */
static bool read_input(struct td_drain_ask *ask)
{
	struct td_error err;

	if (read_id(ask, &err) == TD_OK && read_body(ask, &err) == TD_OK)
		return true;
	if (err.code == TD_ERR_NOMEM)
		td_drain_ask_refuse(ask, 503, "", "%s", err.text);
	else if (err.code == TD_ERR_TOO_LARGE)
		td_drain_ask_refuse(ask, 413, "", "%s", err.text);
	else
		td_drain_ask_refuse(ask, 400, TD_CDC_INVALID_PARAM, "invalid api parameter: %s", err.text);
	return false;
}

/* An old copy of the objects would answer about yesterday. */
static bool copy_is_fresh(const struct td_drain_api_options *o)
{
	int64_t age_ms = td_informer_staleness_ms(o->drains);

	return td_informer_is_synced(o->pods) && td_informer_is_synced(o->drains) && age_ms >= 0 && age_ms <= STALE_MS;
}

void td_drain_ask_go_on(struct td_drain_ask *ask)
{
	const struct td_drain_api_options *o = &ask->api->options;
	struct td_drain_search search;

	if (!read_input(ask))
		return;
	if (!copy_is_fresh(o)) {
		td_drain_ask_refuse(ask, 503, "", "this sidecar does not know the DrainRequests of this moment");
		return;
	}
	search = search_for(ask);
	td_informer_each(o->drains, td_drain_search_look, &search);
	if (search.object && (search.settled || !ask->put)) {
		td_drain_ask_answer(ask, &search, search.object);
		return;
	}
	ask->captures = td_ticdc_get_captures(o->ticdc, o->ticdc_address, NULL, on_captures, ask);
	if (!ask->captures)
		td_drain_ask_refuse(ask, 503, "", "out of memory");
}
