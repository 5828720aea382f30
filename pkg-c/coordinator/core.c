/* The core's frame: inputs in, effects out, and the one order in which a step does its work. See core.h for the contract.
 *
 * A step applies its input to the books (nodes, workload, verdict, operators, requests) and then advances: time-outs first,
 * then the queue, then the active drain, then what must be published. Advancing is a function of the books and the time alone,
 * so it does not matter which input brought us here. */
#include "coordinator/core_internal.h"

#include "base/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const struct td_core_options td_core_defaults = {
	.batch_default = 10,
	.batch_handoff = 100,
	.process_poll_ms = 500,
	.nodes_poll_ms = 1000,
	.workload_poll_ms = 2000,
	.native_poll_ms = 1000,
	.confirm_poll_ms = 250,
	.resend_ms = 10000,
	.broker_refresh_ms = 5200,
	.publish_interval_ms = 500,
	.stall_ms = 15000,
	.give_up_ms = 600000,
	.settle_ms = 120000,
	.balance_cooldown_ms = 120000,
};

struct td_core *td_core_new(const struct td_core_options *options)
{
	struct td_core *core = calloc(1, sizeof(*core));

	if (!core)
		return NULL;
	core->options = *options;
	core->next_id = 1;
	td_nodes_init(&core->nodes);
	td_workload_init(&core->workload);
	td_operators_init(&core->operators);
	for (int i = 0; i < TD_EFFECT_KIND_COUNT; i++)
		core->started_ms[i] = INT64_MIN;
	core->deadline_ms = INT64_MAX;
	return core;
}

struct td_core *td_core_free(struct td_core *core)
{
	if (!core)
		return NULL;
	td_requests_free_all(core);
	td_nodes_done(&core->nodes);
	td_workload_done(&core->workload);
	td_operators_done(&core->operators);
	for (size_t i = 0; i < core->flight_count; i++)
		free(core->flights[i].changefeed);
	free(core->flights);
	free(core->queue);
	free(core);
	return NULL;
}

void td_core_want(struct td_core *core, int64_t at_ms)
{
	if (at_ms < core->deadline_ms)
		core->deadline_ms = at_ms;
}

static void note_failure(struct td_core *core, const struct td_result *result)
{
	(void)td_text_copy(core->note, sizeof(core->note), result->why ? result->why : "no reason given");
}

/* What a captures list says about requests' captures. One that names no coordinator comes from an odd moment (contract 11,
 * row 26): that somebody is not in it proves nothing. */
static void count_reads(struct td_core *core)
{
	for (size_t i = 0; core->nodes.coordinator[0] && i < core->request_count; i++) {
		struct td_request *request = core->requests[i];
		bool listed = td_nodes_find(&core->nodes, request->capture) != NULL, ours;

		request->absent_reads = listed || !request->capture[0] ? 0 : request->absent_reads + 1;
		ours = core->family == TD_FAMILY_MANAGED && strcmp(request->uid, core->active) == 0;
		request->last_reads = td_nodes_is_last(&core->nodes, request->capture, ours) ? request->last_reads + 1 : 0;
	}
}

static void apply_nodes(struct td_core *core, const struct td_flight *flight, const struct td_result *result)
{
	static const struct td_result empty = {
		.why = "the captures list is empty, which it cannot be"}; /* contract 11, row 4 */

	if (result->outcome != TD_OUTCOME_DONE || result->nodes->count == 0) {
		core->nodes_failures++;
		note_failure(core, result->outcome == TD_OUTCOME_DONE ? &empty : result);
		td_verdict_coordinator(&core->verdict, flight->asked_ms, core->now_ms, "");
		return;
	}
	core->nodes_failures = 0;
	core->note[0] = '\0';
	if (!td_nodes_apply(&core->nodes, core->now_ms, result->nodes)) {
		core->out_of_memory = true;
		return;
	}
	core->marks_stale = true;
	td_moves_nodes_changed(core);
	td_verdict_coordinator(&core->verdict, flight->asked_ms, core->now_ms, core->nodes.coordinator);
	count_reads(core);
}

static void apply_workload(struct td_core *core, const struct td_flight *flight, const struct td_result *result)
{
	const struct td_workload *w = &core->workload;

	if (result->outcome != TD_OUTCOME_DONE) {
		note_failure(core, result);
		td_verdict_cluster_unknown(&core->verdict, core->now_ms, core->note);
		return;
	}
	if (!td_workload_apply(&core->workload, &core->nodes, flight->asked_ms, result->workload)) {
		core->out_of_memory = true;
		return;
	}
	td_verdict_cluster(&core->verdict, flight->asked_ms, core->now_ms, result->workload->coordinator,
			   (struct td_counts){.maintainers = w->target_maintainers, .dispatchers = w->target_dispatchers},
			   w->unplaced_maintainers, w->unplaced_others);
	for (size_t i = 0; i < result->workload->count; i++)
		td_moves_observe(core, &result->workload->changefeeds[i], flight->asked_ms, true);
	td_moves_drop_unlisted(core);
}

