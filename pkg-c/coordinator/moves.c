/* What all schedulers share: making an operator, sending its call, and seeing it through to its end. */
#include "coordinator/core_internal.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_MS 1000 /* a refused move is asked for again after this, doubling up to RETRY_MAX_MS */
#define RETRY_MAX_MS 16000
#define CERTAIN_READS 2

static enum td_load load_of(const struct td_operator *op)
{
	return op->kind == TD_OPERATOR_DISPATCHER ? TD_LOAD_DISPATCHERS : TD_LOAD_MAINTAINERS;
}

static enum td_effect_kind effect_of(const struct td_operator *op)
{
	static const enum td_effect_kind kinds[] = {
		[TD_OPERATOR_MAINTAINER] = TD_EFFECT_MOVE_MAINTAINER,
		[TD_OPERATOR_DISPATCHER] = TD_EFFECT_MOVE_DISPATCHER,
		[TD_OPERATOR_PLACE] = TD_EFFECT_PLACE_MAINTAINER,
	};

	return kinds[op->kind];
}

static const char *owner_of(const struct td_request *request)
{
	return request ? request->uid : "";
}

size_t td_moves_free_slots(const struct td_core *core, const struct td_request *request)
{
	int batch = td_handoff_is_due(core) ? core->options.batch_handoff : core->options.batch_default;

	if (request && request->batch > 0)
		batch = request->batch;

	return core->operators.count < (size_t)batch ? (size_t)batch - core->operators.count : 0;
}

/* Chooses a destination and queues the call. False: nobody may receive work, or out of memory. */
static bool send(struct td_core *core, const struct td_request *request, struct td_operator *op)
{
	struct td_node *destination = td_destinations_least_loaded(&core->nodes, load_of(op));
	struct td_effect *effect;

	if (!destination)
		return false;
	effect = td_core_emit(core, effect_of(op), owner_of(request), op->changefeed);
	if (!effect)
		return false;
	(void)td_text_copy(effect->address, sizeof(effect->address), td_core_contact(core));
	(void)td_text_copy(effect->node, sizeof(effect->node), destination->id);
	effect->table_id = op->table_id;
	effect->mode = op->mode;
	effect->epoch = request ? request->epoch : 0;
	core->operators.totals.retried += op->tries > 0;
	core->operators.totals.replaced += op->tries > 0 && strcmp(op->destination, destination->id) != 0;
	op->effect_id = effect->id;
	op->state = TD_OPERATOR_SENT;
	op->tries++;
	(void)td_text_copy(op->destination, sizeof(op->destination), destination->id);
	td_node_add_coming(&core->nodes, destination, load_of(op), 1);
	op->coming = true;
	return true;
}

bool td_moves_start(struct td_core *core, const struct td_request *request, enum td_operator_kind kind,
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
	(void)td_text_copy(op->owner, sizeof(op->owner), owner_of(request));
	if (kind != TD_OPERATOR_PLACE) {
		(void)td_text_copy(op->origin, sizeof(op->origin), core->workload.target);
		(void)td_text_copy(op->origin_address, sizeof(op->origin_address), core->workload.target_address);
	}
	if (send(core, request, op))
		return true;
	td_operators_abandon(&core->operators, op);
	return false;
}

bool td_moves_is_something_absent(const struct td_core *core)
{
	size_t on_their_way = 0;

	for (size_t i = 0; i < core->operators.count; i++) {
		const struct td_operator *op = &core->operators.items[i];

		on_their_way += op->kind == TD_OPERATOR_PLACE || (op->kind == TD_OPERATOR_MAINTAINER && !op->at_origin);
	}
	return core->workload.unplaced_maintainers > on_their_way;
}

/* Counts anew what is on its way to each node: for a captures list, which may have lost some. */
void td_moves_count_coming(struct td_core *core)
{
	for (size_t i = 0; i < core->nodes.count; i++)
		memset(core->nodes.items[i].coming, 0, sizeof(core->nodes.items[i].coming));
	for (size_t i = 0; i < core->operators.count; i++) {
		const struct td_operator *op = &core->operators.items[i];
		struct td_node *node = td_nodes_find(&core->nodes, op->destination);

		if (node && op->coming)
			node->coming[load_of(op)]++;
	}
	td_destinations_rebuild(&core->nodes);
}

/* A captures list has come. An operator whose origin has certainly left cannot be confirmed: another process may be at that address
 * by now, and the books name maintainers by address. Where its work is they will tell. */
