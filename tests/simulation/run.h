/* One seed's life: a cluster, its drain requests, one leader after another, until everything has ended. */
#ifndef TD_SIMULATION_RUN_H
#define TD_SIMULATION_RUN_H

#include "coordinator/core_internal.h"
#include "model.h"

#define REQUESTS_MAX 8
#define WRITES_MAX 64

/* What an object's status holds. */
struct durable {
	enum td_phase phase;
	enum td_reason reason;
	uint64_t epoch;
	char capture[TD_ID_MAX], address[TD_ADDRESS_MAX];
	struct td_counts initial;
	int64_t started_ms;
};

struct sim_request {
	char uid[TD_ID_MAX];
	char pod[TD_NAME_MAX], capture[TD_ID_MAX]; /* one of them is "" */
	bool dry_run, terminating, fed, gone;
	int batch;
	int64_t arrive_ms, deadline_ms, delete_ms; /* 0: none, never */
	struct durable durable;
	uint64_t acknowledged_epoch; /* this leader was told that Draining with it is durable */
	int64_t reaped_ms;	     /* when the process ends after the request has: 0: not arranged */
	int64_t ended_ms;
	int publishes; /* in this second */
};

/* A status write under way. */
struct sim_write {
	uint64_t effect_id;
	int request;
	struct durable durable;
	bool executed, ignored;
	int64_t execute_ms, due_ms;
	enum td_outcome outcome;
};

struct run {
	uint64_t seed, hash;
	bool verbose;
	struct rng rng;
	struct model model;
	struct model_shape shape;
	struct td_core *core;
	int64_t now_ms, heal_ms, leader_dies_ms, leader_back_ms, second_ms, tick_ms;
	struct sim_request requests[REQUESTS_MAX];
	int request_count;
	struct sim_write writes[WRITES_MAX];
	int write_count;
	struct td_nodes seen; /* the last captures list that this leader was given */
	struct {
		char id[TD_ID_MAX];
		enum td_liveness liveness;
	} liveness[MODEL_NODES_MAX]; /* as this leader has it */
	int liveness_count;
	uint64_t effects, steps;
	int steps_now;
	char failure[512]; /* "": none */
};

struct outcomes {
	int phases[TD_PHASE_COUNT], reasons[TD_REASON_COUNT];
	int requests, leaders, calm;
	uint64_t effects, steps;
};

/* False: a property does not hold; what, is printed. */
bool run_seed(uint64_t seed, bool verbose, struct outcomes *outcomes, uint64_t *ret_hash);

/* ---- between the files of a run ---- */

void draw_run(struct run *run); /* model, requests, and when the leader dies; no leader yet */

void run_fail(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct sim_request *run_request(struct run *run, const char *uid);

void check_new_leader(struct run *run);
void check_result(struct run *run, const struct td_result *result);
void check_effect(struct run *run, const struct td_effect *effect); /* before it is performed */
void check_published(struct run *run, const struct sim_request *request, const struct td_request_view *view);
void check_step(struct run *run);
void check_end(struct run *run);

#endif
