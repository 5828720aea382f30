/* The balance scheduler: work goes from one source node, the books' target, to the least loaded ones until they are even.
 *
 * Even is: maintainers differ by less than two; dispatchers too, or by no more than a tenth of the source's (each move is a short
 * pause in that table's replication, so we do not polish). Which node is the source is settle.c's choice. */
#include "coordinator/core_internal.h"

#include <string.h>

static uint64_t tolerance(uint64_t load, enum td_load kind)
{
	return kind == TD_LOAD_DISPATCHERS && load / 10 > 1 ? load / 10 : 1;
}

bool td_balance_is_uneven(const struct td_node *from, const struct td_node *to, enum td_load kind, uint64_t leaving)
{
	uint64_t load = td_node_load(from, kind) - leaving;

	return load > td_node_load(to, kind) && load - td_node_load(to, kind) > tolerance(load, kind);
}

/* Moves off the source that are under way: still in its load. */
static uint64_t count_leaving(const struct td_core *core, const struct td_node *source, enum td_load kind)
{
	uint64_t leaving = 0;

	for (size_t i = 0; i < core->operators.count; i++) {
		const struct td_operator *op = &core->operators.items[i];

		leaving += (op->kind == TD_OPERATOR_DISPATCHER) == (kind == TD_LOAD_DISPATCHERS) &&
			   strcmp(op->origin, source->id) == 0;
	}
	return leaving < td_node_load(source, kind) ? leaving : td_node_load(source, kind);
}

/* True while one more move helps and can be made. */
static bool wants_more(const struct td_core *core, enum td_load kind)
{
	const struct td_node *source = td_nodes_find(&core->nodes, core->workload.target);
	const struct td_node *least = td_destinations_least_loaded(&core->nodes, kind);

	return source && least && source != least && td_moves_free_slots(core, NULL) > 0 &&
	       td_balance_is_uneven(source, least, kind, count_leaving(core, source, kind));
}

void td_schedule_balance(struct td_core *core, const struct td_request *request)
{
	struct td_changefeed *changefeed;

	while (wants_more(core, TD_LOAD_MAINTAINERS) &&
	       (changefeed = td_workload_next(&core->workload, TD_WANT_MAINTAINER)) != NULL) {
		if (!td_moves_start(core, request, TD_OPERATOR_MAINTAINER, changefeed, NULL))
			return;
		td_workload_skip(&core->workload, TD_WANT_MAINTAINER);
	}
	while (wants_more(core, TD_LOAD_DISPATCHERS) &&
	       (changefeed = td_workload_next(&core->workload, TD_WANT_DISPATCHERS)) != NULL) {
		if (!td_moves_start(core, request, TD_OPERATOR_DISPATCHER, changefeed,
				    &changefeed->spans[changefeed->span_cursor]))
			return;
		changefeed->span_cursor++;
	}
}
