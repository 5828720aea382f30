/* What a leader was told, and the properties of its steps. See check.h. */
#include "check.h"

#include "call.h"

#include <stdlib.h>
#include <string.h>

#define STEPS_AT_ONCE_MAX 3000
#define PUBLISHES_A_SECOND_MAX 30

void check_new_leader(struct world *w, struct sidecar *s)
{
	struct told *told = world_checked(calloc(1, sizeof(*told)));

	told->coordinator = NOWHERE;
	told->nodes = world_checked(calloc((size_t)w->model.node_capacity, sizeof(*told->nodes)));
	for (int i = 0; i < w->request_count; i++)
		told->requests[i].acknowledged = world_checked(calloc((size_t)w->model.node_capacity, sizeof(uint64_t)));
	told->loads = told_loads_new(w);
	s->told = told;
	s->steps_now = 0;
}

void check_leader_gone(struct world *w, struct sidecar *s)
{
	for (int i = 0; i < w->request_count; i++)
		free(s->told->requests[i].acknowledged);
	told_loads_free(s->told->loads);
	free(s->told->nodes);
	free(s->told);
	s->told = NULL;
}

void check_fed(struct world *w, struct sidecar *s, int request, const struct td_request_input *input)
{
	struct told_request *told = &s->told->requests[request];

	told->fed_epoch = input->epoch;
	memset(told->acknowledged, 0, (size_t)w->model.node_capacity * sizeof(uint64_t));
	for (size_t i = 0; i < input->acknowledgement_count; i++) {
		int node = model_find(&w->model, input->acknowledgements[i].capture);

		if (node != NOWHERE)
			told->acknowledged[node] = input->acknowledgements[i].epoch;
	}
}

static void told_nodes(struct world *w, struct told *told, const struct td_nodes_view *view)
{
	for (int i = 0; i < w->model.node_count; i++)
		told->nodes[i].listed = false;
	for (size_t i = 0; i < view->count; i++) {
		struct told_node *node = &told->nodes[model_find(&w->model, view->nodes[i].id)];

		node->listed = true;
		node->answers = view->nodes[i].answers;
		node->terminating = view->nodes[i].pod_terminating;
		node->reported = view->nodes[i].reported_liveness;
		if (node->reported == TD_STOPPING)
			node->liveness = TD_STOPPING;
	}
	told->listed_count = (int)view->count;
	told->coordinator = view->coordinator[0] ? model_find(&w->model, view->coordinator) : NOWHERE;
}

static void told_process(struct told *told, const struct call *call)
{
	struct told_node *node = &told->nodes[call->read];

	if (call->executed_ms > node->read_ms)
		node->read_ms = call->executed_ms;
	if ((call->process.counts.maintainers || call->process.counts.dispatchers || call->process.counts.brokers) &&
	    call->arrivals > node->arrivals_shown)
		node->arrivals_shown = call->arrivals;
}

void check_told(struct world *w, struct sidecar *s, const struct call *call, const struct td_result *result)
{
	struct told *told = s->told;

	if (call->delivered)
		return; /* a second time: the core takes no notice */
	told_loads_answer(w, told->loads, call, result->outcome);
	for (int i = 0; i < w->request_count; i++) {
		if (told->requests[i].publishing != call->effect.id)
			continue; /* a write that was not even sent */
		told->requests[i].publishing = 0;
		told->requests[i].backoff_ms = sidecar_clock(w, s) + td_core_defaults.publish_interval_ms;
	}
	if (result->outcome != TD_OUTCOME_DONE)
		return;
	if (call->effect.kind == TD_EFFECT_OBSERVE_NODES && call->nodes.count > 0)
		told_nodes(w, told, &call->nodes);
	if (call->effect.kind == TD_EFFECT_OBSERVE_PROCESS && call->read != NOWHERE && call->process.known)
		told_process(told, call);
	if (call->effect.kind == TD_EFFECT_OBSERVE_WORKLOAD)
		told_loads_workload(w, told->loads, call);
	if (call->effect.kind == TD_EFFECT_OBSERVE_CHANGEFEED)
		told_loads_one(w, told->loads, call);
}

void check_written(struct world *w, struct sidecar *s, int request, const struct drain_status *status,
		   const struct td_result *result)
{
	struct told_request *told = &s->told->requests[request];
	bool is_on = status->phase == TD_PHASE_DRAINING || status->phase == TD_PHASE_VERIFYING;

	if (told->publishing != result->effect_id)
		return; /* answered before */
	told->publishing = 0;
	if (result->outcome != TD_OUTCOME_DONE)
		told->backoff_ms = sidecar_clock(w, s) + td_core_defaults.publish_interval_ms;
	else if (is_on)
		told->durable_epoch = status->epoch;
	if (is_on)
		told->publish_by_ms = told->backoff_ms;
}

void check_step_begins(struct world *w, struct sidecar *s)
{
	for (int i = 0; i < w->request_count; i++)
		s->told->requests[i].published_now = false;
}

/* A proof keeps its request active until it is written down. */
static bool is_proof_unwritten(struct sidecar *s, const char *uid)
{
	const struct td_request_view *view = td_core_view(s->core, uid);

	return view && view->phase == TD_PHASE_DRAINED;
}

