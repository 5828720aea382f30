/* Writing a DrainRequest: the status from the core's view, the request for a terminating pod, the proof of release. */
#include "sidecar/drainrequest.h"

#include "base/date.h"
#include "base/json.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

const char *const td_drain_status_fields[] = {
	"phase",
	"reason",
	"message",
	"captureID",
	"captureAddress",
	"podName",
	"podUID",
	"family",
	"epoch",
	"coordinator",
	"queuePosition",
	"blockedBy",
	"initial",
	"remaining",
	"moved",
	"progress",
	"progressPercent",
	"estimatedCompletionTime",
	"deadline",
	"startTime",
	"completionTime",
	"witnesses",
	"proof",
	"acknowledged", /* the agents write it, see acknowledge.h; no other write may touch it */
	"conditions",
	"observedGeneration",
	NULL,
};

/* Messages hold what TiCDC and people wrote, and may have been cut within a character: what is no UTF-8 would make the whole status
 * impossible to write. */
static json_t *text_of(const char *text)
{
	char plain[2 * TD_TEXT_MAX];
	json_t *value = json_string(text);

	if (value)
		return value;
	(void)td_text_copy(plain, sizeof(plain), text);
	for (char *c = plain; *c; c++)
		if (*c & 0x80)
			*c = '?';
	return json_string(plain);
}

/* null in a merge patch removes the member: an empty text is not shown at all. */
static json_t *text_or_null(const char *text)
{
	return text && text[0] ? text_of(text) : json_null();
}

static json_t *time_or_null(int64_t ms, const struct td_drain_context *context)
{
	char text[TD_TIME_TEXT_MAX];

	if (ms == 0)
		return json_null();
	td_time_format(context->now_wall_ms + (ms - context->now_ms), text);
	return json_string(text);
}

/* A date that does not change, but comes from two clocks that are read one after the other: what the object says stays, unless ours is
 * another second for certain. Else it would flicker between two seconds, and every flicker be a write. */
static json_t *steady_time_or_null(int64_t ms, const char *old, const struct td_drain_context *context)
{
	int64_t wall_ms = context->now_wall_ms + (ms - context->now_ms) + 500, old_ms; /* to the nearest second */

	if (ms == 0)
		return json_null();
	if (old && td_time_parse(old, &old_ms) && wall_ms > old_ms - 500 && wall_ms < old_ms + 1500)
		return json_string(old);
	return time_or_null(ms + 500, context);
}

static json_t *counts_or_null(const struct td_counts *counts, bool known)
{
	return known ? json_pack("{s:I,s:I}", "maintainers", (json_int_t)counts->maintainers, "dispatchers",
				 (json_int_t)counts->dispatchers)
		     : json_null();
}

static json_t *done_of_all(uint32_t done, uint32_t all)
{
	return json_sprintf("%u/%u", done, all);
}

static json_t *progress(const struct td_request_view *view)
{
	if (!view->started)
		return json_null();
	return json_pack("{s:o,s:o}", "maintainers", done_of_all(view->moved.maintainers, view->initial.maintainers),
			 "dispatchers", done_of_all(view->moved.dispatchers, view->initial.dispatchers));
}

static json_t *witness(enum td_witness which, const struct td_witness_state *state, const struct td_request_view *view,
		       const struct td_drain_context *context)
{
	const char *says = !state->last_ms ? "NotAsked" : !state->known ? "Unknown" : state->zero ? "Zero" : "NotZero";

	return json_pack("{s:s,s:s,s:b,s:i,s:I,s:I,s:I,s:I,s:o,s:o,s:o,s:o}", "name", td_witness_name(which), "says", says,
			 "settled", (int)state->settled, "consecutiveZeros", state->reads, "maintainers",
			 (json_int_t)state->counts.maintainers, "dispatchers", (json_int_t)state->counts.dispatchers,
			 "triggers", (json_int_t)state->counts.triggers, "brokers", (json_int_t)state->counts.brokers,
			 "note", text_or_null(state->note), "time", time_or_null(state->last_ms, context), "captureID",
			 text_or_null(view->capture), "ticdcCoordinator", text_or_null(view->coordinator));
}

