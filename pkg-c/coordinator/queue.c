/* Who is drained next, and what must be known before it may start.
 *
 * There is one active request. While it is Pending it is being prepared (find its capture, find out the family, read the workload)
 * and a more urgent one may still take its place; once it is Draining it keeps the slot until it ends. */
#include "coordinator/core_internal.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define QUEUE_MAX 64	/* positions that are worked out; nobody drains more captures at once */
#define CERTAIN_READS 2 /* consecutive captures lists before "not there" is believed */
#define END_PATIENCE_MS 60000
#define PLAN_PATIENCE_MS 15000 /* where it is not we who move, the drain starts without a plan after this */
#define KEEP_POLL_MS 10000

/* Time-outs. A request with a deadline never outlives it, whatever else is broken. */
static void expire(struct td_core *core)
{
	for (size_t i = 0; i < core->request_count; i++) {
		struct td_request *request = core->requests[i];

		if (td_phase_is_final(request->phase) || !request->deadline_ms)
			continue;
		if (core->now_ms >= request->deadline_ms)
			td_request_finish(core, request, TD_PHASE_TIMED_OUT, TD_REASON_DEADLINE, NULL);
		else
			td_core_want(core, request->deadline_ms);
	}
}

/* The node of a request is as the request stands, also when it was another coordinator that drained it: Draining, or Stopping after a
 * proof. A drain that failed leaves it as it is: it may be the only node left. */
static void mark_drained(struct td_node *node, const struct td_request *request)
{
	if (!request->epoch || request->phase == TD_PHASE_PENDING || request->phase == TD_PHASE_FAILED)
		return;
	(void)td_liveness_begin_drain(&node->liveness);
	if (request->phase == TD_PHASE_DRAINED || request->phase == TD_PHASE_RELEASED)
		(void)td_liveness_complete_drain(&node->liveness);
}

/* What requests mean for nodes as destinations. Those that are to be drained next are queued; and while a drain is on, only those
 * whose agents have acknowledged it are informed. */
static void mark_nodes(struct td_core *core)
{
	const struct td_request *active = td_requests_find(core, core->active);
	bool on = active && (active->phase == TD_PHASE_DRAINING || active->phase == TD_PHASE_VERIFYING);

	if (!core->marks_stale)
		return;
	core->marks_stale = false;
	for (size_t i = 0; i < core->nodes.count; i++) {
		struct td_node *node = &core->nodes.items[i];

		node->queued = false;
		node->informed = !on || td_request_is_acknowledged(active, node->id);
	}
	for (size_t i = 0; i < core->request_count; i++) {
		const struct td_request *request = core->requests[i];
		struct td_node *node = td_nodes_find(&core->nodes, request->capture);
		bool pending = request->phase == TD_PHASE_PENDING && !request->dry_run;

		if (!node && pending && request->by_pod)
			node = td_nodes_of_pod(&core->nodes, request->pod);
		if (!node)
			continue;
		node->queued = node->queued || pending;
		mark_drained(node, request);
	}
	td_destinations_rebuild(&core->nodes);
}

static void retarget(struct td_core *core, struct td_request *request)
{
	static const enum td_effect_kind kinds[] = {TD_EFFECT_DETECT_FAMILY, TD_EFFECT_OBSERVE_WORKLOAD,
						    TD_EFFECT_OBSERVE_PROCESS, TD_EFFECT_NATIVE_DRAIN, TD_EFFECT_RESIGN};
	const struct td_request *before = td_requests_find(core, core->active);

	if (before && td_phase_is_final(before->phase))
		td_settle_drain_ended(core, before);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		core->started_ms[kinds[i]] = INT64_MIN;
	(void)td_text_copy(core->active, sizeof(core->active), request ? request->uid : "");
	core->active_ms = core->now_ms;
	core->marks_stale = true;
	core->activity = request ? TD_ACTIVITY_DRAINING : TD_ACTIVITY_IDLE;
	core->balance_until_ms = 0;	  /* a balance that is interrupted has its whole time again */
	core->family = TD_FAMILY_UNKNOWN; /* an upgrade may have changed it since the last drain */
	if (request)
		request->family = TD_FAMILY_UNKNOWN;
	core->note[0] = core->refusal[0] = '\0';
	td_workload_set_target(&core->workload, request ? request->capture : "", request ? request->address : "");
	td_verdict_begin(&core->verdict, core->family, request ? request->capture : "", &core->options);
}

