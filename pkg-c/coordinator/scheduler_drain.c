/* The drain scheduler: work goes off the target, in batches.
 *
 * Two phases: maintainers first (family M; in N1 TiCDC moves them); dispatchers follow when no maintainer is on the target any more.
 * A slot is free again the moment an observation confirms a move: no tick is awaited. */
#include "coordinator/core_internal.h"

/* False when no more can be made now. */
static bool start_maintainers(struct td_core *core, const struct td_request *request)
{
	const struct td_changefeed *changefeed;

	while ((changefeed = td_workload_next(&core->workload, TD_WANT_MAINTAINER)) != NULL) {
		if (td_moves_free_slots(core, request) == 0 ||
		    !td_moves_start(core, request, TD_OPERATOR_MAINTAINER, changefeed, NULL))
			return false;
		td_workload_skip(&core->workload, TD_WANT_MAINTAINER);
	}
	return core->workload.target_maintainers == 0 &&
	       td_operators_count(&core->operators, TD_OPERATOR_MAINTAINER, NULL) == 0;
}

static void start_dispatchers(struct td_core *core, const struct td_request *request)
{
	struct td_changefeed *changefeed;

	while ((changefeed = td_workload_next(&core->workload, TD_WANT_DISPATCHERS)) != NULL) {
		if (td_moves_free_slots(core, request) == 0 ||
		    !td_moves_start(core, request, TD_OPERATOR_DISPATCHER, changefeed,
				    &changefeed->spans[changefeed->span_cursor]))
			return;
		changefeed->span_cursor++;
	}
}

void td_schedule_drain(struct td_core *core, const struct td_request *request)
{
	if (core->family != TD_FAMILY_MANAGED || start_maintainers(core, request))
		start_dispatchers(core, request);
}