/* Property 4, as far as it shows: a request's phases go forward only, and its capture with them. */
static void check_liveness(struct world *w, struct sidecar *s, int index, const struct td_request_view *view)
{
	struct told_request *told = &s->told->requests[index];
	int node = model_find(&w->model, view->capture);
	bool is_on = view->phase == TD_PHASE_DRAINING || view->phase == TD_PHASE_VERIFYING;
	enum td_liveness liveness = view->phase == TD_PHASE_DRAINED || view->phase == TD_PHASE_RELEASED ? TD_STOPPING
				    : is_on								? TD_DRAINING
													: TD_ALIVE;

	if (view->phase == TD_PHASE_PENDING && told->phase != TD_PHASE_PENDING)
		world_fail(w, "property 4: %s went from %s back to Pending", view->uid, td_phase_name(told->phase));
	if (view->epoch < told->epoch)
		world_fail(w, "the epoch of %s went down", view->uid);
	/* Of a drain that failed before this leader was told of its capture nothing remains: it may have been the only one left. */
	if (node != NOWHERE && s->told->nodes[node].listed && view->epoch && liveness > s->told->nodes[node].liveness)
		s->told->nodes[node].liveness = liveness;
	if (node != NOWHERE && told->phase != view->phase && view->reason == TD_REASON_NO_DESTINATION &&
	    s->told->listed_count == 1 && s->told->nodes[node].liveness == TD_DRAINING)
		s->told->nodes[node].liveness = TD_ALIVE; /* the one exception: nobody else is left */
	told->phase = view->phase;
}

/* Property 7, the leader's part: a new epoch is published in the very step that takes it, and again soon when that fails. */
static void check_notification(struct world *w, struct sidecar *s, int index, const struct td_request_view *view)
{
	struct told_request *told = &s->told->requests[index];
	bool is_on = view->phase == TD_PHASE_DRAINING || view->phase == TD_PHASE_VERIFYING;

	if (is_on && view->epoch != told->epoch && view->epoch != told->fed_epoch && !told->published_now &&
	    !told->publishing) {
		if (sidecar_clock(w, s) >= told->backoff_ms)
			world_fail(w, "property 7: %s has taken epoch %llu and does not publish it", view->uid,
				   (unsigned long long)view->epoch);
		told->publish_by_ms = told->backoff_ms;
	}
	if (!is_on || told->publishing || told->durable_epoch == view->epoch)
		told->publish_by_ms = 0;
	else if (told->publish_by_ms && sidecar_clock(w, s) > told->publish_by_ms)
		world_fail(w, "property 7: epoch %llu of %s is not durable and not published again",
			   (unsigned long long)view->epoch, view->uid);
	told->epoch = view->epoch;
}

/* Where TiCDC cannot drain, what is handed off in the last moment goes in larger batches. */
int check_default_batch(const struct world *w)
{
	return w->model.family == TD_FAMILY_MANAGED ? td_core_defaults.batch_default : td_core_defaults.batch_handoff;
}

static int batch_of(const struct world *w, const struct sim_request *request)
{
	return request->batch ? request->batch : check_default_batch(w);
}

/* Property 5, told. What is under way when another request takes over is followed to its end: it may only become less. */
static void check_batch(struct world *w, struct sidecar *s, int active, const struct td_core_summary *summary)
{
	size_t batch = (size_t)(active == NOWHERE ? check_default_batch(w) : batch_of(w, &w->requests[active]));

	if (summary->moves_in_flight > batch && summary->moves_in_flight > s->told->moves_before)
		world_fail(w, "property 5: %zu moves in flight, batch %zu", summary->moves_in_flight, batch);
	s->told->moves_before = summary->moves_in_flight;
}

static void check_pace(struct world *w, struct sidecar *s)
{
	s->steps_now = s->stepped_ms == w->now_ms ? s->steps_now + 1 : 1;
	s->stepped_ms = w->now_ms;
	if (s->steps_now > STEPS_AT_ONCE_MAX)
		world_fail(w, "%d steps at one moment: the core spins", s->steps_now);
	for (int i = 0; i < w->request_count; i++)
		if (s->known[i].publishes > PUBLISHES_A_SECOND_MAX)
			world_fail(w, "%s was published %d times within a second", w->requests[i].uid,
				   s->known[i].publishes);
}

static void forget_request(struct world *w, struct told_request *told)
{
	uint64_t *acknowledged = told->acknowledged;
	bool publishing = told->publishing; /* that write is still under way, and another of the same object waits for it */

	memset(acknowledged, 0, (size_t)w->model.node_capacity * sizeof(*acknowledged));
	*told = (struct told_request){.acknowledged = acknowledged, .publishing = publishing};
}

void check_step(struct world *w, struct sidecar *s)
{
	struct td_core_summary summary = td_core_summary(s->core);
	int active = 0, open = 0, worked_on = NOWHERE;

	for (int i = 0; i < w->request_count; i++) {
		const struct td_request_view *view = s->known[i].fed ? td_core_view(s->core, w->requests[i].uid) : NULL;

		if (!view) {
			forget_request(w, &s->told->requests[i]);
			continue;
		}
		check_liveness(w, s, i, view);
		check_notification(w, s, i, view);
		open += !td_phase_is_final(view->phase);
		active += !td_phase_is_final(view->phase) && view->phase != TD_PHASE_PENDING && view->queue_position == 0;
		if (strcmp(summary.active_uid, w->requests[i].uid) == 0)
			worked_on = i;
	}
	if (active > 1)
		world_fail(w, "property 2: %d drains are active at once", active);
	w->activities[summary.activity]++;
	check_batch(w, s, worked_on, &summary);
	if (open && td_core_deadline(s->core) == INT64_MAX && w->timeline.count == 0)
		world_fail(w, "%d requests are open and nothing will ever wake the core", open);
	if (!open && summary.active_uid[0] && !is_proof_unwritten(s, summary.active_uid))
		world_fail(w, "nothing is open, but \"%s\" is still active", summary.active_uid);
	check_pace(w, s);
}
