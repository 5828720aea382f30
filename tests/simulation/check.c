/* The properties of mission.md that apply to the core as it stands, looked at after every step and at every effect. */
#include "run.h"

#include <stdio.h>
#include <string.h>

#define STEPS_AT_ONCE_MAX 1000
#define PUBLISHES_A_SECOND_MAX 30

void check_new_leader(struct run *run)
{
	run->liveness_count = 0;
	td_nodes_done(&run->seen);
	for (int i = 0; i < run->request_count; i++)
		run->requests[i].acknowledged_epoch = 0;
}

void check_result(struct run *run, const struct td_result *result)
{
	if (result->outcome == TD_OUTCOME_DONE && result->nodes && result->nodes->count > 0)
		(void)td_nodes_apply(&run->seen, run->now_ms, result->nodes);
}

/* Property 1: by what the leader was told, and by what its requests show. */
static bool may_receive(struct run *run, const char *id, bool queued_too)
{
	const struct td_node *node = td_nodes_find(&run->seen, id);

	for (int i = 0; i < run->liveness_count; i++)
		if (strcmp(run->liveness[i].id, id) == 0 && run->liveness[i].liveness != TD_ALIVE)
			return false;
	if (!node || node->reported_liveness != TD_ALIVE || !node->answers || node->pod_terminating)
		return false;
	for (int i = 0; i < run->request_count; i++) {
		const struct td_request_view *view = td_core_view(run->core, run->requests[i].uid);

		if (!view || run->requests[i].dry_run ||
		    (strcmp(view->capture, id) != 0 && (view->capture[0] || strcmp(run->requests[i].pod, node->pod) != 0)))
			continue;
		if (view->phase == TD_PHASE_PENDING
			    ? !queued_too
			    : view->phase <= TD_PHASE_RELEASED || (view->phase == TD_PHASE_TIMED_OUT && view->epoch))
			return false;
	}
	return true;
}

static void check_destination(struct run *run, const struct td_effect *effect)
{
	if (!may_receive(run, effect->node, true))
		run_fail(run, "property 1: %s of %s to %s, which may receive nothing", td_effect_name(effect->kind),
			 effect->changefeed, effect->node);
	if (may_receive(run, effect->node, false))
		return;
	for (size_t i = 0; i < run->seen.count; i++)
		if (may_receive(run, run->seen.items[i].id, false))
			run_fail(run, "%s was chosen, which is to be drained next, although %s is free", effect->node,
				 run->seen.items[i].id);
}

void check_effect(struct run *run, const struct td_effect *effect)
{
	const struct sim_request *request = run_request(run, effect->uid);

	if (effect->kind == TD_EFFECT_MOVE_MAINTAINER || effect->kind == TD_EFFECT_MOVE_DISPATCHER)
		check_destination(run, effect);
	if (!td_effect_changes_ticdc(effect->kind) || effect->kind == TD_EFFECT_DETECT_FAMILY)
		return;
	if (!request)
		run_fail(run, "%s for the unknown request \"%s\"", td_effect_name(effect->kind), effect->uid);
	else if (effect->epoch == 0 || request->acknowledged_epoch != effect->epoch)
		run_fail(run, "%s for %s under epoch %llu, which is not durable (that is %llu)",
			 td_effect_name(effect->kind), effect->uid, (unsigned long long)effect->epoch,
			 (unsigned long long)request->acknowledged_epoch);
	else if (strcmp(td_core_summary(run->core).active_uid, effect->uid) != 0)
		run_fail(run, "property 2: %s for %s, which is not the active request", td_effect_name(effect->kind),
			 effect->uid);
}

/* Property 6, the promise. Work that came after the last look, or came and went between two looks, nobody can know of. */
void check_published(struct run *run, const struct sim_request *request, const struct td_request_view *view)
{
	int index = model_find(&run->model, view->capture);
	const struct model_node *node = &run->model.nodes[index < 0 ? 0 : index];

	if (view->phase != TD_PHASE_DRAINED || request->durable.phase == TD_PHASE_DRAINED || index == NOWHERE || !node->up ||
	    model_is_empty(&run->model, index) || node->arrived_ms > node->read_ms)
		return;
	if (node->unseen_return && node->maintainers == 0 && node->dispatchers == 0)
		return;
	run_fail(
		run,
		"property 6: %s is published as Drained, and %s holds %d maintainers, %d dispatchers, %d more registrations",
		request->uid, node->id, node->maintainers, node->dispatchers, node->leaving_brokers);
}

