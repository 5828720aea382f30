/* The drain scheduler: makes operators that move work off the target, in batches, and sees each of them through.
 *
 * Two phases: maintainers first; a maintainer's dispatchers may only follow when no maintainer is on the target any more.
 * A slot is free again the moment an observation confirms a move: no tick is awaited. Destinations are the least loaded
 * nodes, counting what is on its way there and what this very round has chosen. */
#include "coordinator/core_internal.h"

#include "base/text.h"

#include <string.h>

#define RETRY_MS 1000 /* a refused move is asked for again after this, doubling up to RETRY_MAX_MS */
#define RETRY_MAX_MS 16000

static enum td_load load_of(const struct td_operator *op)
{
	return op->kind == TD_OPERATOR_MAINTAINER ? TD_LOAD_MAINTAINERS : TD_LOAD_DISPATCHERS;
}

static void count_coming(struct td_node *node, const struct td_operator *op)
{
	if (op->kind == TD_OPERATOR_MAINTAINER)
		node->maintainers_coming++;
	else
		node->dispatchers_coming++;
}

/* Counts the moves on their way to each node anew: cheaper to do than to keep right through every loss and retry. */
static void count_all_coming(struct td_core *core)
{
	for (size_t i = 0; i < core->nodes.count; i++)
		core->nodes.items[i].maintainers_coming = core->nodes.items[i].dispatchers_coming = 0;
	for (size_t i = 0; i < core->operators.count; i++) {
		struct td_node *node = td_nodes_find(&core->nodes, core->operators.items[i].destination);

		if (node)
			count_coming(node, &core->operators.items[i]);
	}
}

/* Chooses a destination and queues the call. False: nobody may receive work, or out of memory. */
static bool send(struct td_core *core, const struct td_request *request, struct td_operator *op)
{
	struct td_node *destination = td_nodes_least_loaded(&core->nodes, load_of(op), request->capture);
	enum td_effect_kind kind =
		op->kind == TD_OPERATOR_MAINTAINER ? TD_EFFECT_MOVE_MAINTAINER : TD_EFFECT_MOVE_DISPATCHER;
	struct td_effect *effect;

	if (!destination)
		return false;
	effect = td_core_emit(core, kind, request->uid, op->changefeed);
	if (!effect)
		return false;
	(void)td_text_copy(effect->address, sizeof(effect->address), td_core_contact(core));
	(void)td_text_copy(effect->node, sizeof(effect->node), destination->id);
	effect->table_id = op->table_id;
	effect->mode = op->mode;
	effect->epoch = request->epoch;
	op->effect_id = effect->id;
	op->state = TD_OPERATOR_SENT;
	op->tries++;
	(void)td_text_copy(op->destination, sizeof(op->destination), destination->id);
	count_coming(destination, op);
	return true;
}

/* Makes one operator and sends it. False when no more can be made now. */
static bool start(struct td_core *core, const struct td_request *request, enum td_operator_kind kind,
		  const struct td_changefeed *changefeed, const struct td_target_span *span)
{
	int64_t table_id = span ? span->table_id : 0;
	uint8_t mode = span ? span->mode : 0;
	struct td_operator *op;

	if (td_operators_find(&core->operators, kind, changefeed->name, table_id, mode))
		return true; /* already on its way */
	op = td_operators_add(&core->operators, kind, changefeed->name, table_id, mode);
	if (!op) {
		core->out_of_memory = true;
		return false;
	}
	if (send(core, request, op))
		return true;
	td_operators_remove(&core->operators, op);
	return false;
}

static size_t batch_of(const struct td_core *core, const struct td_request *request)
{
	return (size_t)(request->batch > 0 ? request->batch : core->options.batch_default);
}

static void fill_maintainers(struct td_core *core, const struct td_request *request)
{
	for (size_t i = 0; i < core->workload.count && core->operators.count < batch_of(core, request); i++) {
		const struct td_changefeed *changefeed = core->workload.items[i];

		if (td_workload_maintainer_on_target(&core->workload, changefeed) &&
		    !start(core, request, TD_OPERATOR_MAINTAINER, changefeed, NULL))
			return;
	}
}

static void fill_dispatchers(struct td_core *core, const struct td_request *request)
{
	for (size_t i = 0; i < core->workload.count; i++) {
		const struct td_changefeed *changefeed = core->workload.items[i];

		for (size_t j = 0; changefeed->running && j < changefeed->span_count; j++) {
			if (core->operators.count >= batch_of(core, request) ||
			    !start(core, request, TD_OPERATOR_DISPATCHER, changefeed, &changefeed->spans[j]))
				return;
		}
	}
}

