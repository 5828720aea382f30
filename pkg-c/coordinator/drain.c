/* One drain, from durable to proven: the active request while it is Draining or Verifying.
 *
 *	made durable -> family known -> ownership elsewhere -> maintainers, then dispatchers -> Verifying -> Drained
 *
 * Nothing here remembers where in that row we are: each step is derived anew from what was observed, so that a new leader,
 * a lost answer or work that comes back all lead to the right next step. */
#include "coordinator/core_internal.h"

#include "base/text.h"

#include <string.h>

#define CERTAIN_READS 2
#define RESIGN_AGAIN_MS 10000

void td_drain_observe_process(struct td_core *core, const struct td_request *request)
{
	struct td_effect *effect =
		td_core_emit_paced(core, TD_EFFECT_OBSERVE_PROCESS, request->uid, core->options.process_poll_ms);

	if (!effect)
		return;
	(void)td_text_copy(effect->address, sizeof(effect->address), request->address);
	(void)td_text_copy(effect->node, sizeof(effect->node), request->capture);
}

void td_drain_observe_workload(struct td_core *core, const struct td_request *request, int64_t interval_ms)
{
	struct td_effect *effect = td_core_emit_paced(core, TD_EFFECT_OBSERVE_WORKLOAD, request->uid, interval_ms);

	if (effect)
		(void)td_text_copy(effect->address, sizeof(effect->address), td_core_contact(core));
}

/* The evidence as it stands, copied so that the object shows it also after the drain. */
/* What a witness says, and why; not how often, or a write would be under way at the very moment of the proof. */
static bool says_the_same(const struct td_witness_state *a, const struct td_witness_state *b)
{
	return a->known == b->known && a->zero == b->zero && strcmp(a->note, b->note) == 0;
}

void td_drain_keep_evidence(struct td_core *core, struct td_request *request)
{
	for (int i = 0; i < TD_WITNESS_COUNT; i++)
		if (!says_the_same(&request->witnesses[i], &core->verdict.witnesses[i]))
			request->dirty = true;
	memcpy(request->witnesses, core->verdict.witnesses, sizeof(request->witnesses));
	(void)td_text_copy(request->coordinator, sizeof(request->coordinator), core->nodes.coordinator);
}

/* The target is TiCDC's coordinator: it cannot be drained as such. Asked once, of the target itself, and only while a list names
 * it: a resign that comes late would depose an innocent successor (contract 7). */
static void move_coordinator(struct td_core *core, struct td_request *request)
{
	struct td_effect *effect;

	if (core->nodes.coordinator[0] && strcmp(core->nodes.coordinator, request->capture) != 0)
		return; /* another is, once the next list agrees */
	td_request_enter(core, request, TD_PHASE_DRAINING, TD_REASON_MOVING_COORDINATOR);
	if (!core->nodes.coordinator[0])
		return;
	if (!td_nodes_has_candidate(&core->nodes, request->capture)) {
		(void)td_text_copy(core->note, sizeof(core->note), "no other capture is alive");
		return;
	}
	effect = td_core_emit_paced(core, TD_EFFECT_RESIGN, request->uid, RESIGN_AGAIN_MS);
	if (effect) {
		(void)td_text_copy(effect->address, sizeof(effect->address), request->address);
		(void)td_text_copy(effect->node, sizeof(effect->node), request->capture);
		effect->epoch = request->epoch;
	}
}

/* The plan is used up but the process still runs work: the books have changed since they were read, or they are wrong. */
static bool is_unexplained(const struct td_core *core)
{
	const struct td_counts *left = &core->verdict.witnesses[TD_WITNESS_PROCESS].counts;

	return core->operators.count == 0 && core->workload.target_maintainers == 0 &&
	       core->workload.target_dispatchers == 0 && (left->maintainers || left->dispatchers);
}

static void execute_managed(struct td_core *core, const struct td_request *request)
{
	if (!core->workload.known || is_unexplained(core) || td_moves_is_something_absent(core))
		td_drain_observe_workload(core, request, core->options.workload_poll_ms);
	td_moves_follow_up(core, request);
	if (!core->workload.known)
		return;
	td_schedule_basic(core, request);
	td_schedule_drain(core, request);
}

/* Progress for the object: the process' own numbers; the rate since the start gives the estimate. */
static void show_progress(struct td_core *core, struct td_request *request)
{
	const struct td_witness_state *process = &core->verdict.witnesses[TD_WITNESS_PROCESS];
	int64_t elapsed = core->now_ms - request->started_ms;
	uint64_t all, left;

	if (process->known && memcmp(&request->remaining, &process->counts, sizeof(process->counts)) != 0) {
		request->remaining = process->counts;
		request->dirty = true;
	}
	all = (uint64_t)request->initial.maintainers + request->initial.dispatchers;
	left = (uint64_t)request->remaining.maintainers + request->remaining.dispatchers;
	request->eta_ms = left < all && elapsed > 0 && !request->stall.rung
				  ? core->now_ms + (int64_t)(left * (uint64_t)elapsed / (all - left))
				  : 0;
}

/* Nothing is seen on the target any more; whether that is true is another question. */
static bool looks_empty(const struct td_core *core)
{
	const struct td_witness_state *process = &core->verdict.witnesses[TD_WITNESS_PROCESS];
	const struct td_workload *w = &core->workload;

	return process->known && process->counts.maintainers == 0 && process->counts.dispatchers == 0 &&
	       process->counts.triggers == 0 && core->operators.count == 0 &&
	       (core->family != TD_FAMILY_MANAGED || (w->known && w->target_maintainers == 0 && w->target_dispatchers == 0));
}