void td_moves_nodes_changed(struct td_core *core)
{
	for (size_t i = core->operators.count; i-- > 0;) {
		struct td_operator *op = &core->operators.items[i];

		op->origin_misses = !op->origin[0] || td_nodes_find(&core->nodes, op->origin) ? 0 : op->origin_misses + 1;
		if (op->origin_misses >= CERTAIN_READS && op->state != TD_OPERATOR_SENT)
			td_moves_abandon(core, op);
	}
	td_moves_count_coming(core);
}

/* It is not on its way to its destination any more: it has come, or will not. */
static void stop_coming(struct td_core *core, struct td_operator *op)
{
	if (op->coming)
		td_node_add_coming(&core->nodes, td_nodes_find(&core->nodes, op->destination), load_of(op), -1);
	op->coming = false;
}

static void refuse(struct td_core *core, struct td_operator *op, int64_t not_before_ms)
{
	stop_coming(core, op);
	op->state = TD_OPERATOR_REFUSED;
	op->not_before_ms = not_before_ms;
}

/* Work of this changefeed that has no operator is to be looked at by the schedulers again. */
static void revisit(struct td_core *core, const char *name)
{
	const struct td_changefeed *changefeed = td_workload_find(&core->workload, name);
	const struct td_operators *operators = &core->operators;

	if (!changefeed)
		return;
	if (changefeed->span_count > td_operators_count(operators, TD_OPERATOR_DISPATCHER, name))
		td_workload_revisit(&core->workload, name, TD_WANT_DISPATCHERS);
	if (td_operators_find(operators, TD_OPERATOR_MAINTAINER, name, 0, 0))
		return;
	td_workload_revisit(&core->workload, name, TD_WANT_MAINTAINER);
	td_workload_revisit(&core->workload, name, TD_WANT_PLACE);
}

void td_moves_abandon(struct td_core *core, struct td_operator *op)
{
	char *name = op->changefeed;

	stop_coming(core, op);
	op->changefeed = NULL;
	td_operators_abandon(&core->operators, op);
	revisit(core, name);
	free(name);
}

/* A look long enough after it was answered, or after its destination left, shows that it has not happened. */
static bool is_overdue(const struct td_core *core, const struct td_operator *op)
{
	bool destination_left = !td_nodes_find(&core->nodes, op->destination);

	return (op->state == TD_OPERATOR_ACCEPTED || op->state == TD_OPERATOR_UNKNOWN) &&
	       op->seen_ms > op->answered_ms + (destination_left ? 0 : core->options.resend_ms);
}

/* Its origin is the only place that is left, as can be while balancing. */
static bool would_go_nowhere(const struct td_core *core, const struct td_operator *op)
{
	const struct td_node *least = td_destinations_least_loaded(&core->nodes, load_of(op));

	return least && strcmp(least->id, op->origin) == 0;
}

/* Asks again for a move that was refused or is not seen to happen. What has left its origin and is seen nowhere is not moved once
 * more: its operator ends, and what is absent is the basic scheduler's. So does one that nobody asks for any more. */
static void retry(struct td_core *core, const struct td_request *request, struct td_operator *op)
{
	if (op->state != TD_OPERATOR_REFUSED)
		return;
	if (!op->at_origin || strcmp(op->owner, owner_of(request)) != 0 || would_go_nowhere(core, op)) {
		td_moves_abandon(core, op);
		return;
	}
	if (core->now_ms >= op->not_before_ms && send(core, request, op))
		return;
	td_core_want(core, op->not_before_ms > core->now_ms ? op->not_before_ms : core->now_ms + RETRY_MS);
}

static bool waits_in_vain(const struct td_operator *op)
{
	return op->state != TD_OPERATOR_SENT && op->at_origin;
}

void td_moves_send_again(struct td_core *core)
{
	for (size_t i = 0; i < core->operators.count; i++) {
		struct td_operator *op = &core->operators.items[i];

		if (!waits_in_vain(op))
			continue;
		if (op->state != TD_OPERATOR_REFUSED)
			refuse(core, op, core->now_ms);
		op->not_before_ms = core->now_ms;
	}
}

void td_moves_plan_anew(struct td_core *core)
{
	for (size_t i = core->operators.count; i-- > 0;)
		if (waits_in_vain(&core->operators.items[i]))
			td_moves_abandon(core, &core->operators.items[i]);
	for (int want = 0; want < TD_WANT_COUNT; want++)
		td_workload_rewind(&core->workload, (enum td_want)want);
}

/* Looks at the changefeed of a move that was answered, no more often than the confirm interval, one read of it at a time. Of a
 * refused one too: the work may have left without us. */
