/* The families in which TiCDC itself moves the work when it is asked: N1, and the classic C. We ask, understand the answers, and move
 * what is left behind. Source: contract 6.1 and 6.4.
 *
 * N1 has one drain slot. Its answer of 1 has four meanings besides "one is left": the slot is held for another capture, the last
 * drain is still being cleared away, its coordinator is new, or it has not heard yet what some capture can do. The answer does not
 * tell them apart, but looking at the captures does. */
#include "coordinator/core_internal.h"

#include "base/text.h"

#include <string.h>

#define STRAGGLER_MS 5000 /* TiCDC says done for this long while the process still runs dispatchers: move those ourselves */
#define BEGIN_MS 3000	  /* a capture that is drained says so within half of this */
#define DOUBT_MS 2000	  /* it may be that the others are only asked less often */
#define RECENT_MS 15000	  /* what has changed in the cluster this lately may be what TiCDC waits for */
#define CERTAIN_READS 2

const struct td_node *td_native_slot_holder(const struct td_core *core, const struct td_request *request)
{
	for (size_t i = 0; core->family == TD_FAMILY_NATIVE && i < core->nodes.count; i++)
		if (strcmp(core->nodes.items[i].id, request->capture) != 0 &&
		    core->nodes.items[i].reported_liveness >= TD_DRAINING)
			return &core->nodes.items[i];
	return NULL;
}

/* ---- asking ---- */

void td_native_ask(struct td_core *core, const struct td_request *request, int64_t interval_ms)
{
	struct td_effect *effect = td_core_emit_paced(core, TD_EFFECT_NATIVE_DRAIN, request->uid, interval_ms);

	if (!effect)
		return;
	(void)td_text_copy(effect->address, sizeof(effect->address), td_core_contact(core));
	(void)td_text_copy(effect->node, sizeof(effect->node), request->capture);
	effect->epoch = request->epoch;
}

/* The books as they were before the native drain name work that it has moved since: it must not be moved again. */
static bool knows_stragglers(const struct td_core *core)
{
	return core->workload.known && core->workload.asked_ms >= core->verdict.first_ms[TD_WITNESS_ANSWER];
}

/* Dispatchers that a native drain does not count stay behind although it answers 0 (contract 11, rows 9, 10 and 17). */
static bool has_stragglers(const struct td_core *core)
{
	const struct td_verdict *verdict = &core->verdict;
	const struct td_witness_state *answer = &verdict->witnesses[TD_WITNESS_ANSWER];

	return answer->zero && core->now_ms - verdict->first_ms[TD_WITNESS_ANSWER] >= STRAGGLER_MS &&
	       verdict->witnesses[TD_WITNESS_PROCESS].counts.dispatchers > 0;
}

void td_native_execute(struct td_core *core, const struct td_request *request)
{
	bool explicit_moves = td_stall_wants_explicit_moves(request);

	td_native_ask(core, request, core->options.native_poll_ms);
	if (has_stragglers(core))
		td_drain_observe_workload(core, request, core->options.workload_poll_ms);
	else if (explicit_moves)
		td_drain_observe_workload(core, request, core->options.stall_ms);
	td_moves_follow_up(core, request);
	if ((has_stragglers(core) && knows_stragglers(core)) ||
	    (explicit_moves && core->workload.known && core->workload.asked_ms >= request->stall.climbed_ms))
		td_schedule_drain(core, request);
}

/* ---- understanding ---- */

static bool is_recent(const struct td_core *core, int64_t at_ms)
{
	return at_ms != INT64_MIN && core->now_ms - at_ms < RECENT_MS;
}

static bool is_idle_for(const struct td_core *core, int64_t ms)
{
	return core->family == TD_FAMILY_NATIVE && core->verdict.idle_ms && core->now_ms - core->verdict.idle_ms >= ms;
}

bool td_native_is_fallback(const struct td_core *core)
{
	return is_idle_for(core, core->options.stall_ms) && core->verdict.answer == 0;
}

static const char *label_of(const struct td_node *node)
{
	return node->pod[0] ? node->pod : node->id;
}

enum td_reason td_native_reason(const struct td_core *core, struct td_request *request)
{
	const struct td_witness_state *answer = &core->verdict.witnesses[TD_WITNESS_ANSWER];
	bool idle = is_idle_for(core, BEGIN_MS);
	const struct td_node *holder = idle && core->verdict.answer > 0 ? td_native_slot_holder(core, request) : NULL;

