/* The liveness of a node: Alive, Draining, Stopping. There is no setter: only the named transitions exist, so that an illegal one
 * cannot be written. Source: mission.md, "Liveness". */
#ifndef TD_COORDINATOR_LIVENESS_H
#define TD_COORDINATOR_LIVENESS_H

#include "coordinator/types.h"

/* Zero-initialised means Alive. Read it with td_liveness_of; nothing else touches the member. */
struct td_liveness_state {
	enum td_liveness private_value;
};

enum td_liveness td_liveness_of(const struct td_liveness_state *state);

/* Alive to Draining: a drain starts. False when it is not Alive (a second drain of a stopping node changes nothing). */
bool td_liveness_begin_drain(struct td_liveness_state *state);

/* Draining to Stopping: the drain is complete. False otherwise. */
bool td_liveness_complete_drain(struct td_liveness_state *state);

/* Alive to Stopping: the process shuts down, or was found stopping, without a drain of ours. False otherwise. */
bool td_liveness_shut_down(struct td_liveness_state *state);

/* Draining back to Alive: the one exception, when nodes_registered is 1, so that work can run at all. False otherwise. */
bool td_liveness_recover_only_node(struct td_liveness_state *state, size_t nodes_registered);

#endif
