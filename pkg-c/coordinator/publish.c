/* What requests show, and getting it written to their objects: a change of phase or reason at once, progress now and then, one
 * write for each object at a time. Effects wait for the write that makes Draining durable. */
#include "coordinator/core_internal.h"

#include "base/text.h"

#include <string.h>

/* Recomposes what the object shows; a change of words or numbers makes it dirty. */
static void refresh(struct td_core *core, struct td_request *request)
{
	char message[TD_TEXT_MAX];

	if (td_phase_is_final(request->phase))
		return; /* its last words stand */
	td_describe(core, request, message, sizeof(message));
	if (strcmp(message, request->message) != 0) {
		(void)td_text_copy(request->message, sizeof(request->message), message);
		request->dirty = true;
	}
}

static bool is_being_published(const struct td_core *core, const struct td_request *request)
{
	for (size_t i = 0; i < core->flight_count; i++)
		if (core->flights[i].kind == TD_EFFECT_PUBLISH && strcmp(core->flights[i].uid, request->uid) == 0)
			return true;
	return false;
}

void td_requests_publish(struct td_core *core)
{
	for (size_t i = 0; i < core->request_count; i++) {
		struct td_request *request = core->requests[i];
		int64_t due;
		struct td_effect *effect;

		refresh(core, request);
		if (!request->dirty || is_being_published(core, request))
			continue;
		due = request->phase_dirty ? request->publish_not_before_ms
					   : request->published_ms + core->options.publish_interval_ms;
		if (core->now_ms < due) {
			td_core_want(core, due);
			continue;
		}
		effect = td_core_emit(core, TD_EFFECT_PUBLISH, request->uid, NULL);
		if (!effect)
			return;
		core->flights[core->flight_count - 1].phase = request->phase;
		core->flights[core->flight_count - 1].epoch = effect->epoch = request->epoch;
		request->dirty = request->phase_dirty = false;
		request->epoch_sent = true;
		request->published_ms = core->now_ms;
	}
}

/* The write that was to make our epoch durable failed, or nobody knows: somebody else may have taken this very epoch there. We have not
 * acted under it yet, so it costs nothing to take a higher one. */
static void void_epoch(struct td_core *core, struct td_request *request, const struct td_flight *flight)
{
	if (flight->epoch && flight->epoch == request->epoch && !request->durable && !request->recovered &&
	    !td_phase_is_final(request->phase)) {
		struct td_stall stall =
			request->stall; /* an object that cannot be written must not hold the slot for ever */

		td_request_take_epoch(core, request);
		request->stall = stall;
	}
}

/* The object may not say Drained yet, and until it does work may come back: the proof must be as fresh as the next attempt. */
static void renew_proof(struct td_core *core, struct td_request *request)
{
	if (request->phase != TD_PHASE_DRAINED || request->end_written || strcmp(core->active, request->uid) != 0)
		return;
	td_verdict_renew(&core->verdict, core->now_ms);
	request->completed_ms = 0;
	td_request_enter(core, request, TD_PHASE_VERIFYING, TD_REASON_COMPARING_WITNESSES);
}

void td_requests_published(struct td_core *core, const struct td_flight *flight, const struct td_result *result)
{
	struct td_request *request = td_requests_find(core, flight->uid);

	if (!request)
		return;
	if (result->outcome != TD_OUTCOME_DONE) {
		void_epoch(core, request, flight);
		if (flight->phase == TD_PHASE_DRAINED)
			renew_proof(core, request);
		request->dirty = request->phase_dirty = true;
		request->publish_not_before_ms = core->now_ms + core->options.publish_interval_ms;
		return;
	}
	request->publish_not_before_ms = 0;
	request->end_written = request->end_written || (td_phase_is_final(flight->phase) && flight->phase == request->phase);
	if (flight->epoch == request->epoch && flight->epoch != 0 && !td_phase_is_final(flight->phase) &&
	    flight->phase != TD_PHASE_PENDING)
		request->durable = true;
	if (flight->epoch > request->object_epoch)
		request->object_epoch = flight->epoch;
}

static uint32_t less(uint32_t from, uint32_t by)
{
	return from > by ? from - by : 0;
}

static int percent_of(const struct td_request *request)
{
	uint64_t all = (uint64_t)request->initial.maintainers + request->initial.dispatchers;
	uint64_t left = (uint64_t)request->remaining.maintainers + request->remaining.dispatchers;

	if (request->phase == TD_PHASE_DRAINED || request->phase == TD_PHASE_RELEASED)
		return 100;
	if (!request->started || all == 0)
		return 0;
	return left >= all ? 0 : (int)((all - left) * 100 / all);
}

const struct td_request_view *td_request_view_of(struct td_request *request)
{
	request->view = (struct td_request_view){
		.uid = request->uid,
		.name = request->name,
		.phase = request->phase,
		.reason = request->reason,
		.message = request->message,
		.family = request->family,
		.pod = request->pod,
		.capture = request->capture,
		.address = request->address,
		.epoch = request->epoch,
		.queue_position = request->queue_position,
		.blocked_by = request->blocked_by,
		.started = request->started,
		.initial = request->initial,
		.remaining = request->remaining,
		.moved = {.maintainers = less(request->initial.maintainers, request->remaining.maintainers),
			  .dispatchers = less(request->initial.dispatchers, request->remaining.dispatchers)},
		.progress_percent = percent_of(request),
		.started_ms = request->started_ms,
		.completed_ms = request->completed_ms,
		.deadline_ms = request->deadline_ms,
		.eta_ms = request->eta_ms,
		.witnesses = request->witnesses,
		.coordinator = request->coordinator,
		.stalled_ms = request->stall.rung ? request->stall.progress_ms : 0,
	};
	return &request->view;
}
