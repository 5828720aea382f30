/* See liveness.h. */
#include "coordinator/liveness.h"

static bool move(struct td_liveness_state *state, enum td_liveness from, enum td_liveness to)
{
	if (state->private_value != from)
		return false;
	state->private_value = to;
	return true;
}

enum td_liveness td_liveness_of(const struct td_liveness_state *state)
{
	return state->private_value;
}

bool td_liveness_begin_drain(struct td_liveness_state *state)
{
	return move(state, TD_ALIVE, TD_DRAINING);
}

bool td_liveness_complete_drain(struct td_liveness_state *state)
{
	return move(state, TD_DRAINING, TD_STOPPING);
}

bool td_liveness_shut_down(struct td_liveness_state *state)
{
	return move(state, TD_ALIVE, TD_STOPPING);
}

bool td_liveness_recover_only_node(struct td_liveness_state *state, size_t nodes_registered)
{
	return nodes_registered == 1 && move(state, TD_DRAINING, TD_ALIVE);
}
