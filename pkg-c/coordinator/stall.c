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

/* Phases and witnesses that go back and forth are no progress: only what was never reached before. */
static void begin_anew(struct td_core *core, struct td_request *request)
{
	struct td_stall before = request->stall;
	int settled = count_settled(core);

	request->stall = (struct td_stall){.progress_ms = core->now_ms,
					   .least_left = work_left(request),
					   .confirmed = core->operators.totals.confirmed,
					   .settled = settled > before.settled ? settled : before.settled,
					   .phase = request->phase > before.phase ? request->phase : before.phase};
}

static bool has_progressed(const struct td_core *core, const struct td_request *request)
{
	const struct td_stall *stall = &request->stall;

	return work_left(request) < stall->least_left || core->operators.totals.confirmed != stall->confirmed ||
	       count_settled(core) > stall->settled || request->phase > stall->phase;
}

/* ---- what is stuck ---- */

/* A list of pieces of work: the first few by name. */
struct naming {
	struct td_buf out;
	size_t named, total;
};

static void name_one(struct naming *naming, const char *changefeed, const int64_t *table_id)
{
	const char *comma = naming->named ? ", " : "";

	if (naming->total++ >= NAMED_MAX)
		return;
	naming->named++;
	if (table_id)
		(void)td_buf_append_format(&naming->out, "%stable %lld of %s", comma, (long long)*table_id, changefeed);
	else
		(void)td_buf_append_format(&naming->out, "%smaintainer of %s", comma, changefeed);
}

static void name_operators(const struct td_core *core, struct naming *naming)
{
	for (size_t i = 0; i < core->operators.count; i++) {
		const struct td_operator *op = &core->operators.items[i];

		name_one(naming, op->changefeed, op->kind == TD_OPERATOR_DISPATCHER ? &op->table_id : NULL);
	}
}

/* By the books. A walk over all of them: made once a rung, not at every step. */
static void name_books(const struct td_core *core, struct naming *naming)
{
	for (size_t i = 0; i < core->workload.count; i++) {
		const struct td_changefeed *changefeed = core->workload.items[i];

		if (td_workload_maintainer_on_target(&core->workload, changefeed))
			name_one(naming, changefeed->name, NULL);
		for (size_t j = 0; changefeed->running && j < changefeed->span_count; j++)
			name_one(naming, changefeed->name, &changefeed->spans[j].table_id);
	}
}

static void name_stuck(const struct td_core *core, struct td_request *request)
{
	struct naming naming = {.named = 0};

	td_buf_init(&naming.out, sizeof(request->stall.stuck) * 4);
	(void)td_buf_append_format(&naming.out, "no progress for %lld s, stuck: ",
				   (long long)(core->now_ms - request->stall.progress_ms) / 1000);
	if (core->operators.count)
		name_operators(core, &naming);
	else
		name_books(core, &naming);
	if (naming.total == 0)
		(void)td_buf_append_format(&naming.out, "%s", td_reason_name(request->reason));
	if (naming.total > naming.named)
		(void)td_buf_append_format(&naming.out, " and %zu more", naming.total - naming.named);
	(void)td_text_copy(request->stall.stuck, sizeof(request->stall.stuck), td_buf_text(&naming.out));
	td_buf_done(&naming.out);
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
	core->started_ms[TD_EFFECT_RESIGN] = INT64_MIN; /* should it be the target that takes over, that one need not wait */
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
	if (stall->rung == RUNG_MOVE_EXPLICITLY || !request->durable)
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
		begin_anew(core, request);
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
