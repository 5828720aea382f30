/* Stalls: a drain that makes no progress says what is stuck, and climbs a ladder instead of waiting in silence.
 *
 * Progress is less work left than ever before, a confirmed move, one more witness that is settled, or another phase. A rung is
 * climbed each stall_ms without any; the last one after give_up_ms. Source: docs/core.md, "Stalls". */
#include "coordinator/core_internal.h"

#include "base/buf.h"
#include "base/text.h"

#define NAMED_MAX 3 /* pieces of work that are named; the others are counted */

enum rung { RUNG_NONE, RUNG_ASK_AGAIN, RUNG_RESIGN, RUNG_MOVE_EXPLICITLY };

static int count_settled(const struct td_core *core)
{
	int settled = 0;

	for (int i = 0; i < TD_WITNESS_COUNT; i++)
		settled += core->verdict.witnesses[i].settled;
	return settled;
}

static uint64_t work_left(const struct td_request *request)
{
	return (uint64_t)request->remaining.maintainers + request->remaining.dispatchers + request->remaining.triggers +
	       request->remaining.brokers;
}

void td_stall_reset(struct td_core *core, struct td_request *request)
{
	request->stall = (struct td_stall){.progress_ms = core->now_ms,
					   .least_left = work_left(request),
					   .confirmed = core->operators.totals.confirmed,
					   .settled = count_settled(core),
					   .phase = request->phase};
}

static bool has_progressed(const struct td_core *core, const struct td_request *request)
{
	const struct td_stall *stall = &request->stall;

	return work_left(request) < stall->least_left || core->operators.totals.confirmed != stall->confirmed ||
	       count_settled(core) > stall->settled || request->phase != stall->phase;
}

/* ---- what is stuck ---- */

static void name_operator(struct td_buf *out, const struct td_operator *op)
{
	if (op->kind == TD_OPERATOR_DISPATCHER)
		(void)td_buf_append_format(out, "table %lld of %s", (long long)op->table_id, op->changefeed);
	else
		(void)td_buf_append_format(out, "maintainer of %s", op->changefeed);
}

static size_t name_operators(const struct td_core *core, struct td_buf *out)
{
	size_t count = core->operators.count;

	for (size_t i = 0; i < count && i < NAMED_MAX; i++) {
		(void)td_buf_append_format(out, "%s", i ? ", " : "");
		name_operator(out, &core->operators.items[i]);
	}
	return count;
}

/* By the books. A walk over all of them: made once a rung, not at every step. */
static size_t name_books(const struct td_core *core, struct td_buf *out)
{
	const struct td_workload *w = &core->workload;
	size_t named = 0;

	for (size_t i = 0; i < w->count && named < NAMED_MAX; i++) {
		const struct td_changefeed *changefeed = w->items[i];

		if (!changefeed->running)
			continue;
		if (td_workload_maintainer_on_target(w, changefeed))
			(void)td_buf_append_format(out, "%smaintainer of %s", named++ ? ", " : "", changefeed->name);
		else if (changefeed->span_count)
			(void)td_buf_append_format(out, "%stable %lld of %s", named++ ? ", " : "",
						   (long long)changefeed->spans[0].table_id, changefeed->name);
	}
	return named ? (size_t)w->target_maintainers + w->target_dispatchers : 0;
}

static void name_stuck(const struct td_core *core, struct td_request *request)
{
	struct td_buf out;
	size_t count;

	td_buf_init(&out, sizeof(request->stall.stuck) * 4);
	(void)td_buf_append_format(&out, "no progress for %lld s, stuck: ",
				   (long long)(core->now_ms - request->stall.progress_ms) / 1000);
	count = core->operators.count ? name_operators(core, &out) : name_books(core, &out);
	if (count == 0)
		(void)td_buf_append_format(&out, "%s", td_reason_name(request->reason));
	if (count > NAMED_MAX)
		(void)td_buf_append_format(&out, " and %zu more", count - NAMED_MAX);
	(void)td_text_copy(request->stall.stuck, sizeof(request->stall.stuck), td_buf_text(&out));
	td_buf_done(&out);
}

/* ---- the ladder ---- */

/* Reads everything anew, and sends again what is not seen to happen. */
static void ask_again(struct td_core *core, const struct td_request *request)
{
	core->started_ms[TD_EFFECT_NATIVE_DRAIN] = INT64_MIN;
	td_drain_observe_workload(core, request, 0);
	td_moves_send_again(core);
}

/* TiCDC's coordinator may be what is stuck. Not while the proof is being made: a change would void it. */
static void resign(struct td_core *core, const struct td_request *request)
{
	const struct td_node *coordinator = td_nodes_find(&core->nodes, core->nodes.coordinator);
	struct td_effect *effect;

	if (request->phase != TD_PHASE_DRAINING || !coordinator || !coordinator->answers ||
	    !td_nodes_has_candidate(&core->nodes, coordinator->id))
		return;
	effect = td_core_emit(core, TD_EFFECT_RESIGN, request->uid, NULL);
	if (!effect)
		return;
	(void)td_text_copy(effect->address, sizeof(effect->address), coordinator->address);
	(void)td_text_copy(effect->node, sizeof(effect->node), coordinator->id);
	effect->epoch = request->epoch;
}

/* Work that cannot go anywhere is not the fault of anything that a rung could shake. */
static bool lacks_destination(const struct td_request *request)
{
	return request->reason == TD_REASON_NO_DESTINATION || request->reason == TD_REASON_WAITING_FOR_ACKNOWLEDGEMENT ||
	       request->reason == TD_REASON_MOVING_COORDINATOR;
}

static void climb(struct td_core *core, struct td_request *request)
{
	struct td_stall *stall = &request->stall;

	name_stuck(core, request);
	request->dirty = true;
	if (stall->rung == RUNG_MOVE_EXPLICITLY)
		return; /* the message tells how long it has been; there is nothing more to try */
	stall->rung++;
	if (stall->rung == RUNG_ASK_AGAIN)
		ask_again(core, request);
	else if (stall->rung == RUNG_RESIGN && !lacks_destination(request))
		resign(core, request);
	else if (stall->rung == RUNG_MOVE_EXPLICITLY)
		td_moves_plan_anew(core);
}

bool td_stall_wants_explicit_moves(const struct td_request *request)
{
	return request->stall.rung >= RUNG_MOVE_EXPLICITLY;
}

void td_stall_watch(struct td_core *core, struct td_request *request)
{
	struct td_stall *stall = &request->stall;
	int64_t next_ms;

	if (!stall->progress_ms || has_progressed(core, request))
		td_stall_reset(core, request);
	if (core->now_ms - stall->progress_ms >= core->options.give_up_ms) {
		td_request_finish(core, request, TD_PHASE_FAILED, TD_REASON_STALLED, NULL);
		return;
	}
	next_ms = (stall->climbed_ms ? stall->climbed_ms : stall->progress_ms) + core->options.stall_ms;
	if (core->now_ms >= next_ms) {
		stall->climbed_ms = core->now_ms;
		climb(core, request);
		next_ms = core->now_ms + core->options.stall_ms;
	}
	td_core_want(core, next_ms);
}
