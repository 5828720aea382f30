/* Running seeds: the outside of the simulation. */
#ifndef TD_SIMULATION_RUN_H
#define TD_SIMULATION_RUN_H

#include "coordinator/core.h"
#include "faults.h"

/* 1: the core has acknowledgements, basic and balance schedulers and the ladder of stalls, and the properties that need them are
 * checked too. 0: today's core. */
#ifndef WITH_NEW_CORE
#define WITH_NEW_CORE 1
#endif

/* 1: the shell publishes nothing either without a valid Lease. 0: as pkg-c/sidecar/shell.c has it today: a leader that slept
 * through its succession may overwrite what its successor wrote, with the newest resourceVersion. */
#ifndef PUBLISH_IS_FENCED
#define PUBLISH_IS_FENCED 0
#endif

#define REQUESTS_MAX 8
#define EPOCHS_MAX 256

enum size {
	SIZE_SMALL, /* 1 to 4 nodes, 0 to 6 changefeeds */
	SIZE_ANY,   /* 1 to 100 nodes, 0 to 10,000 changefeeds, the bigger the rarer */
};

struct outcomes {
	uint64_t seeds, calm, requests, leaders, steps, effects;
	uint64_t kinds[TD_EFFECT_KIND_COUNT], phases[TD_PHASE_COUNT], reasons[TD_REASON_COUNT],
		activities[TD_ACTIVITY_COUNT];
	uint64_t faults[FAULT_COUNT];
};

/* False: a property does not hold; what, is printed. */
bool run_seed(uint64_t seed, enum size size, bool verbose, struct outcomes *outcomes, uint64_t *ret_hash);

/* All small cases, see exhaustive.c. False: a property does not hold in one of them. */
bool run_exhaustive(int jobs, bool deep);
bool run_exhaustive_case(const char *name); /* one of them again, with its trace */

#endif