static void apply_changefeed(struct td_core *core, const struct td_flight *flight, const struct td_result *result)
{
	if (result->outcome != TD_OUTCOME_DONE)
		return; /* looked at again soon */
	if (!td_workload_apply_one(&core->workload, &core->nodes, flight->asked_ms, result->changefeed))
		core->out_of_memory = true;
	else
		td_moves_observe(core, result->changefeed, flight->asked_ms, false);
}

static void apply_family(struct td_core *core, const struct td_result *result)
{
	if (result->outcome != TD_OUTCOME_DONE) {
		note_failure(core, result);
		return;
	}
	core->family = result->family;
	(void)td_text_copy(core->family_why, sizeof(core->family_why), result->family_why);
}

static void apply_process(struct td_core *core, const struct td_flight *flight, const struct td_result *result)
{
	const struct td_process_view unknown = {.known = false, .why = result->why};

	td_verdict_process(&core->verdict, flight->asked_ms, core->now_ms,
			   result->outcome == TD_OUTCOME_DONE && result->process ? result->process : &unknown);
}

/* Observations of a request that is not the active one any more are dropped: the books are about another target. */
static void apply_result(struct td_core *core, const struct td_flight *flight, const struct td_result *result)
{
	bool current = strcmp(flight->uid, core->active) == 0;

	switch (flight->kind) {
	case TD_EFFECT_PUBLISH:
		td_requests_published(core, flight, result);
		break;
	case TD_EFFECT_OBSERVE_NODES:
		apply_nodes(core, flight, result);
		break;
	case TD_EFFECT_DETECT_FAMILY:
		if (current)
			apply_family(core, result);
		break;
	case TD_EFFECT_OBSERVE_WORKLOAD:
		if (current)
			apply_workload(core, flight, result);
		break;
	case TD_EFFECT_OBSERVE_CHANGEFEED: /* true whoever asked, like the next */
		apply_changefeed(core, flight, result);
		break;
	case TD_EFFECT_OBSERVE_PROCESS:
		if (current)
			apply_process(core, flight, result);
		break;
	case TD_EFFECT_NATIVE_DRAIN:
		if (current)
			td_verdict_answer(&core->verdict, flight->asked_ms, core->now_ms, result->outcome == TD_OUTCOME_DONE,
					  result->answer, result->why);
		else
			td_native_kept(core, flight->uid, result);
		break;
	case TD_EFFECT_MOVE_MAINTAINER:
	case TD_EFFECT_MOVE_DISPATCHER:
	case TD_EFFECT_PLACE_MAINTAINER:
		td_moves_result(core, result);
		break;
	case TD_EFFECT_RESIGN: /* only a captures list shows whether it worked */
		if (current && result->outcome != TD_OUTCOME_DONE)
			note_failure(core, result);
		break;
	case TD_EFFECT_KIND_COUNT:
		break;
	}
}

static void advance(struct td_core *core)
{
	core->deadline_ms = INT64_MAX;
	td_queue_advance(core);
	td_requests_publish(core);
}

bool td_core_step(struct td_core *core, int64_t now_ms, const struct td_input *input)
{
	struct td_flight flight;

	assert(core->queue_head == core->queue_count); /* the shell takes every effect before the next step */
	core->queue_head = core->queue_count = 0;
	core->now_ms = now_ms;
	switch (input->kind) {
	case TD_INPUT_TICK:
		break;
	case TD_INPUT_REQUEST:
		td_requests_input(core, input->request);
		break;
	case TD_INPUT_REQUEST_GONE:
		td_requests_remove(core, input->uid);
		break;
	case TD_INPUT_BALANCE:
		td_settle_want_balance(core);
		break;
	case TD_INPUT_RESULT:
		if (td_core_take_flight(core, input->result->effect_id, &flight)) {
			apply_result(core, &flight, input->result);
			free(flight.changefeed);
		}
		break;
	case TD_INPUT_KIND_COUNT:
		break;
	}
	if (!core->out_of_memory)
		advance(core);
	return !core->out_of_memory;
}

int64_t td_core_deadline(const struct td_core *core)
{
	return core->deadline_ms;
}

const struct td_request_view *td_core_view(struct td_core *core, const char *uid)
{
	struct td_request *request = td_requests_find(core, uid);

	return request ? td_request_view_of(request) : NULL;
}

struct td_core_summary td_core_summary(const struct td_core *core)
{
	struct td_request *queued[1];

	return (struct td_core_summary){
		.activity = core->activity,
		.requests = core->request_count,
		.queued = td_requests_queue(core, queued, 0),
		.active_uid = core->active,
		.moves_in_flight = core->operators.count,
		.moves_confirmed = core->operators.totals.confirmed,
		.moves_failed = core->operators.totals.refused + core->operators.totals.lost,
	};
}