/* Property 4. */
static void check_liveness(struct run *run)
{
	for (size_t i = 0; i < run->core->nodes.count; i++) {
		const struct td_node *node = &run->core->nodes.items[i];
		enum td_liveness now = td_liveness_of(&node->liveness);
		int at = 0;

		while (at < run->liveness_count && strcmp(run->liveness[at].id, node->id) != 0)
			at++;
		if (at == run->liveness_count && at < MODEL_NODES_MAX) {
			(void)snprintf(run->liveness[at].id, sizeof(run->liveness[at].id), "%s", node->id);
			run->liveness_count++;
		} else if (now < run->liveness[at].liveness && run->core->nodes.count != 1) {
			run_fail(run, "property 4: %s went from %s back to %s", node->id,
				 td_liveness_name(run->liveness[at].liveness), td_liveness_name(now));
		}
		run->liveness[at].liveness = now;
	}
}

static int batch_of(const struct sim_request *request)
{
	return request->batch ? request->batch : td_core_defaults.batch_default;
}

void check_step(struct run *run)
{
	struct td_core_summary summary = td_core_summary(run->core);
	int active = 0, open = 0, moves;

	for (int i = 0; i < run->request_count; i++) {
		const struct sim_request *request = &run->requests[i];
		const struct td_request_view *view = td_core_view(run->core, request->uid);

		if (!view || td_phase_is_final(view->phase))
			continue;
		open++;
		active += view->phase != TD_PHASE_PENDING && view->queue_position == 0;
		if (strcmp(summary.active_uid, request->uid) != 0)
			continue;
		if (summary.moves_in_flight > (size_t)batch_of(request))
			run_fail(run, "property 5: %zu moves in flight, batch %d", summary.moves_in_flight,
				 batch_of(request));
		moves = model_moves_off(&run->model, model_find(&run->model, view->capture), view->epoch);
		if (run->shape.faults.lying_books == 0 && view->epoch && moves > batch_of(request))
			run_fail(run, "property 5: %d moves under way in truth, batch %d", moves, batch_of(request));
	}
	if (active > 1)
		run_fail(run, "property 2: %d drains are active at once", active);
	if (open && td_core_deadline(run->core) == INT64_MAX && !model_owes_answers(&run->model) && run->write_count == 0)
		run_fail(run, "%d requests are open and nothing will ever wake the core", open);
	if (open == 0 && (summary.active_uid[0] || summary.moves_in_flight))
		run_fail(run, "nothing is open, but \"%s\" is still active with %zu moves", summary.active_uid,
			 summary.moves_in_flight);
	if (++run->steps_now > STEPS_AT_ONCE_MAX)
		run_fail(run, "%d steps at one moment: the core spins", run->steps_now);
	for (int i = 0; i < run->request_count; i++)
		if (run->requests[i].publishes > PUBLISHES_A_SECOND_MAX)
			run_fail(run, "%s was published %d times within a second", run->requests[i].uid,
				 run->requests[i].publishes);
	check_liveness(run);
}

void check_end(struct run *run)
{
	for (int i = 0; i < run->request_count; i++) {
		const struct sim_request *request = &run->requests[i];
		const struct td_request_view *view = request->gone ? NULL : td_core_view(run->core, request->uid);

		if (!view)
			continue;
		if (!td_phase_is_final(view->phase))
			run_fail(run, "%s never ended: %s, %s, %s", request->uid, td_phase_name(view->phase),
				 td_reason_name(view->reason), view->message);
		else if (run->model.calm && run->request_count == 1 && !request->dry_run && request->pod[0] &&
			 run->shape.family != TD_FAMILY_FAKE_DRAIN && run->shape.captures > 1 && !view->deadline_ms &&
			 view->reason != TD_REASON_POD_NOT_FOUND && view->phase != TD_PHASE_DRAINED &&
			 view->phase != TD_PHASE_RELEASED)
			run_fail(run, "%s of a calm cluster ended as %s: %s", request->uid, td_phase_name(view->phase),
				 view->message);
	}
}
