/* Points at which an exhaustive run puts its faults (exhaustive.c). Everything here does nothing in seeded runs. */
#ifndef TD_SIMULATION_EXHAUSTIVE_H
#define TD_SIMULATION_EXHAUSTIVE_H

#include "world.h"

struct call;

void points_call(struct world *world, struct call *call);
void points_write(struct world *world, struct sidecar *sidecar, const struct td_effect *effect, bool *executes, bool *lost,
		  bool *twice, enum td_outcome *outcome, const char **why);
bool points_kill_leader(struct world *world); /* the sidecar whose effect was just performed dies now */

#endif