	(void)td_text_copy(request->blocked_by, sizeof(request->blocked_by), holder ? label_of(holder) : "");
	if (holder)
		return TD_REASON_WAITING_FOR_SLOT;
	if (answer->zero && core->now_ms - core->verdict.first_ms[TD_WITNESS_ANSWER] >= DOUBT_MS)
		return TD_REASON_WITNESSES_DISAGREE; /* or we would not be here */
	return (answer->last_ms && !answer->known) || idle ? TD_REASON_WAITING_FOR_NATIVE : TD_REASON_NONE;
}

void td_native_describe_slot(const struct td_core *core, const struct td_request *request, struct td_buf *out)
{
	const struct td_node *holder = td_native_slot_holder(core, request);

	(void)td_buf_append_format(out, "blocked by %s: TiCDC keeps its only drain slot for it until that process stops",
				   request->blocked_by);
	if (holder && holder->pod_terminating)
		(void)td_buf_append_format(out, "; it is terminating");
	else if (holder)
		(void)td_buf_append_format(out, "; its capture %s says %s and nobody is stopping it: delete that pod",
					   holder->id, td_liveness_name((enum td_liveness)holder->reported_liveness));
}

static const struct td_node *newest_node(const struct td_core *core)
{
	for (size_t i = 0; i < core->nodes.count; i++)
		if (is_recent(core, core->nodes.items[i].since_ms))
			return &core->nodes.items[i];
	return NULL;
}

void td_native_describe(const struct td_core *core, struct td_buf *out)
{
	const struct td_witness_state *answer = &core->verdict.witnesses[TD_WITNESS_ANSWER];
	const struct td_node *newest = newest_node(core);

	if (!answer->known || core->verdict.answer == 0) {
		(void)td_buf_append_format(out, "TiCDC's drain call: %s", answer->note);
		return;
	}
	(void)td_buf_append_format(
		out, "TiCDC's drain call answers %lld, but the drain has not begun: ", (long long)core->verdict.answer);
	if (is_recent(core, core->nodes.coordinator_ms))
		(void)td_buf_append_format(out, "its coordinator %s is new and does not know the whole cluster yet",
					   core->nodes.coordinator);
	else if (core->nodes.left_drained[0] && is_recent(core, core->nodes.left_ms))
		(void)td_buf_append_format(out, "it is still clearing away the drain of capture %s, which has left",
					   core->nodes.left_drained);
	else if (newest)
		(void)td_buf_append_format(out, "it has not heard yet whether capture %s, which is new, can be drained",
					   newest->id);
	else
		(void)td_buf_append_format(out, "no capture is seen that would explain it; TiCDC's coordinator %s knows why",
					   core->nodes.coordinator);
}

/* ---- keeping what was drained drained ---- */

/* A coordinator that has come since knows nothing of the drain: it takes back the target, lets dispatchers be placed on it again, and
 * places no maintainer anywhere in the cluster until somebody asks for the drain once more (contract 6.4, failover). */
static bool is_forgotten(const struct td_core *core, const struct td_request *request)
{
	const struct td_node *node = td_nodes_find(&core->nodes, request->capture);
	bool ours = request->epoch == request->object_epoch; /* or another coordinator proved it, while we were at it too */

	return ours && node && node->reported_liveness >= TD_DRAINING && core->nodes.coordinator_reads >= CERTAIN_READS &&
	       strcmp(core->nodes.coordinator, request->coordinator) != 0;
}

bool td_native_keep(struct td_core *core)
{
	bool any = false;

	for (size_t i = 0; i < core->request_count; i++) {
		struct td_request *request = core->requests[i];

		if (request->phase != TD_PHASE_DRAINED || !request->end_written || request->family != TD_FAMILY_NATIVE)
			continue;
		any = true;
		if (!is_forgotten(core, request))
			continue;
		td_native_ask(core, request, core->options.native_poll_ms);
	}
	return any;
}

/* Not before it says 0 again: a new coordinator answers 1 and does nothing until it knows the whole cluster. */
void td_native_kept(struct td_core *core, const char *uid, const struct td_result *result)
{
	struct td_request *request = td_requests_find(core, uid);

	if (request && request->phase == TD_PHASE_DRAINED && result->outcome == TD_OUTCOME_DONE && result->answer == 0)
		(void)td_text_copy(request->coordinator, sizeof(request->coordinator), core->nodes.coordinator);
}
