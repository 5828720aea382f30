/* Drain requests: taking them in, the one place that writes their phase, and their order. */
#include "coordinator/core_internal.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* Index of uid, or of the place where it belongs. */
static size_t index_of(const struct td_core *core, const char *uid)
{
	size_t low = 0, high = core->request_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(core->requests[middle]->uid, uid) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct td_request *td_requests_find(const struct td_core *core, const char *uid)
{
	size_t index = index_of(core, uid);

	return index < core->request_count && strcmp(core->requests[index]->uid, uid) == 0 ? core->requests[index] : NULL;
}

static struct td_request *add(struct td_core *core, const char *uid)
{
	size_t index = index_of(core, uid);
	struct td_request *request = calloc(1, sizeof(*request));
	struct td_request **grown = realloc(core->requests, (core->request_count + 1) * sizeof(*grown));

	if (grown)
		core->requests = grown;
	if (!request || !grown) {
		free(request);
		core->out_of_memory = true;
		return NULL;
	}
	memmove(&grown[index + 1], &grown[index], (core->request_count - index) * sizeof(*grown));
	grown[index] = request;
	core->request_count++;
	(void)td_text_copy(request->uid, sizeof(request->uid), uid);
	request->since_ms = core->now_ms;
	return request;
}

/* What another coordinator made durable: whom it drained, since when, under which epoch. */
static void take_durable(struct td_request *request, const struct td_request_input *input)
{
	request->object_epoch = input->epoch;
	if (input->epoch > request->epoch) /* never down, though ours may never have been written */
		request->epoch = input->epoch;
	(void)td_text_copy(request->capture, sizeof(request->capture), input->drained_capture);
	(void)td_text_copy(request->address, sizeof(request->address), input->drained_address);
	request->family = input->family;
	request->initial = request->remaining = input->initial;
	request->started = true;
	request->started_ms = input->started_ms;
}

/* A drain found in the middle is done again from its start under a new epoch: every step of it is idempotent, and nothing but
 * observation says how far it came. */
static void recover(struct td_request *request, const struct td_request_input *input)
{
	bool began = input->drained_capture && input->drained_capture[0];

	if (input->phase == TD_PHASE_PENDING || (!began && !td_phase_is_final(input->phase)))
		return; /* a drain in the middle that does not know of what has not done anything either */
	take_durable(request, input);
	request->phase = input->phase;
	request->recovered = !td_phase_is_final(input->phase);
}

/* The object shows a drain under an epoch that is not ours: another coordinator began it while we took it for waiting, or took it
 * from us. Whatever it did has been done; we go on from there, under an epoch above. An end of ours that is not written yet does
 * not stand against it, but for a proof; one that came before any beginning stays an end, of what was begun: that capture is leaving. */
static void adopt(struct td_core *core, struct td_request *request, const struct td_request_input *input)
{
	bool echo = request->epoch_sent && input->epoch == request->epoch;

	if (input->epoch <= request->object_epoch || echo || td_phase_is_final(input->phase) ||
	    request->phase == TD_PHASE_DRAINED || request->end_written)
		return;
	if (td_phase_is_final(request->phase) && request->epoch == 0) {
		take_durable(request, input);
		if (request->reason == TD_REASON_DEADLINE)
			td_describe_end(core, request, request->phase, request->reason, request->message,
					sizeof(request->message));
	} else {
		recover(request, input);
		request->durable = false;
		request->completed_ms = 0;
	}
	request->phase_dirty = request->dirty = true;
}

static void request_free(struct td_request *request)
{
	free(request->acknowledged);
	free(request);
}

static int by_capture(const void *a, const void *b)
{
	return strcmp(((const struct td_acknowledged *)a)->capture, ((const struct td_acknowledged *)b)->capture);
}

static void take_acknowledgements(struct td_core *core, struct td_request *request, const struct td_request_input *input)
{
	size_t count = input->acknowledgement_count;
	struct td_acknowledged *taken = count ? calloc(count, sizeof(*taken)) : NULL;

	if (count && !taken) {
		core->out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		(void)td_text_copy(taken[i].capture, sizeof(taken[i].capture), input->acknowledgements[i].capture);
		taken[i].epoch = input->acknowledgements[i].epoch;
	}
	if (count)
		qsort(taken, count, sizeof(*taken), by_capture);
	free(request->acknowledged);
	request->acknowledged = taken;
	request->acknowledged_count = count;
}

bool td_request_is_acknowledged(const struct td_request *request, const char *capture)
{
	struct td_acknowledged key = {.epoch = 0};
	const struct td_acknowledged *found;

	(void)td_text_copy(key.capture, sizeof(key.capture), capture);
	found = request->acknowledged_count
			? bsearch(&key, request->acknowledged, request->acknowledged_count, sizeof(key), by_capture)
			: NULL;
	return found && found->epoch == request->epoch;
}

/* Whom to drain. Once a drain has begun its target is what it is, whatever becomes of the spec. */
static void take_target(struct td_request *request, const struct td_request_input *input)
{
	request->by_pod = input->pod != NULL;
	if (input->pod)
		(void)td_text_copy(request->pod, sizeof(request->pod), input->pod);
	if (input->capture && !request->recovered)
		(void)td_text_copy(request->capture, sizeof(request->capture), input->capture);
}

static void take_spec(struct td_request *request, const struct td_request_input *input)
{
	(void)td_text_copy(request->name, sizeof(request->name), input->name);
	if (request->phase == TD_PHASE_PENDING || request->recovered)
		take_target(request, input);
	request->pod_exists = input->pod_exists;
	request->pod_terminating = input->pod_terminating;
	request->pod_gone = input->pod_gone;
	request->dry_run = input->dry_run;
	request->batch = input->batch;
	request->created_ms = input->created_ms;
	request->deadline_ms = input->deadline_ms;
}

/* The pod's own sidecar writes the end when it opens the gate: Released after a proof, TimedOut when the deadline passed and
 * nobody coordinated. */
static bool ended_elsewhere(const struct td_request *request, const struct td_request_input *input)
{
	if (request->phase == TD_PHASE_DRAINED) /* or TimedOut: the last look failed, or work was there again */
		return td_phase_is_final(input->phase) && input->phase != TD_PHASE_DRAINED;
	return !td_phase_is_final(request->phase) && td_phase_is_final(input->phase);
}

void td_requests_input(struct td_core *core, const struct td_request_input *input)
{
	struct td_request *request = td_requests_find(core, input->uid);

	core->marks_stale = true;
	if (input->epoch > core->epoch_max) /* whoever gave it out: ours are above all that were seen */
		core->epoch_max = input->epoch;
	if (!request) {
		request = add(core, input->uid);
		if (!request)
			return;
		recover(request, input);
		if (!td_phase_is_final(request->phase)) {
			request->reason = TD_REASON_DETECTING;
			request->durable = false;
			request->phase_dirty = request->dirty = true;
		}
	} else {
		adopt(core, request, input);
	}
	if (input->invalid) {
		(void)td_text_copy(request->name, sizeof(request->name), input->name);
		td_request_finish(core, request, TD_PHASE_FAILED, TD_REASON_INVALID_REQUEST, input->invalid);
		return;
	}
	take_spec(request, input);
	take_acknowledgements(core, request, input);
	if (ended_elsewhere(request, input)) {
		td_request_enter(core, request, input->phase, request->reason);
		request->dirty = request->phase_dirty = false; /* it is written already */
	} else if (request->phase == TD_PHASE_DRAINED && input->pod_gone) {
		td_request_enter(core, request, TD_PHASE_RELEASED, TD_REASON_PROVEN_EMPTY);
	}
	request->end_written =
		request->end_written || (td_phase_is_final(input->phase) && td_phase_is_final(request->phase));
}

void td_requests_remove(struct td_core *core, const char *uid)
{
	size_t index = index_of(core, uid);

	if (index >= core->request_count || strcmp(core->requests[index]->uid, uid) != 0)
		return;
	core->marks_stale = true;
	if (strcmp(uid, core->active) == 0) /* the object of a pod that died goes with it */
		td_settle_drain_ended(core, core->requests[index]);
	request_free(core->requests[index]);
	memmove(&core->requests[index], &core->requests[index + 1],
		(core->request_count - index - 1) * sizeof(struct td_request *));
	core->request_count--;
}

void td_requests_free_all(struct td_core *core)
{
	for (size_t i = 0; i < core->request_count; i++)
		request_free(core->requests[i]);
	free(core->requests);
}

static void set_phase(struct td_core *core, struct td_request *request, enum td_phase phase, enum td_reason reason)
{
	core->marks_stale = core->marks_stale || request->phase != phase;
	if (request->phase != phase || request->reason != reason)
		request->dirty = request->phase_dirty = true;
	request->phase = phase;
	request->reason = reason;
	if (td_phase_is_final(phase) && !request->completed_ms)
		request->completed_ms = core->now_ms;
}

void td_request_enter(struct td_core *core, struct td_request *request, enum td_phase phase, enum td_reason reason)
{
	set_phase(core, request, phase, reason);
}

static enum td_reason first_step(const struct td_core *core, const struct td_request *request)
{
	if (core->nodes.coordinator[0] && strcmp(core->nodes.coordinator, request->capture) == 0)
		return TD_REASON_MOVING_COORDINATOR;
	return request->remaining.maintainers && core->family != TD_FAMILY_FAKE_DRAIN ? TD_REASON_MOVING_MAINTAINERS
										      : TD_REASON_MOVING_DISPATCHERS;
}

void td_request_take_epoch(struct td_core *core, struct td_request *request)
{
	request->epoch = ++core->epoch_max;
	request->recovered = request->durable = request->epoch_sent = false;
	request->queue_position = 0;
	request->blocked_by[0] = '\0';
	request->stall = (struct td_stall){0};
	request->phase_dirty = request->dirty = true;
	core->marks_stale = true;
	td_request_enter(core, request, TD_PHASE_DRAINING, first_step(core, request));
}

void td_request_finish(struct td_core *core, struct td_request *request, enum td_phase phase, enum td_reason reason,
		       const char *message)
{
	if (td_phase_is_final(request->phase))
		return;
	if (message)
		(void)td_text_copy(request->message, sizeof(request->message), message);
	else
		td_describe_end(core, request, phase, reason, request->message, sizeof(request->message));
	set_phase(core, request, phase, reason);
	request->queue_position = 0;
	request->eta_ms = 0;
	request->blocked_by[0] = '\0';
}

/* Requests in the middle of a drain first (the lowest epoch began first), then terminating pods by deadline, then by age. */
static int compare(const struct td_request *a, const struct td_request *b)
{
	bool a_hurries = a->pod_terminating && a->deadline_ms, b_hurries = b->pod_terminating && b->deadline_ms;

	if (a->recovered != b->recovered)
		return a->recovered ? -1 : 1;
	if (a->recovered && a->epoch != b->epoch)
		return a->epoch < b->epoch ? -1 : 1;
	if (a_hurries != b_hurries)
		return a_hurries ? -1 : 1;
	if (a_hurries && a->deadline_ms != b->deadline_ms)
		return a->deadline_ms < b->deadline_ms ? -1 : 1;
	if (a->created_ms != b->created_ms)
		return a->created_ms < b->created_ms ? -1 : 1;
	return strcmp(a->uid, b->uid);
}

size_t td_requests_queue(const struct td_core *core, struct td_request **ret, size_t max)
{
	size_t total = 0, kept = 0;

	for (size_t i = 0; i < core->request_count; i++) {
		struct td_request *request = core->requests[i];
		size_t at;

		if (td_phase_is_final(request->phase) || (request->phase != TD_PHASE_PENDING && !request->recovered))
			continue;
		total++;
		for (at = kept; at > 0 && compare(request, ret[at - 1]) < 0; at--)
			if (at < max)
				ret[at] = ret[at - 1];
		if (at < max) {
			ret[at] = request;
			kept += kept < max;
		}
	}
	return total;
}
