/* A call to TiCDC under way: executed at one seeded moment, answered at a later one, so that answers come late and out of
 * order, are lost, or come twice. What a read shows is what was shown at the moment of execution. */
#ifndef TD_SIMULATION_CALL_H
#define TD_SIMULATION_CALL_H

#include "world.h"

struct call {
	struct call *next, **link; /* among all that are under way */
	uint64_t serial;
	struct sidecar *sidecar; /* who asked, in which term of its */
	uint64_t term;
	struct td_effect effect;
	char changefeed[32];
	int64_t asked_ms, executed_ms, answered_ms;
	bool executes, lost, fenced, twice, executed_twice, delivered;
	enum td_outcome outcome;
	const char *why;
	int64_t number;
	int read; /* OBSERVE_PROCESS: of whom; NOWHERE */
	uint64_t arrivals;
	struct td_nodes_view nodes;
	struct td_workload_view workload;
	struct td_changefeed_view *changefeeds;
	struct td_process_view process;
};

void call_refuse(struct call *call, const char *why);

/* ---- model_show.c ---- */
int call_reach(const struct world *world, const struct call *call); /* whom the request reaches; NOWHERE: refused */
void call_show_nodes(struct world *world, struct call *call);
void call_show_workload(struct world *world, struct call *call);
void call_show_one(struct world *world, struct call *call);
void call_show_process(struct world *world, struct call *call);

#endif
