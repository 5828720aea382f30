/* What cannot be drained is handed off as gently as it can be: family N0, and N1 while a capture of an older build makes its drain call
 * do nothing (contract 6.3; 6.4, row 12).
 *
 * Maintainers cannot be moved there, and TiCDC evens out dispatchers every few seconds: what leaves this capture comes back (4.7). So
 * only for a pod that is really stopping, and as the last thing before it does: TiCDC's coordinator moves elsewhere, the dispatchers
 * are moved away, and at once the request ends Unsupported, saying what was left. Bounded, because work may come back for ever. */
#include "coordinator/core_internal.h"

#define HANDOFF_MS 60000

bool td_handoff_is_due(const struct td_core *core)
{
	return core->family == TD_FAMILY_FAKE_DRAIN || td_native_is_fallback(core);
}

bool td_handoff_is_worth_it(const struct td_request *request)
{
	return request->pod_terminating && !request->dry_run;
}

void td_handoff_end(struct td_core *core, struct td_request *request)
{
	const struct td_witness_state *process = &core->verdict.witnesses[TD_WITNESS_PROCESS];
	struct td_counts left = process->counts;

	if (core->workload.target_maintainers > left.maintainers)
		left.maintainers = core->workload.target_maintainers;
	if (core->workload.target_dispatchers > left.dispatchers)
		left.dispatchers = core->workload.target_dispatchers;
	td_drain_keep_evidence(core, request);
	if (!request->started)
		request->initial = left;
	request->started = true;
	request->remaining = left;
	td_request_finish(core, request, TD_PHASE_UNSUPPORTED,
			  core->family == TD_FAMILY_FAKE_DRAIN ? TD_REASON_FAKE_DRAIN : TD_REASON_MIXED_VERSIONS, NULL);
}

static int64_t begun_ms(const struct td_core *core, const struct td_request *request)
{
	return core->family == TD_FAMILY_FAKE_DRAIN ? request->started_ms : core->verdict.idle_ms + core->options.stall_ms;
}

bool td_handoff_is_over(const struct td_core *core, const struct td_request *request)
{
	const struct td_witness_state *process = &core->verdict.witnesses[TD_WITNESS_PROCESS];
	bool moved = core->workload.known && core->workload.target_dispatchers == 0 && core->operators.count == 0 &&
		     process->known && process->counts.dispatchers == 0;
	int64_t begun = begun_ms(core, request);
	int64_t quiet = request->stall.progress_ms > begun ? request->stall.progress_ms : begun;

	return !td_handoff_is_worth_it(request) || (moved && td_drain_ownership_is_elsewhere(core, request)) ||
	       core->now_ms - quiet >= core->options.stall_ms || core->now_ms - begun >= HANDOFF_MS;
}

void td_handoff_advance(struct td_core *core, struct td_request *request)
{
	td_core_want(core, begun_ms(core, request) + HANDOFF_MS);
	if (core->family == TD_FAMILY_NATIVE)
		td_native_ask(core, request, core->options.native_poll_ms); /* the older build may leave meanwhile */
	td_drain_observe_workload(core, request, core->options.workload_poll_ms);
	td_moves_follow_up(core, request);
	if (core->workload.known)
		td_schedule_drain(core, request);
	td_request_enter(core, request, TD_PHASE_DRAINING, TD_REASON_MOVING_DISPATCHERS);
}