/* Finds the capture of a request. False: it has none (yet), or it ended here. */
static bool resolve(struct td_core *core, struct td_request *request)
{
	struct td_node *node;

	if (core->nodes.reads == 0 || core->nodes.read_ms < request->since_ms)
		return false; /* nothing is known about it yet */
	if (request->recovered)
		return true;
	if (request->by_pod) {
		node = td_nodes_of_pod(&core->nodes, request->pod);
		if (!node && !request->pod_exists) {
			td_request_finish(core, request, TD_PHASE_FAILED, TD_REASON_POD_NOT_FOUND, NULL);
			return false;
		}
	} else {
		node = td_nodes_find(&core->nodes, request->capture);
		if (!node && request->absent_reads >= CERTAIN_READS) {
			td_request_finish(core, request, TD_PHASE_FAILED, TD_REASON_CAPTURE_NOT_FOUND, NULL);
			return false;
		}
	}
	if (!node) {
		td_request_enter(core, request, TD_PHASE_PENDING, TD_REASON_WAITING_FOR_CAPTURE);
		return false;
	}
	(void)td_text_copy(request->capture, sizeof(request->capture), node->id);
	(void)td_text_copy(request->address, sizeof(request->address), node->address);
	(void)td_text_copy(request->pod, sizeof(request->pod), node->pod);
	if (request->reason == TD_REASON_WAITING_FOR_CAPTURE)
		td_request_enter(core, request, TD_PHASE_PENDING, TD_REASON_QUEUED);
	return true;
}

static const char *label_of(const char *pod, const char *capture)
{
	return pod[0] ? pod : capture;
}

/* Sets position and blocker of everything that waits behind the active request. */
static void show_queue(struct td_core *core, struct td_request *const *queue, size_t count, const struct td_request *active)
{
	int position = 1;

	for (size_t i = 0; i < count; i++) {
		struct td_request *request = queue[i];
		const char *blocker = active && active != request ? label_of(active->pod, active->capture) : "";

		if (td_phase_is_final(request->phase) || (active == request && request->phase != TD_PHASE_PENDING))
			continue; /* ended or begun in this very step */
		if (request->queue_position != position || (active != request && strcmp(request->blocked_by, blocker) != 0))
			request->dirty = true;
		request->queue_position = position++;
		if (active == request)
			continue; /* its blocker, if any, is not in the queue: see prepare */
		(void)td_text_copy(request->blocked_by, sizeof(request->blocked_by), blocker);
		if (active && request->reason != TD_REASON_WAITING_FOR_CAPTURE)
			td_request_enter(core, request, request->phase, TD_REASON_QUEUED);
	}
}

/* What is on the target as far as anybody knows: its own word where there is one, else the books. */
static struct td_counts planned_counts(const struct td_core *core)
{
	const struct td_witness_state *process = &core->verdict.witnesses[TD_WITNESS_PROCESS];
	struct td_counts counts = process->counts;

	if (core->workload.known && core->workload.target_maintainers > counts.maintainers)
		counts.maintainers = core->workload.target_maintainers;
	if (core->workload.known && core->workload.target_dispatchers > counts.dispatchers)
		counts.dispatchers = core->workload.target_dispatchers;
	return counts;
}

static void begin(struct td_core *core, struct td_request *request)
{
	request->initial = request->remaining = planned_counts(core);
	request->started = true;
	if (request->dry_run) {
		td_request_finish(core, request, TD_PHASE_CANCELLED, TD_REASON_DRY_RUN, NULL);
		return;
	}
	request->started_ms = core->now_ms;
	td_request_take_epoch(core, request);
}

/* Reads family, workload and process. True when the drain may be planned. */
static bool is_planned(struct td_core *core, struct td_request *request)
{
	const struct td_witness_state *process = &core->verdict.witnesses[TD_WITNESS_PROCESS];

	if (!td_drain_family_is_known(core, request))
		return false;
	if (!process->known)
		td_drain_observe_process(core, request);
	if (!core->workload.known)
		td_drain_observe_workload(core, request, core->options.workload_poll_ms);
	if (core->workload.known && process->last_ms)
		return true;
	return core->family != TD_FAMILY_MANAGED && core->now_ms - core->active_ms >= PLAN_PATIENCE_MS;
}

static void prepare(struct td_core *core, struct td_request *request)
{
	const struct td_node *holder;

	if (request->last_reads >= CERTAIN_READS) {
		td_request_finish(core, request, TD_PHASE_FAILED, TD_REASON_NO_DESTINATION, NULL);
		return;
	}
	if (td_nodes_is_last(&core->nodes, request->capture, false))
		return; /* once more to be certain; nobody could tell the family now anyway */
	if (!is_planned(core, request)) {
		td_request_enter(core, request, TD_PHASE_PENDING, TD_REASON_DETECTING);
		return;
	}
	if (core->family == TD_FAMILY_FAKE_DRAIN && !td_handoff_is_worth_it(request)) {
		td_handoff_end(core, request);
		return;
	}
	if (td_nodes_is_last(&core->nodes, request->capture, core->family == TD_FAMILY_MANAGED))
		return; /* the same, now that we know that it is we who place */
	holder = td_native_slot_holder(core, request);
	if (holder) {
		(void)td_text_copy(request->blocked_by, sizeof(request->blocked_by), label_of(holder->pod, holder->id));
		td_request_enter(core, request, TD_PHASE_PENDING, TD_REASON_WAITING_FOR_SLOT);
		return;
	}
	begin(core, request);
}