static json_t *witnesses(const struct td_request_view *view, const struct td_drain_context *context)
{
	json_t *list = json_array();

	for (int i = 0; list && i < TD_WITNESS_COUNT; i++) {
		if (!view->witnesses[i].offered)
			continue;
		if (json_array_append_new(list, witness((enum td_witness)i, &view->witnesses[i], view, context)) != 0)
			return json_decref(list), NULL;
	}
	return list;
}

static const char *transition_time(const char *type, const char *status, json_t *conditions, const char *now)
{
	size_t i;
	json_t *condition;

	json_array_foreach (conditions, i, condition) {
		const char *old_type = td_json_text(condition, "type"), *old_status = td_json_text(condition, "status");
		const char *time = td_json_text(condition, "lastTransitionTime");

		if (old_type && old_status && time && strcmp(old_type, type) == 0 && strcmp(old_status, status) == 0)
			return time;
	}
	return now;
}

static json_t *condition(const char *type, bool on, enum td_reason reason, const struct td_request_view *view,
			 const struct td_drain_context *context)
{
	char now[TD_TIME_TEXT_MAX];
	const char *status = on ? "True" : "False";

	td_time_format(context->now_wall_ms, now);
	return json_pack("{s:s,s:s,s:s,s:o,s:s,s:I}", "type", type, "status", status, "reason", td_reason_name(reason),
			 "message", text_of(view->message), "lastTransitionTime",
			 transition_time(type, status, context->conditions, now), "observedGeneration",
			 (json_int_t)context->generation);
}

static json_t *conditions(const struct td_request_view *view, const struct td_drain_context *context)
{
	bool drained = view->phase == TD_PHASE_DRAINED || view->phase == TD_PHASE_RELEASED;
	bool failed = td_phase_is_final(view->phase) && !drained;
	bool open = !td_phase_is_final(view->phase);
	bool stalled = open && view->stalled_ms != 0; /* the message then names what is stuck */

	return json_pack(
		"[o,o,o]",
		condition("Progressing", open && !stalled, stalled ? TD_REASON_STALLED : view->reason, view, context),
		condition("Drained", drained, view->reason, view, context),
		condition("Failed", failed, view->reason, view, context));
}

/* The pod of a drained capture is gone. Nothing else may change: a coordinator that came later does not know what the one before it
 * wrote down as evidence. */
static json_t *released_patch(const struct td_request_view *view)
{
	return json_pack("{s:{s:s,s:s}}", "status", "phase", td_phase_name(view->phase), "reason",
			 td_reason_name(view->reason));
}

/* Everything that the view says. */
static json_t *whole_patch(const struct td_request_view *view, const struct td_drain_context *context)
{
	bool final = td_phase_is_final(view->phase);
	json_t *status =
		json_pack("{s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:s,s:I,s:s,s:o,s:o}", "phase", td_phase_name(view->phase), "reason",
			  td_reason_name(view->reason), "message", text_of(view->message), "captureID",
			  text_or_null(view->capture), "captureAddress", text_or_null(view->address), "podName",
			  text_or_null(view->pod), "podUID", text_or_null(context->pod_uid), "family",
			  td_family_name(view->family), "epoch", (json_int_t)view->epoch, "coordinator", context->worker,
			  "queuePosition", view->queue_position ? json_integer(view->queue_position) : json_null(),
			  "blockedBy", text_or_null(view->blocked_by));
	json_t *more = json_pack(
		"{s:o,s:o,s:o,s:o,s:i,s:o,s:o,s:o,s:o,s:o,s:o,s:I}", "initial",
		counts_or_null(&view->initial, view->started), "remaining", counts_or_null(&view->remaining, view->started),
		"moved", counts_or_null(&view->moved, view->started), "progress", progress(view), "progressPercent",
		view->progress_percent, "estimatedCompletionTime", final ? json_null() : time_or_null(view->eta_ms, context),
		"deadline", steady_time_or_null(view->deadline_ms, context->deadline, context), "startTime",
		steady_time_or_null(view->started_ms, context->start_time, context), "completionTime",
		time_or_null(view->completed_ms, context), "witnesses", witnesses(view, context), "conditions",
		conditions(view, context), "observedGeneration", (json_int_t)context->generation);
	json_t *patch = NULL;

	if (status && more && json_object_update(status, more) == 0)
		patch = json_pack("{s:O}", "status", status);
	json_decref(status);
	json_decref(more);
	return patch;
}