/* By the books the work is where it was. What has left already and is not seen anywhere else yet is not moved once more. */
static bool is_on_target(const struct td_core *core, const struct td_operator *op, const struct td_changefeed *changefeed)
{
	return op->kind == TD_OPERATOR_MAINTAINER ? td_workload_maintainer_on_target(&core->workload, changefeed)
						  : td_changefeed_has_span(changefeed, op->table_id, op->mode);
}

/* A look long enough after it was accepted, or after its destination left, shows that it has not happened. */
static bool is_lost(const struct td_core *core, const struct td_operator *op, const struct td_changefeed *changefeed)
{
	bool destination_left = !td_nodes_find(&core->nodes, op->destination);

	return op->state == TD_OPERATOR_ACCEPTED &&
	       changefeed->asked_ms > op->answered_ms + (destination_left ? 0 : core->options.resend_ms);
}

/* Asks again for moves that were refused or are not seen to happen. */
static void retry(struct td_core *core, const struct td_request *request)
{
	for (size_t i = 0; i < core->operators.count; i++) {
		struct td_operator *op = &core->operators.items[i];
		const struct td_changefeed *changefeed = td_workload_find(&core->workload, op->changefeed);

		if (!changefeed || !is_on_target(core, op, changefeed))
			continue;
		if (is_lost(core, op, changefeed)) {
			op->state = TD_OPERATOR_REFUSED;
			op->not_before_ms = core->now_ms;
			core->operators.failed++;
		}
		if (op->state == TD_OPERATOR_REFUSED && core->now_ms >= op->not_before_ms)
			(void)send(core, request, op);
		if (op->state == TD_OPERATOR_REFUSED)
			td_core_want(core, op->not_before_ms > core->now_ms ? op->not_before_ms : core->now_ms + RETRY_MS);
	}
}

/* Looks at the changefeeds of moves that were answered, each no more often than the confirm interval, one read at a time. Of
 * refused ones too: the work may have left without us. */
static void confirm(struct td_core *core, const struct td_request *request)
{
	for (size_t i = 0; i < core->operators.count; i++) {
		struct td_operator *op = &core->operators.items[i];
		struct td_changefeed *changefeed = td_workload_find(&core->workload, op->changefeed);
		struct td_effect *effect;

		if (op->state == TD_OPERATOR_SENT || !changefeed ||
		    td_core_in_flight(core, TD_EFFECT_OBSERVE_CHANGEFEED, op->changefeed))
			continue;
		if (core->now_ms - changefeed->looked_ms < core->options.confirm_poll_ms) {
			td_core_want(core, changefeed->looked_ms + core->options.confirm_poll_ms);
			continue;
		}
		effect = td_core_emit(core, TD_EFFECT_OBSERVE_CHANGEFEED, request->uid, op->changefeed);
		if (!effect)
			return;
		(void)td_text_copy(effect->address, sizeof(effect->address), td_core_contact(core));
		changefeed->looked_ms = core->now_ms;
	}
}

void td_drain_follow_up(struct td_core *core, const struct td_request *request)
{
	count_all_coming(core);
	retry(core, request);
	confirm(core, request);
}

void td_drain_schedule(struct td_core *core, const struct td_request *request, bool maintainers)
{
	td_drain_follow_up(core, request);
	if (!core->workload.known)
		return;
	if (maintainers) {
		fill_maintainers(core, request);
		if (core->workload.target_maintainers > 0 ||
		    td_operators_count(&core->operators, TD_OPERATOR_MAINTAINER) > 0)
			return;
	}
	fill_dispatchers(core, request);
}

static int64_t retry_delay(const struct td_operator *op)
{
	int64_t delay = RETRY_MS;

	for (int i = 1; i < op->tries && delay < RETRY_MAX_MS; i++)
		delay *= 2;
	return delay;
}

void td_drain_schedule_result(struct td_core *core, const struct td_result *result)
{
	struct td_operator *op = td_operators_by_effect(&core->operators, result->effect_id);

	if (!op || op->state != TD_OPERATOR_SENT)
		return;
	if (result->outcome == TD_OUTCOME_FAILED) {
		op->state = TD_OPERATOR_REFUSED;
		op->not_before_ms = core->now_ms + retry_delay(op);
		core->operators.failed++;
		(void)td_text_copy(core->note, sizeof(core->note), result->why ? result->why : "refused");
	} else {
		op->state = TD_OPERATOR_ACCEPTED; /* done or unknown alike: only looking tells */
		op->answered_ms = core->now_ms;
	}
}
