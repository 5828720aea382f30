/* The properties of mission.md, looked at after every step, at every effect and at every durable write.
 *
 *	1 check_effect (destination.c)    5 check_step, check_true_batch    9  check_effect (check_effect.c)
 *	2 check_step                      6 check_published                 10 check_second, check_end
 *	3 check_effect, check_end         7 check_step, check_durable       11 check_end
 *	4 check_step                      8 check_effect (told.c)
 *
 * "Told" is what a leader's own answers and objects have shown it: it is judged by that, not by the truth it cannot know. */
#ifndef TD_SIMULATION_CHECK_H
#define TD_SIMULATION_CHECK_H

#include "sidecar.h"

struct told_node {
	bool listed, answers, terminating;
	int reported;		   /* liveness by its own word */
	enum td_liveness liveness; /* by this leader's requests: never back */
	int64_t read_ms;	   /* W3: the moment that the last answer was about */
	uint64_t arrivals_shown;   /* W3: how many arrivals had happened when it last showed any work */
};

struct told_request {
	enum td_phase phase;
	uint64_t epoch;		/* by its view */
	uint64_t durable_epoch; /* a write of Draining under it was answered "done" */
	uint64_t fed_epoch;	/* as the object showed it last: not taken by this leader */
	uint64_t publishing;	/* effect of the write under way */
	bool published_now;	/* in this step */
	int64_t backoff_ms;	/* the last write failed: not before this */
	int64_t publish_by_ms;	/* an epoch is not durable: it is written until then; 0: it is, or is being written */
	uint64_t *acknowledged; /* epoch by node */
};

struct told_loads;

struct told {
	struct told_node *nodes;
	int listed_count, coordinator;
	struct told_request requests[REQUESTS_MAX];
	size_t moves_before;
	struct told_loads *loads;
};

void check_new_leader(struct world *world, struct sidecar *sidecar);
void check_leader_gone(struct world *world, struct sidecar *sidecar);
void check_fed(struct world *world, struct sidecar *sidecar, int request, const struct td_request_input *input);
void check_told(struct world *world, struct sidecar *sidecar, const struct call *call, const struct td_result *result);
void check_written(struct world *world, struct sidecar *sidecar, int request, const struct drain_status *status,
		   const struct td_result *result);
void check_step_begins(struct world *world, struct sidecar *sidecar);
void check_effect(struct world *world, struct sidecar *sidecar, const struct td_effect *effect, bool fenced);
void check_published(struct world *world, struct sidecar *sidecar, int request, const struct td_request_view *view);
void check_step(struct world *world, struct sidecar *sidecar);

void check_durable(struct world *world, int request, const struct drain_status *status); /* a write has become durable */
void check_true_batch(struct world *world, int node, uint64_t epoch);
void check_second(struct world *world);
void check_end(struct world *world);

/* ---- check_destination.c ---- */
void check_destination(struct world *world, struct sidecar *sidecar, const struct td_effect *effect);

/* ---- told_loads.c: how loaded each node is by what a leader was told, with the doubt that it has ---- */
struct told_loads *told_loads_new(struct world *world);
void told_loads_free(struct told_loads *loads);
void told_loads_workload(struct world *world, struct told_loads *loads, const struct call *call);
void told_loads_one(struct world *world, struct told_loads *loads, const struct call *call);
void told_loads_answer(struct world *world, struct told_loads *loads, const struct call *call, enum td_outcome outcome);
bool check_is_ambiguous(const struct world *world);
void told_loads_sent_anew(struct world *w, struct told_loads *l, const struct td_effect *effect);
void told_loads_sent(struct world *world, struct told_loads *loads, const struct td_effect *effect, int destination);
void told_loads_range(const struct told_loads *loads, enum load load, int node, int *ret_min, int *ret_max);

/* Moves at once when the request names no batch size. */
int check_default_batch(const struct world *w);

#endif