json_t *td_drain_status_patch(const struct td_request_view *view, const struct td_drain_context *context)
{
	return view->phase == TD_PHASE_RELEASED ? released_patch(view) : whole_patch(view, context);
}

json_t *td_drain_for_pod(const char *name, const char *namespace_, const char *cluster, const char *pod, const char *pod_uid,
			 bool hold)
{
	return json_pack("{s:s,s:s,s:{s:s,s:s,s:{s:s,s:s},s:[{s:s,s:s,s:s,s:s}]},s:{s:s,s:s,s:s}}", "apiVersion",
			 TD_DRAIN_GROUP "/" TD_DRAIN_VERSION, "kind", "DrainRequest", "metadata", "name", name, "namespace",
			 namespace_, "labels", "app.kubernetes.io/managed-by", "ticdc-drain", TD_DRAIN_CLUSTER_LABEL,
			 cluster, "ownerReferences", "apiVersion", "v1", "kind", "Pod", "name", pod, "uid", pod_uid, "spec",
			 "podName", pod, "reason", "the pod is terminating", "onTimeout", hold ? "Hold" : "Release");
}

static bool set_number(json_t *spec, const char *field, int64_t number)
{
	return number == 0 || json_object_set_new(spec, field, json_integer(number)) == 0;
}

json_t *td_drain_for_capture(const struct td_drain_wish *wish)
{
	json_t *object =
		json_pack("{s:s,s:s,s:{s:s,s:s,s:{s:s,s:s}},s:{s:s,s:o}}", "apiVersion", TD_DRAIN_GROUP "/" TD_DRAIN_VERSION,
			  "kind", "DrainRequest", "metadata", "name", wish->name, "namespace", wish->namespace_, "labels",
			  "app.kubernetes.io/managed-by", "ticdc-drain", TD_DRAIN_CLUSTER_LABEL, wish->cluster, "spec",
			  "captureID", wish->capture, "reason", json_sprintf("asked for by %s through the API", wish->user));
	json_t *spec = json_object_get(object, "spec");

	if (spec && set_number(spec, "batchSize", wish->batch_size) &&
	    set_number(spec, "timeoutSeconds", wish->timeout_seconds) &&
	    (!wish->dry_run || json_object_set_new(spec, "dryRun", json_true()) == 0))
		return object;
	json_decref(object);
	return NULL;
}

/* A release without a proof: what was not moved must stand where people look first, also when no coordinator was there to say it. */
static bool say_why(json_t *status, enum td_phase phase, const char *message)
{
	if (json_object_set_new(status, "message", text_of(message)) != 0)
		return false;
	return phase != TD_PHASE_TIMED_OUT ||
	       json_object_set_new(status, "reason", json_string(td_reason_name(TD_REASON_DEADLINE))) == 0;
}

json_t *td_drain_released_patch(enum td_phase phase, const char *outcome, const char *message, const char *evidence,
				int64_t now_wall_ms, const struct td_process_view *process)
{
	char now[TD_TIME_TEXT_MAX];
	json_t *last_look = json_null(), *patch;

	td_time_format(now_wall_ms, now);
	if (process && process->known)
		last_look = json_pack("{s:o,s:I,s:I,s:I,s:I}", "captureID", text_of(process->capture), "maintainers",
				      (json_int_t)process->counts.maintainers, "dispatchers",
				      (json_int_t)process->counts.dispatchers, "triggers",
				      (json_int_t)process->counts.triggers, "brokers", (json_int_t)process->counts.brokers);
	patch = json_pack("{s:{s:s,s:{s:s,s:o,s:o,s:s,s:o}}}", "status", "phase", td_phase_name(phase), "proof", "outcome",
			  outcome, "message", text_of(message), "evidence", text_of(evidence), "releaseTime", now, "process",
			  last_look);
	if (patch && phase != TD_PHASE_RELEASED && !say_why(json_object_get(patch, "status"), phase, message))
		return json_decref(patch), NULL;
	return patch;
}