static void finish_proven(struct td_core *core, struct td_request *request)
{
	struct td_node *node = td_nodes_find(&core->nodes, request->capture);

	if (node)
		(void)td_liveness_complete_drain(&node->liveness);
	request->remaining = (struct td_counts){0};
	td_request_finish(core, request, TD_PHASE_DRAINED, TD_REASON_PROVEN_EMPTY, NULL);
}

/* The cluster witness is dear (requests for every changefeed): read once when the others first say zero, again when a read
 * dissented, and last of all right before the end. */
static void verify(struct td_core *core, struct td_request *request)
{
	const struct td_verdict *verdict = &core->verdict;

	if (td_verdict_wants_cluster(verdict))
		td_drain_observe_workload(core, request, core->options.confirm_poll_ms);
	else if (verdict->witnesses[TD_WITNESS_CLUSTER].reads == 0)
		td_drain_observe_workload(core, request, core->options.workload_poll_ms);
	td_request_enter(core, request, TD_PHASE_VERIFYING,
			 td_verdict_dissenter(verdict) == TD_WITNESS_COUNT ? TD_REASON_COMPARING_WITNESSES
									   : TD_REASON_WITNESSES_DISAGREE);
}

/* What is being moved now, for the object. */
static enum td_reason moving_reason(const struct td_core *core, struct td_request *request)
{
	enum td_reason native = core->family == TD_FAMILY_MANAGED ? TD_REASON_NONE : td_native_reason(core, request);

	if (native != TD_REASON_NONE)
		return native;
	if (core->family == TD_FAMILY_MANAGED && core->nodes.heap_count == 0)
		return td_nodes_has_schedulable(&core->nodes) ? TD_REASON_WAITING_FOR_ACKNOWLEDGEMENT
							      : TD_REASON_NO_DESTINATION; /* now: another may come */
	if (core->family == TD_FAMILY_MANAGED && is_unexplained(core))
		return TD_REASON_WITNESSES_DISAGREE;
	return request->remaining.maintainers > 0 ? TD_REASON_MOVING_MAINTAINERS : TD_REASON_MOVING_DISPATCHERS;
}

/* All that is missing is the rest of the proof. */
static bool needs_no_destination(const struct td_core *core)
{
	return looks_empty(core) && core->workload.unplaced_maintainers == 0 && core->workload.unplaced_others == 0;
}

bool td_drain_ownership_is_elsewhere(const struct td_core *core, const struct td_request *request)
{
	return core->nodes.coordinator[0] && strcmp(core->nodes.coordinator, request->capture) != 0 &&
	       core->nodes.coordinator_reads >= CERTAIN_READS;
}

/* Everything that ends a drain other than success. True: it ended. */
static bool has_ended(struct td_core *core, struct td_request *request)
{
	struct td_node *node = td_nodes_find(&core->nodes, request->capture);

	if (request->absent_reads >= CERTAIN_READS) {
		td_request_finish(core, request, TD_PHASE_FAILED, TD_REASON_CAPTURE_GONE, NULL);
		return true;
	}
	if (node && request->last_reads >= CERTAIN_READS && !needs_no_destination(core)) {
		(void)td_liveness_recover_only_node(&node->liveness, core->nodes.count);
		td_request_finish(core, request, TD_PHASE_FAILED, TD_REASON_NO_DESTINATION, NULL);
		return true;
	}
	if (request->durable && td_handoff_is_due(core) && td_handoff_is_over(core, request)) {
		td_handoff_end(core, request);
		return true;
	}
	return false;
}

bool td_drain_family_is_known(struct td_core *core, struct td_request *request)
{
	struct td_effect *effect;

	if (core->family == TD_FAMILY_UNKNOWN) {
		effect = td_core_emit_paced(core, TD_EFFECT_DETECT_FAMILY, request->uid, core->options.workload_poll_ms);
		if (effect)
			(void)td_text_copy(effect->address, sizeof(effect->address), td_core_contact(core));
		return false;
	}
	if (request->family != core->family) { /* now it is known which witnesses there are */
		request->family = core->family;
		request->dirty = true;
		td_verdict_begin(&core->verdict, core->family, request->capture, &core->options);
		td_verdict_coordinator(&core->verdict, core->now_ms, core->now_ms, core->nodes.coordinator);
	}
	return true;
}

void td_drain_take_over(struct td_core *core, struct td_request *request)
{
	td_request_take_epoch(core, request);
}

static void work(struct td_core *core, struct td_request *request)
{
	if (core->family == TD_FAMILY_MANAGED)
		execute_managed(core, request);
	else
		td_native_execute(core, request);
	if (looks_empty(core))
		verify(core, request);
	else
		td_request_enter(core, request, TD_PHASE_DRAINING, moving_reason(core, request));
}

void td_drain_advance(struct td_core *core, struct td_request *request)
{
	struct td_node *node = td_nodes_find(&core->nodes, request->capture);

	if (has_ended(core, request))
		return;
	if (node)
		(void)td_liveness_begin_drain(&node->liveness);
	td_drain_observe_process(core, request);
	show_progress(core, request);
	td_stall_watch(core, request);
	if (!request->durable || td_phase_is_final(request->phase) || !td_drain_family_is_known(core, request) ||
	    core->nodes.read_ms < request->since_ms)
		return;
	if (!td_drain_ownership_is_elsewhere(core, request))
		move_coordinator(core, request);
	else if (td_handoff_is_due(core))
		td_handoff_advance(core, request);
	else if (looks_empty(core) && td_verdict_is_proven(&core->verdict))
		finish_proven(core, request);
	else
		work(core, request);
	td_drain_keep_evidence(core, request);
}