/* Its capture says Draining or Stopping already: somebody began, and TiCDC may keep its only slot for it (WaitingForSlot). */
static bool has_begun(const struct td_core *core, const struct td_request *request)
{
	const struct td_node *node = td_nodes_find(&core->nodes, request->capture);

	return node && node->reported_liveness >= TD_DRAINING;
}

/* The first in the queue that has a capture, but one that has begun before all others: they could only wait for it. Who has no capture
 * keeps waiting for his without holding anybody up. */
static struct td_request *choose(struct td_core *core, struct td_request *const *queue, size_t count)
{
	struct td_request *chosen = NULL;

	for (size_t i = 0; i < count; i++)
		if (resolve(core, queue[i]) && (!chosen || (has_begun(core, queue[i]) && !has_begun(core, chosen))))
			chosen = queue[i];
	return chosen;
}

static void observe_nodes(struct td_core *core, const struct td_request *active, int64_t interval_ms)
{
	/* A change of coordinator is awaited, or the second list that makes it certain, or the last word before the gate opens: then
	 * a second would be long. */
	bool certain = core->nodes.coordinator_reads >= CERTAIN_READS;
	bool soon = active &&
		    (active->reason == TD_REASON_MOVING_COORDINATOR || !certain || td_verdict_is_settled(&core->verdict));
	struct td_effect *effect = td_core_emit_paced(core, TD_EFFECT_OBSERVE_NODES, active ? active->uid : "",
						      soon ? core->options.confirm_poll_ms : interval_ms);

	if (effect)
		(void)td_text_copy(effect->address, sizeof(effect->address), td_core_contact(core));
}

/* A proof is kept fresh until it is written down: so long its request keeps the slot. Not for ever, or one object that nobody can write
 * would block all others. */
static bool has_ended(const struct td_core *core, const struct td_request *request)
{
	return td_phase_is_final(request->phase) && (request->phase != TD_PHASE_DRAINED || request->end_written ||
						     core->now_ms - request->completed_ms >= END_PATIENCE_MS);
}

/* The request that is being worked on in this step, or NULL. */
static struct td_request *pick(struct td_core *core, struct td_request *const *queue, size_t count)
{
	struct td_request *active = td_requests_find(core, core->active);
	struct td_request *chosen = choose(core, queue, count);

	if (active && active->phase != TD_PHASE_PENDING && !has_ended(core, active)) {
		if (strcmp(active->capture, core->workload.target) !=
		    0) /* adopted: another coordinator drained another process */
			retarget(core, active);
		return active; /* it keeps the slot until it ends */
	}
	if (chosen ? chosen != active || strcmp(chosen->capture, core->workload.target) != 0 : core->active[0] != '\0')
		retarget(core, chosen);
	return chosen;
}

static void work_on(struct td_core *core, struct td_request *active)
{
	if (active->recovered)
		td_drain_take_over(core, active);
	if (active->phase == TD_PHASE_PENDING)
		prepare(core, active);
	if (active->phase != TD_PHASE_PENDING && !td_phase_is_final(active->phase))
		td_drain_advance(core, active);
}

static size_t count_open(const struct td_request *const *queue, size_t count, const struct td_request *active)
{
	size_t open = active && !td_phase_is_final(active->phase);

	for (size_t i = 0; i < count; i++)
		open += queue[i] != active && !td_phase_is_final(queue[i]->phase);
	return open;
}

void td_queue_advance(struct td_core *core)
{
	struct td_request *queue[QUEUE_MAX];
	struct td_request *active;
	size_t count, open;
	bool keep;

	expire(core);
	count = td_requests_queue(core, queue, QUEUE_MAX);
	if (count > QUEUE_MAX)
		count = QUEUE_MAX;
	active = pick(core, queue, count);
	mark_nodes(core);
	if (active)
		work_on(core, active);
	open = count_open((const struct td_request *const *)queue, count, active);
	if (active && td_phase_is_final(active->phase) && !has_ended(core, active))
		td_core_want(core, active->completed_ms + END_PATIENCE_MS);
	if (active && has_ended(core, active)) {
		retarget(core, NULL);
		active = NULL;
		if (open)
			td_core_want(core, core->now_ms); /* the next one is not kept waiting */
	}
	show_queue(core, queue, count, active);
	if (!active) {
		mark_nodes(core); /* what ended in this step is not queued any more */
		td_settle_advance(core);
	}
	keep = (!active || active->phase == TD_PHASE_PENDING) && td_native_keep(core);
	if (open || keep) /* otherwise, and when nothing is to be settled, TiCDC is left alone */
		observe_nodes(core, active, open ? core->options.nodes_poll_ms : KEEP_POLL_MS);
}
