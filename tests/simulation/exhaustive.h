/* Points at which an exhaustive run puts its faults (exhaustive.c). Everything here does nothing in seeded runs. */
#ifndef TD_SIMULATION_EXHAUSTIVE_H
#define TD_SIMULATION_EXHAUSTIVE_H

#include "world.h"

enum kind {
	KIND_REFUSED,
	KIND_LOST_EXECUTED,
	KIND_LOST_UNEXECUTED,
	KIND_TWICE,
	KIND_TARGET_DIES,
	KIND_OTHER_DIES,
	KIND_FAILOVER,
	KIND_LEADER_DIES,
	KIND_COUNT
};

extern const char *const point_kinds[KIND_COUNT];

#define FAULTS_MAX 2
#define POINTS_MAX 512

struct planned_fault {
	int point;
	enum kind kind;
};

struct points {
	struct planned_fault faults[FAULTS_MAX];
	int fault_count;
	int reached;
	uint32_t polled; /* kinds of polls since the last other effect */
	bool is_poll[POINTS_MAX];
	bool leader_dies;
	int target;
};

struct call;

void points_call(struct world *world, struct call *call);
void points_write(struct world *world, bool progress, bool *executes, bool *lost, bool *twice, enum td_outcome *outcome,
		  const char **why);	      /* progress: it changes no phase */
bool points_kill_leader(struct world *world); /* the sidecar whose effect was just performed dies now */

#endif