static void look(struct td_core *core, const struct td_request *request, struct td_operator *op)
{
	struct td_effect *effect;

	if (op->state == TD_OPERATOR_SENT || td_core_in_flight(core, TD_EFFECT_OBSERVE_CHANGEFEED, op->changefeed))
		return;
	if (op->looked_ms && core->now_ms - op->looked_ms < core->options.confirm_poll_ms) {
		td_core_want(core, op->looked_ms + core->options.confirm_poll_ms);
		return;
	}
	effect = td_core_emit(core, TD_EFFECT_OBSERVE_CHANGEFEED, owner_of(request), op->changefeed);
	if (!effect)
		return;
	(void)td_text_copy(effect->address, sizeof(effect->address), td_core_contact(core));
	for (size_t i = 0; i < core->operators.count; i++) /* one look serves all of the changefeed */
		if (strcmp(core->operators.items[i].changefeed, op->changefeed) == 0)
			core->operators.items[i].looked_ms = core->now_ms;
}

/* All of them before any is sent again: what is not on its way any more is no load. */
static void give_up_overdue(struct td_core *core)
{
	for (size_t i = 0; i < core->operators.count; i++) {
		struct td_operator *op = &core->operators.items[i];

		if (!is_overdue(core, op))
			continue;
		core->operators.totals.lost++;
		refuse(core, op, core->now_ms);
	}
}

void td_moves_follow_up(struct td_core *core, const struct td_request *request)
{
	give_up_overdue(core);
	for (size_t i = core->operators.count; i-- > 0;) /* backwards: abandoning removes */
		retry(core, request, &core->operators.items[i]);
	if (core->family == TD_FAMILY_CLASSIC && core->operators.count > 0) /* its books are read as a whole only */
		td_drain_observe_workload(core, request, core->options.workload_poll_ms);
	for (size_t i = 0; core->family != TD_FAMILY_CLASSIC && i < core->operators.count; i++)
		look(core, request, &core->operators.items[i]);
}

/* From here on it is in the books, which know the dispatchers of one node only: what comes from another is added here. */
static void arrive(struct td_core *core, struct td_operator *op, bool counted)
{
	if (!counted && op->coming && op->kind == TD_OPERATOR_DISPATCHER && strcmp(op->origin, core->workload.target) != 0) {
		td_node_add_load(&core->nodes, td_nodes_find(&core->nodes, op->origin), TD_LOAD_DISPATCHERS, -1);
		td_node_add_load(&core->nodes, td_nodes_find(&core->nodes, op->destination), TD_LOAD_DISPATCHERS, 1);
	}
	stop_coming(core, op);
}

void td_moves_observe(struct td_core *core, const struct td_changefeed_view *view, int64_t asked_ms, bool whole)
{
	for (size_t i = core->operators.count; i-- > 0;) { /* backwards: confirming removes */
		struct td_operator *op = &core->operators.items[i];

		enum td_where where;

		if (strcmp(op->changefeed, view->name) != 0)
			continue;
		where = td_operator_observe(op, view, asked_ms);
		if (where == TD_WHERE_ARRIVING || where == TD_WHERE_ELSEWHERE)
			arrive(core, op, whole);
		if (where == TD_WHERE_ELSEWHERE && op->state != TD_OPERATOR_SENT) {
			core->refusal[0] = '\0';
			td_operators_confirm(&core->operators, op);
		}
	}
	revisit(core, view->name);
}

/* The changefeed itself is gone: there is nothing left to move. */
void td_moves_drop_unlisted(struct td_core *core)
{
	for (size_t i = core->operators.count; i-- > 0;)
		if (!td_workload_find(&core->workload, core->operators.items[i].changefeed))
			td_moves_abandon(core, &core->operators.items[i]);
}

static int64_t retry_delay(const struct td_operator *op)
{
	int64_t delay = RETRY_MS;

	for (int i = 1; i < op->tries && delay < RETRY_MAX_MS; i++)
		delay *= 2;
	return delay;
}

void td_moves_result(struct td_core *core, const struct td_result *result)
{
	struct td_operator *op = td_operators_by_effect(&core->operators, result->effect_id);

	if (!op || op->state != TD_OPERATOR_SENT)
		return;
	op->answered_ms = core->now_ms;
	switch (result->outcome) {
	case TD_OUTCOME_DONE:
		op->state = TD_OPERATOR_ACCEPTED;
		break;
	case TD_OUTCOME_UNKNOWN:
		op->state = TD_OPERATOR_UNKNOWN;
		core->operators.totals.unknown++;
		break;
	case TD_OUTCOME_FAILED:
		core->operators.totals.refused++;
		(void)td_text_copy(core->refusal, sizeof(core->refusal), result->why ? result->why : "no reason given");
		refuse(core, op, core->now_ms + retry_delay(op));
		break;
	}
}
