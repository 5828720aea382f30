/* The basic scheduler: a changefeed that runs nowhere is placed. Family M; elsewhere TiCDC does it.
 *
 * Absent means: in two whole readings of one TiCDC coordinator's books (workload.c). Its dispatchers are then placed by its
 * maintainer. */
#include "coordinator/core_internal.h"

void td_schedule_basic(struct td_core *core, const struct td_request *request)
{
	const struct td_changefeed *changefeed;

	while (td_moves_free_slots(core, request) > 0 &&
	       (changefeed = td_workload_next(&core->workload, TD_WANT_PLACE)) != NULL) {
		if (!td_moves_start(core, request, TD_OPERATOR_PLACE, changefeed, NULL))
			return;
		td_workload_skip(&core->workload, TD_WANT_PLACE);
	}
}
